"""The MDMS's keys and data keys, from its keystore and the file beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from smarter.api import Keywrap
from smarter.keys.data_key import DataKey
from smarter.keys.entries import PublicEntry
from smarter.keys.keystore import Keystore
from smarter.model.periods import Periods
from smarter.parties.mdms import DataKeys, MdmsKeys
from smarter.protocols.demand_keys import KeptDemandKeys
from smarter.state import DemandKeyFile

DATA, BILLS, DEMAND = "data", "bills", "demand"
"""Purposes of keys for what is kept: windows, by household and period; bare totals of bills; keys of demand windows."""


def mdms_keys(store: Keystore, releaser: Iterable[PublicEntry], keywrap: Keywrap, data: DataKeys) -> MdmsKeys:
    """The MDMS's keys from its own keystore and the releaser's public signing keys."""
    return MdmsKeys(
        {entry.fingerprint: keywrap.load_private(entry.private) for entry in store.entries("unwrap")},
        {entry.fingerprint: entry.public for entry in releaser},
        data,
    )


def data_keys(
    store: Keystore,
    deployment: bytes,
    periods: Periods,
    file: DemandKeyFile,
    windows: Mapping[str, NDArray[np.int64]] = MappingProxyType({}),
) -> DataKeys:
    """The MDMS's data keys, from its own keystore and the file of those of demand windows.

    ``windows``: starts of the demand windows of a run, by neighbourhood.
    """
    keys = []
    for entry in store.entries():
        kind, _, place = entry.purpose.partition("/")
        if kind == DATA:
            household, _, period = place.partition("/")
            keys.append((household, period, DataKey.of(entry)))
    bills = DataKey.of(store.current(BILLS)) if any(store.entries(BILLS)) else None
    return DataKeys(deployment, periods, keys, bills, demand_keys(store, deployment, file, windows))


def demand_keys(
    store: Keystore,
    deployment: bytes,
    file: DemandKeyFile,
    windows: Mapping[str, NDArray[np.int64]] = MappingProxyType({}),
) -> KeptDemandKeys:
    """Those of demand windows."""
    master = DataKey.of(store.current(DEMAND)) if any(store.entries(DEMAND)) else None
    return KeptDemandKeys(file, deployment, master, windows)


def data_purpose(household: str, period: str) -> str:
    """What the MDMS's keystore calls the data key of a household and billing period."""
    return f"{DATA}/{household}/{period}"
