"""Page 4, demand: figures, chart and days of fixed windows; every key; and what is said when there is nothing."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from textual.events import MouseScrollDown, MouseScrollUp
from textual.pilot import Pilot
from textual.widgets import Digits, Static

from smarter.errors import UsageError, WrongPassphrase
from smarter.export.files import DEMAND
from smarter.model.results import WindowRow
from smarter.model.windows import cut
from smarter.parties.mdms import demand_figures
from smarter.tui.app import SmarterApp
from smarter.tui.pages.demand import DemandPage
from smarter.tui.widgets.chart import Chart
from smarter.tui.widgets.days_table import DaysTable
from smarter.tui.widgets.large_figure import LargeFigure
from smarter.tui.widgets.time_chart import TimeChart

NEW_YORK = "America/New_York"


def windows(name: str, days: int, length: int = 900) -> list[WindowRow]:
    """Of January 2016: low at night, high at noon; some of the second day are not whole."""
    first, last = (int(datetime(2016, 1, d, tzinfo=ZoneInfo(NEW_YORK)).timestamp()) for d in (1, 1 + days))
    found = []
    for place, (start, end) in enumerate(pairwise(cut(NEW_YORK, length, first, last).edges.tolist())):
        status = {110: "incomplete", 120: "refused", 121: "missing"}.get(place, "complete")
        readings = {"complete": 600, "incomplete": 450}.get(status, 0)
        kilowatts = 6 - 5 * math.cos((start - first) * math.tau / 86_400) + place % 4
        energy = round(kilowatts * 1_000_000 * length / 3600 * readings / 600) if readings else None
        reason = "only 61 of 600 readings" if status == "refused" else ""
        found.append(WindowRow("demand", name, start, end, 10, readings, 600, energy, status, reason))
    return found


class FixedReport:
    """What the page asks a report for."""

    def __init__(self, **neighbourhoods: list[WindowRow]) -> None:
        self._rows = {name.replace("_", "-"): rows for name, rows in neighbourhoods.items()}
        self.neighbourhoods = tuple(self._rows)

    def timezone(self, name: str) -> str:
        return NEW_YORK

    def demand(self, name: str) -> list[WindowRow]:
        return self._rows[name]

    def figures(self, name: str, rows: list[WindowRow]) -> Any:
        return demand_figures(rows, name, NEW_YORK)


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
    opens_on("demand")


@pytest.fixture
def fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two neighbourhoods: three days by quarters of an hour, and one by three hours."""
    feed(monkeypatch, FixedReport(maple_street=windows("maple-street", 3), oak_lane=windows("oak-lane", 1, 10_800)))


async def settled(pilot: Pilot[Any]) -> None:
    """Everything read and drawn."""
    for _ in range(3):
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()


async def opened(pilot: Pilot[Any]) -> DemandPage:
    """On the page, with all that is to be seen there."""
    await pilot.press("4")
    await settled(pilot)
    page = pilot.app.screen
    assert isinstance(page, DemandPage)
    return page


def said(page: DemandPage, selector: str) -> str:
    return str(page.query_one(selector, Static).render())


