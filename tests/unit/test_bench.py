"""Benchmarks measure what they say they do, leave out what cannot be measured, and say so; no test reads a clock."""

from __future__ import annotations

import importlib.metadata
import re
import sys
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from smarter.api import Scheme
from smarter.bench import figures
from smarter.bench.figures import BenchEvent, BenchFinished, BenchProgress, BenchReport, Figure, Machine, Pace, Row
from smarter.bench.floor import LOOP, floor
from smarter.bench.operations import operations
from smarter.bench.schemes import demand_lanes
from smarter.bench.wording import comparisons, spread, tick, worded
from smarter.charts.bars import Bar, bars_chart
from smarter.errors import Unavailable, UnknownPlugin, UsageError
from smarter.registry import Registry, registry

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
AT_ONCE = Pace(repeats=2, run_seconds=0.0)
"""A run is one operation."""

ODD_PLUGINS = """
    from smarter.api import Cipher, Scheme, hookimpl
    from smarter_plugins.ciphers.pyca import AesGcm
    from smarter_plugins.schemes.plain import Plain

    class Sound(Plain):
        name = "sound"

    class Lacking(Plain):
        name = "lacking"
        requires = {"no_such_library": "rare"}

    class Wrong(Plain):
        name = "wrong"
        def _decrypt(self, private, values):
            return [value + 1 for value in values]

    class Failing(AesGcm):
        name = "failing"
        def keyed(self, key):
            raise OSError("the token is gone")

    @hookimpl
    def register_schemes(register):
        for scheme in (Sound, Lacking, Wrong):
            register(scheme)

    @hookimpl
    def register_ciphers(register):
        register(Failing)
"""


@pytest.fixture
def odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """A scheme that can be measured among plugins that cannot."""
    (tmp_path / "odd_plugins.py").write_text(textwrap.dedent(ODD_PLUGINS))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "odd_plugins", raising=False)
    return Registry([importlib.metadata.EntryPoint("odd", "odd_plugins", "smarter.plugins")])


def report_of(events: Iterable[BenchEvent]) -> BenchReport:
    *_, last = events
    assert isinstance(last, BenchFinished)
    return last.report


def figure(median: float) -> Figure:
    return Figure.of([median])


# Operations.


@pytest.fixture(scope="module")
def measured() -> list[BenchEvent]:
    return list(operations(["paillier", "plain"], ["aes-gcm"], key_bits=(512, 640), frames=(1, 4), pace=AT_ONCE))


