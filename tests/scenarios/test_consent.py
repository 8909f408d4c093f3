"""Readings are used for what their customer agrees to, from a billing window's start on, and for nothing else."""

from __future__ import annotations

import contextlib
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smarter.errors import AuthenticationFailed, IntegrityError, UsageError
from smarter.keys.keystore import Keystore
from smarter.keys.passwords import Pbkdf2Cost
from smarter.keys.unlock import KeyFileUnlock
from smarter.model.audit import Note
from smarter.model.events import Event, Finished, Progress, Warned
from smarter.model.messages import EpochKey, Frame, Signed
from smarter.model.messages.epoch import PURPOSES
from smarter.model.messages.statement import Kind, Statement
from smarter.model.results import Result, WindowRow
from smarter.parties.customer import CustomerSecrets
from smarter.parties.meter.statements import Standing
from smarter.protocols.consent import timelines
from smarter.protocols.customer_desk import CustomerDesk
from smarter.protocols.customer_keys import CustomerKeys
from smarter.protocols.enrolment import enrol, find_meter, invite, move_out
from smarter.protocols.holder import Holder
from smarter.protocols.intake import Intake
from smarter.protocols.login import Login
from smarter.protocols.notice import Notice, notice_of
from smarter.protocols.plan import plan_run
from smarter.protocols.provision import Keyring
from smarter.protocols.readable_from import from_start
from smarter.protocols.session import Session, recall, reporting
from smarter.protocols.statements import agree, own_standing, own_statements, state
from smarter.run import run
from smarter.scenario import Scenario, parse_scenario
from smarter.state import Accounts, Journal, StateFolder, WrappedKeys
from smarter.state.statements import Statements

PASSWORD = "plaid-otter-vending-41"
HOMES = tuple(f"home{number}" for number in range(1, 7))
START = 1_451_606_400
"""2016-01-01, midnight UTC."""
MINUTE, HOUR = 60, 3600


@dataclass(frozen=True)
class Rows:
    """What a finished run says, meters by the source's names."""

    demand: list[WindowRow]
    billing: dict[str, list[WindowRow]]

    @property
    def plain(self) -> tuple[Any, ...]:
        """All of it, without pseudonyms."""

        def told(row: WindowRow) -> tuple[Any, ...]:
            return row.start, row.end, row.meters, row.readings, row.expected, row.energy, row.status, row.reason

        return [*map(told, self.demand)], {home: [*map(told, rows)] for home, rows in sorted(self.billing.items())}


