"""What one scheme costs under keys of one size, operation by operation; ``operations`` calls it for each."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from math import ceil

import numpy as np
from numpy.typing import NDArray

from smarter.api import Ciphertexts, KeyPair, Scheme
from smarter.bench.figures import Figure, Pace, Row, elapsed
from smarter.bench.wording import PER_READING
from smarter.errors import VerificationFailed
from smarter.model.readings import MWH_PER_KWH
from smarter.model.windows import longest_length
from smarter.packing import LanePlan, pack, plan_lanes

RATING_KW, READING_S, DEMAND_S, METERS = 100, 60, 900, 10
"""Whose lanes: those of a scenario's defaults, for the demand of ten meters."""
LARGEST = ceil(RATING_KW * MWH_PER_KWH * READING_S / 3600)
"""The most energy of a reading, mWh."""

EXPECTED = 100_000
"""Encryptions that tables are made for: a week of ten homes, a ciphertext a reading."""
FACTOR = 40_503
"""What is scaled by: 16 bits, half of them set."""
BATCH = 1000
DISTINCT = 4
"""Ciphertexts that operations on ciphertexts take turns with; some schemes take a quarter of a second for one."""
TABLE_SECONDS = 2.0
"""When so many have gone into tables, a figure has enough runs."""
SHORTEST_TABLE = 1e-4
"""Seconds: what ``prepare`` is done with sooner is no table."""


