"""Blindings made ahead: each used once, made without a plaintext or a private key, never missed."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path

import pytest

from smarter.api import KeyPair, PublicKey
from smarter.protocols import workers
from smarter.protocols.blinding import BATCH, Blindings
from smarter.protocols.workers import _uninterrupted
from smarter.state import StateFolder
from smarter_plugins.schemes.paillier import Paillier, PaillierOptions

SCHEME = Paillier(PaillierOptions(key_bits=1024))
KEEPING = Paillier(PaillierOptions(key_bits=1024, precompute=100))
EXPECTED = 5 * BATCH
SECRET = bytes(range(32))


@pytest.fixture(scope="module")
def keys() -> KeyPair:
    return SCHEME.generate()


@pytest.fixture
def supply(keys: KeyPair, tmp_path: Path) -> Iterator[Callable[..., Blindings]]:
    made = []

    def make(scheme: Paillier = SCHEME, workers: int = 1, expected: int = EXPECTED) -> Blindings:
        state = StateFolder(tmp_path / "state")
        state.make()
        made.append(Blindings(scheme, workers, state))
        made[-1].begin(keys.public, expected)
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def pool(supply: Callable[..., Blindings]) -> Blindings:
    return supply(workers=2)


def workers_of(pool: Blindings) -> list[int]:
    assert pool._workers is not None
    return pool._workers.processes


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="there is no /proc")
def test_workers_have_no_secret_in_their_environment_whatever_program_starts_them(
    supply: Callable[..., Blindings], monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = {
        "SMARTER_PASSPHRASE": "correct horse",
        "SMARTER_PASSPHRASE_RELEASER": "battery",
        "SMARTER_CODE": "staple",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    pool = supply(workers=2)
    pool.take(1)  # both have been started, and at least one is at work
    for worker in workers_of(pool):
        block = Path(f"/proc/{worker}/environ").read_bytes()
        assert b"PATH=" in block
        assert not [name for name in secrets if name.encode() in block]
        assert not [value for value in secrets.values() if value.encode() in block]
    assert {name: os.environ[name] for name in secrets} == secrets, "a library leaves its caller's environment"


def test_each_blinding_is_used_once_also_beyond_what_was_expected(pool: Blindings) -> None:
    taken = [value for _ in range(7) for value in pool.take(BATCH).values]
    assert len(taken) == 7 * BATCH > EXPECTED
    assert len(set(taken)) == len(taken) == pool.taken


def test_what_is_encrypted_with_them_decrypts_to_the_plaintexts(keys: KeyPair, pool: Blindings) -> None:
    plaintexts = [0, 1, -1, 2**900, -(2**900)]
    encrypted = SCHEME.encrypt_with(keys.public, plaintexts, pool.take(len(plaintexts)))
    assert SCHEME.decrypt(keys.private, encrypted) == plaintexts
    embedded = SCHEME._embed(keys.public, plaintexts)
    assert not set(encrypted.values) & set(embedded), "a ciphertext left without blinding"


def test_the_shared_table_goes_with_the_workers(pool: Blindings) -> None:
    pool.take(EXPECTED)
    table = pool._state.table
    assert table.stat().st_size > 100_000
    pool.close()
    assert not list(table.parent.glob("blindings.*"))


@pytest.mark.parametrize("room", [True, False], ids=["room on the disk", "none"])
def test_what_one_worker_has_prepared_the_others_take_if_they_can(tmp_path: Path, room: bool) -> None:
    told: list[str] = []

    class Telling(Paillier):
        def prepare(self, public: PublicKey, encryptions: int) -> None:
            told.append(f"prepare for {encryptions}")

        def prepared(self, public: PublicKey) -> list[bytes]:
            return [b"a ", b"table"]

        def take_prepared(self, public: PublicKey, data: memoryview | bytes) -> None:
            told.append(f"take {bytes(data)!r}")

    folder = tmp_path if room else tmp_path / "not there"
    task = workers._Task("", "", "", b"", 7, folder / "table")
    prepared = get_context("spawn").Event()
    scheme, public = Telling(PaillierOptions()), SCHEME.generate().public
    workers._prepare(scheme, public, task, prepared, True)
    assert told == ["prepare for 7"], "who made it has it"
    workers._prepare(scheme, public, task, prepared, False)
    assert told[1:] == (["take b'a table'"] if room else ["prepare for 7"])


def test_few_encryptions_or_small_keys_start_no_workers(supply: Callable[..., Blindings]) -> None:
    assert not supply(workers=2, expected=10).ahead
    assert not supply(workers=1).ahead


# Kept on the disk.


def test_what_is_kept_is_taken_first_and_never_again_after_a_crash(supply: Callable[..., Blindings]) -> None:
    first = supply(KEEPING)
    assert list(first.keep(SECRET, 0))[-1] == (100, 100)
    taken = list(first.take(30).values)
    # No close: as a kill would leave it.
    again = supply(KEEPING)
    assert list(again.keep(SECRET, first.mark))[-1] == (100, 100), "what has been taken is made anew"
    taken += again.take(150).values
    assert len(set(taken)) == 180, "and when the disk has no more, the rest is made on the spot"
    assert again.mark == 130


def test_no_more_is_kept_than_the_run_may_use(supply: Callable[..., Blindings]) -> None:
    assert list(supply(KEEPING, expected=7).keep(SECRET, 0))[-1] == (7, 7)


# Workers.


@pytest.mark.parametrize("others", [0, 1], ids=["alone", "beside another thread, which the system may interrupt"])
def test_a_ctrl_c_waits_until_a_worker_has_been_started(others: int) -> None:
    done = []
    over = threading.Event()
    threads = [threading.Thread(target=over.wait) for _ in range(others)]
    for thread in threads:
        thread.start()

    def start() -> None:
        with _uninterrupted():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)  # Python runs handlers between two instructions
            done.append("start")

    heeded = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            start()
    finally:
        over.set()
        signal.signal(signal.SIGINT, heeded)
    assert done == ["start"]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc to see what a process bears")
def test_no_worker_ever_hears_a_ctrl_c(pool: Blindings) -> None:
    for worker in workers_of(pool):  # still at its imports: only a mask can spare it
        status = Path(f"/proc/{worker}/status").read_text()
        assert int(re.findall(r"SigBlk:\s*(\w+)", status)[0], 16) >> (signal.SIGINT - 1) & 1


@pytest.mark.parametrize("late", [False, True], ids=["while they start", "at work"])
def test_a_worker_that_is_killed_is_said_and_missed_by_nobody(keys: KeyPair, pool: Blindings, late: bool) -> None:
    if late:
        pool.take(1)
    os.kill(workers_of(pool)[0], signal.SIGKILL)
    taken = [value for _ in range(6) for value in pool.take(BATCH).values]
    assert len(set(taken)) == 6 * BATCH
    assert pool.failure is not None
    assert SCHEME.decrypt(keys.private, SCHEME.encrypt_with(keys.public, [7], pool.take(1))) == [7]


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs /proc to look into a process's memory")
def test_no_worker_holds_a_factor_of_the_modulus(
    keys: KeyPair, pool: Blindings, memory_of: Callable[[int], bytes]
) -> None:
    taken = pool.take(EXPECTED)  # by then each worker has made something
    secrets = [int(prime).to_bytes(64, order) for prime in _primes(keys) for order in ("little", "big")]
    public = int(keys.public.material.modulus).to_bytes(128, "little")
    assert len(taken) == EXPECTED
    found_public = found_secret = False
    for worker in workers_of(pool):
        memory = memory_of(worker)
        found_public |= public in memory
        found_secret |= any(secret in memory for secret in secrets)
    here = memory_of(os.getpid())
    found_here = any(secret in here for secret in secrets)
    assert found_public, "the search does not find what is there"
    assert found_here, "the search does not find what is there"
    assert not found_secret


def _primes(keys: KeyPair) -> tuple[int, int]:
    return keys.private.material.p, keys.private.material.q
