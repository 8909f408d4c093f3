"""How the MDMS keeps records: sealed once more, under data keys of its own.

A household has one for each billing period, and each demand window one. ``mdms`` seals and opens by them; ``protocols``
keep new ones before a record under them is stored. Without its key a record opens no more, in no copy of it. Demand is
no household's, but an erasure takes some of it along: with the bills of all others it would give the erased ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Protocol

from smarter.api import SYSTEM_RANDOMNESS, Randomness, Record
from smarter.errors import DamagedStore, KeyMismatch, MalformedMessage
from smarter.keys.data_key import DataKey, is_sealed, key_of, name_of
from smarter.model.bills import Bill
from smarter.model.messages import wire
from smarter.model.periods import Periods


class Erased(Exception):
    """A record's data key was destroyed."""


class DemandKeys(Protocol):
    """The data keys of demand windows that are kept."""

    def of(self, neighbourhood: str, start: int) -> DataKey | None:
        """The key of a window that starts at ``start``, epoch seconds; None: it has none."""

    def keep(self, keys: Mapping[tuple[str, int], DataKey]) -> None:
        """Keep the keys of new windows (neighbourhood, start), durably."""


class DataKeys:
    """The MDMS's data keys.

    Args:
        deployment: 16 bytes.
        periods: the billing periods of its households.
        keys: those there are, each with household and period, oldest first; destroyed ones too.
        bills: the key for bills that outlive their windows.
        demand: those of demand windows; None: demand is stored as it came, as earlier versions did.

    Attributes:
        fresh: new keys (household, period, key), to be kept before anything that was sealed since is stored.
        fresh_demand: new keys of demand windows (neighbourhood, start), to be kept as well.
    """

    def __init__(
        self,
        deployment: bytes,
        periods: Periods,
        keys: Iterable[tuple[str, str, DataKey]] = (),
        bills: DataKey | None = None,
        demand: DemandKeys | None = None,
        random: Randomness = SYSTEM_RANDOMNESS,
    ) -> None:
        self._deployment = deployment
        self._periods = periods
        self._random = random
        self._keys: dict[str, DataKey] = {}
        self._current: dict[tuple[str, str], DataKey] = {}
        self._bills = bills
        self._demand = demand
        self.fresh: list[tuple[str, str, DataKey]] = []
        self.fresh_demand: dict[tuple[str, int], DataKey] = {}
        for household, period, key in keys:
            self._keys[key.name] = key
            if not key.destroyed:
                self._current[household, period] = key

    def seal(self, record: Record) -> Record:
        """A record as it is stored.

        Raises:
            KeyMismatch: there is no such household.
        """
        if record.kind != "billing":
            return self._seal_demand(record)
        try:
            place = record.holder, self._periods.of(record.holder, record.start)
        except KeyError as error:
            raise KeyMismatch("a record is of a household that is not of this deployment.") from error
        key = self._current.get(place)
        if key is None:
            key = DataKey.fresh(self._random)
            self._keys[key.name] = self._current[place] = key
            self.fresh.append((*place, key))
        return Record(record.kind, record.holder, record.start, key.seal(record.body, self._place(record)))

    def _seal_demand(self, record: Record) -> Record:
        if self._demand is None:
            return record
        place = record.holder, record.start
        key = self.fresh_demand.get(place) or self._demand.of(*place)
        if key is None:
            key = self.fresh_demand[place] = DataKey.fresh(self._random)
        elif key.destroyed:
            # Delivered once more after it was erased: under a key that is not kept it stays erased.
            key = DataKey(key.name, DataKey.fresh(self._random).value)
        return Record(record.kind, record.holder, record.start, key.seal(record.body, self._place(record)))

    def keep_demand_keys(self) -> None:
        """Have the keys of new demand windows kept, durably."""
        if self._demand is not None and self.fresh_demand:
            self._demand.keep(self.fresh_demand)
            self.fresh_demand.clear()

    def open(self, record: Record) -> bytes:
        """The body of a record as it was delivered.

        Raises:
            Erased: its key was destroyed.
            AuthenticationFailed, KeyMismatch, MalformedMessage: it is not a record that was stored here.
        """
        key = key_of(record.body, self._keys) if record.kind == "billing" else self._demand_key(record)
        if key is None:
            return record.body
        if key.destroyed:
            raise Erased
        return key.open(record.body, self._place(record))

    def _demand_key(self, record: Record) -> DataKey | None:
        """The key that a demand record is under; None: an earlier version stored it as it came, with its MAC alone."""
        if not is_sealed(record.body):
            return None
        place, name = (record.holder, record.start), name_of(record.body)
        key = self.fresh_demand.get(place) or (self._demand.of(*place) if self._demand else None)
        if key is None or key.name != name:
            raise KeyMismatch(f"it is sealed under data key {name}, which is not here")
        return key

    def _place(self, record: Record) -> bytes:
        return wire.encode("record-at-rest", [self._deployment, record.kind, record.holder, record.start])

    def seal_bill(self, bill: Bill) -> bytes:
        """A bill's totals, without its lines, as they are kept when its windows are erased.

        Raises:
            DamagedStore: there is no key for that.
        """
        amount = "" if bill.amount is None else str(bill.amount)
        energy = "" if bill.energy is None else str(bill.energy)
        fields = [bill.start, bill.end, energy, bill.currency, amount, bill.status]
        return self._bill_key().seal(wire.encode("kept-bill", fields), self._bill_of(bill.meter))

    def open_bill(self, household: str, sealed: bytes) -> Bill:
        """The reverse.

        Raises:
            DamagedStore: it does not read back.
            AuthenticationFailed: it was altered, or is another household's.
        """
        key = self._bill_key()
        data = key_of(sealed, {key.name: key}).open(sealed, self._bill_of(household))
        try:
            start, end, energy, currency, amount, status = wire.decode(
                "kept-bill", data, [int, int, str, str, str, str]
            )
        except MalformedMessage as error:
            raise DamagedStore(f"a bill that was kept does not read back ({error})") from error
        return Bill(
            household,
            start,
            end,
            int(energy) if energy else None,
            currency,
            Decimal(amount) if amount else None,
            status,
            (),
        )

    def _bill_key(self) -> DataKey:
        if self._bills is None:
            raise DamagedStore("the MDMS's keystore has no key for bills that were kept; restore it from a backup")
        return self._bills

    def _bill_of(self, household: str) -> bytes:
        return wire.encode("bill-at-rest", [self._deployment, household])