def demand_lanes(plaintext_bits: int) -> LanePlan:
    """The lanes of demand windows of 15 minutes, in each of which ten meters add up their minutes."""
    return plan_lanes(plaintext_bits, LARGEST * METERS * longest_length(DEMAND_S) // READING_S)


def full_plaintexts(plan: LanePlan, count: int) -> list[int]:
    """So many plaintexts with a reading in every lane."""
    return pack(plan, _readings(plan, count))


def _readings(plan: LanePlan, count: int) -> NDArray[np.int64]:
    random = np.random.default_rng(7)  # what is measured, and so no secret
    return random.integers(-LARGEST, LARGEST, (count, plan.capacity), dtype=np.int64, endpoint=True)


class SchemeTrial:
    """One scheme, one key size. The steps are to be carried out in order, since each needs the keys of the first."""

    def __init__(self, scheme: Scheme, subject: str, key_bits: int | None, pace: Pace) -> None:
        """Nothing is computed yet.

        Args:
            scheme: with its options.
            subject: what its rows are of.
            key_bits: as asked for; None: the scheme knows but one size.
            pace: how long and how often to measure.
        """
        self.subject = subject if key_bits is None else f"{subject}, {key_bits} bits"
        self._scheme, self._name, self._key_bits, self._pace = scheme, subject, key_bits, pace
        self._pairs: deque[KeyPair] = deque(maxlen=pace.repeats)

    @property
    def steps(self) -> dict[str, Callable[[], list[Row]]]:
        """What is measured by which call, in order."""
        kind = type(self._scheme)
        steps = {"generate": self._generate}
        if kind.prepare is not Scheme.prepare:
            steps["table"] = self._table
        steps |= {"encrypt": self._encrypt, "pack and encrypt": self._pack_and_encrypt}
        if kind._encrypt_as_holder is not Scheme._encrypt_as_holder:
            steps["encrypt as holder"] = self._encrypt_as_holder
        return steps | {
            "add": self._add,
            "scale": self._scale,
            "rerandomise": self._rerandomise,
            "release": self._release,
        }

    def _generate(self) -> list[Row]:
        def ready(count: int) -> Callable[[], object]:
            return lambda: self._pairs.extend(self._scheme.generate() for _ in range(count))

        return [self._row("generate", self._pace.figure(ready))]

    def _table(self) -> list[Row]:
        def made(pair: KeyPair) -> float:
            return elapsed(lambda: self._scheme.prepare(pair.public, EXPECTED))

        *others, mine = self._pairs
        values: list[float] = []
        for pair in others:  # a key each, since a table is made but once for a key
            if sum(values) < TABLE_SECONDS:
                values.append(made(pair))
        figure = Figure.of([*values, made(mine)])  # mine last, since a scheme may keep but a few
        return [self._row("table", figure)] if figure.median > SHORTEST_TABLE else []

    def _encrypt(self) -> list[Row]:
        scheme, public = self._scheme, self._pair.public
        plaintexts = self._plaintexts = full_plaintexts(self._plan, BATCH)
        batch = scheme.encrypt(public, plaintexts[:DISTINCT])
        self._ciphertexts = batch
        if scheme.decrypt(self._pair.private, batch[0]) != plaintexts[:1]:
            raise VerificationFailed(f"{self._name} decrypts to another number than it encrypted.")
        size = Figure.of([len(scheme.dump(public, batch[0])[0])])
        figure = self._batched(lambda count: lambda: scheme.encrypt(public, plaintexts[:count]))
        return [self._row("encrypt", figure), self._row("ciphertext", size, unit="bytes")]

    def _pack_and_encrypt(self) -> list[Row]:
        scheme, public, plan = self._scheme, self._pair.public, self._plan
        readings = _readings(plan, BATCH)
        figure = self._batched(lambda count: lambda: scheme.encrypt(public, pack(plan, readings[:count])))
        return [self._row(f"encrypt, {PER_READING}", figure.per(plan.capacity), lanes=plan.capacity)]

    def _encrypt_as_holder(self) -> list[Row]:
        def ready(count: int) -> Callable[[], object]:
            return lambda: self._scheme.encrypt_as_holder(self._pair, self._plaintexts[:count])

        return [self._row("encrypt as holder", self._batched(ready))]

    def _add(self) -> list[Row]:
        def ready(count: int) -> Callable[[], object]:
            left, right = self._taken(count), self._taken(count, since=1)
            return lambda: self._scheme.add(self._pair.public, left, right)

        return self._with_share("add", self._batched(ready))

    def _scale(self) -> list[Row]:
        def ready(count: int) -> Callable[[], object]:
            batch, factors = self._taken(count), [FACTOR] * count
            return lambda: self._scheme.scale(self._pair.public, batch, factors)

        return self._with_share("scale", self._batched(ready))

    def _rerandomise(self) -> list[Row]:
        def ready(count: int) -> Callable[[], object]:
            batch = self._taken(count)
            return lambda: self._scheme.rerandomise(self._pair.public, batch)

        return [self._row("rerandomise", self._batched(ready))]

    def _release(self) -> list[Row]:
        def ready(count: int) -> Callable[[], object]:
            batch = self._taken(count)
            return lambda: self._scheme.decrypt(self._pair.private, batch)

        return self._with_share("release", self._batched(ready))

    def _with_share(self, what: str, figure: Figure) -> list[Row]:
        """What a ciphertext costs, and what each of the readings in its lanes."""
        lanes = self._plan.capacity
        return [self._row(what, figure), self._row(f"{what}, {PER_READING}", figure.per(lanes), lanes=lanes)]

    def _batched(self, ready: Callable[[int], Callable[[], object]]) -> Figure:
        """Seconds of one operation of batches: however many a run has, no more than :data:`BATCH` are held at once."""

        def rounds(count: int) -> Callable[[], object]:
            whole, rest = divmod(count, BATCH)
            works = [ready(BATCH)] * whole + ([ready(rest)] if rest else [])

            def carry_out() -> None:
                for work in works:
                    work()

            return carry_out

        return self._pace.figure(rounds)

    @property
    def _pair(self) -> KeyPair:
        return self._pairs[-1]

    @property
    def _plan(self) -> LanePlan:
        return demand_lanes(self._scheme.plaintext_bits(self._pair.public))

    def _taken(self, count: int, since: int = 0) -> Ciphertexts:
        values: Sequence[object] = list(islice(cycle(self._ciphertexts.values), since, since + count))
        return Ciphertexts(self._ciphertexts.key, values)

    def _row(self, what: str, figure: Figure, *, unit: str = "s", lanes: int | None = None) -> Row:
        return Row(
            group="scheme",
            subject=self._name,
            what=what,
            unit=unit,
            figure=figure,
            key_bits=self._key_bits,
            lanes=lanes,
            demo=self._scheme.insecure_demo,
        )
