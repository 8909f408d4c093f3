"""Page 1, scenarios: listed, looked at, edited, saved, set, chosen and run; by every key and by the mouse."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Select, Static, Switch, TextArea

from smarter.bench import kept
from smarter.bench.figures import BenchReport, Figure, Machine, Row
from smarter.charts.marks import MARKS
from smarter.protocols.session import Standing
from smarter.scenario import load_scenario
from smarter.tui.app import SmarterApp
from smarter.tui.page import Page
from smarter.tui.pages import shown
from smarter.tui.pages.scenarios import ScenariosPage
from smarter.tui.picture import Picture
from smarter.tui.settings import Settings, load_settings, settings_file
from smarter.tui.widgets import override_form, yaml_editor
from smarter.tui.widgets.override_form import OverrideForm
from smarter.tui.widgets.override_row import OverrideRow
from smarter.tui.widgets.question import Question
from smarter.tui.widgets.save_as import SaveAs
from smarter.tui.widgets.scenario_detail import ScenarioDetail
from smarter.tui.widgets.scenario_list import ScenarioList
from smarter.tui.widgets.scenario_text import ScenarioText
from smarter.tui.widgets.yaml_editor import YamlEditor

MINE = """version: 1
name: mine
description: Six homes of mine.
neighbourhoods:
  lane: {timezone: UTC, source: {plugin: csv, path: homes}}
time: {start: 2016-01-01, end: 2016-01-01 06:00}
windows: {reading: 1min, demand: 15min, billing: 3h}
tariff: {plugin: flat, rate: "0.25", currency: EUR}
"""


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts are checked without a pause."""
    monkeypatch.setattr(shown, "AT_ONCE", 0.001)
    monkeypatch.setattr(shown, "WHILE_TYPING", 0.001)
    monkeypatch.setattr(override_form, "SOON", 0.001)


@pytest.fixture(autouse=True)
def nothing_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No benchmark has been kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def mine(desk: Path) -> Path:
    """A scenario of one's own, with six homes, in the working directory."""
    homes = desk / "homes"
    homes.mkdir()
    for home in range(1, 7):
        rows = (f"2016-01-01 {m // 60:02}:{m % 60:02}:00,{(home + m) % 7 / 10:.1f}" for m in range(360))
        (homes / f"home{home}.csv").write_text("\n".join(["stamp,kW", *rows]) + "\n")
    path = desk / "mine.yaml"
    path.write_text(MINE)
    return path


@pytest.fixture
def mine_app(make_app: Any, mine: Path) -> SmarterApp:
    """An app with that one chosen."""
    app: SmarterApp = make_app(scenario="mine.yaml")
    return app


async def settled(pilot: Pilot[Any]) -> ScenariosPage:
    """Everything read, checked and drawn; tests fail after a minute of it."""
    quiet = 0
    for _ in range(6_000):
        await pilot.pause(0.01)
        if not pilot.app.is_running or quiet == 3:
            break
        waits = any(getattr(screen, "_soon", None) is not None for screen in pilot.app.screen_stack)
        works = any(not worker.is_finished for worker in pilot.app.workers)
        quiet = 0 if waits or works or not isinstance(pilot.app.screen_stack[0], Page) else quiet + 1
    else:
        raise AssertionError("it never settles")
    return pilot.app.screen_stack[0]  # type: ignore[return-value] # or another page, if a test went there


async def pressed(pilot: Pilot[Any], *keys: str) -> ScenariosPage:
    """Press one after the other, and let everything settle before and after each."""
    await settled(pilot)
    for key in keys:
        await pilot.press(key)
        await settled(pilot)
    return await settled(pilot)


def replace(page: ScenariosPage, before: str, after: str) -> None:
    """Put some words of the YAML in the place of others, as pasting does."""
    lines = editor(page).text.splitlines()
    row = next(row for row, line in enumerate(lines) if before in line)
    column = lines[row].index(before)
    editor(page).replace(after, (row, column), (row, column + len(before)))


async def until(pilot: Pilot[Any], holds: Callable[[], object]) -> None:
    """Let the app go on until it holds; tests fail after a minute of it."""
    for _ in range(1_200):
        if holds():
            return
        await pilot.pause(0.05)
    raise AssertionError("it never came")


def names(page: ScenariosPage) -> list[str]:
    return [entry.name for entry in page.query_one(ScenarioList).entries]


def lines(widget: OptionList) -> list[str]:
    return [str(option.prompt) for option in widget.options]


def listed(page: ScenariosPage, name: str) -> str:
    """The line of one scenario."""
    return next(line for line in lines(page.query_one(ScenarioList)) if name in line)


def detail(page: ScenariosPage) -> str:
    """What stands beneath the list."""
    strips = (
        page.query_one(ScenarioDetail)
        .query_one(Static)
        .render_lines(page.query_one(ScenarioDetail).query_one(Static).size.region)
    )
    return "\n".join(strip.text.rstrip() for strip in strips)


def problems(page: ScenariosPage) -> list[str]:
    return lines(page.query_one("#problems", OptionList))


def editor(page: ScenariosPage) -> YamlEditor:
    return page.query_one(YamlEditor)


def screen_line(page: ScenariosPage, row: int) -> str:
    """A line of the editor as it is drawn, number and all."""
    return editor(page).render_line(row).text


def notices(app: SmarterApp) -> list[str]:
    return [notification.message for notification in app._notifications]


async def typed_at(pilot: Pilot[Any], line: int, text: str) -> ScenariosPage:
    """Go to the end of a line of the YAML, from 1, and type."""
    page = await pressed(pilot, "v")
    editor(page).move_cursor((line - 1, len(editor(page).document.get_line(line - 1))))
    await pilot.press(*text)
    return await settled(pilot)


