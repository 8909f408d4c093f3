"""A demand window has a data key of its own, kept before its record is, and gone for good when it is destroyed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from smarter.api import Record
from smarter.errors import AuthenticationFailed, DamagedKeys, DamagedStore, KeyMismatch, MalformedMessage
from smarter.keys.data_key import DataKey, is_sealed
from smarter.model.messages import wire
from smarter.model.periods import Periods
from smarter.parties.mdms.at_rest import DataKeys, Erased
from smarter.protocols import demand_keys
from smarter.protocols.demand_keys import KeptDemandKeys
from smarter.state import DemandKeyFile

DEPLOYMENT = bytes(16)
MASTER = DataKey.fresh()
START = 1_451_606_400
QUARTER = 900
BODY = wire.encode("sealed-record", [b"what the releaser sealed"]) + bytes(32)
Open = Callable[..., DataKeys]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "demand.sqlite"


@pytest.fixture
def open_keys(path: Path) -> Open:
    """The MDMS's data keys as another process finds them."""

    def opened(master: DataKey | None = MASTER, deployment: bytes = DEPLOYMENT) -> DataKeys:
        kept = KeptDemandKeys(DemandKeyFile(path), deployment, master)
        return DataKeys(deployment, Periods("run", {}), demand=kept)

    return opened


def record(number: int = 0, holder: str = "lane", body: bytes = BODY) -> Record:
    return Record("demand", holder, START + number * QUARTER, body)


def stored(data: DataKeys, *records: Record) -> list[Record]:
    """Records as they are stored, their keys kept before."""
    sealed = [data.seal(each) for each in records]
    data.keep_demand_keys()
    return sealed


def test_each_window_of_each_neighbourhood_has_its_own(open_keys: Open) -> None:
    data, windows = open_keys(), [record(), record(1), record(0, "green")]
    sealed = stored(data, *windows)
    assert len({each.body[:9] for each in sealed}) == 3
    for reader in (data, open_keys()):
        assert [reader.open(each) for each in sealed] == [BODY] * 3


def test_a_record_opens_in_its_place_alone(open_keys: Open) -> None:
    one, other, green = stored(open_keys(), record(), record(1), record(0, "green"))
    for moved in (replace(one, start=other.start), replace(one, holder="green"), replace(green, holder="lane")):
        with pytest.raises(KeyMismatch):
            open_keys().open(moved)
    with pytest.raises(AuthenticationFailed):
        open_keys().open(replace(one, body=one.body[:-1] + bytes([one.body[-1] ^ 1])))
    with pytest.raises(AuthenticationFailed):
        open_keys(deployment=bytes(15) + b"\1").open(one)
    with pytest.raises(MalformedMessage):
        open_keys().open(replace(one, body=one.body[:20]))


def test_a_record_of_an_earlier_version_is_handed_on_as_it_is(open_keys: Open) -> None:
    stored(open_keys(), record())
    assert not is_sealed(BODY)
    assert open_keys().open(record(5)) == open_keys().open(record()) == BODY


def test_nothing_is_kept_until_it_is_kept_and_then_the_same_key_serves(open_keys: Open) -> None:
    lost = open_keys().seal(record())  # killed before the key was kept: the record was not stored either
    with pytest.raises(KeyMismatch):
        open_keys().open(lost)
    first = open_keys()
    (before,) = stored(first, record())
    assert first.fresh_demand == {}
    second = open_keys()  # killed between key and record: delivered once more
    (again,) = stored(second, record())
    assert before.body[:9] == again.body[:9]
    assert open_keys().open(before) == open_keys().open(again) == BODY


def test_a_destroyed_key_leaves_its_name_and_nothing_else(open_keys: Open, path: Path) -> None:
    sealed = stored(open_keys(), *map(record, range(3)))
    kept = KeptDemandKeys(DemandKeyFile(path), DEPLOYMENT, MASTER)
    (secret,) = [each.sealed for each in DemandKeyFile(path).since("lane", START + QUARTER, 1)]
    assert secret in path.read_bytes()
    kept.destroy("lane", [START + QUARTER, START + 99 * QUARTER])
    kept.destroy("lane", [START + QUARTER])  # repeated
    assert secret not in path.read_bytes()
    gone = kept.of("lane", START + QUARTER)
    assert gone is not None
    assert gone.destroyed
    assert kept.of("lane", START + 99 * QUARTER) is None
    assert [open_keys().open(sealed[0]), open_keys().open(sealed[2])] == [BODY] * 2
    with pytest.raises(Erased):
        open_keys().open(sealed[1])


