"""Who holds what: the PES cannot decrypt what it encrypts, and nobody but meter, PES and customer opens a frame."""

from __future__ import annotations

import gc
import os
import re
import types
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from math import gcd
from pathlib import Path

import numpy as np
import pytest

from smarter.api import AuthenticationFailed, KeyedCipher
from smarter.keys.derive import epoch_keys
from smarter.keys.unlock import KeyFileUnlock
from smarter.model.events import Finished
from smarter.model.messages import Frame
from smarter.model.readings import ReadingBlock
from smarter.parties.pes import PES
from smarter.protocols.blinding import BATCH, FEW_ENCRYPTIONS, SMALL_KEY_BITS, Blindings
from smarter.protocols.pes import PesDeployment
from smarter.protocols.provision import open_keys
from smarter.protocols.session import recall
from smarter.protocols.workers import Workers, _Task, _Worker
from smarter.run import run
from smarter.scenario import parse_scenario
from smarter.state import KeptMeter, StateFolder

CHECKOUT = Path(__file__).parents[2]

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
def deployment(
    small_scenario: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[PesDeployment, int, tuple[int, int]]]:
    """Parties that have worked: epochs begun, blindings made ahead by workers, a hold carried and released."""
    text = small_scenario.replace("key_bits: 512", f"key_bits: {SMALL_KEY_BITS}")  # smaller ones get no workers
    scenario, state = parse_scenario(text, source="small", base=CHECKOUT), StateFolder(tmp_path_factory.mktemp("run"))
    unlock = KeyFileUnlock(state.keys)
    *_, last = run(scenario, state, unlock=unlock)
    assert isinstance(last, Finished)
    session = recall(scenario, state)
    assert session is not None
    session.journal.close()
    keyring = open_keys(state.keys, unlock)
    parties = PesDeployment(
        session.scenario, session.plans, session.roster, session.deployment, keyring, session.cryptography, [], []
    )
    parties.begin_epochs()
    pool = parties.pes.blindings = Blindings(session.cryptography.scheme, 2, state)
    pool.begin(parties.aggregate_key, FEW_ENCRYPTIONS)
    pool.await_ready(2 * BATCH)
    plan = session.plans[0]
    first = plan.first_slot
    readings = [[ReadingBlock("", first, np.arange(60, dtype=np.int64))] for _ in range(plan.size)]
    carried = parties.carry(plan.name, readings, first, first + 60)
    parties.release(parties.decide(carried.aggregates[:1]))
    (pair,) = keyring.releaser(session.cryptography).aggregate.values()
    key = pair.private.material
    assert pool.ahead
    assert 0 < pool.taken < BATCH, "the PES has taken from what was made ahead, and there is more"
    assert pool.failure is None
    yield parties, int(pair.public.material.modulus), (int(key.p), int(key.q))
    pool.close()


def test_nothing_that_the_pes_holds_gives_the_aggregation_key_away(
    deployment: tuple[PesDeployment, int, tuple[int, int]],
) -> None:
    parties, modulus, primes = deployment
    found = list(reachable(parties.pes))
    assert any(type(one).__name__ == "mpz" and int(one) == modulus for one in found), "the walk sees numbers"  # type: ignore[call-overload]
    assert {PES, Blindings, Workers, _Worker, _Task} <= {type(one) for one in found}, "and pool and workers"
    pool = parties.pes.blindings
    assert isinstance(pool, Blindings)
    there = set(map(id, found))
    assert len(pool._ready) > BATCH / 2
    assert all(id(one) in there for one in pool._ready), "the walk sees what they have made ahead"
    assert [type(one) for one in found if gives_away(one, modulus, primes)] == []
    assert not any(one is parties.releaser for one in found)


