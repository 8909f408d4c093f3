"""The comparison with the brief's loop: the same readings either way, every sum checked, no blinding for free."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from smarter.api import Ciphertexts, PublicKey, Randomness, Scheme
from smarter.bench.brief import against_brief
from smarter.bench.brief_loop import NAME, brief_scheme
from smarter.bench.figures import BenchFinished, BenchProgress, BenchReport, Row
from smarter.bench.steady_pool import steady_pool
from smarter.bench.ways import Ground, OurWay, ways_of
from smarter.errors import MissingExtra, UsageError, VerificationFailed
from smarter.scenario import Scenario, parse_scenario
from smarter_plugins.schemes.paillier import Paillier
from smarter_plugins.schemes.phe import PaillierPhe

READINGS = 6 * 360
HOLDS_OF_ONE_SLOT = 90
"""Half of a billing window's 180 slots."""


@pytest.fixture(scope="module")
def scenario(small_scenario: str, checkout: Path) -> Scenario:
    return parse_scenario(small_scenario, source="small", base=checkout)


@pytest.fixture(scope="module")
def report(scenario: Scenario) -> BenchReport:
    *progress, last = against_brief(scenario, workers=1, repeats=1, readings=12)
    assert all(isinstance(event, BenchProgress) and event.done < event.total for event in progress)
    assert isinstance(last, BenchFinished)
    return last.report


