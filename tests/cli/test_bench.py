"""``smarter bench``: which benchmark a call asks for, what it prints, and what contradicts itself."""

from __future__ import annotations

import importlib
import io
import json
import signal
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from unittest.mock import create_autospec

import jsonschema
import pytest
from rich.console import Console

from smarter.bench.figures import BenchEvent, BenchFinished, BenchProgress, BenchReport, Figure, Machine, Row, cores
from smarter.cli import show

Call = Callable[..., Any]
Asked = list[tuple[str, tuple[Any, ...], dict[str, Any]]]

SMALL = (
    "bench",
    "--scheme",
    "plain",
    "--cipher",
    "aes-gcm",
    "--cipher",
    "chacha20-poly1305",
    "--quick",
    "--repeats",
    "2",
)
MACHINE = Machine(cores=2, processor="Some CPU", system="Linux", python="3.12.1", smarter="0.1")


def _row(subject: str, what: str, seconds: float, **facts: Any) -> Row:
    spread = Figure(median=seconds, low=seconds * 0.9, high=seconds * 1.2, runs=5)
    return Row(group="scheme", subject=subject, what=what, unit="s", figure=spread, **facts)


def _report(*rows: Row) -> BenchReport:
    return BenchReport(kind="operations", title="Operations.", machine=MACHINE, rows=rows, notes=("a note",))


def _printed(report: BenchReport, width: int) -> list[str]:
    """What a pipe of so many columns gets; no line may be wider."""
    out = io.StringIO()
    console = Console(file=out, width=width, highlight=False)
    show.bench_head(console, report)
    show.bench_table(console, report.rows)
    show.bench_notes(console, report)
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    assert max(map(len, lines)) <= width
    return lines


def _words(lines: list[str], *words: str) -> list[str]:
    (found,) = (line.split() for line in lines if all(word in line for word in words))
    return found