@pytest.mark.usefixtures("fixed")
class TestDemand:
    async def test_figures_stand_large_above_the_chart(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            figures = demand_figures(windows("maple-street", 3), "maple-street", NEW_YORK)
            shown = [digits.value for digits in page.query(Digits)]
            assert shown == [f"{figures.peak_kw:.3f}", f"{figures.base_kw:.3f}", f"{figures.load_factor:.3f}"]
            assert "285 of 288 windows complete" in said(page, "#heading")
            chart = page.query_one(TimeChart).text
            assert "○ incomplete 1" in chart
            assert "✕ refused 1" in chart
            assert max(map(len, chart.splitlines())) <= 78

    async def test_a_street_with_solar_shows_import_and_export_apart(
        self, app: SmarterApp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rows = [
            replace(row, energy=None if row.energy is None else row.energy - 2_000_000)
            for row in windows("sunny-lane", 1)
        ]
        feed(monkeypatch, FixedReport(sunny_lane=rows))
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            figures = demand_figures(rows, "sunny-lane", NEW_YORK)
            shown = [digits.value for digits in page.query(Digits)]
            assert shown == [f"{figures.peak_kw:.3f}", f"{figures.export_peak_kw:.3f}", "-"]
            words = [str(figure.query_one(Static).render()) for figure in page.query(LargeFigure)]
            assert words[0].startswith("Σ peak kW Fri 1 Jan")
            assert words[1].startswith("Σ export kW Fri 1 Jan")
            assert words[2] == "– base, load factor"
            for line in words:
                assert len(line) < 30
            assert f"import {figures.import_mwh / 1e6:,.3f} kWh, export" in said(page, "#heading")

    async def test_w_goes_through_windows_hours_and_days(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            for wording, length in (("by hour", "1h"), ("by day", "1d"), ("by window of 15min", "15min")):
                await pilot.press("w")
                await settled(pilot)
                assert wording in said(page, "#heading")
                assert f"in windows of {length}" in page.query_one(TimeChart).text

    async def test_keys_zoom_and_pan_and_home_shows_the_whole_run(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            chart = page.query_one(TimeChart)
            whole = len(chart.rows)
            await pilot.press("plus", "plus")
            closer = len(chart.rows)
            assert closer < whole / 2
            await pilot.press("left")
            earlier = chart.rows[0].start
            await pilot.press("right", "right")
            assert chart.rows[0].start > earlier
            await pilot.press("minus")
            assert closer < len(chart.rows) < whole
            await settled(pilot)
            assert "2016-01-01 00:00 to 2016-01-04 00:00" not in chart.text
            await pilot.press("home")
            await settled(pilot)
            assert len(chart.rows) == whole
            assert "2016-01-01 00:00 to 2016-01-04 00:00" in chart.text

    async def test_help_has_an_action_of_two_keys_once(self, app: SmarterApp) -> None:
        async with app.run_test(size=(100, 50)) as pilot:
            await opened(pilot)
            await pilot.press("question_mark")
            await pilot.pause()
            shown = ["".join(part.text for part in strip) for strip in app.screen._compositor.render_strips()]
            assert len([line for line in shown if "+  " in line and "Zoom " in line]) == 1

    async def test_the_mouse_pans_and_zooms(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            chart = page.query_one(TimeChart)
            await pilot.press("plus", "plus")
            before = chart.rows[0].start
            await pilot._post_mouse_events([MouseScrollDown], chart)
            later = chart.rows[0].start
            assert later > before
            await pilot._post_mouse_events([MouseScrollUp], chart)
            assert chart.rows[0].start == before
            await pilot._post_mouse_events([MouseScrollUp], chart, control=True)
            assert len(chart.rows) < 120
            await pilot.mouse_down(chart, offset=(20, 5))
            await pilot.hover(chart, offset=(40, 5))
            await pilot.mouse_up(chart, offset=(40, 5))
            held = chart.rows[0].start
            await pilot.hover(chart, offset=(10, 5))
            assert chart.rows[0].start == held < later

    async def test_d_shows_the_days_and_enter_one_of_them(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            chart, days = page.query_one(TimeChart), page.query_one(DaysTable)
            assert not days.display
            await pilot.press("d")
            assert days.display
            assert not chart.display  # there is no room for both
            assert [str(cell) for cell in days.get_row_at(1)][2].startswith("○ 9")
            await pilot.press("down", "enter")
            await settled(pilot)
            assert chart.display
            assert "2016-01-02 00:00 to 2016-01-03 00:00" in chart.text

    async def test_wide_screens_show_days_beside_the_chart_and_keys_still_pan(self, app: SmarterApp) -> None:
        async with app.run_test(size=(140, 45)) as pilot:
            page = await opened(pilot)
            chart = page.query_one(TimeChart)
            await pilot.press("d", "plus")
            before = chart.rows[0].start
            await pilot.press("right")
            assert chart.rows[0].start > before
            assert chart.display
            assert page.query_one(DaysTable).display
            await pilot.press("d")
            assert not page.query_one(DaysTable).display

    async def test_n_goes_through_the_neighbourhoods(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            await pilot.press("w", "n")  # by the hour, which windows of three hours are not
            await settled(pilot)
            assert said(page, "#heading").startswith("oak-lane 2 of 2  by window of 3h")
            assert "oak-lane" in page.query_one(TimeChart).text
            await pilot.press("n")
            assert said(page, "#heading").startswith("maple-street 1 of 2")

    async def test_e_writes_the_windows_and_the_chart(self, app: SmarterApp, desk: Path) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await opened(pilot)
            await pilot.press("w", "d", "e")
            await settled(pilot)
        files = {path.name for path in desk.iterdir()}
        assert files >= {f"demand-maple-street{end}" for end in ("-hours.csv", "-days.csv", ".txt", ".svg")}
        lines = list(csv.reader((desk / "demand-maple-street-hours.csv").open()))
        assert tuple(lines[0]) == DEMAND
        assert len(lines) == 1 + 72
        assert "\x1b" not in (desk / "demand-maple-street.txt").read_text()
        assert (desk / "demand-maple-street.svg").read_text().startswith("<svg")

    async def test_y_copies_the_chart_or_the_days_in_its_place(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            assert page.copied() == page.query_one(TimeChart).text
            await pilot.press("d")
            assert len(page.copied().splitlines()) == 1 + 3

    async def test_a_chart_is_drawn_once_a_stretch_and_size(
        self, app: SmarterApp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            chart = page.query_one(TimeChart)
            drawn: list[int] = []
            drawer = chart._drawer
            monkeypatch.setattr(
                chart, "_drawer", lambda rows, *a, **o: (drawn.append(len(rows)), drawer(rows, *a, **o))[1]
            )
            for _ in range(3):
                await pilot.press("plus")
                await settled(pilot)
                await pilot.press("home")
                await settled(pilot)
            assert len(drawn) == 1


class TestWithoutReport:
    async def test_it_says_how_to_get_one(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            assert "No finished run of quickstart yet: press 2, then r" in said(page, "#nothing")
            assert not page.charted
            await pilot.press("w", "d", "n", "plus", "left", "home", "y", "e")  # and nothing happens
            assert page.exported() == ()

    async def test_a_run_that_goes_on_is_waited_for(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            page.show_picture(SimpleNamespace(goes_on=True, done=37, total=50))  # type: ignore[arg-type]
            assert "74 % is done" in said(page, "#nothing")

    async def test_keys_that_stay_locked_are_asked_for_again_with_o(
        self, app: SmarterApp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        feed(monkeypatch, WrongPassphrase("mdms.keys cannot be opened; type its passphrase."))
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            assert "mdms.keys cannot be opened" in said(page, "#nothing")
            assert [note.severity for note in app._notifications] == ["error"]
            feed(monkeypatch, FixedReport(oak_lane=windows("oak-lane", 1)))
            await pilot.press("o")
            await settled(pilot)
            assert page.charted
            assert said(page, "#heading").startswith("oak-lane  by window")

    async def test_a_chart_that_cannot_be_drawn_says_so(self, app: SmarterApp) -> None:
        def broken(width: int, height: int) -> str:
            raise UsageError("no ink")

        async with app.run_test(size=(80, 24)) as pilot:
            chart = Chart()
            await app.screen.mount(chart)
            chart.styles.height = 5
            chart.show("broken", broken)
            await settled(pilot)
            assert "UsageError: no ink" in chart.text


async def test_a_real_run_is_shown(finished_app: SmarterApp, finished_run: Any) -> None:
    async with finished_app.run_test(size=(80, 24)) as pilot:
        page = await opened(pilot)
        assert f"{finished_run.result.demand[0].peak_kw:.3f}" == page.query_one("#peak Digits", Digits).value
        assert "24 of 24 windows complete" in said(page, "#heading")


@pytest.mark.usefixtures("fixed")
class TestDemandAsPictures:
    def test_the_chart_takes_a_small_dark_screen(self, snap_compare: Any, app: SmarterApp) -> None:
        assert snap_compare(app, terminal_size=(80, 24), run_before=opened)

    def test_the_days_stand_beside_the_chart_on_a_large_light_screen(self, snap_compare: Any, make_app: Any) -> None:
        async def days(pilot: Pilot[Any]) -> None:
            await opened(pilot)
            await pilot.press("d")
            await settled(pilot)

        assert snap_compare(make_app("light"), terminal_size=(140, 45), run_before=days)
