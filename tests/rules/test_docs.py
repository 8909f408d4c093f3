"""Docs that run: every command in README, SECURITY and ``docs/`` is executed, and every link to a file holds.

Pages that promise something name the tests that show it, on lines that begin with ``Tests:``.

A fenced block of ``sh``, ``bash`` or ``console`` is a script, run with ``bash -e`` in a folder of its page's
own, beside copies of ``scenarios/`` and ``data/``. A block marked ``no-test`` after its language is only read.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = [CHECKOUT / "README.md", CHECKOUT / "SECURITY.md", *sorted((CHECKOUT / "docs").rglob("*.md"))]
NAMES = [page.relative_to(CHECKOUT).as_posix() for page in PAGES]

SHELLS = {"sh", "bash", "console"}
FENCE = re.compile(r"^ {0,3}(?P<fence>`{3,}|~{3,})(?P<info>.*)$")
LINK = re.compile(r"""\]\(\s*<?([^)\s>]+)|^\s*\[[^]]+]:\s+(\S+)|\b(?:src|href)=["']([^"']+)""", re.MULTILINE)
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
# It would make a .venv, fetch from the network, or run this test.
NOT_HERE = re.compile(r"\b(make|git clone|pip3? install|-m venv|pytest)\b")

# Each command is named before it runs, so that a failure says which one it was.
PRELUDE = r"""set -euo pipefail
trap 'echo "line $((LINENO + OFFSET)): $BASH_COMMAND" >&2' ERR
"""


@dataclass(frozen=True)
class Block:
    """A fenced block: the line of the page that it begins on (of its text, from 1), its words, its text."""

    line: int
    info: tuple[str, ...]
    text: str

    @property
    def is_tested(self) -> bool:
        return bool(self.info) and self.info[0] in SHELLS and "no-test" not in self.info

    @property
    def script(self) -> str:
        """What a reader would type: prompts go, and in a ``console`` all that is not behind a prompt."""
        lines, typing = [], False
        for line in self.text.split("\n"):
            prompted = line.startswith("$ ")
            typed = prompted or self.info[0] != "console" or (typing and line.startswith("> "))
            lines.append((line[2:] if line.startswith(("$ ", "> ")) else line) if typed else "")
            typing = typed
        return "\n".join(lines)


def blocks(markdown: str) -> Iterator[Block]:
    """Every fenced block, in order."""
    opened: tuple[int, str, str] | None = None
    lines = markdown.split("\n")
    for index, line in enumerate(lines):
        found = FENCE.match(line)
        if opened is None:
            if found:
                opened = (index + 1, found["fence"], found["info"])
        elif found and found["fence"].startswith(opened[1]) and not found["info"].strip():
            begin, _, info = opened
            yield Block(begin + 1, tuple(info.split()), "\n".join(lines[begin:index]))
            opened = None
    if opened is not None:
        raise ValueError(f"line {opened[0]}: this block is never closed.")


def prose(markdown: str) -> str:
    """The page without its fenced blocks."""
    lines = markdown.split("\n")
    for block in blocks(markdown):
        for index in range(block.text.count("\n") + 1):
            lines[block.line - 1 + index] = ""
    return "\n".join(lines)


def anchors(markdown: str) -> set[str]:
    """What headings can be linked by: lower case, marks dropped, spaces as hyphens, repeats numbered."""
    seen: dict[str, int] = {}
    for heading in HEADING.findall(prose(markdown)):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        seen[slug] = seen.get(slug, -1) + 1
    return {slug if repeat == 0 else f"{slug}-{repeat}" for slug, last in seen.items() for repeat in range(last + 1)}


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """The folder in which a page's commands run: what a reader in a checkout has before them."""
    for name in ("scenarios", "data"):
        shutil.copytree(CHECKOUT / name, tmp_path / name)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_the_commands_of_a_page_run(page: Path, desk: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "PYTHON"))}
    environment |= {
        "HOME": str(desk / "home"),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]]),
        "COLUMNS": "120",
    }
    (desk / "home").mkdir()
    for block in blocks(page.read_text(encoding="utf-8")):
        if not block.is_tested:
            continue
        unfit = NOT_HERE.search(block.script)
        assert unfit is None, f"{page.name}:{block.line}: mark the block with {unfit[0]!r} no-test"
        offset = block.line - 1 - PRELUDE.count("\n") - 1
        run = subprocess.run(
            ["bash", "-c", f"OFFSET={offset}\n{PRELUDE}{block.script}"],
            cwd=desk,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )
        said = f"{run.stdout[-2000:]}\n{run.stderr[-2000:]}"
        assert run.returncode == 0, f"{page.name}: exit {run.returncode}\n{said}"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    broken = []
    for target in ("".join(found) for found in LINK.findall(re.sub(r"`[^`\n]*`", "", prose(text)))):
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        path, _, anchor = target.partition("#")
        led = (page.parent / path).resolve() if path else page
        there = led.is_relative_to(CHECKOUT) and led.exists()
        if there and anchor and led.suffix == ".md":
            there = anchor in anchors(led.read_text(encoding="utf-8"))
        if not there:
            broken.append(target)
    assert broken == []


