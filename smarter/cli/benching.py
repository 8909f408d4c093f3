"""``smarter bench``: operations, a scenario's stages, the brief's way beside ours, the floor, and release rule 4."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from smarter.cli.options import debug_option

if TYPE_CHECKING:
    from smarter.bench.figures import BenchEvent, BenchReport

BRIEF_SCENARIO = "quickstart"

FLAGS = {
    "overrides": "--set",
    "against": "--against",
    "floor": "--floor",
    "release_rules": "--release-rules",
    "schemes": "--scheme",
    "ciphers": "--cipher",
    "key_bits": "--key-bits",
    "frames": "--frame",
    "readings": "--readings",
    "workers": "--workers",
    "seed": "--seed",
    "repeats": "--repeats",
    "quick": "--quick",
}
TAKEN = {
    "the benchmark of operations": {"schemes", "ciphers", "key_bits", "frames", "repeats", "quick"},
    "--floor": {"floor", "key_bits", "repeats", "quick"},
    "--release-rules": {"release_rules", "seed", "repeats", "quick"},
    "--against": {"against", "overrides", "readings", "workers", "repeats"},
    "a SCENARIO": {"overrides", "workers", "repeats"},
}
"""What is measured, and the options that it takes."""


@click.command(
    epilog="\b\nExamples:\n  smarter bench\n  smarter bench --scheme paillier --key-bits 3072\n"
    "  smarter bench quickstart\n  smarter bench --against brief\n  smarter bench --floor\n"
    "  smarter bench --release-rules"
)
@click.argument("scenario", metavar="[SCENARIO]", required=False)
@click.option("--set", "overrides", multiple=True, metavar="FIELD=VALUE", help="Override a value of SCENARIO.")
@click.option("--against", type=click.Choice(["brief"]), help="Compare with the brief's way, a ciphertext a reading.")
@click.option("--floor", is_flag=True, help="Hold our encryption against the multiplications that it needs.")
@click.option(
    "--release-rules", is_flag=True, help="Leaks that release rule 4 prevents where frames are lost, and its price."
)
@click.option("--scheme", "schemes", multiple=True, metavar="NAME", help="Only this scheme; repeatable.")
@click.option("--cipher", "ciphers", multiple=True, metavar="NAME", help="Only this cipher; repeatable.")
@click.option(
    "--key-bits",
    type=click.IntRange(256, 16_384),
    multiple=True,
    metavar="N",
    help="Size of keys; repeatable. [default: 2048 and 3072; with --floor 3072]",
)
@click.option(
    "--frame",
    "frames",
    type=click.IntRange(1, 65_535),
    multiple=True,
    metavar="N",
    help="Readings of a frame; repeatable. [default: 1 and 60]",
)
@click.option("--readings", type=click.IntRange(1), metavar="N", help="With --against: readings of the brief's way.")
@click.option("--workers", type=click.IntRange(1), metavar="N", help="Processes of a run. [default: all cores]")
@click.option(
    "--seed", type=click.IntRange(1), metavar="N", help="With --release-rules: seed of the simulation. [default: 1]"
)
@click.option(
    "--repeats",
    type=click.IntRange(1, 1000),
    metavar="N",
    help="Runs of each figure, fewer of slow ones; years simulated.",
)
@click.option("--quick", is_flag=True, help="Short runs, 3 of each; one size of keys and frames; years of 30 days.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@debug_option
def bench(scenario: str | None, as_json: bool, **options: Any) -> None:
    """Measure: what each operation of every scheme and cipher costs, or, with SCENARIO, each stage of its run.

    Each figure is the median of repeated runs, with the quickest and the slowest, on this machine, now.
    """
    options = {name: value for name, value in options.items() if value not in (None, (), False)}
    report = _carried(_chosen(scenario, options))
    if as_json:
        click.echo(report.model_dump_json(indent=2))
    else:
        print_report(report)


def _chosen(scenario: str | None, options: Mapping[str, Any]) -> Iterator[BenchEvent]:
    """The benchmark that was asked for; nothing is measured yet."""
    mode = next((flag for flag in ("floor", "release_rules", "against") if flag in options), None)
    measured = FLAGS[mode] if mode else "a SCENARIO" if scenario else "the benchmark of operations"
    if strange := [FLAGS[name] for name in options if name not in TAKEN[measured]]:
        raise click.UsageError(f"{measured} does not take {' and '.join(strange)}")
    if mode in ("floor", "release_rules") and scenario is not None:
        raise click.UsageError(f"{measured} takes no SCENARIO, and so not {scenario}")
    if mode == "release_rules":
        from smarter.bench.release_rules import release_rules

        return release_rules(**_simulated(options))
    if mode == "floor":
        from smarter.bench.floor import floor

        return floor(**_operands(options))
    if mode is None and scenario is None:
        from smarter.bench.operations import operations

        return operations(**_operands(options))
    from smarter.bench.figures import cores
    from smarter.scenario import load_scenario

    checked = load_scenario(scenario or BRIEF_SCENARIO, options.get("overrides", ()))
    given = {
        "workers": cores(),
        **{name: options[name] for name in ("workers", "repeats", "readings") if name in options},
    }
    if mode == "against":
        from smarter.bench.brief import against_brief

        return iter(against_brief(checked, **given))
    from smarter.bench.pipeline import pipeline

    return iter(pipeline(checked, **given))


def _operands(options: Mapping[str, Any]) -> dict[str, Any]:
    """What is measured where there is no scenario, and at which pace."""
    from smarter.bench.figures import QUICK, Pace
    from smarter.bench.operations import QUICK_FRAMES, QUICK_KEY_BITS

    given = {name: options[name] for name in ("schemes", "ciphers", "key_bits", "frames") if name in options}
    quick = "quick" in options
    if "floor" not in options:
        if {"schemes", "ciphers"} & given.keys():  # those alone
            given = {"schemes": (), "ciphers": (), **given}
        if quick:
            given = {"key_bits": QUICK_KEY_BITS, "frames": QUICK_FRAMES, **given}
    pace = QUICK if quick else Pace()
    return {**given, "pace": replace(pace, repeats=options.get("repeats", pace.repeats))}


def _simulated(options: Mapping[str, Any]) -> dict[str, Any]:
    """The seed, the span and the repeats of the simulation of release rule 4."""
    from smarter.bench.figures import QUICK
    from smarter.bench.release_rules import PACE, QUICK_YEAR

    given: dict[str, Any] = {"seed": options["seed"]} if "seed" in options else {}
    pace = PACE
    if "quick" in options:
        pace, given["windows"] = replace(PACE, repeats=QUICK.repeats), QUICK_YEAR
    if "repeats" in options:
        pace, given["years"] = replace(pace, repeats=options["repeats"]), options["repeats"]
    return {**given, "pace": pace}


def _carried(events: Iterator[BenchEvent]) -> BenchReport:
    """The report at the end of ``events``; on a terminal, standard error shows how far they are."""
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from smarter.bench.figures import BenchFinished, BenchProgress
    from smarter.cli.terminal import make_progress

    columns = (BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), TextColumn("{task.description}", markup=False))
    progress = make_progress(*columns, disable=not sys.stderr.isatty())
    with progress:
        task = progress.add_task("", total=None)
        for event in events:
            if isinstance(event, BenchProgress):
                progress.update(task, completed=event.done, total=event.total, description=event.next)
            elif isinstance(event, BenchFinished):
                return event.report
    raise AssertionError("a benchmark ends with its report")


def print_report(report: BenchReport) -> None:
    """Tables with bars beneath, on standard output."""
    from smarter.bench.wording import comparisons
    from smarter.cli import printing, show

    out = printing.console()
    compared = {comparison.rows[0].group: comparison for comparison in comparisons(report)}
    show.bench_head(out, report)
    for group in dict.fromkeys(row.group for row in report.rows):
        show.bench_table(out, [row for row in report.rows if row.group == group])
        if group in compared:
            out.print()
            printing.print_chart(show.bench_bars(compared[group], width=out.width, colour=printing.colourful(out)))
    show.bench_notes(out, report)
