"""What the pages have in common where people log in: nobody's figures stay on a screen that nobody attends to."""

from __future__ import annotations

import time

from smarter.state.accounts import IDLE, LONGEST
from smarter.tui.pages.charted import ChartedPage

GLANCE = 5.0
"""Seconds between two looks at how long nothing was pressed."""


class AttendedPage(ChartedPage):
    """Locks itself when no key was pressed and no mouse moved for as long as a session lasts without use.

    Subclasses say whether somebody is logged in, forget everything of theirs in :meth:`shut`, and what was typed into a
    form in :meth:`let_go`.
    """

    began = 0.0
    """When somebody logged in, as :func:`time.monotonic` counts."""

    def come(self) -> None:
        """Somebody has logged in just now."""
        self.began = time.monotonic()

    @property
    def attended(self) -> bool:
        """Whether somebody is logged in."""
        raise NotImplementedError

    def shut(self, why: str) -> None:
        """Log out, and forget what was shown; ``why``: a sentence for whoever comes back."""
        raise NotImplementedError

    def let_go(self) -> None:
        """Keep nothing that somebody typed who went away before they came in."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Look from time to time."""
        self.set_interval(GLANCE, self.look_whether_idle)

    def look_whether_idle(self) -> None:
        """Lock the page when nobody is there any more; before somebody is, let go of what was typed."""
        now = time.monotonic()
        if not self.attended:
            if now - self.bench.touched >= IDLE:
                self.let_go()
        elif now - max(self.bench.touched, self.began) >= IDLE:
            self.shut(f"Nothing was pressed for {IDLE // 60} minutes: you are logged out.")
        elif now - self.began >= LONGEST:
            self.shut(f"A session ends after {LONGEST // 3600} hours: log in again.")
