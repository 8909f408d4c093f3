"""Makes ``audit.json``: ``python tests/vectors/make_audit.py``. Run once; the tests only read its file.

The log is written a second time here, with Python's ``hashlib``, ``hmac`` and ``json`` and OpenSSL's Ed25519, from the
description in docs/accounts.md and with none of the code of ``smarter.state.audit``: so the file says what a log
should look like, not what one looks like.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PROVENANCE = (
    "Made by tests/vectors/make_audit.py with Python's hashlib, hmac and json and OpenSSL's Ed25519, not with "
    "smarter.state.audit. Each bad- case is a log that differs from the good one in what its name says; 'number' is "
    "the entry that must be named, 'what' is what must be found wrong with it. 'head' is the one kept elsewhere."
)
LOG = hashlib.sha256(b"smarter audit vectors log").hexdigest()[:32]
SEEDS = [hashlib.sha256(b"smarter audit vectors key %d" % number).digest() for number in (1, 2, 3)]
IDENTIFY = hashlib.sha256(b"smarter audit vectors identify").digest()


def public(seed: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def identifier(kind: str, name: str) -> str:
    parts = (b"smarter audit identifier, version 1", LOG.encode(), kind.encode(), name.encode())
    message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return f"{kind}:{hmac.new(IDENTIFY, message, hashlib.sha256).hexdigest()[:16]}"


def written(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


class Writer:
    """Lines, chained and signed as the description says; ``head`` is that of the last signed one."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.head = ""
        self._before = hashlib.sha256(b"smarter audit log, version 1" + LOG.encode()).digest()

    def vouching(self, signer: bytes, vouched: dict[str, Any]) -> str:
        """The head with what it vouches for, signed by the key that signs next."""
        fields = {**json.loads(self.head), **vouched}
        context = b"smarter audit head vouched for, version 1"
        message = bytes([len(context)]) + context + written(fields).encode()
        return written({**fields, "vouched": Ed25519PrivateKey.from_private_bytes(signer).sign(message).hex()})

    def add(self, entry: dict[str, Any], signer: bytes | None = None, following: bytes | None = None) -> None:
        """One entry; with a signer it ends a batch, and ``following`` signs the next."""
        number = len(self.lines) + 1
        content = written({"number": number, **entry})[:-1]
        digest = hashlib.sha256(b"smarter audit line, version 1" + self._before + content.encode()).digest()
        line = f'{content},"hash":"{digest.hex()}"'
        if signer is not None:
            nxt = public(following or signer)
            message = number.to_bytes(8, "big") + digest + nxt + LOG.encode()
            context = b"smarter audit head, version 1"
            signature = Ed25519PrivateKey.from_private_bytes(signer).sign(bytes([len(context)]) + context + message)
            seal = {"key": public(signer).hex(), "next": nxt.hex(), "signature": signature.hex()}
            line += "".join(f',"{name}":"{value}"' for name, value in seal.items())
            self.head = written({"log": LOG, "number": number, "hash": digest.hex(), **seal})
        self.lines.append(line + "}")
        self._before = hashlib.sha256(self.lines[-1].encode()).digest()


def entry(minute: int, actor: str, action: str, subject: str, **detail: Any) -> dict[str, Any]:
    time = f"2016-01-01T00:{minute:02}:00Z"
    return {"time": time, "actor": actor, "action": action, "subject": subject, "detail": detail}


ONE, TWO, FOREIGN = SEEDS
VOUCHED = {
    "decided": {"maple-street": {"billing": 1452229200, "demand": 1452230100}},
    "pins": {"audit": "aa" * 32, "pes": "bb" * 32},
    "changing": {"pes": "cc" * 32},
}
SECOND = f"key:{hashlib.sha256(public(TWO)).hexdigest()[:32]}"
HOME = identifier("household", "00112233445566ff")
BATCHES: list[tuple[list[dict[str, Any]], bytes, bytes]] = [
    (
        [
            entry(0, "system:smarter", "begin", "", format=1),
            entry(0, "party:releaser", "key-use", "key:0123456789abcdef", purpose="aggregate"),
        ],
        ONE,
        ONE,
    ),
    (
        [
            entry(1, "party:releaser", "release", HOME, kind="billing", start="2015-12-31T21:00:00Z"),
            entry(1, "party:releaser", "refusal", "neighbourhood:straße", kind="demand", reason='only 4 meters, "few"'),
            entry(1, "party:releaser", "release", "neighbourhood:straße", kind="demand", readings=75),
        ],
        ONE,
        ONE,
    ),
    ([entry(2, "operator:local", "key-change", SECOND, party="audit", purpose="sign")], ONE, TWO),
    (
        [
            entry(3, identifier("customer", "ada"), "login", "", second_factor=True),
            entry(4, identifier("customer", "ada"), "read", HOME, windows=-1),
        ],
        TWO,
        TWO,
    ),
]


