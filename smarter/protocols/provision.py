"""Making and opening the parties' keys for protocol ``pes``: a keystore per party, each with its own secret.

A deployment's keys are made once, before it is enrolled in the journal; ``smarter keys rotate`` replaces them one by
one, and those that unwrap stay for what was made under them.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from smarter.api import KeyPair, Keywrap, PublicKey, Scheme
from smarter.keys import audit, precomputed, signing
from smarter.keys.data_key import DataKey
from smarter.keys.entries import KeyEntry
from smarter.keys.keystore import Keystore
from smarter.keys.naming import fingerprint
from smarter.keys.pins import Pins
from smarter.keys.unlock import Unlock
from smarter.model.control import awaited
from smarter.model.periods import Periods
from smarter.parties.mdms import DataKeys, MdmsKeys
from smarter.parties.pes import PesKeys
from smarter.parties.releaser import ReleaserKeys
from smarter.protocols.mdms_keys import DEMAND, data_keys, data_purpose, mdms_keys
from smarter.state import DemandKeyFile, demand_keys

PARTIES = ("meters", "pes", "releaser", "mdms", audit.PARTY)
ERASED = "erased"
"""Purpose of what a meters' keystore remembers of a meter that was erased: its last key epoch before, and when."""
MOVED_OUT = "moved-out"
"""Purpose of what it remembers of a meter whose customer moved out: the last key epoch before."""
READS_AFTER = "reads-after"
"""Purpose of what it remembers of a meter with a customer: the last key epoch that stays sealed to them."""
EPOCH_PURPOSES = ("epoch", MOVED_OUT, READS_AFTER, ERASED)
ROTATABLE = {
    "pes": ("unwrap", "sign"),
    "releaser": ("aggregate", "sign"),
    "mdms": ("unwrap",),
}
"""Which keys of which party can be replaced; a meter's are replaced by every start of it, the audit log's by itself."""


@dataclass(frozen=True)
class Cryptography:
    """The plugins that keys belong to."""

    scheme: Scheme
    keywrap: Keywrap


@dataclass(frozen=True, repr=False)
class Keyring:
    """The opened keystores of a simulation, in which one process plays all parties.

    ``demand``: the MDMS's data keys of demand windows, in a file beside its keystore.
    """

    stores: Mapping[str, Keystore]
    demand: DemandKeyFile

    def meter_signing_key(self, pseudonym: bytes) -> bytes:
        """A meter's Ed25519 private key."""
        return self.stores["meters"].current(f"sign/{pseudonym.hex()}").private

    def keep_epochs(
        self, epochs: Mapping[bytes, tuple[int, bytes]], forgotten: Sequence[tuple[bytes, int]] = ()
    ) -> None:
        """Keep each meter's new epoch secret, so that it can hand its seal key to its customer later.

        ``forgotten``: earlier epochs (pseudonym, number) of which no frame is kept any more.
        """
        store = self.stores["meters"]
        for pseudonym, gone in forgotten:
            store.forget_one(f"epoch/{pseudonym.hex()}", f"{gone:08x}")
        for pseudonym, (epoch, secret) in epochs.items():
            number = f"{epoch:08x}"
            store.add(KeyEntry.fresh(f"epoch/{pseudonym.hex()}", fingerprint=number, plugin="hkdf", private=secret))
        store.save(overwrite=bool(forgotten))

    def last_epochs(self) -> dict[bytes, int]:
        """The last key epoch of each meter that its keystore knows of, also those that were left or erased."""
        last: dict[bytes, int] = {}
        for entry in self.stores["meters"].entries():
            kind, _, name = entry.purpose.partition("/")
            if kind in EPOCH_PURPOSES:
                meter = bytes.fromhex(name)
                last[meter] = max(last.get(meter, 0), int(entry.fingerprint, 16))
        return last

    def epoch_secrets(self, pseudonym: bytes) -> dict[int, bytes]:
        """A meter's epoch secrets, by key epoch."""
        entries = self.stores["meters"].entries(f"epoch/{pseudonym.hex()}")
        return {int(entry.fingerprint, 16): entry.private for entry in entries}

    def aggregate_key(self, scheme: Scheme) -> PublicKey:
        """The public key of the scheme under which sums are encrypted."""
        return scheme.load_public(self.stores["releaser"].current("aggregate").public)

    def pes(self, plugins: Cryptography) -> PesKeys:
        """What the PES holds: of the scheme the public key only."""
        store = self.stores["pes"]
        return PesKeys(
            {entry.fingerprint: plugins.keywrap.load_private(entry.private) for entry in store.entries("unwrap")},
            store.current("sign").private,
            self.aggregate_key(plugins.scheme),
        )

    def precompute_key(self) -> bytes:
        """The secret under which the PES keeps blindings on the disk; made when it is first asked for."""
        store = self.stores["pes"]
        if not any(store.entries("precompute")):
            secret = secrets.token_bytes(precomputed.KEY_BYTES)
            name = secrets.token_hex(16)
            store.add(KeyEntry.fresh("precompute", fingerprint=name, plugin="aes-256-gcm", private=secret))
            store.save()
        return store.current("precompute").private

    def releaser(self, plugins: Cryptography) -> ReleaserKeys:
        """What the releaser holds."""
        store = self.stores["releaser"]
        pairs = {
            entry.fingerprint: KeyPair(
                plugins.scheme.load_public(entry.public), plugins.scheme.load_private(entry.private)
            )
            for entry in store.entries("aggregate")
        }
        return ReleaserKeys(
            pairs,
            store.current("sign").private,
            store.current("sign").fingerprint,
            tuple(entry.public for entry in self.stores["pes"].entries("sign")),
            plugins.keywrap.load_public(self.stores["mdms"].current("unwrap").public),
        )

    def mdms(
        self,
        plugins: Cryptography,
        deployment: bytes,
        periods: Periods,
        windows: Mapping[str, NDArray[np.int64]] = MappingProxyType({}),
    ) -> MdmsKeys:
        """What the MDMS holds.

        Args:
            plugins: those that its keys belong to.
            deployment: 16 bytes.
            periods: the billing periods of its households.
            windows: starts of the demand windows that are to come, epoch seconds, by neighbourhood.
        """
        store = self.stores["mdms"]
        if not any(store.entries(DEMAND)):  # of an earlier version
            store.add(DataKey.fresh().entry(DEMAND))
            store.save()
        data = data_keys(store, deployment, periods, self.demand, windows)
        return mdms_keys(store, self.stores["releaser"].entries("sign"), plugins.keywrap, data)

    def keep_data_keys(self, keys: DataKeys) -> None:
        """Keep the data keys that the MDMS has made, before anything that is sealed under one is stored."""
        if keys.fresh:
            store = self.stores["mdms"]
            for household, period, key in keys.fresh:
                store.add(key.entry(data_purpose(household, period)))
            store.save()
            keys.fresh.clear()
        keys.keep_demand_keys()


