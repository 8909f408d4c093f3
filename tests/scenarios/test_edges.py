"""The edges of what a run can be asked for: nothing to read, one of everything, all there is room for, workers lost."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from smarter.api import Ciphertexts, PublicKey
from smarter.keys.unlock import KeyFileUnlock
from smarter.model.events import Fault, Finished, Progress
from smarter.model.windows import longest_length
from smarter.parties.pes import PES
from smarter.run import run
from smarter.scenario import load_scenario
from smarter.state import StateFolder
from smarter_plugins.schemes.paillier import Paillier

MANY_CIPHERTEXTS = ("pes.combine=none", "pes.lanes=1")
WORTH_WORKERS = (*MANY_CIPHERTEXTS, "crypto.aggregate.key_bits=1024")
"""So much to encrypt that workers are worth their start."""
SLOW = (*MANY_CIPHERTEXTS, "crypto.aggregate.key_bits=2048")
"""Some seconds' work for most of a day of five homes: there is time to stop it in its midst."""
PATIENCE = 180
"""Seconds after which a run counts as hanging, however busy the machine is."""


def fill(lane: Path, power: Callable[[int, str], str], stamps: Sequence[str] | None = None) -> Path:
    """Write a street's files anew: ``power(meter, stamp)`` in kW, for its own stamps or for these."""
    for file in sorted((lane.parent / "meters").glob("home*.csv")):
        meter = int(file.stem.removeprefix("home"))
        own = [line.split(",")[0] for line in file.read_text(encoding="utf-8").splitlines()]
        rows = (f"{stamp},{power(meter, stamp)}\n" for stamp in (own if stamps is None else stamps))
        file.write_text("".join(rows), encoding="utf-8")
    return lane


def statuses(rows: list[dict[str, str]]) -> set[str]:
    return {row["status"] for row in rows}


def energy(rows: list[dict[str, str]]) -> Decimal:
    """Wh of all rows."""
    return sum((Decimal(row["energy_wh"]) for row in rows), Decimal(0))


# Blindings.


