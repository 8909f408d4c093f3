"""Boards: what a reading costs by size, the brief's way first, and how many times it is dearer than the others."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from smarter.bench.brief_loop import CIPHER, NAME, SCHEME
from smarter.bench.figures import BenchReport, Figure, Machine, Row
from smarter.bench.standings import BRIEF, Board, Standings, standings


def row(group: str, subject: str, what: str, median: float, unit: str = "ms", **facts: int | bool) -> Row:
    figure = Figure(median=median, low=median / 2, high=median * 2, runs=3)
    return Row.model_validate(
        {"group": group, "subject": subject, "what": what, "unit": unit, "figure": figure, **facts}
    )


def board(name: Board, rows: Iterable[Row]) -> Standings:
    machine = Machine(cores=2, processor="", system="", python="", smarter="")
    found = standings(BenchReport(kind="operations", title="", machine=machine, rows=tuple(rows)), name)
    assert found is not None
    return found


def scheme(subject: str, bits: int, encrypt: float, lanes: int, *, demo: bool = False) -> list[Row]:
    return [
        row("scheme", subject, "encrypt", encrypt, key_bits=bits, demo=demo),
        row("scheme", subject, "encrypt, per reading", encrypt / lanes, key_bits=bits, lanes=lanes, demo=demo),
        row("scheme", subject, "ciphertext", bits / 4, "bytes", key_bits=bits, demo=demo),
    ]


SCHEMES = [
    each
    for bits, lanes in ((2048, 64), (3072, 96))
    for each in (
        *scheme(SCHEME, bits, 30.0, lanes),
        *scheme("paillier", bits, 1.5, lanes),
        *scheme("plain", bits, 0.003, lanes, demo=True),
    )
]


class TestSchemes:
    def test_the_largest_key_and_in_it_the_brief_s_way_come_first_then_the_dearest(self) -> None:
        found = board("schemes", SCHEMES)
        assert found.sizes == (2048, 3072)
        each = [BRIEF, SCHEME, "paillier", "plain"]
        assert [(line.size, line.subject) for line in found.lines] == [
            (bits, name) for bits in (3072, 2048) for name in each
        ]
        assert [line.subject for line in found.of(2048)] == each
        assert [line.demo for line in found.of(2048)] == [False, False, False, True]

    def test_the_brief_s_way_is_a_ciphertext_a_reading_with_its_own_library(self) -> None:
        brief = board("schemes", SCHEMES).brief(3072)
        assert brief is not None
        assert brief.per_reading.median == pytest.approx(0.030)  # seconds
        assert brief.ratio == 1.0
        assert (brief.facts["lanes"], brief.facts["bytes a reading"]) == ("1", "768.0")

    def test_a_ratio_says_how_many_readings_ours_carries_while_the_brief_s_carries_one(self) -> None:
        found = {line.subject: line for line in board("schemes", SCHEMES).of(3072)}
        assert found["paillier"].ratio == pytest.approx(30.0 / (1.5 / 96))
        assert found["paillier"].facts["bytes a reading"] == "8.0"
        assert found["paillier"].per_reading.low == pytest.approx(1.5e-3 / 96 / 2)

    def test_without_the_brief_s_library_there_is_no_line_to_measure_from(self) -> None:
        found = board("schemes", [each for each in SCHEMES if each.subject != SCHEME])
        assert found.brief(3072) is None
        assert {line.ratio for line in found.lines} == {None}


class TestCiphers:
    ROWS = tuple(
        row("cipher", subject, what, micros * (frame if what == "open" else 1), "µs", frame=frame)
        for frame in (1, 60)
        for subject, micros in ((CIPHER, 100.0 / frame), ("aes-gcm", 1.0 / frame))
        for what in ("open", "open, per reading")
    ) + tuple(
        row("cipher", subject, "overhead", 16, "bytes", frame=frame)
        for subject in (CIPHER, "aes-gcm")
        for frame in (1, 60)
    )

    def test_every_frame_is_held_against_the_brief_s_message_a_reading(self) -> None:
        found = board("ciphers", self.ROWS)
        for frame in (1, 60):
            brief = found.brief(frame)
            assert brief is not None
            assert brief.per_reading.median == pytest.approx(100e-6)
        ours = next(line for line in found.of(60) if line.subject == "aes-gcm")
        assert ours.ratio == pytest.approx(6000)

    def test_the_overhead_is_shared_among_a_frame_s_readings(self) -> None:
        ours = next(line for line in board("ciphers", self.ROWS).of(60) if line.subject == "aes-gcm")
        assert (ours.facts["overhead a reading"], ours.facts["overhead a frame"]) == ("0.267 bytes", "16 bytes")


class TestWays:
    ROWS = (
        row("pes", NAME, "per reading", 29.0, lanes=1),
        row("pes", "combine frame", "per reading", 0.04, lanes=10),
        row(f"against {NAME}", "combine frame", "times as fast", 700.0, "×"),
        row("packing", "combine frame", "readings", 100_000, "readings"),
        row("packing", "combine frame", "ciphertexts", 1_830, "ciphertexts"),
        row("in the clear", "combine frame", "at most at once", 600, "readings"),
    )

    def test_a_way_has_the_ratio_of_the_same_repeat(self) -> None:
        brief, ours = board("ways", self.ROWS).lines
        assert (brief.subject, brief.brief, brief.ratio, brief.size) == (BRIEF, True, 1.0, None)
        assert (ours.subject, ours.ratio) == ("combine frame", 700.0)  # and not 29 / 0.04

    def test_a_way_says_what_it_has_in_the_clear_and_how_many_ciphertexts_it_makes(self) -> None:
        _, ours = board("ways", self.ROWS).lines
        assert ours.facts == {"clear at once": "600", "ciphertexts per 1,000": "18.3", "lanes": "10"}

    def test_ways_have_no_size_to_choose(self) -> None:
        found = board("ways", self.ROWS)
        assert found.sizes == ()
        assert len(found.of(None)) == 2


def test_a_report_of_other_things_has_no_board() -> None:
    machine = Machine(cores=2, processor="", system="", python="", smarter="")
    empty = BenchReport(kind="operations", title="", machine=machine, rows=(row("stage", "seal", "seconds", 1.0, "s"),))
    assert [standings(empty, name) for name in ("schemes", "ciphers", "ways")] == [None] * 3
