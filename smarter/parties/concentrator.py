"""The data concentrator: relays sealed frames and drops repeats. It holds no key.

It can tell a repeat only by the frame's header and bytes, so it drops what it has just relayed and nothing
else: a forged frame with a future or a taken counter passes, for the PES to refuse, and silences nobody.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

from smarter.errors import MalformedMessage
from smarter.model.messages import Frame

REMEMBERED = 1024
"""How many frames of one meter are remembered, six weeks' of an hour each; an older repeat is the PES's to notice."""


@dataclass(frozen=True)
class Relayed:
    """What became of a batch of frames: those to pass on, and why each of the others was dropped."""

    frames: list[bytes]
    dropped: list[str]


class _Recent:
    """The last frames of one meter, by their digests: so small that thousands of meters can be remembered."""

    def __init__(self) -> None:
        self._order: deque[bytes] = deque()
        self._digests: set[bytes] = set()

    def is_repeat(self, data: bytes) -> bool:
        """Whether these very bytes have passed lately; they are remembered from now on."""
        digest = blake2b(data, digest_size=16).digest()
        if digest in self._digests:
            return True
        self._digests.add(digest)
        self._order.append(digest)
        if len(self._order) > REMEMBERED:
            self._digests.discard(self._order.popleft())
        return False


class Concentrator:
    """Frames in, frames out, for the meters whose ``pseudonyms`` it serves."""

    def __init__(self, pseudonyms: Iterable[bytes]) -> None:
        self._recent = {pseudonym: _Recent() for pseudonym in pseudonyms}

    def relay(self, frames: Iterable[bytes]) -> Relayed:
        """Drop repeats (same pseudonym, epoch, counter and bytes) and what is no frame; pass the rest on as it is."""
        passed: list[bytes] = []
        dropped: list[str] = []
        for data in frames:
            try:
                header = Frame.decode(data).header
            except MalformedMessage:
                dropped.append("no frame")
                continue
            recent = self._recent.get(header.pseudonym)
            if recent is None:
                dropped.append("unknown meter")
            elif recent.is_repeat(data):
                dropped.append("repeat")
            else:
                passed.append(data)
        return Relayed(passed, dropped)

    def snapshot(self) -> bytes:
        """Nothing: at a restart meters begin new epochs, so nothing it has seen can come as a repeat of theirs."""
        return b""

    def restore(self, snapshot: bytes) -> None:
        """The reverse of :meth:`snapshot`."""
        self._recent = {pseudonym: _Recent() for pseudonym in self._recent}
