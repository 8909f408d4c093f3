"""What is kept under a data key opens in its own place, whole, for as long as there is the key, and never otherwise."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from smarter.api import Record
from smarter.errors import AuthenticationFailed, DamagedStore, KeyMismatch, MalformedMessage
from smarter.keys.data_key import DataKey, key_of, name_of
from smarter.keys.files import write_private
from smarter.model.bills import Bill
from smarter.model.periods import Periods
from smarter.parties.mdms.at_rest import DataKeys, Erased
from smarter.state import BegunEpoch, WrappedKeys

HOME, OTHER = "01" * 8, "02" * 8
PERIODS = Periods("month", {HOME: "UTC", OTHER: "UTC"})
JANUARY, FEBRUARY = 1_451_606_400, 1_454_284_800
DEPLOYMENT = bytes(16)


def keys(*there: tuple[str, str, DataKey], bills: DataKey | None = None) -> DataKeys:
    return DataKeys(DEPLOYMENT, PERIODS, there, bills)


def record(holder: str = HOME, start: int = JANUARY, body: bytes = b"sealed by the releaser") -> Record:
    return Record("billing", holder, start, body)


def test_a_key_names_itself_and_shows_nothing() -> None:
    key = DataKey.fresh()
    sealed = key.seal(b"text", b"place")
    assert name_of(sealed) == key.name
    assert key_of(sealed, {key.name: key}).open(sealed, b"place") == b"text"
    assert key.value.hex() not in repr(key)
    assert key.seal(b"text", b"place") != sealed


@pytest.mark.parametrize("change", ["bit", "place", "name", "cut", "version"])
def test_what_was_altered_or_moved_does_not_open(change: str) -> None:
    key, other = DataKey.fresh(), DataKey.fresh()
    sealed, place = key.seal(b"text", b"place"), b"place"
    match change:
        case "bit":
            sealed = sealed[:-1] + bytes([sealed[-1] ^ 1])
        case "place":
            place = b"another"
        case "name":
            sealed = sealed[:1] + bytes.fromhex(other.name) + sealed[9:]
        case "cut":
            sealed = sealed[:20]
        case "version":
            sealed = b"\x02" + sealed[1:]
    with pytest.raises((AuthenticationFailed, MalformedMessage)):
        key_of(sealed, {key.name: key, other.name: replace(key, name=other.name)}).open(sealed, place)


def test_a_household_has_a_key_a_period_and_demand_has_none() -> None:
    data = keys()
    for start in (JANUARY, JANUARY + 7200, FEBRUARY):
        assert data.seal(record(start=start)).body != record().body
    data.seal(record(OTHER))
    assert [(household, period) for household, period, _ in data.fresh] == [
        (HOME, "2016-01-01"),
        (HOME, "2016-02-01"),
        (OTHER, "2016-01-01"),
    ]
    demand = Record("demand", "lane", JANUARY, b"sum")
    assert data.seal(demand) is demand
    assert data.open(demand) == b"sum"
    assert len(data.fresh) == 3


def test_a_record_opens_in_its_place_alone() -> None:
    data = keys()
    stored = data.seal(record())
    assert data.open(stored) == record().body
    for moved in (replace(stored, start=JANUARY + 7200), replace(stored, holder=OTHER)):
        with pytest.raises(AuthenticationFailed):
            data.open(moved)
    with pytest.raises(KeyMismatch):
        keys().open(stored)
    with pytest.raises(MalformedMessage):
        data.open(record())
    with pytest.raises(KeyMismatch, match="not of this deployment"):
        data.seal(record("03" * 8))


def test_a_destroyed_key_opens_nothing_and_seals_nothing_more() -> None:
    data = keys()
    stored = data.seal(record())
    ((household, period, key),) = data.fresh
    after = keys((household, period, replace(key, value=b"")))
    with pytest.raises(Erased):
        after.open(stored)
    anew = after.seal(record(start=JANUARY + 7200))
    ((_, _, fresh),) = after.fresh
    assert name_of(anew.body) == fresh.name != key.name
    assert after.open(anew) == record().body


def test_a_kept_bill_has_its_totals_and_opens_for_its_household_alone() -> None:
    key = DataKey.fresh()
    data = keys(bills=key)
    for energy, amount in ((-7_616_068, Decimal("-1.37")), (None, None), (0, Decimal("0.00"))):
        bill = Bill(HOME, JANUARY, FEBRUARY, energy, "USD", amount, "complete", ())
        assert data.open_bill(HOME, data.seal_bill(bill)) == bill
        with pytest.raises(AuthenticationFailed):
            data.open_bill(OTHER, data.seal_bill(bill))
    with pytest.raises(DamagedStore, match="no key for bills"):
        keys().open_bill(HOME, data.seal_bill(bill))


def test_an_erased_meter_leaves_nothing_among_the_wrapped_keys(tmp_path: Path) -> None:
    wrapped = WrappedKeys(tmp_path / "keys" / "epochs.sqlite")
    one, two = bytes([1]) * 8, bytes([2]) * 8
    epochs = [BegunEpoch(meter, epoch, 60 * epoch, meter * 40) for meter in (one, two) for epoch in (1, 2)]
    wrapped.begin(epochs, [(meter, 1, b"seal key of " + meter) for meter in (one, two)])
    assert wrapped.epochs() == epochs
    assert wrapped.erase(one) == (2, 1)
    assert wrapped.epochs() == epochs[2:]
    assert list(wrapped.seal_keys(one)) == []
    assert list(wrapped.seal_keys(two)) == [b"seal key of " + two]
    left = (tmp_path / "keys" / "epochs.sqlite").read_bytes()
    assert one * 20 not in left
    assert b"seal key of " + one not in left
    assert two * 20 in left


def test_a_private_file_that_is_replaced_for_good_is_overwritten(tmp_path: Path) -> None:
    path, before = tmp_path / "party.keys", tmp_path / "before"
    write_private(path, b"secret" * 100)
    before.hardlink_to(path)  # another name for the same blocks
    left = tmp_path / ".party.keys.killed.tmp"
    left.write_bytes(b"secret" * 100)
    write_private(path, b"less", overwrite=True)
    assert path.read_bytes() == b"less"
    assert not left.exists()
    assert before.read_bytes() == bytes(600)