@dataclass
class Lane:
    """Six homes, each with a customer who is called as the home."""

    text: str
    state: StateFolder
    base: Path
    until: str = "06:00"
    notes: list[Note] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.unlock = KeyFileUnlock(self.state.keys)

    @property
    def scenario(self) -> Scenario:
        text = self.text.replace("end: 2016-01-01 06:00", f"end: 2016-01-01 {self.until}")
        return parse_scenario(text, source="small", base=self.base)

    @property
    def notice(self) -> Notice:
        return notice_of(self.scenario)

    def start(self) -> Iterator[Event]:
        return run(self.scenario, self.state, unlock=self.unlock, verify=True)

    def run(self, until: str = "06:00") -> Result:
        self.until = until
        *_, last = self.start()
        assert isinstance(last, Finished)
        return last.result

    def holds(self, events: Iterator[Event], count: int) -> None:
        """Let a run go on for so many holds."""
        for event in events:
            count -= isinstance(event, Progress) and event.stage == "read"
            if not count:
                return

    @contextmanager
    def opened(self) -> Iterator[tuple[Session, Login, Keystore]]:
        session = recall(self.scenario, self.state)
        assert session is not None
        accounts = Accounts(self.state.accounts, lambda: 1e9)
        try:
            store = Keystore.open(self.state.keys, "meters", self.unlock)
            login = Login(accounts, session.deployment, Pbkdf2Cost(1), witness=self.notes.append)
            yield session, login, store
        finally:
            accounts.close()
            session.journal.close()

    def settle(self, home: str, *, agreed: bool = True) -> None:
        with self.opened() as (session, login, store):
            meter = find_meter(session, home)
            code = invite(session, login, store, meter, from_start(session, store, meter))
            notice = self.notice if agreed else None
            enrol(session, login, store, code=code, name=home, password=PASSWORD, notice=notice)

    @contextmanager
    def holding(self, home: str) -> Iterator[tuple[Session, Statements, Holder]]:
        with self.opened() as (session, login, _), closing(Statements(self.state.accounts)) as statements:
            yield session, statements, login.resume(login.log_in(home, PASSWORD))

    def say(self, home: str, kind: Kind) -> None:
        with self.holding(home) as (session, statements, holder):
            if kind == "agree":
                agree(session, statements, holder, self.notice, witness=self.notes.append)
            else:
                state(session, statements, holder, kind, witness=self.notes.append)

    def rows(self) -> Rows:
        with self.opened() as (session, _, _), reporting(session, self.state, self.unlock) as report:
            names = {kept.pseudonym.hex(): kept.source for kept in session.roster["lane"]}
            billing = {names[pseudonym]: list(rows) for pseudonym, _, rows in report.billing()}
            return Rows(list(report.demand("lane")), billing)

    def frames(self, home: str) -> list[Frame]:
        with self.opened() as (session, _, _):
            return [Frame.decode(data) for data in session.journal.frames(find_meter(session, home).pseudonym)]

    def own(self, home: str) -> list[int]:
        with self.holding(home) as (session, _, holder):
            return CustomerDesk(session, holder).readings().energies.tolist()  # type: ignore[no-any-return]

    def source(self, home: str) -> np.ndarray[Any, Any]:
        (plan,) = plan_run(self.scenario)
        meter = next(meter for meter in plan.meters if meter.name == home)
        return np.concatenate([block.energies for block in Intake(plan, meter).take(plan.first_slot, plan.end_slot)])

    def edit(self, statement: str, *values: object, file: Path | None = None) -> None:
        with closing(sqlite3.connect(file or self.state.accounts)) as opened, opened:
            opened.execute(statement, values)


@pytest.fixture(scope="module")
def make_lane(small_scenario: str, checkout: Path) -> Callable[..., Lane]:
    def make(folder: Path, consent: str = "consent: required") -> Lane:
        text = small_scenario.replace("consent: assumed", consent)
        return Lane(text, StateFolder(folder), checkout)

    return make


def begun(lane: Lane) -> Lane:
    """Its keys are made, and no hold has been carried."""
    lane.until = "03:00"
    events = lane.start()
    assert any(isinstance(event, Warned) for event in events)
    events.close()  # type: ignore[attr-defined]
    lane.until = "06:00"
    return lane


@pytest.fixture(scope="module")
def agreed(make_lane: Callable[..., Lane], tmp_path_factory: pytest.TempPathFactory) -> Lane:
    """Everybody has agreed, and nothing has been measured; for copying only."""
    lane = begun(make_lane(tmp_path_factory.mktemp("lane")))
    for home in HOMES:
        lane.settle(home)
    return lane


@pytest.fixture
def lane(agreed: Lane, tmp_path: Path) -> Lane:
    return Lane(agreed.text, StateFolder(shutil.copytree(agreed.state.path, tmp_path / "state")), agreed.base)


def summed(lane: Lane, homes: tuple[str, ...], first: int, end: int) -> int:
    """The energy of homes over minutes of the day."""
    return sum(int(lane.source(home)[first:end].sum()) for home in homes)


def statuses(rows: list[WindowRow]) -> list[str]:
    return [row.status for row in rows]


