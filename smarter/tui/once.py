"""A timer that goes off once, however busy the machine is, for what has to be checked, or gone, in a while."""

from __future__ import annotations

from collections.abc import Callable

from textual.message_pump import MessagePump
from textual.timer import Timer


def once_after(seconds: float, call: Callable[[], None], at: MessagePump) -> Timer:
    """Call back at a widget after so many seconds.

    Textual's ``set_timer`` loses a call for good when the process has to wait for as long just as the timer starts: it
    takes the moment for missed, and goes on to the next, which there is none of.
    """
    return unskipped(at.set_timer(seconds, call))


def unskipped(timer: Timer) -> Timer:
    """The timer, which goes off also where its moment has passed by the time it starts."""
    timer._skip = False
    return timer
