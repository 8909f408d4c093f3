"""One scenario's state on disk: where its parts lie, who may use it now, and how it is destroyed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from smarter.errors import AlteredLog, StateInUse, UsageError
from smarter.state import demand_keys
from smarter.state.audit.files import load_head

ANCHOR = "SMARTER_ANCHOR"
"""The environment variable that names the folder for heads of audit logs; empty: none."""
_FILES = (
    "accounts.sqlite",
    "accounts.sqlite-journal",
    "audit.head",
    "audit.head.tmp",
    "audit.lock",
    "audit.log",
    "blindings.sealed",
    "blindings.table",
    "blindings.tmp",
    "deliveries.sqlite",
    "deliveries.sqlite-journal",
    "journal.sqlite",
    "journal.sqlite-wal",
    "journal.sqlite-shm",
)
_PARTS = (*_FILES, "keys", "store")


@dataclass(frozen=True)
class StateFolder:
    """A state. Its folder may not exist yet.

    Attributes:
        path: of the folder.
        anchor: a folder outside of it where the head of its audit log is kept a second time; None: nowhere, as befits
            a state that is thrown away.
    """

    path: Path
    anchor: Path | None = None

    @property
    def journal(self) -> Path:
        """The journal's file: progress, snapshots, outbox, ledger, kept frames."""
        return self.path / "journal.sqlite"

    def stamps(self) -> tuple[tuple[int, int] | None, ...]:
        """When its journal was last written, in ns, and its bytes: other ones once a run has gone on."""
        found: list[tuple[int, int] | None] = []
        for file in (self.journal, self.journal.with_name(f"{self.journal.name}-wal")):
            try:
                about = file.stat()
            except OSError:
                found.append(None)
            else:
                found.append((about.st_mtime_ns, about.st_size))
        return tuple(found)

    @property
    def accounts(self) -> Path:
        """The file of the accounts of customers and operators."""
        return self.path / "accounts.sqlite"

    @property
    def deliveries(self) -> Path:
        """The file of what was delivered to third parties under grants."""
        return self.path / "deliveries.sqlite"

    @property
    def keys(self) -> Path:
        """The folder of the parties' keystores."""
        return self.path / "keys"

    @property
    def wrapped_keys(self) -> Path:
        """The file of key epochs as announced to the PES and wrapped for customers; it goes with the keys."""
        return self.keys / "epochs.sqlite"

    @property
    def demand_keys(self) -> Path:
        """The file of the MDMS's data keys of demand windows; it goes with the keys."""
        return self.keys / demand_keys.FILE

    @property
    def store(self) -> Path:
        """The folder in which the MDMS's store keeps its records."""
        return self.path / "store"

    @property
    def audit_log(self) -> Path:
        """The file of the audit log: an entry a line."""
        return self.path / "audit.log"

    @property
    def audit_head(self) -> Path:
        """The signed head of the audit log."""
        return self.path / "audit.head"

    @property
    def audit_lock(self) -> Path:
        """Whoever writes to the audit log locks this file meanwhile."""
        return self.path / "audit.lock"

    def head_elsewhere(self, log: str) -> Path | None:
        """Where the head of the audit log of this name is kept a second time."""
        return self.anchor / f"{log}.head" if self.anchor else None

    def heads_elsewhere(self, log: str) -> list[Path]:
        """The same, and heads that were put aside since the log was not theirs."""
        place = self.head_elsewhere(log)
        return [place, *sorted(place.parent.glob(f"{log}-*.head"))] if place else []

    @property
    def blindings(self) -> Path:
        """The file of blindings that the PES keeps ready, sealed."""
        return self.path / "blindings.sealed"

    @property
    def table(self) -> Path:
        """The file that worker processes share while a run goes on; it depends on a public key alone."""
        return self.path / "blindings.table"

    @property
    def begun(self) -> bool:
        """Whether a run has been here."""
        return self.journal.exists()

    def make(self) -> None:
        """Create the folders, for their owner alone.

        Raises:
            UsageError: the folder is there and holds something else.
        """
        if strange := self._strange():
            raise UsageError(
                f"{self.path} is no state of Smarter and not empty (it holds {strange.relative_to(self.path)}); "
                "name an empty folder with --state."
            )
        for folder in (self.path, self.keys, self.store):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _strange(self) -> Path | None:
        """What is here and not ours. A start that was killed while it made keys has left nothing but keys."""
        if self.begun or not self.path.is_dir():
            return None
        found = [entry for entry in self.path.iterdir() if entry.name not in (*_PARTS, "lock")]
        if self.keys.is_dir():
            ours = (".keys", ".key", ".tmp", ".sqlite", ".sqlite-journal")
            found += [entry for entry in self.keys.iterdir() if not entry.name.endswith(ours)]
        if self.store.is_dir():
            found += self.store.iterdir()
        return min(found, default=None)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the state's lock.

        Raises:
            StateInUse: another process holds it.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(self.path / "lock", timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise StateInUse(
                f"another run is using the state in {self.path}; wait for it, or choose another with --state."
            ) from error
        try:
            yield
        finally:
            lock.release()

    @property
    def in_use(self) -> bool:
        """Whether a run goes on here; asked with the lock itself, which is held for that instant."""
        try:
            with self.locked():
                return False
        except StateInUse:
            return True

    def destroy(self) -> None:
        """Delete keys, journal, ledger, records, audit log: the keys first, so that a half-done deletion opens nothing.

        The heads that are kept elsewhere go, too: they are of a log that is no more.
        """
        elsewhere = self._heads_elsewhere()
        for folder in (self.keys, self.store):
            shutil.rmtree(folder, ignore_errors=False) if folder.exists() else None
        for part in _FILES:
            (self.path / part).unlink(missing_ok=True)
        for head in elsewhere:
            head.unlink(missing_ok=True)
        self.journal.touch(mode=0o600)  # the folder stays ours, whatever else is in it
        self.make()

    def _heads_elsewhere(self) -> list[Path]:
        try:
            head = load_head(self.audit_head)
        except AlteredLog:
            return []  # whose it was cannot be told
        return self.heads_elsewhere(head.log) if head else []


def locate(name: str, digest: str, chosen: Path | None) -> StateFolder:
    """The state of a scenario: the folder chosen, or one by name and digest under the user's data folder."""
    if chosen is not None:
        return StateFolder(chosen.resolve(), anchor_folder())
    return StateFolder(states_folder() / f"{name}-{digest[:12]}", anchor_folder())


def states_folder() -> Path:
    """Where states lie unless another folder is chosen: under the user's data folder."""
    from platformdirs import user_data_path

    return user_data_path("smarter", appauthor=False) / "states"


def anchor_folder() -> Path | None:
    """Where heads of audit logs are kept a second time: by default under the user's data folder, beside the states."""
    chosen = os.environ.get(ANCHOR)
    if chosen is not None:
        return Path(chosen).resolve() if chosen else None
    from platformdirs import user_data_path

    return user_data_path("smarter", appauthor=False) / "audit-heads"
