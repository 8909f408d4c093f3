"""The data concentrator: relays sealed frames and drops repeats. It holds no key.

It can tell a repeat only by the frame's header and bytes, so it drops what it has just relayed and nothing
else: a forged frame with a future or a taken counter passes, for the PES to refuse, and silences nobody.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

from smarter.errors import MalformedMessage
from smarter.model.messages import Frame

REMEMBERED = 4096
"""How many frames of one meter are remembered; an older repeat is the PES's to notice."""


@dataclass(frozen=True)
class Relayed:
    """What became of a batch of frames: those to pass on, and why each of the others was dropped."""

    frames: list[bytes]
    dropped: list[str]


class Concentrator:
    """Frames in, frames out, for the meters whose ``pseudonyms`` it serves."""

    def __init__(self, pseudonyms: Iterable[bytes]) -> None:
        self._seen: dict[bytes, OrderedDict[tuple[int, int, bytes], None]] = {
            pseudonym: OrderedDict() for pseudonym in pseudonyms
        }

    def relay(self, frames: Iterable[bytes]) -> Relayed:
        """Drop repeats of (pseudonym, epoch, counter) and what is no frame; pass the rest on as it came."""
        passed: list[bytes] = []
        dropped: list[str] = []
        for data in frames:
            try:
                header = Frame.decode(data).header
            except MalformedMessage:
                dropped.append("no frame")
                continue
            seen = self._seen.get(header.pseudonym)
            if seen is None:
                dropped.append("unknown meter")
                continue
            mark = (header.epoch, header.counter, blake2b(data, digest_size=8).digest())
            if mark in seen:
                dropped.append("repeat")
                continue
            seen[mark] = None
            if len(seen) > REMEMBERED:
                seen.popitem(last=False)
            passed.append(data)
        return Relayed(passed, dropped)

    def snapshot(self) -> bytes:
        """Nothing: at a restart meters begin new epochs, so nothing it has seen can come as a repeat of theirs."""
        return b""

    def restore(self, snapshot: bytes) -> None:
        """The reverse of :meth:`snapshot`."""
        for seen in self._seen.values():
            seen.clear()
