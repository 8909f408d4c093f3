"""How the customers' page asks the core: in a thread, and what comes late, for somebody who is gone, is dropped."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from textual import work
from textual.message import Message

from smarter.errors import SmarterError, WrongPassphrase
from smarter.tui.pages.attended import AttendedPage

T = TypeVar("T")


class AskingPage(AttendedPage):
    """Asks, and shows nothing that was asked before somebody else came or the page was locked."""

    class Answered(Message):
        """The core has answered, to whoever was there as ``of`` says."""

        def __init__(self, of: object, then: Callable[[], None]) -> None:
            super().__init__()
            self.of, self.then = of, then

    def __init__(self) -> None:
        super().__init__()
        self.present: object = object()
        """Another one whenever somebody else may be there."""

    def ask(
        self,
        call: Callable[[], T],
        then: Callable[[T], None],
        refused: Callable[[BaseException], None] | None = None,
        *,
        always: bool = False,
    ) -> None:
        """Let ``call`` work in a thread; ``then`` shows its answer, ``refused`` says what was wrong.

        ``always``: whoever is there by then; for what would be lost otherwise.
        """
        self._ask(None if always else self.present, call, then, refused or self.bench.say)

    # Without arguments in its description: Textual writes that down.
    @work(thread=True, group="ask", description="ask")
    def _ask(
        self,
        of: object,
        call: Callable[[], T],
        then: Callable[[T], None],
        refused: Callable[[BaseException], None],
    ) -> None:
        try:
            answer = call()
        except (SmarterError, OSError) as error:
            if isinstance(error, WrongPassphrase):
                self.bench.forget_typed()
            # The traceback holds the frames of the call, and with them what was typed.
            self.post_message(self.Answered(of, partial(refused, error.with_traceback(None))))
        else:
            self.post_message(self.Answered(of, partial(then, answer)))

    def on_asking_page_answered(self, message: Answered) -> None:
        """Show it, if the same person is still there, or if it is shown in any case."""
        if message.of is None or message.of is self.present:
            message.then()
