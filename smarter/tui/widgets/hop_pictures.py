"""Small pictures of what exists at a hop: bytes, a frame from end to end, lanes in a plaintext, sums of ciphertexts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.style import Style
from rich.table import Table
from rich.text import Text

from smarter.charts.marks import COLOURS, MARKS

CLEAR, SEALED, SUM = (COLOURS[kind] for kind in ("clear", "sealed", "sum"))
HEAD, TAIL = 2, 1
"""Lines of bytes that are shown when not all are."""
SEAL, OURS = MARKS["sealed"], f"[{MARKS['clear']}]"

Fact = tuple[str, str, str]
"""What it is, its value, and what that means."""


def facts(lines: Iterable[Fact]) -> Table:
    """Names, values and what they mean, one beneath the other."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_column(style="dim")
    for name, value, meaning in lines:
        grid.add_row(name, value, meaning)
    return grid


def hex_lines(data: bytes, width: int, whole: bool, more: str) -> Text:
    """Bytes in lines of eight or sixteen with their offset; the first and last of them unless ``whole``."""
    each = 16 if width >= 6 + 3 * 16 else 8
    lines = [
        Text.assemble((f"{offset:04x}  ", "dim"), (data[offset : offset + each].hex(" "), SEALED))
        for offset in range(0, len(data), each)
    ]
    left_out = len(lines) - HEAD - TAIL
    if not whole and left_out > 1:
        said = Text(f"      … {left_out} lines more: {more}", style=Style(dim=True, meta={"@click": "screen.bytes"}))
        lines = [*lines[:HEAD], said, *lines[-TAIL:]]
    return Text("\n").join(lines)


def frame_bar(frame: Mapping[str, Any], width: int) -> Text:
    """A frame from end to end: header, sealed readings with ours among them, MAC; to scale."""
    whole, count = frame["bytes"], frame["aad"]["count"]
    mac, sealed = len(frame["mac"]) // 2, len(frame["sealed"]) // 2
    room = max(width - len(OURS), 24)
    parts = [max(4, round(room * size / whole)) for size in (whole - sealed - mac, sealed, mac)]
    middle = room - parts[0] - parts[2]
    before = min(round(middle * (frame["place"] + 0.5) / count), middle)
    return Text.assemble(
        (_centred("header", parts[0]), f"{CLEAR} dim"),
        (SEAL * before, SEALED),
        (f"[{SEAL}]", f"bold {CLEAR}"),
        (SEAL * (middle - before), SEALED),
        (_centred("MAC", parts[2]), "dim"),
    )


def lanes_bar(lane: int, lanes: int, width: int) -> Text:
    """The lanes of a plaintext with ours among them; ``lane`` from 0; those that have no room are left out."""
    most = max((width - len(OURS) - 4) // 3, 2)
    first = max(0, min(lane - most // 2, lanes - 1 - most))
    end = min(lanes, first + most + 1)
    text = Text("… " if first else "", style="dim")
    for place in range(first, end):
        mark, style = (OURS, f"bold {CLEAR}") if place == lane else (SEAL * 2, f"not dim {SEALED}")
        text.append(mark, style=style)
        text.append(" " if place + 1 < end else "")
    text.append(" …" if end < lanes else "")
    return text


def sum_line(count: int) -> Text:
    """Ciphertexts added up to one."""
    terms: Sequence[str] = [SEAL] * count if count <= 4 else [SEAL, SEAL, "…", SEAL]
    text = Text(" + ").join(Text(term, style="dim" if term == "…" else SEALED) for term in terms)
    return text + Text.assemble(" = ", (SEAL, f"bold {SEALED}"), (f"   {count:,} of them", "dim"))


def share_bar(part: int, whole: int, width: int) -> Text:
    """One reading in a total, to scale, so far as a cell is fine enough."""
    share = min(max(abs(part) / whole, 0.0), 1.0) if whole > 0 else 0.0
    cells = max(1, round(share * width)) if part else 0
    return Text.assemble(("█" * cells, CLEAR), ("█" * (width - cells), SUM))


def _centred(word: str, width: int) -> str:
    return f" {word} ".center(width, "─") if len(word) + 2 <= width else "─" * width
