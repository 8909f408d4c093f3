"""One tree of errors; each class carries the exit code that ``smarter`` ends with.

Every message is one sentence that says what is wrong, where, and what to do. Every room raises
these; only ``cli`` turns them into exit codes.
"""

from __future__ import annotations

from typing import ClassVar


class SmarterError(Exception):
    """Root of everything that Smarter raises on purpose."""

    exit_code: ClassVar[int] = 1


class UsageError(SmarterError):
    """What can be seen to be wrong without looking at data: arguments, scenario, options."""

    exit_code = 2


class ScenarioError(UsageError):
    """A scenario that cannot be run; the message names file, line and field."""


class UnknownPlugin(UsageError):
    """A plugin that nobody registered; the message names those there are."""


class StateMismatch(UsageError):
    """A state folder that belongs to another scenario."""


class DataError(SmarterError):
    """Missing or bad input data; the message names file and row."""

    exit_code = 3


class InputChanged(DataError):
    """An input file differs from the one that the run on this state began with."""


class IntegrityError(SmarterError):
    """Something stored or sent does not verify."""

    exit_code = 4


class AuthenticationFailed(IntegrityError):
    """A ciphertext, tag or signature that does not verify; nothing of its content is given out."""


class MalformedMessage(IntegrityError):
    """Bytes that are not a message of the version and kind they are read as."""


class VerificationFailed(IntegrityError):
    """The run's numbers differ from those recomputed from the plaintext."""


class Disclosed(IntegrityError):
    """Released sums that show together what a few meters used."""


class DamagedStore(IntegrityError):
    """A store or journal file that cannot be read back."""


class AlteredLog(IntegrityError):
    """An audit log that was changed, reordered or cut, or signed by another key.

    Attributes:
        number: of the first entry that is wrong; 0 when that cannot be told.
        what: is wrong: ``changed``, ``missing``, ``out of order``, ``cut at the tail``, ``signed by another key``,
            ``head does not match``, ``not in the log``, ``not in the ledger``.
    """

    def __init__(self, number: int, what: str, message: str) -> None:
        """``message``: what is wrong, and where; the way out is the same for all."""
        super().__init__(
            f"{message}; keep all of it for whoever looks into it, then restore the state from a backup or start again "
            "with --fresh."
        )
        self.number = number
        self.what = what


class RolledBack(IntegrityError):
    """A state that is from before the head of its audit log which is kept elsewhere."""

    def __init__(self, message: str) -> None:
        """``message``: what shows it; the way out is the same for all."""
        super().__init__(
            f"{message}: if the state was restored from a backup, or copied, say so with `smarter audit "
            "accept-restore`; if not, keep all of it for an investigation."
        )


class DamagedKeys(IntegrityError):
    """A keystore that cannot be read back."""


class ReplacedKeys(IntegrityError):
    """A keystore that is not the one which the others, or the head of the audit log, know."""


class WrongPassphrase(IntegrityError):
    """A keystore that the passphrase at hand does not open."""


class WrongShares(IntegrityError):
    """Officers' shares that do not open a keystore: too few, damaged, or of another set."""


class WrongCredentials(IntegrityError):
    """A password, code or session that is not right, or is not let in now."""


class AccessRefused(IntegrityError):
    """Somebody who is who they say, and whose role does not have what they ask for, or who is kept out."""


class KeyMismatch(IntegrityError):
    """Ciphertexts, or a ciphertext and a key, that belong to different keys."""


class OutOfBounds(IntegrityError):
    """A value that would not fit where it is to be put: a lane, a plaintext, a counter."""


class Unavailable(SmarterError):
    """An installed plugin is broken, or an extra or a service is missing."""

    exit_code = 5


class BrokenPlugin(Unavailable):
    """An installed plugin that raised while it was loaded or used."""


class MissingExtra(Unavailable):
    """A plugin whose library is not installed; the message gives the command that installs it."""


class MachineError(SmarterError):
    """The machine refuses: disk full, no permission, state in use."""

    exit_code = 6


class StateInUse(MachineError):
    """Another run holds the lock of this state."""


class Interrupted(SmarterError):
    """The run was stopped from outside; its state can be resumed."""

    exit_code = 130
