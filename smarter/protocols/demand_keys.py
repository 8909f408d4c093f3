"""The MDMS's data keys of demand windows, each sealed under one key of its keystore and kept in a file beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from smarter.errors import DamagedKeys
from smarter.keys.data_key import DataKey
from smarter.model.messages import wire
from smarter.state import DemandKeyFile, SealedDemandKey

AT_ONCE = 512
"""Keys that are read together: records are opened in order of time."""


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
    """

    def __init__(self, file: DemandKeyFile, deployment: bytes, master: DataKey | None) -> None:
        self._file = file
        self._deployment = deployment
        self._master = master
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
        """Keep the keys of new demand windows (neighbourhood, start), durably.

        Raises:
            DamagedKeys: the MDMS's keystore has no key to seal them under.
        """
        if self._master is None:
            raise DamagedKeys("the MDMS's keystore has no key for those of demand windows; restore it from a backup")
        sealed = [
            SealedDemandKey(place, start, key.name, self._master.seal(key.value, self._place(place, start, key.name)))
            for (place, start), key in keys.items()
        ]
        self._file.keep(sealed)
        self._ahead.clear()

    def destroy(self, neighbourhood: str, starts: Iterable[int]) -> None:
        """Destroy the keys of demand windows, durably."""
        self._file.destroy(neighbourhood, starts)
        self._ahead.clear()

    def _place(self, neighbourhood: str, start: int, name: str) -> bytes:
        return wire.encode("demand-key", [self._deployment, neighbourhood, start, name])
