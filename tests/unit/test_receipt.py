"""A receipt of an erasure: read back as it was written, and refused when any of it is another."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from smarter.charts.receipt import LONGEST, read_receipt, receipt_text
from smarter.errors import AuthenticationFailed, DataError, SmarterError
from smarter.keys.signing import generate, sign
from smarter.protocols.receipt import KeptTotal, Receipt, SignedReceipt

PUBLIC, PRIVATE = generate()
RECEIPT = Receipt(
    "3f0c9a41d2b7e680",
    "2026-03-01T12:00:00+01:00",
    {"epoch_secrets": 1, "announcements": 1, "seal_keys": 0, "frames": 8, "data_keys": 1, "deliveries": 0},
    {"epochs": ("00000001",), "pes_state": (), "data": ("ab" * 16,)},
    (KeptTotal("2026-01-01", "2026-02-01", 12_345, "EUR", "3.20", "complete"),),
    "",
    ("The totals of the bills, since billing law asks for them.",),
)
SIGNED = SignedReceipt.of(RECEIPT, PRIVATE)
FORMS: dict[str, Callable[[SignedReceipt], str]] = {"printed": receipt_text, "json": SignedReceipt.form}


def check(data: bytes, key: bytes = PUBLIC) -> SignedReceipt:
    signed = read_receipt(data, "file")
    signed.check(key)
    return signed


@pytest.mark.parametrize("form", FORMS)
def test_reads_back_and_verifies_also_with_the_line_ends_of_another_system(form: str) -> None:
    text = FORMS[form](SIGNED)
    assert check(text.encode()) == SIGNED
    assert check(text.replace("\n", "\r\n").encode()) == SIGNED


@pytest.mark.parametrize("form", FORMS)
def test_with_any_byte_changed_is_refused(form: str) -> None:
    data = FORMS[form](SIGNED).encode()
    for place in range(len(data)):
        altered = bytearray(data)
        altered[place] ^= 1
        with pytest.raises(SmarterError):
            check(bytes(altered))


@pytest.mark.parametrize("form", FORMS)
def test_in_which_something_else_is_put_and_signed_by_another_key_is_refused(form: str) -> None:
    _, another = generate()
    forged = SignedReceipt.of(replace(RECEIPT, bills=()), another)
    with pytest.raises(AuthenticationFailed, match="it was forged"):
        check(FORMS[form](forged).encode())
    claimed = replace(forged, verify_key=PUBLIC)
    with pytest.raises(AuthenticationFailed, match="it was altered"):
        check(FORMS[form](claimed).encode())


@pytest.mark.parametrize("form", FORMS)
def test_whose_words_are_not_those_that_are_signed_is_refused(form: str) -> None:
    fewer = replace(SIGNED, receipt=replace(RECEIPT, destroyed=RECEIPT.destroyed | {"frames": 9}))
    with pytest.raises(AuthenticationFailed, match="is not what was signed"):
        check(FORMS[form](fewer).encode())


def test_of_another_use_of_the_same_key_is_refused() -> None:
    other = replace(SIGNED, signature=sign(PRIVATE, SIGNED.text.encode(), b"smarter delivery 1"))
    with pytest.raises(AuthenticationFailed, match="it was altered"):
        check(other.form().encode())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b" " * (LONGEST + 1),
        receipt_text(SIGNED).encode()[:-200],
        *(
            json.dumps(json.loads(SIGNED.form()) | changed).encode()
            for changed in (
                {"signature": 1},
                {"signed_text": 1},
                {"signed_text": "\ud800"},
                {"signed_text": SIGNED.text.replace('"2026-01-01"', '"\\ud800"')},
                {"signed_text": SIGNED.text.replace(":8", ":8.0")},
                {"signed_text": SIGNED.text.replace("{", '{"more":1,', 1)},
                {"signed_text": SIGNED.text.replace(",", ", ", 1)},
            )
        ),
    ],
    ids=lambda data: repr(data[:12]),
)
def test_what_is_none_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(DataError, match="file is no receipt"):
        check(data)
