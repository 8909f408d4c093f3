"""What a run is said to come to before it is begun, against what it came to; and how long that takes by a benchmark."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from smarter.bench.duration import duration
from smarter.bench.figures import BenchReport, Figure, Machine, Row
from smarter.bench.kept import keep
from smarter.charts.scenario import about, command
from smarter.errors import DataError
from smarter.protocols.estimate import estimate
from smarter.scenario import load_scenario


def test_a_run_comes_to_what_was_estimated(finished_run: Any) -> None:
    told, counts = estimate(finished_run.scenario), finished_run.result.counts
    assert told.readings == counts.expected
    assert told.meters == counts.meters
    assert told.windows == {kind: sum(by.values()) for kind, by in counts.windows.items()}
    closings = 2 * 6  # six holds, after each of which sums of both kinds are re-randomised
    assert told.encryptions == counts.ciphertexts + closings


def test_what_is_opened_is_one_ciphertext_for_each_that_windows_fill() -> None:
    assert estimate(load_scenario("quickstart")).releases == 224
    unpacked = estimate(load_scenario("quickstart", ["pes.lanes=1"]))
    assert unpacked.releases == sum(unpacked.windows.values())


def test_data_that_are_not_there_are_an_error() -> None:
    with pytest.raises(DataError, match="no such file"):
        estimate(load_scenario("quickstart", ["neighbourhoods.maple-street.source.path=gone"]))


class TestDuration:
    @pytest.fixture(autouse=True)
    def cache(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where benchmarks are kept."""
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    @staticmethod
    def measured(subject: str = "paillier", bits: int = 3072, machine: Machine | None = None) -> None:
        rows = tuple(
            Row(group="scheme", subject=subject, what=what, unit="ms", key_bits=bits, figure=Figure.of([value]))
            for what, value in (("encrypt", 2.0), ("release", 10.0))
        )
        report = BenchReport(kind="operations", title="", machine=machine or Machine.this(), rows=rows)
        keep(report, datetime(2026, 1, 1, tzinfo=UTC))

    def told(self, *overrides: str, workers: int = 1) -> float | None:
        scenario = load_scenario("quickstart", overrides)
        found = duration(scenario, estimate(scenario), workers)
        return found and found.seconds

    def test_each_ciphertext_takes_what_was_measured(self) -> None:
        assert self.told() is None
        self.measured()
        assert self.told() == pytest.approx(2_184 * 0.002 + 224 * 0.010)
        assert self.told(workers=2) == pytest.approx((2_184 * 0.002 + 224 * 0.010) / 2)

    def test_what_was_not_measured_is_not_guessed(self) -> None:
        self.measured()
        assert self.told("crypto.aggregate.key_bits=2048") is None
        assert self.told("crypto.aggregate.blinding=exact") is None
        self.measured(subject="paillier (exact)")
        assert self.told("crypto.aggregate.blinding=exact") is not None

    def test_a_benchmark_of_another_machine_says_nothing_of_this_one(self) -> None:
        self.measured(machine=Machine.this().model_copy(update={"processor": "another"}))
        assert self.told() is None


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.25, "0.2 s"), (42, "42 s"), (150, "2.5 min"), (1_500, "25 min"), (7_200, "2.0 h")]
)
def test_spans_are_said_roughly(seconds: float, said: str) -> None:
    assert about(seconds) == said


def test_a_command_can_be_pasted_into_a_shell() -> None:
    assert command("my street.yaml", ["a=b c"]) == "smarter run 'my street.yaml' --set 'a=b c'"
