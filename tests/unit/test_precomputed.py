"""Blindings kept on disk: none comes twice or altered, whatever is killed, cut off, rotten or put back."""

from __future__ import annotations

import errno
import os
import resource
import stat
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smarter.errors import KeyMismatch
from smarter.keys.precomputed import MOST_AT_ONCE, Precomputed

KEY, FINGERPRINT = bytes(range(32)), "0123456789abcdef" * 2
LENGTH = 24

Crash = Literal["kill", "power"]


class Crashed(BaseException):
    """The process ends here."""


class Disk:
    """A file on a disk that is known to hold only what was fsynced, and the name only of a folder that was.

    A kill leaves what was written. A power cut leaves any mixture of what was fsynced and what was written since, and
    the file that had the name before it was renamed over, if its folder was not fsynced.
    """

    def __init__(self, path: Path, random: Random) -> None:
        self._path, self._random = path, random
        self._synced: dict[int, tuple[int, bytes]] = {}
        self._name: int | None = None
        self._crash: Crash | None = None
        self._steps = 0
        self._left_behind: tuple[Crash, bytes | None] | None = None

    def crash_after(self, steps: int, crash: Crash) -> None:
        """Crash at an fsync, when so many have come through."""
        self._steps, self._crash = steps, crash

    def stay_up(self) -> None:
        """Do not crash any more."""
        self._crash = None

    def fsync(self, handle: int) -> None:
        """What ``os.fsync`` is replaced by."""
        if self._crash is not None:
            if self._left_behind is None and self._steps == 0:
                self.crash(self._crash)
            if self._left_behind is not None:
                raise Crashed
            self._steps -= 1
        status = os.fstat(handle)
        if stat.S_ISDIR(status.st_mode):
            self._name = self._named()
        else:
            # Kept open, so that the number of a file that lost its name is not given to another.
            held, _ = self._synced.get(status.st_ino) or (os.dup(handle), b"")
            self._synced[status.st_ino] = held, self._content(held)

    def crash(self, crash: Crash) -> None:
        """Note what is left behind by a crash at this moment."""
        if crash == "kill":
            self._left_behind = crash, self._path.read_bytes() if self._path.exists() else None
            return
        survivor = self._random.choice([self._name, self._named()])
        self._left_behind = crash, None if survivor is None else self._mixed(*self._synced[survivor])

    def start_again(self) -> None:
        """Put back what the crash left behind."""
        assert self._left_behind is not None
        crash, content = self._left_behind
        self._left_behind = self._crash = None
        if content is None:
            self._path.unlink(missing_ok=True)
        elif crash == "kill":
            self._path.write_bytes(content)  # the same file under the same name
        else:
            beside = self._path.with_name("beside")
            beside.write_bytes(content)
            beside.replace(self._path)
        if crash == "power":
            self.close()
            self._name = self._named()
            if self._name is not None:
                handle = os.open(self._path, os.O_RDWR)
                self._synced[self._name] = handle, self._content(handle)

    def close(self) -> None:
        for handle, _ in self._synced.values():
            os.close(handle)
        self._synced.clear()

    def _named(self) -> int | None:
        return self._path.stat().st_ino if self._path.exists() else None

    @staticmethod
    def _content(handle: int) -> bytes:
        return os.pread(handle, os.fstat(handle).st_size, 0)

    def _mixed(self, handle: int, synced: bytes) -> bytes:
        written = self._content(handle)
        size = self._random.choice([len(synced), len(written)])
        old, new = synced.ljust(size, b"\0"), written.ljust(size, b"\0")
        piece = self._random.choice([1, 7, LENGTH, 512])
        share = self._random.choice([0, 0.5, 1])  # of what was written that arrived
        return b"".join(
            (new if self._random.random() < share else old)[at : min(at + piece, size)] for at in range(0, size, piece)
        )


