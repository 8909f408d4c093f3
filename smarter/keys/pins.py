"""Pins: by which each keystore knows all the others, so that none can be replaced behind its back.

A pin is of a keystore's header: its random name, what unlocks it, its generation, and its public keys. Every keystore
holds the pins of all inside its sealed part; :meth:`smarter.keys.keystore.Keystore.open` compares them with the files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from smarter.keys.entries import PublicEntry

PINNED = ("aggregate", "sign", "unwrap")
"""Purposes whose public keys are pinned: others come and go between changes of keys, such as those of customers."""


@dataclass(frozen=True)
class Pin:
    """What a keystore is known by.

    Attributes:
        identity: its random name, hexadecimal, which changes with its lock.
        kind: what unlocks it.
        generation: how many times its keys or its lock were changed.
        keys: SHA-256 over its pinned public keys, hexadecimal.
    """

    identity: str
    kind: str
    generation: int
    keys: str

    @classmethod
    def of(cls, identity: str, kind: str, generation: int, entries: Iterable[PublicEntry]) -> Pin:
        """The pin of a keystore with these entries, in their order."""
        pinned = [
            [entry.purpose, entry.fingerprint, entry.current, entry.public.hex()]
            for entry in entries
            if entry.public and entry.purpose.partition("/")[0] in PINNED
        ]
        return cls(identity, kind, generation, hashlib.sha256(json.dumps(pinned).encode()).hexdigest())

    @property
    def digest(self) -> str:
        """SHA-256 over all of it, hexadecimal: as the head of the audit log holds it."""
        return hashlib.sha256(json.dumps(self.form()).encode()).hexdigest()

    def form(self) -> list[Any]:
        """As it is written."""
        return [self.identity, self.kind, self.generation, self.keys]

    @classmethod
    def from_form(cls, form: Any) -> Pin:
        """The reverse of :meth:`form`; raises :class:`ValueError`."""
        match form:
            case [str(identity), str(kind), int(generation), str(keys)]:
                return cls(identity, kind, generation, keys)
        raise ValueError("a pin is not in the form that is written")


@dataclass(frozen=True)
class Change:
    """A change of one keystore that was begun: every other keystore holds it until it is finished.

    Attributes:
        party: whose keystore it is.
        what: the command that makes it, behind ``smarter keys``: ``rotate SCENARIO mdms unwrap``.
        before: its pin until then.
        after: its pin from then on.
    """

    party: str
    what: str
    before: Pin
    after: Pin

    def form(self) -> list[Any]:
        """As it is written."""
        return [self.party, self.what, self.before.form(), self.after.form()]

    @classmethod
    def from_form(cls, form: Any) -> Change:
        """The reverse of :meth:`form`; raises :class:`ValueError`."""
        match form:
            case [str(party), str(what), list(before), list(after)]:
                return cls(party, what, Pin.from_form(before), Pin.from_form(after))
        raise ValueError("a change of keys is not in the form that is written")


@dataclass(frozen=True)
class Pins:
    """What a keystore holds of all keystores, itself among them.

    Attributes:
        of: pins by party; empty in a keystore of an earlier version, which holds none.
        deployment: that they are of, in hexadecimal; empty in such a keystore, too.
        change: one that was begun and not finished.
    """

    of: Mapping[str, Pin]
    deployment: str
    change: Change | None = None

    def form(self) -> dict[str, Any]:
        """As it is written."""
        return {
            "of": {party: pin.form() for party, pin in self.of.items()},
            "deployment": self.deployment,
            "change": self.change.form() if self.change else None,
        }

    @classmethod
    def from_form(cls, form: Any) -> Pins:
        """The reverse of :meth:`form`; raises :class:`ValueError`."""
        match form:
            case {"of": dict(pins), "deployment": str(deployment), "change": change, **rest} if not rest:
                of = {str(party): Pin.from_form(pin) for party, pin in pins.items()}
                return cls(of, deployment, None if change is None else Change.from_form(change))
        raise ValueError("pins are not in the form that is written")


NO_PINS = Pins({}, "")
