"""Page 9, customers: coming in and going, own use, bills, live minutes, consents, grants; and nothing left behind."""

from __future__ import annotations

import csv
import gc
import shutil
import stat
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from textual.pilot import Pilot
from textual.widgets import Digits, Input, Static

from smarter.charts.receipt import read_receipt
from smarter.keys.keystore import Keystore
from smarter.keys.passwords import Pbkdf2Cost
from smarter.keys.unlock import KeyFileUnlock
from smarter.model.audit import Entry, Value
from smarter.model.events import Finished
from smarter.model.messages.statement import Statement
from smarter.model.windows import Axis, cut
from smarter.parties.customer import OwnReadings
from smarter.parties.mdms import bills_of
from smarter.parties.meter.statements import Standing
from smarter.protocols import enrolment
from smarter.protocols import login as login_module
from smarter.protocols.bill_check import BillCheck, check_bills
from smarter.protocols.door import Door, opening
from smarter.protocols.notice import notice_of
from smarter.protocols.own_use import OwnBook
from smarter.protocols.readable_from import from_start
from smarter.run import run
from smarter.scenario import Scenario, parse_scenario
from smarter.state import StateFolder
from smarter.state.accounts import IDLE
from smarter.tui.app import SmarterApp
from smarter.tui.counter import Seen, Visit
from smarter.tui.pages import attended, entered
from smarter.tui.pages.customers import CustomersPage
from smarter.tui.rights_counter import Consents, RightsCounter
from smarter.tui.widgets import own_view, shown_once
from smarter.tui.widgets.login_form import Typed
from smarter.tui.widgets.question import Question
from smarter.tui.widgets.shown_once import ShownOnce
from smarter.tui.widgets.use_table import UseTable

PASSWORD = "plaid-otter-vending-41"
OTHER = "mauve-kettle-orbit-77"
SIZE = (100, 40)


@dataclass
class Street:
    """A finished run with a state of its own, of which ada is the customer of ``home1``."""

    scenario: Scenario
    state: StateFolder
    recovery: str = ""

    @property
    def unlock(self) -> KeyFileUnlock:
        return KeyFileUnlock(self.state.keys)

    @contextmanager
    def opened(self) -> Iterator[tuple[Door, Keystore]]:
        with opening(self.scenario, self.state, lambda: self.unlock) as door:
            yield door, Keystore.open(self.state.keys, "meters", self.unlock)

    def invite(self, home: str, *, start: bool = True) -> str:
        with self.opened() as (door, store):
            meter = enrolment.find_meter(door.session, home)
            readable = from_start(door.session, store, meter) if start else None
            return enrolment.invite(door.session, door.login, store, meter, readable)

    def settle(self) -> None:
        code, notice = self.invite("home1"), notice_of(self.scenario)
        with self.opened() as (door, store):
            enrolled = enrolment.enrol(
                door.session, door.login, store, code=code, name="ada", password=PASSWORD, notice=notice
            )
            self.recovery = enrolled.recovery_code


