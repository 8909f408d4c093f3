"""The MDMS's data keys of demand windows, each sealed under a key of its keystore.

Each is on the disk before its record is stored. A delivery has few windows, so keys are made ahead, many together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from smarter.errors import DamagedKeys
from smarter.keys.data_key import DataKey
from smarter.model.messages import wire
from smarter.state import DemandKeyFile, SealedDemandKey

AT_ONCE = 512
"""Keys that are read together, and made together: records are stored and opened in order of time."""


@dataclass(frozen=True)
class _Ahead:
    """Keys that were read ahead: all there are of windows from ``since`` to ``until``; None: to the end of time."""

    since: int
    until: int | None
    keys: Mapping[int, SealedDemandKey]

    def covers(self, start: int) -> bool:
        return self.since <= start and (self.until is None or start <= self.until)


class KeptDemandKeys:
    """The keys in ``file``, sealed under ``master``; without that, as in an earlier version's state, there are none.

    At most :data:`AT_ONCE` keys of each neighbourhood are in memory, and those sealed.

    ``windows``: starts of the demand windows of a run, epoch seconds, by neighbourhood; of others none is made ahead.
    """

    def __init__(
        self,
        file: DemandKeyFile,
        deployment: bytes,
        master: DataKey | None,
        windows: Mapping[str, NDArray[np.int64]] = MappingProxyType({}),
    ) -> None:
        self._file = file
        self._deployment = deployment
        self._master = master
        self._windows = windows
        self._ahead: dict[str, _Ahead] = {}

    def of(self, neighbourhood: str, start: int) -> DataKey | None:
        """The key of a demand window; None: it has none.

        Raises:
            AuthenticationFailed, MalformedMessage: what is kept of it was altered.
            DamagedStore: the file does not read back.
        """
        ahead = self._ahead.get(neighbourhood)
        if ahead is None or not ahead.covers(start):
            found = self._file.since(neighbourhood, start, AT_ONCE)
            until = found[-1].start if len(found) == AT_ONCE else None
            ahead = self._ahead[neighbourhood] = _Ahead(start, until, {each.start: each for each in found})
        kept = ahead.keys.get(start)
        if kept is None or self._master is None:
            return None
        if not kept.sealed:
            return DataKey(kept.name, b"")
        return DataKey(kept.name, self._master.open(kept.sealed, self._place(neighbourhood, start, kept.name)))

    def keep(self, keys: Mapping[tuple[str, int], DataKey]) -> None:
        """Keep the keys of new demand windows (neighbourhood, start), durably, and with them some for the next ones.

        Raises:
            DamagedKeys: the MDMS's keystore has no key to seal them under.
        """
        if self._master is None:
            raise DamagedKeys("the MDMS's keystore has no key for those of demand windows; restore it from a backup")
        last = dict(sorted(keys))
        more = {
            (neighbourhood, start): DataKey.fresh()
            for neighbourhood, after in last.items()
            for start in self._next(neighbourhood, after)
        }
        sealed = [
            SealedDemandKey(place, start, key.name, self._master.seal(key.value, self._place(place, start, key.name)))
            for (place, start), key in {**keys, **more}.items()
        ]
        self._file.keep(sealed)
        self._ahead.clear()

    def _next(self, neighbourhood: str, after: int) -> list[int]:
        """The windows of the run after one, up to one that has a key."""
        starts = self._windows.get(neighbourhood, np.zeros(0, np.int64))
        first = int(starts.searchsorted(after, "right"))
        there = self._file.since(neighbourhood, after + 1, 1)
        end = int(starts.searchsorted(there[0].start)) if there else len(starts)
        return [int(start) for start in starts[first : min(first + AT_ONCE, end)]]

    def destroy(self, neighbourhood: str, starts: Iterable[int]) -> None:
        """Destroy the keys of demand windows, durably."""
        self._file.destroy(neighbourhood, starts)
        self._ahead.clear()

    def _place(self, neighbourhood: str, start: int, name: str) -> bytes:
        return wire.encode("demand-key", [self._deployment, neighbourhood, start, name])
