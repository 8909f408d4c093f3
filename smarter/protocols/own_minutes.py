"""What a customer's own chart shows: the frames that their meter keeps, opened with the seal key that they get.

``trail`` does what an enrolled customer would, to show a reading where it can be seen whole; that counts as a look of
the simulation's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from smarter.api import Cipher, KeyedCipher
from smarter.keys.derive import epoch_keys
from smarter.model.clock import DAY
from smarter.model.events import Hop
from smarter.model.messages import Frame, decode_readings
from smarter.model.windows import cut
from smarter.protocols import hops
from smarter.protocols.plan import NeighbourhoodPlan
from smarter.protocols.provision import Keyring


def seal_keys(keyring: Keyring, pseudonym: bytes, deployment: bytes, cipher: Cipher) -> dict[int, KeyedCipher]:
    """A meter's seal keys, by key epoch: all that its customer gets, and not the billing-MAC keys."""
    return {
        epoch: cipher.keyed(
            epoch_keys(
                secret,
                deployment=deployment,
                pseudonym=pseudonym,
                epoch=epoch,
                cipher_key_bytes=cipher.key_bytes,
            ).seal
        )
        for epoch, secret in keyring.epoch_secrets(pseudonym).items()
    }


@dataclass(frozen=True)
class OwnMinutes:
    """One meter's readings, mWh, by local day: the day's first slot, and all that it has; None where one is missing."""

    plan: NeighbourhoodPlan
    days: Sequence[tuple[int, tuple[int | None, ...]]]

    @classmethod
    def read(
        cls, frames: Iterable[bytes], keys: Mapping[int, KeyedCipher], plan: NeighbourhoodPlan, slots: Iterable[int]
    ) -> OwnMinutes:
        """Open those of the frames that reach into the local days of ``slots``, and whose key is still there."""
        days = sorted({_day_of(plan, slot) for slot in slots})
        energies: dict[int, int] = {}
        for data in frames:
            frame = Frame.decode(data)
            header = frame.header
            if header.epoch in keys and any(
                header.first_slot < end and header.first_slot + header.count > first for first, end in days
            ):
                text = keys[header.epoch].open(header.nonce, frame.sealed, header.encode())
                energies.update(enumerate(decode_readings(text, header).tolist(), header.first_slot))
        return cls(plan, [(first, tuple(energies.get(slot) for slot in range(first, end))) for first, end in days])

    def around(self, slot: int) -> Hop | None:
        """The day of the reading at ``slot``; None when no kept frame has it."""
        for first, energies in self.days:
            if 0 <= slot - first < len(energies) and energies[slot - first] is not None:
                axis = self.plan.axis
                return hops.chart(energies, int(axis.start_of(first)), axis.interval, slot - first)
        return None


def _day_of(plan: NeighbourhoodPlan, slot: int) -> tuple[int, int]:
    """The slots of a local day, the first and the one after the last."""
    start = int(plan.axis.start_of(slot))
    first, end = cut(plan.timezone, DAY, start, start + 1).slots(plan.axis).tolist()
    return first, end
