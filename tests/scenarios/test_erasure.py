"""A household is erased: its keys are gone, nothing of it opens any more in no copy, its bills stand, others stay."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from smarter.errors import AuthenticationFailed, DamagedStore
from smarter.export.files import write_outputs
from smarter.keys.data_key import name_of
from smarter.keys.derive import epoch_keys
from smarter.keys.keystore import Keystore
from smarter.keys.signing import verify
from smarter.keys.unlock import KeyFileUnlock
from smarter.model.audit import LOCAL
from smarter.model.bills import Bill
from smarter.model.events import Finished, Progress
from smarter.model.messages import Frame
from smarter.model.results import WindowRow
from smarter.parties.mdms import DataKeys
from smarter.protocols.audit_reading import check_audit, default_heads, read_audit
from smarter.protocols.enrolment import find_meter
from smarter.protocols.erasure import erase
from smarter.protocols.notice import demand_taken, notice_of
from smarter.protocols.pes_state import PesState
from smarter.protocols.portion import portion
from smarter.protocols.provision import Keyring
from smarter.protocols.receipt import SIGNING_CONTEXT, SignedReceipt
from smarter.protocols.session import Session, recall, reporting
from smarter.run import run
from smarter.scenario import Scenario, load_scenario, parse_scenario
from smarter.state import Deliveries, DemandKeyFile, Journal, Sent, StateFolder, WrappedKeys
from tests.support.coalitions import rank
from tests.support.copies import put_back_journal

DAY = 86_400
WEEKS = """\
version: 1
name: weeks
insecure_demo: true
neighbourhoods:
  lane: {timezone: Europe/Berlin, source: {plugin: csv, path: FOLDER}}
# A Friday to a Tuesday, in which a week begins and the clock is put forward.
time: {start: 2016-03-25, end: 2016-03-29}
windows: {reading: 15min, demand: 1h, billing: 3h}
frame: 7
pes: {hold: 315min}
crypto:
  aggregate: {plugin: paillier, key_bits: 512}
  deliver: {plugin: rsa-oaep, key_bits: 2048}
tariff: {plugin: flat, rate: "0.25", currency: EUR, period: week}
"""


@dataclass(frozen=True)
class Answers:
    """What the MDMS answers of a household, and of the neighbourhood."""

    rows: list[WindowRow]
    bills: list[Bill]
    demand: list[WindowRow]

    @property
    def totals(self) -> list[Bill]:
        """The bills without their lines."""
        return [replace(bill, lines=()) for bill in self.bills]

    @property
    def statuses(self) -> list[str]:
        return [row.status for row in self.rows]


def without(demand: list[WindowRow], is_gone: Callable[[WindowRow], bool]) -> list[WindowRow]:
    """Demand of which some is erased."""
    nothing = {"energy": None, "readings": 0, "meters": 0, "status": "erased"}
    return [replace(row, **nothing) if is_gone(row) else row for row in demand]  # type: ignore[arg-type]


@dataclass
class Weeks:
    """The lane of homes with a state, and what opens it."""

    text: str
    base: Path
    state: StateFolder

    def __post_init__(self) -> None:
        self.unlock = KeyFileUnlock(self.state.keys)

    @property
    def scenario(self) -> Scenario:
        return parse_scenario(self.text, source="weeks", base=self.base)

    def until(self, end: str) -> Weeks:
        """The same, to another end."""
        return Weeks(self.text.replace("end: 2016-03-29", f"end: {end}"), self.base, self.state)

    def copy(self, folder: Path) -> Weeks:
        """A backup."""
        shutil.copytree(self.state.path, folder)
        return Weeks(self.text, self.base, StateFolder(folder))

    def run(self, *, workers: int = 1) -> Finished:
        *_, last = run(self.scenario, self.state, unlock=self.unlock, verify=True, workers=workers)
        assert isinstance(last, Finished)
        return last

    def run_to(self, holds: int) -> None:
        """Be stopped after so many holds, as by a kill."""
        events = run(self.scenario, self.state, unlock=self.unlock)
        carried = 0
        for event in events:
            carried += isinstance(event, Progress) and event.stage == "read"
            if carried == holds:
                events.close()  # type: ignore[attr-defined]
                return

    @contextmanager
    def opened(self) -> Iterator[Session]:
        session = recall(self.scenario, self.state)
        assert session is not None
        try:
            yield session
        finally:
            session.journal.close()

    def store(self, party: str) -> Keystore:
        return Keystore.open(self.state.keys, party, self.unlock)

    def erase(self, home: str = "home1", at: float = 1.7e9) -> SignedReceipt:
        with self.opened() as session:
            kept = find_meter(session, home)
            return erase(session, self.state, self.unlock, kept, by=LOCAL, clock=lambda: at)

    def answers(self, home: str = "home1") -> Answers:
        with self.opened() as session, reporting(session, self.state, self.unlock) as report:
            name = find_meter(session, home).pseudonym.hex()
            rows = list(report.household(name, "lane"))
            answers = Answers(rows, report.bills(name, "Europe/Berlin", rows), list(report.demand("lane")))
            assert report.damaged == []
            return answers

    def written(self, folder: Path) -> dict[str, list[dict[str, str]]]:
        """The CSV files as ``smarter run --out`` writes them, and ``names``: each pseudonym's home."""
        result = self.run().result
        with self.opened() as session, reporting(session, self.state, self.unlock) as report:
            write_outputs(folder, session, report, result, reveal_meters=False)
            names = {kept.pseudonym.hex(): kept.source for kept in session.roster["lane"]}
        tables = {"names": [names]}
        for name in ("billing", "demand"):
            with (folder / f"{name}.csv").open(newline="", encoding="utf-8") as file:
                tables[name] = list(csv.DictReader(file))
        return tables

    def frames(self, home: str = "home1") -> list[Frame]:
        with self.opened() as session:
            return [Frame.decode(data) for data in session.journal.frames(find_meter(session, home).pseudonym)]

    def secrets(self, home: str = "home1") -> dict[int, bytes]:
        """The secrets of the meter's key epochs."""
        with self.opened() as session:
            name = find_meter(session, home).pseudonym.hex()
        return {int(entry.fingerprint, 16): entry.private for entry in self.store("meters").entries(f"epoch/{name}")}


