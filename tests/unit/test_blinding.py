"""Blindings that workers make ahead: each used once, made without a plaintext or a private key, never missed."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from smarter.api import KeyPair
from smarter.protocols.blinding import BATCH, BlindingPool, _uninterrupted
from smarter_plugins.schemes.paillier import Paillier, PaillierOptions

SCHEME = Paillier(PaillierOptions(key_bits=1024))
EXPECTED = 3 * BATCH


@pytest.fixture(scope="module")
def keys() -> KeyPair:
    return SCHEME.generate()


@pytest.fixture
def pool(keys: KeyPair) -> Iterator[BlindingPool]:
    pool = BlindingPool(SCHEME, keys.public, 2, EXPECTED)
    yield pool
    pool.close()


def workers_of(pool: BlindingPool) -> list[int]:
    assert pool._workers is not None
    return list(pool._workers._processes)


def test_each_blinding_is_used_once_also_beyond_what_was_expected(keys: KeyPair, pool: BlindingPool) -> None:
    taken = [value for _ in range(5) for value in pool.take(BATCH).values]
    assert len(taken) == 5 * BATCH > EXPECTED
    assert len(set(taken)) == len(taken)


def test_what_is_encrypted_with_them_decrypts_to_the_plaintexts(keys: KeyPair, pool: BlindingPool) -> None:
    plaintexts = [0, 1, -1, 2**900, -(2**900)]
    encrypted = SCHEME.encrypt_with(keys.public, plaintexts, pool.take(len(plaintexts)))
    assert SCHEME.decrypt(keys.private, encrypted) == plaintexts
    embedded = SCHEME._embed(keys.public, plaintexts)
    assert not set(encrypted.values) & set(embedded), "a ciphertext left without blinding"


def test_a_ctrl_c_waits_until_a_worker_has_been_started() -> None:
    done = []

    def start() -> None:
        with _uninterrupted():
            signal.raise_signal(signal.SIGINT)
            done.append("start")

    heeded = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            start()
    finally:
        signal.signal(signal.SIGINT, heeded)
    assert done == ["start"]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc to see what a process bears")
def test_no_worker_ever_hears_a_ctrl_c(pool: BlindingPool) -> None:
    pool._order()  # still at its imports: only a mask can spare it
    for worker in workers_of(pool):
        status = Path(f"/proc/{worker}/status").read_text()
        assert int(re.findall(r"SigBlk:\s*(\w+)", status)[0], 16) >> (signal.SIGINT - 1) & 1


def test_a_worker_that_is_killed_is_said_and_missed_by_nobody(keys: KeyPair, pool: BlindingPool) -> None:
    pool.take(1)
    for worker in workers_of(pool):
        os.kill(worker, signal.SIGKILL)
    taken = [value for _ in range(4) for value in pool.take(BATCH).values]
    assert len(set(taken)) == 4 * BATCH
    assert pool.failure is not None
    assert SCHEME.decrypt(keys.private, SCHEME.encrypt_with(keys.public, [7], pool.take(1))) == [7]


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs /proc to look into a process's memory")
def test_no_worker_holds_a_factor_of_the_modulus(keys: KeyPair, pool: BlindingPool) -> None:
    taken = pool.take(EXPECTED)  # by then each worker has made something
    secrets = [int(prime).to_bytes(64, order) for prime in _primes(keys) for order in ("little", "big")]
    public = int(keys.public.material.modulus).to_bytes(128, "little")
    assert len(taken) == EXPECTED
    found_public = found_secret = False
    for worker in workers_of(pool):
        memory = _memory(worker)
        found_public |= public in memory
        found_secret |= any(secret in memory for secret in secrets)
    here = _memory(os.getpid())
    found_here = any(secret in here for secret in secrets)
    assert found_public, "the search does not find what is there"
    assert found_here, "the search does not find what is there"
    assert not found_secret


def _primes(keys: KeyPair) -> tuple[int, int]:
    return keys.private.material.p, keys.private.material.q


def _memory(process: int) -> bytes:
    found = bytearray()
    with Path(f"/proc/{process}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{process}/maps").read_text().splitlines():
            span = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
            if span is None or "[v" in line:
                continue
            start, end = (int(edge, 16) for edge in span.groups())
            try:
                memory.seek(start)
                found += memory.read(end - start)
            except (OSError, ValueError):
                continue
    return bytes(found)
