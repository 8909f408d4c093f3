"""The MDMS's keys as its keystore has them, with its data keys by household and billing period.

``provision`` calls it for a run, ``session`` for whoever asks a finished one, ``erasure`` to destroy some.
"""

from __future__ import annotations

from collections.abc import Iterable

from smarter.api import Keywrap
from smarter.keys.data_key import DataKey
from smarter.keys.entries import PublicEntry
from smarter.keys.keystore import Keystore
from smarter.model.periods import Periods
from smarter.parties.mdms import DataKeys, MdmsKeys

DATA, BILLS = "data", "bills"
"""Purposes of the keys for what is kept of households: windows, by household and period, and bare totals of bills."""


def mdms_keys(store: Keystore, releaser: Iterable[PublicEntry], keywrap: Keywrap, data: DataKeys) -> MdmsKeys:
    """The MDMS's keys from its own keystore and the releaser's public signing keys."""
    return MdmsKeys(
        {entry.fingerprint: keywrap.load_private(entry.private) for entry in store.entries("unwrap")},
        {entry.fingerprint: entry.public for entry in releaser},
        data,
    )


def data_keys(store: Keystore, deployment: bytes, periods: Periods) -> DataKeys:
    """The MDMS's data keys, from its own keystore."""
    keys = []
    for entry in store.entries():
        kind, _, place = entry.purpose.partition("/")
        if kind == DATA:
            household, _, period = place.partition("/")
            keys.append((household, period, DataKey.of(entry)))
    bills = DataKey.of(store.current(BILLS)) if any(store.entries(BILLS)) else None
    return DataKeys(deployment, periods, keys, bills)


def data_purpose(household: str, period: str) -> str:
    """What the MDMS's keystore calls the data key of a household and billing period."""
    return f"{DATA}/{household}/{period}"