class Spent:
    """The blindings that the PES spent, each as what it leaves of a ciphertext: (1 + n*m) * r mod n² is r mod n."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.residues: list[int] = []
        self.from_workers = 0
        self._inside = False
        encrypt, rerandomise = Paillier.encrypt, Paillier.rerandomise

        def counted_encrypt(scheme: Any, public: PublicKey, plaintexts: Any, **given: Any) -> Ciphertexts:
            with self._outermost() as outermost:
                made = encrypt(scheme, public, plaintexts, **given)
            if outermost:
                self._note(public, made.values)
            return made

        def counted_rerandomise(scheme: Any, public: PublicKey, batch: Ciphertexts, **given: Any) -> Ciphertexts:
            with self._outermost() as outermost:
                made = rerandomise(scheme, public, batch, **given)
            if outermost:
                modulus = int(public.material.modulus)
                pairs = zip(made.values, batch.values, strict=True)
                self._note(public, [int(new) * pow(int(old), -1, modulus) for new, old in pairs])
            return made

        patch.setattr(Paillier, "encrypt", counted_encrypt)
        patch.setattr(Paillier, "rerandomise", counted_rerandomise)
        patch.setattr(PES, "blindings", property(lambda pes: self._pool(pes), self._set_pool), raising=False)

    @contextlib.contextmanager
    def _outermost(self) -> Iterator[bool]:
        """Whether the caller is the PES, not something that was called to make blindings for it."""
        before, self._inside = self._inside, True
        try:
            yield not before
        finally:
            self._inside = before

    def _note(self, public: PublicKey, values: Any) -> None:
        self.residues += [int(value) % int(public.material.modulus) for value in values]

    def _set_pool(self, pes: Any, pool: Any) -> None:
        vars(pes)["blindings"] = pool

    def _pool(self, pes: Any) -> Any:
        pool = vars(pes)["blindings"]
        return None if pool is None else _Counted(self, pool, pes._keys.aggregate)

    def take(self, pool: Any, public: PublicKey, count: int) -> Ciphertexts:
        with self._outermost():
            taken: Ciphertexts = pool.take(count)
        self.from_workers += len(taken)
        self._note(public, taken.values)
        return taken


class _Counted:
    """A pool of blindings, counted as they are taken."""

    def __init__(self, spent: Spent, pool: Any, public: PublicKey) -> None:
        self._spent, self._of, self._public = spent, pool, public

    def await_ready(self, count: int) -> None:
        self._of.await_ready(count)

    def take(self, count: int) -> Ciphertexts:
        return self._spent.take(self._of, self._public, count)


@pytest.mark.parametrize(
    ("workers", "settings"),
    [
        (1, ()),
        (1, ("crypto.aggregate.blinding=exact",)),
        (1, MANY_CIPHERTEXTS),
        pytest.param(2, WORTH_WORKERS, marks=pytest.mark.slow),
        pytest.param(2, (*WORTH_WORKERS, "crypto.aggregate.blinding=exact"), marks=pytest.mark.slow),
    ],
)
def test_every_ciphertext_and_every_sum_that_leaves_the_pes_has_a_blinding_of_its_own(
    workers: int,
    settings: tuple[str, ...],
    street: Callable[..., Path],
    carry: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lane = street()
    with monkeypatch.context() as patch:
        spent = Spent(patch)
        files = carry(lane, *settings, options=("--verify", "--workers", str(workers)))
    assert statuses(files.billing) == statuses(files.demand) == {"complete"}
    encrypted = files.result["counts"]["ciphertexts"]
    left = files.result["views"]["releaser"]["decrypted"]  # all that leave are opened where nothing is refused
    assert encrypted > 0 < left
    assert len(spent.residues) == encrypted + left
    assert len(set(spent.residues)) == len(spent.residues), "a blinding was used twice"
    assert 1 not in spent.residues, "a ciphertext left without a blinding"
    assert spent.from_workers == (0 if workers == 1 else encrypted + left)


# Nothing to read.


def test_a_run_in_which_every_reading_is_lost_encrypts_nothing_and_reports_missing_windows(
    street: Callable[..., Path], carry: Callable[..., Any]
) -> None:
    lost = "{{kind: drop, neighbourhood: lane, meter: home{}, at: '2016-03-01 00:00', until: '2016-03-01 08:00'}}"
    files = carry(street(more=f"faults: [{', '.join(lost.format(meter) for meter in range(1, 6))}]"))
    counts = files.result["counts"]
    assert (counts["readings"], counts["frames"], counts["ciphertexts"]) == (0, 0, 0)
    assert statuses(files.billing) == statuses(files.demand) == statuses(files.bills) == {"missing"}
    assert {row["energy_wh"] for rows in files.numbers for row in rows} == {""}
    assert files.result["views"]["releaser"]["decrypted"] == 0


def test_registers_that_were_read_once_give_no_reading_and_no_error(
    street: Callable[..., Path], carry: Callable[..., Any]
) -> None:
    lane = fill(street(), lambda meter, stamp: "1234.5", stamps=["2016-03-01 00:00"])
    source = {"plugin": "csv", "quantity": "register", "unit": "kWh"}
    files = carry(lane, *(f"neighbourhoods.lane.source.{key}={value}" for key, value in source.items()))
    assert files.result["counts"]["readings"] == 0
    assert statuses(files.billing) == statuses(files.demand) == {"missing"}


@pytest.mark.parametrize("settings", [(), ("grace=1h",), ("pes.hold=30min", "grace=90min")])
def test_hours_in_which_no_meter_has_a_reading_are_missing_and_those_around_them_whole(
    settings: tuple[str, ...], street: Callable[..., Path], carry: Callable[..., Any]
) -> None:
    def silent(meter: int, stamp: datetime) -> bool:
        return 2 <= stamp.hour < 4

    files = carry(street(leave_out=silent), *settings)
    for rows in (files.billing, files.demand):
        quiet = [row for row in rows if row["window_start"][11:13] in ("02", "03")]
        assert statuses(quiet) == {"missing"}
        assert statuses([row for row in rows if row not in quiet]) == {"complete"}
    assert statuses(files.bills) == {"incomplete"}


# One of everything.


def test_a_street_of_one_home_demands_what_the_home_is_billed_for(
    street: Callable[..., Path], carry: Callable[..., Any]
) -> None:
    files = carry(street(meters=1), "release.min_meters=1")
    assert statuses(files.billing) == statuses(files.demand) == {"complete"}
    assert energy(files.demand) == energy(files.billing)
    assert any("one home alone" in warning for warning in files.result["warnings"])


def test_a_street_of_one_home_is_refused_without_insecure_demo(
    street: Callable[..., Path], tmp_path: Path, smarter: Callable[..., Any]
) -> None:
    settings = ("release.min_meters=1", "insecure_demo=false")
    settings += ("crypto.aggregate.key_bits=2048", "crypto.deliver.key_bits=2048")
    given = [part for setting in settings for part in ("--set", setting)]
    ended = smarter("run", street(meters=1), *given, "--state", tmp_path / "state", "--quiet")
    assert ended.code == 2
    assert "insecure_demo: true" in ended.err
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("frame", [1, 60])
def test_a_span_of_one_slot_has_one_window_of_each_kind_that_holds_it(
    frame: int, street: Callable[..., Path], carry: Callable[..., Any]
) -> None:
    lane = street(end="2016-03-01 00:05", demand="5min", billing="5min", frame=frame, hold="5h")
    files = carry(lane, "release.min_billing_window=5min")
    assert [(row["readings"], row["expected"], row["status"]) for row in files.demand] == [("5", "5", "complete")]
    assert [(row["readings"], row["expected"], row["status"]) for row in files.billing] == [("1", "1", "complete")] * 5
    assert energy(files.billing) == energy(files.demand)


@pytest.mark.parametrize("hold", ["9h", "3d"])
def test_a_hold_longer_than_the_span_gives_the_numbers_of_shorter_ones(
    hold: str, street: Callable[..., Path], carry: Callable[..., Any]
) -> None:
    lane = street()
    long = carry(lane, f"pes.hold={hold}")
    assert long.numbers == carry(lane).numbers
    assert long.result["views"]["pes"]["peak_readings"] == 5 * 8 * 12, "all of the span was held at once"


def test_a_scheme_with_room_for_one_lane_encrypts_every_window_and_home_apart(
    street: Callable[..., Path], carry: Callable[..., Any]
) -> None:
    lane = street()
    # 40 bits for 100 MW over two hours: a second lane does not fit 64.
    one = ("neighbourhoods.lane.rating_kw=100000", "crypto.aggregate.plugin=plain")
    narrow = carry(lane, *one, "crypto.aggregate.plaintext_bits=64")
    set_so = carry(lane, "pes.lanes=1")
    assert narrow.numbers == set_so.numbers == carry(lane).numbers
    for files in (narrow, set_so):
        assert files.result["views"]["releaser"]["decrypted"] == len(files.billing) + len(files.demand)


# All there is room for.

RATING = Decimal(12)
"""kW: a million mWh in five minutes, without a rest."""
LARGEST = 1_000_000


@pytest.mark.parametrize("sign", [1, -1])
def test_homes_at_their_rating_all_the_time_are_billed_for_exactly_that(
    sign: int, street: Callable[..., Path], carry: Callable[..., Any]
) -> None:
    lane = fill(street(), lambda meter, stamp: f"{sign * RATING}")
    files = carry(lane, f"neighbourhoods.lane.rating_kw={RATING}")
    assert {row["energy_wh"] for row in files.billing} == {f"{sign * RATING * 2 * 1000:.3f}"}
    assert {row["energy_wh"] for row in files.demand} == {f"{sign * RATING * 5 * 500:.3f}"}


def _vostok_put_its_clock_back() -> bool:
    """Seven hours at once, in February 1994: the most that any clock was, which is what lanes are made for."""
    before, after = (datetime(1994, 1, 31, hour, 30, tzinfo=UTC).astimezone(ZONE).utcoffset() for hour in (16, 17))
    return before is not None and after is not None and (before - after).total_seconds() == 7 * 3600


ZONE = ZoneInfo("Antarctica/Vostok")


@pytest.mark.skipif(not _vostok_put_its_clock_back(), reason="this machine's time zones do not know of it")
@pytest.mark.parametrize("sign", [1, -1])
def test_a_lane_that_is_full_to_its_bound_is_released(
    sign: int, street: Callable[..., Path], carry: Callable[..., Any]
) -> None:
    lane = street(
        start="1994-01-31 16:00", end="1994-02-01", timezone="Antarctica/Vostok", demand="8h", billing="8h", hold="5h"
    )
    stamps = [f"1994-01-31 {hour}:{minute:02}" for hour in range(16, 24) for minute in range(0, 60, 5)]
    stamps += stamps[12:]  # from 24:00 the clock went back to 17:00
    fill(lane, lambda meter, stamp: f"{sign * RATING}", stamps)
    files = carry(lane, f"neighbourhoods.lane.rating_kw={RATING}")
    slots = longest_length(8 * 3600) // 300
    assert {row["readings"] for row in files.billing} == {str(slots)}, "the window is not the longest there can be"
    assert {row["energy_wh"] for row in files.billing} == {f"{sign * Decimal(LARGEST * slots) / 1000:.3f}"}
    assert [row["energy_wh"] for row in files.demand] == [f"{sign * Decimal(5 * LARGEST * slots) / 1000:.3f}"]


@pytest.mark.parametrize("power", ["12.000000001", "-12.000000001"])
def test_a_microwatt_over_the_rating_is_refused_with_file_and_row(
    power: str, street: Callable[..., Path], tmp_path: Path, smarter: Callable[..., Any]
) -> None:
    over = ("2016-03-01 05:20:00", 3)
    lane = fill(street(), lambda meter, stamp: power if (stamp, meter) == over else "12")
    rating = ("--set", f"neighbourhoods.lane.rating_kw={RATING}")
    ended = smarter("run", lane, *rating, "--state", tmp_path / "state", "--quiet")
    assert ended.code == 3
    assert "home3.csv, row 65:" in ended.err
    assert "is beyond the meter's rating of 12 kW" in ended.err
    assert "Traceback" not in ended.err


def test_a_street_that_only_exports_has_negative_windows_and_is_paid_for_all_of_them(
    street: Callable[..., Path], carry: Callable[..., Any]
) -> None:
    lane = fill(street(), lambda meter, stamp: f"-{meter}.{stamp[14:16]}7")
    files = carry(lane)
    for row in [*files.billing, *files.demand, *files.bills]:
        assert Decimal(row["energy_wh"]) < 0
    assert all(Decimal(row["amount"]) < 0 for row in files.bills)
    for bill in files.bills:
        file = (lane.parent / "meters" / f"{bill['meter']}.csv").read_text(encoding="utf-8")
        exact = sum(Fraction(line.split(",")[1]) for line in file.splitlines()) * 1000 / 12
        assert abs(Fraction(bill["energy_wh"]) - exact) <= Fraction(1, 1000)


@pytest.mark.parametrize("settings", [(), ("pes.combine=none",), ("pes.hold=8h",), ("grace=1h", "frame=1")])
def test_more_homes_than_lanes_spread_over_several_plaintexts(
    settings: tuple[str, ...], street: Callable[..., Path], carry: Callable[..., Any]
) -> None:
    lane = street(meters=20, end="2016-03-01 04:00", leave_out=lambda meter, stamp: meter == 7 and stamp.hour == 1)
    small = carry(lane, "crypto.aggregate.key_bits=256", *settings)
    # 32 bits a lane and 255 bits of plaintext: seven or eight lanes for twenty homes.
    opened = small.result["views"]["releaser"]["decrypted"]
    assert opened >= 3 * len(small.billing) // 20 + len(small.demand) // 8
    whole = carry(lane, "crypto.aggregate.key_bits=1024")
    assert whole.result["views"]["releaser"]["decrypted"] < opened
    assert small.numbers == whole.numbers


@pytest.mark.parametrize("bits", [257, 1027, 1031])
def test_a_key_of_no_whole_number_of_bytes_gives_the_same_numbers(
    bits: int, street: Callable[..., Path], carry: Callable[..., Any]
) -> None:
    lane = street()
    files = carry(lane, f"crypto.aggregate.key_bits={bits}")
    assert files.numbers == carry(lane).numbers


# Workers.


@pytest.mark.slow
def test_the_numbers_do_not_depend_on_how_many_workers_there_are(
    street: Callable[..., Path], carry: Callable[..., Any]
) -> None:
    lane = street(leave_out=lambda meter, stamp: meter == 2 and stamp.hour == 1)
    settings = (*WORTH_WORKERS[:-1], "crypto.aggregate.key_bits=1027")
    one, two, five = (carry(lane, *settings, options=("--verify", "--workers", str(workers))) for workers in (1, 2, 5))
    assert one.numbers == two.numbers == five.numbers
    assert one.result["counts"] == two.result["counts"] == five.result["counts"]


def workers_of_this_process() -> set[int]:
    return {process.pid for process in multiprocessing.active_children() if process.pid is not None}


def kill(workers: set[int]) -> None:
    for worker in workers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)


def within_patience(work: Callable[[], Any]) -> Any:
    """Do ``work`` in a thread of its own, and fail rather than wait for it for ever."""
    outcome: list[Any] = []

    def caught() -> None:
        try:
            outcome.append(work())
        except BaseException as error:  # noqa: BLE001 - handed over to the test's own thread
            outcome.append(error)

    before = workers_of_this_process()
    thread = threading.Thread(target=caught, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    if thread.is_alive():
        kill(workers_of_this_process() - before)
        pytest.fail(f"the run hangs: it has not ended in {PATIENCE} s")
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["while they start", "in the midst"])
@pytest.mark.parametrize("which", ["one", "all"])
def test_a_run_whose_workers_are_killed_says_so_and_ends_with_the_right_numbers(
    which: str, moment: str, street: Callable[..., Path], tmp_path: Path
) -> None:
    scenario = load_scenario(str(street(end="2016-03-01 16:00")), WORTH_WORKERS)
    state = StateFolder(tmp_path / "state")
    before = workers_of_this_process()
    killed: set[int] = set()

    def strike() -> None:
        there = sorted(workers_of_this_process() - before)
        killed.update(there[:1] if which == "one" else there)
        kill(killed)

    def strike_early() -> None:
        deadline = time.monotonic() + PATIENCE
        while not killed and time.monotonic() < deadline:
            strike()
            time.sleep(0.001)

    def carried() -> list[Any]:
        events = []
        for event in run(scenario, state, unlock=KeyFileUnlock(state.keys), workers=2, verify=True):
            events.append(event)
            if moment == "in the midst" and not killed and isinstance(event, Progress) and event.stage == "read":
                strike()
        return events

    if moment == "while they start":
        threading.Thread(target=strike_early, daemon=True).start()
    events = within_patience(carried)
    assert killed, "there was no worker to kill"
    (fault,) = (event for event in events if isinstance(event, Fault) and event.what == "worker")
    assert isinstance(events[-1], Finished)
    told = events[-1].result.warnings
    assert [warning for warning in told if fault.reason in warning], "whoever hears no events reads it in the result"
    *_, again = run(scenario, state, unlock=KeyFileUnlock(state.keys))
    assert isinstance(again, Finished)
    assert again.result.warnings == told, "as often as it is asked for"
    assert events[-1].result.verified is True
    assert events[-1].result.counts.readings == 5 * 16 * 12
    assert not workers_of_this_process() - before


def in_group(group: int) -> list[str]:
    """The processes of a group that have not ended, as the system lists them."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdecimal():
                state, _, process_group, *_ = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(process_group) == group and state not in "ZX":
                    found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


