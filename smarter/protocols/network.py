"""The wires between meters, concentrator and PES, with the faults that a scenario declares.

Without faults frames pass as they are. With them, single frames are doubled, altered, delayed or sent again; frames
that are on their way survive a restart in the network's snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from smarter.model.messages import wire
from smarter.model.readings import ReadingBlock


@dataclass(frozen=True)
class PlannedFault:
    """A fault of a scenario, in the terms of the wires.

    Attributes:
        kind: ``drop``, ``duplicate``, ``replay``, ``tamper`` or ``delay``.
        neighbourhood: its id.
        meter: position in the neighbourhood.
        slot: the frame that holds this slot's reading; for ``drop`` the first slot lost.
        until: for ``drop`` the slot after the last lost; for ``replay`` and ``delay`` the slot from which it arrives.
    """

    kind: str
    neighbourhood: str
    meter: int
    slot: int
    until: int


@dataclass(frozen=True)
class SentFrame:
    """A frame as it leaves a meter: whose, where its readings begin, how many, and its bytes."""

    meter: int
    first_slot: int
    count: int
    data: bytes

    def holds(self, fault: PlannedFault) -> bool:
        """Whether ``fault`` means this frame."""
        return self.meter == fault.meter and self.first_slot <= fault.slot < self.first_slot + self.count


class Network:
    """Carries one neighbourhood's frames."""

    def __init__(self, faults: Iterable[PlannedFault]) -> None:
        self._faults = list(faults)
        self._waiting: list[tuple[int, bytes, bool]] = []

    def lose(self, meter: int, blocks: Sequence[ReadingBlock]) -> list[ReadingBlock]:
        """Take the readings out that a ``drop`` loses."""
        kept = list(blocks)
        for fault in self._faults:
            if fault.kind == "drop" and fault.meter == meter:
                kept = [part for block in kept for part in _without(block, fault.slot, fault.until)]
        return kept

    def to_concentrator(self, frames: Iterable[SentFrame], now: int) -> list[bytes]:
        """What reaches the concentrator while the clock goes up to slot ``now``."""
        arriving: list[bytes] = []
        for frame in frames:
            data, delayed = frame.data, False
            for fault in filter(frame.holds, self._faults):
                if fault.kind == "tamper":
                    middle = len(data) // 2
                    data = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
                elif fault.kind == "duplicate":
                    arriving.append(data)
                elif fault.kind == "replay":
                    self._waiting.append((fault.until, data, True))
                elif fault.kind == "delay":
                    self._waiting.append((fault.until, data, False))
                    delayed = True
            if not delayed:
                arriving.append(data)
        arriving += [data for due, data, captured in self._waiting if due < now and not captured]
        self._waiting = [entry for entry in self._waiting if entry[0] >= now or entry[2]]
        return arriving

    def to_pes(self, frames: Sequence[bytes], now: int) -> list[bytes]:
        """What reaches the PES: what the concentrator passed on, and what somebody captured and sends again."""
        replayed = [data for due, data, captured in self._waiting if due < now and captured]
        self._waiting = [entry for entry in self._waiting if entry[0] >= now or not entry[2]]
        return [*frames, *replayed]

    def snapshot(self) -> bytes:
        """The frames on their way."""
        return wire.encode("network", [self._waiting])

    def restore(self, snapshot: bytes) -> None:
        """The reverse of :meth:`snapshot`."""
        (waiting,) = wire.decode("network", snapshot, [list])
        self._waiting = [(due, data, captured) for due, data, captured in waiting]


def _without(block: ReadingBlock, first: int, end: int) -> list[ReadingBlock]:
    spans = ((block.first_slot, min(first, block.end_slot)), (max(end, block.first_slot), block.end_slot))
    if first >= block.end_slot or end <= block.first_slot:
        return [block]
    return [
        ReadingBlock(block.meter, low, block.energies[low - block.first_slot : high - block.first_slot])
        for low, high in spans
        if low < high
    ]