def log(batches: list[tuple[list[dict[str, Any]], bytes, bytes]]) -> Writer:
    writer = Writer()
    for entries, signer, following in batches:
        for place, one in enumerate(entries, 1):
            last = place == len(entries)
            writer.add(one, signer if last else None, following if last else None)
    return writer


def bad_cases(good: list[str]) -> list[dict[str, Any]]:
    def case(name: str, number: int, what: str, lines: list[str]) -> dict[str, Any]:
        return {"name": name, "number": number, "what": what, "lines": lines}

    def changed(place: int, old: str, new: str) -> list[str]:
        assert old in good[place]
        return [*good[:place], good[place].replace(old, new, 1), *good[place + 1 :]]

    swapped = [*good[:2], good[3], good[2], *good[4:]]
    foreign = log([(entries, FOREIGN if signer == TWO else signer, after) for entries, signer, after in BATCHES])
    forged = log([(entries, FOREIGN, FOREIGN) for entries, _, _ in BATCHES])
    shorter = log([*BATCHES[:3], (BATCHES[3][0][:1], TWO, TWO)])
    seal = good[4].index(',"key"')
    unsigned = [*good[:4], good[4][:seal] + "}", *good[5:]]
    return [
        case("detail", 3, "changed", changed(2, "21:00", "22:00")),
        case("actor", 4, "changed", changed(3, "party:releaser", "party:mdms")),
        case("time", 1, "changed", changed(0, "00:00:00", "00:00:01")),
        case("hash", 3, "changed", changed(2, good[2][-10:], "0000000" + good[2][-3:])),
        case("signature", 5, "changed", changed(4, good[4][-10:], "0000000" + good[4][-3:])),
        case("signature-left-out", 6, "changed", unsigned),
        case("spare-space", 2, "changed", changed(1, ":{", ": {")),
        case("field-added", 2, "changed", changed(1, '"purpose"', '"more":1,"purpose"')),
        case("number", 4, "missing", changed(3, '"number":4', '"number":5')),
        case("removed", 4, "missing", [*good[:3], *good[4:]]),
        case("batch-removed", 3, "missing", [*good[:2], *good[5:]]),
        case("first-removed", 1, "missing", good[1:]),
        case("swapped", 3, "out of order", swapped),
        case("repeated", 5, "out of order", [*good[:4], good[3], *good[4:]]),
        case("batch-repeated", 3, "out of order", [*good[:2], *good[:2], *good[2:]]),
        case("cut", 7, "cut at the tail", good[:6]),
        case("cut-inside-a-batch", 7, "cut at the tail", good[:7]),
        case("cut-to-nothing", 1, "cut at the tail", []),
        case("signed-after-a-change-of-key", 8, "signed by another key", foreign.lines),
        case("signed-by-a-stranger", 2, "signed by another key", forged.lines),
        case("other-end", 8, "head does not match", [*shorter.lines, *_more(shorter)]),
    ]


def _more(shorter: Writer) -> list[str]:
    """The log goes on, but not as it did."""
    shorter.add(entry(4, identifier("customer", "ada"), "logout", ""), TWO, TWO)
    return shorter.lines[-1:]


def main() -> None:
    good = log(BATCHES)
    vectors = {
        "provenance": PROVENANCE,
        "log": LOG,
        "signing_keys": [seed.hex() for seed in (ONE, TWO)],
        "identifying_key": IDENTIFY.hex(),
        "identifiers": [
            {"kind": kind, "name": name, "text": identifier(kind, name)}
            for kind, name in (("household", "00112233445566ff"), ("customer", "ada"), ("operator", "ada"))
        ],
        "good": {"batches": [entries for entries, _, _ in BATCHES], "lines": good.lines},
        "head": good.head,
        "vouched": VOUCHED,
        "vouching_head": good.vouching(TWO, VOUCHED),
        "bad": [{**case, "name": f"bad-{case['name']}"} for case in bad_cases(good.lines)],
    }
    path = Path(__file__).with_name("audit.json")
    path.write_text(json.dumps(vectors, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
