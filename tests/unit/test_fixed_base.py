"""The table of powers as bytes: another process shares it, and what is no table of the base is refused."""

from __future__ import annotations

import mmap
from pathlib import Path

import numpy as np
import pytest
from gmpy2 import mpz

from smarter.api import DamagedKeys
from smarter.api.testing.schemes import SeededRandomness
from smarter_plugins.schemes.fixed_base import HEADER, FixedBase

NAME = bytes(range(16))
N = mpz(SeededRandomness("modulus").below(1 << 130) | 1 << 129 | 1)
BASE = mpz(pow(3, int(N), int(N) ** 2))


def powers(table: FixedBase, exponents: list[int]) -> list[int]:
    width = -(-table.exponent_bits // 8)
    raw = b"".join(exponent.to_bytes(width, "big") for exponent in exponents)
    return [int(power * (1 + N * lift) % table.square) for power, lift in table.powers(raw, len(exponents))]


@pytest.mark.parametrize(("exponent_bits", "window"), [(65, 4), (64, 5), (63, 8), (7, 8), (1, 1), (65, 12)])
def test_a_table_comes_back_from_its_bytes_and_raises_as_before(exponent_bits: int, window: int) -> None:
    made = FixedBase.make(N, BASE, exponent_bits, window)
    form = b"".join(made.write(NAME))
    read = FixedBase.read(form, N, BASE, exponent_bits, NAME)
    assert read.window == window
    exponents = [0, 1, (1 << exponent_bits) - 1, (1 << exponent_bits) // 3]
    assert powers(made, exponents) == powers(read, exponents) == [pow(int(BASE), e, int(N) ** 2) for e in exponents]
    assert b"".join(read.write(NAME)) == form


def test_lifts_stay_in_the_mapped_file(tmp_path: Path) -> None:
    path = tmp_path / "table"
    path.write_bytes(b"".join(FixedBase.make(N, BASE, 65, 5).write(NAME)))
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    table = FixedBase.read(memoryview(mapped), N, BASE, 65, NAME)
    assert np.shares_memory(table.lifts, np.frombuffer(mapped, np.uint8))
    assert powers(table, [12_345]) == [pow(int(BASE), 12_345, int(N) ** 2)]


def test_bytes_that_are_no_table_of_this_base_are_refused() -> None:
    form = b"".join(FixedBase.make(N, BASE, 65, 4).write(NAME))
    fields = list(HEADER.unpack_from(form))
    wrong = {0: b"SMRTBAZE", 1: 2, 2: 5, 3: 64, 4: bytes(16)}
    headers = [HEADER.pack(*(wrong[i] if i == place else field for i, field in enumerate(fields))) for place in wrong]
    headers += [HEADER.pack(*fields[:2], window, *fields[3:]) for window in (0, 13, 255)]
    for data in (b"", form[:10], form[:-1], form + b"\0", *(header + form[HEADER.size :] for header in headers)):
        with pytest.raises(DamagedKeys, match="no table of the key 00010203"):
            FixedBase.read(data, N, BASE, 65, NAME)
    with pytest.raises(DamagedKeys, match="no table"):
        FixedBase.read(form, N, BASE, 66, NAME)


def test_a_table_that_was_not_written_to_its_end_is_refused() -> None:
    form = b"".join(FixedBase.make(N, BASE, 65, 4).write(NAME))
    for length in (HEADER.size, len(form) // 2, len(form) - 20 * 17):
        with pytest.raises(DamagedKeys, match="damaged"):
            FixedBase.read(form[:length] + bytes(len(form) - length), N, BASE, 65, NAME)


def test_a_table_of_another_base_under_the_same_name_is_refused() -> None:
    with pytest.raises(DamagedKeys, match="damaged"):
        FixedBase.read(b"".join(FixedBase.make(N, BASE * BASE, 65, 4).write(NAME)), N, BASE, 65, NAME)
