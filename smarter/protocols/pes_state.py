"""What the PES keeps in the journal, sealed under a key of its own that does not last: running sums, and its outbox.

``run`` seals and opens by it; with each billing period, and at each erasure, the key is replaced and the earlier one
destroyed, so that old copies of the journal open no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from smarter.errors import AuthenticationFailed, DamagedStore, KeyMismatch, MalformedMessage
from smarter.keys.data_key import DataKey, key_of, name_of
from smarter.keys.keystore import Keystore
from smarter.protocols.session import Session
from smarter.state import Journal

PURPOSE = "state"
_Kind = Literal["pes", "outbox"]


class PesState:
    """Seals for one deployment, with the PES's opened keystore."""

    def __init__(self, store: Keystore, deployment: bytes) -> None:
        self._store = store
        self._deployment = deployment
        self._keys = {entry.fingerprint: DataKey.of(entry) for entry in store.entries(PURPOSE)}
        if self._keys:
            self._key = self._keys[store.current(PURPOSE).fingerprint]
        else:
            self.renew()

    @classmethod
    def of(cls, session: Session, store: Keystore) -> PesState:
        """That of an opened deployment."""
        return cls(store, session.deployment)

    def renew(self) -> None:
        """Seal under a new key from now on, which is durable; earlier ones still open until :meth:`settle`."""
        self._key = DataKey.fresh()
        self._keys[self._key.name] = self._key
        self._store.add(self._key.entry(PURPOSE))
        self._store.save()

    def settle(self, journal: Journal) -> tuple[str, ...]:
        """Destroy earlier keys, unless the journal still has something under one; which ones they were."""
        earlier = tuple(name for name in self._keys if name != self._key.name)
        if not earlier:
            return ()
        snapshot, waiting = journal.snapshot("pes"), [message for _, message in journal.outbox()]
        if any(name_of(sealed) != self._key.name for sealed in (*waiting, *filter(None, [snapshot]))):
            return ()
        # A loss of power must not bring back what only an earlier key opens.
        journal.put(pes_state=self._key.name)
        self._store.forget_earlier(PURPOSE)
        self._store.save(overwrite=True)
        self._keys = {self._key.name: self._key}
        return earlier

    def seal(self, kind: _Kind, data: bytes) -> bytes:
        """A snapshot of the PES, or a message of its outbox, for the journal."""
        return self._key.seal(data, self._context(kind))

    def open(self, kind: _Kind, sealed: bytes) -> bytes:
        """The reverse.

        Raises:
            DamagedStore: its key is destroyed, as of a backup's from an earlier billing period, or it was altered.
        """
        try:
            return key_of(sealed, self._keys).open(sealed, self._context(kind))
        except (KeyMismatch, MalformedMessage) as error:
            raise DamagedStore(
                f"what the PES keeps in the journal opens no more ({error}): the journal is a copy from before a "
                "billing period ended or readings were erased, and such a run cannot go on; restore a later copy, or "
                "start again with --fresh."
            ) from error
        except AuthenticationFailed as error:
            raise DamagedStore(
                "what the PES keeps in the journal was altered; restore the journal from a backup, or start again with "
                "--fresh."
            ) from error

    def outbox(self, journal: Journal) -> list[tuple[int, bytes]]:
        """The messages that wait to be delivered, opened, each with its number."""
        return [(number, self.open("outbox", message)) for number, message in journal.outbox()]

    def snapshots(self, journal: Journal) -> dict[str, bytes]:
        """The parties' last snapshots, opened; none before the first hold."""
        found = {party: journal.snapshot(party) for party in ("pes", "network")}
        opened = {party: snapshot for party, snapshot in found.items() if snapshot is not None}
        return self._with_pes(opened, self.open("pes", opened["pes"])) if len(opened) == len(found) else {}

    def sealed(self, snapshots: Mapping[str, bytes]) -> dict[str, bytes]:
        """Snapshots for the journal; frames on their way are sealed as they are."""
        return self._with_pes(snapshots, self.seal("pes", snapshots["pes"]))

    def sealed_outbox(self, messages: Iterable[bytes]) -> list[bytes]:
        """Messages for the journal's outbox."""
        return [self.seal("outbox", message) for message in messages]

    @staticmethod
    def _with_pes(snapshots: Mapping[str, bytes], pes: bytes) -> dict[str, bytes]:
        return {**snapshots, "pes": pes}

    def _context(self, kind: _Kind) -> bytes:
        return b"smarter pes state 1 " + kind.encode() + b" " + self._deployment
