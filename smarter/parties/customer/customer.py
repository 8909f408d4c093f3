"""The customer with their private key: unwraps the meter's seal keys, opens its frames, and holds the readings.

``protocols.customer_desk`` makes one for whoever is logged in and hands it what the meter keeps.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from smarter.api import AuthenticationFailed, Cipher, KeyedCipher, Keywrap, PrivateKey
from smarter.errors import MalformedMessage
from smarter.keys.signing import verify
from smarter.model.messages import Frame, Signed, decode_readings
from smarter.model.messages.enrolment import SEAL_KEY_CONTEXT, WrappedSealKey
from smarter.model.messages.frame import FrameHeader
from smarter.model.windows import Axis
from smarter.parties.customer.own_readings import OwnReadings


class Customer:
    """One customer of one meter.

    Args:
        deployment: 16 bytes.
        pseudonym: of their meter.
        private: their private key.
        verify_key: the meter's Ed25519 public key, as they learnt it when they enrolled.
        cipher: that frames are sealed with.
        keywrap: that seal keys are wrapped with.
        axis: the slots of the readings.
    """

    def __init__(
        self,
        deployment: bytes,
        pseudonym: bytes,
        private: PrivateKey,
        verify_key: bytes,
        *,
        cipher: Cipher,
        keywrap: Keywrap,
        axis: Axis,
    ) -> None:
        self._of = (deployment, pseudonym)
        self._private = private
        self._verify_key = verify_key
        self._cipher = cipher
        self._keywrap = keywrap
        self._axis = axis
        self._keys: dict[int, KeyedCipher] = {}

    def take(self, message: bytes) -> None:
        """Unwrap the seal key of one of the meter's key epochs; one that is at hand already stays.

        Raises:
            AuthenticationFailed: it is not from this meter, not for this customer, or altered.
            MalformedMessage: it is no such message.
        """
        signed = Signed.decode(message)
        sent = WrappedSealKey.decode(signed.body)
        if sent.epoch in self._keys:
            return
        verify(self._verify_key, signed.body, signed.signature, SEAL_KEY_CONTEXT)
        if (sent.deployment, sent.pseudonym) != self._of or sent.receiver != self._private.fingerprint:
            raise AuthenticationFailed("a seal key is of another meter, or for another customer.")
        if sent.cipher != self._cipher.name:
            raise AuthenticationFailed(f"a seal key is for the cipher {sent.cipher}, not for {self._cipher.name}.")
        context = WrappedSealKey.context(*self._of, sent.epoch, sent.receiver)
        key = self._keywrap.unwrap(self._private, sent.wrapped, context=context)
        try:
            self._keys[sent.epoch] = self._cipher.keyed(key)
        except ValueError as error:
            raise MalformedMessage("a seal key is not as long as the cipher's keys are.") from error

    def open(self, frames: Iterable[bytes], timezone: str) -> OwnReadings:
        """Open the meter's frames; those of key epochs from before this customer stay sealed.

        A frame that does not verify is counted and left out: the others stand.
        """
        slots: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
        energies: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
        sealed, damaged = [], 0
        for data in frames:
            try:
                frame = Frame.decode(data)
                header = frame.header
                if not self._is_mine(header):
                    raise AuthenticationFailed("a frame is of another meter, cipher or slot axis.")
                key = self._keys.get(header.epoch)
                if key is None:
                    sealed.append((header.first_slot, header.first_slot + header.count))
                    continue
                readings = decode_readings(key.open(header.nonce, frame.sealed, header.encode()), header)
            except (AuthenticationFailed, MalformedMessage):
                damaged += 1
                continue
            slots.append(np.arange(header.first_slot, header.first_slot + header.count, dtype=np.int64))
            energies.append(readings)
        there, first = np.unique(np.concatenate(slots), return_index=True)
        return OwnReadings(
            self._axis, timezone, there, np.concatenate(energies)[first], tuple(sealed), damaged, self._of[1].hex()
        )

    def _is_mine(self, header: FrameHeader) -> bool:
        axis = (header.interval, header.phase) == (self._axis.interval, self._axis.phase)
        return axis and (header.deployment, header.pseudonym) == self._of and header.cipher == self._cipher.name
