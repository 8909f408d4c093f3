"""Page 7, compare: fixed reports as bars and tables; benchmarks that go on, end, fail, meet a run; every key."""

from __future__ import annotations

import csv
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest
from textual.pilot import Pilot
from textual.widgets import ProgressBar, Static

from smarter.bench.apart import Order
from smarter.bench.brief_loop import CIPHER, NAME, SCHEME
from smarter.bench.figures import BenchEvent, BenchFinished, BenchProgress, BenchReport, Figure, Machine, Row
from smarter.bench.kept import keep, last
from smarter.errors import SmarterError
from smarter.tui.app import SmarterApp
from smarter.tui.help import HelpPage
from smarter.tui.pages.compare import ComparePage
from smarter.tui.picture import Picture
from smarter.tui.widgets.chart import Chart
from smarter.tui.widgets.measuring import Measuring
from smarter.tui.widgets.standing_table import StandingTable

AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
MACHINE = Machine(cores=2, processor="A processor", system="Linux", python="3.11", smarter="0.1.0")


def row(group: str, subject: str, what: str, median: float, unit: str = "ms", **facts: int | bool) -> Row:
    figure = Figure(median=median, low=median * 0.9, high=median * 1.2, runs=3)
    told = {"group": group, "subject": subject, "what": what, "unit": unit, "figure": figure}
    return Row.model_validate({**told, **facts})


def scheme(subject: str, bits: int, encrypt: float, *, demo: bool = False) -> Iterator[Row]:
    lanes = bits // 32
    yield row("scheme", subject, "encrypt", encrypt, key_bits=bits, demo=demo)
    yield row("scheme", subject, "encrypt, per reading", encrypt / lanes, key_bits=bits, lanes=lanes, demo=demo)
    yield row("scheme", subject, "ciphertext", bits / 4, "bytes", key_bits=bits, demo=demo)
    yield row("scheme", subject, "add", 0.013, key_bits=bits, demo=demo)
    yield row("scheme", subject, "release", 8.1, key_bits=bits, demo=demo)


def cipher(subject: str, frame: int, micros: float) -> Iterator[Row]:
    for what in ("seal", "open"):
        yield row("cipher", subject, what, micros * frame, "µs", frame=frame)
        yield row("cipher", subject, f"{what}, per reading", micros, "µs", frame=frame)
    yield row("cipher", subject, "overhead", 16, "bytes", frame=frame)


OPERATIONS = BenchReport(
    kind="operations",
    title="Operations of schemes and ciphers.",
    machine=MACHINE,
    rows=(
        *(each for bits in (2048, 3072) for each in scheme(SCHEME, bits, bits / 100)),
        *(each for bits in (2048, 3072) for each in scheme("paillier", bits, bits / 2000)),
        *(each for bits in (2048, 3072) for each in scheme("plain", bits, bits / 1e6, demo=True)),
        *(each for frame in (1, 60) for each in cipher(CIPHER, frame, 100 / frame)),
        *(each for frame in (1, 60) for each in cipher("aes-gcm", frame, 1 / frame)),
    ),
    notes=("✕ protects nothing, there to be compared with: plain",),
)
BRIEF = BenchReport(
    kind="brief",
    title="quickstart: the brief's loop and our PES, one key size.",
    machine=MACHINE,
    rows=(
        row("pes", NAME, "per reading", 29.0, lanes=1, key_bits=3072),
        row("pes", "as given: combine frame, hold 1h", "per reading", 0.04, lanes=10, key_bits=3072),
        row(f"against {NAME}", "as given: combine frame, hold 1h", "times as fast", 725.0, "×", key_bits=3072),
        row("in the clear", NAME, "at most at once", 1, "readings"),
        row("in the clear", "as given: combine frame, hold 1h", "at most at once", 600, "readings"),
    ),
    notes=("frames of 60 readings unless said otherwise",),
)
QUICK = BenchReport(
    kind="operations",
    title="Operations of schemes and ciphers.",
    machine=MACHINE,
    rows=(*scheme(SCHEME, 3072, 30.0), *scheme("paillier", 3072, 1.5)),
)


class FakeMeasurement:
    """A benchmark that says what the test puts into ``says``, until that is None."""

    made: ClassVar[list[FakeMeasurement]] = []

    def __init__(self, order: Order) -> None:
        self.order = order
        self.says: queue.Queue[BenchEvent | Exception | None] = queue.Queue()
        self.cancelled = threading.Event()
        self.made.append(self)

    def events(self) -> Iterator[BenchEvent]:
        while (said := self.says.get()) is not None:
            if isinstance(said, Exception):
                raise said
            yield said

    def cancel(self) -> None:
        self.cancelled.set()
        self.says.put(None)


