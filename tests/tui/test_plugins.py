"""Page 8, plugins: fixed plugins, one broken and one without its library, by kind, filtered, in full; every key."""

from __future__ import annotations

import csv
import importlib.metadata
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

from smarter.registry import Registry
from smarter.tui.app import SmarterApp
from smarter.tui.help import HelpPage
from smarter.tui.pages.plugins import PluginsPage
from smarter.tui.widgets.plugin_detail import WAY_OUT, PluginDetail

PLUGINS = """
    from typing import Annotated, Literal
    from pydantic import Field
    from smarter.api import hookimpl
    from smarter_plugins.ciphers.pyca import AesGcm
    from smarter_plugins.schemes.plain import Plain

    class Options(Plain.Options):
        mode: Literal["quick", "exact"] = Field("quick", description="How blinding factors are made.")

    class Curve(Plain):
        summary = "Additive, on a curve."
        name = "curve"
        Options = Options

    class Lacking(Plain):
        summary = "Needs a rare library."
        name = "lacking-one-whose-name-has-no-room-anywhere"
        requires = {"no_such_library": "rare"}

    class Sealing(AesGcm):
        summary = "Seals frames."
        name = "sealing"

    class Raising(AesGcm):
        summary = "Cannot tell its options."
        name = "raising"

        class Options(AesGcm.Options):
            @classmethod
            def model_json_schema(cls, *_, **__):
                raise ZeroDivisionError("the token is gone")

    @hookimpl
    def register_schemes(register):
        for scheme in (Curve, Lacking):
            register(scheme)

    @hookimpl
    def register_ciphers(register):
        for cipher in (Sealing, Raising):
            register(cipher)
"""


@pytest.fixture(autouse=True)
def here(opens_on: Callable[[str], None]) -> None:
    """The app opens on the page."""
    opens_on("plugins")


@pytest.fixture(autouse=True)
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """Two schemes, two ciphers, and an entry point that cannot be imported, are all that the page finds."""
    (tmp_path / "odd_plugins.py").write_text(textwrap.dedent(PLUGINS))
    (tmp_path / "worse_plugins.py").write_text("import no_such_module\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("odd_plugins", "worse_plugins"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    entry_points = [
        importlib.metadata.EntryPoint(name, f"{name}_plugins", "smarter.plugins") for name in ("odd", "worse")
    ]
    found = Registry(entry_points)
    for module in ("pages.plugins", "widgets.plugin_detail"):
        monkeypatch.setattr(f"smarter.tui.{module}.registry", lambda: found)
    return found


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


async def settled(pilot: Pilot[Any]) -> None:
    """Everything read and drawn."""
    for _ in range(3):
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()


async def opened(pilot: Pilot[Any]) -> PluginsPage:
    """On the page, with all that is to be seen there."""
    await pilot.press("8")
    await settled(pilot)
    page = pilot.app.screen
    assert isinstance(page, PluginsPage)
    return page


async def on_the_scheme(pilot: Pilot[Any]) -> PluginsPage:
    """On the page, with a scheme in full."""
    page = await opened(pilot)
    await pilot.press("down", "down")
    await settled(pilot)
    return page


async def on_the_broken_one(pilot: Pilot[Any]) -> PluginsPage:
    """On the page, with the plugin in full that could not be imported."""
    page = await opened(pilot)
    await pilot.press("n", "n")
    await settled(pilot)
    return page


def listed(page: PluginsPage) -> list[str]:
    found = page.query_one("#list", OptionList)
    return [str(found.get_option_at_index(number).prompt).rstrip() for number in range(found.option_count)]


def chosen(page: PluginsPage) -> str:
    return page.query_one(PluginDetail).text.split()[0]


def said(page: PluginsPage, selector: str) -> str:
    return str(page.query_one(selector, Static).render())


