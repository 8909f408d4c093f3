"""No command writes to the terminal past the edge that shows foreign text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAST = re.compile(r"\b(?:Console|Progress|track)\(|__std(?:out|err)__|\.buffer\b|\bos\.write\(|(?<!\.)\bprint\(")
EDGE = "terminal.py"


def past_the_edge(text: str) -> list[str]:
    return PAST.findall("\n".join(line.partition("#")[0] for line in text.splitlines()))


@pytest.mark.parametrize(
    "written", ["Console(stderr=True)", "print(name)", "sys.__stdout__.write(x)", "out.buffer.write"]
)
def test_the_rule_finds_what_writes_past_it(written: str) -> None:
    assert past_the_edge(f"    {written}\n")


def test_no_command_makes_a_console_or_a_stream_of_its_own(checkout: Path) -> None:
    found = {
        str(path.relative_to(checkout)): past
        for path in sorted((checkout / "smarter" / "cli").rglob("*.py"))
        if path.name != EDGE and (past := past_the_edge(path.read_text(encoding="utf-8")))
    }
    # `track` takes the edge's console.
    assert found == {"smarter/cli/looking.py": ["track("]}
