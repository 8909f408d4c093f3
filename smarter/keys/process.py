"""Keeps a process's secrets out of its environment, and so out of its children's, and out of core dumps.

The command line calls :func:`keep_secrets` before anything that starts another process is imported.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

_SECRETS = frozenset(
    (
        "SMARTER_CODE",
        "SMARTER_KEY_PASSPHRASE",
        "SMARTER_NEW_PASSPHRASE",
        "SMARTER_NEW_PASSWORD",
        "SMARTER_PASSPHRASE",
        "SMARTER_PASSWORD",
        "SMARTER_TOTP",
    )
)
_OF_A_PARTY = "SMARTER_PASSPHRASE_"

_taken: dict[str, str] = {}
_changing = threading.RLock()


def is_secret(variable: str) -> bool:
    """Whether a variable of the environment holds a passphrase, a password or a code."""
    return variable in _SECRETS or variable.startswith(_OF_A_PARTY)


def keep_secrets() -> None:
    """Take all secrets out of the environment, for :func:`given`, and dump no core from now on."""
    dump_no_core()
    with _changing:
        found = {name: os.environ.pop(name) for name in _secrets_in_environment()}
        _taken.update(found)
    if found:
        _overwrite_first_environment()


def given(variable: str) -> str | None:
    """The value of a variable that this process was started with, also of a secret one that was taken out."""
    return os.environ.get(variable, _taken.get(variable))


def environment() -> Mapping[str, str]:
    """All variables as :func:`given` returns them; for this process alone."""
    return {**_taken, **os.environ}


def hand_on() -> None:
    """Put the secrets back for children that open keystores themselves."""
    os.environ.update(_taken)


@contextmanager
def withheld() -> Iterator[None]:
    """Processes that are started inside get no secret, also where :func:`keep_secrets` was not called."""
    with _changing:
        found = {name: os.environ.pop(name) for name in _secrets_in_environment()}
        try:
            yield
        finally:
            os.environ.update(found)


def dump_no_core() -> None:
    """A process that crashes writes no core dump, with keys and readings in it; its children inherit that."""
    try:
        import resource
    except ImportError:  # Windows
        return
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _secrets_in_environment() -> list[str]:
    return [name for name in os.environ if is_secret(name)]


def _overwrite_first_environment() -> None:
    """Overwrite the secrets in the block that the process was started with, which Linux shows in ``/proc``.

    Nothing points to them once ``unsetenv`` has been called. Where this fails, the block stays as it is.
    """
    with suppress(OSError, ValueError, IndexError):
        # proc(5): env_start is field 50; the command's name, field 2, may hold spaces.
        start = int(Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()[47])
        block = Path("/proc/self/environ").read_bytes()
        with Path("/proc/self/mem").open("r+b", buffering=0) as memory:
            for entry in block.split(b"\0"):
                if is_secret(os.fsdecode(entry.partition(b"=")[0])):
                    memory.seek(start)
                    memory.write(bytes(len(entry)))
                start += len(entry) + 1
