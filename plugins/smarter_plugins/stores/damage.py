"""What a store says of a file that does not read back; both shipped stores raise it."""

from __future__ import annotations

from pathlib import Path

from smarter.api import DamagedStore


def damaged(path: Path, why: str) -> DamagedStore:
    """The error for a file that is not what the store wrote there."""
    return DamagedStore(
        f"{path} does not read back: {why}; restore it from a backup, or start the run again with --fresh."
    )


def wrong_version(path: Path, found: object, read: int) -> DamagedStore:
    """The error for a file that another version of the store wrote."""
    return DamagedStore(
        f"{path} has format {found!r:.40} and this version of Smarter reads {read}; use the version that wrote it, "
        "restore it from a backup, or start the run again with --fresh."
    )
