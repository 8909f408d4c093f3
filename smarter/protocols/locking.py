"""Locking a party's keystore otherwise: under shares of its officers, so that no one person opens it, or back again.

``smarter keys share`` and ``smarter keys lock`` call this, between runs.
"""

from __future__ import annotations

from smarter.errors import UsageError
from smarter.keys import roster
from smarter.keys.keystore import Keystore
from smarter.keys.officers import KIND as OFFICERS
from smarter.keys.secret import Locking, Unlock
from smarter.model.audit import LOCAL, Note
from smarter.model.audit import party as named_party
from smarter.protocols.key_changes import change
from smarter.protocols.provision import PARTIES
from smarter.state import StateFolder

SHARED = ("releaser",)
"""Whose keystore officers can lock: whoever releases is to be started by no one alone."""


def lock(state: StateFolder, unlock: Unlock, party: str, kind: str, way: Locking) -> bool:
    """Lock the keystore of ``party`` by ``way``, which is of ``kind``; what unlocked it so far no longer does.

    The earlier secret is destroyed where it is kept. Copies of the keystore from before still open by it. Returns
    whether it was locked now; if not, the same change was interrupted before, and is finished.

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

    def make(store: Keystore) -> Note:
        before = store.kind
        if kind == before == "keyfile":
            raise UsageError(f"the keys of {party} are locked by a key file already.")
        store.relock(way)
        return Note("key-change", LOCAL, named_party(party), {"locked_by": kind, "before": before})

    command = f"share SCENARIO {party}" if kind == OFFICERS else f"lock SCENARIO {party} --by {kind}"
    return change(state, unlock, party, command, make)
