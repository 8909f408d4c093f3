"""Changing a party's keys or its lock, between runs, so that every keystore and the audit log know the changed one.

All keystores are opened. The change is noted, the head of the log and every other keystore learn what is to come,
then the keystore is replaced, then all others learn that it is done. Killed anywhere, the same command finishes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from smarter.errors import ReplacedKeys, UsageError
from smarter.keys import audit
from smarter.keys.entries import KeyEntry, PublicEntry
from smarter.keys.keystore import Keystore, keystores, pin_of, pins_of, public_entries
from smarter.keys.pins import Change
from smarter.keys.unlock import Unlock, forget_kept
from smarter.model.audit import LOCAL, SYSTEM, Note, key
from smarter.protocols.auditing import audit_under, log_name, require_untouched
from smarter.protocols.provision import ROTATABLE, Cryptography, audit_keystore, new_key
from smarter.state import StateFolder
from smarter.state.audit.log import AuditLog

Make = Callable[[Keystore], Note | None]
"""Changes an opened keystore in memory, and says what the audit log has to note before it is saved."""


def rotate(state: StateFolder, unlock: Unlock, plugins: Cryptography, party: str, purpose: str) -> PublicEntry:
    """Replace one key of a party; an earlier one stays if something made under it is still to be opened.

    Only keys that unwrap do: the caller sees to it that no window is open and nothing on its way, so an aggregation key
    has nothing left to open, and what a signing key signs from now on is forged. Of the audit log's signing key the
    public half stays, so that its entries still verify.

    Raises:
        ReplacedKeys: a keystore is not the one that another one or the head of the audit log knows.
        RolledBack: the state is from before that head.
        UsageError: there is no such key.
        WrongPassphrase: a keystore does not open; all of them are needed.
    """
    rotatable = {**ROTATABLE, audit.PARTY: (audit.SIGN,)}
    if purpose not in rotatable.get(party, ()):
        known = ", ".join(f"{name} {each}" for name, purposes in rotatable.items() for each in purposes)
        raise UsageError(f"there is no {purpose} key of {party} to rotate; there are: {known}.")

    def make(store: Keystore) -> Note | None:
        before = store.current(purpose)
        if party == audit.PARTY:
            store.add(audit.new_signing_key())
            return None  # the earlier key signs an entry that names the new one, once that is kept
        entry = new_key(purpose, plugins)
        store.add(entry)
        if purpose != "unwrap":
            store.forget_earlier(purpose)
        return _replaced(party, before, entry)

    change(state, unlock, party, f"rotate SCENARIO {party} {purpose}", make)
    return next(entry for entry in public_entries(state.keys, party) if entry.purpose == purpose and entry.current)


def _replaced(party: str, before: KeyEntry, entry: KeyEntry) -> Note:
    detail = {"party": party, "purpose": before.purpose, "before": before.fingerprint}
    return Note("key-change", LOCAL, key(entry.fingerprint), detail)


def change(state: StateFolder, unlock: Unlock, party: str, what: str, make: Make) -> bool:
    """Change the keystore of ``party``, or finish the same change where it was begun before.

    Args:
        state: whose; the caller holds its lock.
        unlock: opens all keystores.
        party: whose keystore changes.
        what: the command that does it, behind ``smarter keys``.
        make: the change.

    Returns:
        Whether it was made now; if not, the same change was interrupted before, and is finished.
    """
    require_untouched(state)
    if not Keystore.exists(state.keys, audit.PARTY):
        audit_keystore(state.keys, unlock)  # in a state from before there was one
    stores = {
        name: Keystore.open(state.keys, name, unlock, changing=True) for name in keystores(state.keys) if name != party
    }
    begun = _begun(stores)
    if begun is None or begun.party != party or not _is_made(state, begun):
        stores[party] = Keystore.open(state.keys, party, unlock, changing=True)
        begun = begun or _begun(stores)
    if begun is not None and _is_made(state, begun):
        stores.pop(begun.party, None)
        _check(state, stores, begun)
        _finish(state, unlock, stores, begun)
        if (begun.party, begun.what) == (party, what):
            return False
        stores = {name: Keystore.open(state.keys, name, unlock) for name in keystores(state.keys)}
        begun = None
    _check(state, stores, begun)
    store, others = stores[party], {name: other for name, other in stores.items() if name != party}
    with audit_under(stores[audit.PARTY], state) as log:
        adopt(state, stores, log)
        before, note = store.pin, make(store)
        store.generation += 1
        if note is not None:
            log.put(note)
            log.commit()
        coming = Change(party, what, before, store.pin)
        log.vouch({}, {party: coming.after.digest})
    for other in others.values():
        other.pins = replace(other.pins, change=coming)
        other.save()
    store.pins = replace(store.pins, of={**store.pins.of, party: coming.after}, change=None)
    store.save()
    _finish(state, unlock, others, coming)
    return True


def _begun(stores: Mapping[str, Keystore]) -> Change | None:
    return next((store.pins.change for store in stores.values() if store.pins.change), None)


def _is_made(state: StateFolder, begun: Change) -> bool:
    """Whether the keystore that is being changed is in its place, so that the others only have to know it."""
    return pin_of(state.keys, begun.party) == begun.after


def _check(state: StateFolder, stores: Mapping[str, Keystore], begun: Change | None) -> None:
    """Raise :class:`ReplacedKeys` unless all keystores know each other, but for one that is being changed."""
    found = pins_of(state.keys)
    for name, store in stores.items():
        for party, pin in store.pins.of.items():
            changing = (begun.before, begun.after) if begun and begun.party == party else ()
            if found.get(party) not in (pin, *changing):
                raise ReplacedKeys(
                    f"the keystore of {party} in {state.keys} is not the one that the keystore of {name} knows: it was "
                    "replaced, or comes from another day; nothing was changed, bring back the one that was there."
                )


def _finish(state: StateFolder, unlock: Unlock, others: Mapping[str, Keystore], done: Change) -> None:
    """The changed keystore is in its place: forget what unlocked the old, and let all others know."""
    if done.before.identity != done.after.identity:
        forget_kept(state.keys, done.party, done.before.identity, done.before.kind)
    if done.party == audit.PARTY:
        log_keys = Keystore.open(state.keys, audit.PARTY, unlock, changing=True)
        _hand_over(state, log_keys)
    else:
        log_keys = others[audit.PARTY]
    for other in others.values():
        other.pins = replace(other.pins, of={**other.pins.of, done.party: done.after}, change=None)
        other.save()
    with audit_under(log_keys, state) as log:
        log.vouch({done.party: done.after.digest}, {})


def _hand_over(state: StateFolder, store: Keystore) -> None:
    """Let the log's earlier signing key name its new one, and destroy its private half."""
    earlier = [entry for entry in store.entries(audit.SIGN) if entry.private and not entry.current]
    if not earlier:
        return  # its lock was changed, or this is done already
    with audit_under(store, state) as log:
        log.put(_replaced(audit.PARTY, earlier[-1], store.current(audit.SIGN)))
    store.forget_earlier_private(audit.SIGN)
    store.save()


def adopt(state: StateFolder, stores: Mapping[str, Keystore], log: AuditLog) -> None:
    """Let keystores of an earlier version, which hold no pins, take those of all that are there; once, and noted.

    A keystore that was made since is adopted when that of the audit log knows it.
    """
    known = stores[audit.PARTY].pins.of or pins_of(state.keys)
    lacking = [store for store in stores.values() if known.keys() - store.pins.of.keys()]
    if not lacking:
        return
    log.put(Note("key-change", SYSTEM, None, {"what": "keystores took each other's pins"}))
    log.commit()
    for store in lacking:
        store.pins = replace(store.pins, of={**known, **store.pins.of}, deployment=log_name(state))
        store.save()
    log.vouch({party: pin.digest for party, pin in known.items()}, {})