class TestRequired:
    def test_without_any_agreement_no_sum_holds_a_reading(self, make_lane: Callable[..., Lane], tmp_path: Path) -> None:
        lane = make_lane(tmp_path)
        result = lane.run()
        assert (result.counts.readings, result.counts.frames, result.counts.ciphertexts) == (0, 36, 0)
        assert {name: result.views["pes"][name] for name in ("frames", "opened", "readings", "unwrapped")} == {
            "frames": 0,
            "opened": 0,
            "readings": 0,
            "unwrapped": 0,
        }
        rows = lane.rows()
        assert set(statuses(rows.demand)) == {"missing"}
        assert all(set(statuses(billed)) == {"missing"} for billed in rows.billing.values())
        with lane.opened() as (session, _, _):
            assert list(session.journal.ledger()) == []
        assert any("6 sent nothing" in warning for warning in result.warnings)

    def test_it_holds_from_the_first_reading_on_where_a_span_starts_inside_a_billing_window(
        self, make_lane: Callable[..., Lane], tmp_path: Path
    ) -> None:
        lane = make_lane(tmp_path)
        lane.text = lane.text.replace("start: 2016-01-01,", "start: 2016-01-01 01:30,")
        result = lane.run()
        assert (result.counts.expected, result.counts.readings) == (6 * 270, 0)

    def test_the_pes_has_no_key_of_what_is_not_sent(self, make_lane: Callable[..., Lane], tmp_path: Path) -> None:
        lane = make_lane(tmp_path)
        lane.run()
        with lane.opened() as (session, _, _):
            announced = [
                EpochKey.decode(Signed.decode(each.announcement).body)
                for each in session.wrapped.epochs()
                if each.announcement
            ]
        assert announced
        assert {(each.purposes, each.receiver, each.wrapped) for each in announced} == {((), "", b"")}

    def test_with_everybodys_agreement_all_is_as_it_is_without_accounts(self, lane: Lane, finished_run: Any) -> None:
        assert lane.run().counts.windows == finished_run.result.counts.windows

    def test_who_has_not_agreed_is_in_no_sum_and_the_others_are(self, lane: Lane) -> None:
        lane.say("home6", "withdraw")
        lane.run()
        rows = lane.rows()
        assert statuses(rows.billing.pop("home6")) == ["missing", "missing"]
        assert all(statuses(billed) == ["complete", "complete"] for billed in rows.billing.values())
        assert statuses(rows.demand) == ["complete"] * 24
        assert {(row.meters, row.readings, row.expected) for row in rows.demand} == {(5, 75, 75)}
        assert rows.demand[7].energy == summed(lane, HOMES[:5], 105, 120)

    def test_a_household_that_is_left_out_still_sees_every_minute(self, lane: Lane) -> None:
        lane.say("home6", "withdraw")
        lane.run()
        assert lane.own("home6") == lane.source("home6").tolist()

    def test_a_customer_who_enrols_without_agreeing_is_left_out_until_they_agree(
        self, make_lane: Callable[..., Lane], tmp_path: Path
    ) -> None:
        lane = begun(make_lane(tmp_path))
        lane.settle("home1", agreed=False)
        lane.run("03:00")
        lane.say("home1", "agree")
        lane.run("06:00")
        assert statuses(lane.rows().billing["home1"]) == ["missing", "complete"]

    def test_after_moving_out_a_meter_sends_nothing(self, lane: Lane) -> None:
        lane.run("03:00")
        with lane.holding("home1") as (_, _, holder), lane.opened() as (session, login, store):
            move_out(session, login, store, holder.account)
        lane.run("06:00")
        assert statuses(lane.rows().billing["home1"]) == ["complete", "missing"]


class TestAssumed:
    def test_meters_without_a_customer_take_part_and_who_withdrew_does_not(
        self, make_lane: Callable[..., Lane], tmp_path: Path
    ) -> None:
        lane = make_lane(tmp_path, "consent: assumed")
        lane.run("03:00")
        lane.settle("home1")
        lane.say("home1", "withdraw")
        lane.run("06:00")
        rows = lane.rows()
        assert statuses(rows.billing["home1"]) == ["complete", "missing"]
        assert statuses(rows.billing["home2"]) == ["complete", "complete"]

    def test_unset_it_holds_until_there_is_a_customer(self, make_lane: Callable[..., Lane], tmp_path: Path) -> None:
        lane = make_lane(tmp_path, "")
        assert not any("consent" in warning for warning in lane.run("03:00").warnings)
        lane.settle("home1")
        lane.until = "06:00"
        warned = [event.warning for event in lane.start() if isinstance(event, Warned)]
        assert warned == [
            "consent: 5 of 6 meters, without the agreement of a customer, send nothing: no bill and no demand has "
            "their readings."
        ]
        rows = lane.rows()
        assert statuses(rows.billing["home1"]) == ["complete", "complete"]
        assert statuses(rows.billing["home2"]) == ["complete", "missing"]
        assert statuses(rows.demand) == ["complete"] * 12 + ["refused"] * 12

    def test_unset_it_does_not_come_back_when_the_last_customer_has_gone(
        self, make_lane: Callable[..., Lane], tmp_path: Path
    ) -> None:
        lane = make_lane(tmp_path, "")
        lane.run("03:00")
        lane.settle("home1")
        with lane.holding("home1") as (_, _, holder), lane.opened() as (session, login, store):
            move_out(session, login, store, holder.account)
        lane.state.accounts.unlink()
        lane.run("06:00")
        assert statuses(lane.rows().billing["home2"]) == ["complete", "missing"]