@contextmanager
def disk(random: Random) -> Iterator[tuple[Disk, Path]]:
    """A folder on such a disk."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder) / "blindings"
        simulated = Disk(path, random)
        patch.setattr(os, "fsync", simulated.fsync)
        try:
            yield simulated, path
        finally:
            simulated.close()


class Maker:
    """Makes blindings of which no two are the same."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self, count: int, length: int = LENGTH) -> list[bytes]:
        self.made += count
        return [number.to_bytes(length, "big") for number in range(self.made - count, self.made)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "blindings"


def opened(path: Path, at_least: int = 0) -> Precomputed:
    return Precomputed.open(path, KEY, FINGERPRINT, at_least=at_least)


def everything(pool: Precomputed) -> list[bytes]:
    return pool.take(pool.left)


def test_what_was_kept_is_handed_out_once_in_order_over_any_number_of_openings(path: Path) -> None:
    make, taken, made = Maker(), [], []
    for count in (3, 0, 2, 7):
        pool = opened(path)
        new = make(5)
        made += new
        pool.extend(new)
        taken += pool.take(count)
        assert (pool.mark, pool.left) == (len(taken), len(made) - len(taken))
        pool.close()
    assert taken + everything(opened(path)) == made


def test_an_exhausted_pool_gives_fewer_and_then_none_and_can_be_filled_again(path: Path) -> None:
    make, pool = Maker(), opened(path)
    assert (pool.left, pool.take(1)) == (0, [])
    pool.extend(make(3))
    assert len(pool.take(5)) == 3
    assert pool.take(5) == []
    pool.extend(new := make(2))
    assert pool.take(5) == new
    assert pool.mark == 5


def test_a_take_of_any_size_up_to_the_bound_costs_one_fsync(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pool, synced = opened(path), list[int]()
    pool.extend(Maker()(MOST_AT_ONCE + 65))
    monkeypatch.setattr(os, "fsync", synced.append)
    assert len(pool.take(64)) == 64
    assert len(synced) == 1
    assert len(pool.take(MOST_AT_ONCE + 1)) == MOST_AT_ONCE + 1
    assert len(synced) == 3


def test_a_file_that_is_used_and_filled_for_ever_stays_small(path: Path) -> None:
    make, pool = Maker(), opened(path)
    pool.extend(make(20))
    for _ in range(30):
        pool.extend(make(10))
        pool.take(10)
    assert path.stat().st_size < 60 * (LENGTH + 28)
    assert everything(pool) == [number.to_bytes(LENGTH, "big") for number in range(300, 320)]


def test_the_file_is_its_owners_alone_and_holds_no_blinding_in_the_clear(path: Path) -> None:
    blobs = [os.urandom(LENGTH) for _ in range(4)]
    before = os.umask(0)
    try:
        opened(path).extend(blobs)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not any(blob in path.read_bytes() for blob in blobs)
    path.chmod(0o644)
    assert opened(path).left == 4
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_is_used_is_overwritten(path: Path) -> None:
    pool = opened(path)
    pool.extend(Maker()(4))
    sealed = path.read_bytes()[-4 * (LENGTH + 28) :]
    pool.take(3)
    left = path.read_bytes()[-4 * (LENGTH + 28) :]
    assert left == bytes(3 * (LENGTH + 28)) + sealed[3 * (LENGTH + 28) :]


def test_two_files_begun_under_one_key_share_no_nonce(path: Path, tmp_path: Path) -> None:
    # The same number comes again after a crash or a loss: had it the same nonce, GCM would give both away.
    other = tmp_path / "other"
    for file in (path, other):
        opened(file).extend([bytes(LENGTH)] * 3)
    bodies = [file.read_bytes()[-3 * (LENGTH + 28) :] for file in (path, other)]
    nonces = {body[at : at + 12] for body in bodies for at in range(0, len(body), LENGTH + 28)}
    assert len(nonces) == 6


def test_a_file_for_another_key_of_the_scheme_is_destroyed(path: Path) -> None:
    opened(path).extend(Maker()(3))
    pool = Precomputed.open(path, KEY, "f" * 32, at_least=2)
    assert (pool.left, pool.mark, pool.problem) == (0, 2, None)
    assert not path.exists()
    pool.extend([b"anew"])
    assert Precomputed.open(path, KEY, "f" * 32, at_least=2).take(2) == [b"anew"]


def test_a_file_sealed_under_another_key_is_destroyed_and_said_so(path: Path) -> None:
    opened(path).extend(Maker()(3))
    pool = Precomputed.open(path, bytes(32), FINGERPRINT)
    assert pool.left == 0
    assert pool.problem is not None
    assert str(path) in pool.problem
    assert not path.exists()


def test_an_older_copy_that_is_put_back_gives_nothing_that_the_caller_knows_to_be_used(path: Path) -> None:
    pool = opened(path)
    pool.extend(made := Maker()(6))
    older = path.read_bytes()
    pool.take(4)
    path.write_bytes(older)
    again = opened(path, at_least=pool.mark)
    assert again.problem is not None
    assert everything(again) == made[4:]
    again.close()
    assert opened(path).left == 0  # and that is durable


def test_a_mark_beyond_all_that_is_there_leaves_nothing_and_goes_on_from_there(path: Path) -> None:
    opened(path).extend((make := Maker())(3))
    pool = opened(path, at_least=10)
    assert pool.left == 0
    pool.extend(new := make(2))
    assert (pool.mark, everything(pool), pool.mark) == (10, new, 12)


def test_blindings_of_different_lengths_and_keys_of_a_wrong_length_are_refused(path: Path) -> None:
    pool = opened(path)
    pool.extend([b"four"])
    for blobs in ([b"three", b"four"], [b"seven.."]):
        with pytest.raises(ValueError, match="of one length"):
            pool.extend(blobs)
    assert everything(pool) == [b"four"]
    pool.extend([b"seven.."])  # nothing else is left
    assert everything(pool) == [b"seven.."]
    with pytest.raises(KeyMismatch, match="32 bytes"):
        Precomputed.open(path, b"short", FINGERPRINT)


def test_destroying_takes_the_file_away_and_does_not_mind_its_absence(path: Path) -> None:
    opened(path).extend(Maker()(1))
    for _ in range(2):
        Precomputed.destroy(path)
        assert list(path.parent.iterdir()) == []


# Damage.


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]


@pytest.mark.parametrize("change", [flipped, lambda data, at: data[:at]], ids=["a bit flipped", "cut"])
def test_damage_anywhere_yields_no_wrong_and_no_repeated_blinding(
    path: Path, change: Callable[[bytes, int], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    pool = opened(path)
    pool.extend(made := Maker()(5, length=8))
    unused = made[len(pool.take(1) + pool.take(1)) :]
    whole, new = path.read_bytes(), [b"new"]
    for at in range(len(whole)):
        path.write_bytes(change(whole, at))
        damaged = opened(path)
        came = everything(damaged)
        assert [blob for blob in unused if blob in came] == came, f"byte {at}"
        assert len(came) in (0, len(unused) - 1, len(unused)) or change is not flipped
        damaged.extend(new)
        assert everything(damaged) == new, f"byte {at}"
        damaged.close()


def test_a_mark_that_does_not_read_back_costs_no_more_than_it_can_have_stood_for(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    pool, made = opened(path), Maker()(2 * MOST_AT_ONCE + 100)
    pool.extend(made)
    before, head = path.read_bytes(), path.stat().st_size - len(made) * (LENGTH + 28)
    taken = pool.take(30) + pool.take(MOST_AT_ONCE)
    # That what is used has been overwritten is no promise: the marks must do without.
    whole, lost = path.read_bytes()[:head] + before[head:], set()
    for at in range(head):
        path.write_bytes(flipped(whole, at))
        damaged = opened(path)
        assert damaged.problem is not None or not path.exists()
        came = everything(damaged)
        assert came == made[len(made) - len(came) :]
        assert len(came) <= len(made) - len(taken), f"byte {at} brings used ones back"
        lost.add(len(made) - len(taken) - len(came))
        damaged.close()
    assert lost == {0, MOST_AT_ONCE, len(made) - len(taken)}  # the newer, the older, or all of the head


def test_a_damaged_blinding_is_left_out_for_the_next_and_said_so(path: Path) -> None:
    opened(path).extend(made := Maker()(5))
    whole = path.read_bytes()
    path.write_bytes(flipped(whole, len(whole) - 4 * (LENGTH + 28)))
    pool = opened(path)
    assert pool.problem is None
    assert pool.take(2) == [made[0], made[2]]
    assert pool.problem is not None


def test_a_used_blinding_that_is_copied_to_the_place_of_another_stays_used(path: Path) -> None:
    pool = opened(path)
    pool.extend(made := Maker()(3))
    used = path.read_bytes()[-3 * (LENGTH + 28) : -2 * (LENGTH + 28)]
    assert pool.take(1) == made[:1]
    path.write_bytes(path.read_bytes()[: -(LENGTH + 28)] + used)
    assert everything(pool) == made[1:2]


def test_what_a_cut_extend_left_at_the_end_is_no_blinding_and_no_damage(path: Path) -> None:
    opened(path).extend(made := Maker()(3))
    path.write_bytes(path.read_bytes() + bytes(2 * (LENGTH + 28) + 5))
    pool = opened(path)
    assert pool.left == 3
    pool.extend(new := [b"n" * LENGTH])
    assert (everything(pool), pool.problem) == (made + new, None)


# A full disk.


def test_a_full_disk_passes_through_and_loses_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def refused(act: Callable[..., object], argument: object) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(OSError, match="No space left"):
                act(argument)

    make, pool = Maker(), opened(path)
    pool.extend(made := make(9))
    taken = pool.take(3)
    refused(pool.take, 2)
    refused(pool.extend, make(1))
    refused(pool.take, 1)
    taken += pool.take(3)
    refused(pool.extend, make(1))  # more is used than left: this would have replaced the file
    pool.extend(new := make(1))
    pool.close()
    assert taken + everything(opened(path)) == made + new


def test_what_did_not_wholly_fit_is_not_in_the_file(path: Path) -> None:
    pool = opened(path)
    pool.extend(made := Maker()(4))
    size = path.stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 2 * (LENGTH + 28), before[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            pool.extend([b"x" * LENGTH] * 3)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.stat().st_size == size
    assert everything(opened(path)) == made


# Crashes.


class Life:
    """What comes out of a pool whose process crashes, and is started again, again and again."""

    def __init__(self, simulated: Disk, path: Path) -> None:
        self._disk, self._path = simulated, path
        self.make, self.seen = Maker(), list[bytes]()
        self.noted = 0
        self.surely_left = 0
        self.pool = opened(path)

    def take(self, count: int) -> None:
        self.surely_left = max(0, self.surely_left - count)  # unless it crashes, in which case they may be lost
        self.seen += self.pool.take(count)

    def extend(self, count: int) -> None:
        self.pool.extend(self.make(count))
        self.surely_left += count

    def start_again(self) -> None:
        self._disk.start_again()
        self.open_again()

    def open_again(self) -> None:
        self.pool.close()
        self.pool = opened(self._path, self.noted)
        if self.pool.problem is not None:  # a mark was torn
            assert "does not read back" in self.pool.problem
            self.surely_left = 0
        assert self.pool.left >= self.surely_left

    def check(self) -> None:
        assert len(set(self.seen)) == len(self.seen), "a blinding came twice"
        assert set(self.seen) <= {number.to_bytes(LENGTH, "big") for number in range(self.make.made)}


SCRIPT: Sequence[tuple[str, int]] = (
    ("extend", 6),
    ("take", 2),
    ("extend", 3),
    ("take", 1),
    ("take", 4),
    ("extend", 5),  # replaces the file
    ("take", 2),
    ("take", 9),
    ("extend", 2),
    ("take", 1),
)


@pytest.mark.parametrize("crash", ["kill", "power"])
def test_a_crash_at_any_durable_step_hands_out_nothing_twice(crash: Crash) -> None:
    for seed in range(8):
        step, came_through = 0, False
        while not came_through:
            with disk(Random(seed)) as (simulated, path):
                life = Life(simulated, path)
                simulated.crash_after(step, crash)
                try:
                    for act, count in SCRIPT:
                        getattr(life, act)(count)
                    came_through = True
                    simulated.stay_up()
                except Crashed:
                    life.start_again()
                life.take(1)
                simulated.crash("power")  # what was not durable yet is gone
                life.start_again()
                life.take(life.pool.left)
                life.check()
            step += 1
        assert step > len(SCRIPT)


ACTS = st.one_of(
    st.tuples(st.sampled_from(["extend", "take"]), st.integers(0, 9)),
    st.tuples(st.sampled_from(["kill", "power"]), st.integers(0, 3)),
    st.tuples(st.sampled_from(["kill now", "power now", "note", "open again"]), st.just(0)),
)


@given(st.lists(ACTS, max_size=40), st.integers(0, 2**32))
def test_no_history_of_crashes_hands_out_a_blinding_twice(acts: list[tuple[str, int]], seed: int) -> None:
    with disk(Random(seed)) as (simulated, path):
        life = Life(simulated, path)
        for act, count in acts:
            try:
                if act in ("extend", "take"):
                    getattr(life, act)(count)
                elif act == "note":
                    life.noted = life.pool.mark
                elif act == "open again":
                    life.open_again()
                elif act.endswith("now"):
                    simulated.crash("kill" if act == "kill now" else "power")
                    raise Crashed
                else:
                    simulated.crash_after(count, "kill" if act == "kill" else "power")
            except Crashed:
                life.start_again()
        simulated.stay_up()
        life.take(life.pool.left)
        life.check()