# What is asked for.


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Benchmarks that a call began, with what they were given; none is carried out, but calls must fit them."""
    began: Asked = []
    for module, name in (
        ("operations", "operations"),
        ("floor", "floor"),
        ("release_rules", "release_rules"),
        ("pipeline", "pipeline"),
        ("brief", "against_brief"),
    ):

        def begin(*given: Any, name: str = name, **named: Any) -> Iterator[BenchEvent]:
            began.append((name, given, named))
            yield BenchProgress(0, 1, "nothing")
            yield BenchFinished(_report(_row("plain", "encrypt", 1.0)))

        found = importlib.import_module(f"smarter.bench.{module}")
        fake = create_autospec(getattr(found, name))
        fake.side_effect = begin
        monkeypatch.setattr(found, name, fake)
    return began


def test_without_anything_operations_are_measured(call: Call, asked: Asked) -> None:
    assert call("bench").code == 0
    ((name, _, given),) = asked
    assert (name, set(given)) == ("operations", {"pace"})
    assert (given["pace"].repeats, given["pace"].run_seconds) == (5, 0.1)


def test_who_names_a_scheme_wants_that_one_and_no_cipher(call: Call, asked: Asked) -> None:
    assert call("bench", "--scheme", "plain", "--key-bits", 512, "--key-bits", 640, "--repeats", 9).code == 0
    ((_, _, given),) = asked
    assert (given["schemes"], given["ciphers"], given["key_bits"]) == (("plain",), (), (512, 640))
    assert given["pace"].repeats == 9


def test_a_quick_benchmark_keeps_to_one_size_unless_told_otherwise(call: Call, asked: Asked) -> None:
    assert call("bench", "--quick", "--frame", 1).code == 0
    ((_, _, given),) = asked
    assert (given["key_bits"], given["frames"], given["pace"].repeats) == ((3072,), (1,), 3)


def test_a_scenario_is_run_on_as_many_workers_as_are_asked_for(call: Call, asked: Asked) -> None:
    assert call("bench", "quickstart", "--set", "frame=30", "--workers", 1, "--repeats", 2).code == 0
    ((name, (scenario,), given),) = asked
    assert (name, scenario.name, scenario.frame, given) == ("pipeline", "quickstart", 30, {"workers": 1, "repeats": 2})


def test_the_brief_is_compared_with_on_the_quickstart_unless_told_otherwise(call: Call, asked: Asked) -> None:
    assert call("bench", "--against", "brief", "--readings", 20).code == 0
    assert call("bench", "dst", "--against", "brief").code == 0
    (name, (first,), given), (_, (second,), _) = asked
    assert (name, first.name, second.name) == ("against_brief", "quickstart", "dst")
    assert given == {"workers": cores(), "readings": 20}


def test_the_floor_is_measured_at_the_sizes_asked_for(call: Call, asked: Asked) -> None:
    assert call("bench", "--floor", "--key-bits", 2048).code == 0
    ((name, _, given),) = asked
    assert (name, given["key_bits"]) == ("floor", (2048,))


def test_release_rules_are_simulated_over_a_year_by_default(call: Call, asked: Asked) -> None:
    assert call("bench", "--release-rules").code == 0
    ((name, _, given),) = asked
    assert (name, set(given), given["pace"].repeats) == ("release_rules", {"pace"}, 5)


def test_release_rules_are_simulated_with_the_seed_and_as_many_years_as_asked_for(call: Call, asked: Asked) -> None:
    assert call("bench", "--release-rules", "--seed", 7, "--repeats", 2, "--quick").code == 0
    ((_, _, given),) = asked
    assert (given["seed"], given["years"], given["windows"], given["pace"].repeats) == (7, 2, 240, 2)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--floor", "--against", "brief"), "--floor does not take --against"),
        (("quickstart", "--floor"), "--floor takes no SCENARIO, and so not quickstart"),
        (("quickstart", "--scheme", "plain"), "a SCENARIO does not take --scheme"),
        (("quickstart", "--key-bits", 2048, "--quick"), "a SCENARIO does not take --key-bits and --quick"),
        (("quickstart", "--readings", 10), "a SCENARIO does not take --readings"),
        (("--set", "frame=1"), "the benchmark of operations does not take --set"),
        (("--workers", 2), "the benchmark of operations does not take --workers"),
        (("--floor", "--workers", 2), "--floor does not take --workers"),
        (("--against", "brief", "--frame", 1), "--against does not take --frame"),
        (("--release-rules", "--floor"), "--floor does not take --release-rules"),
        (("--release-rules", "--against", "brief"), "--release-rules does not take --against"),
        (("--release-rules", "--workers", 2), "--release-rules does not take --workers"),
        (("--release-rules", "quickstart"), "--release-rules takes no SCENARIO, and so not quickstart"),
        (("--floor", "--seed", 2), "--floor does not take --seed"),
        (("--seed", 2), "the benchmark of operations does not take --seed"),
        (("--release-rules", "--seed", 0), "0 is not in the range"),
        (("--key-bits", 100), "100 is not in the range"),
        (("--repeats", 0), "0 is not in the range"),
        (("--against", "us"), "'us' is not 'brief'"),
        (("--scheme", "payer"), "did you mean"),
        (("no-such-scenario",), "no-such-scenario"),
    ],
)
def test_what_contradicts_itself_is_refused_before_anything_is_measured(
    call: Call, arguments: tuple[object, ...], said: str
) -> None:
    ended = call("bench", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
    assert ended.err.count("\n") == 1


def test_an_interrupt_ends_it_at_once(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)  # as Ctrl-C does; one that a plugin raises itself is its own fault

    monkeypatch.setattr("smarter.bench.schemes.SchemeTrial._encrypt", interrupted)
    ended = call(*SMALL, "--key-bits", 512)
    assert (ended.code, ended.out, ended.err.strip()) == (130, "", "smarter: interrupted; give the same command again.")


# What is printed.


def test_json_is_the_report_and_nothing_else_and_keeps_to_its_schema(call: Call) -> None:
    ended = call(*SMALL, "--key-bits", 512, "--json")
    assert (ended.code, ended.err) == (0, "")
    jsonschema.validate(json.loads(ended.out), json.loads(call("schema", "bench").out))
    report = BenchReport.model_validate_json(ended.out)
    assert {row.subject for row in report.rows} == {"plain", "aes-gcm", "chacha20-poly1305"}
    assert report.machine.cores == cores()


def test_tables_are_led_by_the_machine_and_followed_by_bars_and_notes(call: Call) -> None:
    ended = call(*SMALL, "--key-bits", 512)
    assert (ended.code, ended.err) == (0, "")
    assert "\x1b" not in ended.out
    lines = ended.out.splitlines()
    assert lines[0] == "Operations of schemes and ciphers."
    assert f"{cores()} core" in lines[1]
    place = [
        next(n for n, line in enumerate(lines) if words in line) for words in ("release", "┤█", "✕ protects nothing")
    ]
    assert place == sorted(place)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A simulation of release rules with two small neighbourhoods, at one rate of loss."""
    found = importlib.import_module("smarter.bench.release_rules")
    monkeypatch.setattr(found, "release_rules", partial(found.release_rules, (5, 10), (0.05,)))


