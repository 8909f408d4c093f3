"""Which keys of a deployment are due to be replaced: said at the start of each run, while they are still locked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from smarter.keys import audit
from smarter.keys.ages import LIFETIME, age, due
from smarter.keys.keystore import Keystore, public_entries
from smarter.protocols.provision import ROTATABLE


def keys_due(folder: Path, at: float) -> Iterator[str]:
    """A warning for each key that is past its lifetime at ``at`` (epoch seconds), or soon will be.

    Raises:
        DamagedKeys: a keystore does not read back.
    """
    for party in (*ROTATABLE, audit.PARTY):
        for entry in public_entries(folder, party) if Keystore.exists(folder, party) else ():
            if when := due(entry, at):
                days = age(entry, at).days
                said = f"is {days - LIFETIME.days:,} days past" if when == "over" else "soon reaches"
                yield (
                    f"the {entry.purpose} key of {party} {said} its {LIFETIME.days} days: `smarter keys rotate` "
                    "replaces it when the run is finished."
                )
