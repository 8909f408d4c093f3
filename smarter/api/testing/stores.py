"""What every store must keep, as tests that a plugin author runs in three lines.

::

    class TestMyStore(StoreConformance):
        def make_store(self):
            return MyStore(MyOptions(...))
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smarter.api.store import OpenStore, Record, Store
from smarter.errors import DamagedStore

BODIES = (b"", b"\0", bytes(range(256)), "grün".encode(), b'{"}\n,', b"\xff" * 100_000)
HOLDERS = ("", "0a", "0A", "a", "b'; --", "%", "z\n", "häuser", "\N{HOUSE BUILDING}")
STARTS = (-(2**62), -1, 0, 1_451_606_400, 2**62)


class StoreConformance:
    """Tests of a store. A subclass says how it is made.

    A store that keeps its records in files of the folder it is given also has those files cut and spoilt; for one
    that does not, these tests are skipped.
    """

    def make_store(self) -> Store:
        """The store under test; what it opens in an empty folder is empty."""
        raise NotImplementedError

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        folder = tmp_path / "a state's store"
        folder.mkdir()
        return folder

    @pytest.fixture
    def store(self, folder: Path) -> Iterator[OpenStore]:
        with self.make_store().open(folder) as store:
            yield store

    def test_a_new_store_is_empty(self, store: OpenStore) -> None:
        assert list(store.records("billing")) == []
        assert list(store.records("demand", holder="a", start=0, end=9)) == []
        assert store.count("billing") == 0

    def test_what_is_put_comes_back_to_the_byte_after_reopening_too(self, folder: Path) -> None:
        put = [Record("billing", "a", start, body) for start, body in enumerate(BODIES)]
        with self.make_store().open(folder) as store:
            assert store.put_many(put) == len(put)
            assert list(store.records("billing")) == put
        with self.make_store().open(folder) as store:
            assert list(store.records("billing")) == put
            assert [type(record.body) for record in store.records("billing")] == [bytes] * len(put)

    def test_records_come_ordered_by_holder_then_start(self, store: OpenStore) -> None:
        put = [Record("billing", holder, start, holder.encode()) for start in STARTS for holder in HOLDERS]
        for batch in (put[20:], put[:20][::-1]):
            store.put_many(batch)
        assert list(store.records("billing")) == sorted(put, key=lambda record: (record.holder, record.start))

    def test_a_span_has_its_start_and_not_its_end(self, store: OpenStore) -> None:
        put = [Record("demand", holder, start, b"x") for holder in ("a", "b") for start in range(-2, 4)]
        store.put_many(put)

        def asked(**bounds: Any) -> list[tuple[str, int]]:
            return [(record.holder, record.start) for record in store.records("demand", **bounds)]

        assert asked(start=0, end=2) == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
        assert asked(holder="b", start=2) == [("b", 2), ("b", 3)]
        assert asked(holder="a", end=-1) == [("a", -2)]
        assert asked(holder="a", end=0) == [("a", -2), ("a", -1)]
        assert asked(start=2, end=2) == []

    def test_kinds_and_holders_are_kept_apart(self, store: OpenStore) -> None:
        put = [
            Record(kind, holder, 7, f"{kind} {holder}".encode()) for kind in ("billing", "demand") for holder in "ab"
        ]
        assert store.put_many(put) == 4
        assert list(store.records("demand")) == put[2:]
        assert list(store.records("billing", holder="b")) == [put[1]]
        assert list(store.records("billing", holder="c")) == []
        assert list(store.records("bill")) == []
        assert [store.count(kind) for kind in ("billing", "demand", "bill")] == [2, 2, 0]

    def test_a_record_whose_key_is_there_is_left_as_it_is(self, folder: Path) -> None:
        first, second = Record("billing", "a", 1, b"first"), Record("billing", "a", 2, b"second")
        with self.make_store().open(folder) as store:
            assert store.put_many([first]) == 1
            assert store.put_many([Record("billing", "a", 1, b"another"), second]) == 1
            assert store.put_many([first, second]) == 0
        with self.make_store().open(folder) as store:
            assert store.put_many([Record("billing", "a", 2, b"another")]) == 0
            assert list(store.records("billing")) == [first, second]
            assert store.count("billing") == 2

    def test_of_one_key_twice_in_a_batch_the_first_counts(self, store: OpenStore) -> None:
        first, twin = Record("billing", "a", 1, b"first"), Record("billing", "a", 1, b"twin")
        assert store.put_many([first, twin, first]) == 1
        assert list(store.records("billing")) == [first]

    def test_putting_nothing_is_nothing(self, store: OpenStore) -> None:
        assert store.put_many([]) == 0
        assert store.count("billing") == 0

    @pytest.mark.parametrize(("start", "body"), [(2, object()), (2, "text"), (2, None), ("soon", b"x")])
    def test_a_batch_that_fails_leaves_nothing_behind(self, folder: Path, start: Any, body: Any) -> None:
        there = Record("billing", "a", 0, b"there")
        wrong = Record("billing", "a", start, body)
        with self.make_store().open(folder) as store:
            store.put_many([there])
            failed = False
            try:
                store.put_many([Record("billing", "a", 1, b"one"), wrong])
            except Exception:  # noqa: BLE001 - a store's library may raise anything
                failed = True
            assert failed, "what is no record was taken"
            assert list(store.records("billing")) == [there]
            assert store.put_many([Record("billing", "a", 3, b"three")]) == 1
        with self.make_store().open(folder) as store:
            assert [record.start for record in store.records("billing")] == [0, 3]

    def test_reading_goes_on_while_records_are_put(self, store: OpenStore) -> None:
        before = [Record("billing", "b", start, b"x") for start in range(0, 1_000, 2)]
        store.put_many(before)
        reading = store.records("billing")
        seen = [next(reading)]
        for start in range(1, 1_000, 100):
            store.put_many([Record("billing", "b", start, b"x"), Record("billing", "a", start, b"x")])
        seen += reading
        assert len(seen) == len({(record.holder, record.start) for record in seen})
        assert set(before) <= set(seen)

    def test_closing_twice_does_no_harm(self, folder: Path) -> None:
        store = self.make_store().open(folder)
        store.close()
        store.close()

    def test_its_files_are_for_their_owner_alone(self, folder: Path, store: OpenStore) -> None:
        if os.name == "nt":
            pytest.skip("modes of files are not Windows'")
        store.put_many([Record("billing", "a", 1, b"x")])
        modes = {file.name: oct(stat.S_IMODE(file.stat().st_mode)) for file in folder.iterdir()}
        assert set(modes.values()) <= {"0o600"}, modes

    @pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
    def test_a_file_cut_short_is_a_damaged_store(self, folder: Path, share: float) -> None:
        file = self._filled(folder)
        data = file.read_bytes()
        file.write_bytes(data[: int(len(data) * share)])
        self._assert_damaged(folder, file)

    def test_a_file_of_rubbish_is_a_damaged_store(self, folder: Path) -> None:
        file = self._filled(folder)
        file.write_bytes(b"\x00\x01\x02rubbish" * 4_096)
        self._assert_damaged(folder, file)

    def _filled(self, folder: Path) -> Path:
        """The file that holds 1,000 records, after a clean close."""
        with self.make_store().open(folder) as store:
            store.put_many([Record("billing", f"{start % 10}", start, bytes(500)) for start in range(1_000)])
        if not (files := [file for file in folder.rglob("*") if file.is_file()]):
            pytest.skip("it keeps no file in the folder that it is given")
        return max(files, key=lambda file: file.stat().st_size)

    def _assert_damaged(self, folder: Path, file: Path) -> None:
        with pytest.raises(DamagedStore) as raised, self.make_store().open(folder) as store:
            list(store.records("billing"))
        assert str(file) in str(raised.value), "it names no file"
        assert "--fresh" in str(raised.value) or "restore" in str(raised.value), "it names no way out"
