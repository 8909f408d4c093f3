"""Page 5, bills: a thousand fixed accounts sorted and filtered, one of them opened; every key; and no report at all."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from smarter.errors import WrongPassphrase
from smarter.export.files import BILLING, BILLS
from smarter.model.bills import Account, Bill, BillLine
from smarter.model.results import WindowRow
from smarter.tui.app import SmarterApp
from smarter.tui.pages.bills import BillsPage
from smarter.tui.widgets.accounts_table import AccountsTable, Order, arranged
from smarter.tui.widgets.bill_detail import BillDetail
from smarter.tui.widgets.time_chart import TimeChart

START, HOURS = 1_451_606_400, 3 * 24  # from 2016-01-01 UTC
UTC = "UTC"


def account(number: int, neighbourhood: str = "lane") -> Account:
    """The bill of two rates of a meter; one of seven lacks readings, the 13th has none."""
    meter = sha256(str(number).encode()).hexdigest()[:16]
    energy = (number * 7919 % 900 + 50) * 1_000_000
    share = 0 if number == 13 else 4_000 if number % 7 == 3 else 4_320
    status = {0: "missing", 4_000: "incomplete"}.get(share, "complete")
    rates = (("off-peak", "0.09", energy // 4 * 3), ("peak", "0.24", energy - energy // 4 * 3))
    lines = tuple(
        BillLine(label, Decimal(rate), part, Decimal(rate) * part / 1_000_000, tuple(range(12)))
        for label, rate, part in rates
    )
    amount = sum((line.amount for line in lines), Decimal(0)).quantize(Decimal("0.01"))
    end = START + HOURS * 3600
    bill = (
        Bill(meter, START, end, energy, "EUR", amount, status, lines)
        if share
        else Bill(meter, START, end, None, "EUR", None, status, ())
    )
    return Account(meter, neighbourhood, UTC, bill.energy, "EUR", bill.amount, share, 4_320, status, (bill,))


def windows(meter: str) -> list[WindowRow]:
    """Of three days by three hours; the fifth is not whole."""
    return [
        WindowRow(
            "billing",
            meter,
            START + place * 10_800,
            START + (place + 1) * 10_800,
            1,
            90 if place == 4 else 180,
            180,
            (place * 37 % 11 + 1) * 400_000,
            "incomplete" if place == 4 else "complete",
            "",
        )
        for place in range(HOURS // 3)
    ]


class FixedReport:
    """What the page asks a report for."""

    def __init__(self, accounts: list[Account]) -> None:
        self._accounts = accounts
        self.households = [(account.meter, account.neighbourhood) for account in accounts]

    def accounts(self) -> Iterator[Account]:
        yield from sorted(self._accounts, key=lambda account: account.meter)

    def household(self, meter: str, neighbourhood: str) -> list[WindowRow]:
        return windows(meter)


def feed(monkeypatch: pytest.MonkeyPatch, report: object) -> None:
    """Let every app find this report of a finished run."""

    @contextmanager
    def opened(_: SmarterApp) -> Iterator[object]:
        if isinstance(report, Exception):
            raise report
        yield report

    monkeypatch.setattr(SmarterApp, "finished", property(lambda _: True))
    monkeypatch.setattr(SmarterApp, "report", opened)


@pytest.fixture(autouse=True)
def here(opens_on: Callable[[str], None]) -> None:
    """The app opens on the page."""
    opens_on("bills")


@pytest.fixture
def twenty(monkeypatch: pytest.MonkeyPatch) -> list[Account]:
    """Twenty meters of one neighbourhood."""
    accounts = [account(number) for number in range(20)]
    feed(monkeypatch, FixedReport(accounts))
    return accounts


async def settled(pilot: Pilot[Any]) -> None:
    """Everything read and drawn."""
    for _ in range(3):
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()


async def opened(pilot: Pilot[Any]) -> BillsPage:
    """On the page, with all that is to be seen there."""
    await pilot.press("5")
    await settled(pilot)
    page = pilot.app.screen
    assert isinstance(page, BillsPage)
    return page


async def one_opened(pilot: Pilot[Any]) -> BillsPage:
    """On the page, with the second meter opened."""
    page = await opened(pilot)
    await pilot.press("down", "enter")
    await settled(pilot)
    return page


def listed(page: BillsPage) -> list[Account]:
    return page.query_one(AccountsTable).accounts


def said(page: BillsPage, selector: str) -> str:
    return str(page.query_one(selector, Static).render())


class TestList:
    async def test_every_meter_has_a_row_under_its_pseudonym(self, app: SmarterApp, twenty: list[Account]) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            table = page.query_one(AccountsTable)
            first = min(twenty, key=lambda one: one.meter)
            cells = [str(cell) for cell in table.get_row_at(0)]
            assert cells[:3] == [f"{first.meter[:8]}…", f"{first.energy / 1e6:,.3f}", f"{first.amount:,}"]  # type: ignore[operator]
            assert table.row_count == 20
            assert said(page, "#heading").startswith("20 meters  Σ ")
            assert "○ 4 incomplete" in said(page, "#heading")  # of them one without any window

    async def test_s_sorts_by_one_column_after_the_other(self, app: SmarterApp, twenty: list[Account]) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            await pilot.press("s")
            energies = [one.energy for one in listed(page)]
            assert energies[-1] is None  # what has none comes last
            assert energies[:-1] == sorted((one.energy for one in twenty if one.energy is not None), reverse=True)
            await pilot.press("s", "s")
            assert listed(page)[0].status == "missing"  # the least measured first
            await pilot.press("s")
            assert [one.meter for one in listed(page)] == sorted(one.meter for one in twenty)

    async def test_a_click_on_a_heading_sorts_and_another_one_turns(
        self, app: SmarterApp, twenty: list[Account]
    ) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            most = max(one.amount for one in twenty if one.amount is not None)
            await pilot.click(AccountsTable, offset=(36, 0))
            assert listed(page)[0].amount == most
            assert "▼" in str(page.query_one(AccountsTable).ordered_columns[2].label)
            await pilot.click(AccountsTable, offset=(36, 0))
            assert listed(page)[-2].amount == most

    @pytest.mark.usefixtures("twenty")
    async def test_words_filter_and_escape_shows_all_again(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            await pilot.press("slash", *"incompl")
            assert {one.status for one in listed(page)} == {"incomplete"}
            assert said(page, "#heading").startswith("3 of 20 meters")
            await pilot.press("enter", "s")  # the table has the keys again
            assert page.query_one("#words", Input).value == "incompl"
            assert len(listed(page)) == 3
            await pilot.press("escape")
            assert len(listed(page)) == 20
            await pilot.press("slash", *"nobody")
            assert listed(page) == []
            await pilot.press("enter", "enter")  # opens nothing
            assert not page.charted

    async def test_a_thousand_meters_come_in_batches_and_keep_the_cursor(
        self, app: SmarterApp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        accounts = [account(number, "lane" if number % 2 else "hill") for number in range(1000)]
        feed(monkeypatch, FixedReport(accounts))
        async with app.run_test(size=(100, 30)) as pilot:
            page = await opened(pilot)
            table = page.query_one(AccountsTable)
            assert table.row_count == 1000
            await pilot.press("pagedown", "pagedown", "down")
            assert table.cursor_row > 40
            await pilot.press("end")
            assert table.chosen is listed(page)[999]
            await pilot.press("slash", *"hill")
            assert said(page, "#heading").startswith("500 of 1,000 meters")
            assert len(listed(page)) == 500

    @pytest.mark.usefixtures("twenty")
    async def test_e_writes_what_is_listed_with_its_bars(self, make_app: Any, desk: Path) -> None:
        app = make_app()
        async with app.run_test(size=(140, 45)) as pilot:
            page = await opened(pilot)
            await pilot.press("s", "e")
            await settled(pilot)
            order = [one.meter for one in listed(page)]
            assert page.copied() == (desk / "bills.csv").read_text()
        lines = list(csv.reader((desk / "bills.csv").open()))
        assert tuple(lines[0]) == BILLS
        assert [line[0] for line in lines[1:]] == order
        assert "EUR  billed to each meter" in (desk / "bills.txt").read_text()
        assert (desk / "bills.svg").read_text().startswith("<svg")


@pytest.mark.usefixtures("twenty")
class TestOneMeter:
    async def test_enter_opens_its_windows_and_its_bill_line_by_line(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await one_opened(pilot)
            chosen = listed(page)[1]
            assert chosen.meter in said(page, "#whose")
            bill = page.query_one(BillDetail).text
            assert "EUR/kWh" in bill
            for line in chosen.bills[0].lines:
                assert f"{line.label}" in bill
                assert str(line.rate) in bill
            assert f"to pay  {chosen.amount:,} EUR" in bill
            chart = page.query_one(TimeChart).text
            assert "in windows of 3h" in chart
            assert "○ incomplete 1" in chart

    async def test_windows_that_were_erased_meanwhile_are_in_no_chart(
        self, app: SmarterApp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await one_opened(pilot)
            before = page.query_one(TimeChart).text

            def erased(_: FixedReport, meter: str, __: str) -> list[WindowRow]:
                return [replace(row, energy=None, status="erased") for row in windows(meter)]

            monkeypatch.setattr(FixedReport, "household", erased)
            app.erased = object()
            app.refresh_page()
            await settled(pilot)
            await pilot.press("enter")
            await settled(pilot)
            after = page.query_one(TimeChart).text
            assert "in windows of 3h" in before
            assert after != before

    async def test_escape_goes_back_to_the_same_row(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await one_opened(pilot)
            await pilot.press("s", "slash")  # are the list's
            assert page.charted
            await pilot.press("escape")
            assert not page.charted
            assert page.focused is page.query_one(AccountsTable)
            assert page.query_one(AccountsTable).cursor_row == 1

    async def test_n_and_p_leaf_through_the_list(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await one_opened(pilot)
            await pilot.press("n", "n", "n", "p")
            await settled(pilot)
            assert listed(page)[3].meter in said(page, "#whose")
            assert listed(page)[3].meter[:8] in page.query_one(TimeChart).text
            await pilot.press("p", "p", "p", "p")  # the first has none before it
            assert listed(page)[0].meter in said(page, "#whose")

    async def test_its_chart_can_be_zoomed(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await one_opened(pilot)
            chart = page.query_one(TimeChart)
            await pilot.press("plus", "plus", "left", "left", "left", "left")
            assert 4 <= len(chart.rows) < 24
            assert chart.rows[0].start == START
            await pilot.press("home")
            assert len(chart.rows) == 24

    async def test_e_writes_its_windows_and_its_bill(self, app: SmarterApp, desk: Path) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await one_opened(pilot)
            name = listed(page)[1].meter[:8]
            await pilot.press("e", "y")
            await settled(pilot)
            assert app.clipboard == page.copied() != ""
        ends = (f"windows-{name}.csv", f"windows-{name}.txt", f"windows-{name}.svg", f"bill-{name}.csv")
        assert {path.name for path in desk.iterdir()} >= {*ends, f"bill-{name}.txt"}
        lines = list(csv.reader((desk / f"windows-{name}.csv").open()))
        assert tuple(lines[0]) == BILLING
        assert len(lines) == 1 + 24

    async def test_windows_that_cannot_be_opened_are_told_of(
        self, app: SmarterApp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            feed(monkeypatch, WrongPassphrase("mdms.keys cannot be opened; type its passphrase."))
            await pilot.press("enter")
            await settled(pilot)
            assert "cannot be opened" in page.query_one(TimeChart).text
            assert [note.severity for note in app._notifications] == ["error"]


async def test_without_a_run_it_says_how_to_get_one(app: SmarterApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await opened(pilot)
        assert "No finished run of quickstart yet: press 2, then r" in said(page, "#nothing")
        await pilot.press("s", "slash", "enter", "n", "escape", "y", "e")  # and nothing happens
        assert page.exported() == ()


async def test_a_real_run_is_shown(finished_app: SmarterApp, finished_run: Any) -> None:
    async with finished_app.run_test(size=(80, 24)) as pilot:
        page = await one_opened(pilot)
        assert finished_run.result.billed["EUR"] in said(page, "#heading")
        assert page.query_one(BillDetail).rows[0].holder == listed(page)[1].meter


def test_words_and_order_go_together() -> None:
    accounts = [account(number, "hill" if number < 5 else "lane") for number in range(20)]
    assert {one.neighbourhood for one in arranged(accounts, Order("energy", True), "hill compl")} == {"hill"}
    turned = Order("amount", True).turned_to("amount")
    amounts = [one.amount for one in arranged(accounts, turned)]
    assert amounts[-1] is None
    assert amounts[:-1] == sorted(amount for amount in amounts if amount is not None)


@pytest.mark.usefixtures("twenty")
class TestBillsAsPictures:
    def test_the_list_on_a_small_dark_screen(self, snap_compare: Any, app: SmarterApp) -> None:
        assert snap_compare(app, terminal_size=(80, 24), run_before=opened)

    def test_bars_stand_beside_it_on_a_large_light_screen(self, snap_compare: Any, make_app: Any) -> None:
        assert snap_compare(make_app("light"), terminal_size=(140, 45), run_before=opened)

    def test_one_meter_on_a_small_light_screen(self, snap_compare: Any, make_app: Any) -> None:
        assert snap_compare(make_app("light"), terminal_size=(80, 24), run_before=one_opened)