class TestOptingOut:
    def test_a_household_is_billed_and_in_no_demand(self, lane: Lane) -> None:
        lane.say("home6", "opt-out")
        result = lane.run()
        rows = lane.rows()
        assert all(statuses(billed) == ["complete", "complete"] for billed in rows.billing.values())
        assert {(row.meters, row.readings, row.expected, row.status) for row in rows.demand} == {
            (5, 75, 75, "complete")
        }
        assert [row.energy for row in rows.demand[:2]] == [summed(lane, HOMES[:5], at, at + 15) for at in (0, 15)]
        assert any("1 were billed and in no demand" in warning for warning in result.warnings)

    def test_of_too_many_leaves_too_few_to_release_any_demand(self, lane: Lane) -> None:
        for home in ("home5", "home6"):
            lane.say(home, "opt-out")
        lane.run()
        rows = lane.rows()
        assert statuses(rows.demand) == ["refused"] * 24
        assert rows.demand[0].reason == "only 4 of at least 5 meters cover half the window"
        assert all(statuses(billed) == ["complete", "complete"] for billed in rows.billing.values())

    @pytest.mark.parametrize("pes", ["{combine: none}", "{lanes: 1}", "{combine: none, lanes: 1, hold: 30min}"])
    def test_holds_however_sums_are_packed(self, make_lane: Callable[..., Lane], tmp_path: Path, pes: str) -> None:
        frame = 30 if "hold" in pes else 60
        lane = begun(make_lane(tmp_path, f"consent: required\nframe: {frame}\npes: {pes}"))
        for home in HOMES:
            lane.settle(home)
        lane.say("home1", "opt-out")
        lane.run()
        rows = lane.rows()
        assert {(row.meters, row.readings, row.expected) for row in rows.demand} == {(5, 75, 75)}
        assert statuses(rows.billing["home1"]) == ["complete", "complete"]

    def test_can_be_taken_back(self, lane: Lane) -> None:
        lane.say("home6", "opt-out")
        lane.run("03:00")
        lane.say("home6", "opt-in")
        lane.run("06:00")
        assert [row.meters for row in lane.rows().demand] == [5] * 12 + [6] * 12

    @pytest.mark.parametrize("holds", [1, 2])
    def test_in_the_middle_of_a_billing_window_counts_from_the_next_one_on(self, lane: Lane, holds: int) -> None:
        events = lane.start()
        lane.holds(events, holds)
        lane.say("home6", "opt-out")
        *_, _ = events
        rows = lane.rows()
        assert [row.meters for row in rows.demand] == [6] * 12 + [5] * 12
        # The difference between demand and the others' bills is a whole billing window of the household, or nothing.
        for number, (first, end) in enumerate(((0, 12), (12, 24))):
            demand = sum(row.energy or 0 for row in rows.demand[first:end])
            others = sum(billed[number].energy or 0 for home, billed in rows.billing.items() if home != "home6")
            assert demand - others in (0, rows.billing["home6"][number].energy)

    def test_in_the_middle_of_a_hold_cuts_the_frames_there(
        self, make_lane: Callable[..., Lane], tmp_path: Path
    ) -> None:
        lane = make_lane(tmp_path, "consent: required\nframe: 120\npes: {hold: 2h}")
        begun(lane)
        for home in HOMES:
            lane.settle(home)
        events = lane.start()
        lane.holds(events, 1)
        lane.say("home6", "opt-out")
        *_, _ = events
        at = [(frame.header.first_slot * MINUTE - START) // MINUTE for frame in lane.frames("home6")]
        assert at == [0, 120, 180, 240]
        assert [row.meters for row in lane.rows().demand] == [6] * 12 + [5] * 12


class TestWithdrawing:
    def test_in_the_middle_of_a_run_ends_with_the_billing_window(self, lane: Lane) -> None:
        events = lane.start()
        lane.holds(events, 1)
        lane.say("home6", "withdraw")
        warned = [event.warning for event in events if isinstance(event, Warned)]
        assert warned == [
            "consent: 1 of 6 meters, without the agreement of a customer, send nothing: no bill and no demand has "
            "their readings."
        ]
        rows = lane.rows()
        assert statuses(rows.billing["home6"]) == ["complete", "missing"]
        assert [row.meters for row in rows.demand] == [6] * 12 + [5] * 12
        assert lane.own("home6") == lane.source("home6").tolist()

    def test_is_told_where_a_bill_is_checked(self, lane: Lane) -> None:
        events = lane.start()
        lane.holds(events, 1)
        lane.say("home6", "withdraw")
        *_, _ = events
        with lane.holding("home6") as (session, _, holder):
            desk = CustomerDesk(session, holder)
            with reporting(session, lane.state, lane.unlock) as report:
                (check,) = desk.check_bills(desk.readings(), report)
        (difference,) = check.differences
        assert difference.start == START + 3 * HOUR
        assert difference.why.startswith("your meter sent nothing of it, since you did not agree")

    def test_begins_a_key_epoch_of_that_meter_alone(self, lane: Lane) -> None:
        events = lane.start()
        lane.holds(events, 1)
        lane.say("home6", "withdraw")
        *_, _ = events
        epochs = {home: [frame.header.epoch for frame in lane.frames(home)] for home in HOMES}
        assert [number - epochs["home6"][0] for number in epochs["home6"]] == [0, 0, 0, 1, 1, 1]
        assert all(len(set(epochs[home])) == 1 for home in HOMES[:5])

    def test_what_comes_late_from_before_still_counts(self, make_lane: Callable[..., Lane], tmp_path: Path) -> None:
        fault = "{kind: delay, neighbourhood: lane, meter: home6, at: 2016-01-01 02:10, by: 2h}"
        lane = begun(make_lane(tmp_path, f"consent: required\ngrace: 3h\nfaults: [{fault}]"))
        for home in HOMES:
            lane.settle(home)
        events = lane.start()
        lane.holds(events, 1)
        lane.say("home6", "withdraw")
        *_, _ = events
        rows = lane.rows()
        assert statuses(rows.billing["home6"]) == ["complete", "missing"]
        assert statuses(rows.demand) == ["complete"] * 24

    @pytest.mark.parametrize("stopped_after", [2, 3, 4, 5])
    def test_a_run_that_is_stopped_and_taken_up_ends_the_same(self, lane: Lane, stopped_after: int) -> None:
        other = Lane(
            lane.text, StateFolder(shutil.copytree(lane.state.path, lane.state.path.parent / "other")), lane.base
        )
        for each in (lane, other):
            events = each.start()
            each.holds(events, 1)
            each.say("home6", "withdraw")
            each.say("home5", "opt-out")
            if each is other:
                each.holds(events, stopped_after - 1)
                events.close()  # type: ignore[attr-defined]
                events = each.start()
            *_, _ = events
        assert lane.rows().plain == other.rows().plain

    @pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
    @pytest.mark.parametrize(
        "step", [(Journal, "begin_epochs"), (WrappedKeys, "begin"), (Keyring, "keep_epochs")], ids=str
    )
    def test_a_run_that_is_stopped_as_the_epoch_begins_ends_the_same(
        self, lane: Lane, monkeypatch: pytest.MonkeyPatch, step: tuple[type, str], after: bool
    ) -> None:
        events = lane.start()
        lane.holds(events, 1)
        lane.say("home6", "withdraw")
        of, name = step
        real = getattr(of, name)

        def stopped(*given: Any, **more: Any) -> None:
            if after:
                real(*given, **more)
            raise OSError("the plug was pulled")

        with monkeypatch.context() as patch:
            patch.setattr(of, name, stopped)
            with pytest.raises(OSError, match="plug"):
                lane.holds(events, 5)
        lane.run()
        rows = lane.rows()
        assert statuses(rows.billing["home6"]) == ["complete", "missing"]
        assert [row.meters for row in rows.demand] == [6] * 12 + [5] * 12
        assert lane.own("home6") == lane.source("home6").tolist()

    def test_a_hold_that_is_lost_after_its_epochs_began_is_carried_again_by_what_is_said_then(
        self, lane: Lane, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        events = lane.start()
        lane.holds(events, 3)
        lane.say("home6", "withdraw")
        lane.say("home5", "withdraw")

        def full(*_: object, **__: object) -> None:
            raise OSError("the disk is full")

        with monkeypatch.context() as patch:
            patch.setattr(Journal, "commit_hold", full)
            with pytest.raises(OSError, match="full"):
                lane.holds(events, 1)
        lane.say("home5", "agree")
        lane.run()
        rows = lane.rows()
        assert statuses(rows.billing["home6"]) == ["complete", "missing"]
        assert statuses(rows.billing["home5"]) == ["complete", "complete"]


@pytest.mark.parametrize("seed", [0, 3, 4, 6])  # one opts out, one withdraws, too few are left, some of each
def test_whatever_is_stated_whenever_demand_less_the_others_bills_is_a_whole_bill_or_nothing(
    lane: Lane, seed: int
) -> None:
    """Statements and stops at random; each run verifies all of its numbers."""
    chance = random.Random(seed)
    events = lane.start()
    for _ in range(5):
        for home in chance.sample(HOMES, chance.randint(0, 2)):
            with contextlib.suppress(UsageError):  # what would change nothing
                lane.say(home, chance.choice(["agree", "withdraw", "opt-out", "opt-in"]))
        lane.holds(events, 1)
        if chance.random() < 0.5:
            events.close()  # type: ignore[attr-defined]
            events = lane.start()
    *_, last = events
    assert isinstance(last, Finished)
    with lane.opened() as (session, _, _):
        noted = {kept.source: timelines(session).get(kept.pseudonym, []) for kept in session.roster["lane"]}
    edges = [START // MINUTE, START // MINUTE + 180]
    assert {since for spans in noted.values() for since, _ in spans} <= set(edges)
    rows = lane.rows()
    for number, edge in enumerate(edges):
        now = {
            home: ([PURPOSES] + [what for since, what in spans if since <= edge])[-1] for home, spans in noted.items()
        }
        assert {home: rows.billing[home][number].status for home in HOMES} == {
            home: "complete" if what else "missing" for home, what in now.items()
        }
        inside = [home for home, what in now.items() if "demand" in what]
        demand = rows.demand[12 * number : 12 * number + 12]
        if len(inside) < 5:
            assert set(statuses(demand)) <= {"refused", "missing"}
        else:
            assert sum(row.energy or 0 for row in demand) == sum(
                rows.billing[home][number].energy or 0 for home in inside
            )


class TestStatements:
    def test_are_kept_in_order_and_noted_in_the_audit_log_first(self, lane: Lane) -> None:
        for kind in ("opt-out", "opt-in", "withdraw", "agree"):
            lane.say("home1", kind)
        with lane.holding("home1") as (session, statements, holder):
            record = own_statements(session, statements, holder)
            assert own_standing(session, statements, holder).notice == lane.notice.version
        assert [each.kind for each in record] == ["agree", "opt-out", "opt-in", "withdraw", "agree"]
        assert record[0].detail == {"notice": lane.notice.version, "digest": lane.notice.digest}
        told = [(note.action, note.detail["what"]) for note in lane.notes if note.action == "consent"]
        assert told == [("consent", each.kind) for each in record[1:]]

    @pytest.mark.parametrize(("kinds", "words"), [(["agree"], "already"), (["opt-in"], "already")], ids=str)
    def test_that_change_nothing_are_refused(self, lane: Lane, kinds: list[Kind], words: str) -> None:
        for kind in kinds:
            with pytest.raises(UsageError, match=words):
                lane.say("home1", kind)

    def test_are_made_while_a_run_has_the_state(self, lane: Lane) -> None:
        with lane.state.locked():
            lane.say("home1", "opt-out")

    @pytest.mark.parametrize(
        ("what", "statement"),
        {
            "cut": "DELETE FROM statements WHERE meter = ?1 AND number = 2",
            "with a gap": "DELETE FROM statements WHERE meter = ?1 AND number = 1",
            "in another order": "UPDATE statements SET number = 5 - number WHERE meter = ?1",
            "no statements": "UPDATE statements SET message = x'c0' WHERE meter = ?1",
            "another customer's": "UPDATE statements SET message = (SELECT message FROM statements other "
            "WHERE other.meter <> ?1 AND other.number = 1) WHERE meter = ?1 AND number = 1",
        }.items(),
    )
    def test_that_are_not_whole_give_no_right_at_all(self, lane: Lane, what: str, statement: str) -> None:
        """A withdrawal that somebody takes out, or an agreement that somebody puts in."""
        lane.say("home1", "withdraw")
        with lane.opened() as (session, _, _):
            meter = find_meter(session, "home1").pseudonym
        lane.edit(statement, meter)
        events = lane.start()
        warned = [event.warning for event in events if isinstance(event, Warned)]
        assert any(warning.startswith(f"meter {meter.hex()[:8]} sends nothing: ") for warning in warned), what
        assert statuses(lane.rows().billing["home1"]) == ["missing", "missing"]
        with lane.holding("home1") as (session, statements, holder):
            if what != "no statements":
                with pytest.raises(AuthenticationFailed):
                    own_standing(session, statements, holder)

    @given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_with_any_bit_flipped_are_found(self, agreed: Lane, place: int, bit: int) -> None:
        with agreed.opened() as (session, _, store), closing(Statements(agreed.state.accounts)) as statements:
            meter = find_meter(session, "home1").pseudonym
            verify_key = CustomerKeys.of(session, store).verify_key(meter)
            assert verify_key is not None
            (message,) = statements.of_meter(meter, verify_key)
            flipped = bytearray(message)
            flipped[place % len(message)] ^= 1 << bit
            assert Standing.of(session.deployment, meter, verify_key, [message]).notice == agreed.notice.version
            with pytest.raises(IntegrityError):
                Standing.of(session.deployment, meter, verify_key, [bytes(flipped)])

    def test_of_an_earlier_day_that_are_brought_back_do_not_count(self, lane: Lane) -> None:
        before = lane.state.accounts.read_bytes()
        lane.say("home1", "withdraw")
        lane.state.accounts.write_bytes(before)
        lane.run()
        assert statuses(lane.rows().billing["home1"]) == ["missing", "missing"]

    def test_signed_by_another_customer_do_not_count(self, lane: Lane) -> None:
        """Bob signs, with his own key, that another household agrees."""
        lane.say("home1", "withdraw")
        with lane.holding("home2") as (session, statements, bob), lane.opened() as (_, login, _):
            found = login.accounts.find("home1")
            assert found is not None
            ada = Holder(found[0], b"", b"")
            (key,) = (key for (key,) in statements._rows("SELECT DISTINCT customer FROM statements WHERE number = 2"))
            shown = {"notice": lane.notice.version, "digest": lane.notice.digest}
            said = Statement(session.deployment, ada.account.meter, 3, "agree", 0, shown)
            statements.append(ada.account.meter, key, 3, CustomerSecrets.decode(bob.private).sign(said))
        lane.run()
        assert statuses(lane.rows().billing["home1"]) == ["missing", "missing"]
        assert statuses(lane.rows().billing["home2"]) == ["complete", "complete"]

    def test_by_a_key_that_is_put_into_the_accounts_do_not_count(self, lane: Lane) -> None:
        lane.say("home1", "withdraw")
        with lane.opened() as (session, _, _):
            ada, bob = (find_meter(session, home).pseudonym for home in ("home1", "home2"))
        with lane.holding("home2") as (_, _, holder):
            key = CustomerSecrets.decode(holder.private).verify_key
        lane.edit("DELETE FROM statements WHERE meter = ?", ada)
        lane.edit(
            "INSERT INTO statements SELECT ?, customer, number, message FROM statements WHERE meter = ?", ada, bob
        )
        lane.edit("UPDATE accounts SET public_key = ?, verify_key = ? WHERE meter = ?", key, key, ada)
        lane.run()
        assert statuses(lane.rows().billing["home1"]) == ["missing", "missing"]

    def test_go_with_the_customer_and_are_not_the_next_ones(self, lane: Lane) -> None:
        lane.run("03:00")
        with lane.holding("home1") as (_, _, holder), lane.opened() as (session, login, store):
            move_out(session, login, store, holder.account)
        lane.settle("home1", agreed=False)
        lane.run("06:00")
        assert statuses(lane.rows().billing["home1"]) == ["complete", "missing"]
