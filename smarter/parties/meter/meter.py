"""The meter: seals its readings under keys of its own, for the PES and its customer alone.

``protocols`` makes one per household, begins a key epoch at every start, and hands it the readings that
``register`` made.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from smarter.api import Cipher, Keywrap, PublicKey, Randomness
from smarter.errors import OutOfBounds
from smarter.keys.derive import EPOCH_SECRET_BYTES, epoch_keys
from smarter.keys.signing import sign
from smarter.model.messages import EpochKey, FrameHeader, Signed, encode_readings, reading_bytes
from smarter.model.messages.epoch import LAST_EPOCH, PURPOSES, SIGNING_CONTEXT, Purposes
from smarter.model.messages.frame import any_beyond
from smarter.model.readings import ReadingBlock
from smarter.model.windows import Axis


@dataclass(frozen=True)
class MeterIdentity:
    """What the installer put into a meter.

    Attributes:
        deployment: 16 bytes.
        pseudonym: 8 random bytes.
        signing_key: the meter's Ed25519 private key.
    """

    deployment: bytes
    pseudonym: bytes
    signing_key: bytes

    def __repr__(self) -> str:
        return f"MeterIdentity({self.pseudonym.hex()})"


class Meter:
    """One meter. ``frame``: readings sealed together; ``largest``: the most a reading can be, mWh."""

    def __init__(self, identity: MeterIdentity, cipher: Cipher, axis: Axis, frame: int, largest: int) -> None:
        self._identity = identity
        self._cipher = cipher
        self._axis = axis
        self._frame = frame
        self._largest = largest
        self._width = reading_bytes(largest)
        self.pseudonym = identity.pseudonym
        self.epoch = 0
        self.purposes: Purposes = PURPOSES
        """What the readings of its key epoch may be used for; for nothing: it keeps its frames, and sends none."""
        self._counter = 0

    def begin_epoch(
        self,
        keywrap: Keywrap,
        pes: PublicKey,
        random: Randomness,
        *,
        since: int = 0,
        purposes: Purposes = PURPOSES,
    ) -> tuple[bytes, bytes]:
        """Draw a fresh epoch secret and announce it to the PES; the counter starts at 0.

        Args:
            keywrap: wraps the secret.
            pes: for whom; when the epoch is for nothing, the secret is not in the announcement at all.
            random: where the secret comes from.
            since: the first slot of the epoch.
            purposes: what its readings may be used for.

        Returns:
            The signed announcement, and the secret for the meter's own keystore.
        """
        if self.epoch == LAST_EPOCH:
            raise OutOfBounds("a meter's key epochs are used up; give it a new pseudonym.")
        self.epoch += 1
        self._counter = 0
        secret = random.bytes(EPOCH_SECRET_BYTES)
        deployment, pseudonym = self._identity.deployment, self._identity.pseudonym
        keys = epoch_keys(
            secret,
            deployment=deployment,
            pseudonym=pseudonym,
            epoch=self.epoch,
            cipher_key_bytes=self._cipher.key_bytes,
        )
        self._seal = self._cipher.keyed(keys.seal)
        self._mac = HMAC(keys.mac, SHA256())
        self.purposes = purposes
        receiver, wrapped = "", b""
        if purposes:
            receiver = pes.fingerprint
            wrapped = keywrap.wrap(pes, secret, context=EpochKey.context(deployment, pseudonym, self.epoch))
        name = self._cipher.name
        body = EpochKey(deployment, pseudonym, self.epoch, name, receiver, wrapped, since, purposes).encode()
        signature = sign(self._identity.signing_key, body, SIGNING_CONTEXT)
        return Signed(body, signature).encode(), secret

    def seal(self, block: ReadingBlock, first_slot: int) -> list[tuple[int, int, bytes]]:
        """Seal a run of readings into frames, cut on the grid of ``frame`` slots from ``first_slot`` on.

        Returns:
            For each frame its first slot, how many readings it holds, and its bytes.

        Raises:
            OutOfBounds: a reading beyond the meter's rating; nothing is sealed then.
        """
        energies = block.energies
        if len(energies) and any_beyond(energies, self._largest):
            raise OutOfBounds(f"a reading beyond the meter's {self._largest} mWh a slot cannot be sealed.")
        frames = []
        start = block.first_slot
        while start < block.end_slot:
            end = min(first_slot + ((start - first_slot) // self._frame + 1) * self._frame, block.end_slot)
            part = energies[start - block.first_slot : end - block.first_slot]
            plaintext = encode_readings(part, self._width)
            frames.append((start, len(part), self._seal_frame(start, len(part), plaintext)))
            start = end
        return frames

    def _seal_frame(self, first: int, count: int, plaintext: bytes) -> bytes:
        header = FrameHeader(
            self._identity.deployment,
            self._identity.pseudonym,
            self._cipher.name,
            self.epoch,
            self._counter,
            first,
            self._axis.interval,
            self._axis.phase,
            count,
            self._width,
        )
        self._counter += 1
        aad = header.encode()
        maced = aad + self._seal.seal(header.nonce, plaintext, aad)
        mac = self._mac.copy()
        mac.update(maced)
        return maced + mac.finalize()

    def snapshot(self) -> bytes:
        """What survives a restart: the epoch. The counter does not; the next start is a new epoch."""
        return self.epoch.to_bytes(4, "big")

    def restore(self, snapshot: bytes) -> None:
        """The reverse of :meth:`snapshot`."""
        self.epoch = int.from_bytes(snapshot, "big")
