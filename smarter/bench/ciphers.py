"""What one cipher costs for frames of one size; ``operations`` calls it for each."""

from __future__ import annotations

import secrets
import struct
from collections.abc import Callable
from itertools import count as counting
from itertools import cycle, islice

from smarter.api import Cipher, KeyedCipher
from smarter.bench.figures import Figure, Pace, Row
from smarter.bench.schemes import LARGEST, READING_S
from smarter.bench.wording import PER_READING
from smarter.errors import VerificationFailed
from smarter.model.messages.frame import DEPLOYMENT_BYTES, PSEUDONYM_BYTES, FrameHeader, reading_bytes

NONCE = struct.Struct(">4xQ")
SEALED = 1000
"""Frames that are sealed for a run that opens; it takes turns with them."""


class CipherTrial:
    """One cipher, one frame size: sealed as meters do, opened as the PES does, a frame's header beside it."""

    def __init__(self, cipher: Cipher, frame: int, pace: Pace) -> None:
        """Nothing is computed yet.

        Args:
            cipher: with its options.
            frame: readings of a frame.
            pace: how long and how often to measure.
        """
        self.subject = f"{cipher.name}, frames of {frame:,}"
        self._cipher, self._frame, self._pace = cipher, frame, pace
        width = reading_bytes(LARGEST)
        self._text = secrets.token_bytes(frame * width)
        self._header = FrameHeader(
            deployment=secrets.token_bytes(DEPLOYMENT_BYTES),
            pseudonym=secrets.token_bytes(PSEUDONYM_BYTES),
            cipher=cipher.name,
            epoch=0,
            counter=0,
            first_slot=0,
            interval=READING_S,
            phase=0,
            count=frame,
            width=width,
        ).encode()
        self._counters = counting()

    @property
    def steps(self) -> dict[str, Callable[[], list[Row]]]:
        """What is measured by which call, in order."""
        return {"seal": self._seal, "open": self._open}

    def _seal(self) -> list[Row]:
        seal, text, header = self._keyed().seal, self._text, self._header

        def ready(count: int) -> Callable[[], object]:
            nonces = self._nonces(count)

            def work() -> None:
                for nonce in nonces:
                    seal(nonce, text, header)

            return work

        return self._rows("seal", self._pace.figure(ready))

    def _open(self) -> list[Row]:
        keyed, text, header = self._keyed(), self._text, self._header
        frames = [(nonce, keyed.seal(nonce, text, header)) for nonce in self._nonces(SEALED)]
        nonce, sealed = frames[0]
        if keyed.open(nonce, sealed, header) != text:
            raise VerificationFailed(f"{self._cipher.name} opens to another text than it sealed.")
        opened = keyed.open

        def ready(count: int) -> Callable[[], object]:
            taken = list(islice(cycle(frames), count))

            def work() -> None:
                for nonce, sealed in taken:
                    opened(nonce, sealed, header)

            return work

        overhead = Figure.of([len(sealed) - len(text)])
        return [*self._rows("open", self._pace.figure(ready)), self._row("overhead", overhead, unit="bytes")]

    def _keyed(self) -> KeyedCipher:
        """Set up once, as meters and PES do."""
        return self._cipher.keyed(secrets.token_bytes(self._cipher.key_bytes))

    def _nonces(self, count: int) -> list[bytes]:
        """None is used twice: making one is not what is measured."""
        return [NONCE.pack(counter) for counter in islice(self._counters, count)]

    def _rows(self, what: str, figure: Figure) -> list[Row]:
        return [self._row(what, figure), self._row(f"{what}, {PER_READING}", figure.per(self._frame))]

    def _row(self, what: str, figure: Figure, *, unit: str = "s") -> Row:
        return Row(
            group="cipher",
            subject=self._cipher.name,
            what=what,
            unit=unit,
            figure=figure,
            frame=self._frame,
            demo=self._cipher.insecure_demo,
        )