def test_every_page_is_in_the_table_of_contents() -> None:
    index = CHECKOUT / "docs" / "index.md"
    linked = {"".join(found).partition("#")[0] for found in LINK.findall(index.read_text(encoding="utf-8"))}
    pages = {os.path.relpath(page, index.parent) for page in PAGES[1:] if page != index}
    assert pages - linked == set()


PROMISING = ("security.md", "accounts.md")
SHOWN_BY = re.compile(r"^ *(?:- )?Tests: (.+)$", re.MULTILINE)
NAMED_TEST = re.compile(r"\[`((?:\w+\.)?test_\w+)`]\(([^)#\s]+)\)")


@cache
def names_in(source: str) -> set[str]:
    """The tests of a file, as ``test_x`` or ``Class.test_x``."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    found: set[str] = set()
    for node in ast.parse(source).body:
        inside = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
        found |= {prefix + each.name for each in inside if isinstance(each, functions)}
    return found


def wrong_names(markdown: str, folder: Path) -> list[str]:
    """What a page's ``Tests:`` lines name and no linked file has, and lines in another form."""
    wrong = []
    for line in SHOWN_BY.findall(prose(markdown)):
        wrong += [line] if NAMED_TEST.sub("", line).strip(", .") else []
        for name, path in NAMED_TEST.findall(line):
            file = (folder / path).resolve()
            if not file.is_file() or name not in names_in(file.read_text(encoding="utf-8")):
                wrong.append(f"{name} in {path}")
    return wrong


@pytest.mark.parametrize("name", PROMISING)
def test_the_tests_that_a_page_names_exist(name: str) -> None:
    page = CHECKOUT / "docs" / name
    assert wrong_names(page.read_text(encoding="utf-8"), page.parent) == []


def test_every_section_about_security_names_its_tests() -> None:
    text = prose((CHECKOUT / "docs" / "security.md").read_text(encoding="utf-8"))
    _, *sections = re.split(r"^#{2,3} ", text, flags=re.MULTILINE)
    assert [section.partition("\n")[0] for section in sections if not SHOWN_BY.search(section)] == []


def test_a_test_that_is_gone_or_in_another_form_is_found(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text("def test_x(): ...\nclass TestY:\n    async def test_z(self): ...\n")
    here = "[`test_x`](test_a.py), [`TestY.test_z`](test_a.py)"
    assert wrong_names(f"Tests: {here}\n", tmp_path) == []
    assert wrong_names(f"Tests: {here}, and others\n", tmp_path) == [f"{here}, and others"]
    gone = "[`test_z`](test_a.py), [`TestY.test_x`](test_a.py), [`test_x`](test_b.py)"
    assert wrong_names(f"Tests: {gone}\n", tmp_path) == [
        "test_z in test_a.py",
        "TestY.test_x in test_a.py",
        "test_x in test_b.py",
    ]


PAGE = """# A page
## Two words, *and* marks
```sh
cd scenarios
$ false || echo "caught"
cat > here.txt <<END
text
END
false # this one
```
```console
$ test -f here.txt && \\
> true
output that is not run; exit 9
```
```sh no-test
make test
```
"""


def test_blocks_are_found_with_their_lines_and_only_what_is_typed_is_run() -> None:
    shell, console, unrun = blocks(PAGE)
    assert (shell.line, console.line) == (4, 12)
    assert shell.script.split("\n")[1] == 'false || echo "caught"'
    assert console.script == "test -f here.txt && \\\ntrue\n"
    assert [block.is_tested for block in (shell, console, unrun)] == [True, True, False]
    assert anchors(PAGE) == {"a-page", "two-words-and-marks"}


def test_a_command_that_fails_is_named_with_its_line_in_the_page(
    desk: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    page = tmp_path_factory.mktemp("page") / "page.md"
    page.write_text(PAGE, encoding="utf-8")
    with pytest.raises(AssertionError, match=r"(?s)page\.md: exit 1.*line 9: false"):
        test_the_commands_of_a_page_run(page, desk)
