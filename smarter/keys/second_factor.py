"""What an operator proves beside the password: a code that an app shows for 30 s (TOTP, RFC 6238), or a spare code.

``protocols.operator_login`` makes it, keeps it locked in the account, and asks here whether a code is right; which
codes were used already is in the accounts.
"""

from __future__ import annotations

import hmac
import re
from base64 import b32encode
from collections.abc import Sequence
from dataclasses import dataclass, field

from smarter.api.randomness import SYSTEM_RANDOMNESS, Randomness
from smarter.errors import DamagedStore, UsageError, WrongCredentials
from smarter.keys.codes import key_from, new_code, read_code, spell_code
from smarter.model.messages import wire

STEP = 30
"""Seconds for which a code is shown."""
DIGITS = 6
TOLERATED = 1
"""Steps by which the clocks of app and machine may differ."""
LOOKED = 20
"""Steps in which a code is looked for that is not accepted, to tell a wrong clock from a wrong code."""
SECRET_BYTES = 20
"""As RFC 4226, section 4, recommends."""
SPARE_CODES = 10
ISSUER = "Smarter"
_KIND = "second factor"
_DIGEST_BYTES = 32
_WRONG = "the name, the password or the code is wrong."


@dataclass(frozen=True)
class SecondFactor:
    """An operator's second factor, as it lies in the account, locked.

    Attributes:
        secret: shared with the operator's app.
        spare: digests of the spare codes, those used among them.
    """

    secret: bytes = field(repr=False)
    spare: tuple[bytes, ...] = field(repr=False)

    @classmethod
    def fresh(cls, name: str, random: Randomness = SYSTEM_RANDOMNESS) -> tuple[SecondFactor, tuple[str, ...]]:
        """A new one for the account ``name``, and its spare codes, which are nowhere kept as they are."""
        codes = [new_code(random) for _ in range(SPARE_CODES)]
        digests = tuple(spare_digest(code, name) for code in codes)
        return cls(random.bytes(SECRET_BYTES), digests), tuple(map(spell_code, codes))

    def uri(self, name: str, deployment: str) -> str:
        """What the app is told, as an ``otpauth`` URI: for a QR code, or to be copied."""
        import pyotp

        uri: str = pyotp.TOTP(self._base32).provisioning_uri(name=name, issuer_name=f"{ISSUER} {deployment}")
        return uri

    def code_at(self, step: int) -> str:
        """The code that the app shows in a step: whole :data:`STEP` seconds since the epoch."""
        import pyotp

        # By steps, and not by pyotp's moments: those go through the machine's local time, which repeats an hour a year.
        code: str = pyotp.HOTP(self._base32, digits=DIGITS).at(step)
        return code

    def step_of(self, code: str, now: int) -> int:
        """The step in which the app shows this code.

        Raises:
            WrongCredentials: in none about now; when it would be right by another clock, that is said.
        """
        here = now // STEP
        steps = range(max(here - LOOKED, 0), here + LOOKED + 1)
        # All of them are looked at, whichever it is.
        found = [at for at in steps if hmac.compare_digest(self.code_at(at), code)]
        nearest = min(found, key=lambda at: abs(at - here), default=None)
        if nearest is None:
            raise WrongCredentials(_WRONG)
        if abs(nearest - here) > TOLERATED:
            way = "ahead of" if nearest > here else "behind"
            raise WrongCredentials(
                f"the code is right by a clock that is about {abs(nearest - here) * STEP} s {way} this machine's: set "
                "the clock of the phone, or of this machine, and take the next code."
            )
        return nearest

    def encode(self) -> bytes:
        """The byte form, to be locked."""
        return wire.encode(_KIND, [self.secret, list(self.spare)])

    @classmethod
    def decode(cls, data: bytes) -> SecondFactor:
        """The reverse of :meth:`encode`; raises :class:`MalformedMessage` or :class:`DamagedStore`."""
        secret, spare = wire.decode(_KIND, data, [bytes, list])
        sizes = {len(digest) if isinstance(digest, bytes) else 0 for digest in spare}
        if len(secret) != SECRET_BYTES or not sizes <= {_DIGEST_BYTES}:
            raise DamagedStore("an account's second factor does not read back; restore it from a backup.")
        return cls(secret, tuple(spare))

    @property
    def _base32(self) -> str:
        return b32encode(self.secret).decode()


def read_second(text: str) -> str | bytes:
    """A code as it was typed: the app's six digits, or the bytes of a spare code.

    Raises:
        UsageError: it can be neither.
    """
    digits = re.sub(r"\s", "", text)
    if re.fullmatch(rf"[0-9]{{{DIGITS}}}", digits):
        return digits
    if digits.isdecimal() or len(digits) <= DIGITS:
        raise UsageError(f"the code that the app shows has {DIGITS} digits; a spare code is longer, and also taken.")
    return read_code(text)


def is_spare(text: str) -> bool:
    """Whether what was typed can only be a spare code."""
    return isinstance(read_second(text), bytes)


def spare_digest(code: bytes, name: str) -> bytes:
    """What is kept of a spare code: 128 random bits need no stretching."""
    return key_from(code, b"spare", name.encode())


def is_one_of(digest: bytes, digests: Sequence[bytes]) -> bool:
    """Whether a digest is among others; all are compared."""
    return sum(hmac.compare_digest(digest, each) for each in digests) > 0
