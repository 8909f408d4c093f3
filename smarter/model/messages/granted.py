"""What a meter delivers to a third party under its customer's grant: sums over whole windows, and nothing else.

``parties.meter.grants`` makes deliveries, ``parties.grantee`` opens them. Those of one grant count up from 1 with no
gap, so that a lost, repeated or swapped one is noticed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from smarter.errors import MalformedMessage
from smarter.model import views
from smarter.model.messages import wire
from smarter.model.messages.delivery import LATEST
from smarter.model.messages.frame import DEPLOYMENT_BYTES, PSEUDONYM_BYTES
from smarter.model.messages.statement import GRANT_BYTES, LAST_NUMBER, MONTH

SIGNING_CONTEXT = b"smarter grant delivery 1"
NONCE = bytes(12)
"""Of the one message that is sealed under a content key."""


@dataclass(frozen=True)
class GrantHeader:
    """What anybody may know of a delivery; the seal's associated data, and what its content key is bound to.

    Attributes:
        deployment: 16 bytes.
        pseudonym: 8 bytes, of the meter.
        grant: 32 hexadecimal digits.
        number: which delivery under this grant, from 1.
        receiver: fingerprint of the grantee's key.
        timezone: IANA name of the clock that the windows are cut by.
        window: their length in seconds, or ``month``.
        start: of the first window, epoch seconds.
        end: of the last one.
    """

    deployment: bytes
    pseudonym: bytes
    grant: str
    number: int
    receiver: str
    timezone: str
    window: int | Literal["month"]
    start: int
    end: int

    def encode(self) -> bytes:
        """The byte form."""
        return wire.encode("grant-header", list(vars(self).values()))

    @classmethod
    def decode(cls, data: bytes) -> GrantHeader:
        """The reverse; raises :class:`MalformedMessage`."""
        header = cls(*wire.decode("grant-header", data, [bytes, bytes, str, int, str, str, (int, str), int, int]))
        sizes = (len(header.deployment), len(header.pseudonym), len(header.grant))
        if sizes != (DEPLOYMENT_BYTES, PSEUDONYM_BYTES, 2 * GRANT_BYTES) or not 1 <= header.number <= LAST_NUMBER:
            raise MalformedMessage("a delivery under a grant names a deployment, meter or grant that cannot be.")
        length = 1 if header.window == MONTH else header.window
        whole = isinstance(length, int) and not isinstance(length, bool) and length >= 1
        if not whole or not -LATEST <= header.start < header.end <= LATEST:
            raise MalformedMessage("a delivery under a grant is of windows that cannot be.")
        return header


@dataclass(frozen=True, eq=False, repr=False)
class WindowSums:
    """One meter's energy over windows, in order of time; int64 columns of one length.

    Attributes:
        starts: epoch seconds; ``ends`` likewise.
        readings: how many went into each.
        expected: how many could have.
        energies: mWh; 0 where :attr:`given` says that there is none.
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    readings: NDArray[np.int64]
    expected: NDArray[np.int64]
    energies: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def given(self) -> NDArray[np.bool_]:
        """Which windows have an energy: those of which at least half was measured, as the release rules have it.

        The sum of a window of which less is there would be nearly a single reading; one of two would be just that.
        """
        return given(self.readings, self.expected)

    def encode(self) -> bytes:
        """The plaintext of a delivery."""
        columns = (self.starts, self.ends, self.readings, self.expected, self.energies)
        return wire.encode("granted", [np.asarray(column, "<i8").tobytes() for column in columns])

    @classmethod
    def decode(cls, plaintext: bytes) -> WindowSums:
        """The reverse; whoever does this has the sums in the clear. Raises :class:`MalformedMessage`."""
        fields = wire.decode("granted", plaintext, [bytes] * 5)
        if len({len(column) for column in fields}) > 1 or not fields[0] or len(fields[0]) % 8:
            raise MalformedMessage("the columns of a delivery under a grant are torn.")
        sums = cls(*(np.frombuffer(column, "<i8") for column in fields))
        if (sums.starts >= sums.ends).any() or (sums.ends[:-1] > sums.starts[1:]).any():
            raise MalformedMessage("the windows of a delivery under a grant are not side by side.")
        if ((sums.readings < 0) | (sums.readings > sums.expected)).any() or sums.energies[~sums.given].any():
            raise MalformedMessage("a delivery under a grant counts readings that cannot be.")
        views.current().household_totals += int(sums.given.sum())
        return sums


def given(readings: NDArray[np.int64], expected: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Of which windows the energy may be told: of none that is a single reading, unless that is what was granted."""
    enough: NDArray[np.bool_] = (readings > 0) & (2 * readings >= expected) & ((readings > 1) | (expected == 1))
    return enough


@dataclass(frozen=True)
class GrantDelivery:
    """A delivery as it is sent; it travels in a :class:`~smarter.model.messages.wire.Signed`.

    Attributes:
        header: encoded :class:`GrantHeader`.
        keywrap: name of the keywrap that the content key is wrapped with.
        wrapped: a fresh content key under the grantee's key.
        sealed: the sums under the content key.
    """

    header: bytes
    keywrap: str
    wrapped: bytes
    sealed: bytes

    def encode(self) -> bytes:
        """The byte form, which is signed."""
        return wire.encode("grant-delivery", [self.header, self.keywrap, self.wrapped, self.sealed])

    @classmethod
    def decode(cls, data: bytes) -> GrantDelivery:
        """The reverse; raises :class:`MalformedMessage`."""
        return cls(*wire.decode("grant-delivery", data, [bytes, str, bytes, bytes]))