@pytest.fixture(scope="module")
def ground(scenario: Scenario, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return Ground.make(scenario, tmp_path_factory.mktemp("ground"))


@pytest.fixture(scope="module")
def ways(scenario: Scenario, ground: Ground) -> list[OurWay]:
    return [OurWay(ground, way) for way in ways_of(scenario)]


def rows(report: BenchReport, what: str) -> dict[str, Row]:
    return {row.subject: row for row in report.rows if row.what == what}


class Counted:
    """Blindings made when they are asked for, and counted."""

    def __init__(self, scheme: Scheme, public: PublicKey) -> None:
        self.scheme, self.public, self.taken = scheme, public, 0

    def await_ready(self, count: int) -> None:
        pass

    def take(self, count: int) -> Ciphertexts:
        self.taken += count
        return self.scheme.encrypt(self.public, [0] * count)


def test_each_way_encrypts_the_readings_that_it_says(report: BenchReport) -> None:
    readings = {subject: row.figure.median for subject, row in rows(report, "readings").items()}
    assert readings.pop(NAME) == 12
    assert readings.pop("hold of one slot, frame 1") == 6 * HOLDS_OF_ONE_SLOT
    assert len(readings) == 3
    assert set(readings.values()) == {READINGS}


def test_a_reading_is_a_ciphertext_in_the_briefs_loop_and_packing_and_combining_make_fewer(report: BenchReport) -> None:
    made = {subject: row.figure.median for subject, row in rows(report, "ciphertexts").items()}
    assert made[NAME] == 12
    # 24 demand windows and 2 × 6 bills fit the 16 lanes of 512 bits in two plaintexts and one.
    assert made["combine none, hold 1d"] == 15 * 6 * 2 + 180
    assert made["combine frame, hold 1d"] == 6 * 2 + 3
    # A meter's demand window, and the bills of all six.
    assert made["hold of one slot, frame 1"] == HOLDS_OF_ONE_SLOT * (6 + 1)


def test_the_ratio_is_that_of_the_same_repeat(report: BenchReport) -> None:
    took = rows(report, "per reading")
    for subject, row in rows(report, "readings per second").items():
        assert row.unit == "×"
        assert row.figure.median == pytest.approx(took[NAME].figure.median / took[subject].figure.median)


def test_both_ways_have_keys_of_one_size_and_every_row_says_so(report: BenchReport) -> None:
    assert {row.key_bits for row in report.rows} == {512}


def test_keys_and_tables_are_rows_of_their_own(report: BenchReport) -> None:
    apart = {(row.subject, row.what) for row in report.rows if row.group == "apart"}
    assert apart == {("paillier-phe", "key"), ("paillier", "key"), ("paillier", "table")}


def test_it_tells_how_many_readings_each_way_has_in_the_clear_at_once(report: BenchReport) -> None:
    peak = {subject: row.figure.median for subject, row in rows(report, "at most at once").items()}
    assert peak[NAME] == 1
    assert peak["combine none, hold 1d"] == READINGS
    assert peak["as given: combine frame, hold 1h"] == 6 * 60
    assert peak["hold of one slot, frame 1"] == 6
    assert all(row.figure.median > 0 for row in rows(report, "per 1,000 readings").values())


def test_blindings_used_are_the_ciphertexts_made_and_the_sums_given_out(ground: Ground, ways: list[OurWay]) -> None:
    for way in ways:
        blindings = Counted(ground.session.cryptography.scheme, ground.pair.public)
        measured = way.measure(blindings)
        assert blindings.taken == measured.blindings > measured.ciphertexts


def test_the_same_sums_are_opened_whether_or_not_workers_blind(ground: Ground, ways: list[OurWay]) -> None:
    for way in ways[:3]:
        alone = way.measure(None)
        helped = way.measure(Counted(ground.session.cryptography.scheme, ground.pair.public))
        # 24 demand windows, two bills of six households.
        assert alone.sums == helped.sums == 24 + 2 * 6
        assert alone.blindings == helped.blindings


def test_nothing_is_compared_once_a_sum_is_wrong(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    def one_off(of: Any) -> Any:
        encrypt = of._encrypt

        def encrypts(self: Scheme, public: PublicKey, plaintexts: Sequence[int], random: Randomness) -> Sequence[Any]:
            values: Sequence[Any] = encrypt(self, public, [plaintext + 1 for plaintext in plaintexts], random)
            return values

        return encrypts

    for scheme, who in ((Paillier, "combine none"), (PaillierPhe, NAME)):
        with monkeypatch.context() as patch:
            patch.setattr(scheme, "_encrypt", one_off(scheme))
            with pytest.raises(VerificationFailed, match=who):
                list(against_brief(scenario, workers=1, repeats=1, readings=6))


def test_homes_with_gaps_and_a_span_that_begins_before_the_data_are_measured(
    small_scenario: str, checkout: Path, tmp_path: Path
) -> None:
    source = next(
        Path(line.split("path: ")[1].rstrip("}\n")) for line in small_scenario.splitlines() if "path:" in line
    )
    for file in source.iterdir():
        lines = file.read_text().splitlines()
        (tmp_path / file.name).write_text("\n".join([*lines[:20], *lines[200:]]) + "\n")
    text = small_scenario.replace(str(source), str(tmp_path))
    changed = parse_scenario(text, source="gaps", base=checkout, overrides=["time.start=2015-12-31 21:00"])
    *_, last = against_brief(changed, workers=1, repeats=1, readings=6)
    assert isinstance(last, BenchFinished)
    readings = rows(last.report, "readings")
    assert readings["combine none, hold 1d"].figure.median == 6 * (360 - 180)
    assert readings["hold of one slot, frame 1"].figure.median == 6 * 19


def test_a_missing_library_of_the_brief_is_named_with_the_command_that_installs_it(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PaillierPhe, "requires", {"no_such_module": "phe"})
    with pytest.raises(MissingExtra, match=r"smarter-metering\[phe\]"):
        next(iter(against_brief(scenario, workers=1)))


def test_a_size_of_key_that_the_brief_cannot_have_is_refused() -> None:
    with pytest.raises(UsageError, match="even number"):
        brief_scheme(1025)


@pytest.mark.slow
def test_workers_have_made_nothing_before_the_first_blinding_is_asked_for(ground: Ground, ways: list[OurWay]) -> None:
    scheme, public = ground.session.cryptography.scheme, ground.pair.public
    way = ways[1]
    needed = way.measure(None).blindings
    with steady_pool(scheme, public, 2, needed) as pool:
        assert not pool._ordered
        assert not pool._ready
        assert way.measure(pool).blindings == needed == pool.taken
        assert pool.failure is None