def test_a_window_that_was_erased_stays_so_when_it_is_delivered_once_more(open_keys: Open, path: Path) -> None:
    stored(open_keys(), record())
    DemandKeyFile(path).destroy("lane", [START])
    (again,) = stored(open_keys(), record())
    with pytest.raises(Erased):
        open_keys().open(again)


def test_where_no_key_was_ever_kept_none_is_read_or_destroyed_and_no_file_made(open_keys: Open, path: Path) -> None:
    kept = KeptDemandKeys(DemandKeyFile(path), DEPLOYMENT, None)
    assert kept.of("lane", START) is None
    kept.destroy("lane", [START])
    assert not path.exists()
    data = open_keys(master=None)
    data.seal(record())
    with pytest.raises(DamagedKeys, match="no key for those of demand windows"):
        data.keep_demand_keys()


def test_a_damaged_file_is_noticed(open_keys: Open, path: Path) -> None:
    (sealed,) = stored(open_keys(), record())
    whole = path.read_bytes()
    path.write_bytes(b"junk" * 1_000)
    with pytest.raises(DamagedStore, match="restore it from a backup"):
        open_keys().open(sealed)
    path.write_bytes(whole[:5_000])
    with pytest.raises(DamagedStore, match="shorter than it says"):
        open_keys().open(sealed)
    (kept,) = [each.sealed for each in _since(path, whole)]
    path.write_bytes(whole.replace(kept, kept[:-1] + bytes([kept[-1] ^ 1])))
    with pytest.raises(AuthenticationFailed):
        open_keys().open(sealed)
    path.write_bytes(whole)
    assert open_keys().open(sealed) == BODY


def _since(path: Path, whole: bytes) -> list[demand_keys.SealedDemandKey]:
    path.write_bytes(whole)
    return DemandKeyFile(path).since("lane", START, 1)


def test_keys_are_read_ahead_in_order_of_time_and_few_at_once(
    open_keys: Open, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows = [record(number, holder) for holder in ("green", "lane") for number in range(100)]
    sealed = stored(open_keys(), *windows)
    monkeypatch.setattr(demand_keys, "AT_ONCE", 30)
    asked: list[tuple[str, int]] = []
    since = DemandKeyFile.since

    def counting(file: DemandKeyFile, neighbourhood: str, start: int, most: int) -> list[demand_keys.SealedDemandKey]:
        asked.append((neighbourhood, (start - START) // QUARTER))
        found = since(file, neighbourhood, start, most)
        assert len(found) <= 30
        return found

    monkeypatch.setattr(DemandKeyFile, "since", counting)
    reader = open_keys()
    assert [reader.open(each) for each in sealed] == [BODY] * 200
    assert asked == [(name, number) for name in ("green", "lane") for number in (0, 30, 60, 90)]
    # A run asks once for all windows of a delivery that are new.
    asked.clear()
    for number in range(100, 140):
        reader.seal(record(number))
    assert asked == []


def test_a_run_makes_keys_ahead_and_rarely_waits_for_them(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demand_keys, "AT_ONCE", 30)
    waits: list[int] = []
    keep = DemandKeyFile.keep

    def counting(file: DemandKeyFile, keys: list[demand_keys.SealedDemandKey]) -> None:
        waits.append(len(keys))
        keep(file, keys)

    monkeypatch.setattr(DemandKeyFile, "keep", counting)
    windows = {"lane": START + QUARTER * np.arange(100)}

    def run(numbers: range) -> list[Record]:
        kept = KeptDemandKeys(DemandKeyFile(path), DEPLOYMENT, MASTER, windows)
        data = DataKeys(DEPLOYMENT, Periods("run", {}), demand=kept)
        sealed = [stored(data, record(number))[0] for number in numbers]
        assert [data.open(each) for each in sealed] == [BODY] * len(sealed)
        return sealed

    first = run(range(40))
    assert waits == [31, 31]
    assert len({each.body[:9] for each in first + run(range(30, 100))}) == 100
    assert waits == [31, 31, 31, 7]
    assert run(range(100, 102)), "a window of no plan has a key, too"
    assert waits == [31, 31, 31, 7, 1, 1]
