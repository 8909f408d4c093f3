"""The shipped stores: what each store must keep, and that no crash, damage or full disk is passed over."""

from __future__ import annotations

import base64
import errno
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from smarter.api import DamagedStore, MachineError, Record, Store
from smarter.api.testing.stores import StoreConformance
from smarter_plugins.stores import register_stores, replacement
from smarter_plugins.stores.sqlite import Sqlite
from smarter_plugins.stores.tiny import Tiny

RECORDS = [Record("billing", f"{start % 3}", start, bytes([start])) for start in range(6)]


class TestTinydbKeepsWhatAStoreMust(StoreConformance):
    def make_store(self) -> Store:
        return Tiny()


class TestSqliteKeepsWhatAStoreMust(StoreConformance):
    def make_store(self) -> Store:
        return Sqlite()


def filled(store: Store, folder: Path) -> Path:
    with store.open(folder) as opened:
        opened.put_many(RECORDS)
    (file,) = folder.iterdir()
    return file


def test_tinydb_and_sqlite_are_registered() -> None:
    registered: list[type[Store]] = []
    register_stores(registered.append)
    assert [(store.name, store.comfortable_records) for store in registered] == [("tinydb", 10_000), ("sqlite", None)]


class TestAKilledWriter:
    """kill -9 at random moments, against one writer after the other on the same store."""

    BATCH = 7
    WRITER = """
import os, sys
from pathlib import Path
from smarter.api import Record
from smarter_plugins.stores import Sqlite, Tiny
import tinydb

def write(store, folder, acknowledge):
    with {"tinydb": Tiny, "sqlite": Sqlite}[store]().open(folder) as opened:
        number = opened.count("billing") // 7
        while True:
            body = bytes([number % 256]) * 2_000
            opened.put_many([Record("billing", str(number), start, body) for start in range(7)])
            os.write(acknowledge, b"%d\\n" % number)
            number += 1

print("ready", flush=True)
for _ in sys.stdin:  # a process that has everything loaded forks each writer
    read, written = os.pipe()
    writer = os.fork()
    if not writer:
        write(sys.argv[1], Path(sys.argv[2]), written)
    os.close(written)
    print(writer, flush=True)
    os.waitpid(writer, 0)
    said = b"".join(iter(lambda: os.read(read, 65_536), b"")).split()
    os.close(read)
    print(int(said[-1]) if said else -1, flush=True)
"""

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
    @pytest.mark.parametrize("store", [Tiny(), Sqlite()], ids=["tinydb", "sqlite"])
    def test_leaves_a_readable_store_of_whole_batches_with_all_that_were_acknowledged(
        self, store: Store, tmp_path: Path
    ) -> None:
        with store.open(tmp_path) as opened:  # weight, so that most of the time goes into writing
            opened.put_many([Record("demand", "weight", start, bytes(2_000)) for start in range(500)])
        moments = random.Random()
        written = 0
        command = [sys.executable, "-c", self.WRITER, store.name, str(tmp_path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writers:
            assert writers.stdin is not None
            assert writers.stdout is not None
            assert writers.stdout.readline() == "ready\n"
            number = 0
            while number < 20 or not written:  # on a busy machine the first ones may have had no time to write
                number += 1
                print(file=writers.stdin, flush=True)
                writer = int(writers.stdout.readline())
                time.sleep(moments.uniform(0.005, 0.08) * max(1, number / 20))
                os.kill(writer, signal.SIGKILL)
                acknowledged = int(writers.stdout.readline())
                with store.open(tmp_path) as opened:
                    found = Counter(record.holder for record in opened.records("billing"))
                    assert opened.count("demand") == 500
                assert set(found.values()) <= {self.BATCH}
                assert sorted(map(int, found)) == list(range(len(found)))
                assert len(found) > acknowledged
                written = len(found)
            writers.stdin.close()
        leftovers = {file.name for file in tmp_path.iterdir()} - {"store.json", "store.sqlite", ".store.json.tmp"}
        assert leftovers == set()


class TestReplacingAFile:
    def test_data_is_on_the_disk_before_it_takes_the_old_ones_place_and_the_name_after(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        done: list[tuple[str, str]] = []
        fsync, replace = os.fsync, os.replace

        def watched_fsync(descriptor: int) -> None:
            name = Path(f"/proc/self/fd/{descriptor}").readlink()
            done.append(("sync", f"{name.name} {os.fstat(descriptor).st_size if name.is_file() else ''}"))
            fsync(descriptor)

        def watched_replace(source: Path, target: Path) -> None:
            done.append(("rename", f"{source.name} {target.name}"))
            replace(source, target)

        if not Path("/proc/self/fd").is_dir():
            pytest.skip("needs /proc to tell descriptors apart")
        monkeypatch.setattr(os, "fsync", watched_fsync)
        monkeypatch.setattr(os, "replace", watched_replace)
        replacement.replace_file(tmp_path / "store.json", b"12345")
        assert done == [
            ("sync", ".store.json.tmp 5"),
            ("rename", ".store.json.tmp store.json"),
            ("sync", f"{tmp_path.name} "),
        ]

    @pytest.mark.parametrize("call", ["fsync", "replace"])
    def test_a_failure_leaves_the_old_file_and_the_store_as_it_was(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
    ) -> None:
        def full(*_: Any) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with Tiny().open(tmp_path) as store:
            store.put_many(RECORDS[:2])
            with monkeypatch.context() as patch:
                patch.setattr(os, call, full)
                with pytest.raises(OSError) as raised:
                    store.put_many(RECORDS[2:4])
            assert raised.value.errno == errno.ENOSPC
            assert raised.value.filename == str(tmp_path / "store.json")
            assert [file.name for file in tmp_path.iterdir()] == ["store.json"]
            assert store.count("billing") == 2
            with Tiny().open(tmp_path) as again:
                assert sorted(record.start for record in again.records("billing")) == [0, 1]
            # What failed once is new again, and what is put next does not bring it along.
            assert store.put_many(RECORDS[4:]) == 2
            with Tiny().open(tmp_path) as again:
                assert sorted(record.start for record in again.records("billing")) == [0, 1, 4, 5]
            assert store.put_many(RECORDS) == 2
        with Tiny().open(tmp_path) as store:
            assert sorted(store.records("billing"), key=lambda record: record.start) == RECORDS

    def test_a_batch_is_one_write_and_nothing_new_is_none(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        renames: list[Path] = []
        replace = os.replace
        monkeypatch.setattr(os, "replace", lambda source, target: (renames.append(target), replace(source, target)))
        with Tiny().open(tmp_path) as store:
            assert len(renames) == 1
            store.put_many(RECORDS)
            assert len(renames) == 2
            store.put_many(RECORDS)
            assert len(renames) == 2

    def test_what_a_killed_writer_left_is_never_read_and_goes_with_the_next_write(self, tmp_path: Path) -> None:
        left = tmp_path / ".store.json.tmp"
        left.write_bytes(b'{"meta"')
        left.chmod(0o644)
        file = None
        with Tiny().open(tmp_path) as store:
            store.put_many(RECORDS)
            (file,) = tmp_path.iterdir()
        assert (file.name, file.stat().st_mode & 0o777) == ("store.json", 0o600)


class TestTheFileOfTinydb:
    def test_is_one_that_tinydb_itself_reads(self, tmp_path: Path) -> None:
        from tinydb import TinyDB, where

        with TinyDB(filled(Tiny(), tmp_path), access_mode="r") as plain:
            (document,) = plain.table("records").search(where("start") == 4)
        assert document == {"kind": "billing", "holder": "1", "start": 4, "body": "BA=="}

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (lambda tables: tables["meta"]["1"].update(format=2), "has format 2 and this version of Smarter reads 1"),
            (lambda tables: tables["meta"]["1"].update(format=True), "has format True"),
            (lambda tables: tables["meta"].clear(), "is no store of Smarter"),
            (lambda tables: tables.pop("records"), "other tables"),
            (lambda tables: tables.update(more={}), "other tables"),
            (lambda tables: tables["records"]["2"].update(body=7), "document '2' has the body 7"),
            (lambda tables: tables["records"]["2"].update(body="AA=A"), "document '2' has a body that is no base64"),
            (lambda tables: tables["records"]["2"].update(body="AB=="), "document '2' has a body that is no base64"),
            (lambda tables: tables["records"]["2"].update(body="é"), "document '2' has a body that is no base64"),
            (lambda tables: tables["records"]["2"].update(start=1.0), "document '2' has the start 1.0"),
            (lambda tables: tables["records"]["2"].update(start=True), "document '2' has the start True"),
            (lambda tables: tables["records"]["2"].update(holder=None), "document '2' has the holder None"),
            (lambda tables: tables["records"]["2"].pop("kind"), "document '2' is no record"),
            (lambda tables: tables["records"].update({"2": []}), "document '2' is no record"),
            (lambda tables: tables["records"].update(x=tables["records"]["2"]), "document 'x' is not numbered"),
            (lambda tables: tables["records"].update({"9": tables["records"]["2"]}), "of an earlier one"),
        ],
    )
    def test_that_was_tampered_with_is_refused_with_the_place(self, tmp_path: Path, change: Any, said: str) -> None:
        file = filled(Tiny(), tmp_path)
        tables = json.loads(file.read_text())
        change(tables)
        file.write_text(json.dumps(tables))
        with pytest.raises(DamagedStore) as raised:
            Tiny().open(tmp_path)
        assert str(raised.value).startswith(f"{file} ")
        assert said in str(raised.value)
        assert str(raised.value).endswith("start the run again with --fresh.")

    @pytest.mark.parametrize(
        "text",
        [
            b"",
            b"null",
            b"[]",
            b'"x"',
            b"{}",
            b"[" * 100_000,
            b"\xff\xfe{}",
            b'{"meta":' + b"9" * 5_000,
            b'{"a":1,"a":1}',
        ],
        ids=["nothing", "null", "list", "text", "empty", "deep", "utf-16", "huge number", "a key twice"],
    )
    def test_of_anything_else_is_refused(self, tmp_path: Path, text: bytes) -> None:
        (tmp_path / "store.json").write_bytes(text)
        with pytest.raises(DamagedStore, match=r"store\.json does not read back: .*--fresh\.$"):
            Tiny().open(tmp_path)

    def test_cut_anywhere_is_refused(self, tmp_path: Path) -> None:
        file = filled(Tiny(), tmp_path)
        data = file.read_bytes().rstrip()
        for length in range(len(data)):
            file.write_bytes(data[:length])
            with pytest.raises(DamagedStore):
                Tiny().open(tmp_path)

    def test_gives_out_no_record_that_was_not_put_whatever_bit_is_flipped(self, tmp_path: Path) -> None:
        file = filled(Tiny(), tmp_path)
        data = file.read_bytes()
        put = {record.body: record for record in RECORDS}
        for bit in range(0, 8 * len(data), 11):
            flipped = bytearray(data)
            flipped[bit // 8] ^= 1 << bit % 8
            file.write_bytes(flipped)
            try:
                with Tiny().open(tmp_path) as store:
                    found = [record for kind in ("billing", "demand") for record in store.records(kind)]
            except DamagedStore:
                continue
            # A flip inside a value makes at most one record another one, which its seal then shows.
            assert len([record for record in found if record == put.get(record.body)]) >= len(RECORDS) - 1

    def test_that_may_not_be_read_is_the_systems_error(self, tmp_path: Path) -> None:
        (tmp_path / "store.json").mkdir()
        with pytest.raises(IsADirectoryError):
            Tiny().open(tmp_path)


class TestTheFileOfSqlite:
    def change(self, file: Path, *statements: str) -> None:
        db = sqlite3.connect(file)
        for statement in statements:
            db.execute(statement)
        db.commit()
        db.close()

    @pytest.mark.parametrize(
        ("statement", "said"),
        [
            ("PRAGMA user_version = 2", "has format 2 and this version of Smarter reads 1"),
            ("PRAGMA application_id = 0", "it is no store of Smarter"),
            ("DROP TABLE records", "no such table"),
            ("ALTER TABLE records RENAME body TO soul", "no such column"),
        ],
    )
    def test_that_is_another_is_refused_on_opening(self, tmp_path: Path, statement: str, said: str) -> None:
        file = filled(Sqlite(), tmp_path)
        self.change(file, statement)
        with pytest.raises(DamagedStore) as raised:
            Sqlite().open(tmp_path)
        assert str(file) in str(raised.value)
        assert said in str(raised.value)
        assert str(raised.value).endswith("start the run again with --fresh.")

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE records SET body = 'text' WHERE start = 4",
            "UPDATE records SET body = 7 WHERE start = 4",
            "UPDATE records SET start = 'soon' WHERE start = 4",
            "UPDATE records SET holder = x'ff' WHERE start = 4",
            "UPDATE records SET holder = CAST(x'ff' AS TEXT) WHERE start = 4",
        ],
    )
    def test_with_a_field_of_another_type_is_refused_on_reading(self, tmp_path: Path, statement: str) -> None:
        file = filled(Sqlite(), tmp_path)
        self.change(file, "PRAGMA ignore_check_constraints = ON", statement)
        with Sqlite().open(tmp_path) as store, pytest.raises(DamagedStore, match=r"store\.sqlite does not read back"):
            list(store.records("billing"))

    def test_that_is_gone_while_its_log_is_there_is_not_begun_anew(self, tmp_path: Path) -> None:
        (tmp_path / "store.sqlite-wal").write_bytes(b"records that were committed")
        with pytest.raises(DamagedStore, match=r"it is gone, and store\.sqlite-wal alone is left"):
            Sqlite().open(tmp_path)

    def test_with_a_page_of_zeros_never_loses_records_in_silence(self, tmp_path: Path) -> None:
        put = [Record("billing", "a", start, bytes(500)) for start in range(1_000)]
        with Sqlite().open(tmp_path) as store:
            store.put_many(put)
        file = tmp_path / "store.sqlite"
        data = file.read_bytes()
        assert len(data) > 40 * 4_096
        for page in range(2, len(data) // 4_096, 17):
            file.write_bytes(data[: page * 4_096] + bytes(4_096) + data[(page + 1) * 4_096 :])
            with pytest.raises(DamagedStore), Sqlite().open(tmp_path) as store:
                list(store.records("billing"))

    def test_may_have_any_name_above_it(self, tmp_path: Path) -> None:
        folder = tmp_path / "50% of #1? it's"
        folder.mkdir()
        filled(Sqlite(), folder)
        with Sqlite().open(folder) as store:
            assert store.count("billing") == 6

    def test_is_written_through_to_the_disk_at_each_batch(self, tmp_path: Path) -> None:
        with Sqlite().open(tmp_path) as store:
            db = store._db  # type: ignore[attr-defined]
            assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            assert db.execute("PRAGMA synchronous").fetchone() == (2,)

    def test_streams_without_sorting_or_holding_what_it_reads(self, tmp_path: Path) -> None:
        with Sqlite().open(tmp_path) as store:
            for first in range(0, 4_000, 1_000):
                put = [Record("billing", f"{n % 7}", n, bytes(2_000)) for n in range(first, first + 1_000)]
                store.put_many(put)
        with Sqlite().open(tmp_path) as store:
            tracemalloc.start()
            try:
                count = sum(1 for _ in store.records("billing", start=0))
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            plan = store._db.execute(  # type: ignore[attr-defined]
                "EXPLAIN QUERY PLAN SELECT * FROM records WHERE kind = 'billing' AND start >= 0 ORDER BY holder, start"
            ).fetchall()
        assert count == 4_000
        assert peak < 200_000  # of 8 MB
        assert not any("TEMP B-TREE" in step[-1] for step in plan)


class TestWhatTheMachineRefusesSqlite:
    def test_a_full_disk_is_no_space_left_and_loses_nothing_that_was_there(self, tmp_path: Path) -> None:
        with Sqlite().open(tmp_path) as store:
            store.put_many(RECORDS)
            db = store._db  # type: ignore[attr-defined]
            db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0] + 1}")
            with pytest.raises(OSError) as raised:
                store.put_many([Record("demand", "a", start, bytes(4_000)) for start in range(100)])
            assert (raised.value.errno, raised.value.filename) == (errno.ENOSPC, str(tmp_path / "store.sqlite"))
            assert (store.count("demand"), store.count("billing")) == (0, 6)
            db.execute("PRAGMA max_page_count = 1000000")
            assert store.put_many([Record("demand", "a", 0, b"room again")]) == 1

    def test_a_file_that_may_not_be_written_is_no_permission(self, tmp_path: Path) -> None:
        with Sqlite().open(tmp_path) as store:
            store._db.execute("PRAGMA query_only = ON")  # type: ignore[attr-defined]
            with pytest.raises(PermissionError) as raised:
                store.put_many(RECORDS)
            assert raised.value.filename == str(tmp_path / "store.sqlite")

    def test_a_file_that_cannot_be_opened_says_the_systems_reason(self, tmp_path: Path) -> None:
        (tmp_path / "store.sqlite").mkdir()
        with pytest.raises(IsADirectoryError):
            Sqlite().open(tmp_path)

    def test_another_process_that_writes_is_waited_for_then_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("smarter_plugins.stores.sqlite.PATIENCE", 0.05)
        with Sqlite().open(tmp_path) as store:
            other = sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(MachineError, match=r"store\.sqlite is in use by another process"):
                store.put_many(RECORDS)
            other.execute("ROLLBACK")
            other.close()
            assert store.put_many(RECORDS) == 6


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="needs a limit on the size of files")
@pytest.mark.parametrize("store", ["Tiny", "Sqlite"])
def test_a_disk_that_takes_no_more_is_an_oserror_and_what_was_stored_stays(store: str, tmp_path: Path) -> None:
    program = f"""
import resource, sys
from pathlib import Path
from smarter.api import Record
from smarter_plugins.stores import {store}
with {store}().open(Path(sys.argv[1])) as opened:
    opened.put_many([Record("billing", "a", 0, bytes(1_000))])
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
    try:
        opened.put_many([Record("billing", "a", start, bytes(1_000)) for start in range(1, 1_000)])
    except OSError as error:
        print(type(error).__name__, Path(error.filename).name, opened.count("billing"))
"""
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True)
    assert (done.stdout.split()[0], done.stdout.split()[2]) == ("OSError", "1"), done.stderr
    with {"Tiny": Tiny, "Sqlite": Sqlite}[store]().open(tmp_path) as opened:
        assert [record.start for record in opened.records("billing")] == [0]


def test_bodies_of_tinydb_are_url_safe_base64(tmp_path: Path) -> None:
    with Tiny().open(tmp_path) as store:
        store.put_many([Record("demand", "street", 0, b"\xfb\xff\xfe")])
    document = json.loads((tmp_path / "store.json").read_text())["records"]["1"]
    assert document["body"] == "-__-" == base64.urlsafe_b64encode(b"\xfb\xff\xfe").decode()
