"""Page 0, operators: the door and its second factor, what each role sees, other tariffs, files; nothing left behind."""

from __future__ import annotations

import csv
import shutil
import stat
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyotp
import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from smarter.errors import WrongPassphrase
from smarter.keys.passwords import Pbkdf2Cost
from smarter.keys.second_factor import STEP
from smarter.keys.unlock import KeyFileUnlock
from smarter.model.bills import Account, Bill, BillLine
from smarter.model.results import WindowRow, WindowRows
from smarter.parties.mdms import demand_figures
from smarter.protocols import login as login_module
from smarter.protocols.access import Operator, Role
from smarter.protocols.audit_reading import read_audit
from smarter.protocols.operator_desk import SeenDemand, SeenMeter, SeenWindows
from smarter.protocols.operator_door import opening
from smarter.protocols.rerating import Rerated, Rerating
from smarter.protocols.roster import Listed
from smarter.protocols.roster_desk import make_first
from smarter.scenario import Scenario
from smarter.state import StateFolder
from smarter.tui.app import SmarterApp
from smarter.tui.operators_counter import OperatorsCounter, OperatorVisit
from smarter.tui.pages import attended
from smarter.tui.pages.operators import OperatorsPage
from smarter.tui.widgets.bill_detail import BillDetail
from smarter.tui.widgets.bill_list import BillList
from smarter.tui.widgets.time_chart import TimeChart

PASSWORD = "plaid-otter-vending-41"
OTHER = "mauve-kettle-orbit-77"
SIZE = (100, 40)
NAMES = {"vera": Role.VIEWER, "carl": Role.CLERK, "otto": Role.AUDITOR}