def make_keys(
    folder: Path,
    unlock: Unlock,
    plugins: Cryptography,
    deployment: bytes,
    pseudonyms: Iterable[bytes],
    encrypting: Callable[[PublicKey], None],
) -> Generator[tuple[int, int], None, Keyring]:
    """Make all keys of a new deployment; what a start that was killed half-way has left is replaced.

    Yields how many of how many keys are made, and returns them opened. ``encrypting`` is told the aggregation key when
    it is made.
    """
    names = list(pseudonyms)
    total = sum(map(len, ROTATABLE.values())) + len(names)
    made = 0
    stores = {}
    for party in PARTIES:
        Keystore.destroy(folder, party, unlock)
        stores[party] = Keystore.create(folder, party, unlock)
    for pseudonym in names:
        stores["meters"].add(_new_signing_key(f"sign/{pseudonym.hex()}"))
    made += len(names)
    yield made, total
    entries = {}
    for (party, purpose), entry in _at_once(plugins):
        if purpose == "aggregate":
            encrypting(plugins.scheme.load_public(entry.public))
        entries[party, purpose] = entry
        made += 1
        yield made, total
    for party, purposes in ROTATABLE.items():
        for purpose in purposes:
            stores[party].add(entries[party, purpose])
    stores["mdms"].add(DataKey.fresh().entry(DEMAND))
    audit.fill(stores[audit.PARTY])
    pins = Pins({party: store.pin for party, store in stores.items()}, deployment.hex())
    for store in stores.values():
        store.pins = pins
        store.save()
    return Keyring(stores, DemandKeyFile(folder / demand_keys.FILE))


def _at_once(plugins: Cryptography) -> Iterator[tuple[tuple[str, str], KeyEntry]]:
    """Every key of :data:`ROTATABLE`, each made in a thread of its own: libraries let others run while they search."""
    made: SimpleQueue[tuple[tuple[str, str], KeyEntry | BaseException]] = SimpleQueue()

    def make(party: str, purpose: str) -> None:
        try:
            made.put(((party, purpose), new_key(purpose, plugins)))
        except BaseException as error:  # noqa: BLE001 - raised again below, in the thread that asked
            made.put(((party, purpose), error))

    places = [(party, purpose) for party, purposes in ROTATABLE.items() for purpose in purposes]
    for place in places:
        # A daemon: whoever gives up in the middle need not wait for it.
        threading.Thread(target=make, args=place, daemon=True).start()
    for _ in places:
        place, entry = awaited(made)
        if isinstance(entry, BaseException):
            raise entry
        yield place, entry


def open_keys(folder: Path, unlock: Unlock) -> Keyring:
    """Open all keystores that a run takes.

    Raises:
        WrongPassphrase: a passphrase that is not the keystore's.
        DamagedKeys: a keystore or its key file is missing or does not read back.
    """
    stores = {party: Keystore.open(folder, party, unlock) for party in PARTIES if party != audit.PARTY}
    return Keyring({**stores, audit.PARTY: audit_keystore(folder, unlock)}, DemandKeyFile(folder / demand_keys.FILE))


def audit_keystore(folder: Path, unlock: Unlock) -> Keystore:
    """Open the keystore of the audit log; it is made in a state from before there was one.

    Raises:
        WrongPassphrase: a passphrase that is not the keystore's.
        DamagedKeys: it does not read back.
    """
    if Keystore.exists(folder, audit.PARTY):
        return Keystore.open(folder, audit.PARTY, unlock)
    store = Keystore.create(folder, audit.PARTY, unlock)
    audit.fill(store)
    return store


def new_key(purpose: str, plugins: Cryptography) -> KeyEntry:
    """A fresh key for ``aggregate``, ``unwrap`` or ``sign``."""
    if purpose == "sign":
        return _new_signing_key(purpose)
    plugin: Scheme | Keywrap = plugins.scheme if purpose == "aggregate" else plugins.keywrap
    pair = plugin.generate()
    return KeyEntry.fresh(
        purpose,
        fingerprint=pair.public.fingerprint,
        plugin=plugin.name,
        public=plugin.dump_public(pair.public),
        private=plugin.dump_private(pair.private),
    )


def _new_signing_key(purpose: str) -> KeyEntry:
    public, private = signing.generate()
    name = fingerprint(public)
    return KeyEntry.fresh(purpose, fingerprint=name, plugin=signing.PLUGIN, public=public, private=private)
