"""The frame of the app: tabs, help, palette, keymap, themes, clipboard, export, passphrases, errors, quitting."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from textual.app import ComposeResult
from textual.binding import Binding
from textual.command import CommandPalette
from textual.css import stylesheet
from textual.css.query import NoMatches
from textual.dom import DOMNode
from textual.drivers.headless_driver import HeadlessDriver
from textual.pilot import Pilot
from textual.widgets import Input, Static

from smarter.errors import DataError, SmarterError, UsageError
from smarter.keys.unlock import unlock_from
from smarter.run import run
from smarter.scenario import load_scenario
from smarter.state import locate
from smarter.tui.app import SmarterApp
from smarter.tui.asking import PassphrasePage
from smarter.tui.help import HelpPage
from smarter.tui.keybar import KeyBar
from smarter.tui.keymap import action_names, check_keymap, shared_keys
from smarter.tui.page import Exported, Page
from smarter.tui.pages.customers import CustomersPage
from smarter.tui.pages.operators import OperatorsPage
from smarter.tui.settings import Settings, load_settings, settings_file
from smarter.tui.stylesheet import KeptStylesheet
from smarter.tui.tabs import FIRST_TO_GO, TABS, Tab, TabBar

PASSPHRASE = "Grüße an die Zähler"


class SamplePage(Page):
    """A page as others are, with little on it."""

    NAME = "run"
    HELP = "This page is a sample."
    BINDINGS: ClassVar = [
        Binding("s", "stir", "Stir it", id="stir"),
        Binding("d", "drop", "Drop it", id="drop"),
        Binding("l", "locked", "Open what is locked", id="locked"),
    ]
    stirred = 0

    def compose_page(self) -> ComposeResult:
        yield Static("● clear ▒ sealed Σ sum ✕ refused", classes="clear")

    def action_stir(self) -> None:
        self.stirred += 1

    def action_drop(self) -> None:
        raise DataError("home3.csv, row 17: it is gone; bring it back.")

    def action_locked(self) -> None:
        raise PermissionError(13, "Permission denied", "/locked")

    def exported(self) -> Sequence[Exported]:
        return (Exported("sample.csv", "what,mWh\nit,7\n"),)

    def copied(self) -> str:
        return "one\ntwo kWh"


@pytest.fixture
def sample(monkeypatch: pytest.MonkeyPatch, opens_on: Callable[[str], None]) -> None:
    """Page 2 is the sample, and the app opens on it."""
    opens_on("run")
    real = Tab.page
    monkeypatch.setattr(Tab, "page", lambda tab: SamplePage if tab.name == "run" else real(tab))


def notices(app: SmarterApp) -> list[str]:
    """What the app has said."""
    return [notification.message for notification in app._notifications]


def bar_of(app: SmarterApp) -> str:
    """What the bar of tabs says."""
    return app.screen.query_one(TabBar).render().plain


async def until(pilot: Pilot[Any], holds: Callable[[], object]) -> None:
    """Let the app go on until it holds; tests fail after a minute of it."""
    for _ in range(1_200):
        if holds():
            return
        await pilot.pause(0.05)
    raise AssertionError("it never came")


class TestTabs:
    async def test_each_number_and_each_click_leads_to_its_page(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            assert app.current_mode == "scenarios"
            for tab in TABS[1:]:
                await pilot.press(tab.key)
                assert app.current_mode == tab.name
            await pilot.click(TabBar, offset=(1, 0))
            assert app.current_mode == "scenarios"

    @pytest.mark.parametrize("width", [120, 140, 300])
    async def test_all_titles_and_the_help_key_fit(self, app: SmarterApp, width: int) -> None:
        async with app.run_test(size=(width, 24)) as pilot:
            for tab in TABS:
                await pilot.press(tab.key)
                bar = bar_of(app)
                assert len(bar) <= width
                assert all(f"{each.key} {each.title}" in bar for each in TABS)
                assert bar.endswith("? Help")

    @pytest.mark.parametrize("width", [80, 100])
    async def test_a_narrow_terminal_leaves_away_the_titles_that_are_needed_least(
        self, app: SmarterApp, width: int
    ) -> None:
        async with app.run_test(size=(width, 24)) as pilot:
            for tab in TABS:
                await pilot.press(tab.key)
                bar = bar_of(app)
                assert len(bar) <= width
                assert f" {tab.key} {tab.title} " in bar
                assert all(each.key in bar for each in TABS)
                assert all(f"{each.key} {each.title}" in bar for each in TABS if each.name not in FIRST_TO_GO)
                assert bar.endswith("? Help")

    async def test_a_terminal_that_is_too_narrow_for_titles_keeps_the_numbers(self, app: SmarterApp) -> None:
        async with app.run_test(size=(50, 24)):
            bar = bar_of(app)
            assert bar.startswith(" 1 Scenarios ")
            assert all(tab.key in bar for tab in TABS)
            assert len(bar) <= 50


class TestMeanwhile:
    async def test_other_pages_are_imported_while_the_first_is_looked_at(
        self, app: SmarterApp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real, asked, frozen = Tab.page, [], []
        monkeypatch.setattr(Tab, "page", lambda tab: (asked.append(threading.current_thread()), real(tab))[1])
        monkeypatch.setattr("gc.freeze", lambda: frozen.append(True))
        async with app.run_test(size=(80, 24)):
            await app.workers.wait_for_complete()
        assert len([thread for thread in asked if thread is not threading.main_thread()]) == len(TABS)
        assert not frozen  # this process is not there for the app alone

    async def test_they_are_made_ahead_and_shown_without_being_styled_anew(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("freeze", "enable"):  # of the process that other tests are in
            monkeypatch.setattr(f"smarter.tui.app.gc.{name}", lambda: None)
        # What other tests have parsed does not count.
        monkeypatch.setattr(KeptStylesheet, "_parse_rules", stylesheet.Stylesheet._parse_rules)
        app = SmarterApp(settings=Settings(workers=1), alone=True)
        async with app.run_test() as pilot:
            made = {}
            for _ in range(200):
                await pilot.pause(0.05)
                made = dict(app._ahead)
                if len(made) == len(TABS) - 1 and all(page.is_mounted for page in made.values()):
                    break
            await pilot.pause(0.1)
            styled = []
            apply = app.stylesheet.apply

            def noted(node: DOMNode, **options: Any) -> None:
                styled.append(node)
                apply(node, **options)

            monkeypatch.setattr(app.stylesheet, "apply", noted)
            for tab in TABS[1:]:
                await pilot.press(tab.key)
                assert app.screen is made[tab.name]
            await pilot.press("1", "9")
            assert not any(isinstance(node, CustomersPage | OperatorsPage) for node in styled)
            styled.clear()
            parsed = []
            parse = stylesheet.parse

            def counted(*given: Any, **named: Any) -> Any:
                parsed.append(given)
                return parse(*given, **named)

            monkeypatch.setattr(stylesheet, "parse", counted)
            await pilot.press("t", "8", "9")  # in other colours it is styled, and nothing is parsed
            assert made["customers"] in styled
            assert not parsed


@pytest.mark.usefixtures("sample")
class TestActions:
    async def test_help_says_what_the_page_shows_and_names_each_key_and_action(self, app: SmarterApp) -> None:
        async with app.run_test(size=(100, 45)) as pilot:
            await pilot.press("2", "question_mark")
            assert isinstance(app.screen, HelpPage)
            shown = text_of(app)
            for words in ("This page is a sample.", "Stir it", "stir", "Quit", "Light or dark", "8 Plugins"):
                assert words in shown
            await pilot.press("escape")
            assert isinstance(app.screen, SamplePage)

    async def test_a_click_on_a_key_is_the_key(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("2")
            page, bar = app.screen, app.screen.query_one(KeyBar)
            assert isinstance(page, SamplePage)
            await pilot.click(bar, offset=(str(bar.render()).index("Stir it") + 1, 0))
            assert page.stirred == 1

    async def test_the_palette_has_every_page_and_every_action(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("2")
            commands = {command.title: command for command in app.get_system_commands(app.screen)}
            wanted = {tab.title for tab in TABS} | {"Stir it", "Drop it", "Help", "Copy", "Export", "Light or dark"}
            assert wanted <= commands.keys()
            assert sum(title == "Quit" for title in commands) == 1
            assert commands["Stir it"].help == "Key s"

    async def test_an_action_chosen_in_the_palette_acts_on_the_page_beneath(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("2", "ctrl+p")
            assert isinstance(app.screen, CommandPalette)
            await pilot.press(*"stir it")
            await until(pilot, lambda: app.screen.query("CommandList").first().option_count == 1)  # type: ignore[attr-defined]
            await pilot.press("enter")
            page = app.screen_stack[0]
            await until(pilot, lambda: getattr(page, "stirred", 0) == 1)

    async def test_what_goes_wrong_in_an_action_is_said_and_the_app_lives_on(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("2", "d", "l", "s")
            assert notices(app)[0] == "home3.csv, row 17: it is gone; bring it back."
            assert "Permission denied: '/locked'" in notices(app)[1]
            assert getattr(app.screen, "stirred", 0) == 1

    async def test_copying_goes_through_the_terminal(self, app: SmarterApp, monkeypatch: pytest.MonkeyPatch) -> None:
        written: list[str] = []
        monkeypatch.setattr(HeadlessDriver, "write", lambda driver, data: written.append(data))
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("2", "y")
        osc52 = next(data for data in written if data.startswith("\x1b]52;c;"))
        assert base64.b64decode(osc52[7:-1]).decode() == "one\ntwo kWh"

    async def test_exporting_writes_beside_what_is_there(self, app: SmarterApp, desk: Path) -> None:
        (desk / "sample.csv").write_text("mine")
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("2", "e", "e")
        assert (desk / "sample.csv").read_text() == "mine"
        assert (desk / "sample-2.csv").read_text() == (desk / "sample-3.csv").read_text() == "what,mWh\nit,7\n"

    async def test_a_folder_that_cannot_be_written_to_is_said(self, app: SmarterApp, desk: Path) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("2")
            desk.rmdir()
            desk.write_text("a file where a folder should be")
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Path, "cwd", lambda: desk)
                await pilot.press("e")
            assert re.search(r"sample\.csv cannot be written into .*start Smarter in another folder\.", notices(app)[0])
            desk.unlink()
            desk.mkdir()

    async def test_pages_without_anything_say_so(self, app: SmarterApp, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(SamplePage, "exported", lambda page: ())
        monkeypatch.setattr(SamplePage, "copied", lambda page: "")
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("2", "y", "e")
            assert notices(app) == ["There is nothing to copy here yet.", "There is nothing to export here yet."]


@pytest.mark.usefixtures("sample")
class TestColours:
    async def test_t_turns_dark_into_light_and_back(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("2", "t")
            assert app.theme == "smarter-light"
            assert app.theme_variables["clear"] == "#8f5a00"
            await pilot.press("t")
            assert app.theme == "smarter-dark"

    async def test_a_theme_of_textuals_own_still_tells_the_kinds_of_data(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("2")
            app.theme = "nord"
            await pilot.pause()
            assert app.screen.query_one(".clear").styles.color.hex == "#E6B450"

    async def test_no_color_leaves_none(self, make_app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NO_COLOR", "1")
        app = make_app()
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("2")
            colours = colours_of(app)
            monkeypatch.delenv("NO_COLOR")
        assert {len(set(colour)) for colour in colours} == {1}, "greys alone"


class TestSettings:
    async def test_the_keymap_gives_actions_other_keys(self, make_app: Any, sample: None) -> None:
        app = make_app(keymap={"stir": "f5", "help": "f1"})
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("2", "f5", "s")
            assert app.screen.stirred == 1
            await pilot.press("f1")
            assert isinstance(app.screen, HelpPage)
            assert "f5" in text_of(app)

    async def test_one_key_for_several_actions_is_said_once(self, make_app: Any) -> None:
        app = make_app(keymap={"scenarios": "9", "copy": "e"})
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda: notices(app))
            assert notices(app) == [
                "The keymap of your settings gives one key to several actions: "
                "9 to customers, scenarios; e to copy, export. Only one of them is done."
            ]
            await pilot.press("2", "3")
            assert notices(app) == []  # what was said of one page is not in the way of the next

    @pytest.mark.parametrize(
        ("keymap", "shared"),
        [
            ({}, {}),
            ({"copy": "e", "export": "y"}, {}),
            ({"copy": "f5", "run.start": "f5"}, {"f5": "copy, run.start"}),
            ({"help": "+"}, {"plus": "chart.in, help"}),
            ({"run.start": "f5", "views.run": "f5"}, {}),
        ],
    )
    def test_keys_are_shared_within_a_page_and_with_the_app(
        self, keymap: dict[str, str], shared: dict[str, str]
    ) -> None:
        assert shared_keys(keymap, SmarterApp) == shared

    def test_they_are_read_from_a_file_under_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        written('theme = "light"\nworkers = 3\n[keymap]\nquit = "f10"\n')
        monkeypatch.setenv("SMARTER_APP_WORKERS", "1")
        settings = load_settings()
        assert (settings.theme, settings.workers, settings.keymap) == ("light", 1, {"quit": "f10"})

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ('theme = "blue"', "theme: "),
            ("theme = ", "is no TOML file"),
            ("colour = 1", "colour: "),
            ("workers = 0", "workers: "),
        ],
    )
    def test_a_file_that_cannot_be_is_one_sentence(self, text: str, said: str) -> None:
        written(text)
        with pytest.raises(UsageError) as error:
            load_settings()
        assert said in str(error.value)
        assert str(settings_file()) in str(error.value)
        assert "\n" not in str(error.value)

    @pytest.mark.parametrize(
        ("keymap", "said"),
        [
            ({"quitt": "f10"}, "there is no action quitt; did you mean quit?"),
            ({"quit": "f99"}, "keymap.quit: 'f99' is no key"),
            ({"quit": "hyper+x"}, "'hyper+x' is no key"),
        ],
    )
    def test_a_keymap_that_cannot_be_is_refused(self, keymap: dict[str, str], said: str) -> None:
        with pytest.raises(UsageError, match=re.escape(said)):
            check_keymap(keymap, "app.toml")
        check_keymap({"quit": "f10,ctrl+x,question_mark,+,ctrl+f5"}, "app.toml")

    def test_actions_have_names_of_their_own(self) -> None:
        """So that a keymap and a clash between two of them can be told apart."""
        assert {"quit", "help", "copy", "export", "theme"} <= action_names()


class TestRuns:
    async def test_a_run_goes_on_in_the_background_and_comes_to_its_end(self, small_app: SmarterApp) -> None:
        async with small_app.run_test(size=(80, 24)) as pilot:
            assert not small_app.finished
            small_app.start_run()
            assert small_app.picture.goes_on
            assert small_app.scenario is not None
            with pytest.raises(UsageError, match="a run is going on"):
                small_app.choose(small_app.scenario)
            await until(pilot, lambda: not small_app.picture.goes_on)
            assert small_app.picture.condition == "finished"
            assert small_app.finished

    async def test_what_fails_while_the_app_goes_down_is_no_bug(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)):
            app.exit(None, 130)
            app._handle_exception(NoMatches("no nodes match '#words' on a page half made"))
        assert app.bug is None
        assert app.return_code == 130

    async def test_quitting_ends_a_run_that_can_be_taken_up(self, small_app: SmarterApp) -> None:
        async with small_app.run_test(size=(80, 24)) as pilot:
            small_app.start_run()
            small_app.pause_run()
            await until(pilot, lambda: small_app.picture.condition == "paused")
            await pilot.press("q")
        small_app.join_run(60)
        assert not any(thread.name == "run" for thread in threading.enumerate())
        assert small_app.scenario is not None
        assert small_app.state is not None
        unlock = unlock_from("auto", small_app.state.keys, environ={}, ask=None)
        *_, last = run(small_app.scenario, small_app.state, unlock=unlock, verify=True)
        assert last.result.verified  # type: ignore[union-attr]

    async def test_a_state_that_is_in_use_is_said_and_not_broken(self, small_app: SmarterApp) -> None:
        async with small_app.run_test(size=(80, 24)) as pilot:
            assert small_app.state is not None
            small_app.state.make()
            with small_app.state.locked():
                small_app.start_run()
                await until(pilot, lambda: not small_app.picture.goes_on)
            assert small_app.picture.condition == "failed"
            assert small_app.picture.error.startswith("another run is using the state in ")


class TestPassphrases:
    @pytest.fixture
    def locked_app(self, small_app: SmarterApp, desk: Path, cheap_passphrases: None) -> SmarterApp:
        """The small scenario, run to its end with keys that take a passphrase."""
        scenario = load_scenario(str(desk / "small.yaml"))
        state = locate(scenario.name, scenario.digest, None)
        unlock = unlock_from("passphrase", state.keys, environ={"SMARTER_PASSPHRASE": PASSPHRASE}, ask=None)
        list(run(scenario, state, unlock=unlock))
        return small_app

    @staticmethod
    def asked(app: SmarterApp) -> list[object]:
        """Asks for the report as a page does, in a thread; what became of it."""
        came: list[object] = []

        def ask() -> None:
            try:
                with app.report() as report:
                    came.append(len(report.households))
            except SmarterError as error:
                came.append(error)

        app.run_worker(ask, thread=True)
        return came

    @staticmethod
    async def answer(pilot: Pilot[Any], text: str) -> None:
        await until(pilot, lambda: isinstance(pilot.app.screen, PassphrasePage))
        page = pilot.app.screen
        page.query_one(Input).value = text
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen is not page)  # else the next answer could go to this one

    async def test_a_locked_state_asks_until_the_passphrase_is_right_and_then_no_more(
        self, locked_app: SmarterApp
    ) -> None:
        async with locked_app.run_test(size=(80, 24)) as pilot:
            first = self.asked(locked_app)
            await self.answer(pilot, "wrong")
            await until(pilot, lambda: first)
            assert "passphrase" in str(first[0])
            second = self.asked(locked_app)
            for _ in ("mdms", "audit"):
                await self.answer(pilot, PASSPHRASE)
            await until(pilot, lambda: second)
            third = self.asked(locked_app)
            await until(pilot, lambda: third)
            assert second == third == [6]

    async def test_what_was_typed_is_forgotten_when_a_scenario_is_chosen(self, locked_app: SmarterApp) -> None:
        async with locked_app.run_test(size=(80, 24)) as pilot:
            came = self.asked(locked_app)
            for _ in ("mdms", "audit"):
                await self.answer(pilot, PASSPHRASE)
            await until(pilot, lambda: came)
            assert locked_app.scenario is not None
            locked_app.choose(locked_app.scenario)
            self.asked(locked_app)
            await until(pilot, lambda: isinstance(locked_app.screen, PassphrasePage))

    async def test_nothing_typed_leaves_it_locked_and_quitting_waits_for_nobody(self, locked_app: SmarterApp) -> None:
        async with locked_app.run_test(size=(80, 24)) as pilot:
            came = self.asked(locked_app)
            await until(pilot, lambda: isinstance(locked_app.screen, PassphrasePage))
            await pilot.press("escape")
            await until(pilot, lambda: came)
            assert "stay locked" in str(came[0])
            self.asked(locked_app)
            await until(pilot, lambda: isinstance(locked_app.screen, PassphrasePage))

    async def test_the_environment_answers(self, locked_app: SmarterApp, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SMARTER_PASSPHRASE", PASSPHRASE)
        async with locked_app.run_test(size=(80, 24)) as pilot:
            came = self.asked(locked_app)
            await until(pilot, lambda: came)
            assert came == [6]


class TestBugs:
    async def test_a_bug_ends_the_app_without_showing_what_its_variables_hold(
        self, app: SmarterApp, sample: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def stir(page: SamplePage) -> None:
            secret = "hunter2"
            raise ZeroDivisionError(len(secret))

        monkeypatch.setattr(SamplePage, "action_stir", stir)
        with pytest.raises(ZeroDivisionError):
            async with app.run_test(size=(80, 24)) as pilot:
                await pilot.press("2", "s")
        assert isinstance(app.bug, ZeroDivisionError)
        assert app._exit_renderables == []


class TestSnapshots:
    def test_help_80x24_dark(self, snap_compare: Any, make_app: Any, sample: None) -> None:
        assert snap_compare(make_app("dark"), press=["2", "question_mark"], terminal_size=(80, 24))

    def test_passphrase_140x45_light(self, snap_compare: Any, make_app: Any, sample: None) -> None:
        async def ask(pilot: Pilot[Any]) -> None:
            await pilot.press("2")
            pilot.app.push_screen(PassphrasePage("Passphrase for the keys of mdms: "))

        assert snap_compare(make_app("light"), run_before=ask, terminal_size=(140, 45))


def written(text: str) -> None:
    """The user's settings file."""
    settings_file().parent.mkdir(parents=True, exist_ok=True)
    settings_file().write_text(text)


def colours_of(app: SmarterApp) -> set[tuple[int, int, int]]:
    """The colours on the screen."""
    styles = {segment.style for strip in app.screen._compositor.render_strips() for segment in strip if segment.style}
    pairs = [colour for style in styles for colour in (style.color, style.bgcolor) if colour is not None]
    return {tuple(colour.get_truecolor()) for colour in pairs}  # type: ignore[misc]


def text_of(app: SmarterApp) -> str:
    """What the screen shows."""
    return "\n".join("".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips())
