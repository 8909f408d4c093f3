"""The PES loop of the report that Smarter follows: a message a reading, a ciphertext a reading.

AES-256-GCM through pycryptodome, Paillier through phe, a running sum per household, and nothing cleverer.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import ValidationError

from smarter.api import SYSTEM_RANDOMNESS, Cipher, Ciphertexts, KeyedCipher, KeyPair, Scheme
from smarter.bench.measured import Measured, require_equal
from smarter.errors import UsageError
from smarter.model.messages.frame import (
    DEPLOYMENT_BYTES,
    PSEUDONYM_BYTES,
    FrameHeader,
    decode_readings,
    encode_readings,
    reading_bytes,
)
from smarter.model.readings import ReadingBlock
from smarter.model.views import View, acting, in_the_clear
from smarter.protocols.plan import NeighbourhoodPlan
from smarter.registry import registry
from smarter.scenario import PluginChoice

SCHEME, CIPHER = "paillier-phe", "pycryptodome-aes-gcm"
NAME = "the brief's loop"


def brief_scheme(key_bits: int) -> Scheme:
    """Paillier as the report has it; raises like :func:`_made`."""
    scheme: Scheme = _made("scheme", SCHEME, key_bits=key_bits)
    return scheme


def brief_cipher() -> Cipher:
    """AES-GCM as the report has it; raises like :func:`_made`."""
    cipher: Cipher = _made("cipher", CIPHER)
    return cipher


def _made(kind: str, name: str, **options: object) -> Any:
    """A plugin by name.

    Raises:
        UnknownPlugin: there is none of this name.
        MissingExtra: its library is not installed.
        UsageError: it does not take these options.
    """
    implementation = registry().get(kind, name)
    try:
        checked = implementation.Options(**options)
    except ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UsageError(f"the brief's {kind} {name} cannot be compared with: {said}.") from error
    return PluginChoice(kind, name, checked, implementation).create()


@dataclass(frozen=True)
class _Message:
    """One reading on its way, sealed; ``household``: whose."""

    household: int
    header: FrameHeader
    sealed: bytes


class BriefLoop:
    """The loop over ``readings`` of one neighbourhood, by household; sealed here, beforehand."""

    def __init__(
        self, cipher: Cipher, scheme: Scheme, pair: KeyPair, plan: NeighbourhoodPlan, readings: Sequence[ReadingBlock]
    ) -> None:
        self._scheme = scheme
        self._pair = pair
        self._keys: list[KeyedCipher] = []
        self._messages: list[_Message] = []
        self._expected = [int(block.energies.sum()) for block in readings]
        deployment = SYSTEM_RANDOMNESS.bytes(DEPLOYMENT_BYTES)
        width = reading_bytes(plan.largest)
        for household, block in enumerate(readings):
            key = cipher.keyed(SYSTEM_RANDOMNESS.bytes(cipher.key_bytes))
            pseudonym = SYSTEM_RANDOMNESS.bytes(PSEUDONYM_BYTES)
            self._keys.append(key)
            for number, energy in enumerate(block.energies.tolist()):
                header = FrameHeader(
                    deployment,
                    pseudonym,
                    cipher.name,
                    1,
                    number,
                    block.first_slot + number,
                    plan.axis.interval,
                    plan.axis.phase,
                    1,
                    width,
                )
                plaintext = encode_readings(np.array([energy], np.int64), width)
                self._messages.append(_Message(household, header, key.seal(header.nonce, plaintext, header.encode())))

    def measure(self) -> Measured:
        """Carry the messages through once, then decrypt the households' sums and check them.

        Raises:
            VerificationFailed: a sum differs from the plaintext's.
        """
        scheme, public, view = self._scheme, self._pair.public, View()
        sums: dict[int, Ciphertexts] = {}
        began = time.perf_counter()
        with acting(view):
            for message in self._messages:
                with in_the_clear():
                    encrypted = scheme.encrypt(public, [self._open(message)])
                there = sums.get(message.household)
                sums[message.household] = encrypted if there is None else scheme.add(public, there, encrypted)
        seconds = time.perf_counter() - began
        for household, total in sums.items():
            (found,) = scheme.decrypt(self._pair.private, total)
            require_equal(NAME, f"household {household}", found, self._expected[household])
        count = len(self._messages)
        return Measured(seconds, count, count, count, 1, view, len(sums))

    def _open(self, message: _Message) -> int:
        header = message.header
        plaintext = self._keys[message.household].open(header.nonce, message.sealed, header.encode())
        return int(decode_readings(plaintext, header)[0])
