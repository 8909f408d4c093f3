"""Journals as earlier versions wrote them."""

from __future__ import annotations

import sqlite3
from pathlib import Path


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