def holds_carried(state: Path) -> bool:
    """Whether a run has come beyond its first hold. Its workers are there before its journal is."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{state / 'journal.sqlite'}?mode=ro", uri=True)) as journal:
            return bool(journal.execute("SELECT 1 FROM progress").fetchall())
    except sqlite3.OperationalError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc")
@pytest.mark.parametrize(
    ("moment", "heard_by"), [("while they start", "all of the terminal"), ("in the midst", "the run alone")]
)
def test_ctrl_c_ends_a_run_and_its_workers_and_the_same_command_goes_on(
    moment: str,
    heard_by: str,
    street: Callable[..., Path],
    tmp_path: Path,
    carry: Callable[..., Any],
    files_in: Callable[[Path], Any],
) -> None:
    lane, state, out = street(end="2016-03-01 20:00"), tmp_path / "state", tmp_path / "out"
    settings = [part for setting in SLOW for part in ("--set", setting)]
    paths = ["--state", str(state), "--out", str(out)]
    command = [sys.executable, "-m", "smarter", "run", str(lane), *settings, *paths]
    command += ["--workers", "2", "--verify", "--reveal-meters", "--quiet"]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + PATIENCE
    try:
        while process.poll() is None and time.monotonic() < deadline:
            at_work = any("spawn_main" in line for line in in_group(process.pid))
            if at_work and (moment == "while they start" or holds_carried(state)):
                break
            time.sleep(0.005)
        assert process.poll() is None, "the run was over before it could be stopped"
        (os.kill if heard_by == "the run alone" else os.killpg)(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 130, err
        assert err == "smarter: interrupted; the same command takes the run up where it was.\n"
        while in_group(process.pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert in_group(process.pid) == []
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert not out.exists()
    again = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (again.returncode, again.stderr) == (0, "")
    assert files_in(out).numbers == carry(lane).numbers


@pytest.mark.parametrize("kind", ["demand", "billing"])
@pytest.mark.parametrize("shown", [("--json",), ()], ids=["as JSON", "as tables"])
def test_a_damaged_record_of_either_kind_is_told_however_the_result_is_asked_for(
    kind: str,
    shown: tuple[str, ...],
    street: Callable[..., Path],
    carry: Callable[..., Any],
    smarter: Callable[..., Any],
    tmp_path: Path,
) -> None:
    lane, state = street(), tmp_path / "state"
    carry(lane, "store.plugin=sqlite", state=state)
    with contextlib.closing(sqlite3.connect(state / "store" / "store.sqlite")) as store, store:
        store.execute("UPDATE records SET body = zeroblob(length(body)) WHERE kind = ?", [kind])
    said = smarter("run", lane, "--set", "store.plugin=sqlite", "--state", state, "--quiet", *shown)
    assert said.code == 4
    assert "do not verify" in said.err