class TestList:
    async def test_all_are_listed_by_kind_and_what_cannot_be_used_is_marked(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            assert listed(page) == [
                "ciphers",
                "  raising",
                "  sealing",
                "schemes",
                "  curve",
                "✕ lacking-one-whose-name-has-no-room-anywhere",
                "not loaded",
                "✕ worse",
            ]
            assert said(page, "#counted") == "5 listed, 1 broken, 1 without their library"
            assert chosen(page) == "raising"

    async def test_a_long_name_takes_one_line(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            assert page.query_one("#list").virtual_size.height == 8
            assert "✕ lacking-one-whose-name-has-…" in text_of(app)

    async def test_arrows_and_clicks_choose_and_kinds_are_passed_over(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            await pilot.press("down", "down")
            assert chosen(page) == "curve"
            await pilot.click("#list", offset=(5, 7))
            assert chosen(page) == "worse"
            await pilot.click("#list", offset=(5, 3))  # a kind
            assert chosen(page) == "worse"

    async def test_n_goes_to_the_next_one_that_cannot_be_used_and_round_again(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            found = []
            for _ in range(3):
                await pilot.press("n")
                await pilot.pause()
                found.append(chosen(page)[:7])
            assert found == ["lacking", "worse", "lacking"]

    async def test_where_all_can_be_used_n_says_so(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await opened(pilot)
            await pilot.press("slash", *"curve", "enter", "n")
            assert notices(app) == ["All of these plugins can be used."]

    async def test_without_any_it_says_how_to_get_them(self, app: SmarterApp, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("smarter.tui.pages.plugins.registry", lambda: Registry([]))
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            assert said(page, "#none").startswith("No plugin is installed: reinstall smarter-metering")
            await pilot.press("n", "y", "e")
            assert len(notices(app)) == 3


class TestFilter:
    async def test_words_filter_and_escape_shows_all_again(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            await pilot.press("slash", *"scheme ad")
            assert listed(page) == ["schemes", "  curve", "✕ lacking-one-whose-name-has-no-room-anywhere"]
            assert said(page, "#counted").endswith("2 of them match 'scheme ad'")
            assert chosen(page) == "curve"
            await pilot.press("enter", "down")  # the list has the keys again
            assert chosen(page).startswith("lacking")
            await pilot.press("escape")
            assert len(listed(page)) == 8
            assert chosen(page).startswith("lacking")  # it stays

    async def test_what_is_wrong_can_be_filtered_by(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            await pilot.press("slash", *"broken")
            assert listed(page) == ["not loaded", "✕ worse"]

    async def test_nothing_that_matches_is_said_with_the_way_out(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            await pilot.press("slash", *"payer")
            assert said(page, "#none") == "No plugin matches 'payer': esc shows all again."
            assert not page.query_one("#list").parent.display  # type: ignore[union-attr]
            await pilot.press("escape")
            assert page.query_one("#list").parent.display  # type: ignore[union-attr]

    async def test_letters_are_letters_while_words_are_typed(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            assert "esc All again" not in text_of(app)
            await pilot.press("slash", *"n/y")
            assert page.query_one(Input).value == "n/y"
            assert "/ Filter" not in text_of(app)
            assert "esc All again" in text_of(app)
            assert notices(app) == []

    async def test_no_words_need_no_line(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            await pilot.press("slash", "enter")
            await pilot.pause()
            assert not page.query_one("#words").display
            assert "/ Filter" in text_of(app)


class TestOnePlugin:
    async def test_it_says_what_it_can_and_how_a_scenario_asks_for_it(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await on_the_scheme(pilot)
            text = page.query_one(PluginDetail).text
            assert text.startswith("curve  scheme from unknown\nAdditive, on a curve.")
            assert "capabilities  additive, scalable, insecure demo" in text
            assert "in a scenario  crypto.aggregate: {plugin: curve}" in text

    @pytest.mark.parametrize("width", [80, 100, 140, 300])
    async def test_its_options_are_there_at_every_width(self, app: SmarterApp, width: int) -> None:
        async with app.run_test(size=(width, 45)) as pilot:
            await on_the_scheme(pilot)
            shown = text_of(app)
            for words in ("key_bits", "256 to 16,384", "mode", "quick | exact", '"quick"', "blinding factors"):
                assert words in shown
            assert ("what it is" in shown) == (width >= 140)  # a table where there is room

    async def test_one_that_is_broken_says_why_and_what_to_do_and_nothing_else(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await on_the_broken_one(pilot)
            *said, first, second = page.query_one(PluginDetail).text.splitlines()
            assert said == [
                "worse  from unknown",
                "",
                "✕ broken: ModuleNotFoundError: No module named 'no_such_module'.",
            ]
            assert f"{first} {second}" == WAY_OUT

    async def test_one_without_its_library_says_how_to_get_it(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            await pilot.press("n")
            await settled(pilot)
            text = page.query_one(PluginDetail).text
            assert "✕ no_such_library is not installed: pip install 'smarter-metering[rare]'" in text
            assert "key_bits" in text

    async def test_one_that_cannot_tell_its_options_breaks_nothing(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await opened(pilot)
            text = page.query_one(PluginDetail).text
            assert "✕ its options cannot be listed: ZeroDivisionError: the token is gone" in text
            await pilot.press("down")
            await settled(pilot)
            assert "It has no options." in page.query_one(PluginDetail).text

    async def test_what_has_no_room_is_scrolled_to(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 12)) as pilot:
            page = await on_the_scheme(pilot)
            detail = page.query_one(PluginDetail)
            assert detail.max_scroll_y > 0
            await pilot.press("tab", "end")
            await until(pilot, lambda: detail.scroll_y == detail.max_scroll_y)
            await pilot.press("shift+tab", "down")
            await until(pilot, lambda: detail.scroll_y == 0)  # another plugin from its top

    async def test_y_copies_it_and_e_writes_the_list_as_it_is_filtered(self, app: SmarterApp, desk: Path) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await on_the_scheme(pilot)
            await pilot.press("y", "slash", *"scheme", "enter", "e")
            assert app.clipboard == page.copied()
            assert "How blinding factors are made." in app.clipboard
        lines = list(csv.DictReader((desk / "plugins.csv").open()))
        assert [line["name"] for line in lines] == ["curve", "lacking-one-whose-name-has-no-room-anywhere"]
        assert lines[0]["capabilities"] == "additive, scalable, insecure demo"
        assert "no_such_library is not installed" in lines[1]["problem"]

    async def test_marks_follow_the_theme(self, app: SmarterApp) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            page = await on_the_broken_one(pilot)
            await pilot.press("t")
            await settled(pilot)
            assert chosen(page) == "worse"
            line = page.query_one("#detail Static").render_line(2)
            colours = {segment.style.color.name for segment in line if segment.style and segment.style.color}
            assert app.theme_variables["refused"] in colours


async def test_help_names_every_key(app: SmarterApp) -> None:
    async with app.run_test(size=(100, 45)) as pilot:
        await opened(pilot)
        await pilot.press("slash", *"scheme", "enter", "question_mark")
        assert isinstance(app.screen, HelpPage)
        shown = text_of(app)
        for name in ("plugins.filter", "plugins.clear", "plugins.next"):
            assert name in shown


class TestPluginsAsPictures:
    def test_a_scheme_on_a_small_dark_screen(self, snap_compare: Any, app: SmarterApp) -> None:
        assert snap_compare(app, terminal_size=(80, 24), run_before=on_the_scheme)

    def test_a_scheme_on_a_large_light_screen(self, snap_compare: Any, make_app: Any) -> None:
        assert snap_compare(make_app("light"), terminal_size=(140, 45), run_before=on_the_scheme)

    def test_a_broken_one_on_a_small_light_screen(self, snap_compare: Any, make_app: Any) -> None:
        assert snap_compare(make_app("light"), terminal_size=(80, 24), run_before=on_the_broken_one)
