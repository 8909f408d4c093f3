"""Page 6, who saw what: fixed views of one run, and of two beside each other; every key; and no run at all."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Static

from smarter.errors import DamagedStore, Unavailable
from smarter.protocols import release_audit
from smarter.protocols.release_audit import Disclosure, ExposedWindow, ReleaseAudit
from smarter.scenario import Scenario, load_scenario
from smarter.tui.app import SmarterApp
from smarter.tui.help import HelpPage
from smarter.tui.pages.views import Audited, ViewsPage
from smarter.tui.picture import Condition, Picture
from smarter.tui.widgets.sightings import Sightings

Counts = Mapping[str, Mapping[str, int | float]]
SEEN: Counts = {
    "meters": {"readings": 100_800},
    "concentrator": {"frames": 1_680, "bytes_sealed": 591_360},
    "pes": {
        "frames": 1_680,
        "readings": 100_800,
        "peak_readings": 600,
        "reading_seconds": 307.8,
        "bytes_sealed": 596_840,
    },
    "releaser": {
        "household_totals": 560,
        "neighbourhood_totals": 672,
        "decrypted": 224,
        "withheld_totals": 3,
        "bytes_sealed": 312_480,
    },
    "mdms": {"household_totals": 560, "neighbourhood_totals": 672, "bytes_sealed": 727_768},
}
LONGER: Counts = {**SEEN, "pes": {**SEEN["pes"], "peak_readings": 1_200, "reading_seconds": 611.2}}
"""The same with holds of two hours."""
CHANGED = ("pes.hold=2h",)


@pytest.fixture(autouse=True)
def here(opens_on: Callable[[str], None]) -> None:
    """The app opens on the page."""
    opens_on("views")


@pytest.fixture(scope="module")
def changed() -> Scenario:
    return load_scenario("quickstart", CHANGED)


def show(app: SmarterApp, views: Counts, condition: Condition = "finished", error: str = "") -> None:
    """The run stands like this now."""
    app.picture = Picture(condition=condition, scenario="quickstart", views=views, error=error)
    app.refresh_page()


async def opened(pilot: Pilot[Any], views: Counts = SEEN, condition: Condition = "finished") -> ViewsPage:
    """On the page, with a run to look at."""
    await pilot.press("6")
    show(pilot.app, views, condition)  # type: ignore[arg-type]
    await pilot.pause()
    page = pilot.app.screen
    assert isinstance(page, ViewsPage)
    return page


async def compared(pilot: Pilot[Any]) -> ViewsPage:
    """On the page, with a run beside a kept one that had another hold."""
    page = await opened(pilot)
    await pilot.press("k")
    app = pilot.app
    assert isinstance(app, SmarterApp)
    app.choose(load_scenario("quickstart", CHANGED), CHANGED)
    show(app, LONGER)
    await pilot.pause()
    return page


def notices(app: SmarterApp) -> list[str]:
    """What the app has said."""
    return [notification.message for notification in app._notifications]


def text_of(app: SmarterApp) -> str:
    """What the screen shows."""
    return "\n".join("".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips())


async def until(pilot: Pilot[Any], holds: Callable[[], object]) -> None:
    """Let the app go on until it holds; tests fail after ten seconds of it."""
    for _ in range(200):
        if holds():
            return
        await pilot.pause(0.05)
    raise AssertionError("it never came")


def said(page: ViewsPage, selector: str) -> str:
    return str(page.query_one(selector, Static).render())


def rows(page: ViewsPage, which: str = "now") -> list[str]:
    """The lines of a table under its rule."""
    region = page.query_one(f"#{which} .table").region
    lines = text_of(page.app).splitlines()[region.y : region.bottom]  # type: ignore[arg-type]
    lines = [line[region.x : region.right].strip() for line in lines]
    return lines[next(place for place, line in enumerate(lines) if "───" in line) + 1 :]


class TestOneRun:
    @pytest.mark.parametrize("width", [80, 100, 140, 300])
    async def test_the_party_that_saw_most_in_the_clear_comes_first(self, app: SmarterApp, width: int) -> None:
        async with app.run_test(size=(width, 24)) as pilot:
            page = await opened(pilot)
            first, *others, last = rows(page)
            assert first.split()[:7] == ["PES", "●", "100,800", "●", "600", "●", "308"]
            assert [line.split()[0] for line in others] == ["Concentrator", "Releaser", "MDMS"]
            assert last.startswith("Meters (own)")
            assert "▒ 592" in others[0]
            assert ("Σ 224" in others[1]) == (width >= 140)  # what is more shows where there is room

    async def test_one_sentence_says_it_in_words_and_a_legend_explains_the_marks(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            assert said(page, "#sentence").startswith(
                "Only the PES saw single readings besides the meters: at most 600"
            )
            shown = text_of(app)
            for words in ("● in the clear", "Σ sums", "▒ sealed", "Counted where bytes are decoded"):
                assert words in shown

    async def test_it_follows_a_run_that_goes_on_and_says_how_it_stands(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot, condition="running")
            assert "quickstart · protocol pes · paillier 3072 · ▶ so far" in text_of(app)
            show(app, {**SEEN, "pes": {**SEEN["pes"], "readings": 120_000}}, "failed")
            await pilot.pause()
            assert "● 120,000" in rows(page)[0]
            assert "when it failed" in text_of(app)

    async def test_y_copies_the_sentence_and_e_writes_every_count_as_it_is(self, app: SmarterApp, desk: Path) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            await pilot.press("y", "e")
            assert app.clipboard == page.copied()
            assert app.clipboard.startswith("quickstart · protocol pes · paillier 3072: Only the PES saw")
        lines = {line["party"]: line for line in csv.DictReader((desk / "views.csv").open())}
        assert lines["concentrator"]["bytes_sealed"] == "591360"
        assert lines["pes"]["reading_seconds"] == "307.8"
        assert {line["run"] for line in lines.values()} == {""}

    async def test_colours_follow_the_theme(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            amber = app.theme_variables["clear"]
            await pilot.press("t")
            await pilot.pause()
            table = page.query_one("#now .table").render_line(3)
            colours = {segment.style.color.name for segment in table if segment.style and segment.style.color}
            assert app.theme_variables["clear"] in colours
            assert amber not in colours


class TestTwoRuns:
    async def test_k_keeps_a_run_and_says_how_to_get_another_one(self, app: SmarterApp, changed: Scenario) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            await pilot.press("k")
            assert said(page, "#differences").startswith("Kept. Choose another scenario or value (1), run it (r)")
            assert not page.query_one("#now").display
            app.choose(changed, CHANGED)
            await pilot.pause()
            assert said(page, "#differences").startswith("Kept. Run it (r), and its views")
            assert rows(page, "kept")[0].startswith("PES")

    async def test_another_run_appears_beside_it_with_what_differs_marked(self, app: SmarterApp) -> None:
        async with app.run_test(size=(140, 45)) as pilot:
            page = await compared(pilot)
            assert said(page, "#differences") == (
                "≠ Against the kept run, the PES: at most at once 600 → 1,200, reading-seconds 308 → 611. "
                "Changed in the scenario: pes.hold 1h → 2h."
            )
            assert "≠ ● 600   ≠ ● 308" in " ".join(rows(page, "kept")[0].split("  "))
            assert "≠ ● 1,200" in rows(page)[0]
            for which in ("kept", "now"):
                assert sum("≠" in line for line in rows(page, which)) == 1

    @pytest.mark.parametrize(("width", "beside"), [(80, False), (140, False), (150, True), (300, True)])
    async def test_they_stand_side_by_side_where_there_is_room(self, app: SmarterApp, width: int, beside: bool) -> None:
        async with app.run_test(size=(width, 45)) as pilot:
            page = await compared(pilot)
            kept, now = (page.query_one(f"#{which}", Sightings).region for which in ("kept", "now"))
            assert (kept.y == now.y) == beside
            assert now.right <= width
            assert rows(page, "kept")[1].startswith("Concentrator")
            assert rows(page)[1].startswith("Concentrator")
            await pilot.resize_terminal(80, 45)
            await pilot.pause()
            assert kept.x == page.query_one("#now").region.x

    async def test_arrows_and_the_wheel_scroll_to_what_has_no_room(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 20)) as pilot:
            page = await compared(pilot)
            body = page.query_one("#body")
            assert body.max_scroll_y > 0
            await pilot.press("down", "down")
            await until(pilot, lambda: body.scroll_y == 2)
            await pilot._post_mouse_events([events.MouseScrollDown], body, button=0)
            await until(pilot, lambda: body.scroll_y > 2)

    async def test_the_same_run_again_stays_one(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            await pilot.press("k")
            show(app, dict(SEEN))
            await pilot.pause()
            assert not page.query_one("#now").display

    async def test_x_shows_one_run_again(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 45)) as pilot:
            page = await compared(pilot)
            assert "Drop kept" in text_of(app)
            await pilot.press("x")
            await pilot.pause()
            assert not page.query_one("#kept").display
            assert not page.query_one("#differences").display
            assert "● 1,200" in rows(page)[0]
            assert "Drop kept" not in text_of(app)

    async def test_y_and_e_give_both_out(self, app: SmarterApp, desk: Path) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await compared(pilot)
            await pilot.press("y", "e")
            one, two = app.clipboard.splitlines()
            assert "at most 600" in one
            assert "pes.hold=2h" in two
        lines = list(csv.DictReader((desk / "views.csv").open()))
        assert [line["peak_readings"] for line in lines if line["party"] == "pes"] == ["600", "1200"]
        assert {line["run"] for line in lines} == {"kept", "now"}


HOUR = 3_600
AT = 1_451_970_000  # 2016-01-05 00:00 in New York


def exposed(place: int) -> ExposedWindow:
    """A billing window of three hours from 18:00 on, ``place`` days after the first, of which one hour shows."""
    start = AT + 18 * HOUR + place * 24 * HOUR
    spans = ((start + HOUR, start + 3 * HOUR),)
    shown = Disclosure(("a3f9c01122334455",), spans, rest=((start, start + HOUR),))
    joined = Disclosure(("77c0d01122334455", "81aa401122334455"), spans, grantee="Advice Ltd", granting=8)
    return ExposedWindow("maple-street", start, start + 3 * HOUR, True, (shown, joined), (shown,))


FOUND = ReleaseAudit(5, 2_920, 0, tuple(map(exposed, range(11))))
SAFE = ReleaseAudit(5, 56, 0, ())


async def audited(pilot: Pilot[Any], found: ReleaseAudit = FOUND) -> ViewsPage:
    """On the page, with a run to look at and its audit."""
    page = await opened(pilot)
    scenario = page.bench.scenario
    assert scenario is not None
    page._audit_done(Audited(scenario, "finished", {"maple-street": "America/New_York"}, found))
    await pilot.pause()
    return page


async def found_safe(pilot: Pilot[Any]) -> ViewsPage:
    return await audited(pilot, SAFE)


class TestTheAuditOfReleases:
    async def test_a_audits_a_finished_run_without_a_key(
        self, finished_app: SmarterApp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with finished_app.run_test(size=(100, 30)) as pilot:
            await pilot.press("6", "a")
            await until(pilot, lambda: "2 billing windows, none of them shows what fewer" in text_of(finished_app))
            await pilot.press("y")
            assert finished_app.clipboard.endswith("none of them shows what fewer than 5 meters used.")

    async def test_before_a_run_it_says_that_there_is_none(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("6", "a")
            await until(pilot, lambda: notices(app))
            assert notices(app) == ["there is no run of quickstart yet: r runs it."]
            assert not app.screen.has_class("audited")

    async def test_exposed_windows_are_listed_with_who_and_what(self, app: SmarterApp) -> None:
        async with app.run_test(size=(120, 60)) as pilot:
            await audited(pilot)
            shown = " ".join(text_of(app).split())
            assert "2,920 billing windows, 11 of them show what fewer than 5 meters used" in shown
            assert "2016-01-05 18:00 to 21:00" in shown
            assert (
                "exactly what household a3f9c011… used from 19:00 to 21:00 and, by its bill, from 18:00 to 19:00"
                in shown
            )
            assert "to Advice Ltd with the sums of 8 meters (erased since)" in shown
            assert "and 3 more billing windows" in shown

    async def test_it_goes_when_another_scenario_is_chosen(self, app: SmarterApp, changed: Scenario) -> None:
        async with app.run_test(size=(120, 60)) as pilot:
            page = await audited(pilot)
            app.choose(changed, CHANGED)
            app.refresh_page()
            await pilot.pause()
            assert not page.has_class("audited")
            assert "billing windows" not in text_of(app)

    async def test_it_goes_when_a_run_begins(self, app: SmarterApp) -> None:
        async with app.run_test(size=(120, 60)) as pilot:
            page = await audited(pilot)
            show(app, SEEN, "running")
            await pilot.pause()
            assert not page.has_class("audited")

    async def test_an_audit_of_another_scenario_is_not_shown(self, app: SmarterApp, changed: Scenario) -> None:
        async with app.run_test(size=(120, 60)) as pilot:
            page = await opened(pilot)
            page._audit_done(Audited(changed, "finished", {}, SAFE))
            assert not page.has_class("audited")

    async def test_e_writes_every_disclosure(self, app: SmarterApp, desk: Path) -> None:
        async with app.run_test(size=(120, 60)) as pilot:
            await audited(pilot)
            await pilot.press("e")
        lines = list(csv.DictReader((desk / "releases.csv").open()))
        assert len(lines) == 22
        assert (lines[0]["meters"], lines[0]["exact"], lines[0]["still"]) == ("a3f9c01122334455", "yes", "yes")
        assert (lines[1]["grantee"], lines[1]["still"]) == ("Advice Ltd", "no")

    @pytest.mark.parametrize("error", [DamagedStore("the journal is damaged."), OSError(5, "no disk")])
    async def test_what_goes_wrong_is_said(
        self, finished_app: SmarterApp, error: Exception, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: object) -> None:
            raise error

        monkeypatch.setattr(release_audit, "audit_releases", broken)
        async with finished_app.run_test(size=(80, 24)) as pilot:
            await pilot.press("6", "a")
            await until(pilot, lambda: any(str(error) in notice for notice in notices(finished_app)))


class TestNothing:
    async def test_without_a_run_it_says_how_to_get_one(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("6")
            await pilot.app.workers.wait_for_complete()
            page = app.screen
            assert isinstance(page, ViewsPage)
            assert said(page, "#nothing") == "No run yet: press r to run quickstart."
            await pilot.press("k", "x", "y", "e")
            assert notices(app) == [
                "There is nothing to keep yet: run a scenario first (r).",
                "There is nothing to copy here yet.",
                "There is nothing to export here yet.",
            ]

    async def test_a_run_of_another_day_is_one_key_away(self, finished_app: SmarterApp) -> None:
        async with finished_app.run_test(size=(80, 24)) as pilot:
            await pilot.press("6")
            page = finished_app.screen
            assert isinstance(page, ViewsPage)
            await until(pilot, lambda: "was run earlier: press r to see who saw what" in said(page, "#nothing"))

    async def test_a_run_that_gets_ready_or_failed_at_once_says_so(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot, {}, "running")
            assert "is being got ready" in said(page, "#nothing")
            show(app, {}, "failed", "home3.csv, row 17: it is gone; bring it back.")
            assert "home3.csv, row 17: it is gone; bring it back. r runs it again." in said(page, "#nothing")

    @pytest.mark.parametrize(
        "error", [DamagedStore("the journal is damaged; run with --fresh."), OSError(5, "no disk")]
    )
    async def test_a_state_that_cannot_be_looked_at_is_said(
        self, app: SmarterApp, error: Exception, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(_: SmarterApp) -> bool:
            raise error

        monkeypatch.setattr(SmarterApp, "finished", property(broken))
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("6")
            await until(pilot, lambda: notices(app))
            assert str(error) in notices(app)[0]

    async def test_a_scenario_that_cannot_be_chosen_leads_to_page_1(self, make_app: Any) -> None:
        app = make_app(scenario="no-such-scenario")
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("6")
            assert said(app.screen, "#nothing") == "No scenario is chosen: choose one on page 1."


class TestRunning:
    async def test_r_runs_the_chosen_scenario(self, app: SmarterApp, monkeypatch: pytest.MonkeyPatch) -> None:
        started: list[bool] = []
        monkeypatch.setattr(SmarterApp, "start_run", lambda _: started.append(True))
        async with app.run_test(size=(80, 24)) as pilot:
            await opened(pilot)
            await pilot.press("r")
            assert started == [True]

    async def test_what_a_run_lacks_is_said(self, app: SmarterApp, monkeypatch: pytest.MonkeyPatch) -> None:
        def lacking(_: SmarterApp) -> None:
            raise Unavailable("phe is not installed: pip install 'smarter-metering[phe]'.")

        monkeypatch.setattr(SmarterApp, "start_run", lacking)
        async with app.run_test(size=(80, 24)) as pilot:
            await opened(pilot)
            await pilot.press("r")
            assert notices(app) == ["phe is not installed: pip install 'smarter-metering[phe]'."]

    async def test_help_names_every_key(self, app: SmarterApp) -> None:
        async with app.run_test(size=(100, 45)) as pilot:
            await compared(pilot)
            await pilot.press("question_mark")
            assert isinstance(app.screen, HelpPage)
            shown = text_of(app)
            for name in ("views.keep", "views.drop", "views.run", "views.audit"):
                assert name in shown


class TestViewsAsPictures:
    def test_one_run_on_a_small_dark_screen(self, snap_compare: Any, app: SmarterApp) -> None:
        assert snap_compare(app, terminal_size=(80, 24), run_before=opened)

    def test_one_run_on_a_large_light_screen(self, snap_compare: Any, make_app: Any) -> None:
        assert snap_compare(make_app("light"), terminal_size=(140, 45), run_before=opened)

    def test_two_runs_on_a_small_light_screen(self, snap_compare: Any, make_app: Any) -> None:
        assert snap_compare(make_app("light"), terminal_size=(80, 24), run_before=compared)

    def test_two_runs_on_a_large_dark_screen(self, snap_compare: Any, make_app: Any) -> None:
        assert snap_compare(make_app("dark"), terminal_size=(140, 45), run_before=compared)

    def test_an_audit_that_found_nothing_on_a_small_dark_screen(self, snap_compare: Any, app: SmarterApp) -> None:
        assert snap_compare(app, terminal_size=(80, 24), run_before=found_safe)

    def test_exposed_windows_on_a_large_light_screen(self, snap_compare: Any, make_app: Any) -> None:
        assert snap_compare(make_app("light"), terminal_size=(140, 45), run_before=audited)