def test_every_operation_of_every_scheme_is_measured_at_every_size_of_key(measured: list[BenchEvent]) -> None:
    rows = report_of(measured).rows
    shared = [what for each in ("encrypt", "add", "scale", "release") for what in (each, f"{each}, per reading")]
    common = ["generate", "ciphertext", "rerandomise", *shared]
    for subject in ("paillier", "paillier (exact)", "plain"):
        for bits in (512, 640):
            found = [row for row in rows if (row.subject, row.key_bits) == (subject, bits)]
            own = ["encrypt as holder"] if subject != "plain" else []
            assert sorted({row.what for row in found} - {"table"}) == sorted(common + own)
            assert len(found) == len({row.what for row in found})
            assert {row.demo for row in found} == {subject == "plain"}
            sizes = {row.what: row.figure.median for row in found if row.unit == "bytes"}
            assert sizes == {"ciphertext": bits // 8 * (1 if subject == "plain" else 2)}


def test_only_a_scheme_that_makes_tables_has_a_row_for_them(measured: list[BenchEvent]) -> None:
    assert {row.subject for row in report_of(measured).rows if row.what == "table"} == {"paillier"}


def test_a_reading_costs_its_share_of_a_plaintext_with_a_reading_in_every_lane(measured: list[BenchEvent]) -> None:
    rows = [row for row in report_of(measured).rows if row.lanes is not None]
    assert {row.what for row in rows} == {f"{what}, per reading" for what in ("encrypt", "add", "scale", "release")}
    for row in rows:
        assert row.key_bits is not None
        assert row.lanes == demand_lanes(row.key_bits - 1).capacity
    # Packing is measured along with encrypting; of the others a reading's is a share of a ciphertext's.
    whole = {(row.subject, row.key_bits, row.what): row.figure for row in report_of(measured).rows}
    for row in rows:
        what = row.what.removesuffix(", per reading")
        if what != "encrypt":
            assert row.figure == whole[row.subject, row.key_bits, what].per(row.lanes or 0)
    # Ten meters, 30 minutes at the most, 100 kW: 5e8 mWh either way are 30 bits, so four bytes a lane.
    assert demand_lanes(3071).lane_bytes == 4
    assert demand_lanes(3071).capacity == 96


def test_a_frame_is_sealed_and_opened_whole_and_by_the_reading(measured: list[BenchEvent]) -> None:
    rows = {(row.what, row.frame): row for row in report_of(measured).rows if row.group == "cipher"}
    assert {what for what, _ in rows} == {"seal", "seal, per reading", "open", "open, per reading", "overhead"}
    for frame in (1, 4):
        assert rows["overhead", frame].figure == figure(16)
        for what in ("seal", "open"):
            assert rows[f"{what}, per reading", frame].figure == rows[what, frame].figure.per(frame)


def test_progress_counts_up_to_the_whole_and_nothing_comes_after_the_report(measured: list[BenchEvent]) -> None:
    *steps, last = measured
    assert isinstance(last, BenchFinished)
    assert all(isinstance(step, BenchProgress) for step in steps)
    assert [(step.done, step.total) for step in steps] == [(done, len(steps)) for done in range(len(steps))]


def test_what_cannot_be_measured_is_left_out_with_the_reason_and_the_rest_is_measured(odd: Registry) -> None:
    events = list(operations(key_bits=(512,), frames=(1,), pace=AT_ONCE, registry=odd))
    report = report_of(events)
    notes = "\n".join(report.notes)
    assert {row.subject for row in report.rows if row.what == "release"} == {"sound"}
    assert "lacking is left out: no_such_library is not installed: pip install 'smarter-metering[rare]'" in notes
    assert "wrong, 512 bits: wrong decrypts to another number than it encrypted" in notes
    assert "failing, frames of 1: OSError: the token is gone" in notes
    assert all(event.done < event.total for event in events if isinstance(event, BenchProgress))


def test_a_size_of_key_that_a_scheme_refuses_is_noted_for_that_scheme_alone() -> None:
    report = report_of(operations(["paillier-phe", "plain"], (), key_bits=(513,), pace=AT_ONCE))
    assert {row.subject for row in report.rows} == {"plain"}
    assert "paillier-phe, 513 bits is left out: paillier-phe makes keys of an even number of bits" in report.notes[-1]


def test_when_nothing_can_be_measured_the_reason_is_the_error(odd: Registry) -> None:
    with pytest.raises(Unavailable, match=r"no_such_library is not installed: pip install"):
        list(operations(["lacking"], (), registry=odd, pace=AT_ONCE))


@pytest.mark.parametrize(("schemes", "ciphers"), [(["payer"], ()), (["aes-gcm"], ()), ((), ["plain"])])
def test_a_name_that_is_no_plugin_of_the_kind_is_refused(schemes: list[str], ciphers: list[str]) -> None:
    with pytest.raises(UnknownPlugin):
        list(operations(schemes, ciphers, pace=AT_ONCE))


def test_no_nonce_seals_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []
    cipher = registry().get("cipher", "aes-gcm")
    keyed = cipher.keyed  # type: ignore[attr-defined]

    def watched(self: object, key: bytes) -> object:
        made = keyed(self, key)
        seal = made.seal
        made.seal = lambda nonce, text, aad: (seen.append(nonce), seal(nonce, text, aad))[1]
        return made

    monkeypatch.setattr(cipher, "keyed", watched)
    report_of(operations((), ["aes-gcm"], frames=(1,), pace=Pace(2, 1e-4)))
    assert len(seen) > 1000
    assert len(seen) == len(set(seen))


# Pace.


@pytest.fixture
def takes(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], Callable[[int], Callable[[], None]]]:
    """Work of which one operation takes so many seconds, by a clock that only that work moves."""
    now = [0.0]
    monkeypatch.setattr(figures.time, "perf_counter", lambda: now[0])

    def of(seconds: float) -> Callable[[int], Callable[[], None]]:
        def ready(count: int) -> Callable[[], None]:
            now[0] += 100.0  # getting ready is not measured

            def work() -> None:
                now[0] += seconds * count

            return work

        return ready

    return of