@pytest.fixture(scope="module")
def settled_street(finished_run: Any, tmp_path_factory: pytest.TempPathFactory) -> Street:
    """Ada is enrolled; look, don't touch."""
    folder = tmp_path_factory.mktemp("street") / "state"
    street = Street(finished_run.scenario, StateFolder(shutil.copytree(finished_run.state.path, folder)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(login_module, "DEFAULT_COST", Pbkdf2Cost(1))
        street.settle()
    return street


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Derivations that cost nothing."""
    monkeypatch.setattr(login_module, "DEFAULT_COST", Pbkdf2Cost(1))


@pytest.fixture
def street(settled_street: Street, tmp_path: Path) -> Street:
    """The same, to be changed."""
    state = StateFolder(shutil.copytree(settled_street.state.path, tmp_path / "state"))
    return Street(settled_street.scenario, state, settled_street.recovery)


@pytest.fixture
def street_app(make_app: Any, street: Street, monkeypatch: pytest.MonkeyPatch) -> SmarterApp:
    """An app in which that street is chosen."""
    monkeypatch.setattr("smarter.scenario.load_scenario", lambda *_, **__: street.scenario)
    monkeypatch.setattr("smarter.state.locate", lambda *_, **__: street.state)
    app: SmarterApp = make_app()
    return app


async def settled(pilot: Pilot[Any], holds: Callable[[], object] = lambda: True) -> None:
    """Everything answered and drawn, and what is waited for has come."""
    until = time.monotonic() + 60
    while True:
        for _ in range(3):
            await pilot.pause(0.02)
            watching = [worker for worker in pilot.app.workers if worker.group != "watch" and not worker.is_finished]
            if watching:
                await pilot.app.workers.wait_for_complete(watching)
        await pilot.pause()
        if holds():
            return
        assert time.monotonic() < until, "it never came"


async def typed(pilot: Pilot[Any], *fields: str) -> None:
    """Fill in the form in front, and hand it over."""
    page = pilot.app.screen
    assert isinstance(page, CustomersPage)
    for entry, text in zip(page.forms.shown.inputs, fields, strict=True):
        entry.value = text
    page.forms.shown.inputs[-1].focus()
    await pilot.press("enter")
    await settled(pilot)


@asynccontextmanager
async def at_the_door(app: SmarterApp, size: tuple[int, int] = SIZE) -> AsyncIterator[tuple[Pilot[Any], CustomersPage]]:
    async with app.run_test(size=size) as pilot:
        await pilot.press("9")
        await settled(pilot)
        page = app.screen
        assert isinstance(page, CustomersPage)
        yield pilot, page


@asynccontextmanager
async def inside(app: SmarterApp, size: tuple[int, int] = SIZE) -> AsyncIterator[tuple[Pilot[Any], CustomersPage]]:
    async with at_the_door(app, size) as (pilot, page):
        await pilot.press("enter")
        await typed(pilot, "ada", PASSWORD)
        await settled(pilot, lambda: page.charted and words(page, "#own-words"))
        yield pilot, page


def words(page: CustomersPage, selector: str) -> str:
    return str(page.query_one(selector, Static).render())


def notices(app: SmarterApp) -> str:
    return "\n".join(notification.message for notification in app._notifications)


class TestTheDoor:
    async def test_says_what_to_do_where_there_is_no_run(self, small_app: SmarterApp) -> None:
        async with at_the_door(small_app) as (pilot, page):
            assert "No run of small yet: press 2, then r" in words(page, "#nothing")
            await pilot.press(*"wudlbcgkxrponivaE", "f2", "f3", "enter", "escape")  # and nothing happens
            assert page.place == "nothing"

    async def test_says_how_to_invite_where_nobody_was(self, finished_app: SmarterApp) -> None:
        async with at_the_door(finished_app) as (pilot, page):
            said = words(page, "#nothing")
            assert "smarter customer invite" in said
            assert "METER --since start" in said
            assert "Without --since the customer reads what is measured after they enrol." in said
            await pilot.press("f2")
            assert page.place == "notice"
            assert "Who can read what" in page.copied()
            await pilot.press("escape")
            assert page.place == "nothing"

    async def test_tells_a_wrong_password_and_keeps_none(self, street_app: SmarterApp) -> None:
        async with at_the_door(street_app) as (pilot, page):
            await pilot.press("enter")
            assert isinstance(page.focused, Input)
            await typed(pilot, "ada", OTHER)
            form = page.forms.shown
            assert "the name or the password is wrong" in form.said
            assert [entry.value for entry in form.inputs] == ["ada", ""]
            assert form.inputs[1].has_focus
            await pilot.press("escape", "8")
            assert street_app.current_mode == "plugins"

    async def test_no_key_press_waits_while_a_password_is_checked(
        self, street_app: SmarterApp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real, go = login_module.Login.log_in, threading.Event()

        def slow(*arguments: Any) -> bytes:
            assert go.wait(60)
            return real(*arguments)

        monkeypatch.setattr(login_module.Login, "log_in", slow)
        async with at_the_door(street_app) as (pilot, page):
            for entry, text in zip(page.forms.shown.inputs, ("ada", PASSWORD), strict=True):
                entry.value = text
            page.forms.shown.inputs[-1].focus()
            await pilot.press("enter")
            await pilot.pause(0.1)
            assert "one moment" in page.forms.shown.said
            assert page.forms.shown.inputs[1].value == ""
            await pilot.press("8")
            assert street_app.current_mode == "plugins"
            go.set()
            await settled(pilot, lambda: page.attended)

    async def test_enrols_with_a_code_after_the_notice_and_shows_the_recovery_code_once(
        self, street: Street, street_app: SmarterApp
    ) -> None:
        code = street.invite("home2")
        async with at_the_door(street_app) as (pilot, page):
            await pilot.press("f2")
            assert page.place == "notice"
            await pilot.press("a")
            await typed(pilot, code, "bob", PASSWORD, OTHER)
            assert "the two passwords differ" in page.forms.shown.said
            await typed(pilot, code, "bob", "password", "password")
            assert "bob" not in page.forms.shown.said
            await typed(pilot, code, "bob", PASSWORD, PASSWORD)
            assert isinstance(street_app.screen, ShownOnce)
            shown = str(street_app.screen.query_one("#code", Static).render())
            await pilot.press("enter", "escape", "q")  # while one writes, nothing closes it
            assert isinstance(street_app.screen, ShownOnce)
            assert page.attended
            await pilot.press("f10")
            await settled(pilot, lambda: page.charted)
            await pilot.press("o")
            assert not page.attended
            await pilot.press("f3")
            await typed(pilot, "bob", shown, OTHER, OTHER)
            assert isinstance(street_app.screen, ShownOnce)
            assert page.attended
            await pilot.press("f10", "o", "enter")
            await typed(pilot, "bob", OTHER)
            await settled(pilot, lambda: page.charted)
            await pilot.press("c")
            await settled(pilot)
            assert "you agree to version" in page.copied()

    async def test_says_from_when_on_there_is_something_to_read(self, street: Street, street_app: SmarterApp) -> None:
        code = street.invite("home2", start=False)
        async with at_the_door(street_app, size=(80, 24)) as (pilot, page):
            await pilot.press("f2", "a")
            await typed(pilot, code, "bob", PASSWORD, PASSWORD)
            await pilot.press("f10")
            await settled(pilot, lambda: page.attended and words(page, "#own-words"))
            said = "your minutes can be read from your meter's next key epoch on: run again."
            assert words(page, "#own-words") == said
            assert not page.charted
            await pilot.press("b")
            await settled(pilot, lambda: said in notices(street_app))

    async def test_keys_in_one_burst_go_where_they_belong(self, street_app: SmarterApp) -> None:
        async with at_the_door(street_app) as (pilot, page):
            await pilot.press("enter")
            for key in ("a", "d", "a", "tab", "s", "e", "c"):
                street_app.simulate_key(key)
            await settled(pilot)
            assert [entry.value for entry in page.forms.shown.inputs] == ["ada", "sec"]

    async def test_a_login_that_is_typed_in_one_burst_is_handed_over(self, street_app: SmarterApp) -> None:
        async with at_the_door(street_app) as (pilot, page):
            await pilot.press("enter")
            for key in ("a", "d", "a", "tab", *PASSWORD, "enter"):
                street_app.simulate_key(key)
            await settled(pilot, lambda: page.attended)

    async def test_what_is_refused_late_is_said_and_takes_no_focus(
        self, street_app: SmarterApp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        go = threading.Event()
        change = RightsCounter.change_password

        def slow(counter: RightsCounter, visit: Visit, given: Typed) -> None:
            go.wait(60)
            change(counter, visit, given)

        monkeypatch.setattr(RightsCounter, "change_password", slow)
        async with inside(street_app) as (pilot, page):
            await pilot.press("p")
            for entry, text in zip(page.forms.shown.inputs, (OTHER, OTHER, OTHER), strict=True):
                entry.value = text
            page.forms.shown.inputs[-1].focus()
            await pilot.press("enter", "escape", "c")
            go.set()
            await settled(pilot, lambda: "wrong" in notices(street_app))
            assert (page.place, page.focused) == ("consents", None)

    async def test_a_password_is_changed_by_the_one_before(self, street_app: SmarterApp) -> None:
        async with inside(street_app) as (pilot, page):
            await pilot.press("p")
            await typed(pilot, OTHER, OTHER, OTHER)
            assert "wrong" in page.forms.shown.said
            await typed(pilot, PASSWORD, OTHER, OTHER)
            assert page.place == "own"
            await pilot.press("o", "enter")
            assert not page.attended
            await typed(pilot, "ada", PASSWORD)
            assert not page.attended
            await typed(pilot, "ada", OTHER)
            assert page.attended


class TestOwnUse:
    async def test_shows_figures_chart_and_rows_by_minute_hour_day_and_month(self, street_app: SmarterApp) -> None:
        async with inside(street_app) as (pilot, page):
            figures = [digits.value for digits in page.query(Digits)]
            assert len(figures) == 3
            assert "-" not in figures
            assert [len(figure.partition(".")[2]) for figure in figures] == [3, 2, 3], "money has two decimals"
            assert "base load" in words(page, "#own-words")
            for length in ("1h", "6h", "6h", "1min"):  # six hours: less than a day or month
                await pilot.press("w")
                await settled(pilot)
                assert f"in windows of {length}" in page._own.chart.text
            await pilot.press("u")
            await settled(pilot)
            assert page._own.chart.text.startswith("EUR  cost")
            await pilot.press("u", "w", "d")
            await settled(pilot)
            table = page.query_one(UseTable)
            assert table.row_count == 6
            assert str(table.get_row_at(1)[0]) == "2016-01-01 01:00"

    async def test_the_figures_are_of_what_is_shown_and_the_time_before_stands_beside(
        self, street_app: SmarterApp
    ) -> None:
        async with inside(street_app) as (pilot, page):
            whole = page.query_one("#own-energy Digits", Digits).value
            assert "nothing before it to compare with" in words(page, "#own-words")
            await pilot.press("plus", "plus", "plus", "right", "right", "right", "right", "right", "right")
            await settled(pilot)
            assert page.query_one("#own-energy Digits", Digits).value != whole
            own_words = words(page, "#own-words")  # this home exports: no share of a difference is given
            assert "base load –, mean" in own_words
            assert "kWh  before: " in own_words
            assert "%" not in own_words
            await pilot.press("home")
            await settled(pilot)
            assert page.query_one("#own-energy Digits", Digits).value == whole

    async def test_minutes_stay_so_few_when_they_are_read_again(
        self, street_app: SmarterApp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(own_view, "MINUTES", 3_600)
        async with inside(street_app) as (pilot, page):
            page._own._by = "month"
            for key in ("w", "r"):
                await pilot.press(key)
                await settled(pilot, lambda: page._own.by == "minute" and len(page._own._uses) == 60)

    async def test_writes_every_reading_into_a_file_of_ones_own(self, street_app: SmarterApp, desk: Path) -> None:
        async with inside(street_app) as (pilot, _):
            for key in "cjg":
                await pilot.press("x")
                assert isinstance(street_app.screen, Question)
                await pilot.press(key)
                await settled(pilot)
            await pilot.press("e")
            await settled(pilot)
        files = {path.name: path for path in desk.iterdir()}
        assert {"own-readings.csv", "own-readings.json", "own-readings.xml", "own-minutes.csv"} <= set(files)
        assert {stat.S_IMODE(path.stat().st_mode) for path in files.values()} == {0o600}
        assert len(list(csv.reader(files["own-readings.csv"].open()))) == 1 + 360

    async def test_bills_are_right_to_the_cent(self, street_app: SmarterApp) -> None:
        async with inside(street_app) as (pilot, page):
            await pilot.press("b")
            await settled(pilot, lambda: page.copied())
            assert "right to the cent" in page.copied()
            await pilot.press("escape")
            assert page.place == "own"

    async def test_an_answer_that_comes_late_does_not_take_one_back(
        self, street_app: SmarterApp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real, go = RightsCounter.check_bills, threading.Event()

        def slow(*arguments: Any) -> list[BillCheck]:
            assert go.wait(60)
            return real(*arguments)

        monkeypatch.setattr(RightsCounter, "check_bills", slow)
        async with inside(street_app) as (pilot, page):
            await pilot.press("b")
            assert page.place == "bills"
            await pilot.press("escape")
            go.set()
            await settled(pilot)
            assert page.place == "own"


class TestLive:
    async def test_what_a_run_commits_is_shown_while_it_goes_on(
        self, street: Street, street_app: SmarterApp, small_scenario: str
    ) -> None:
        text = small_scenario.replace("end: 2016-01-01 06:00", "end: 2016-01-01 05:00")
        # The run goes on where it was left: the state is begun with an earlier end, in a folder of its own.
        state = StateFolder(street.state.path.with_name("unfinished"))
        early = parse_scenario(text, source="small", base=Path.cwd())
        unlock = KeyFileUnlock(state.keys)
        *_, last = run(early, state, unlock=unlock)
        assert isinstance(last, Finished)
        street.state, street.scenario = state, early
        street.settle()
        async with inside(street_app) as (pilot, page):
            await pilot.press("l")
            await settled(pilot, lambda: "04:59" in page.copied())
            later = parse_scenario(small_scenario, source="small", base=Path.cwd())
            # In another key epoch, which begins while one watches.
            *_, last = run(later, state, unlock=unlock)
            await settled(pilot, lambda: "05:59" in page.copied())
            assert "360 readings so far" in page.copied()
            await pilot.press("1", "9", "escape")
            await settled(pilot, lambda: page.place == "own")
            await settled(
                pilot, lambda: not [each for each in page.workers if each.group == "watch" and each.is_running]
            )


class TestRights:
    async def test_statistics_agreement_and_the_log_of_it(self, street_app: SmarterApp) -> None:
        async with inside(street_app) as (pilot, page):
            await pilot.press("c")
            await settled(pilot)
            assert "used for bills and the neighbourhood's statistics" in " ".join(page.copied().split())
            await pilot.press("i")
            await settled(pilot)
            assert "used for bills only" in page.copied()
            await pilot.press("v", "escape")
            assert "used for bills only" in page.copied()
            await pilot.press("v", "y")
            await settled(pilot)
            assert "sends nothing" in page.copied()
            assert "do not agree" not in notices(street_app)
            await pilot.press("o", "enter")
            await typed(pilot, "ada", PASSWORD)
            await settled(pilot, lambda: "You do not agree to the notice" in notices(street_app))
            await pilot.press("c")
            await settled(pilot)
            await pilot.press("a")
            await settled(pilot)
            assert "used for bills only" in page.copied()
            await pilot.press("k")
            await settled(pilot)
            assert page.copied().count("consent") >= 4
            assert "ada" in page.copied()

    async def test_a_grant_is_given_listed_and_revoked(self, street_app: SmarterApp, desk: Path) -> None:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import rsa

        public = rsa.generate_private_key(65537, 2048).public_key()
        form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        (desk / "advice.pem").write_bytes(public.public_bytes(*form))
        async with inside(street_app) as (pilot, page):
            await pilot.press("g")
            await settled(pilot)
            assert "granted nothing" in page.copied()
            await pilot.press("n")
            await typed(pilot, "Advice", "missing.pem", "save", "1h", "", "", "")
            assert "missing.pem cannot be read: No such file or directory; name the file" in page.forms.shown.said
            await typed(pilot, "Advice", str(desk), "save", "1h", "", "", "")
            assert f"{desk} cannot be read: Is a directory" in page.forms.shown.said
            await typed(pilot, "Advice", "advice.pem", "save", "1h", "", "", "")
            assert "Advice" in page.copied()
            assert (page.place, "live" in page.copied()) == ("grants", True)
            assert len(list(desk.glob("grant-*.json"))) == 1
            await pilot.press("v", "1")
            await settled(pilot)
            assert "gets nothing more" in notices(street_app)
            assert "revoked" in page.copied()
            await pilot.press("n")
            await typed(pilot, "Advice", "advice.pem", "save", "30min", "", "", "")
            await settled(pilot)
            why = "Advice was sent windows of 1h of it under grant"
            assert f"comes: {why}" in notices(street_app)
            assert why in " ".join(page.copied().split())

    async def test_erasing_is_asked_for_and_leaves_a_receipt(self, street_app: SmarterApp, desk: Path) -> None:
        async with inside(street_app) as (pilot, page):
            await pilot.press("c")
            await settled(pilot)
            await pilot.press("E")
            await settled(pilot)
            asked = str(street_app.screen.query(Static).first().visual)
            assert "of the neighbourhood's demand in that time" in asked
            await pilot.press("E")
            await settled(pilot, lambda: page.copied())
            assert "sealed frame" in page.copied()
            await pilot.press("e")
            await settled(pilot, lambda: list(desk.glob("own-receipt*.txt")))
            (written,) = desk.glob("own-receipt*.txt")
            signed = read_receipt(written.read_bytes(), "the file")
            signed.check(signed.verify_key)
            await pilot.press("escape")
            await pilot.press("r")
            await settled(pilot)
            assert "erased" in words(page, "#own-words")


def nothing_is_left() -> bool:
    """Whether nobody's readings are in memory any more."""
    gc.collect()
    return not any(isinstance(found, OwnReadings | OwnBook) for found in gc.get_objects())


class TestNothingIsLeft:
    async def test_of_readings_when_nobody_is_there_any_more(
        self, street_app: SmarterApp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with inside(street_app) as (pilot, page):
            await pilot.press("d")
            await settled(pilot)
            page.look_whether_idle()
            assert page.attended
            monkeypatch.setattr(attended, "IDLE", 0)
            page.look_whether_idle()
            await settled(pilot)
            assert not page.attended
            assert "you are logged out" in page.forms.shown.words
            await settled(pilot, nothing_is_left)  # what still worked in the background ends by itself
            assert page.query_one(UseTable).row_count == 0
            assert page._own.chart.text == page.copied() == ""
            assert page._own.chart._kept == {}
            assert {digits.value for digits in page.query(Digits)} == {"-"}
            assert page.exported() == ()

    async def test_of_a_code_that_is_shown_once_when_nobody_is_there_any_more(
        self, street: Street, street_app: SmarterApp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        code = street.invite("home2")
        async with at_the_door(street_app) as (pilot, _):
            await pilot.press("f2", "a")
            await typed(pilot, code, "bob", PASSWORD, PASSWORD)
            screen = street_app.screen
            assert isinstance(screen, ShownOnce)
            shown, began = words(screen, "#code"), screen.began
            assert len(shown) > 20
            for touched, now, gone in ((0.0, IDLE - 1, False), (30.0, IDLE + 29, False), (30.0, IDLE + 30, True)):
                street_app.touched = began + touched
                monkeypatch.setattr(shown_once, "time", SimpleNamespace(monotonic=lambda now=now: began + now))
                screen.look_whether_idle()
                await pilot.pause()
                assert (shown not in words(screen, "#code")) == gone
            assert "Nothing was pressed for 15 minutes" in words(screen, "#what-for")
            assert shown not in vars(screen).values()
            await pilot.press("f10")
            assert not isinstance(street_app.screen, ShownOnce)

    async def test_of_a_code_that_somebody_typed_and_went_away(
        self, street_app: SmarterApp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with at_the_door(street_app) as (pilot, page):
            await pilot.press("f3")
            await typed(pilot, "ada", "four-seven-nine", PASSWORD, OTHER)
            assert [entry.value for entry in page.forms.shown.inputs] == ["ada", "four-seven-nine", "", ""]
            page.look_whether_idle()
            assert page.forms.shown.inputs[1].value
            monkeypatch.setattr(attended, "IDLE", 0)
            page.look_whether_idle()
            assert [entry.value for entry in page.forms.shown.inputs] == [""] * 4

    async def test_of_a_session_that_was_ended_elsewhere(self, street: Street, street_app: SmarterApp) -> None:
        async with inside(street_app) as (pilot, page):
            assert page.visit is not None
            with street.opened() as (door, _):
                door.login.log_out(page.visit.token)
            await pilot.press("b")
            await settled(pilot)
            assert not page.attended
            assert "log in again" in page.forms.shown.words

    async def test_of_a_password_in_widgets_workers_notices_pictures_or_files(
        self, street: Street, street_app: SmarterApp, desk: Path
    ) -> None:
        async with inside(street_app) as (pilot, _):
            await pilot.press("p")
            await typed(pilot, "planted-secret-otter", OTHER, OTHER)
            seen = [street_app.export_screenshot(), notices(street_app)]
            seen += [repr(vars(worker)) for worker in street_app.workers]
            for screen in street_app._screen_stacks["customers"]:
                seen += [repr(vars(widget)) for widget in screen.walk_children()]
            street_app.save_screenshot(str(desk / "picture.svg"))
            await pilot.press("escape", "e")
            await settled(pilot)
        files = [file for folder in (desk, street.state.path) for file in folder.rglob("*") if file.is_file()]
        for secret in ("planted-secret-otter", PASSWORD, OTHER):
            assert all(secret not in text for text in seen)
            assert all(secret.encode() not in file.read_bytes() for file in files)

    async def test_of_one_customer_when_another_scenario_is_chosen(
        self, street: Street, street_app: SmarterApp
    ) -> None:
        async with inside(street_app) as (pilot, page):
            other = street.scenario.model_copy(update={"name": "another"})
            street.state = StateFolder(street.state.path.with_name("other"))
            street_app.choose(other)
            await settled(pilot)
            assert not page.attended
            assert page.place == "nothing"


def test_a_form_hands_over_what_was_typed_without_a_text_form() -> None:
    assert PASSWORD not in repr(Typed({"password": PASSWORD}))


class FixedCounter:
    """Answers as the counter does, always the same: three days of January 2016, of which one bill is wrong."""

    def __init__(self, scenario: Scenario, *_: object) -> None:
        self.notice = notice_of(scenario)
        self.from_then_on = "It counts from the next billing window on, after at most 3 hours."
        start, minutes = 1_451_606_400 // 60, 3 * 1440
        slots = np.arange(start, start + minutes, dtype=np.int64)
        day = np.sin((slots - start) * np.pi / 720 - np.pi / 2) + 1
        energies = (1_500 + day * 9_000 + (slots % 97) * 40).astype(np.int64)
        keep = (slots - start < 2000) | (slots - start > 2090)
        self.own = OwnReadings(Axis(60, 0), "UTC", slots[keep], energies[keep], (), 0, "3f0c9a41d2b7e680")
        self.edges = cut("UTC", 10_800, int(slots[0]) * 60, int(slots[-1] + 1) * 60).edges
        self.tariff = scenario.tariff.create()

    def log_in(self, typed: Typed) -> Visit:
        return Visit("ada", self.own.meter, b"token")

    def log_out(self, visit: Visit) -> None: ...

    def read(self, visit: Visit) -> Seen:
        return Seen(OwnBook(self.own, self.edges, self.tariff, "EUR"), 0)

    def check_bills(self, visit: Visit) -> list[BillCheck]:
        rows = self.own.windows(self.edges)
        rows[3] = replace(rows[3], energy=(rows[3].energy or 0) + 77_000)
        rows[9] = replace(rows[9], energy=None, readings=0, status="refused", reason="only 61 of 180 readings")
        bills = list(bills_of(rows, self.tariff, "UTC"))
        return check_bills(self.own, rows, bills, self.edges, self.tariff)

    def watch(self, visit: Visit, given_up: Callable[[], bool]) -> Iterator[Any]:
        yield SimpleNamespace(own=self.own.within(*(int(self.edges[place]) for place in (-9, -1))), count=4230)
        while not given_up():
            time.sleep(0.01)

    def consents(self, visit: Visit) -> Consents:
        agree = {"notice": self.notice.version, "digest": self.notice.digest}
        record = [
            Statement(bytes(16), bytes(8), 1, "agree", 1_768_000_000, agree),
            Statement(bytes(16), bytes(8), 2, "opt-out", 1_768_100_000, {}),
        ]
        return Consents(
            record, Standing(self.notice.version, self.notice.digest, statistics=False, number=2), self.notice
        )

    def log(self, visit: Visit) -> list[Entry]:
        told: list[tuple[str, str, str, dict[str, Value]]] = [
            ("you (ada)", "enrolment", "your household", {"what": "enrolled"}),
            ("system:smarter", "login-failed", "your account", {}),
            ("party:releaser", "release", "your household", {"start": "2016-01-01T00:00:00Z", "windows": 8}),
            ("you (ada)", "grant", "Advice Ltd", {"grant": "3f0c9a41d2b7e680", "window": "1h"}),
            ("operator:9f3a61c2d4b7e680", "refused-access", "your household", {"what": "bills"}),
            ("you (ada)", "read", "your household", {"what": "audit log"}),
        ]
        return [Entry(number, f"2016-01-04T09:{number:02}:17Z", *each) for number, each in enumerate(told, 1)]


@pytest.fixture
def fixed(settled_street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every app shows the fixed readings, whoever logs in."""
    monkeypatch.setattr("smarter.scenario.load_scenario", lambda *_, **__: settled_street.scenario)
    monkeypatch.setattr("smarter.state.locate", lambda *_, **__: settled_street.state)
    monkeypatch.setattr(entered, "RightsCounter", FixedCounter)


def pressed(*keys: str) -> Callable[[Pilot[Any]], Any]:
    """Logged in, and these pressed."""

    async def before(pilot: Pilot[Any]) -> None:
        await pilot.press("9")
        await settled(pilot)
        page = pilot.app.screen
        assert isinstance(page, CustomersPage)
        await pilot.press("enter")
        await typed(pilot, "ada", PASSWORD)
        await settled(pilot, lambda: page._own.chart.text)
        for key in keys:
            await pilot.press(key)
            await settled(pilot, lambda: page.copied())

    return before


@pytest.mark.usefixtures("fixed")
class TestCustomersAsPictures:
    def test_the_door_on_a_small_dark_screen(self, snap_compare: Any, app: SmarterApp) -> None:
        async def before(pilot: Pilot[Any]) -> None:
            await pilot.press("9")
            await settled(pilot)

        assert snap_compare(app, terminal_size=(80, 24), run_before=before)

    def test_own_use_on_a_small_dark_screen(self, snap_compare: Any, app: SmarterApp) -> None:
        assert snap_compare(app, terminal_size=(80, 24), run_before=pressed())

    def test_cost_by_day_beside_its_rows_on_a_large_light_screen(self, snap_compare: Any, make_app: Any) -> None:
        assert snap_compare(make_app("light"), terminal_size=(140, 45), run_before=pressed("u", "d"))

    def test_a_bill_that_differs_on_a_small_light_screen(self, snap_compare: Any, make_app: Any) -> None:
        assert snap_compare(make_app("light"), terminal_size=(80, 24), run_before=pressed("b"))

    def test_who_did_what_on_a_small_dark_screen(self, snap_compare: Any, app: SmarterApp) -> None:
        assert snap_compare(app, terminal_size=(80, 24), run_before=pressed("k"))

    def test_live_minutes_on_a_large_dark_screen(self, snap_compare: Any, app: SmarterApp) -> None:
        assert snap_compare(app, terminal_size=(140, 45), run_before=pressed("l"))