@pytest.fixture(autouse=True)
def here(opens_on: Callable[[str], None]) -> None:
    """The app opens on the page."""
    opens_on("compare")


@pytest.fixture(autouse=True)
def utc() -> Iterator[None]:
    """Local times are the same everywhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture
def kept() -> None:
    """Both kinds of report were measured before."""
    keep(OPERATIONS, AT)
    keep(BRIEF, AT)


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> list[FakeMeasurement]:
    """Benchmarks say what the test lets them; these were started."""
    monkeypatch.setattr(FakeMeasurement, "made", [])
    monkeypatch.setattr("smarter.tui.widgets.measuring.Measurement", FakeMeasurement)
    return FakeMeasurement.made


def notices(app: SmarterApp) -> list[str]:
    """What the app has said."""
    return [notification.message for notification in app._notifications]


def text_of(app: SmarterApp) -> str:
    """What the screen shows."""
    return "\n".join("".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips())


async def until(pilot: Pilot[Any], holds: Callable[[], object]) -> None:
    """Let the app go on until it holds; tests fail after half a minute of it."""
    for _ in range(600):
        if holds():
            return
        await pilot.pause(0.05)
    raise AssertionError("it never came")


async def drawn(pilot: Pilot[Any]) -> None:
    """Everything read and drawn; not while a benchmark goes on."""
    for _ in range(3):
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()


async def opened(pilot: Pilot[Any]) -> ComparePage:
    """On the page, with all that is to be seen there."""
    await pilot.press("7")
    await drawn(pilot)
    page = pilot.app.screen
    assert isinstance(page, ComparePage)
    return page


async def ciphers(pilot: Pilot[Any]) -> ComparePage:
    """On the board of ciphers."""
    page = await opened(pilot)
    await pilot.press("g")
    await drawn(pilot)
    return page


async def ways(pilot: Pilot[Any]) -> ComparePage:
    """On the board of the brief's way."""
    page = await ciphers(pilot)
    await pilot.press("g")
    await drawn(pilot)
    return page


async def measuring(pilot: Pilot[Any]) -> ComparePage:
    """A benchmark is going on."""
    page = await opened(pilot)
    await pilot.press("b")
    FakeMeasurement.made[-1].says.put(BenchProgress(3, 12, "paillier, 3072 bits, encrypt"))
    await until(pilot, lambda: page.query_one(ProgressBar).progress == 3)
    return page


def chart(page: ComparePage) -> list[str]:
    return page.query_one("#chart", Chart).text.splitlines()


def table(page: ComparePage) -> list[list[str]]:
    found = page.query_one(StandingTable)
    return [[str(cell) for cell in found.get_row_at(number)] for number in range(found.row_count)]


def said(page: ComparePage, selector: str) -> str:
    return str(page.query_one(selector, Static).render())


