"""A customer's own minutes as a run goes on: what came in since one last looked, opened by their own key.

``smarter customer watch`` and the app look a few times a second; a look at nothing new costs the run nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from smarter.parties.customer import OwnReadings
from smarter.protocols.customer_desk import CustomerDesk

LAST = 24 * 3_600
"""Seconds before the newest reading that are kept in view."""
EVERY = 0.25
"""Seconds between two looks."""
QUIET = 1.0
"""Seconds without anything new after which one asks whether a run goes on at all."""


class LiveMinutes:
    """The last hours of one customer's readings, as far as they have come.

    Attributes:
        own: those of the last ``seconds``; None before there is one.
        count: how many have been seen so far.
    """

    def __init__(self, desk: CustomerDesk, *, seconds: int = LAST, frame: int = 1) -> None:
        """Nothing is opened before the first look.

        Args:
            desk: of whoever is logged in.
            seconds: how far back one sees.
            frame: readings that a frame usually has, of the scenario.
        """
        self.own: OwnReadings | None = None
        self.count = 0
        self._desk = desk
        self._seconds = seconds
        self._number = 0
        # Frames end early at the end of holds and where readings are missing.
        self._most = 2 * -(-seconds // (desk.plan.axis.interval * frame)) + 8

    def look(self) -> OwnReadings | None:
        """What came in since the last look, at most of the last ``seconds``; None when it is nothing."""
        new, self._number = self._desk.readings_after(self._number, self._most)
        if self.own is not None:
            new = new.within(self.own.span[1], new.span[1]) if len(new) else new
        if not len(new):
            return None
        together = self.own.joined(new) if self.own is not None else new
        end = together.span[1]
        self.own = together.within(end - self._seconds, end)
        new = new.within(end - self._seconds, end)
        self.count += len(new)
        return new


def following(
    live: LiveMinutes, goes_on: Callable[[], bool], wait: Callable[[float], object] = time.sleep
) -> Iterator[OwnReadings]:
    """Yield what is new as soon as it is there, until the run is over.

    Args:
        live: what is looked at.
        goes_on: whether a run goes on; asked when nothing has come for a while.
        wait: lets so many seconds pass.
    """
    quiet = QUIET
    while True:
        # First asked, then looked: what came in before the end is seen.
        over = quiet >= QUIET and not goes_on()
        new = live.look()
        if new is not None:
            quiet = 0.0
            yield new
        elif over:
            return
        else:
            quiet = 0.0 if quiet >= QUIET else quiet + EVERY
        wait(EVERY)
