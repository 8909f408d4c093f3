"""Locking a party's keystore otherwise: under shares of its officers, so that no one person opens it, or back again.

``smarter keys share`` and ``smarter keys lock`` call this, between runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from smarter.errors import UsageError
from smarter.keys import roster
from smarter.keys.keystore import Keystore
from smarter.keys.officers import KIND as OFFICERS
from smarter.keys.secret import Locking, Secret, Unlock
from smarter.keys.unlock import forget_kept
from smarter.model.audit import LOCAL
from smarter.model.audit import party as named_party
from smarter.protocols.auditing import open_audit
from smarter.protocols.provision import PARTIES
from smarter.state import StateFolder

SHARED = ("releaser",)
"""Whose keystore officers can lock: whoever releases is to be started by no one alone."""


@dataclass(frozen=True)
class _Noted:
    """Notes a change of lock when its secret is there, and before it is used."""

    way: Locking
    note: Callable[[], None]

    def new(self, party: str, identity: str) -> Secret:
        secret = self.way.new(party, identity)
        self.note()
        return secret


def lock(state: StateFolder, unlock: Unlock, party: str, kind: str, way: Locking) -> None:
    """Lock the keystore of ``party`` by ``way``, which is of ``kind``; what unlocked it so far no longer does.

    The earlier secret is destroyed where it is kept. Copies of the keystore from before still open by it.

    Raises:
        UsageError: there is no such party, it cannot be locked so, or is already.
        WrongPassphrase: the secret at hand does not open it.
        WrongShares: nor do the shares.
    """
    parties = (*PARTIES, roster.PARTY) if Keystore.exists(state.keys, roster.PARTY) else PARTIES
    if party not in parties:
        raise UsageError(f"there is no party {party}; there are {', '.join(parties)}.")
    if kind == OFFICERS and party not in SHARED:
        raise UsageError(f"officers can share the keystore of {', '.join(SHARED)}, not that of {party}.")
    store = Keystore.open(state.keys, party, unlock)
    before, identity = store.kind, store.identity
    if kind == before == "keyfile":
        raise UsageError(f"the keys of {party} are locked by a key file already.")

    def note() -> None:
        with open_audit(state, unlock) as log:
            log.note("key-change", LOCAL, named_party(party), locked_by=kind, before=before)

    store.relock(_Noted(way, note))
    # Only now: until the new file was in place, the old one was all there is.
    forget_kept(state.keys, party, identity, before)
