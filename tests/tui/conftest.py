"""What the tests of the app share: an app with fixed settings, a desk of the test's own, a finished run to look at.

Snapshots: ``assert snap_compare(make_app("light"), terminal_size=(140, 45), run_before=...)``; they lie in
``__snapshots__`` beside the test's file, and ``pytest --snapshot-update`` takes new ones after one has looked at them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, Protocol

import pytest
from textual.css.model import RuleSet
from textual.css.types import CSSLocation
from textual.widgets import Input, TextArea

from smarter.scenario import Scenario
from smarter.state import StateFolder
from smarter.tui.app import SmarterApp
from smarter.tui.settings import Settings
from smarter.tui.stylesheet import KeptStylesheet
from smarter.tui.tabs import TABS


class MakeApp(Protocol):
    """Makes an app with fixed settings: ``make_app("light")``, ``make_app(keymap={"quit": "f10"})``."""

    def __call__(
        self,
        theme: Literal["dark", "light"] = "dark",
        *,
        scenario: str = "quickstart",
        keymap: dict[str, str] | None = None,
    ) -> SmarterApp: ...


@pytest.fixture(scope="session", autouse=True)
def styles_are_parsed_once() -> Iterator[None]:
    """Apps come and go by the hundred with the same styles: those parsed for one serve all in the same colours."""
    parse = KeptStylesheet._parse_rules
    parsed: dict[tuple[object, ...], list[RuleSet]] = {}

    def parse_once(sheet: KeptStylesheet, css: str, read_from: CSSLocation, **about: Any) -> list[RuleSet]:
        asked = css, read_from, *about.values(), frozenset(sheet._variables.items())
        if asked not in parsed:
            parsed[asked] = parse(sheet, css, read_from, **about)
        return parsed[asked]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KeptStylesheet, "_parse_rules", parse_once)
        yield


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, empty: what is exported lands here. States, settings and benchmarks are the test's own."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for variable in (
        "NO_COLOR",
        "SMARTER_APP_THEME",
        "SMARTER_APP_KEYMAP",
        "SMARTER_APP_SCENARIOS",
        "SMARTER_APP_UNLOCK",
        "SMARTER_APP_WORKERS",
    ):
        monkeypatch.delenv(variable, raising=False)
    desk = tmp_path / "desk"
    desk.mkdir()
    monkeypatch.chdir(desk)
    return desk


@pytest.fixture
def opens_on(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """``opens_on("views")``: apps open on this page, and the first one is not made before somebody goes there."""

    def chosen(name: str) -> None:
        monkeypatch.setattr("smarter.tui.app.TABS", sorted(TABS, key=lambda tab: tab.name != name))

    return chosen


@pytest.fixture
def make_app(monkeypatch: pytest.MonkeyPatch) -> MakeApp:
    """Makes apps in which nothing moves by itself."""
    for widget in (Input, TextArea):
        monkeypatch.setattr(widget.__dict__["cursor_blink"], "_default", False)

    def make(
        theme: Literal["dark", "light"] = "dark",
        *,
        scenario: str = "quickstart",
        keymap: dict[str, str] | None = None,
    ) -> SmarterApp:
        app = SmarterApp(scenario, Settings(theme=theme, keymap=keymap or {}, workers=1))
        app.animation_level = "none"
        return app

    return make


@pytest.fixture
def app(make_app: MakeApp) -> SmarterApp:
    """An app with ``quickstart`` chosen, which has never been run."""
    return make_app()


@pytest.fixture
def small_app(make_app: MakeApp, small_scenario: str, desk: Path) -> SmarterApp:
    """An app with the small scenario chosen: a run of it takes a second or two, its state is the test's own."""
    (desk / "small.yaml").write_text(small_scenario)
    return make_app(scenario=str(desk / "small.yaml"))


@pytest.fixture
def make_finished_app(make_app: MakeApp, finished_run: object, monkeypatch: pytest.MonkeyPatch) -> MakeApp:
    """Makes apps with the small scenario chosen, which was run to its end: look, don't touch.

    Its pseudonyms are other ones in each session, so snapshots need fixed rows fed in.
    """
    scenario, state = finished_run.scenario, finished_run.state  # type: ignore[attr-defined] # of tests/conftest.py

    def loaded(*_: object, **__: object) -> Scenario:
        return scenario  # type: ignore[no-any-return]

    def located(*_: object, **__: object) -> StateFolder:
        return state  # type: ignore[no-any-return]

    monkeypatch.setattr("smarter.scenario.load_scenario", loaded)
    monkeypatch.setattr("smarter.state.locate", located)
    return make_app


@pytest.fixture
def finished_app(make_finished_app: MakeApp) -> SmarterApp:
    """An app with the small scenario chosen, which was run to its end: look, don't touch."""
    return make_finished_app()
