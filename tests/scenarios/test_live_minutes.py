"""Own minutes as a run goes on: each look has what was committed before it, of one meter alone, in any key epoch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smarter.keys.keystore import Keystore
from smarter.keys.passwords import Pbkdf2Cost
from smarter.keys.unlock import KeyFileUnlock
from smarter.model.events import Event, Finished
from smarter.protocols import enrolment
from smarter.protocols import login as login_module
from smarter.protocols.customer_desk import CustomerDesk
from smarter.protocols.door import Door, opening
from smarter.protocols.intake import Intake
from smarter.protocols.live_minutes import LiveMinutes, following
from smarter.protocols.notice import notice_of
from smarter.protocols.plan import plan_run
from smarter.protocols.readable_from import from_start
from smarter.run import run
from smarter.scenario import Scenario, parse_scenario
from smarter.state import StateFolder

PASSWORD = "plaid-otter-vending-41"


class Home:
    """``home1`` with its customer ada, in a run that has come to 02:00."""

    def __init__(self, text: str, folder: Path) -> None:
        self.text, self.state = text, StateFolder(folder)
        self.unlock = KeyFileUnlock(self.state.keys)
        assert isinstance(list(self.run("02:00"))[-1], Finished)
        with self.opened("02:00") as door:
            store = Keystore.open(self.state.keys, "meters", self.unlock)
            session, login = door.session, door.login
            meter = enrolment.find_meter(session, "home1")
            code = enrolment.invite(session, login, store, meter, from_start(session, store, meter))
            enrolment.enrol(
                session, login, store, code=code, name="ada", password=PASSWORD, notice=notice_of(session.scenario)
            )

    def scenario(self, until: str) -> Scenario:
        return parse_scenario(self.text.replace("01 06:00", f"01 {until}"), source="small", base=Path.cwd())

    def run(self, until: str) -> Iterator[Event]:
        return run(self.scenario(until), self.state, unlock=self.unlock)

    def opened(self, until: str) -> Any:
        return opening(self.scenario(until), self.state, lambda: self.unlock)

    @staticmethod
    def desk(door: Door) -> CustomerDesk:
        return CustomerDesk(door.session, door.login.resume(door.login.log_in("ada", PASSWORD)))

    def source(self) -> np.ndarray[Any, Any]:
        (plan,) = plan_run(self.scenario("06:00"))
        meter = next(meter for meter in plan.meters if meter.name == "home1")
        blocks = Intake(plan, meter).take(plan.first_slot, plan.end_slot)
        return np.concatenate([block.energies for block in blocks])


@pytest.fixture
def home(small_scenario: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setattr(login_module, "DEFAULT_COST", Pbkdf2Cost(1))
    return Home(small_scenario, tmp_path / "state")


def test_each_look_has_all_that_was_committed_before_it_also_across_key_epochs(home: Home) -> None:
    seen: list[int] = []
    with home.opened("06:00") as door:
        live = LiveMinutes(home.desk(door), frame=60)

        def look() -> None:
            if (new := live.look()) is not None:
                seen.extend(new.energies.tolist())

        look()
        assert len(seen) == 120
        epochs = {kept.epoch for kept in door.session.journal.meters()}
        journal = door.session.journal
        for until in ("04:00", "06:00"):  # each is a start, which begins a key epoch
            for _ in home.run(until):
                committed = next(iter(journal.progress().values())) - door.session.plans[0].first_slot
                look()
                assert len(seen) == committed
        assert {kept.epoch for kept in journal.meters()}.isdisjoint(epochs)
        assert live.look() is None
        assert live.count == len(seen) == 360
    assert seen == home.source().tolist()


def test_only_the_last_hours_are_kept_in_view_and_opened(home: Home) -> None:
    for _ in home.run("06:00"):
        pass
    with home.opened("06:00") as door:
        desk = home.desk(door)
        live = LiveMinutes(desk, seconds=3600, frame=60)
        new = live.look()
        assert new is not None
        assert new.energies.tolist() == home.source()[-60:].tolist()
        assert desk.view.frames < 60 * 6


def test_a_meter_sees_no_frame_of_another_one(home: Home) -> None:
    with home.opened("02:00") as door:
        journal = door.session.journal
        pseudonyms = [kept.pseudonym for kept in journal.meters()]
        found = {pseudonym: journal.frames_after(pseudonym, 0, 1000) for pseudonym in pseudonyms}
        assert {number for _, number in found.values()} == {len(pseudonyms) * 2}
        for pseudonym, (frames, number) in found.items():
            assert sorted(frames) == sorted(journal.frames(pseudonym))
            assert journal.frames_after(pseudonym, number, 1000) == ([], number)
            # Numbers that were given anew, after all frames were deleted, are looked at from the first.
            assert journal.frames_after(pseudonym, number + 1, 1000)[0] == frames
            assert journal.frames_after(pseudonym, 0, 1)[0] == frames[-1:]


def test_following_ends_with_the_run_and_misses_nothing_of_its_end(home: Home) -> None:
    going = home.run("06:00")
    with home.opened("06:00") as door:
        live = LiveMinutes(home.desk(door), frame=60)
        waited: list[float] = []

        def wait(seconds: float) -> None:
            waited.append(seconds)
            next(going, None)

        over = following(live, lambda: door.folder.in_use, wait)
        counts = [len(new) for new in over]
        assert sum(counts) == 360
        assert not door.folder.in_use
        assert set(waited) == {0.25}


def test_a_state_is_in_use_while_a_run_goes_on(home: Home) -> None:
    assert not home.state.in_use
    going = home.run("06:00")
    next(going)
    assert home.state.in_use
    going.close()
    assert not home.state.in_use
