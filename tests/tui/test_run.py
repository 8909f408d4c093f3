"""Page 2, run: fixed pictures of every condition at both sizes, every key and the mouse; and one real, small run."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from smarter.model.events import Tallied
from smarter.model.results import Result, RunCounts, StageFigures
from smarter.tui.app import SmarterApp
from smarter.tui.pages.run import RunPage
from smarter.tui.picture import Condition, Line, Picture
from smarter.tui.widgets.run_log import RunLog
from smarter.tui.widgets.run_stations import RunStations
from smarter.tui.widgets.text_lines import OneLine

START = 1_451_624_400  # 2016-01-01 00:00 in New York
STREET = "maple-street"
LONG = "only 3 of at least 5 meters cover half the window, and that is said in more words than there is room for"


def meter(number: int) -> str:
    return sha256(str(number).encode()).hexdigest()[:16]


def line(number: int) -> Line:
    """Of ten lines eight are released windows, one is a refused one and one a dropped frame."""
    at, start = 1 + number / 100, START + number // 10 * 900
    if number % 10 == 8:
        return Line(at, "refused", "billing", meter(number % 7), STREET, start, "only 61 of 180 readings")
    if number % 10 == 9:
        return Line(at, "dropped", "frame", "pes", STREET, start, "authentication failed")
    if number % 10:
        share = (61, 180) if number % 10 == 7 else (180, 180)
        energy = number * 7_919_000 % 9_000_000
        return Line(at, "released", "billing", meter(number % 7), STREET, start, energy=energy, readings=share)
    return Line(at, "released", "demand", STREET, STREET, start, energy=number * 104_729_000, readings=(150, 150))


def lines(count: int) -> tuple[Line, ...]:
    return tuple(line(number) for number in range(count))


VIEWS: dict[str, dict[str, int | float]] = {
    "meters": {"readings": 74_520},
    "concentrator": {"frames": 1_242, "bytes_sealed": 415_000},
    "pes": {"readings": 74_520, "frames": 1_242, "peak_readings": 600, "reading_seconds": 62.4},
    "releaser": {"household_totals": 400, "neighbourhood_totals": 496},
    "mdms": {"opened": 910},
}
GOING = Picture(
    condition="running",
    scenario="quickstart",
    meters=10,
    run=1,
    stage="read",
    step=(74_520, 100_800),
    done=74_520,
    total=100_800,
    seconds=3.4,
    views=VIEWS,
    spent=dict(zip(("read", "seal", "relay", "open", "encrypt", "add", "release", "store"), range(1, 9), strict=True)),
    bytes={"seal": 333_000, "relay": 333_000, "encrypt": 2_064_384, "deliver": 1_204_000, "store": 512_000},
    tallied=Tallied(1_242, 2_688, {"demand": 496, "billing": 400}, {"billing": 3}, {"pes": 2}, 42, 512, 3, 7),
    lines=lines(60),
    logged=60,
    rates=tuple(20_000 + 400 * (place * 7 % 24) for place in range(30)),
    speeds={"readings": 28_400, "frames": 473, "ciphertexts": 1_024, "windows": 341},
)
LARGE = replace(
    GOING,
    meters=1_000,
    done=439_000_000,
    total=525_600_000,
    seconds=14_403,
    views={party: {name: count * 9_871 for name, count in counts.items()} for party, counts in VIEWS.items()},
    tallied=Tallied(
        12_260_000, 26_532_000, {"demand": 8_000_000}, {"billing": 33_000}, {"pes": 19_000}, 4_200, 8_192, 340, 256
    ),
    bytes={stage: count * 9_871 for stage, count in GOING.bytes.items()},
)
RESULT = Result.model_construct(
    counts=RunCounts.model_construct(meters=10),
    stages={"read": StageFigures(seconds=1, bytes=1)},
    billed={"USD": "68.13"},
    seconds=5.24,
    exposed=0,
    verified=True,
)


def stands(condition: Condition, **values: Any) -> Picture:
    """The run as it goes on, but for this."""
    return replace(GOING, condition=condition, **values)


ENDED = stands("finished", done=100_800, tallied=replace(GOING.tallied, holds=0, sums=0, aggregates=0), result=RESULT)


@pytest.fixture(autouse=True)
def here(opens_on: Callable[[str], None]) -> None:
    """The app opens on the page."""
    opens_on("run")


async def show(pilot: Pilot[Any], picture: Picture) -> RunPage:
    """Go to the page and let the app have this picture."""
    app = pilot.app
    assert isinstance(app, SmarterApp)
    if not isinstance(app.screen, RunPage):
        await pilot.press("2")
    app.post_message(app.PictureTaken(picture))
    for _ in range(3):
        await app.workers.wait_for_complete()
        await pilot.pause()
    assert isinstance(app.screen, RunPage)
    return app.screen


def showing(picture: Picture, *keys: str) -> Callable[[Pilot[Any]], Any]:
    """For snapshots: this picture, after some keys."""

    async def before(pilot: Pilot[Any]) -> None:
        await show(pilot, picture)
        await pilot.press(*keys)
        await pilot.pause()

    return before


def said(page: RunPage, name: str) -> str:
    """What a line, or the words at the end, say."""
    if name in ("ending", "nothing", "detail", "unwatched"):
        widget = page.query_one(f"#{name}", Static)
        return str(widget.render()) if widget.display else ""
    return page.query_one(f"#{name}", OneLine).text


def parties(page: RunPage) -> str:
    return page.query_one(RunStations).text


def log(page: RunPage) -> RunLog:
    return page.query_one(RunLog)


def drawn(page: RunPage) -> list[str]:
    """The lines of the log that are on the screen."""
    return [log(page).render_line(y).text.rstrip() for y in range(log(page).size.height)]


class TestHowItStands:
    @pytest.mark.parametrize(
        ("condition", "words"),
        [
            ("running", "▶ running  0:03"),
            ("pausing", "⏸ pausing after this hold  0:03"),
            ("paused", "⏸ paused, p goes on  0:03"),
            ("stopping", "■ cancelling  0:03"),
            ("cancelled", "■ cancelled  0:03"),
            ("failed", "✕ failed  0:03"),
        ],
    )
    async def test_each_condition_has_its_mark(self, app: SmarterApp, condition: Condition, words: str) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await show(pilot, stands(condition, error="home3.csv, row 17: no number; correct it."))
            assert said(page, "heading").endswith(words)

    async def test_scenario_protocol_scheme_and_meters_are_named(self, app: SmarterApp) -> None:
        async with app.run_test(size=(100, 30)) as pilot:
            page = await show(pilot, GOING)
            assert said(page, "heading").startswith("quickstart · pes · paillier 3072 · maple-street, 10 meters")

    async def test_progress_says_how_far_it_is_and_how_long_it_will_take(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await show(pilot, GOING)
            assert said(page, "progress").endswith("73 %  74,520 of 100,800 readings  0:02 left")
            await show(pilot, stands("paused"))
            assert "left" not in said(page, "progress")

    @pytest.mark.parametrize(
        ("stage", "words"),
        [
            ("keys", "making keys, 5 of 15 keys"),
            ("input", "taking digests, 5 of 15 meters"),
            ("precompute", "making blindings, 5 of 15 blindings"),
            ("ahead", "waiting for blindings, 5 of 15 blindings"),
            ("verify", "verifying, 5 of 15 meters"),
        ],
    )
    async def test_what_is_done_before_and_after_the_readings_is_said(
        self, app: SmarterApp, stage: str, words: str
    ) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await show(pilot, stands("running", stage=stage, step=(5, 15), done=0))
            assert said(page, "progress").endswith(words)

    async def test_at_the_very_beginning_there_is_a_word_too(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await show(pilot, Picture(condition="running", scenario="quickstart", run=1))
            assert said(page, "progress") == "looking at keys and data …"
            assert "nobody but the meters" in said(page, "clear")

    async def test_who_has_readings_in_the_clear_is_said_with_the_rate(self, app: SmarterApp) -> None:
        async with app.run_test(size=(140, 45)) as pilot:
            page = await show(pilot, GOING)
            clear = said(page, "clear")
            assert clear.startswith("in the clear  ● PES peak 600  each for 837 µs  62 reading-seconds")
            assert clear.endswith("28,400 readings/s") is False  # the last of the rates, not of the speeds
            assert clear.endswith(f"{GOING.rate:,.0f} readings/s")
            assert "█" in clear

    @pytest.mark.parametrize(
        ("picture", "words"),
        [
            (stands("cancelled"), "■ Cancelled: nothing is lost. r takes it up where it was."),
            (stands("failed", error="the disk is full; make room."), "✕ the disk is full; make room.\nr tries again."),
            (
                ENDED,
                "✓ 10 meters billed 68.13 USD  Σ 896 windows released  ✕ 3 refused  5.2 s\n"
                "✓ Verified, every number.  Look at 4 demand, 5 bills, 6 who saw what.",
            ),
            (GOING, ""),
        ],
    )
    async def test_the_end_says_what_came_of_it_and_what_to_do(
        self, app: SmarterApp, picture: Picture, words: str
    ) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await show(pilot, picture)
            assert said(page, "ending") == words

    async def test_a_result_that_nobody_verified_says_how(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            result = RESULT.model_copy(update={"verified": None})
            page = await show(pilot, replace(ENDED, result=result))
            assert "v recomputes every number." in said(page, "ending")
            assert "hold" not in parties(page)  # nothing waits any more


class TestParties:
    async def test_side_by_side_each_has_what_it_saw_its_time_and_what_waits(self, app: SmarterApp) -> None:
        async with app.run_test(size=(140, 45)) as pilot:
            shown = parties(await show(pilot, GOING))
            first = shown.splitlines()[0]
            names = ("Meters", "Concentrator", "PES", "Releaser", "MDMS", "Customer")
            assert [first.index(name) for name in names] == sorted(first.index(name) for name in names)
            assert first.count("▒") == first.count("▶") == 4
            for words in (
                "● 74,520 readings",
                "▒ 1,242 frames",
                "▒ 2,688 ciphertexts",
                "✕ 2 dropped",
                "Σ 896 windows",
                "✕ 3 refused",
                "333 kB",
                "28.4k/s",
                "14 % encrypt",
                "42 holds to come",
                "512 blindings ready",
                "3 sums open",
                "7 sums wait",
                "● own readings",
                "▒ 1,242 frames kept",
            ):
                assert words in shown

    @pytest.mark.parametrize("width", [80, 99, 100, 119, 140, 300])
    @pytest.mark.parametrize("picture", [GOING, LARGE], ids=["usual", "large"])
    async def test_at_any_width_nothing_is_cut_off(self, app: SmarterApp, picture: Picture, width: int) -> None:
        async with app.run_test(size=(width, 24)) as pilot:
            page = await show(pilot, picture)
            shown = parties(page)
            room = page.query_one(RunStations).size.width
            assert max(map(len, shown.splitlines())) <= room
            assert len(shown.splitlines()) == page.query_one(RunStations).size.height
            for name in ("Meters", "Concentrator", "PES", "Releaser", "MDMS", "Customer"):
                assert name in shown
            assert shown.count("frames") == 3
            for noun in ("readings", "frames", "windows", "refused", "dropped", "hold", "blindings", "sums"):
                assert noun in shown
            assert len(said(page, "progress")) <= width - 2
            assert len(said(page, "clear")) <= width - 2
            assert log(page).size.height >= 5

    async def test_one_of_something_is_one(self, app: SmarterApp) -> None:
        tallied = Tallied(frames=1, released={"demand": 1}, holds=1, sums=1)
        async with app.run_test(size=(140, 45)) as pilot:
            shown = parties(await show(pilot, stands("running", tallied=tallied)))
            for words in ("1 frame ", "1 window ", "1 hold to come", "1 sum open"):
                assert words in shown

    async def test_a_new_size_is_followed(self, app: SmarterApp) -> None:
        async with app.run_test(size=(140, 45)) as pilot:
            page = await show(pilot, GOING)
            assert "▼" not in parties(page)
            await pilot.resize_terminal(80, 24)
            await pilot.pause()
            assert "▼ Concentrator" in parties(page)
            assert len(parties(page).splitlines()) == page.query_one(RunStations).size.height


class TestLog:
    async def test_it_follows_the_newest_line(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await show(pilot, GOING)
            assert "0:01.5" in drawn(page)[-1]
            await show(pilot, stands("running", lines=lines(75), logged=75))
            assert "0:01.7" in drawn(page)[-1]
            assert said(page, "log-heading").endswith("75 lines")

    async def test_a_line_has_time_what_window_whose_and_how_much(self, app: SmarterApp) -> None:
        async with app.run_test(size=(140, 45)) as pilot:
            page = await show(pilot, stands("running", lines=lines(10), logged=10))
            demand, *_, incomplete, refused, dropped = drawn(page)[:10]
            assert demand.split()[:6] == ["0:01.0", "Σ", "released", "demand", "2016-01-01", "00:00"]
            assert demand.split()[6:] == ["maple-street", "0.000", "kWh"]
            assert incomplete.endswith("1.433 kWh  ○ 61 of 180 readings")
            assert f"{meter(1)[:8]}…" in refused
            assert refused.endswith("only 61 of 180 readings")
            assert dropped.split("  ")[-1].strip() == "authentication failed"
            assert "PES" in dropped

    async def test_moving_up_chooses_and_stays_until_end(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await show(pilot, GOING)
            await pilot.press("up", "up", "up")
            assert log(page).chosen == [line(57)]
            assert said(page, "log-heading").endswith("58 of 60")
            await pilot.press("home")
            await show(pilot, stands("running", lines=lines(200), logged=200))
            assert log(page).chosen == [line(0)]
            assert "0:01.0" in drawn(page)[0]
            await pilot.press("pagedown", "down", "pageup")
            assert log(page).chosen == [line(1)]
            await pilot.press("end")
            assert log(page).chosen == []
            assert log(page).follows
            await show(pilot, stands("running", lines=lines(300), logged=300))
            assert "0:03.9" in drawn(page)[-1]

    async def test_the_wheel_looks_back_and_to_the_end_follows_again(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await show(pilot, stands("running", lines=lines(200), logged=200))
            log(page).scroll_up(animate=False)
            await pilot.pause()
            assert said(page, "log-heading").endswith("200 lines, end follows")
            top = drawn(page)[0]
            await show(pilot, stands("running", lines=lines(250), logged=250))
            assert drawn(page)[0] == top
            log(page).scroll_end(animate=False)
            await pilot.pause()
            await show(pilot, stands("running", lines=lines(260), logged=260))
            assert "0:03.5" in drawn(page)[-1]

    async def test_what_was_dropped_from_the_ring_moves_nothing(self, app: SmarterApp) -> None:
        everything = lines(400)
        async with app.run_test(size=(80, 24)) as pilot:
            page = await show(pilot, stands("running", lines=everything[:200], logged=200))
            await pilot.press(*["up"] * 60)
            chosen, top = log(page).chosen, drawn(page)[0]
            await show(pilot, stands("running", lines=everything[100:300], logged=300))
            assert (log(page).chosen, drawn(page)[0]) == (chosen, top)
            assert log(page).count == 200
            assert said(page, "log-heading").startswith("Σ 240 released")
            await show(pilot, stands("running", lines=everything[200:], logged=400))  # the chosen one is gone
            assert log(page).chosen == [everything[200]]

    async def test_another_run_begins_anew(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await show(pilot, GOING)
            await pilot.press("up")
            await show(pilot, stands("running", run=2, lines=lines(3), logged=3))
            assert log(page).shown == list(lines(3))
            assert log(page).follows

    async def test_a_click_chooses_with_shift_more_and_dragging_too(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await show(pilot, GOING)
            height = log(page).size.height
            first = 60 - height
            await pilot.click(RunLog, offset=(20, 2))
            assert log(page).chosen == [line(first + 2)]
            await pilot.click(RunLog, offset=(20, 4), shift=True)
            assert log(page).chosen == [line(first + place) for place in (2, 3, 4)]
            assert said(page, "log-heading").endswith("3 chosen of 60")
            await pilot.mouse_down(RunLog, offset=(20, 0))
            await pilot.hover(RunLog, offset=(20, 1))
            await pilot.mouse_up(RunLog, offset=(20, 1))
            assert log(page).chosen == [line(first), line(first + 1)]
            await pilot.hover(RunLog, offset=(20, 4))
            assert len(log(page).chosen) == 2

    async def test_shift_and_arrows_choose_more_and_escape_lets_go(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await show(pilot, GOING)
            await pilot.press("up", "shift+up", "shift+up", "shift+down")
            assert log(page).chosen == [line(58), line(59)]
            await pilot.press("escape")
            assert log(page).chosen == []

    async def test_words_filter_and_escape_shows_all_again(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await show(pilot, GOING)
            await pilot.press("slash", *"billing 61")
            assert {shown.what for shown in log(page).shown} == {"refused", "released"}
            assert log(page).count == 12
            await show(pilot, stands("running", lines=lines(70), logged=70))
            assert log(page).count == 14
            await pilot.press("enter", "up")
            assert page.focused is log(page)
            await pilot.press("escape", "escape")
            assert log(page).count == 70
            assert not page.query_one("#words").display
            await pilot.press("slash", "enter")
            assert not page.query_one("#words", Input).display

    async def test_letters_typed_into_the_filter_are_no_commands(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await show(pilot, GOING)
            await pilot.press("slash", *"lufpcrv")
            assert page.query_one("#words", Input).value == "lufpcrv"
            assert app.picture is GOING

    async def test_of_a_run_that_had_finished_before_it_says_where_its_lines_are(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await show(pilot, replace(GOING, lines=(), logged=0))
            assert "Σ 0 released" in said(page, "log-heading")
            assert said(page, "unwatched") == ""
            page = await show(pilot, replace(ENDED, lines=(), logged=0))
            assert "0 " not in said(page, "log-heading")
            assert "smarter audit show quickstart" in said(page, "unwatched")
            page = await show(pilot, replace(GOING, run=2))
            assert "Σ 48 released" in said(page, "log-heading")
            assert said(page, "unwatched") == ""

    async def test_l_u_and_f_hide_and_show(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await show(pilot, GOING)
            await pilot.press("l")
            assert {shown.what for shown in log(page).shown} == {"refused", "dropped"}
            assert "Σ 48 released hidden" in said(page, "log-heading")
            await pilot.press("u")
            assert {shown.what for shown in log(page).shown} == {"dropped"}
            await pilot.press("f")
            assert log(page).shown == []
            await pilot.press("y", "up")  # there is nothing to copy or choose
            await pilot.press("l", "u", "f")
            assert log(page).count == 60

    async def test_a_click_on_a_count_hides_and_escape_shows_all(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await show(pilot, GOING)
            await pilot.click("#log-heading", offset=(4, 0))
            assert log(page).count == 12
            await pilot.press("escape")
            assert log(page).count == 60

    async def test_a_chosen_line_that_is_cut_is_shown_in_full(self, app: SmarterApp) -> None:
        long = replace(line(8), text=LONG)
        async with app.run_test(size=(80, 24)) as pilot:
            page = await show(pilot, stands("running", lines=(*lines(8), long), logged=9))
            assert drawn(page)[-1].endswith("…")
            await pilot.press("up")
            assert said(page, "detail").endswith(LONG)
            await pilot.press("up")
            assert said(page, "detail") == ""

    async def test_warnings_and_failed_workers_are_lines_too(self, app: SmarterApp) -> None:
        warning = Line(0.0, "warning", "", "", "", None, "small keys protect nothing")
        failed = Line(1.0, "failed", "worker", "pes", "", None, "a worker process was ended from outside")
        async with app.run_test(size=(80, 24)) as pilot:
            page = await show(pilot, stands("running", lines=(warning, failed), logged=2))
            assert drawn(page)[0] == " 0:00.0 ! warning  small keys protect nothing"
            assert drawn(page)[1].startswith(" 0:01.0 ✕ failed   worker ")
            assert "✕ 2 faults" in said(page, "log-heading")

    async def test_twenty_thousand_lines_are_no_burden(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await show(pilot, stands("running", lines=lines(20_000), logged=20_000))
            await pilot.press("slash", *"refused", "enter", "home", "end")
            assert log(page).count == 2_000


class TestFiles:
    async def test_y_copies_what_is_chosen_or_else_all_that_is_shown(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await show(pilot, GOING)
            await pilot.press("up", "up", "y")
            assert app.clipboard == (
                f"0:01.5  ✕ refused  billing  2016-01-01 01:15  {meter(58 % 7)}  only 61 of 180 readings"
            )
            await pilot.press("escape", "l", "u", "y")
            assert len(app.clipboard.splitlines()) == 6
            assert "authentication failed" in app.clipboard
            assert log(page).follows

    async def test_e_writes_the_log_and_the_counters(self, app: SmarterApp, desk: Path) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await show(pilot, GOING)
            await pilot.press("u", "e")
        rows = list(csv.DictReader((desk / "log-quickstart.csv").open()))
        assert len(rows) == 54
        assert rows[1] == {
            "seconds": "1.010",
            "what": "released",
            "kind": "billing",
            "of": meter(1),
            "window_start": "2016-01-01T00:00:00-05:00",
            "energy_wh": "7919.000",
            "readings": "180",
            "expected": "180",
            "reason": "",
        }
        assert rows[-1]["reason"] == "authentication failed"
        assert len((desk / "log-quickstart.txt").read_text().splitlines()) == 54
        counters = list(csv.reader((desk / "counters-quickstart.csv").open()))
        assert ["pes", "ciphertexts", "2688", ""] in counters
        assert ["releaser", "windows", "896", ""] in counters
        assert ["meters", "passed on", "333000", "bytes"] in counters
        assert ["pes", "encrypt", "13.889", "% of the time"] in counters

    async def test_before_a_run_there_is_nothing_to_copy_or_export(self, app: SmarterApp, desk: Path) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("2", "y", "e")
        assert list(desk.iterdir()) == []


class TestKeys:
    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """What the page asks of the app's run."""
        asked: list[str] = []
        monkeypatch.setattr(SmarterApp, "start_run", lambda app, *, verify: asked.append(f"run {verify}"))
        monkeypatch.setattr(SmarterApp, "pause_run", lambda app: asked.append("pause"))
        monkeypatch.setattr(SmarterApp, "cancel_run", lambda app: asked.append("cancel"))
        return asked

    @pytest.mark.parametrize(
        ("picture", "does"),
        [
            (Picture(scenario="quickstart"), ["run False", "run True"]),
            (GOING, ["pause", "cancel"]),
            (stands("pausing"), ["pause", "cancel"]),
            (stands("paused"), ["pause", "cancel"]),
            (stands("stopping"), []),
            (stands("cancelled"), ["run False", "run True"]),
            (stands("failed"), ["run False", "run True"]),
            (ENDED, ["run False", "run True"]),
        ],
        ids=lambda value: value.condition if isinstance(value, Picture) else "",
    )
    async def test_they_do_what_the_condition_lets_them(
        self, app: SmarterApp, asked: list[str], picture: Picture, does: list[str]
    ) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await show(pilot, picture)
            await pilot.press("r", "v", "p", "c")
            assert asked == does
            asked.clear()

    async def test_all_of_them_are_in_the_palette_by_name(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await show(pilot, GOING)
            titles = {command.title for command in app.get_system_commands(app.screen)}
            assert {"Pause", "Cancel", "Filter", "Released", "Refused", "Faults"} <= titles

    async def test_a_theme_changes_its_colours(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await show(pilot, GOING)
            await pilot.press("t")
            await pilot.pause()
            assert "Σ 48 released" in said(page, "log-heading")


class TestBefore:
    async def test_a_scenario_that_was_never_run_says_how_to(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await show(pilot, Picture(scenario="quickstart"))
            assert said(page, "nothing").startswith("quickstart\nTen homes, one week")
            assert said(page, "nothing").endswith("Press r to run it, v to run it and verify every number.")

    async def test_without_a_scenario_it_says_where_to_choose_one(self, make_app: Any) -> None:
        app = make_app(scenario="nowhere.yaml")
        async with app.run_test(size=(80, 24)) as pilot:
            page = await show(pilot, Picture())
            assert said(page, "nothing") == "No scenario is chosen: choose one on page 1."
            await pilot.press("r", "v", "p", "c", "slash")

    async def test_a_finished_one_says_how_to_see_its_result_and_shows_it(self, finished_app: SmarterApp) -> None:
        async with finished_app.run_test(size=(80, 24)) as pilot:
            page = await show(pilot, Picture(scenario="small"))
            assert said(page, "nothing").endswith("Press r to see the result, v to verify every number.")

    async def test_another_scenario_may_be_chosen_after_a_run(self, app: SmarterApp) -> None:
        from smarter.scenario import load_scenario

        async with app.run_test(size=(80, 24)) as pilot:
            page = await show(pilot, ENDED)
            app.choose(load_scenario("lossy"))
            for _ in range(3):
                await app.workers.wait_for_complete()
                await pilot.pause()
            assert said(page, "nothing").startswith("lossy\n")
            assert not page.query_one("#something").display

    async def test_a_state_that_cannot_be_read_is_said(self, app: SmarterApp, opens_on: Callable[[str], None]) -> None:
        opens_on("scenarios")
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause()
            assert app.state is not None
            app.state.make()
            app.state.journal.write_bytes(b"no journal at all" * 100)
            page = await show(pilot, Picture(scenario="quickstart"))
            assert "✕" in said(page, "nothing")
            assert "start again with --fresh" in said(page, "nothing")


async def test_a_real_run_is_paused_goes_on_is_cancelled_and_taken_up(small_app: SmarterApp) -> None:
    app = small_app

    async def press(key: str, holds: Callable[[], object]) -> None:
        """As the pilot, which would wait for the run to be idle, does not."""
        app.simulate_key(key)
        for _ in range(6_000):
            if holds():
                return
            await asyncio.sleep(0.01)
        raise AssertionError("it never came")

    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("2")
        page = app.screen
        assert isinstance(page, RunPage)
        await press("r", lambda: app.picture.goes_on)
        await press("p", lambda: app.picture.condition == "paused")
        before = app.picture.done
        await asyncio.sleep(0.5)
        assert app.picture.done == before < app.picture.total
        await press("p", lambda: app.picture.condition == "running")
        await press("c", lambda: app.picture.condition == "cancelled")
        await pilot.pause()
        assert "r takes it up" in said(page, "ending")
        await press("v", lambda: app.picture.condition == "finished")
        await pilot.pause()
        assert app.picture.result is not None
        assert app.picture.result.counts.readings == 2_160
        assert "✓ Verified" in said(page, "ending")
        assert "Σ 36 windows" in parties(page)
        assert app.picture.tallied.released == {"demand": 24, "billing": 12}


class TestRunAsPictures:
    def test_going_on_on_a_small_dark_screen(self, snap_compare: Any, app: SmarterApp) -> None:
        assert snap_compare(app, terminal_size=(80, 24), run_before=showing(GOING))

    def test_going_on_with_lines_chosen_on_a_large_light_screen(self, snap_compare: Any, make_app: Any) -> None:
        before = showing(GOING, "up", "up", "shift+up")
        assert snap_compare(make_app("light"), terminal_size=(140, 45), run_before=before)

    def test_finished_on_a_small_light_screen(self, snap_compare: Any, make_app: Any) -> None:
        assert snap_compare(make_app("light"), terminal_size=(80, 24), run_before=showing(ENDED))

    def test_large_numbers_and_a_failure_on_a_large_dark_screen(self, snap_compare: Any, app: SmarterApp) -> None:
        failed = replace(LARGE, condition="failed", error="home3.csv, row 17: no number; correct it.")
        assert snap_compare(app, terminal_size=(140, 45), run_before=showing(failed))

    def test_never_run_on_a_small_dark_screen(self, snap_compare: Any, app: SmarterApp) -> None:
        assert snap_compare(app, terminal_size=(80, 24), run_before=showing(Picture(scenario="quickstart")))
