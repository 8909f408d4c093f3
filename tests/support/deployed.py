"""A deployment as an audit log asks for it, which shows what a test says."""

from __future__ import annotations

from dataclasses import dataclass, field

from smarter.model.audit import Note
from smarter.state.audit.lines import Vouched


@dataclass
class Deployed:
    """``shows``: what its state shows of windows and keystores; ``before``: what there was before the log."""

    shows: Vouched = field(default_factory=Vouched)
    before: tuple[Note, ...] = ()

    def past(self) -> tuple[Note, ...]:
        return self.before

    def found(self) -> Vouched:
        return self.shows
