"""Whatever is granted and whatever was measured: a grantee's windows are the sums of the readings in them, no finer."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from smarter.api import SYSTEM_RANDOMNESS
from smarter.keys import signing
from smarter.model.messages import Frame
from smarter.model.readings import ReadingBlock
from smarter.model.windows import Axis, cut
from smarter.parties.meter.grants import GrantedMeter, windows_of
from smarter.parties.meter.meter import Meter, MeterIdentity
from smarter.parties.meter.statements import Grant
from smarter.registry import registry

HOUR, DAY = 3_600, 86_400
LENGTHS = (900, HOUR, 3 * HOUR, 6 * HOUR, DAY, 2 * DAY)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")
SPRING = 1_459_000_000
"""26 March 2016, the day before clocks were put forward in Europe."""


@cache
def plugins() -> tuple[Any, Any, Any]:
    """Cipher, keywrap and a key pair."""
    cipher = registry().get("cipher", "aes-gcm")
    keywrap = registry().get("keywrap", "rsa-oaep")
    made = keywrap(keywrap.Options(key_bits=2048))
    return cipher(cipher.Options()), made, made.generate()


@settings(max_examples=120)
@given(
    zone=st.sampled_from(ZONES),
    length=st.sampled_from(LENGTHS),
    phase=st.sampled_from([0, 1, 450, 899]),
    begin=st.integers(SPRING, SPRING + 240 * DAY),
    slots=st.integers(1, 400),
    gaps=st.lists(st.tuples(st.integers(0, 400), st.integers(1, 60)), max_size=5),
    span=st.tuples(st.integers(-DAY, 4 * DAY), st.integers(1, 6 * DAY)),
    closed=st.integers(0, 5 * DAY),
    seed=st.integers(0, 2**32 - 1),
)
def test_windows_are_whole_inside_the_span_and_the_sums_of_what_was_measured(
    zone: str,
    length: int,
    phase: int,
    begin: int,
    slots: int,
    gaps: list[tuple[int, int]],
    span: tuple[int, int],
    closed: int,
    seed: int,
) -> None:
    cipher, keywrap, pair = plugins()
    axis = Axis(900, phase)
    _, private = signing.generate()
    identity = MeterIdentity(bytes(16), bytes(8), private)
    meter = Meter(identity, cipher, axis, 7, 1 << 40)
    _, secret = meter.begin_epoch(keywrap, pair.public, SYSTEM_RANDOMNESS)
    first = axis.first_slot_from(begin)
    energies = np.random.default_rng(seed).integers(-(10**9), 10**9, slots)
    there = np.ones(slots, bool)
    for at, many in gaps:
        there[at : at + many] = False
    frames = [
        Frame.decode(data)
        for place in np.flatnonzero(there).tolist()
        for _, _, data in meter.seal(ReadingBlock("", first + place, energies[place : place + 1]), first)
    ]
    start = begin + span[0]
    grant = Grant("ab" * 16, "A", keywrap.name, b"", length, start, start + span[1], 1 << 40, "p", at=0, number=1)
    starts, ends = windows_of(grant, zone, grant.start, begin + closed, begin)
    grid = cut(zone, length, min(start, begin) - 3 * DAY, begin + 12 * DAY)
    wanted = [
        (a, b)
        for a, b in zip(grid.starts.tolist(), grid.ends.tolist(), strict=True)
        if a >= start and b <= min(start + span[1], begin + closed) and b > begin
    ]
    assert list(zip(starts.tolist(), ends.tolist(), strict=True)) == wanted
    if not wanted:
        return
    sums = GrantedMeter(identity, keywrap, cipher, axis, zone).sums((starts, ends), frames, {1: secret})
    at = axis.start_of(np.arange(first, first + slots))
    for place, (a, b) in enumerate(wanted):
        inside = (at >= a) & (at < b)
        measured, expected = int((inside & there).sum()), int(axis.first_slot_from(b) - axis.first_slot_from(a))
        exact = sum(energies[inside & there].tolist())
        assert (sums.readings[place], sums.expected[place]) == (measured, expected)
        told = measured and 2 * measured >= expected and (measured > 1 or expected == 1)
        assert sums.energies[place] == (exact if told else 0)
