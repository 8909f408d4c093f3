"""Journals, keystores and heads as earlier versions wrote them."""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from smarter.keys import envelope
from smarter.keys.unlock import KeyFileUnlock


def without_vouching(head: Path) -> None:
    """Turn the head of an audit log into one that says nothing of windows and keystores."""
    text = head.read_text()
    head.write_text(text.partition(',"decided"')[0].rstrip("}\n") + "}\n")


def before_rule_4(journal: Path) -> None:
    """Turn a journal into one of format 3: releases alone, without status, reason or cells."""
    with sqlite3.connect(journal) as db:
        db.executescript(
            """
            CREATE TABLE earlier (
                kind TEXT, holder TEXT, start INTEGER, end INTEGER, members INTEGER NOT NULL, digest BLOB NOT NULL,
                PRIMARY KEY (kind, holder, start)
            ) WITHOUT ROWID;
            INSERT INTO earlier SELECT kind, holder, start, end, members, digest FROM ledger WHERE status <= 1;
            DROP TABLE ledger;
            DROP TABLE cells;
            ALTER TABLE earlier RENAME TO ledger;
            UPDATE meta SET value = 3 WHERE name = 'format';
            """
        )
    db.close()


def format_of(journal: Path) -> int:
    """The format that a journal says it has."""
    db = sqlite3.connect(journal)
    ((found,),) = db.execute("SELECT value FROM meta WHERE name = 'format'").fetchall()
    db.close()
    return int(found)


def without_pins(folder: Path) -> None:
    """Turn keystores under key files into ones of version 1, which knew nothing of each other."""
    for path in folder.glob("*.keys"):
        sealed = envelope.read(path.read_bytes(), str(path))
        secret = KeyFileUnlock(folder).existing(sealed.party, sealed.identity, "keyfile")
        lock = envelope.Lock(sealed.kind, sealed.kdf, sealed.kdf.root(secret.value))
        entries = envelope.unseal(sealed, lock).entries
        header = json.loads(path.read_bytes())
        for name in ("nonce", "ciphertext", "digest", "generation"):
            del header[name]
        header["version"] = 1
        private = [base64.b64encode(entry.private).decode() for entry in entries]
        key = lock.key(b"smarter keystore seal key, version 1", sealed.party, sealed.identity)
        nonce = bytes(12)
        ciphertext = AESGCM(key).encrypt(nonce, _canonical({"version": 1, "private": private}), _canonical(header))
        whole = {**header, "nonce": nonce.hex(), "ciphertext": base64.b64encode(ciphertext).decode()}
        path.write_bytes(_canonical({**whole, "digest": hashlib.sha256(_canonical(whole)).hexdigest()}))


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