@dataclass
class Office:
    """A finished run with an operator of each role; each code is of another time, so that none is used twice."""

    scenario: Scenario
    state: StateFolder
    uris: dict[str, str] = field(default_factory=dict)

    def open(self, **options: Any) -> Any:
        return opening(self.scenario, self.state, lambda: KeyFileUnlock(self.state.keys), **options)

    def staff(self) -> None:
        with self.open(first=True, locked=True) as door:
            self.uris["grace"] = make_first(door.door, door.operators, "grace", PASSWORD).uri
            token = door.operators.log_in("grace", PASSWORD, self.code("grace", -1))
            for name, role in NAMES.items():
                code = door.desk(token).add(name, role)
                self.uris[name] = door.operators.enrol(name, code, PASSWORD).uri
            door.operators.log_out(token)

    def code(self, name: str, steps: int = 0) -> str:
        return str(pyotp.parse_uri(self.uris[name]).at(int(time.time()) + steps * STEP))


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Derivations that cost nothing."""
    monkeypatch.setattr(login_module, "DEFAULT_COST", Pbkdf2Cost(1))


@pytest.fixture(scope="module")
def staffed(finished_run: Any, tmp_path_factory: pytest.TempPathFactory) -> Office:
    """Everybody is enrolled; look, don't touch."""
    folder = tmp_path_factory.mktemp("office") / "state"
    office = Office(finished_run.scenario, StateFolder(shutil.copytree(finished_run.state.path, folder)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(login_module, "DEFAULT_COST", Pbkdf2Cost(1))
        office.staff()
    return office


@pytest.fixture
def office(staffed: Office, tmp_path: Path) -> Office:
    """The same, to be changed."""
    return Office(
        staffed.scenario, StateFolder(shutil.copytree(staffed.state.path, tmp_path / "state")), dict(staffed.uris)
    )


@pytest.fixture
def office_app(make_app: Any, office: Office, monkeypatch: pytest.MonkeyPatch) -> SmarterApp:
    """An app in which that run is chosen."""
    monkeypatch.setattr("smarter.scenario.load_scenario", lambda *_, **__: office.scenario)
    monkeypatch.setattr("smarter.state.locate", lambda *_, **__: office.state)
    app: SmarterApp = make_app()
    return app


async def settled(pilot: Pilot[Any], holds: Callable[[], object] = lambda: True) -> None:
    """Everything answered and drawn, and what is waited for has come."""
    until = time.monotonic() + 60
    while True:
        for _ in range(3):
            await pilot.pause(0.02)
            await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        if holds():
            return
        assert time.monotonic() < until, "it never came"


async def typed(pilot: Pilot[Any], *fields: str) -> None:
    """Fill in the form in front, and hand it over."""
    page = pilot.app.screen
    assert isinstance(page, OperatorsPage)
    for entry, text in zip(page.forms.shown.inputs, fields, strict=True):
        entry.value = text
    page.forms.shown.inputs[-1].focus()
    await pilot.press("enter")
    await settled(pilot)


@asynccontextmanager
async def at_the_door(app: SmarterApp, size: tuple[int, int] = SIZE) -> AsyncIterator[tuple[Pilot[Any], OperatorsPage]]:
    async with app.run_test(size=size) as pilot:
        await pilot.press("0")
        await settled(pilot)
        page = app.screen
        assert isinstance(page, OperatorsPage)
        yield pilot, page


@asynccontextmanager
async def inside(app: SmarterApp, office: Office, name: str) -> AsyncIterator[tuple[Pilot[Any], OperatorsPage]]:
    async with at_the_door(app) as (pilot, page):
        await pilot.press("enter")
        await typed(pilot, name, PASSWORD, office.code(name))
        await settled(pilot, lambda: page.attended and page.place in ("meters", "list", "operators"))
        yield pilot, page


def words(page: OperatorsPage, selector: str) -> str:
    return str(page.query_one(selector, Static).render())


def keys(page: OperatorsPage) -> set[str]:
    """The keys of this page that do something now."""
    shown = {binding.key for _, binding, enabled, _ in page.active_bindings.values() if enabled and binding.id}
    return shown & set("mdnrxuvso")


class TestTheDoor:
    async def test_says_what_to_do_where_there_is_no_run(self, small_app: SmarterApp) -> None:
        async with at_the_door(small_app) as (pilot, page):
            assert "No run of small yet: press 2, then r" in words(page, "#nothing")
            await pilot.press(*"mdnrxuvso", "enter", "escape")  # and nothing happens
            assert page.place == "nothing"

    async def test_says_how_to_begin_where_nobody_is_an_operator(self, finished_app: SmarterApp) -> None:
        async with at_the_door(finished_app) as (_, page):
            assert "smarter operator first" in words(page, "#nothing")

    async def test_tells_what_is_wrong_and_keeps_neither_password_nor_code(
        self, office_app: SmarterApp, office: Office
    ) -> None:
        async with at_the_door(office_app) as (pilot, page):
            await pilot.press("enter")
            assert isinstance(page.focused, Input)
            for password, code, said in (
                (OTHER, office.code("carl"), "the name, the password or the code is wrong"),
                (PASSWORD, "12", "has 6 digits"),
                (PASSWORD, office.code("carl", 9), "set the clock"),
            ):
                await typed(pilot, "carl", password, code)
                assert said in page.forms.shown.said
                assert [entry.value for entry in page.forms.shown.inputs] == ["carl", "", ""]
                assert password not in office_app.export_screenshot()
            assert not page.attended
            await pilot.press("escape", "8")
            assert office_app.current_mode == "plugins"

    async def test_a_wrong_passphrase_is_asked_for_again(
        self, office_app: SmarterApp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object) -> None:
            raise WrongPassphrase("audit.keys cannot be opened; type its passphrase.")

        monkeypatch.setattr(OperatorsCounter, "log_in", refuse)
        async with at_the_door(office_app) as (pilot, page):
            remembered = office_app.unlocking()
            await typed(pilot, "carl", PASSWORD, "123456")
            assert "cannot be opened" in page.forms.shown.said
            assert office_app.unlocking() is not remembered


class TestRoles:
    async def test_a_viewer_sees_meters_and_demand(self, office_app: SmarterApp, office: Office) -> None:
        async with inside(office_app, office, "vera") as (pilot, page):
            assert keys(page) == set("mdo")
            with office.open() as door:
                pseudonyms = [pseudonym for pseudonym, _ in door.door.session.households]
            assert all(pseudonym in page.copied() for pseudonym in pseudonyms)
            assert "home" not in page.copied()
            await pilot.press("d")
            await settled(pilot, lambda: page.place == "demand" and page.chart.text)
            assert page.charted
            before = len(page.chart.rows)
            await pilot.press("plus")
            assert len(page.chart.rows) < before
            await pilot.press("m", *"ruvx")
            await settled(pilot, lambda: page.place == "meters")

    async def test_a_billing_clerk_sees_bills_windows_and_other_tariffs(
        self, office_app: SmarterApp, office: Office, desk: Path
    ) -> None:
        async with inside(office_app, office, "carl") as (pilot, page):
            assert keys(page) == set("mdrxso")
            table = page.query_one(BillList).table
            assert len(table.accounts) == 6
            await pilot.press("enter")
            await settled(pilot, lambda: page.charted)
            detail = page.query_one(BillDetail)
            assert [row.end - row.start for row in detail.rows] == [10_800] * 2
            assert page.copied().startswith(f"Meter {table.accounts[0].meter}")
            await pilot.press("escape")
            assert page.place == "list"
            await pilot.press("slash", *"nothing-is-called-so")
            assert table.accounts == []
            await pilot.press("escape")
            assert len(table.accounts) == 6

            await pilot.press("r")
            await typed(pilot, "flat", "price=1")
            assert "unknown key" in page.forms.shown.said
            await typed(pilot, "flat", "rate=0.50")
            await settled(pilot, lambda: page.place == "rerated")
            assert "Bills under tariff flat" in page.copied()
            assert "+" in page.copied()

            await pilot.press("e")
            assert list(desk.glob("*.csv")) == []  # what is written is asked for
            assert "export here: x writes files" in [each.message for each in office_app._notifications][-1]
            await pilot.press("x")
            await settled(pilot, lambda: len(list(desk.glob("*.csv"))) == 3)
            assert {path.name for path in desk.glob("*.csv")} == {"bills.csv", "billing.csv", "demand.csv"}
            assert stat.S_IMODE((desk / "bills.csv").stat().st_mode) == 0o600
            with (desk / "billing.csv").open() as file:
                assert len(list(csv.DictReader(file))) == 12
        actions = [(entry.action, entry.detail.get("what")) for entry in read_audit(office.state).entries]
        assert actions[-1] == ("export", "export")
        assert ("read", "rerate") in actions

    async def test_administrators_and_auditors_see_who_is_an_operator_and_no_bill(
        self, office_app: SmarterApp, office: Office
    ) -> None:
        async with inside(office_app, office, "otto") as (pilot, page):
            assert keys(page) == set("uvo")
            assert all(name in page.copied() for name in office.uris)
            await pilot.press("v")
            await settled(pilot, lambda: "whole" in page.copied())
            await pilot.press(*"mdrx")
            assert "entries, whole" in page.copied()
            await pilot.press("o")
            await settled(pilot)
            await pilot.press("enter")
            await typed(pilot, "grace", PASSWORD, office.code("grace"))
            await settled(pilot, lambda: page.attended)
            assert keys(page) == set("uo")


class TestLeaving:
    async def test_nothing_stays_of_what_was_shown(
        self, office_app: SmarterApp, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with inside(office_app, office, "carl") as (pilot, page):
            await pilot.press("enter")
            await settled(pilot, lambda: page.charted)
            await pilot.press("d")
            await settled(pilot, lambda: page.place == "demand" and page.chart.text)
            meter = office.state and page.query_one(BillList).table.accounts[0].meter
            began = page.began
            monkeypatch.setattr(attended, "time", _At(began + attended.IDLE + 1))
            page.bench.touched = began
            page.look_whether_idle()
            await settled(pilot)
            assert "Nothing was pressed for 15 minutes" in page.forms.shown.words
            assert page.place == "door"
            assert page.query_one(BillList).table.accounts == []
            assert page.query_one(BillDetail).account is None
            assert not any(chart.rows or chart.text for chart in page.query(TimeChart))
            assert meter[:8] not in office_app.export_screenshot()
        assert [entry.action for entry in read_audit(office.state).entries][-1] == "logout"

    async def test_who_is_kept_out_meanwhile_gets_nothing_more(self, office_app: SmarterApp, office: Office) -> None:
        async with inside(office_app, office, "carl") as (pilot, page):
            with office.open() as door:
                token = door.operators.log_in("grace", PASSWORD, office.code("grace"))
                door.desk(token).disable("carl")
            await pilot.press("d")
            await settled(pilot, lambda: not page.attended)
            assert "has ended" in page.forms.shown.words


class TestMeanwhile:
    async def test_another_scenario_ends_the_session(
        self, office_app: SmarterApp, office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with inside(office_app, office, "carl") as (pilot, page):
            await pilot.press("1")  # the page is not in front
            monkeypatch.setattr("smarter.state.locate", lambda *_, **__: StateFolder(tmp_path / "another"))
            office_app.choose(office.scenario)
            await settled(pilot, lambda: not page.attended)
            assert len(office_app.screen_stack) == 1  # nobody is asked for a passphrase
            assert page.query_one(BillList).table.accounts == []
            assert "Another scenario is chosen" in page.forms.shown.words
        assert [entry.action for entry in read_audit(office.state).entries][-1] == "logout"

    async def test_what_comes_late_takes_nothing_away(
        self, make_app: Any, fixed: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        goes_on = threading.Event()
        demand = FixedCounter.demand

        def slow(counter: FixedCounter, visit: OperatorVisit) -> list[SeenDemand]:
            goes_on.wait(30)
            return demand(counter, visit)

        monkeypatch.setattr(FixedCounter, "demand", slow)
        async with at_the_door(make_app()) as (pilot, page):
            await typed(pilot, "billing-clerk", PASSWORD, "123456")
            await pilot.press("d", "r", *"abc")
            goes_on.set()
            await settled(pilot)
            assert (page.place, page.forms.shown.inputs[0].value) == ("door", "abc")

    async def test_whoever_logs_in_while_another_scenario_is_chosen_is_not_in_there(
        self, make_app: Any, fixed: None, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        goes_on = threading.Event()
        log_in = FixedCounter.log_in

        def slow(counter: FixedCounter, given: Any) -> OperatorVisit:
            goes_on.wait(30)
            return log_in(counter, given)

        monkeypatch.setattr(FixedCounter, "log_in", slow)
        app = make_app()
        async with at_the_door(app) as (pilot, page):
            for entry, text in zip(page.forms.shown.inputs, ("billing-clerk", PASSWORD, "123456"), strict=True):
                entry.value = text
            page.forms.shown.inputs[-1].focus()
            await pilot.press("enter")
            assert page.forms.shown.busy
            monkeypatch.setattr("smarter.state.locate", lambda *_, **__: office.state)
            app.choose(office.scenario)
            goes_on.set()
            await settled(pilot)
            assert not page.attended
            assert not page.forms.shown.busy


class _At:
    """A clock that stands."""

    def __init__(self, now: float) -> None:
        self._now = now

    def monotonic(self) -> float:
        return self._now


# As pictures, with fixed figures.

START, DAYS = 1_451_606_400, 3  # from 2016-01-01 UTC


def account(number: int, rate: str = "0.09") -> Account:
    meter = sha256(str(number).encode()).hexdigest()[:16]
    energy = (number * 7919 % 900 + 50) * 100_000
    line = BillLine("all", Decimal(rate), energy, Decimal(rate) * energy / 1_000_000, tuple(range(12)))
    amount = line.amount.quantize(Decimal("0.01"))
    bill = Bill(meter, START, START + DAYS * 86_400, energy, "EUR", amount, "complete", (line,))
    return Account(meter, "lane", "UTC", energy, "EUR", amount, 4_320, 4_320, "complete", (bill,))


def rows(holder: str, length: int, kind: Any = "billing") -> list[WindowRow]:
    return [
        WindowRow(
            kind,
            holder,
            at,
            at + length,
            6,
            length // 60,
            length // 60,
            ((at - START) // length * 37 % 23 + 3) * length * 40,
            "complete",
            "",
        )
        for at in range(START, START + DAYS * 86_400, length)
    ]


class FixedCounter(OperatorsCounter):
    """Hands out fixed figures to whoever comes; the role is their name."""

    def __init__(self, *_: object) -> None:
        """Nothing is opened."""

    def log_in(self, typed: Any) -> OperatorVisit:
        return OperatorVisit(Operator(typed["name"], Role(typed["name"])), bytes(32))

    def log_out(self, visit: OperatorVisit) -> None:
        """Nobody was there."""

    def meters(self, visit: OperatorVisit) -> list[SeenMeter]:
        return [SeenMeter(account(number).meter, "lane", "UTC") for number in range(12)]

    def bills(self, visit: OperatorVisit) -> list[Account]:
        return [account(number) for number in range(12)]

    def windows(self, visit: OperatorVisit, meter: str) -> SeenWindows:
        return SeenWindows(meter, "UTC", WindowRows(rows(meter, 10_800)))

    def demand(self, visit: OperatorVisit) -> list[SeenDemand]:
        seen = WindowRows(rows("lane", 900, "demand"))
        return [SeenDemand("lane", "UTC", demand_figures(seen, "lane", "UTC"), seen)]

    def rerate(self, visit: OperatorVisit, tariff: str, options: Sequence[str]) -> Rerating:
        households = [Rerated(account(number), account(number, "0.12"), True) for number in range(12)]
        return Rerating("flat", "EUR", households)

    def operators(self, visit: OperatorVisit) -> list[Listed]:
        standings = ("active", "invited", "disabled", "reset")
        return [Listed(f"{role}-1", role, standing) for role, standing in zip(Role, standings, strict=True)]


@pytest.fixture
def fixed(finished_app: SmarterApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every app finds operators, and fixed figures."""
    monkeypatch.setattr("smarter.tui.pages.operators.OperatorsCounter", FixedCounter)
    monkeypatch.setattr(OperatorsPage, "why_no_door", lambda *_: "")


def pressed(role: str, *presses: str) -> Callable[[Pilot[Any]], Any]:
    """Log in, and press these."""

    async def before(pilot: Pilot[Any]) -> None:
        await pilot.press("0")
        await settled(pilot)
        if role:
            await typed(pilot, role, PASSWORD, "123456")
            await settled(pilot)
        for press in presses:
            await pilot.press(press)
            await settled(pilot)

    return before


@pytest.mark.usefixtures("fixed")
class TestOperatorsAsPictures:
    def test_the_door_on_a_small_dark_screen(self, snap_compare: Any, make_app: Any) -> None:
        assert snap_compare(make_app(), terminal_size=(80, 24), run_before=pressed(""))

    def test_meters_for_a_viewer_on_a_small_light_screen(self, snap_compare: Any, make_app: Any) -> None:
        assert snap_compare(make_app("light"), terminal_size=(80, 24), run_before=pressed("viewer"))

    def test_demand_on_a_large_dark_screen(self, snap_compare: Any, make_app: Any) -> None:
        assert snap_compare(make_app(), terminal_size=(140, 45), run_before=pressed("viewer", "d"))

    def test_bills_for_a_clerk_on_a_small_dark_screen(self, snap_compare: Any, make_app: Any) -> None:
        assert snap_compare(make_app(), terminal_size=(80, 24), run_before=pressed("billing-clerk"))

    def test_one_meter_on_a_large_light_screen(self, snap_compare: Any, make_app: Any) -> None:
        assert snap_compare(make_app("light"), terminal_size=(140, 45), run_before=pressed("billing-clerk", "enter"))

    def test_another_tariff_on_a_large_dark_screen(self, snap_compare: Any, make_app: Any) -> None:
        async def before(pilot: Pilot[Any]) -> None:
            await pressed("billing-clerk", "r")(pilot)
            await typed(pilot, "flat", "rate=0.12")

        assert snap_compare(make_app(), terminal_size=(140, 45), run_before=before)

    def test_who_is_an_operator_on_a_small_light_screen(self, snap_compare: Any, make_app: Any) -> None:
        assert snap_compare(make_app("light"), terminal_size=(80, 24), run_before=pressed("administrator"))