@pytest.mark.parametrize("place", ["among the blindings made ahead", "in what a worker was told"])
def test_the_walk_finds_the_key_in_the_pool(
    deployment: tuple[PesDeployment, int, tuple[int, int]], place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    parties, modulus, primes = deployment
    pool = parties.pes.blindings
    assert isinstance(pool, Blindings)
    assert pool._workers is not None
    if place == "among the blindings made ahead":
        monkeypatch.setattr(pool, "_ready", deque([*pool._ready, primes[0] * primes[0]]))
    else:
        told = replace(pool._workers._task, public=primes[1].to_bytes(SMALL_KEY_BITS // 16, "big"))
        monkeypatch.setattr(pool._workers, "_task", told)
    assert any(gives_away(one, modulus, primes) for one in reachable(parties.pes))


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs /proc to look into a process's memory")
def test_nor_does_the_memory_of_any_worker(
    deployment: tuple[PesDeployment, int, tuple[int, int]], memory_of: Callable[[int], bytes]
) -> None:
    parties, modulus, primes = deployment
    pool = parties.pes.blindings
    assert isinstance(pool, Blindings)
    assert pool._workers is not None
    secrets = [prime.to_bytes(SMALL_KEY_BITS // 16, order) for prime in primes for order in ("little", "big")]
    public = modulus.to_bytes(SMALL_KEY_BITS // 8, "little")
    memories = [memory_of(worker) for worker in pool._workers.processes]
    assert len(memories) == 2
    assert any(public in memory for memory in memories), "the search finds what is there"
    assert any(secret in memory_of(os.getpid()) for secret in secrets), "the search finds what is there"
    assert not any(secret in memory for memory in memories for secret in secrets)


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


def test_only_meter_and_pes_hold_what_opens_a_frame(
    deployment: tuple[PesDeployment, int, tuple[int, int]],
) -> None:
    parties, _, _ = deployment
    secrets, _ = parties.begin_epochs()
    (name,) = parties.meters
    plan = parties._plans[name]
    first = plan.first_slot + 60
    readings = [[ReadingBlock("", first, np.arange(60, dtype=np.int64))] for _ in range(plan.size)]
    frame = Frame.decode(parties.carry(name, readings, first, first + 60).sent[0].data)
    header = frame.header
    epoch, secret = secrets[header.pseudonym]
    of = {"deployment": header.deployment, "pseudonym": header.pseudonym, "epoch": epoch}
    keys = (secret, epoch_keys(secret, cipher_key_bytes=32, **of).seal)

    def opens(one: object) -> bool:
        if isinstance(one, bytes | bytearray):
            return any(key in one for key in keys)
        if not isinstance(one, KeyedCipher):
            return False
        try:
            one.open(header.nonce, frame.sealed, header.encode())
        except AuthenticationFailed:
            return False
        return True

    for party in (parties._concentrator, parties.networks, parties.releaser, parties.mdms):
        assert not any(opens(one) for one in reachable(party))
    for party in (parties.meters, parties.pes):
        assert any(opens(one) for one in reachable(party)), "the walk sees ciphers"


def test_parties_know_a_meter_by_its_pseudonym_alone(deployment: tuple[PesDeployment, int, tuple[int, int]]) -> None:
    """They are made from a roster that has the names of the source, too: ``home1`` to ``home6``."""
    parties, _, _ = deployment
    pseudonyms = {meter.pseudonym for meters in parties.meters.values() for meter in meters}
    assert [len(pseudonym) for pseudonym in pseudonyms] == [8] * 6

    def names(party: object) -> list[str]:
        texts = (
            one if isinstance(one, str) else one.decode(errors="replace")
            for one in reachable(party)
            if isinstance(one, str | bytes)
        )
        return [text for text in texts if re.search(r"\bhome[1-6]\b", text)]

    assert names(KeptMeter(bytes(8), "lane", "home3", 0, b"", "", 0)) == ["home3"], "the walk sees names"
    for party in (parties._concentrator, parties.pes, parties.releaser, parties.mdms):
        assert names(party) == []
    for party in (parties._concentrator, parties.pes):
        assert any(one in pseudonyms for one in reachable(party) if isinstance(one, bytes))


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
        "its byte form in a larger one": [b"entry" + p.to_bytes(SMALL_KEY_BITS // 16, "big") + b"more"],
        "the other order of bytes, in an array": np.frombuffer(q.to_bytes(SMALL_KEY_BITS // 16, "little"), np.uint8),
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