@pytest.mark.usefixtures("kept")
class TestBoards:
    @pytest.mark.parametrize("size", [(80, 24), (100, 30), (140, 45), (300, 80)])
    async def test_a_bar_a_scheme_on_powers_of_ten_and_the_brief_s_way_as_a_line(
        self, app: SmarterApp, size: tuple[int, int]
    ) -> None:
        async with app.run_test(size=size) as pilot:
            page = await opened(pilot)
            title, brief, *others = chart(page)
            assert title == "Encrypting a reading, 3072-bit key (logarithmic)   │ the brief's way"
            assert brief.startswith("the brief's way")
            assert [line.split()[0] for line in others[:3]] == [SCHEME, "paillier", "plain"]
            assert all(line.rindex("│") == others[0].rindex("│") for line in others[:3])
            lengths = [line.count("█") for line in (brief, *others[:3])]
            assert lengths == sorted(lengths, reverse=True)
            assert "plain ✕" in others[2]
            assert max(len(line) for line in chart(page)) <= size[0] - 2
            assert "ms" in chart(page)[-1]  # the axis is not cut off
            assert others[-1].strip() in text_of(app)

    async def test_the_table_has_cost_ratio_and_bytes_of_every_size(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            rows = table(page)
            assert [line[1] for line in rows] == ["3072"] * 4 + ["2048"] * 4
            assert rows[0][:5] == ["the brief's way", "3072", "30.7 ms", "27.6–36.9 ×3", "1.00 ×"]
            assert rows[2][:5] == ["paillier", "3072", "16.0 µs", "14.4–19.2 ×3", "1,920 ×"]

    async def test_a_scheme_with_a_key_size_of_its_own_says_so_beside_the_others(self, app: SmarterApp) -> None:
        own = (each.model_copy(update={"key_bits": None}) for each in scheme("curve", 256, 2.0))
        keep(OPERATIONS.model_copy(update={"rows": (*OPERATIONS.rows, *own)}), AT)
        async with app.run_test(size=(140, 45)) as pilot:
            page = await opened(pilot)
            assert chart(page)[0].startswith("Encrypting a reading, 3072-bit key")
            assert next(line for line in chart(page) if "curve" in line).startswith("curve, own key size")
            (line,) = (line for line in table(page) if line[0].startswith("curve"))
            assert line[:2] == ["curve, own key size", "–"]

    @pytest.mark.parametrize(("width", "last"), [(80, "bytes a reading"), (140, "release")])
    async def test_as_many_columns_show_as_have_room(self, app: SmarterApp, width: int, last: str) -> None:
        async with app.run_test(size=(width, 24)) as pilot:
            page = await opened(pilot)
            found = page.query_one(StandingTable)
            assert " ".join(str(found.ordered_columns[-1].label).split()) == last
            assert found.virtual_size.width <= width

    async def test_s_draws_another_size_and_shows_its_lines(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            await pilot.press("s")
            await drawn(pilot)
            assert chart(page)[0].startswith("Encrypting a reading, 2048-bit key")
            assert page.query_one(StandingTable).cursor_row == 4
            await pilot.press("s")
            await drawn(pilot)
            assert chart(page)[0].startswith("Encrypting a reading, 3072-bit key")

    async def test_g_and_a_click_show_the_other_boards(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await ciphers(pilot)
            assert chart(page)[0].startswith("Opening a reading, 60 readings a frame")
            assert [line[0] for line in table(page)[:3]] == ["the brief's way", CIPHER, "aes-gcm"]
            await pilot.click("#boards", offset=(30, 0))
            await drawn(pilot)
            assert chart(page)[0].startswith("Carrying a reading through the PES")
            assert [line[3] for line in table(page)] == ["1.00 ×", "725 ×"]
            assert "quickstart: the brief's loop and our PES" in said(page, "#of")
            await pilot.press("g")
            await drawn(pilot)
            assert chart(page)[0].startswith("Encrypting")

    async def test_where_all_have_one_size_there_is_none_to_choose(self, app: SmarterApp) -> None:
        async with app.run_test(size=(140, 24)) as pilot:
            await opened(pilot)
            assert "s Size" in text_of(app)
            await pilot.press("g", "g")
            await drawn(pilot)
            assert "s Size" not in text_of(app)
            await pilot.press("s")

    async def test_it_says_when_and_where_it_was_measured_and_notes_where_there_is_room(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            assert said(page, "#of") == "measured 2026-01-02 03:04 · 2 cores · A processor · Smarter 0.1.0"
            assert not page.query_one("#notes").display
            await pilot.resize_terminal(140, 45)
            await drawn(pilot)
            assert "✕ protects nothing" in text_of(app)

    async def test_the_cursor_stays_when_the_terminal_changes(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            await pilot.press("down", "down", "down")
            await pilot.resize_terminal(100, 30)
            await pilot.press("t")
            await drawn(pilot)
            assert page.query_one(StandingTable).cursor_row == 3

    async def test_y_copies_the_bars_and_e_writes_table_bars_and_picture(self, app: SmarterApp, desk: Path) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            await pilot.press("y", "e")
            assert app.clipboard.splitlines() == chart(page)
        lines = list(csv.DictReader((desk / "compare-schemes.csv").open()))
        assert len(lines) == 8
        assert lines[0]["schemes"] == "the brief's way"
        assert lines[0]["quickest–slowest × runs"] == "27.6–36.9 ×3"
        text = (desk / "compare-schemes.txt").read_text()
        assert "measured 2026-01-02 03:04" in text
        assert "✕ protects nothing" in text
        assert (desk / "compare-schemes.svg").read_text().startswith("<svg")


@pytest.mark.usefixtures("fakes")
class TestNothing:
    async def test_each_board_says_which_key_measures_it(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            assert "press b to measure every scheme and cipher quickly, f" in said(page, "#none")
            await pilot.press("s", "c", "y", "e")
            assert notices(app) == ["There is nothing to copy here yet.", "There is nothing to export here yet."]
            await pilot.press("g", "g")
            assert "press a to hold our way against the brief's" in said(page, "#none")
            assert not page.query_one(StandingTable).display

    async def test_a_report_that_does_not_read_is_none(self, app: SmarterApp, kept: None) -> None:
        from smarter.bench.kept import kept_folder

        (kept_folder() / "operations.json").write_text("{")
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            assert "Nothing measured yet" in said(page, "#none")
            await pilot.press("g", "g")
            await drawn(pilot)
            assert "the brief's way" in table(page)[0]


class TestMeasuring:
    @pytest.mark.parametrize(("key", "quick"), [("b", True), ("f", False)])
    async def test_b_and_f_measure_schemes_and_ciphers(
        self, app: SmarterApp, fakes: list[FakeMeasurement], key: str, quick: bool
    ) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await opened(pilot)
            await pilot.press(key)
            assert fakes[0].order == Order(kind="operations", quick=quick, workers=1)

    async def test_a_measures_the_chosen_scenario_against_the_brief(
        self, app: SmarterApp, fakes: list[FakeMeasurement]
    ) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            await pilot.press("a")
            assert app.scenario is not None
            assert fakes[0].order == Order(kind="brief", scenario=app.scenario.resolved(), workers=1)
            fakes[0].says.put(BenchFinished(BRIEF))
            await until(pilot, lambda: chart(page) and chart(page)[0].startswith("Carrying"))  # its board shows
            assert "Measured: quickstart: the brief's loop" in notices(app)[-1]

    async def test_progress_is_seen_and_keys_are_answered_meanwhile(
        self, app: SmarterApp, fakes: list[FakeMeasurement], kept: None
    ) -> None:
        async with app.run_test(size=(100, 30)) as pilot:
            page = await measuring(pilot)
            assert "paillier, 3072 bits, encrypt" in text_of(app)
            assert "25%" in text_of(app)
            assert "c Cancel" in text_of(app)
            await pilot.press("s", "g", "8", "7")
            assert chart(page)
            assert page.query_one(Measuring).goes_on

    async def test_a_report_is_shown_and_kept_for_the_next_time(
        self, app: SmarterApp, fakes: list[FakeMeasurement]
    ) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await measuring(pilot)
            fakes[0].says.put(BenchFinished(QUICK))
            await until(pilot, lambda: not page.query_one(Measuring).goes_on)
            await drawn(pilot)
            assert chart(page)[0].startswith("Encrypting a reading, 3072-bit key")
            assert notices(app) == ["Measured: Operations of schemes and ciphers."]
            assert not page.query_one(Measuring).display
        found = last("operations")
        assert found is not None
        assert found.report == QUICK

    async def test_a_report_that_cannot_be_kept_is_shown_all_the_same(
        self, app: SmarterApp, fakes: list[FakeMeasurement], tmp_path: Path
    ) -> None:
        (tmp_path / "cache").write_text("a file where a folder should be")
        async with app.run_test(size=(80, 24)) as pilot:
            page = await measuring(pilot)
            fakes[0].says.put(BenchFinished(QUICK))
            await until(pilot, lambda: chart(page))
            assert "the report is shown, but not kept." in notices(app)[0]

    async def test_c_cancels_and_the_last_report_stays(
        self, app: SmarterApp, fakes: list[FakeMeasurement], kept: None
    ) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await measuring(pilot)
            before = table(page)
            await pilot.press("c")
            assert fakes[0].cancelled.is_set()
            fakes[0].says.put(BenchFinished(QUICK))  # comes too late
            await drawn(pilot)
            assert notices(app) == ["Cancelled: nothing of it is kept."]
            assert table(page) == before
            assert "c Cancel" not in text_of(app)
            await pilot.press("b")
            assert len(fakes) == 2
            assert page.query_one(ProgressBar).progress == 0

    async def test_one_benchmark_at_a_time(self, app: SmarterApp, fakes: list[FakeMeasurement]) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await measuring(pilot)
            await pilot.press("f", "a")
            assert len(fakes) == 1
            assert notices(app) == ["A benchmark is going on already: c cancels it."] * 2

    async def test_a_benchmark_that_fails_is_said_and_another_can_be_started(
        self, app: SmarterApp, fakes: list[FakeMeasurement]
    ) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await measuring(pilot)
            fakes[0].says.put(SmarterError("phe is not installed: pip install 'smarter-metering[phe]'."))
            await until(pilot, lambda: notices(app))
            assert notices(app) == ["phe is not installed: pip install 'smarter-metering[phe]'."]
            assert not page.query_one(Measuring).goes_on
            await pilot.press("b")
            fakes[1].says.put(OSError(12, "no memory"))
            await until(pilot, lambda: len(notices(app)) == 2)
            assert "no memory; when that is mended, measure again." in notices(app)[1]

    async def test_figures_are_not_taken_beside_a_run(self, app: SmarterApp, fakes: list[FakeMeasurement]) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await opened(pilot)
            app.picture = Picture(condition="running", scenario="quickstart")
            await pilot.press("b", "a")
            assert fakes == []
            assert all("figures taken beside it would lie" in notice for notice in notices(app))

    async def test_a_run_that_is_started_meanwhile_ends_the_benchmark_wherever_one_is(
        self, app: SmarterApp, fakes: list[FakeMeasurement]
    ) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await measuring(pilot)
            await pilot.press("8")
            app.picture = Picture(condition="running", scenario="quickstart")
            await until(pilot, fakes[0].cancelled.is_set)
            await until(pilot, lambda: notices(app))
            assert notices(app) == [
                "A run was started, so the benchmark was stopped: figures taken beside it would lie."
            ]

    async def test_without_a_scenario_there_is_nothing_to_hold_against_the_brief(
        self, make_app: Any, fakes: list[FakeMeasurement]
    ) -> None:
        app = make_app(scenario="no-such-scenario")
        async with app.run_test(size=(80, 24)) as pilot:
            await opened(pilot)
            await pilot.press("a")
            assert notices(app)[-1] == "No scenario is chosen: choose one on page 1."
            assert fakes == []

    async def test_whoever_leaves_ends_the_benchmark(self, app: SmarterApp, fakes: list[FakeMeasurement]) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await measuring(pilot)
            await pilot.press("1", "ctrl+q")
        assert fakes[0].cancelled.is_set()

    async def test_a_real_one_comes_to_its_end(self, app: SmarterApp, monkeypatch: pytest.MonkeyPatch) -> None:
        small = partial(Order, schemes=("plain",), ciphers=("aes-gcm",), key_bits=(512,))
        monkeypatch.setattr("smarter.tui.pages.compare.Order", small)
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            await pilot.press("b")
            assert page.query_one(Measuring).goes_on
            await until(pilot, lambda: not page.query_one(Measuring).goes_on)
            await drawn(pilot)
            assert [line[0] for line in table(page)] == ["plain ✕"]
            assert [line[3] for line in table(page)] == ["–"]  # the brief's way was not measured
            assert page.query_one(Measuring)._measurement is None

    @pytest.mark.skipif(os.name != "posix", reason="looks for the process as POSIX does")
    async def test_a_real_one_that_is_cancelled_leaves_no_process(
        self, app: SmarterApp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        long = partial(Order, schemes=("paillier",), ciphers=(), key_bits=(16_384,))
        monkeypatch.setattr("smarter.tui.pages.compare.Order", long)
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            await pilot.press("b")
            measurement = page.query_one(Measuring)._measurement
            assert measurement is not None
            await until(pilot, lambda: measurement._process is not None)
            assert measurement._process is not None
            await pilot.press("c")
            await until(pilot, lambda: measurement._process.returncode is not None)  # type: ignore[union-attr]


async def test_help_names_every_key(app: SmarterApp, kept: None, fakes: list[FakeMeasurement]) -> None:
    async with app.run_test(size=(100, 45)) as pilot:
        await measuring(pilot)
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpPage)
        shown = text_of(app)
        for name in ("quick", "full", "brief", "cancel", "board", "size"):
            assert f"compare.{name}" in shown


@pytest.mark.usefixtures("kept")
class TestCompareAsPictures:
    def test_schemes_on_a_small_dark_screen(self, snap_compare: Any, app: SmarterApp) -> None:
        assert snap_compare(app, terminal_size=(80, 24), run_before=opened)

    def test_schemes_on_a_large_light_screen(self, snap_compare: Any, make_app: Any) -> None:
        assert snap_compare(make_app("light"), terminal_size=(140, 45), run_before=opened)

    def test_the_brief_s_way_on_a_small_light_screen(self, snap_compare: Any, make_app: Any) -> None:
        assert snap_compare(make_app("light"), terminal_size=(80, 24), run_before=ways)

    @pytest.mark.usefixtures("fakes")
    def test_ciphers_while_something_is_measured_on_a_large_dark_screen(
        self, snap_compare: Any, app: SmarterApp
    ) -> None:
        async def both(pilot: Pilot[Any]) -> None:
            await ciphers(pilot)
            await measuring(pilot)

        assert snap_compare(app, terminal_size=(140, 45), run_before=both)