@pytest.fixture(scope="module")
def weeks_text(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("homes")
    for home in range(1, 7):
        stamps = [datetime(2016, 3, 25) + timedelta(minutes=15 * slot) for slot in range(6 * 96)]
        there = [stamp for stamp in stamps if (stamp.day, stamp.hour) != (27, 2)]  # the clock was put forward
        rows = [f"{stamp},{(home * 97 + place * 13) % 700 / 100 - 1}" for place, stamp in enumerate(there)]
        (folder / f"home{home}.csv").write_text("\n".join(["stamp,kW", *rows]) + "\n")
    return WEEKS.replace("FOLDER", str(folder))


@pytest.fixture(scope="module")
def make(weeks_text: str, checkout: Path) -> Callable[..., Weeks]:
    def weeks(folder: Path, **changes: str) -> Weeks:
        text = weeks_text
        for old, new in changes.items():
            text = text.replace(old, new)
        return Weeks(text, checkout, StateFolder(folder))

    return weeks


@pytest.fixture(scope="module")
def finished(make: Callable[..., Weeks], tmp_path_factory: pytest.TempPathFactory) -> Weeks:
    """For reading: nobody changes it."""
    weeks = make(tmp_path_factory.mktemp("finished"))
    weeks.run()
    return weeks


@pytest.fixture
def weeks(finished: Weeks, tmp_path: Path) -> Weeks:
    return finished.copy(tmp_path / "weeks")


@pytest.fixture(scope="module")
def erased(finished: Weeks, tmp_path_factory: pytest.TempPathFactory) -> tuple[Weeks, SignedReceipt]:
    """For reading, too."""
    weeks = finished.copy(tmp_path_factory.mktemp("erased") / "weeks")
    return weeks, weeks.erase()


class TestBillingPeriods:
    MONDAY = 1_459_116_000
    """2016-03-28, midnight in Berlin."""

    def test_each_have_a_key_epoch_that_begins_in_the_middle_of_a_hold_and_of_no_frame(self, finished: Weeks) -> None:
        frames = finished.frames()
        starts = [
            (frame.header.epoch, frame.header.first_slot * 900, (frame.header.first_slot + frame.header.count) * 900)
            for frame in frames
        ]
        assert {epoch for epoch, *_ in starts} == {1, 2}
        assert max(end for epoch, _, end in starts if epoch == 1) == self.MONDAY
        assert min(start for epoch, start, _ in starts if epoch == 2) == self.MONDAY
        assert set(finished.secrets()) == {1, 2}

    def test_each_have_a_data_key_of_every_household(self, finished: Weeks) -> None:
        purposes = [entry.purpose.rpartition("/") for entry in finished.store("mdms").entries()]
        periods = [period for of, _, period in purposes if of.startswith("data/")]
        assert sorted(periods) == ["2016-03-21"] * 6 + ["2016-03-28"] * 6

    def test_each_have_a_key_of_what_the_pes_keeps_and_earlier_ones_are_gone(self, finished: Weeks) -> None:
        (key,) = finished.store("pes").entries("state")
        with finished.opened() as session:
            snapshot = session.journal.snapshot("pes")
        assert snapshot is not None
        assert name_of(snapshot) == key.fingerprint

    def test_change_no_number_however_often_a_run_is_stopped(
        self, finished: Weeks, make: Callable[..., Weeks], tmp_path: Path
    ) -> None:
        # The week begins in the 14th hold.
        weeks = make(tmp_path)
        for holds in (3, 10, 1, 1, 1):
            weeks.run_to(holds)
        weeks.run(workers=2)
        mine, theirs = weeks.answers(), finished.answers()
        assert [row.energy for row in mine.rows] == [row.energy for row in theirs.rows]
        assert [row.energy for row in mine.demand] == [row.energy for row in theirs.demand]
        assert [bill.amount for bill in mine.bills] == [bill.amount for bill in theirs.bills]

    @pytest.mark.parametrize("after", [False, True])
    @pytest.mark.parametrize(
        ("owner", "name", "call"),
        [
            (Journal, "begin_epochs", 2),
            (WrappedKeys, "begin", 2),
            (Keyring, "keep_epochs", 2),
            (WrappedKeys, "forget", 2),
            (PesState, "renew", 2),
            (Keyring, "keep_data_keys", 1),
            (Journal, "put", 1),
        ],
    )
    def test_may_be_killed_as_they_begin(
        self,
        finished: Weeks,
        make: Callable[..., Weeks],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        owner: type,
        name: str,
        call: int,
        after: bool,
    ) -> None:
        class Killed(BaseException):
            pass

        calls = iter(range(1, 1_000))
        method = getattr(owner, name)

        def dying(*arguments: Any, **named: Any) -> Any:
            mine = next(calls) == call
            if mine and not after:
                raise Killed
            answer = method(*arguments, **named)
            if mine:
                raise Killed
            return answer

        weeks = make(tmp_path)
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, dying)
            with pytest.raises(Killed):
                weeks.run()
        weeks.run()
        assert [row.energy for row in weeks.answers().rows] == [row.energy for row in finished.answers().rows]
        assert {frame.header.epoch for frame in weeks.frames()} <= set(weeks.secrets())
        assert len(list(weeks.store("pes").entries("state"))) == 1

    def test_frames_on_their_way_are_let_in_after_a_restart_in_the_next_period(
        self, make: Callable[..., Weeks], tmp_path: Path
    ) -> None:
        late = (
            "grace: 12h\nfaults:\n"
            "  - {kind: delay, neighbourhood: lane, meter: home1, at: '2016-03-27 23:50', by: 6h}\n"
            "  - {kind: tamper, neighbourhood: lane, meter: home2, at: '2016-03-27 23:50'}\n"
            "  - {kind: delay, neighbourhood: lane, meter: home3, at: '2016-03-28 00:00', by: 6h}\n"
            "frame: 7"
        )
        weeks = make(tmp_path, **{"frame: 7": late})
        weeks.run_to(14)
        # What is let in is verified against the plaintext.
        assert weeks.run().result.counts.dropped["pes"] == {"authentication failed": 1}

    def test_leave_no_secret_of_an_epoch_whose_frames_need_not_be_kept(
        self, make: Callable[..., Weeks], tmp_path: Path
    ) -> None:
        weeks = make(tmp_path, **{"frame: 7": "frame: 7\naccounts: {keep_frames: 6h}"})
        weeks.until("2016-03-28 12:00").run()
        assert set(weeks.secrets()) == {1, 2}
        weeks.run()
        assert set(weeks.secrets()) == {2, 3}
        with weeks.opened() as session:
            assert {each.epoch for each in session.wrapped.epochs()} == {2, 3}


