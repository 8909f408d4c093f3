"""Grants while a run goes on: what is due is delivered now and then, and what cannot be is said once.

``run`` hands it each hold's frames when they are kept. It never stands in the way of a run: a mailbox that is in use or
damaged is looked at again later.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterable

from smarter.errors import DamagedStore
from smarter.keys.keystore import Keystore
from smarter.model.views import View
from smarter.protocols.customer_keys import CustomerKeys
from smarter.protocols.granting import Granting, Outcome, Refusal
from smarter.protocols.session import Session
from smarter.state import StateFolder
from smarter.state.audit.log import AuditLog

BETWEEN = 1.0
"""Seconds between two looks at the grants while a run goes on."""


class RunGrants:
    """Grants while a run goes on: looked at now and then, and at its end; where no meter has a customer, never.

    Arguments as of :class:`Granting`.
    """

    def __init__(
        self, session: Session, meters: Keystore, state: StateFolder, log: AuditLog, clock: Callable[[], float]
    ) -> None:
        self._granting = None
        if CustomerKeys.of(session, meters).customers():
            self._granting = Granting(session, meters, state, log, clock=clock)
        self._looked = time.perf_counter()
        self._said: set[str] = set()

    def close(self) -> None:
        """Give the files back."""
        if self._granting is not None:
            self._granting.close()

    def take(self, frames: Iterable[tuple[bytes, int, bytes]]) -> None:
        """As of :meth:`Granting.take`."""
        if self._granting is not None:
            self._granting.take(frames)

    def deliver(self, view: View, *, last: bool = False) -> list[str]:
        """Deliver what is due, unless that was looked at just now; at the ``last`` time in any case.

        ``view``: the meters'. Returns what is to be said of grants that are not carried out, each thing once.
        """
        now = time.perf_counter()
        if self._granting is None or (not last and now - self._looked < BETWEEN):
            return []
        self._looked = now
        try:
            outcome = self._granting.deliver(view=view)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            return []  # somebody else is at the files: the next look delivers
        except DamagedStore as error:  # of the mailbox: no reason to bill nobody
            outcome = Outcome(refused=(Refusal(b"", "", str(error).rstrip(".")),))
        said = [_spelt(refused) for refused in outcome.refused]
        new = [text for text in dict.fromkeys(said) if text not in self._said]
        self._said.update(new)
        return new


def _spelt(refused: Refusal) -> str:
    what = f"grant {refused.grant[:8]}" if refused.grant else "any grant"
    whose = f" of meter {refused.meter.hex()[:8]}" if refused.meter else ""
    return f"nothing is delivered under {what}{whose}: {refused.why}"
