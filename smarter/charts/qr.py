"""QR codes in characters, two rows of dots a line, for terminals: an operator's second factor is shown as one.

Commands and the app show it; black on white whatever the theme, since not every camera reads the reverse.
"""

from __future__ import annotations

_QUIET = 2
"""Dots around it; the standard asks for 4, phones do with 2, and 24 lines are few."""


def qr_lines(text: str) -> list[str]:
    """``text`` as lines of half blocks, where a filled half is a white dot."""
    import segno

    rows = [[not dark for dark in row] for row in segno.make(text, error="l", micro=False).matrix_iter(border=_QUIET)]
    rows += [[False] * len(rows[0])] * (len(rows) % 2)
    blocks = {(True, True): "█", (True, False): "▀", (False, True): "▄", (False, False): " "}
    return [
        "".join(blocks[upper, lower] for upper, lower in zip(above, below, strict=True))
        for above, below in zip(rows[::2], rows[1::2], strict=True)
    ]


def qr_on_terminal(text: str) -> str:
    """The same with colours of its own, for a terminal that is light or dark."""
    return "\n".join(f"\x1b[97;40m{line}\x1b[0m" for line in qr_lines(text))