@pytest.mark.parametrize("seconds", [1e-7, 1e-3, 0.3])
def test_what_is_quick_has_as_many_runs_as_asked_for(
    takes: Callable[..., Callable[..., object]], seconds: float
) -> None:
    found = Pace(repeats=7, run_seconds=0.1).figure(takes(seconds))
    assert found.runs == 7
    assert found.median == pytest.approx(seconds)


@pytest.mark.parametrize(("seconds", "runs"), [(1.0, 3), (2.5, 1), (60.0, 1)])
def test_what_is_slow_has_fewer_runs(takes: Callable[..., Callable[..., object]], seconds: float, runs: int) -> None:
    found = Pace(repeats=5).figure(takes(seconds))
    assert (found.runs, found.median) == (runs, pytest.approx(seconds))


def test_a_run_has_as_many_operations_as_take_about_its_time(takes: Callable[..., Callable[..., object]]) -> None:
    count, seconds = Pace(run_seconds=0.1).calibrated(takes(1e-4))
    assert 700 <= count <= 1300
    assert seconds == pytest.approx(count * 1e-4)


# The floor.


def test_the_loop_is_held_against_each_floor_in_the_same_run() -> None:
    report = report_of(floor(key_bits=(512,), pace=Pace(repeats=1, run_seconds=0.001)))
    seconds = {row.subject: row.figure.median for row in report.rows if row.group == "floor"}
    assert list(seconds) == [LOOP, "its own multiplications", "full multiplications mod n²"]
    ratios = {row.what: row.figure.median for row in report.rows if row.group == "overhead"}
    assert ratios == {f"over {name}": pytest.approx(seconds[LOOP] / seconds[name]) for name in list(seconds)[1:]}
    assert {row.key_bits for row in report.rows} == {512}


def test_the_floors_are_counted_for_the_table_at_hand() -> None:
    kind = registry().get("scheme", "paillier")
    scheme = kind(kind.Options.model_validate({"key_bits": 512}))
    assert isinstance(scheme, Scheme)
    public = scheme.generate().public
    scheme.prepare(public, 100_000)
    own, textbook = scheme.floors(public, 1)
    windows = textbook.counts["n² × n², reduced"]
    # Each step of two windows is one product of two residues, and one of full length but for the first; then the
    # message: n times it, and one product more.
    steps = -(-windows // 2)
    assert own.counts == {"n × n": steps + 1, "n² × n², reduced": steps}
    assert 256 / 12 <= windows <= 256 / 2


def test_there_is_no_floor_where_a_scheme_states_none() -> None:
    with pytest.raises(UsageError, match="scheme plain does not say what its encryptions need"):
        list(floor("plain", key_bits=(512,)))
    kind = registry().get("scheme", "paillier")
    exact = kind(kind.Options.model_validate({"key_bits": 512, "blinding": "exact"}))
    assert isinstance(exact, Scheme)
    assert exact.floors(exact.generate().public, 10) == ()


# Words and bars.


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0.00112, "s", "1.12 ms"),
        (1.12, "ms", "1.12 ms"),
        (0.31, "µs", "310 ns"),
        (1500.0, "µs", "1.50 ms"),
        (2e-11, "s", "0.020 ns"),
        (75.0, "s", "75.0 s"),
        (0.0, "s", "0 s"),
        (768, "bytes", "768 bytes"),
        (134_000_000, "bytes", "134 MB"),
        (13_606.7, "readings/s", "13,607 readings/s"),
        (100_800, "readings", "100,800 readings"),
        (1416.2, "×", "1,416 ×"),
        (1.0, "×", "1.00 ×"),
    ],
)
def test_a_figure_is_given_to_three_digits_in_the_unit_that_suits_it(value: float, unit: str, words: str) -> None:
    assert worded(value, unit) == words


def test_the_spread_is_in_the_unit_of_the_median() -> None:
    assert spread(Figure(median=0.00112, low=0.00095, high=0.0131, runs=5), "s") == "0.95–13.10 ×5"
    assert spread(figure(0.5), "s") == "×1"
    assert spread(Figure(median=768, low=768, high=768, runs=3), "bytes") == ""