class TestErasing:
    def test_leaves_the_bills_as_they_were_to_the_cent(
        self, finished: Weeks, erased: tuple[Weeks, SignedReceipt]
    ) -> None:
        before, after = finished.answers(), erased[0].answers()
        assert len(before.bills) == 2
        assert after.bills == before.totals

    def test_leaves_no_window_of_the_household_and_takes_the_last_demand_window_of_each_along(
        self, finished: Weeks, erased: tuple[Weeks, SignedReceipt]
    ) -> None:
        before, after = finished.answers(), erased[0].answers()
        assert set(after.statuses) == {"erased"}
        assert {(row.energy, row.readings) for row in after.rows} == {(None, 0)}
        ends = {row.end for row in after.rows}
        assert after.demand == without(before.demand, lambda row: row.end in ends)
        assert [row.status for row in after.demand].count("erased") == 32

    def test_is_in_the_ledger(self, erased: tuple[Weeks, SignedReceipt]) -> None:
        weeks, _ = erased
        with weeks.opened() as session:
            name = find_meter(session, "home1").pseudonym.hex()
            rows = [row for row in session.journal.ledger() if row.erased]
        assert {row.holder for row in rows} == {name, "lane"}
        assert len(rows) == 64
        gone = [row.start for row in weeks.answers().demand if row.status == "erased"]
        assert [row.start for row in rows if row.kind == "demand"] == gone

    def test_touches_no_other_household(self, finished: Weeks, erased: tuple[Weeks, SignedReceipt]) -> None:
        for home in ("home2", "home6"):
            before, after = finished.answers(home), erased[0].answers(home)
            assert (after.rows, after.bills) == (before.rows, before.bills)
            assert erased[0].secrets(home) == finished.secrets(home)
            assert len(erased[0].frames(home)) == len(finished.frames(home))

    def test_leaves_no_frame_and_none_of_its_bytes(self, finished: Weeks, erased: tuple[Weeks, SignedReceipt]) -> None:
        assert erased[0].frames() == []
        frames = [frame.encode() for frame in finished.frames()]
        written = b"".join(file.read_bytes() for file in erased[0].state.path.rglob("*") if file.is_file())
        assert frames[0] in b"".join(file.read_bytes() for file in finished.state.path.rglob("*") if file.is_file())
        assert not any(frame[60:] in written for frame in frames)

    def test_verifies_what_is_left_and_says_how_much_is_not(self, erased: tuple[Weeks, SignedReceipt]) -> None:
        weeks, _ = erased
        result = weeks.run().result
        assert result.verified
        # Four days of 8 windows; the one over the change of clocks is an hour shorter.
        assert result.counts.windows["billing"] == {"erased": 32, "complete": 160}
        assert result.counts.windows["demand"] == {"erased": 32, "complete": 63}
        assert "32 demand and 32 billing windows were erased: they could not be verified." in result.warnings
        assert result.exposed == 0, "the audit of releases finds nothing in what is left"

    def test_gives_a_receipt_that_the_meter_has_signed(
        self, finished: Weeks, erased: tuple[Weeks, SignedReceipt]
    ) -> None:
        weeks, signed = erased
        with weeks.opened() as session:
            kept = find_meter(session, "home1")
        verify(kept.verify_key, signed.text.encode(), signed.signature, SIGNING_CONTEXT)
        with pytest.raises(AuthenticationFailed):
            verify(kept.verify_key, signed.text.replace("erase", "keep").encode(), signed.signature, SIGNING_CONTEXT)
        receipt = signed.receipt
        assert json.loads(signed.text)["destroyed"] == receipt.destroyed
        assert receipt.destroyed == {
            "epoch_secrets": 2,
            "announcements": 2,
            "seal_keys": 0,
            "frames": len(finished.frames()),
            "data_keys": 2,
            "demand_keys": 32,
            "deliveries": 0,
        }
        (demand,) = [sentence for sentence in receipt.stays if "demand windows" in sentence]
        assert "Of the 95 demand windows beside the erased bills 32 were taken along (about 34 %)" in demand
        assert receipt.keys["epochs"] == ("00000001", "00000002")
        assert len(receipt.keys["pes_state"]) == 1
        assert [bill.amount for bill in receipt.bills] == [str(bill.amount) for bill in finished.answers().bills]
        assert receipt.open_from == ""

    def test_empties_the_mailbox_of_what_was_granted_and_not_fetched(self, weeks: Weeks) -> None:
        with weeks.opened() as session:
            mine, other = (find_meter(session, home).pseudonym for home in ("home1", "home2"))
        mailbox = Deliveries(weeks.state.deliveries)
        for number, meter in enumerate((mine, other), 1):
            sent = Sent(f"{number:032x}", 1, meter, "key", 0, 3600, 1, 1 << 40, 0)
            assert mailbox.put([(sent, b"sums of " + meter)], lambda: True)
        assert weeks.erase().receipt.destroyed["deliveries"] == 1
        assert mailbox.fetch(f"{1:032x}", 1, lambda: True)[0] == []
        assert mailbox.fetch(f"{2:032x}", 1, lambda: True)[0] == [b"sums of " + other]
        mailbox.close()
        assert b"sums of " + mine not in weeks.state.deliveries.read_bytes()

    def test_is_noted_in_the_audit_log_before_anything_is_destroyed(
        self, weeks: Weeks, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def stop(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(Journal, "keep_bills", stop)
        with pytest.raises(KeyboardInterrupt):
            weeks.erase()
        check_audit(weeks.state, default_heads(weeks.state))
        *_, last = read_audit(weeks.state).entries
        assert (last.action, last.actor) == ("erasure", "operator:local")
        with weeks.opened() as session:
            assert find_meter(session, "home1").pseudonym.hex() not in repr(last)


class TestACopyFromBefore:
    """Of the whole state but ``keys/``, as it is backed up, beside the keystores as they are after the erasure."""

    @pytest.fixture
    def copy(self, finished: Weeks, erased: tuple[Weeks, SignedReceipt], tmp_path: Path) -> Weeks:
        copy = finished.copy(tmp_path / "copy")
        shutil.rmtree(copy.state.keys)
        shutil.copytree(erased[0].state.keys, copy.state.keys)
        return copy

    def test_has_no_key_left_that_opens_anything(self, finished: Weeks, copy: Weeks) -> None:
        gone = [*finished.secrets().values()]
        with finished.opened() as session:
            meter = find_meter(session, "home1").pseudonym
            announced = [each.announcement for each in session.wrapped.epochs() if each.pseudonym == meter]
            for epoch, secret in finished.secrets().items():
                of = {"deployment": session.deployment, "pseudonym": meter, "epoch": epoch}
                gone.append(epoch_keys(secret, cipher_key_bytes=32, **of).seal)  # type: ignore[arg-type]
        old_data = [
            entry.private
            for entry in finished.store("mdms").entries()
            if entry.purpose.startswith(f"data/{meter.hex()}")
        ]
        old_state = [entry.private for entry in finished.store("pes").entries("state")]
        assert (len(gone), len(old_data), len(old_state)) == (4, 2, 1)
        gone += [*old_data, *old_state, *filter(None, announced)]
        held = [
            entry.private for party in ("meters", "pes", "mdms", "releaser") for entry in copy.store(party).entries()
        ]
        assert not [secret for secret in gone for private in held if private and secret in private]
        written = copy.state.wrapped_keys.read_bytes()
        assert not [secret for secret in gone if secret in written]

    def test_opens_no_frame(self, copy: Weeks) -> None:
        frames = copy.frames()
        assert frames
        assert not {frame.header.epoch for frame in frames} & set(copy.secrets())

    def test_opens_no_window_and_all_those_of_others(
        self, finished: Weeks, erased: tuple[Weeks, SignedReceipt], copy: Weeks
    ) -> None:
        assert set(copy.answers().statuses) == {"erased"}
        assert copy.answers().demand == erased[0].answers().demand
        assert copy.answers("home2").rows == finished.answers("home2").rows

    def test_has_lost_the_bills_that_were_kept_after_it_was_made(self, copy: Weeks) -> None:
        assert [(bill.energy, bill.amount, bill.status) for bill in copy.answers().bills] == [
            (None, None, "erased")
        ] * 2

    def test_opens_nothing_that_the_pes_kept_and_cannot_be_run_on(self, copy: Weeks) -> None:
        with copy.opened() as session, pytest.raises(DamagedStore, match="copy from before"):
            PesState.of(session, copy.store("pes")).snapshots(session.journal)
        with pytest.raises(DamagedStore, match="copy from before"):
            copy.until("2016-03-30").run()

    def test_can_be_erased_again(self, copy: Weeks) -> None:
        copy.erase()
        assert copy.frames() == []
        assert set(copy.answers().statuses) == {"erased"}


def erased_by(weeks: Weeks) -> list[tuple[str, int, bool]]:
    """What the ledger says of each window of demand and of home1."""
    with weeks.opened() as session:
        holders = {"lane", find_meter(session, "home1").pseudonym.hex()}
        return [(row.kind, row.start, row.erased) for row in session.journal.ledger() if row.holder in holders]


def test_killed_at_any_step_and_repeated_an_erasure_ends_the_same_and_never_costs_a_bill(
    finished: Weeks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = finished.answers()
    whole = finished.copy(tmp_path / "whole")
    went = whole.erase().receipt.destroyed["demand_keys"]
    gone = whole.answers()

    class Killed(BaseException):
        pass

    def erase_with(weeks: Weeks, steps: int) -> bool:
        """Erase, and be killed before the step after so many; whether that came."""
        left = iter(range(steps))

        def dying(method: Callable[..., Any]) -> Callable[..., Any]:
            def step(*arguments: Any, **named: Any) -> Any:
                if next(left, None) is None:
                    raise Killed
                return method(*arguments, **named)

            return step

        with monkeypatch.context() as patch:
            for owner, name in (
                (Keystore, "save"),
                (Journal, "keep_bills"),
                (Journal, "erase"),
                (Journal, "put"),
                (WrappedKeys, "erase"),
                (DemandKeyFile, "destroy"),
                (Journal, "mark_erased"),
            ):
                patch.setattr(owner, name, dying(getattr(owner, name)))
            try:
                weeks.erase()
            except Killed:
                return True
        return False

    steps = 0
    while True:
        weeks = finished.copy(tmp_path / f"{steps}")
        killed = erase_with(weeks, steps)
        left = weeks.answers()
        assert left.totals == before.totals
        if "erased" in left.statuses:
            assert left.demand == gone.demand  # it goes first: else the bill that is gone could be computed
        again = weeks.erase(at=1.8e9)
        after = weeks.answers()
        assert (after.bills, set(after.statuses), after.demand) == (before.totals, {"erased"}, gone.demand)
        assert again.receipt.destroyed["demand_keys"] == (went if killed else 0)
        assert erased_by(weeks) == erased_by(whole)
        assert (weeks.frames(), weeks.secrets()) == ([], {})
        assert len(list(weeks.store("pes").entries("state"))) == 1
        assert weeks.answers("home2").rows == finished.answers("home2").rows
        if not killed:
            break
        steps += 1
    assert steps == 11


class TestARunThatGoesOn:
    def test_keeps_the_open_periods_windows_until_their_bill_stands(
        self, finished: Weeks, make: Callable[..., Weeks], tmp_path: Path
    ) -> None:
        weeks = make(tmp_path)
        weeks.run_to(17)  # a week is through, and the next one has begun
        weeks.run_to(1)  # which first delivers what was waiting
        signed = weeks.erase()
        assert signed.receipt.open_from == "2016-03-28T00:00:00+02:00"
        assert len(signed.receipt.bills) == 1
        assert (weeks.frames(), weeks.secrets()) == ([], {})
        weeks.run()
        whole, answers = finished.answers(), weeks.answers()
        assert [(bill.energy, bill.amount) for bill in answers.bills] == [
            (bill.energy, bill.amount) for bill in whole.bills
        ]
        statuses = [row.status for row in answers.rows]
        assert statuses == ["erased"] * statuses.count("erased") + ["complete"] * 8
        ends = {row.end for row in answers.rows if row.status == "erased"}
        assert answers.demand == without(whole.demand, lambda row: row.end in ends)
        # What was measured since is there, and in an epoch with a number of its own.
        assert {frame.header.epoch for frame in weeks.frames()} == set(weeks.secrets())
        assert min(weeks.secrets()) > 2

        weeks.erase(at=1.8e9)
        assert set(weeks.answers().statuses) == {"erased"}
        assert [bill.amount for bill in weeks.answers().bills] == [bill.amount for bill in whole.bills]

    def test_still_delivers_what_waited_to_be_when_it_was_stopped(
        self, finished: Weeks, make: Callable[..., Weeks], tmp_path: Path
    ) -> None:
        weeks = make(tmp_path)
        weeks.run_to(6)
        with weeks.opened() as session:
            assert len(session.journal.outbox()) > 5
        assert weeks.erase().receipt.bills == ()
        weeks.run()
        assert [row.energy for row in weeks.answers().rows] == [row.energy for row in finished.answers().rows]

    def test_loses_the_frames_of_the_household_that_are_on_their_way(
        self, make: Callable[..., Weeks], tmp_path: Path
    ) -> None:
        late = "".join(
            f"  - {{kind: delay, neighbourhood: lane, meter: {home}, at: '2016-03-25 02:00', by: 6h}}\n"
            for home in ("home1", "home2")
        )
        weeks = make(tmp_path, **{"frame: 7": f"grace: 12h\nfaults:\n{late}frame: 7"})
        weeks.run_to(1)
        weeks.erase()
        weeks.run()  # which the plaintext bears out
        mine, other = (weeks.answers(home).rows[0] for home in ("home1", "home2"))
        assert (other.status, mine.readings < other.readings == 12) == ("complete", True)

    def test_of_which_a_billing_period_has_ended_since_cannot_be_run_on_with_an_older_journal(
        self, make: Callable[..., Weeks], tmp_path: Path
    ) -> None:
        weeks = make(tmp_path / "weeks")
        weeks.run_to(10)
        backup = weeks.copy(tmp_path / "backup")
        weeks.run()
        put_back_journal(weeks.state, backup.state.journal)
        with pytest.raises(DamagedStore, match="copy from before"):
            weeks.run()

    def test_bills_what_comes_later_in_an_erased_period_by_itself(self, weeks: Weeks) -> None:
        before, others = weeks.answers(), weeks.answers("home2")
        weeks.erase()
        later = weeks.until("2016-03-30")
        later.run()
        bills = later.answers().bills
        assert [replace(bill, lines=()) for bill in bills[:2]] == before.totals
        assert (len(bills), len(later.answers("home2").bills), len(others.bills)) == (3, 2, 2)
        assert bills[2].start == bills[1].end
        assert bills[2].status == "complete"
        later.erase(at=1.8e9)
        assert later.answers().totals == [replace(bill, lines=()) for bill in bills]

    def test_begins_no_key_epoch_again_when_the_journal_is_an_older_one(self, weeks: Weeks, tmp_path: Path) -> None:
        backup = weeks.copy(tmp_path / "backup")
        later = weeks.until("2016-03-28 12:00")
        with suppress(Exception):
            later.run()  # the end lies before: refused, and nothing is changed
        weeks.until("2016-03-30").run()
        numbers = set(weeks.secrets())
        # Only the journal is brought back; the PES has had the same key since.
        put_back_journal(weeks.state, backup.state.journal)
        weeks.until("2016-03-30").run()
        assert max(weeks.secrets()) > max(numbers)


K = 5
"""The least meters of a demand sum, by default: fewer of them learn nothing."""
GAPS = {
    "one erased": (0, 1),
    "two erased": (0, 2),
    "nine homes lost the last hour": (9, 2),
    "all homes lost the last hour": (10, 1),
}
"""How many of ten homes have no reading in the last hour of each billing window, and how many are erased."""


@dataclass(frozen=True)
class Lane:
    """Ten homes for a day, of which some have no readings at the end of each billing window.

    ``readings``: how many each home has in each hour.
    """

    weeks: Weeks
    readings: dict[str, dict[int, int]]


class TestWhatIsLeftOfDemand:
    """By the CSV files, and by the readings that each sum is of: no code of the release rules is in here."""

    @pytest.fixture
    def lane(self, request: pytest.FixtureRequest, make: Callable[..., Weeks], tmp_path: Path) -> Lane:
        losing, _ = GAPS[request.param]
        homes: dict[str, dict[int, int]] = {}
        (tmp_path / "homes").mkdir()
        for number in range(1, 11):
            rows, known = [], homes.setdefault(f"home{number}", {})
            for slot in range(96):
                stamp = datetime(2016, 3, 25) + timedelta(minutes=15 * slot)
                if number > losing or stamp.hour % 3 < 2:
                    rows.append(f"{stamp},{(number * 97 + slot * 13) % 700 / 100 - 1}")
                    known[stamp.hour] = known.get(stamp.hour, 0) + 1
            (tmp_path / "homes" / f"home{number}.csv").write_text("\n".join(["stamp,kW", *rows]) + "\n")
        weeks = make(tmp_path / "state", **{"end: 2016-03-29": "end: 2016-03-26"})
        text = weeks.text.replace(weeks.text.split("path: ")[1].split("}")[0], str(tmp_path / "homes"))
        return Lane(Weeks(text, weeks.base, weeks.state), homes)

    @pytest.mark.parametrize("lane", GAPS, indirect=True)
    def test_shows_nothing_to_fewer_than_min_meters(
        self, lane: Lane, request: pytest.FixtureRequest, tmp_path: Path
    ) -> None:
        _, many = GAPS[request.node.callspec.params["lane"]]
        bills, _ = self.files(lane, tmp_path / "before")
        homes = sorted({home for home, _ in bills})[:many]  # the rules may hold all bills of a home
        for home in homes:
            taken = lane.weeks.erase(home).receipt.destroyed["demand_keys"]
            assert taken >= (home == homes[0]), "a second household's erasure takes what is needed"
            bills, demand = self.files(lane, tmp_path / home)
            assert demand or home != homes[0], "some of it is left"
            forms = {f"bill {home} {start}": hours for (home, start), hours in bills.items()}
            forms |= {f"demand {hour}": members for hour, members in demand.items()}
            for start in range(0, 24, 3):
                here = [
                    (name, form) for name, form in forms.items() if min(hour for _, hour in form) // 3 == start // 3
                ]
                self.require_nothing_learnt(lane, here)

    @pytest.mark.parametrize("lane", ["one erased"], indirect=True)
    def test_less_all_other_bills_is_not_the_erased_one(self, lane: Lane, tmp_path: Path) -> None:
        lane.weeks.run()
        before = lane.weeks.answers()
        lane.weeks.erase()
        others = [lane.weeks.answers(f"home{number}").rows for number in range(2, 11)]
        demand = lane.weeks.answers().demand
        for window, row in enumerate(before.rows):
            inside = [each.energy or 0 for each in demand if row.start <= each.start < row.end]
            whole = [each.energy or 0 for each in before.demand if row.start <= each.start < row.end]
            billed = sum(rows[window].energy or 0 for rows in others)
            assert sum(whole) - billed == row.energy  # so it was
            assert sum(inside) - billed != row.energy

    def files(
        self, lane: Lane, folder: Path
    ) -> tuple[dict[tuple[str, int], list[tuple[str, int]]], dict[int, list[tuple[str, int]]]]:
        """What ``billing.csv`` and ``demand.csv`` have a number for: the readings that it is a sum of."""
        ended = lane.weeks.written(folder)
        bills: dict[tuple[str, int], list[tuple[str, int]]] = {}
        for row in ended["billing"]:
            home, start = ended["names"][0][row["meter"]], datetime.fromisoformat(row["window_start"]).hour
            if row["energy_wh"]:
                hours = [hour for hour in range(start, start + 3) if hour in lane.readings[home]]
                bills[home, start] = [(home, hour) for hour in hours]
        demand = {}
        for row in ended["demand"]:
            hour = datetime.fromisoformat(row["window_start"]).hour
            if row["energy_wh"]:
                demand[hour] = [(home, hour) for home, hours in lane.readings.items() if hour in hours]
        return bills, demand

    def require_nothing_learnt(self, lane: Lane, forms: list[tuple[str, list[tuple[str, int]]]]) -> None:
        """Exact rank modulo a prime over all coalitions, which know all of their own readings."""
        unknown = sorted({place for _, form in forms for place in form})
        matrix = [[int(place in form) for place in unknown] for _, form in forms]
        whole = rank(matrix)
        for size in range(1, K):
            for coalition in combinations(sorted(lane.readings), size):
                theirs = [name for name, _ in forms if name.split()[0] == "bill" and name.split()[1] in coalition]
                others = [place for place, (home, _) in enumerate(unknown) if home not in coalition]
                left = rank([[row[place] for place in others] for row in matrix])
                assert whole - left == len(theirs), (coalition, [name for name, _ in forms])


def test_the_notice_and_the_question_say_a_twelfth_for_quarters_of_an_hour_and_three_hours() -> None:
    scenario = load_scenario("quickstart", ("windows.demand=15min", "windows.billing=3h"))
    said = "along in each of its billing windows. That is a twelfth of the neighbourhood's demand in that time"
    assert said in demand_taken(scenario)
    assert said in " ".join(notice_of(scenario).text.split())
    assert "An erasure takes one of 12 demand windows of 15 minutes along" in demand_taken(scenario)
    assert "That is all of the neighbourhood's demand" in demand_taken(
        load_scenario("quickstart", ("windows.demand=3h",))
    )


@pytest.mark.parametrize(
    ("part", "whole", "words"),
    [
        *[(8, 96, "a twelfth"), (5, 5, "all"), (3, 6, "half"), (1, 40, "one in 40"), (1, 2_000, "one in 2,000")],
        *[(2, 5, "40 %"), (32, 95, "about 34 %"), (2, 999, "less than 1 %"), (7, 600, "about 1 %")],
    ],
)
def test_a_portion_in_words(part: int, whole: int, words: str) -> None:
    assert portion(part, whole) == words


def test_demand_of_an_earlier_version_has_no_keys_and_the_receipt_says_that_it_stays(
    make: Callable[..., Weeks], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weeks = make(tmp_path, **{"end: 2016-03-29": "end: 2016-03-26"})
    with monkeypatch.context() as patch:
        patch.setattr(DataKeys, "_seal_demand", lambda data, record: record)
        weeks.run()
    before = weeks.answers()
    receipt = weeks.erase().receipt
    assert receipt.destroyed["demand_keys"] == 0
    assert [
        sentence for sentence in receipt.stays if sentence.startswith("Demand of 8 billing windows that an earlier")
    ]
    assert weeks.answers().demand == before.demand
    with weeks.opened() as session:
        assert not [row for row in session.journal.ledger() if row.kind == "demand" and row.erased]
