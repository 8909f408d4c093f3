"""The command line's edge to the terminal, which shows text and never obeys it.

``main`` puts an :class:`EscapingStream` over standard error, and over standard output where that is a terminal. All
text that goes through it loses its control characters. What Smarter styles itself, tables and charts, writes beneath
it, and is escaped there piece by piece. Output that is piped or written to a file stays exact: programs read it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO, cast

from smarter.model.terminal_text import escape_controls

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, ProgressColumn


class EscapingStream:
    """A text stream that spells out control characters and passes on all else."""

    def __init__(self, stream: TextIO) -> None:
        self.beneath = stream

    def write(self, text: str) -> int:
        """Write the text as it may be shown; return how many characters were given."""
        self.beneath.write(escape_controls(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each, as :meth:`write` does."""
        for line in lines:
            self.write(line)

    def __iter__(self) -> Iterator[str]:
        return iter(self.beneath)

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":  # click writes to it where the encoding is ASCII, past this stream
            raise AttributeError(name)
        return getattr(self.beneath, name)


@contextmanager
def escaping_streams() -> Iterator[None]:
    """While inside, standard error and a terminal's output show control characters."""
    before = sys.stdout, sys.stderr
    sys.stderr = cast(TextIO, EscapingStream(sys.stderr))
    if sys.stdout.isatty():
        sys.stdout = cast(TextIO, EscapingStream(sys.stdout))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def write_styled(text: str) -> None:
    """Write a drawing to standard output; of its escape sequences only colours stay."""
    _beneath(sys.stdout).write(escape_controls(text, styled=True))


def make_console(*, stderr: bool = False, width: int | None = None, plain: bool = False) -> Console:
    """A console for tables and lines that shows foreign text, markup and links."""
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

    class EscapingConsole(Console):
        def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
            """Escape before columns are cut to size, so that a table keeps its shape."""
            for segment in super().render(renderable, options):
                text, style, control = segment
                if control is None:
                    if style is not None and style.link is not None:
                        style = style.update_link(None)
                    segment = Segment(escape_controls(text), style)
                yield segment

    return EscapingConsole(
        file=_beneath(sys.stderr if stderr else sys.stdout),
        stderr=stderr,
        width=width,
        highlight=False,
        markup=False,
        color_system=None if plain else "auto",
    )


def make_progress(*columns: ProgressColumn, disable: bool = False) -> Progress:
    """Bars on standard error, with other output above them, gone at the end."""
    from rich.progress import Progress

    class EscapingProgress(Progress):
        def start(self) -> None:
            """Begin; rich replaces both streams until the end, so they are wrapped again."""
            before = sys.stdout, sys.stderr
            super().start()
            if sys.stdout is not before[0]:
                sys.stdout = cast(TextIO, EscapingStream(sys.stdout))
            if sys.stderr is not before[1]:
                sys.stderr = cast(TextIO, EscapingStream(sys.stderr))

    return EscapingProgress(*columns, console=make_console(stderr=True), transient=True, disable=disable)


def _beneath(stream: TextIO) -> TextIO:
    while isinstance(stream, EscapingStream):
        stream = stream.beneath
    return stream
