"""The PES cannot decrypt what it encrypts: nothing that its objects reach gives the aggregation key away."""

from __future__ import annotations

import gc
import types
from collections import deque
from collections.abc import Iterator
from math import gcd
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from smarter.model.readings import ReadingBlock
from smarter.protocols.blinding import FEW_ENCRYPTIONS, Blindings
from smarter.protocols.pes import PesDeployment
from smarter.protocols.provision import open_keys
from smarter.protocols.session import recall

if TYPE_CHECKING:
    FinishedRun = Any

# What these reach is the program, not a party's memory.
CODE = (type, types.ModuleType, types.CodeType, types.FrameType)


def held_by(one: object) -> Iterator[object]:
    """What an object holds itself: attributes, slots, items; of a function its closure and defaults only."""
    if isinstance(one, types.FunctionType):
        yield from (one.__closure__, one.__defaults__, one.__kwdefaults__)
        return
    yield from gc.get_referents(one)
    if isinstance(one, np.ndarray) and one.dtype == object:
        yield from one.ravel().tolist()
    for kind in type(one).__mro__:
        slots = vars(kind).get("__slots__", ())
        yield from (getattr(one, name, None) for name in ([slots] if isinstance(slots, str) else slots))


def reachable(root: object) -> Iterator[object]:
    """Everything that an object holds, directly or not."""
    seen, waiting = {id(root): root}, deque([root])
    while waiting:
        one = waiting.popleft()
        yield one
        for other in held_by(one):
            if id(other) not in seen and not isinstance(other, CODE):
                seen[id(other)] = other
                waiting.append(other)


def gives_away(one: object, modulus: int, primes: tuple[int, int]) -> bool:
    """Whether a value shares a factor with the modulus, is a multiple of its totient's, or spells out a prime."""
    if isinstance(one, bytes | bytearray | memoryview | np.ndarray):
        data = one.tobytes() if isinstance(one, np.ndarray | memoryview) else bytes(one)
        forms = [prime.to_bytes(-(-prime.bit_length() // 8), order) for prime in primes for order in ("big", "little")]
        return any(form in data for form in forms)
    if isinstance(one, str):
        return any(form in one for prime in primes for form in (str(prime), f"{prime:x}"))
    if type(one).__name__ == "mpz" or (isinstance(one, int) and not isinstance(one, bool)):
        value = int(one)  # type: ignore[call-overload]
        shares = 1 < gcd(value, modulus) < modulus
        return shares or (value.bit_length() > 100 and pow(2, abs(value), modulus) == 1)
    return False


@pytest.fixture(scope="module")
def deployment(finished_run: FinishedRun) -> Iterator[tuple[PesDeployment, int, tuple[int, int]]]:
    """Parties that have worked: epochs begun, blindings made ahead, a hold carried and released."""
    session = recall(finished_run.scenario, finished_run.state)
    assert session is not None
    session.journal.close()
    keyring = open_keys(finished_run.state.keys, finished_run.unlock)
    parties = PesDeployment(
        session.scenario, session.plans, session.roster, session.deployment, keyring, session.cryptography, [], []
    )
    parties.begin_epochs()
    pool = parties.pes.blindings = Blindings(session.cryptography.scheme, 2, finished_run.state)
    pool.begin(parties.aggregate_key, FEW_ENCRYPTIONS)
    plan = session.plans[0]
    first = plan.first_slot
    readings = [[ReadingBlock("", first, np.arange(60, dtype=np.int64))] for _ in range(plan.size)]
    carried = parties.carry(plan.name, readings, first, first + 60)
    parties.release([parties.decide(carried.aggregates[0])])
    (pair,) = keyring.releaser(session.cryptography).aggregate.values()
    key = pair.private.material
    yield parties, int(pair.public.material.modulus), (int(key.p), int(key.q))
    pool.close()


def test_nothing_that_the_pes_holds_gives_the_aggregation_key_away(
    deployment: tuple[PesDeployment, int, tuple[int, int]],
) -> None:
    parties, modulus, primes = deployment
    found = list(reachable(parties.pes))
    assert any(type(one).__name__ == "mpz" and int(one) == modulus for one in found), "the walk sees numbers"  # type: ignore[call-overload]
    assert [type(one) for one in found if gives_away(one, modulus, primes)] == []
    assert not any(one is parties.releaser for one in found)


def test_nor_does_anything_that_meters_concentrator_and_mdms_hold(
    deployment: tuple[PesDeployment, int, tuple[int, int]],
) -> None:
    parties, modulus, primes = deployment
    for party in (parties.meters, parties._concentrator, parties.mdms, parties.networks):
        assert not any(gives_away(one, modulus, primes) for one in reachable(party))


def test_the_walk_finds_the_key_where_it_is(deployment: tuple[PesDeployment, int, tuple[int, int]]) -> None:
    parties, _, primes = deployment
    numbers = {int(one) for one in reachable(parties.releaser) if type(one).__name__ == "mpz"}  # type: ignore[call-overload]
    assert set(primes) <= numbers


def planted(key: tuple[int, int], modulus: int) -> dict[str, object]:
    """The key in the shapes in which it could hide."""
    p, q = key

    class Slotted:
        __slots__ = ("kept",)

        def __init__(self) -> None:
            self.kept = p * p

    def closure() -> int:
        return q

    return {
        "a prime in a dict of lists": {"x": [[p]]},
        "a power of it in a slot": Slotted(),
        "the totient in a tuple": ((p - 1) * (q - 1),),
        "its byte form in a larger one": [b"entry" + p.to_bytes(32, "big") + b"more"],
        "the other order of bytes, in an array": np.frombuffer(q.to_bytes(32, "little"), np.uint8),
        "a text": {"key": f"{p:x}"},
        "a function's closure": [closure],
        "a bound method": [Slotted().__init__],
        "a list's method": [[p].append],
        "an array of objects": np.array([p, None], object),
    }


@pytest.mark.parametrize("place", planted((251, 257), 251 * 257))
def test_the_walk_finds_the_key_wherever_it_is_planted(
    deployment: tuple[PesDeployment, int, tuple[int, int]], place: str
) -> None:
    _, modulus, primes = deployment
    holder = types.SimpleNamespace(inner=planted(primes, modulus)[place])
    assert any(gives_away(one, modulus, primes) for one in reachable(holder))
