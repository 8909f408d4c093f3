"""Characters that a terminal obeys are spelt out, and refused in scenarios."""

from __future__ import annotations

import re
import sys
import unicodedata
from pathlib import Path

import pytest

from smarter.errors import ScenarioError
from smarter.model.terminal_text import escape_controls, first_control
from smarter.scenario import parse_scenario, problems_of, with_overrides
from tests.support import hostile

CONTROLS = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def test_every_character_that_unicode_calls_control_or_format_is_spelt_out_and_refused() -> None:
    kept = [
        hex(code)
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(each := chr(code)) in CONTROLS
        and each not in "\t\n"
        and (escape_controls(each) == each or first_control(each) is None)
    ]
    assert kept == []


def test_other_characters_are_shown_as_they_are() -> None:
    text = "Gärtnerstraße 5 — 東京\u3000\xa0Σ ▒ 🏠\tкВт\nשלום\r\n"
    assert escape_controls(text) == text
    assert first_control(text.replace("\r", ""), lines=True) is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (hostile.CLIPBOARD, r"\x1b]52;c;Y3VybCBldmlsIHwgc2g=\x07"),
        (hostile.C1, r"\x9b2J\x9d52;c;AAAA\x9c"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\U000e0041", r"\U000e0041"),
        ("over\rwritten", r"over\x0dwritten"),
        ("\x1b[1mbold", r"\x1b[1mbold"),
        ("\udc9b2J", r"\udc9b2J"),
    ],
)
def test_what_is_obeyed_is_spelt_out(text: str, shown: str) -> None:
    assert escape_controls(text) == shown


def test_of_styled_text_only_colours_and_weights_stay() -> None:
    text = "\x1b[38;5;1mred\x1b[0m" + hostile.CLEARED + hostile.CONCEALED
    assert escape_controls(text, styled=True).startswith("\x1b[38;5;1mred\x1b[0m\\x1b[2J\\x1b[1;1H\\x1b[8mhidden")


@pytest.mark.parametrize("text", ["a\nb", "a\tb"])
def test_a_name_has_no_line_ends_and_no_tabs_and_a_text_may(text: str) -> None:
    assert first_control(text) is not None
    assert first_control(text, lines=True) is None


@pytest.mark.parametrize(
    ("written", "field"),
    [
        (f"description: {hostile.quoted(hostile.ATTACK)}", "description"),
        (f'description: "right to left {hostile.BIDI}"', "description"),
        (f"{hostile.quoted(hostile.CLIPBOARD)}: 1", r"\x1b]52;c;Y3VybCBldmlsIHwgc2g=\x07"),
        ('"two\\nlines": 1', "two\nlines"),
        (f"tariff: {{plugin: flat, rate: {hostile.quoted(hostile.C1)}}}", "tariff.rate"),
        (f"faults: [{{kind: drop, meter: {hostile.quoted(hostile.TITLE)}}}]", "faults.0.meter"),
    ],
)
def test_a_scenario_with_such_text_is_refused_by_line_and_field(small_scenario: str, written: str, field: str) -> None:
    kept = [line for line in small_scenario.splitlines() if not line.startswith(written.partition(":")[0] + ":")]
    (problem,) = problems_of("\n".join([written, *kept]), source="small", base=Path())
    assert (problem.line, problem.field) == (1, field)
    assert "has the control character U+" in problem.message
    assert hostile.obeyed(str(problem).encode()) == []


def test_such_text_given_by_set_is_refused(small_scenario: str) -> None:
    (problem,) = problems_of(small_scenario, source="small", base=Path(), overrides=[f"description={hostile.LINK}"])
    assert problem.field == "description"
    assert hostile.obeyed(str(problem).encode()) == []


def test_a_checked_scenario_in_a_folder_with_such_a_name_is_taken_again(small_scenario: str, tmp_path: Path) -> None:
    (path,) = re.findall(r"path: ([^}]+)", small_scenario)
    folder = tmp_path / "zero\u200bwidth"
    folder.symlink_to(path)
    with pytest.raises(ScenarioError, match=r"U\+200B"):
        parse_scenario(small_scenario.replace(path, str(folder)), source="small", base=tmp_path)
    scenario = parse_scenario(small_scenario.replace(path, "."), source="small", base=folder)
    assert with_overrides(scenario, ["consent=assumed"]).consent == "assumed"