def test_what_is_compared_is_the_cost_of_a_reading_under_the_largest_key_the_least_first() -> None:
    def row(subject: str, what: str, bits: int, median: float) -> Row:
        return Row(group="scheme", subject=subject, what=what, unit="s", figure=figure(median), key_bits=bits)

    rows = [
        row(subject, what, bits, cost * bits)
        for subject, cost in (("slow", 3.0), ("quick", 1.0))
        for what in ("generate", "encrypt", "encrypt, per reading")
        for bits in (2048, 3072)
    ]
    machine = Machine(cores=2, processor="", system="", python="", smarter="")
    (only,) = comparisons(BenchReport(kind="operations", title="", machine=machine, rows=tuple(rows)))
    assert only.title == "encrypt, per reading, 3072-bit key"
    assert [(each.subject, each.figure.median) for each in only.rows] == [("quick", 3072), ("slow", 9216)]
    own = row("own", "encrypt, per reading", 256, 1.5).model_copy(update={"key_bits": None})
    (only,) = comparisons(BenchReport(kind="operations", title="", machine=machine, rows=(*rows, own)))
    assert [each.subject for each in only.rows] == ["own, own key size", "quick", "slow"]


def _chart(values: list[float], width: int = 80, *, colour: bool = False) -> list[str]:
    bars = [Bar(f"way {number}", value, worded(value, "s"), number == 0) for number, value in enumerate(values)]
    return bars_chart("seconds", bars, lambda value: tick(value, "s"), width=width, colour=colour).splitlines()


def test_bars_far_apart_are_told_apart_on_powers_of_ten() -> None:
    title, *lines = _chart([3e-7, 3e-4, 0.25])
    assert title == "seconds (logarithmic)"
    lengths = [line.count("█") for line in lines[:3]]
    assert 0 < lengths[0] < lengths[1] < lengths[2]
    assert lengths[1] - lengths[0] == pytest.approx(lengths[2] - lengths[1], abs=2)
    assert [re.sub(r" {2,}|┤.*", "|", line) for line in lines[:3]] == [
        "way 0|300 ns|",
        "way 1|300 µs|",
        "way 2|250 ms|",
    ]
    assert re.split(r"  +", lines[-1].strip()) == ["100 ns", "10 µs", "1 ms", "100 ms"]


def test_bars_close_together_are_as_long_as_their_values() -> None:
    title, *lines = _chart([0.1, 0.2, 0.4])
    assert title == "seconds"
    short, middle, long = (line.count("█") for line in lines[:3])
    assert middle == pytest.approx(2 * short, abs=2)
    assert long == pytest.approx(2 * middle, abs=2)
    assert lines[-1].split()[0] == "0"


@pytest.mark.parametrize("colour", [True, False])
@pytest.mark.parametrize("width", [20, 40, 80, 140])
def test_bars_keep_to_their_width(width: int, colour: bool) -> None:
    lines = _chart([1e-9, 2.0, 2.5], width, colour=colour)
    assert max(len(ESCAPE.sub("", line)) for line in lines) <= width
    assert any(ESCAPE.search(line) for line in lines) == (colour and width > 30)


def test_the_bar_that_others_are_measured_from_is_a_line_down_the_chart() -> None:
    bars = [Bar("brief", 0.03, "30 ms"), Bar("ours", 2e-5, "20 µs"), Bar("plain", 3e-8, "30 ns", apart=True)]
    drawn = bars_chart("cost", bars, lambda value: tick(value, "s"), width=70, colour=True, measure=bars[0])
    title, *lines = ESCAPE.sub("", drawn).splitlines()
    assert title == "cost (logarithmic)   │ brief"
    places = {line.rindex("│") for line in lines[1:3]}
    assert len(places) == 1
    assert lines[0].rindex("█") in range(min(places) - 1, min(places) + 1)


def test_a_bar_that_stands_apart_has_another_colour() -> None:
    coloured = [set(ESCAPE.findall(line)) for line in _chart([1e-3, 2e-3, 3e-3], colour=True)[1:4]]
    assert all(coloured)
    assert coloured[0] != coloured[1] == coloured[2]
