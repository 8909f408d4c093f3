"""A street in memory: real meters, PES, releaser and MDMS under small keys, with nothing read or written.

Slots are counted from the street's first one. Every reading is known beforehand, so each sum can be checked. At the
end, for those who come to a door: what was derived from passwords.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from smarter.api import SYSTEM_RANDOMNESS, Cipher, KeyPair, Keywrap, Scheme
from smarter.keys import passwords, signing
from smarter.keys.naming import fingerprint
from smarter.keys.passwords import Cost
from smarter.model.messages import Aggregate, Signed
from smarter.model.periods import Periods
from smarter.model.readings import ReadingBlock
from smarter.model.stages import Stages
from smarter.model.windows import Axis, cut
from smarter.parties.mdms import MDMS, DataKeys, MdmsKeys
from smarter.parties.meter.meter import Meter, MeterIdentity
from smarter.parties.pes import PES, Absorbed, Area, Layout, PesKeys, lay_out
from smarter.parties.releaser import Ledger, LedgerEntry, Releaser, ReleaserKeys
from smarter.registry import registry
from smarter.releasing.rules import ReleaseRules

START = 1_451_606_400  # 2016-01-01T00:00Z
MINUTE, LARGEST = 60, 1_666_667  # 100 kW for a minute, mWh
DEPLOYMENT = bytes(range(16))

Spans = Mapping[int, Sequence[tuple[int, int]]]


@dataclass(frozen=True)
class Keys:
    """What is made once: plugins, and a key pair of each kind."""

    cipher: Cipher
    keywrap: Keywrap
    scheme: Scheme
    aggregate: KeyPair
    pes: KeyPair
    mdms: KeyPair
    pes_sign: tuple[bytes, bytes] = field(default_factory=signing.generate)
    releaser_sign: tuple[bytes, bytes] = field(default_factory=signing.generate)


def _plugin(kind: str, name: str, **options: object) -> object:
    chosen = registry().get(kind, name)
    return chosen(chosen.Options(**options))


@pytest.fixture(scope="session")
def keys() -> Keys:
    """Keys of a size for tests."""
    cipher, keywrap = _plugin("cipher", "aes-gcm"), _plugin("keywrap", "rsa-oaep", key_bits=2048)
    scheme = _plugin("scheme", "paillier", key_bits=512)
    assert isinstance(cipher, Cipher)
    assert isinstance(keywrap, Keywrap)
    assert isinstance(scheme, Scheme)
    return Keys(cipher, keywrap, scheme, scheme.generate(), keywrap.generate(), keywrap.generate())


class Street:
    """Six homes for six hours, unless told otherwise; every meter has announced its first key epoch."""

    def __init__(
        self,
        keys: Keys,
        *,
        meters: int = 6,
        hours: float = 6,
        demand: int = 900,
        billing: int = 10_800,
        hold: int = 60,
        grace: int = 0,
        frame: int = 60,
        combine: str = "frame",
        lanes: int | None = None,
        rules: ReleaseRules | None = None,
    ) -> None:
        self.keys, self.combine, self.rules = keys, combine, rules or ReleaseRules(5, 7_200)
        self.axis = Axis(MINUTE)
        self.first = self.axis.first_slot_from(START)
        self.pseudonyms = tuple(bytes([number]) * 8 for number in range(1, meters + 1))
        signers = [signing.generate() for _ in range(meters)]
        end = START + int(hours * 3600)
        self.grids = {"demand": cut("UTC", demand, START, end), "billing": cut("UTC", billing, START, end)}

        def layout(kind: str) -> Layout:
            return lay_out(
                kind,  # type: ignore[arg-type]
                self.grids[kind],
                self.axis,
                first_slot=self.first,
                hold=hold,
                grace=grace,
                meters=meters,
                largest=LARGEST,
                plaintext_bits=keys.scheme.plaintext_bits(keys.aggregate.public),
                most_lanes=lanes,
            )

        layouts = (layout("demand"), layout("billing"))
        verify_keys = tuple(public for public, _ in signers)
        self.area = Area("lane", self.axis, self.pseudonyms, verify_keys, LARGEST, grace, layouts)
        self.meters = [
            Meter(MeterIdentity(DEPLOYMENT, pseudonym, private), keys.cipher, self.axis, frame, LARGEST)
            for pseudonym, (_, private) in zip(self.pseudonyms, signers, strict=True)
        ]
        self.announcements = [self.announce(row) for row in range(meters)]
        self.pes = self.new_pes()

    def announce(self, row: int) -> bytes:
        """Begin a new key epoch of a meter."""
        message, _ = self.meters[row].begin_epoch(self.keys.keywrap, self.keys.pes.public, SYSTEM_RANDOMNESS)
        return message

    def new_pes(self) -> PES:
        """A PES with nothing in it that knows the announced epochs."""
        pes = PES(
            DEPLOYMENT,
            PesKeys(
                {self.keys.pes.public.fingerprint: self.keys.pes.private},
                self.keys.pes_sign[1],
                self.keys.aggregate.public,
            ),
            cipher=self.keys.cipher,
            keywrap=self.keys.keywrap,
            scheme=self.keys.scheme,
            areas=[self.area],
            rules=self.rules,
            combine=self.combine,  # type: ignore[arg-type]
            stages=Stages(),
        )
        for message in self.announcements:
            pes.accept_epoch(message)
        return pes

    def new_releaser(self, ledger: Iterable[LedgerEntry] = ()) -> Releaser:
        """A releaser that remembers ``ledger``, of which nothing has been delivered."""
        public, private = self.keys.releaser_sign
        entries = list(ledger)
        return Releaser(
            DEPLOYMENT,
            ReleaserKeys(
                {self.keys.aggregate.public.fingerprint: self.keys.aggregate},
                private,
                fingerprint(public),
                (self.keys.pes_sign[0],),
                self.keys.mdms.public,
            ),
            scheme=self.keys.scheme,
            keywrap=self.keys.keywrap,
            rules=self.rules,
            ledger=Ledger(entries, asked={entry.digest for entry in entries}),
            stages=Stages(),
        )

    def new_mdms(self) -> MDMS:
        """An MDMS."""
        public, _ = self.keys.releaser_sign
        unwrap = {self.keys.mdms.public.fingerprint: self.keys.mdms.private}
        data = DataKeys(DEPLOYMENT, Periods("run", {}))
        return MDMS(DEPLOYMENT, MdmsKeys(unwrap, {fingerprint(public): public}, data), self.keys.keywrap)

    def readings(self, row: int, first: int, end: int) -> np.ndarray:
        """What a meter measures, mWh; it exports at times."""
        return (np.arange(first, end, dtype=np.int64) * 7919 + row * 104_729) % 20_011 - 2_000

    def seal(self, row: int, first: int, end: int) -> list[bytes]:
        """A meter's frames of these slots."""
        block = ReadingBlock("", self.first + first, self.readings(row, first, end))
        return [data for _, _, data in self.meters[row].seal(block, self.first)]

    def frames(self, first: int, end: int, measured: Spans | None = None) -> list[bytes]:
        """All meters' frames of these slots; ``measured`` gives the spans of those that have not all of them."""
        return [
            data
            for row in range(len(self.meters))
            for low, high in (measured or {}).get(row, [(first, end)])
            for data in self.seal(row, low, high)
        ]

    def absorb(self, frames: Sequence[bytes], first: int, end: int) -> Absorbed:
        """Let the PES open a hold."""
        return self.pes.absorb("lane", frames, self.first + first, self.first + end)

    def close(self, slot: int) -> list[bytes]:
        """What the PES asks the releaser for when the clock shows ``slot``."""
        return self.pes.close("lane", self.first + slot)

    def carry(self, first: int, end: int, measured: Spans | None = None) -> list[bytes]:
        """A hold from the meters on, and what closes with it."""
        self.absorb(self.frames(first, end, measured), first, end)
        return self.close(end)

    def plaintexts(self, message: bytes) -> list[list[int] | None]:
        """What lies in each ciphertext of a signed aggregate, lane by lane: only a test may look."""
        from smarter.packing import LanePlan, unpack

        asked = Aggregate.decode(Signed.decode(message).body)
        plan = LanePlan(asked.bound, asked.lane_bytes, asked.capacity)
        opened: list[list[int] | None] = []
        for number, blob in enumerate(asked.ciphertexts):
            if not blob:
                opened.append(None)
                continue
            lanes = min(plan.capacity, asked.lanes - number * plan.capacity)
            batch = self.keys.scheme.load(self.keys.aggregate.public, [blob])
            totals = self.keys.scheme.decrypt(self.keys.aggregate.private, batch)
            opened.append(unpack(plan, totals, lanes, asked.kind)[0].tolist())
        return opened

    def released(
        self, messages: Iterable[bytes], releaser: Releaser | None = None
    ) -> dict[tuple[str, str, int], object]:
        """By kind, holder and window number: the energy that was released, or the status when none was."""
        releaser = releaser or self.new_releaser()
        out: dict[tuple[str, str, int], object] = {}
        for message in messages:
            (release,) = releaser.open([releaser.decide(message)])
            for verdict in release.verdicts:
                window = int(np.searchsorted(self.grids[verdict.kind].starts, verdict.start))
                value = release.energies[verdict.lane] if verdict.passes else verdict.status.word
                out[verdict.kind, verdict.holder, window] = value
        return out

    def asked(self, message: bytes) -> Aggregate:
        """What a signed aggregate says."""
        return Aggregate.decode(Signed.decode(message).body)


@pytest.fixture
def street(keys: Keys) -> Callable[..., Street]:
    """Makes streets."""

    def make(**options: object) -> Street:
        return Street(keys, **options)  # type: ignore[arg-type]

    return make


@pytest.fixture
def derivations(monkeypatch: pytest.MonkeyPatch) -> list[Cost]:
    """Every derivation from a password, by its cost."""
    made: list[Cost] = []
    real = passwords.stretch

    def counted(password: bytes, salt: bytes, cost: Cost) -> bytes:
        made.append(cost)
        return real(password, salt, cost)

    monkeypatch.setattr(passwords, "stretch", counted)
    return made