async def on_line(pilot: Pilot[Any], name: str) -> ScenariosPage:
    """Put the cursor of the list on a scenario."""
    page = await settled(pilot)
    choice = page.query_one(ScenarioList)
    entry = next(entry for entry in choice.entries if entry.name == name)
    choice.highlighted = choice.get_option_index(str(entry.path))
    return await settled(pilot)


class TestList:
    async def test_the_shipped_ones_are_there_and_the_one_of_the_command_line_is_chosen(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await settled(pilot)
            assert {"quickstart", "lossy", "dst", "year"} <= set(names(page))
            assert listed(page, "quickstart").startswith("▶ quickstart")
            assert page.query_one(ScenarioList).here.name == "quickstart"  # type: ignore[union-attr]
            assert "▶ chosen" in detail(page)

    async def test_the_working_directory_and_folders_of_the_settings_are_listed(
        self, desk: Path, tmp_path: Path, mine: Path
    ) -> None:
        shelf = tmp_path / "shelf"
        shelf.mkdir()
        (shelf / "other.yml").write_text(MINE.replace("path: homes", f"path: {desk / 'homes'}"))
        app = SmarterApp(settings=Settings(workers=1, scenarios=(shelf, tmp_path / "gone")))
        async with app.run_test(size=(140, 45)) as pilot:
            page = await settled(pilot)
            assert {"mine.yaml", "other.yml"} <= set(names(page))
            shown = lines(page.query_one(ScenarioList))
            assert "this folder" in shown
            assert f"{tmp_path / 'gone'}  ✕ there is no such folder" in shown

    async def test_what_is_no_scenario_is_passed_over_and_a_wrong_one_says_why(
        self, app: SmarterApp, desk: Path, mine: Path
    ) -> None:
        (desk / "compose.yaml").write_text("version: '3'\nservices: {web: {image: nginx}}\n")
        (desk / "wrong.yaml").write_text(MINE.replace("billing: 3h", "billing: 7h"))
        (desk / "broken.yaml").write_text(MINE + "pes: {hold: 1h\n")
        async with app.run_test(size=(140, 45)) as pilot:
            page = await settled(pilot)
            assert "compose.yaml" not in names(page)
            assert listed(page, "wrong.yaml ").startswith("✕ wrong.yaml")
            assert "line 7, windows.billing" in listed(page, "wrong.yaml ")
            assert "line 9: has a { that is never closed; add }." in listed(page, "broken.yaml ")

    async def test_words_filter_and_escape_shows_all_again(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await pressed(pilot, "slash", *"solar")
            assert names(page) == ["net-metering"]
            assert "sunny-lane" in detail(page)
            page = await pressed(pilot, "enter", "escape")
            assert len(names(page)) == 8
            page = await pressed(pilot, "slash", *"zzz")
            assert "No scenario has 'zzz' in it: esc shows all" in str(page.query_one("#none", Static).render())
            page = await pressed(pilot, "escape")
            assert len(names(page)) == 8

    async def test_a_file_that_comes_meanwhile_is_there_after_looking_again(
        self, app: SmarterApp, desk: Path, mine: Path
    ) -> None:
        mine.unlink()
        async with app.run_test(size=(80, 24)) as pilot:
            page = await settled(pilot)
            assert "mine.yaml" not in names(page)
            mine.write_text(MINE)
            assert "mine.yaml" in names(await pressed(pilot, "f5"))
            mine.unlink()
            assert "mine.yaml" not in names(await pressed(pilot, "2", "1"))

    async def test_a_click_looks_and_a_second_one_chooses(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await settled(pilot)
            row = lines(page.query_one(ScenarioList)).index(listed(page, "dst"))
            await pilot.click(ScenarioList, offset=(6, row))
            page = await settled(pilot)
            assert "Six homes, a week of quarter-hour readings" in detail(page)
            assert app.scenario is not None
            assert app.scenario.name == "quickstart"
            await pilot.click(ScenarioList, offset=(6, row), times=2)
            page = await settled(pilot)
            assert app.scenario.name == "dst"
            assert listed(page, "dst").startswith("▶")
            await pilot.click(ScenarioList, offset=(2, 0), times=2)  # a heading is nothing to choose
            assert app.scenario.name == "dst"


class TestDetail:
    async def test_it_says_what_the_scenario_is(self, app: SmarterApp) -> None:
        async with app.run_test(size=(140, 45)) as pilot:
            said = " ".join(detail(await on_line(pilot, "street-and-village")).split())
            for words in (
                "street all meters of umass, America/New_York",
                "village all meters of umass, Europe/Berlin",
                "2016-01-01 until 2016-01-02",
                "demand 15min, billing 4h; a reading every 1min",
                "pes, frames of 60, hold 1h",
                "aggregate paillier, 3072 bits",
                "tinydb",
                "flat, EUR, a bill per month",
            ):
                assert words in said

    async def test_it_says_what_a_run_comes_to_and_that_nothing_was_measured(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            said = detail(await settled(pilot))
            assert "100,800 readings of 10 meters" in said
            assert "about 2,184 encryptions, 224 ciphertexts to open" in said
            assert "672 demand and 560 billing windows" in said
            assert "page 7 measures how long that takes here" in said
            assert "not yet: r runs it" in said

    async def test_with_a_benchmark_it_says_how_long_that_takes(self, app: SmarterApp) -> None:
        figures = {"encrypt": 2.0, "release": 10.0}
        rows = tuple(
            Row(group="scheme", subject="paillier", what=what, unit="ms", key_bits=3072, figure=Figure.of([value]))
            for what, value in figures.items()
        )
        report = BenchReport(kind="operations", title="", machine=Machine.this(), rows=rows)
        kept.keep(report, datetime(2026, 1, 1, 12, tzinfo=UTC))
        async with app.run_test(size=(80, 24)) as pilot:
            said = detail(await settled(pilot))
            assert "about 6.6 s to encrypt and to release, as measured 2026-01-01" in said  # 2,184 × 2 ms + 224 × 10 ms

    async def test_data_that_are_missing_are_said_with_the_way_out(self, app: SmarterApp) -> None:
        async with app.run_test(size=(140, 45)) as pilot:
            said = " ".join(detail(await on_line(pilot, "year")).split())
            assert "✕ " in said
            assert "there is no such file or folder; correct the path" in said
            assert "114 meters of umass" in said  # the rest is there all the same

    async def test_a_run_that_was_left_can_be_taken_up(self, app: SmarterApp, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("smarter.protocols.session.standing", lambda *_: Standing(74_520, 100_800, False))
        async with app.run_test(size=(80, 24)) as pilot:
            assert "left at 73 %: r takes it up" in detail(await settled(pilot))


class TestYaml:
    async def test_it_stands_beside_the_list_or_takes_its_place(self, app: SmarterApp) -> None:
        async with app.run_test(size=(140, 45)) as pilot:
            page = await settled(pilot)
            assert editor(page).region.width > 60
            assert editor(page).text.startswith("# Start here")
            await pilot.resize_terminal(80, 24)
            page = await settled(pilot)
            assert not page.query_one(ScenarioText).is_on_screen
            page = await pressed(pilot, "v")
            assert page.focused is editor(page)
            assert editor(page).region.width > 70
            page = await pressed(pilot, "escape")
            assert page.focused is page.query_one(ScenarioList)
            assert not editor(page).is_on_screen

    async def test_keys_of_pages_and_actions_are_typed_into_it(self, mine_app: SmarterApp) -> None:
        async with mine_app.run_test(size=(80, 24)) as pilot:
            page = await pressed(pilot, "v", *"18qyet/rscu?", "question_mark")
            assert editor(page).text.startswith("18qyet/rscu??version")
            assert mine_app.current_mode == "scenarios"
            assert mine_app.theme == "smarter-dark"

    async def test_it_has_the_colours_of_the_theme(self, app: SmarterApp) -> None:
        async with app.run_test(size=(140, 45)) as pilot:
            page = await settled(pilot)
            accents = []
            for _ in range(2):
                row = editor(page).document.text.splitlines().index("version: 1")
                accents.append(editor(page).render_line(row)._segments[1].style.color.get_truecolor().hex)  # type: ignore[union-attr]
                await pressed(pilot, "t")
            assert editor(page).is_syntax_aware
            assert accents == ["#7dcfff", "#0b7285"]

    async def test_without_the_library_for_colours_it_can_be_edited_too(
        self, mine_app: SmarterApp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def missing(_: str) -> None:
            return None

        monkeypatch.setattr("textual.widgets._text_area.get_language", missing)
        async with mine_app.run_test(size=(80, 24)) as pilot:
            page = await typed_at(pilot, 7, "x")
            assert not editor(page).is_syntax_aware
            assert screen_line(page, 6).startswith("7✕ windows")

    async def test_an_error_is_at_its_line_while_one_types_and_goes_when_it_is_mended(
        self, mine_app: SmarterApp
    ) -> None:
        async with mine_app.run_test(size=(140, 45)) as pilot:
            page = await settled(pilot)
            assert problems(page) == []
            await typed_at(pilot, 3, "")
            page = await pressed(pilot, "enter", *"sede: 7")
            assert problems(page) == ["✕ 4  sede: unknown key; did you mean 'seed'?"]
            assert screen_line(page, 3).split() == ["4✕", "sede:", "7"]
            assert "✕ 1 problem" in str(page.query_one("#file", Static).render())
            assert "It cannot be run as it is" in detail(page)
            page = await pressed(pilot, *["backspace"] * len("de: 7"), *"ed: 7")
            assert problems(page) == []
            assert screen_line(page, 3).split() == ["4", "seed:", "7"]
            assert "✓ valid" in str(page.query_one("#file", Static).render())

    async def test_the_facts_follow_what_is_typed(self, mine_app: SmarterApp) -> None:
        async with mine_app.run_test(size=(140, 45)) as pilot:
            page = await settled(pilot)
            assert "96 demand" not in detail(page)
            replace(page, "15min", "5min")
            page = await settled(pilot)
            assert "demand 5min" in detail(page)
            assert "72 demand and 12 billing windows" in detail(page)

    async def test_f8_and_clicks_go_to_lines_that_are_wrong(self, mine_app: SmarterApp, mine: Path) -> None:
        mine.write_text(MINE.replace("billing: 3h", "billing: 7h").replace("lane: {", "lane: {metres: 3, "))
        async with mine_app.run_test(size=(80, 24)) as pilot:
            page = await on_line(pilot, "mine.yaml")
            assert len(problems(page)) == 1  # one thing after the other: first the keys
            page = await pressed(pilot, "f8")
            assert page.focused is editor(page)
            assert editor(page).cursor_location == (4, 2)
            mine.write_text(MINE.replace("3h}", "3x}").replace("version: 1", "version: 2"))
            page = await pressed(pilot, "escape", "f5", "f8")
            assert [editor(page).cursor_location[0], *(await rows_by(pilot, "f8", "f8"))] == [6, 0, 6]
            await pilot.click("#problems", offset=(8, 1))
            page = await settled(pilot)
            assert editor(page).cursor_location[0] == 6
            assert page.focused is editor(page)

    async def test_a_problem_of_what_is_set_has_no_line(self, desk: Path, mine: Path, make_app: Any) -> None:
        app = SmarterApp("mine.yaml", Settings(workers=1), ("windows.billing=7h",))
        async with app.run_test(size=(140, 45)) as pilot:
            page = await settled(pilot)
            assert "--set windows.billing=7h" in notices(app)[0]
            page.overrides[mine] = ("windows.billing=7h",)
            page = await pressed(pilot, "f5")
            page = await on_line(pilot, "mine.yaml")
            assert problems(page)[0].startswith("✕ --set windows.billing=7h: ")


async def rows_by(pilot: Pilot[Any], *keys: str) -> list[int]:
    """In which row the cursor is after each key."""
    rows = []
    for key in keys:
        page = await pressed(pilot, key)
        rows.append(editor(page).cursor_location[0])
    return rows


class TestSaving:
    async def test_ones_own_is_saved_in_its_place(self, mine_app: SmarterApp, mine: Path) -> None:
        mine.chmod(0o600)
        async with mine_app.run_test(size=(80, 24)) as pilot:
            page = await typed_at(pilot, 3, " Really.")
            assert "* not saved" in str(page.query_one("#file", Static).render())
            place = editor(page).cursor_location
            page = await pressed(pilot, "ctrl+s")
            assert editor(page).cursor_location == place
            assert mine.read_text() == MINE.replace("of mine.", "of mine. Really.")
            assert "Saved mine.yaml." in notices(mine_app)
            assert "*" not in listed(page, "mine.yaml")
        assert mine.stat().st_mode & 0o777 == 0o600
        assert [path.name for path in mine.parent.iterdir() if path.name.startswith(".")] == []

    async def test_the_chosen_one_is_chosen_as_it_is_saved(self, mine_app: SmarterApp) -> None:
        async with mine_app.run_test(size=(80, 24)) as pilot:
            page = await settled(pilot)
            replace(page, "3h", "6h")
            assert mine_app.scenario is not None
            await pressed(pilot, "ctrl+s")
            assert mine_app.scenario.windows.billing == 6 * 3_600
            await typed_at(pilot, 7, "x")
            await pressed(pilot, "ctrl+s")
            assert mine_app.scenario.windows.billing == 6 * 3_600  # the last that could be run
            assert "line 7" in notices(mine_app)[-1]

    async def test_a_shipped_one_is_saved_as_a_copy_whose_paths_still_lead_to_its_data(
        self, app: SmarterApp, desk: Path
    ) -> None:
        original = load_scenario("quickstart").path.read_text()
        async with app.run_test(size=(80, 24)) as pilot:
            page = await typed_at(pilot, 1, "!")
            page = await pressed(pilot, "ctrl+s")
            assert isinstance(app.screen, SaveAs)
            assert app.screen.query_one(Input).value == "my-quickstart.yaml"
            page = await pressed(pilot, "enter", "escape")
            assert page.query_one(ScenarioList).here.name == "my-quickstart.yaml"  # type: ignore[union-attr]
            assert not page.drafts
            assert load_scenario("quickstart").path.read_text() == original
            copy = load_scenario(desk / "my-quickstart.yaml")
            assert copy.name == "my-quickstart"
            assert copy.digest != load_scenario("quickstart").digest  # it has a state of its own
            assert (
                load_scenario(desk / "my-quickstart.yaml", ["name=quickstart"]).digest
                == load_scenario("quickstart").digest
            )
            assert copy.path.read_text().startswith("# Start here: smarter run quickstart!")
            assert "100,800 readings" in detail(page)

    async def test_a_name_that_is_taken_is_replaced_only_when_it_is_said_twice(
        self, mine_app: SmarterApp, desk: Path
    ) -> None:
        (desk / "mine-2.yaml").write_text("something else")
        async with mine_app.run_test(size=(80, 24)) as pilot:
            await pressed(pilot, "f2", "enter")
            assert isinstance(mine_app.screen, SaveAs)
            said = str(mine_app.screen.query_one("#refused", Static).render())
            assert said == "✕ mine-2.yaml is there already: enter once more replaces it."
            await pressed(pilot, "end", "backspace", "l", "enter")  # mine-2.yaml → mine-2.yaml with another ending
            assert (desk / "mine-2.yaml").read_text() == "something else"
            await pressed(pilot, "f2", "enter", "enter")
            assert (desk / "mine-2.yaml").read_text() == MINE.replace("name: mine", "name: mine-2")

    async def test_typing_replaces_the_name_that_is_proposed(self, mine_app: SmarterApp, desk: Path) -> None:
        async with mine_app.run_test(size=(80, 24)) as pilot:
            await pressed(pilot, "f2", *"ours", "enter")
            assert (desk / "ours.yaml").read_text() == MINE.replace("name: mine", "name: ours")

    async def test_a_copy_holds_what_is_set_and_has_a_name_and_state_of_its_own(
        self, mine_app: SmarterApp, mine: Path, desk: Path
    ) -> None:
        async with mine_app.run_test(size=(80, 24)) as pilot:
            page = await pressed(pilot)
            page.overrides[mine] = ("windows.billing=6h", "tariff.rate=0.50", "pes.hold=2h")
            page = await pressed(pilot, "f2", *"ours", "enter", "escape")
            copy = load_scenario(desk / "ours.yaml")
            assert (copy.name, copy.windows.billing) == ("ours", 6 * 3_600)
            assert copy.resolved()["tariff"]["rate"] == "0.5"
            assert copy.resolved()["pes"]["hold"] == "2h"
            assert mine.read_text() == MINE
            assert page.entry is not None
            assert page.entry.path == desk / "ours.yaml"
            assert page.overrides_of(page.entry) == ()
            await pressed(pilot, "enter")
            assert mine_app.scenario is not None
            assert mine_app.scenario.digest == copy.digest
            assert mine_app.state is not None
            assert mine_app.state.path.name.startswith("ours-")

    async def test_a_copy_keeps_the_name_that_the_user_wrote(self, mine_app: SmarterApp, desk: Path) -> None:
        async with mine_app.run_test(size=(80, 24)) as pilot:
            page = await pressed(pilot)
            replace(page, "name: mine", "name: avenue")
            await pressed(pilot, "f2", *"ours", "enter")
            assert load_scenario(desk / "ours.yaml").name == "avenue"

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("", "It needs a name"),
            ("homes", "is a folder"),
            ("nowhere/mine", "there is no folder"),
        ],
    )
    async def test_a_place_that_cannot_be_is_said_and_another_can_be_given(
        self, mine_app: SmarterApp, name: str, said: str, desk: Path
    ) -> None:
        (desk / "homes.yaml").mkdir()
        async with mine_app.run_test(size=(80, 24)) as pilot:
            await pressed(pilot, "f2")
            mine_app.screen.query_one(Input).value = name
            await pressed(pilot, "enter")
            assert said in str(mine_app.screen.query_one("#refused", Static).render())
            mine_app.screen.query_one(Input).value = "elsewhere"
            page = await pressed(pilot, "enter")
            assert "elsewhere.yaml" in names(page)

    async def test_a_disk_that_refuses_loses_nothing(
        self, mine_app: SmarterApp, mine: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = os.open

        def full(path: Any, *given: Any, **more: Any) -> int:
            if Path(path).name.startswith(".mine.yaml."):
                raise OSError(28, "No space left on device")
            return real(path, *given, **more)

        async with mine_app.run_test(size=(80, 24)) as pilot:
            page = await typed_at(pilot, 3, "!")
            monkeypatch.setattr(os, "open", full)
            page = await pressed(pilot, "ctrl+s")
            assert "mine.yaml cannot be written: No space left on device" in notices(mine_app)[-1]
            assert mine.read_text() == MINE
            assert mine in page.drafts

    async def test_a_file_that_another_program_has_changed_is_not_written_over_unasked(
        self, mine_app: SmarterApp, mine: Path, desk: Path
    ) -> None:
        async with mine_app.run_test(size=(80, 24)) as pilot:
            await typed_at(pilot, 3, "!")
            mine.write_text(f"# by vim\n{MINE}")
            await pressed(pilot, "ctrl+s")
            assert isinstance(mine_app.screen, Question)
            page = await pressed(pilot, "escape")
            assert mine in page.drafts
            assert mine.read_text().startswith("# by vim")
            await pressed(pilot, "ctrl+s", "a", "enter")
            assert "mine!" not in mine.read_text()
            assert "of mine.!" in (desk / "mine-2.yaml").read_text()
            await on_line(pilot, "mine.yaml")
            await typed_at(pilot, 4, "?")
            mine.write_text("# by vim again")
            await pressed(pilot, "ctrl+s", "r")
            assert "of mine.?" in mine.read_text()


class TestUnsaved:
    async def test_changes_are_kept_and_marked_while_others_are_looked_at(self, mine_app: SmarterApp) -> None:
        async with mine_app.run_test(size=(140, 45)) as pilot:
            page = await typed_at(pilot, 3, "!")
            page = await pressed(pilot, "escape")
            assert "mine.yaml *" in listed(page, "mine.yaml")
            page = await pressed(pilot, "home")
            assert editor(page).text != MINE
            page = await pressed(pilot, "end")
            assert "of mine.!" in editor(page).text

    async def test_u_drops_them_when_one_is_sure(self, mine_app: SmarterApp) -> None:
        async with mine_app.run_test(size=(140, 45)) as pilot:
            await typed_at(pilot, 3, "!")
            page = await pressed(pilot, "escape", "u", "escape")
            assert page.drafts
            page = await pressed(pilot, "u", "d")
            assert not page.drafts
            assert editor(page).text == MINE

    async def test_what_is_typed_back_is_no_change(self, mine_app: SmarterApp) -> None:
        async with mine_app.run_test(size=(80, 24)) as pilot:
            page = await typed_at(pilot, 3, "!")
            page = await pressed(pilot, "backspace")
            assert not page.drafts
            await pressed(pilot, "escape", "q")
        assert mine_app.return_code == 0

    async def test_leaving_asks_file_by_file(self, mine_app: SmarterApp, mine: Path) -> None:
        async with mine_app.run_test(size=(80, 24)) as pilot:
            await typed_at(pilot, 3, "!")
            await pressed(pilot, "escape", "home")
            page = await typed_at(pilot, 1, "!")
            await pressed(pilot, "escape", "4", "q")  # from another page, too
            assert isinstance(mine_app.screen, Question)
            await pressed(pilot, "escape")
            assert mine_app.is_running
            assert len(page.drafts.paths) == 2
            await pressed(pilot, "q", "s", "d")
        assert not mine_app.is_running
        assert "of mine.!" in mine.read_text()

    async def test_a_click_on_an_answer_gives_it(self, mine_app: SmarterApp) -> None:
        async with mine_app.run_test(size=(80, 24)) as pilot:
            await typed_at(pilot, 3, "!")
            await pressed(pilot, "ctrl+q")
            await pilot.click("#answers", offset=(8, 1))
            await settled(pilot)
        assert not mine_app.is_running

    async def test_choosing_and_running_ask_since_they_read_the_file(self, mine_app: SmarterApp, mine: Path) -> None:
        async with mine_app.run_test(size=(80, 24)) as pilot:
            page = await typed_at(pilot, 3, "!")
            await pressed(pilot, "escape", "enter")
            assert isinstance(mine_app.screen, Question)
            page = await pressed(pilot, "f")
            assert mine_app.scenario is not None
            assert mine_app.scenario.description == "Six homes of mine."
            assert page.drafts
            page = await pressed(pilot, "enter", "s")
            assert not page.drafts
            assert mine_app.scenario.description == "Six homes of mine.!"


class TestChoosing:
    async def test_enter_chooses_without_running(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await on_line(pilot, "lossy")
            page = await pressed(pilot, "enter")
            assert app.scenario is not None
            assert app.scenario.name == "lossy"
            assert app.picture.condition == "waiting"
            assert app.current_mode == "scenarios"
            assert listed(page, "lossy").startswith("▶")
            assert not listed(page, "quickstart").startswith("▶")

    async def test_a_wrong_one_cannot_be_chosen_and_says_why(self, app: SmarterApp, mine: Path) -> None:
        mine.write_text(MINE.replace("3h", "7h"))
        async with app.run_test(size=(80, 24)) as pilot:
            await on_line(pilot, "mine.yaml")
            await pressed(pilot, "enter", "r")
            assert len([note for note in notices(app) if "windows.billing" in note]) == 2
            assert app.scenario is not None
            assert app.scenario.name == "quickstart"

    async def test_r_runs_it_and_goes_to_page_2(self, small_app: SmarterApp) -> None:
        async with small_app.run_test(size=(80, 24)) as pilot:
            await pressed(pilot, "r")
            assert small_app.current_mode == "run"
            await until(pilot, lambda: small_app.picture.condition == "finished")
            assert "to its end: r shows the result" in detail(await pressed(pilot, "1"))

    async def test_another_cannot_be_chosen_while_a_run_goes_on(self, mine_app: SmarterApp) -> None:
        async with mine_app.run_test(size=(80, 24)) as pilot:
            page = await settled(pilot)
            mine_app.picture = Picture(condition="running", scenario="mine")
            page.show_picture(mine_app.picture)
            page = await settled(pilot)
            assert "it runs just now: page 2 shows it" in detail(page)
            page = await pressed(pilot, "home", "enter")
            assert "a run is going on" in notices(mine_app)[-1]
            mine_app.picture = Picture()

    async def test_a_data_folder_that_is_gone_is_said_on_page_2(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await on_line(pilot, "year")
            await pilot.press("r")
            await until(pilot, lambda: app.picture.condition == "failed")
            assert "there is no such file or folder" in app.picture.error


async def form_opened(pilot: Pilot[Any], section: str = "run") -> OverrideForm:
    """The form, at a section."""
    await pressed(pilot, "s")
    form = pilot.app.screen
    assert isinstance(form, OverrideForm)
    sections = form.query_one("#sections", OptionList)
    sections.highlighted = [line.split()[0] for line in lines(sections)].index(section)
    await settled(pilot)
    return form


def row(form: OverrideForm, field: str) -> OverrideRow:
    return next(row for row in form.query(OverrideRow) if row.setting.field == field)


def wrong(form: OverrideForm, field: str) -> str:
    return str(row(form, field).query_one(".wrong", Static).render())


class TestForm:
    async def test_what_is_set_is_shown_and_holds_for_the_chosen_scenario(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            form = await form_opened(pilot)
            row(form, "windows.demand").query_one(Input).value = "30min"
            await settled(pilot)
            assert "--set windows.demand=30min" in str(form.query_one("#said", Static).render())
            assert "The file has 15min." in str(row(form, "windows.demand").query_one(".about", Static).render())
            assert lines(form.query_one("#sections", OptionList))[0] == "run 1"
            page = await pressed(pilot, "ctrl+s")
            assert "--set windows.demand=30min" in detail(page)
            assert "336 demand" in detail(page)
            assert app.overrides == ("windows.demand=30min",)
            assert app.scenario is not None
            assert app.scenario.windows.demand == 1_800

    async def test_y_copies_the_command_and_c_clears(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await pressed(pilot, "y")
            assert app.clipboard == "smarter run quickstart"
            form = await form_opened(pilot, "tariff")
            row(form, "tariff.rates").query_one(Input).value = "{off-peak: 0.1, peak: 0.3}"
            await settled(pilot)
            await pressed(pilot, "ctrl+s", "y")
            assert app.clipboard == "smarter run quickstart --set 'tariff.rates={off-peak: 0.1, peak: 0.3}'"
            page = await pressed(pilot, "c")
            assert "--set" not in detail(page)
            assert app.overrides == ()

    async def test_what_is_wrong_is_said_beside_the_field_and_not_taken(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            form = await form_opened(pilot, "aggregate")
            row(form, "crypto.aggregate.key_bits").query_one(Input).value = "12"
            await settled(pilot)
            assert wrong(form, "crypto.aggregate.key_bits") == "✕ 12 is too small; the least is 256."
            assert "✕" in lines(form.query_one("#sections", OptionList))[4]
            await pressed(pilot, "ctrl+s")
            assert app.screen is form
            row(form, "crypto.aggregate.key_bits").query_one(Input).value = "2048"
            await settled(pilot)
            assert wrong(form, "crypto.aggregate.key_bits") == ""
            page = await pressed(pilot, "ctrl+s")
            assert "paillier, 2048 bits" in detail(page)

    async def test_two_fields_that_do_not_go_together_say_so(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            form = await form_opened(pilot)
            row(form, "windows.billing").query_one(Input).value = "7h"
            await settled(pilot)
            assert "does not divide a day" in wrong(form, "windows.billing")

    async def test_another_plugin_brings_its_own_options(self, app: SmarterApp) -> None:
        async with app.run_test(size=(140, 45)) as pilot:
            form = await form_opened(pilot, "aggregate")
            row(form, "crypto.aggregate.table_mb").query_one(Input).value = "128"
            await settled(pilot)
            row(form, "crypto.aggregate.plugin").query_one(Select).value = "plain"
            await settled(pilot)
            fields = [each.setting.field for each in form.query(OverrideRow)]
            assert "crypto.aggregate.plaintext_bits" in fields
            assert "crypto.aggregate.table_mb" not in fields
            assert str(form.query_one("#said", Static).render()) == "--set crypto.aggregate.plugin=plain"
            assert "insecure_demo: true" in wrong(form, "crypto.aggregate.plugin")
            await pressed(pilot, "end", "enter")
            form.query_one("#sections", OptionList).highlighted = (
                len(lines(form.query_one("#sections", OptionList))) - 1
            )
            await settled(pilot)
            row(form, "insecure_demo").query_one(Switch).toggle()
            await settled(pilot)
            await pressed(pilot, "ctrl+s")
            assert app.overrides == ("crypto.aggregate.plugin=plain", "insecure_demo=true")

    async def test_the_cursor_stays_in_its_field_when_another_plugin_brings_others(self, app: SmarterApp) -> None:
        async with app.run_test(size=(140, 45)) as pilot:
            form = await form_opened(pilot, "aggregate")
            row(form, "crypto.aggregate.plugin").focus_control()
            await pressed(pilot, "enter", "p", "l", "enter")
            assert row(form, "crypto.aggregate.plugin").query_one(Select).value == "plain"
            assert form.focused is row(form, "crypto.aggregate.plugin").query_one(Select)
            row(form, "crypto.aggregate.plugin").query_one(Select).value = "paillier"
            row(form, "crypto.aggregate.plaintext_bits").focus_control()
            await settled(pilot)
            assert form.focused is form.query_one("#sections"), "paillier has no such field"

    async def test_fields_and_all_can_be_cleared_and_the_form_left(self, app: SmarterApp) -> None:
        async with app.run_test(size=(140, 45)) as pilot:
            form = await form_opened(pilot, "PES")
            row(form, "pes.hold").query_one(Input).value = "2h"
            row(form, "pes.combine").query_one(Select).value = "none"
            await settled(pilot)
            row(form, "pes.hold").focus_control()
            await pressed(pilot, "ctrl+r")
            assert str(form.query_one("#said", Static).render()) == "--set pes.combine=none"
            mark = str(row(form, "pes.combine").query_one(".unset", Static).render())
            assert mark == "↺"
            assert mark not in MARKS.values()  # ✕ says that something is refused
            await pilot.click(row(form, "pes.combine").query_one(".unset"))
            await settled(pilot)
            assert str(form.query_one("#said", Static).render()) == "Nothing is set."
            row(form, "pes.hold").query_one(Input).value = "2h"
            await pressed(pilot, "ctrl+l")
            assert row(form, "pes.hold").query_one(Input).value == "1h"
            row(form, "pes.hold").query_one(Input).value = "2h"
            await pressed(pilot, "escape")
            assert app.overrides == ()

    async def test_enter_goes_from_section_to_field_to_field(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            form = await form_opened(pilot)
            await pressed(pilot, "enter")
            assert form.focused is row(form, "time.start").query_one(Input)
            await pressed(pilot, "enter")
            assert form.focused is row(form, "time.end").query_one(Input)

    @pytest.mark.parametrize(
        ("keys", "overrides"),
        [
            (["enter", "tab", "ctrl+u", *"2016-01-03", "ctrl+s"], ("time.end=2016-01-03",)),
            (["down", "enter", "ctrl+u", *"2h", "ctrl+s"], ("pes.hold=2h",)),
            (["enter", *["tab"] * 5, "ctrl+u", *"12", "enter", "ctrl+u", *"3h", "ctrl+s"], ("frame=12", "grace=3h")),
        ],
    )
    async def test_fast_typing_goes_where_it_belongs_before_the_fields_are_there(
        self, app: SmarterApp, keys: list[str], overrides: tuple[str, ...]
    ) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await settled(pilot)
            await pilot.press("s")
            for key in keys:
                app.simulate_key(key)
            await until(pilot, lambda: page.entry is not None and page.overrides_of(page.entry) == overrides)

    async def test_what_is_typed_while_another_plugins_fields_are_made_is_kept(self, app: SmarterApp) -> None:
        async with app.run_test(size=(140, 45)) as pilot:
            form = await form_opened(pilot, "aggregate")
            row(form, "crypto.aggregate.key_bits").focus_control()
            await pilot.pause()
            form._ask({})  # as when another plugin is chosen
            for key in ("ctrl+u", *"2048", "tab"):
                app.simulate_key(key)
                await pilot.pause(0.005)
            await settled(pilot)
            assert row(form, "crypto.aggregate.key_bits").query_one(Input).value == "2048"
            assert "key_bits=2048" in str(form.query_one("#said", Static).render())

    async def test_what_the_command_line_set_is_there_and_stays(self, mine: Path) -> None:
        given = ("windows.demand=1h", "faults=[]")
        app = SmarterApp("mine.yaml", Settings(workers=1), given)
        async with app.run_test(size=(140, 45)) as pilot:
            page = await settled(pilot)
            assert "--set windows.demand=1h" in detail(page)
            form = await form_opened(pilot)
            assert row(form, "windows.demand").has_class("set")
            row(form, "grace").query_one(Input).value = "1h"
            await pressed(pilot, "ctrl+s")
            assert app.overrides == (*given, "grace=1h")

    async def test_a_text_that_is_wrong_has_to_be_mended_first(self, mine_app: SmarterApp) -> None:
        async with mine_app.run_test(size=(80, 24)) as pilot:
            await typed_at(pilot, 7, "x")
            await pressed(pilot, "escape", "s")
            assert not isinstance(mine_app.screen, OverrideForm)
            assert "Before fields can be set: mine.yaml line 7" in notices(mine_app)[-1]

    async def test_a_notice_covers_no_problem_of_the_yaml(self, mine_app: SmarterApp) -> None:
        async with mine_app.run_test(size=(80, 24), notifications=True) as pilot:
            page = await typed_at(pilot, 7, "{")
            await pressed(pilot, "escape", "s")
            await until(pilot, lambda: page.query("Toast"))
            await pressed(pilot, "f8")
            problems = page.query_one("#problems").region
            toasts = [toast.region for toast in page.query("Toast")]
            assert problems.height
            assert toasts
            assert not [toast for toast in toasts if toast.overlaps(problems)]
            assert "has a { where a key belongs;" in lines(page.query_one("#problems", OptionList))[0]


async def test_a_run_that_another_process_makes_is_noticed(small_app: SmarterApp, desk: Path) -> None:
    async with small_app.run_test(size=(140, 45)) as pilot:
        page = await settled(pilot)
        await until(pilot, lambda: "not yet: r runs it" in detail(page))
        await pilot.pause(shown.GLANCE)  # it has seen that there is no state
        command = [sys.executable, "-m", "smarter", "run", "small.yaml", "--quiet"]
        await asyncio.to_thread(subprocess.run, command, cwd=desk, check=True, capture_output=True, timeout=120)
        await until(pilot, lambda: "to its end" in detail(page))
        assert small_app.finished


class TestFiles:
    async def test_e_writes_the_yaml_and_the_scenario_with_all_filled_in(self, app: SmarterApp, desk: Path) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await settled(pilot)
            app.screen.overrides[app.screen.entry.path] = ("pes.hold=2h",)  # type: ignore[attr-defined]
            await pressed(pilot, "f5", "e")
        assert load_scenario(desk / "quickstart.yaml").digest == load_scenario("quickstart").digest
        resolved = json.loads((desk / "quickstart-resolved.json").read_text())
        assert resolved["pes"]["hold"] == "2h"
        assert (
            load_scenario(desk / "quickstart-resolved.json").digest
            == load_scenario("quickstart", ["pes.hold=2h"]).digest
        )

    def test_folders_are_a_setting(self) -> None:
        settings_file().parent.mkdir(parents=True)
        settings_file().write_text('scenarios = ["~/meters", "/srv/scenarios"]\n')
        assert load_settings().scenarios == (Path("~/meters"), Path("/srv/scenarios"))


def test_nothing_but_the_editor_takes_keys_before_others() -> None:
    """A printable key with priority could not be typed into the YAML."""
    for node in (ScenariosPage, SmarterApp):
        assert not [binding for binding in node.BINDINGS if getattr(binding, "priority", False)]
    assert [binding.key for binding in yaml_editor.YamlEditor.BINDINGS] == ["escape"]  # type: ignore[union-attr]
    assert issubclass(YamlEditor, TextArea)


async def edited(pilot: Pilot[Any]) -> None:
    """A mistake in one's own scenario, and the list beside it."""
    await on_line(pilot, "mine.yaml")
    page = await typed_at(pilot, 7, "")
    replace(page, "3h", "7h")
    await settled(pilot)


@pytest.mark.usefixtures("mine")
class TestScenariosAsPictures:
    def test_the_list_on_a_small_dark_screen(self, snap_compare: Any, app: SmarterApp) -> None:
        assert snap_compare(app, terminal_size=(80, 24), run_before=settled)

    def test_yaml_beside_the_list_on_a_large_light_screen(self, snap_compare: Any, make_app: Any) -> None:
        assert snap_compare(make_app("light"), terminal_size=(140, 45), run_before=settled)

    def test_a_mistake_is_marked_on_a_large_dark_screen(self, snap_compare: Any, mine_app: SmarterApp) -> None:
        assert snap_compare(mine_app, terminal_size=(140, 45), run_before=edited)

    def test_a_mistake_is_marked_on_a_small_light_screen(self, snap_compare: Any, make_app: Any) -> None:
        app = make_app("light", scenario="mine.yaml")
        assert snap_compare(app, terminal_size=(80, 24), run_before=edited)

    def test_the_form_on_a_small_dark_screen(self, snap_compare: Any, app: SmarterApp) -> None:
        async def opened(pilot: Pilot[Any]) -> None:
            form = await form_opened(pilot, "aggregate")
            row(form, "crypto.aggregate.key_bits").query_one(Input).value = "12"
            await settled(pilot)

        assert snap_compare(app, terminal_size=(80, 24), run_before=opened)

    def test_the_form_on_a_large_light_screen(self, snap_compare: Any, make_app: Any) -> None:
        async def opened(pilot: Pilot[Any]) -> None:
            form = await form_opened(pilot, "PES")
            row(form, "pes.hold").query_one(Input).value = "2h"
            await settled(pilot)

        assert snap_compare(make_app("light"), terminal_size=(140, 45), run_before=opened)
