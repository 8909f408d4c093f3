"""What the operators' page asks the core for, all of it off the UI's thread, and all of it through the operators' desk.

Each call opens the door anew and closes it behind it; between two calls only the session's token is held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from smarter.errors import DamagedStore
from smarter.export.files import Table, csv_text, table_of
from smarter.keys.unlock import Unlock
from smarter.model.bills import Account
from smarter.protocols.access import Operation, Operator, may
from smarter.protocols.operator_desk import OperatorDesk, SeenDemand, SeenMeter, SeenWindows
from smarter.protocols.operator_door import OperatorDoor, opening
from smarter.protocols.rerating import Rerating
from smarter.protocols.roster import Listed
from smarter.scenario import Scenario
from smarter.state import StateFolder
from smarter.tui.page import Exported
from smarter.tui.widgets.login_form import Typed

FILES: dict[str, Table] = {"bills": "bills", "billing": "windows", "demand": "demand"}


@dataclass(frozen=True)
class OperatorVisit:
    """An operator is logged in: who, and the token of their session."""

    operator: Operator
    token: bytes = field(repr=False)

    def may(self, operation: Operation) -> bool:
        """Whether it is worth asking; the desk decides."""
        return may(self.operator, operation)


class OperatorsCounter:
    """The operators' counter of one deployment.

    Args:
        scenario: checked.
        folder: its state, on which a run has begun.
        unlocking: gives what opens keystores; it may ask whoever sits there.
    """

    def __init__(self, scenario: Scenario, folder: StateFolder, unlocking: Callable[[], Unlock]) -> None:
        self._scenario = scenario
        self._folder = folder
        self._unlocking = unlocking

    def log_in(self, typed: Typed) -> OperatorVisit:
        """Begin a session; raises as :meth:`OperatorLogin.log_in`."""
        with self._door() as door:
            token = door.operators.log_in(typed["name"], typed["password"], typed["code"])
            return OperatorVisit(door.operators.resume(token), token)

    def log_out(self, visit: OperatorVisit) -> None:
        """End the session."""
        with self._door() as door:
            door.operators.log_out(visit.token)

    def meters(self, visit: OperatorVisit) -> list[SeenMeter]:
        """All meters, by pseudonym."""
        with self._desk(visit) as desk:
            return desk.meters()

    def bills(self, visit: OperatorVisit) -> list[Account]:
        """All bills."""
        with self._desk(visit, locked=True) as desk:
            return desk.bills()

    def windows(self, visit: OperatorVisit, meter: str) -> SeenWindows:
        """A meter's billing windows."""
        with self._desk(visit, locked=True) as desk:
            return desk.windows(meter)

    def demand(self, visit: OperatorVisit) -> list[SeenDemand]:
        """Every neighbourhood's demand."""
        with self._desk(visit, locked=True) as desk:
            return desk.demand()

    def rerate(self, visit: OperatorVisit, tariff: str, options: Sequence[str]) -> Rerating:
        """All bills under another tariff; ``tariff`` is empty for the scenario's own."""
        with self._desk(visit, locked=True) as desk:
            return desk.rerate(tariff or None, options)

    def files(self, visit: OperatorVisit) -> list[Exported]:
        """Bills, billing windows and demand as CSV."""
        with self._desk(visit, locked=True) as desk, desk.exporting() as report:
            return [
                Exported(f"{name}.csv", csv_text(*table_of(report, table)), private=True)
                for name, table in FILES.items()
            ]

    def operators(self, visit: OperatorVisit) -> list[Listed]:
        """Who is an operator."""
        with self._desk(visit) as desk:
            return desk.operators()

    def verified(self, visit: OperatorVisit) -> int:
        """How many entries the audit log has, all of it checked."""
        with self._desk(visit) as desk:
            return desk.verify_log().entries

    @contextmanager
    def _door(self, *, locked: bool = False) -> Iterator[OperatorDoor]:
        with opening(self._scenario, self._folder, self._unlocking, locked=locked) as door:
            yield door

    @contextmanager
    def _desk(self, visit: OperatorVisit, *, locked: bool = False) -> Iterator[OperatorDesk]:
        with self._door(locked=locked) as door:
            desk = door.desk(visit.token)
            yield desk
            if desk.damaged:
                raise DamagedStore(
                    f"{len(desk.damaged)} records of the store in {self._folder.store} do not verify "
                    f"({desk.damaged[0]}); restore the store from a backup."
                )
