"""YAML syntax errors in plain words, at the line where the mistake is; the parser often finds it a line later."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from smarter.model.terminal_text import escape_controls

if TYPE_CHECKING:
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

_CLOSING = {"[": "]", "{": "}"}


def syntax_error(error: YAMLError | RecursionError | ValueError, text: str) -> tuple[int | None, str]:
    """The line of a mistake, from 1, where it is known, and a sentence about it."""
    from ruamel.yaml.error import MarkedYAMLError

    if isinstance(error, MarkedYAMLError):
        return _at_a_line(error, text)
    if isinstance(error, RecursionError):
        return None, "nests too deeply; a scenario is small."
    unprintable = re.search(r"unacceptable character #x([0-9a-f]+).*position (\d+)", str(error), re.DOTALL)
    if unprintable is None:
        return None, f"is no YAML: {str(error).splitlines()[0] if str(error) else 'it cannot be read'}."
    # A position is counted from the last line break where the parser reads a stream, so the character is looked for.
    place = text.find(chr(int(unprintable[1], 16)))
    line = text.count("\n", 0, place) + 1 if place >= 0 else None
    return line, f"has the control character U+{unprintable[1].upper()}; remove it."


def _at_a_line(error: MarkedYAMLError, text: str) -> tuple[int | None, str]:
    problem, context = str(error.problem or ""), str(error.context or "")
    found, began = error.problem_mark or error.context_mark, error.context_mark
    if found is None:
        return None, f"is no YAML: {problem or context or 'it cannot be read'}."
    lines = text.splitlines()
    line, start = found.line + 1, (began or found).line + 1
    before = lines[found.line][: found.column] if found.line < len(lines) else ""

    if "mapping values are not allowed" in problem:
        return _stray_colon(lines, found.line, before)
    if "could not find expected ':'" in problem:
        return start, _no_colon(lines[start - 1])
    if context.startswith("while scanning a") and "quoted scalar" in context and "end of stream" in problem:
        quote = lines[start - 1][began.column] if began is not None else "quote"
        return start, f"has a {quote} that is never closed; add the closing one."
    if "flow" in context or "expected the node content" in problem:
        return _open_bracket(problem, lines, line, start, (began or found).column)
    if "expected <block end>" in problem:
        if "<scalar>" in problem and re.search(r"['\"]$", before.rstrip()):
            return line, "has text behind a closing quote; put the whole value into the other kind of quotes."
        if "found '-'" in problem or "found '?'" in problem:
            return line, "mixes a list ('- …') and keys ('key: …') in one section; use one of them."
        if (bracket := re.search(r"found '([\[{])'", problem)) is not None:
            return line, f"has a {bracket[1]} where a key belongs; remove it, or put the text in quotes."
        return line, "is indented differently from the other keys of its section; use the same number of spaces."
    if "cannot start any token" in problem:
        if "'\\t'" in problem:
            return line, "is indented with a tab; use spaces."
        character = lines[found.line][found.column]
        return line, f"has a value that begins with {character}; put the value in quotes."
    if "undefined alias" in problem:
        return line, f"uses {problem.rpartition('alias ')[2]} as an alias (*), and nothing is called so (&)."
    if "another document" in problem:
        return line, "begins a second document with '---'; a scenario is one. Remove the line."
    if "unknown escape character" in problem:
        return line, "has a backslash in double quotes; write two of them, or use single quotes."
    said = " ".join(filter(None, (context, problem)))
    return line, f"is no YAML: {escape_controls(said)}."


def _stray_colon(lines: Sequence[str], row: int, before: str) -> tuple[int, str]:
    if re.search(r":\s", before):
        return row + 1, "has a second colon; put the value in quotes."
    above = next((at for at in range(row - 1, -1, -1) if _content(lines[at])), None)
    if above is None:
        return row + 1, "has a colon where none can be; put the value in quotes."
    if _indent(lines[row]) > _indent(lines[above]) and re.search(r":\s", lines[above]):
        return row + 1, "is indented, but the line above has a value already; indent it like that line."
    return above + 1, _no_colon(lines[above])


def _no_colon(line: str) -> str:
    if re.match(r"\s*[\w.-]+:\S", line):
        return "lacks the space behind its colon; write 'key: value'."
    return "has no colon; write 'key: value'."


def _open_bracket(problem: str, lines: Sequence[str], line: int, start: int, column: int) -> tuple[int, str]:
    opening = lines[start - 1][column : column + 1] if start <= len(lines) else ""
    if opening not in _CLOSING:  # the mark is where a value is missing, somewhere behind the bracket
        start = min(start, len(lines))
        before = [lines[start - 1][:column], *reversed(lines[: start - 1])] if start == line else reversed(lines)
        start, opening = _last_bracket(before, start)
    if (stray := re.search(r"but found '([\]}])'", problem)) is not None:
        return line, f"has a {stray[1]} that nothing opens; remove it, or put the value in quotes."
    if opening and (line > start or "<stream end>" in problem):
        return start, f"has a {opening} that is never closed; add {_CLOSING[opening]}."
    if opening:
        return line, f"lacks a comma between two values of {opening} … {_CLOSING[opening]}."
    return line, "has no value where one is expected."


def _last_bracket(before: Iterable[str], line: int) -> tuple[int, str]:
    """The line and the opening bracket that come last, in lines from ``line`` upwards."""
    for back, text in enumerate(before):
        if brackets := [one for one in text if one in _CLOSING]:
            return line - back, brackets[-1]
    return line, ""


def _content(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
