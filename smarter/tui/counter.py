"""What the customers' page asks the core for, all of it off the UI's thread: keys are derived and frames opened there.

Each call opens the door anew and closes it behind it; between two calls only the session's token is held.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from smarter.charts.own_use import nothing_to_open
from smarter.errors import DamagedStore, DataError, Interrupted, UsageError
from smarter.export.own_readings import FORMATS
from smarter.keys.unlock import Unlock
from smarter.parties.customer import OwnReadings
from smarter.protocols.bill_check import BillCheck
from smarter.protocols.customer_desk import CustomerDesk
from smarter.protocols.door import Door, opening
from smarter.protocols.live_minutes import LiveMinutes, following
from smarter.protocols.own_use import OwnBook
from smarter.protocols.session import reporting
from smarter.scenario import Scenario
from smarter.state import StateFolder
from smarter.tui.widgets.login_form import Typed


@dataclass(frozen=True)
class Visit:
    """Somebody is logged in: who, with which meter, and the token of their session."""

    name: str
    meter: str
    token: bytes = field(repr=False)


@dataclass(frozen=True, eq=False)
class Seen:
    """Own readings as they are now; ``damaged``: how many frames do not verify and are left out."""

    book: OwnBook
    damaged: int


class Counter:
    """The counter of one deployment.

    Args:
        scenario: checked.
        folder: its state, on which a run has begun.
        unlocking: gives what opens keystores; it may ask whoever sits there.
    """

    def __init__(self, scenario: Scenario, folder: StateFolder, unlocking: Callable[[], Unlock]) -> None:
        self.scenario = scenario
        self.folder = folder
        self.unlocking = unlocking

    # The account.

    def log_in(self, typed: Typed) -> Visit:
        """Begin a session; raises as :meth:`Login.log_in`, and when the account is no customer's."""
        with self.door() as door:
            token = door.login.log_in(typed["name"], typed["password"])
            account = door.login.resume(token).account
            return Visit(account.name, account.meter.hex(), token)

    def recover(self, typed: Typed) -> str:
        """Set a new password by the recovery code; returns the next one."""
        same(typed)
        with self.door() as door:
            return door.login.recover(typed["name"], typed["code"], typed["password"])

    def change_password(self, visit: Visit, typed: Typed) -> None:
        """Set a new password by the one so far."""
        same(typed)
        with self.door() as door:
            door.login.change_password(door.login.resume(visit.token), typed["before"], typed["password"])

    def log_out(self, visit: Visit) -> None:
        """End the session."""
        with self.door() as door:
            door.login.log_out(visit.token)

    # What is in it.

    def read(self, visit: Visit) -> Seen:
        """Open every reading.

        Raises:
            DataError: there is none yet that they could open.
        """
        with self._desk(visit) as desk:
            own = _some(desk)
            return Seen(desk.book(own), own.damaged)

    def check_bills(self, visit: Visit) -> list[BillCheck]:
        """Each bill of the MDMS beside what own readings come to.

        Raises:
            UsageError: the run is not finished, so that there are none yet.
        """
        with self.door(locked=True) as door:
            desk = CustomerDesk(door.session, door.login.resume(visit.token), door.login.witness)
            note = desk.note("read", "bills")
            own = _some(desk)
            with reporting(door.session, self.folder, self.unlocking(), note) as report:
                return desk.check_bills(own, report)

    def exported(self, visit: Visit, wanted: str) -> str:
        """Every reading as a file's text; ``wanted``: of :data:`FORMATS`."""
        with self._desk(visit) as desk:
            own = _some(desk, export=True)
            return "".join(FORMATS[wanted](own.blocks(), own.axis, own.timezone))

    def watch(self, visit: Visit, given_up: Callable[[], bool]) -> Iterator[LiveMinutes]:
        """Yield own minutes whenever there are new ones, until ``given_up``, also of a run that begins meanwhile."""
        with self._desk(visit) as desk:
            desk.note_live()
            live = LiveMinutes(desk, frame=self.scenario.frame)

            def wait(seconds: float) -> None:
                time.sleep(seconds)
                if given_up():
                    raise Interrupted("nobody looks any more.")

            try:
                for _ in following(live, lambda: True, wait):
                    yield live
            except Interrupted:
                return

    @contextmanager
    def door(self, *, locked: bool = False) -> Iterator[Door]:
        """Open the door; ``locked``: while no run goes on."""
        with opening(self.scenario, self.folder, self.unlocking, locked=locked) as door:
            yield door

    @contextmanager
    def _desk(self, visit: Visit) -> Iterator[CustomerDesk]:
        with self.door() as door:
            yield CustomerDesk(door.session, door.login.resume(visit.token), door.login.witness)


def _some(desk: CustomerDesk, *, export: bool = False) -> OwnReadings:
    own = desk.readings(export=export)
    if not len(own) and own.damaged:
        raise DamagedStore(f"none of the {own.damaged:,} frames that your meter keeps verifies; restore a backup.")
    if not len(own):
        raise DataError(nothing_to_open(desk.erased, own.timezone))
    return own


def same(typed: Typed) -> None:
    """Raise :class:`UsageError` unless a new password was typed twice."""
    if typed["password"] != typed["again"]:
        raise UsageError("the two passwords differ: nothing was changed, try again.")