@pytest.mark.usefixtures("few")
def test_release_rules_have_a_line_a_neighbourhood_and_a_table_a_rate_of_loss(call: Call) -> None:
    ended = call("bench", "--release-rules", "--quick")
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[0].startswith("Release rule 4")
    place = lines.index("5 % of frames lost  one process")
    assert lines[place + 1].split() == ["leaks", "leaks", "left", "withheld", "share", "bills", "held"]
    assert [line.split()[:2] for line in lines[place + 3 : place + 5]] == [["5", "homes"], ["10", "homes"]]
    assert max(map(len, lines[place : place + 5])) <= 80
    assert "Check of a billing window  one process" in lines
    assert "with rule 4, no billing window leaks" in lines


@pytest.mark.usefixtures("few")
def test_release_rules_as_json_keep_to_the_schema(call: Call) -> None:
    ended = call("bench", "--release-rules", "--quick", "--json")
    assert (ended.code, ended.err) == (0, "")
    jsonschema.validate(json.loads(ended.out), json.loads(call("schema", "bench").out))
    report = BenchReport.model_validate_json(ended.out)
    assert report.kind == "release-rules"
    assert {row.figure.high for row in report.rows if row.what == "leaks left"} == {0}


def test_each_size_of_key_has_a_column_with_median_spread_and_runs() -> None:
    rows = [
        _row("quick", what, bits / 1e6, key_bits=bits, lanes=lanes)
        for bits, lanes in ((2048, 64), (3072, 96))
        for what in ("encrypt", "release")
    ]
    lines = _printed(_report(*rows), 80)
    assert lines[:2] == ["Operations.", "2 cores · Some CPU · Linux · Python 3.12.1 · Smarter 0.1"]
    assert _words(lines, "bits") == ["2048", "bits", "3072", "bits"]
    assert _words(lines, "lanes") == ["quick", "64", "lanes", "96", "lanes"]
    one, other = ["2.05", "ms", "1.84–2.46", "×5"], ["3.07", "ms", "2.76–3.69", "×5"]
    assert _words(lines, "release") == ["release", *one, *other]
    assert lines[-1] == "a note"


def test_columns_that_have_no_room_go_below() -> None:
    rows = [_row("quick", "encrypt", 1e-3, key_bits=bits) for bits in (1024, 2048, 3072, 4096)]
    heads = [line.split() for line in _printed(_report(*rows), 80) if "bits" in line]
    assert heads == [["1024", "bits", "2048", "bits"], ["3072", "bits", "4096", "bits"]]
    heads = [line.split() for line in _printed(_report(*rows), 140) if "bits" in line]
    assert heads == [["1024", "bits", "2048", "bits", "3072", "bits", "4096", "bits"]]


def test_what_all_rows_have_in_common_is_said_once() -> None:
    rows = [
        _row(subject, what, 1e-3, key_bits=3072, frame=60, workers=2)
        for subject in ("read", "seal")
        for what in ("wall clock", "per reading")
    ]
    lines = _printed(_report(*rows), 80)
    assert _words(lines, "Schemes") == ["Schemes", "3072-bit", "key,", "frames", "of", "60,", "2", "workers"]
    assert _words(lines, "wall") == ["wall", "clock", "per", "reading"]
    assert _words(lines, "seal")[0::4] == ["seal", "×5", "×5"]


def test_what_protects_nothing_is_marked() -> None:
    lines = _printed(_report(_row("plain", "encrypt", 1e-7, demo=True), _row("sound", "encrypt", 1e-3)), 80)
    assert _words(lines, "plain")[:2] == ["plain", "✕"]
    assert "✕" not in " ".join(_words(lines, "sound"))
