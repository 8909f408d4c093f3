"""Checks over several fields of a scenario, before any data is touched; the loader runs them all.

Each yields the field and the sentence: what is wrong, and what would be right.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, TypeVar

from smarter.errors import BrokenPlugin, MissingExtra, SmarterError
from smarter.model.clock import DAY
from smarter.model.windows import spell
from smarter.registry import contained, said
from smarter.scenario.choices import PluginChoice
from smarter.scenario.document import Field
from smarter.scenario.lengths import crosses_period, crosses_price_change, length_problem, lengths_that_work
from smarter.scenario.model import Scenario
from smarter.scenario.moments import moment_text
from smarter.scenario.problems import did_you_mean

T = TypeVar("T")
Found = Iterator[tuple[Field, str]]

FEWEST_METERS = 5
SHORTEST_BILLING_WINDOW = 7_200


def problems(scenario: Scenario) -> Found:
    """Everything that keeps a scenario from running."""
    yield from _windows(scenario)
    yield from _hold(scenario)
    yield from _release(scenario)
    yield from _span(scenario)
    yield from _faults(scenario)
    yield from _capabilities(scenario)
    for path, reason in demo_reasons(scenario):
        if not scenario.insecure_demo:
            yield path, f"{reason}: put 'insecure_demo: true' at the top to run it all the same, or choose another."


def warnings(scenario: Scenario) -> Iterator[str]:
    """What a user should know before it runs."""
    if scenario.insecure_demo:
        for path, reason in demo_reasons(scenario):
            yield f"{'.'.join(map(str, path))}: {reason}; insecure_demo admits it."
    rules = scenario.release
    if 1 < rules.min_meters < FEWEST_METERS:
        yield (
            f"release.min_meters is {rules.min_meters}, below {FEWEST_METERS}: "
            "sums of so few homes say much about each of them."
        )
    if rules.min_billing_window < SHORTEST_BILLING_WINDOW:
        yield (
            f"release.min_billing_window is {spell(rules.min_billing_window)}, below "
            f"{spell(SHORTEST_BILLING_WINDOW)}: bills so fine show when somebody is at home."
        )
    for name in ("start", "end"):
        yield from _inside_a_window(scenario, name)


def demo_reasons(scenario: Scenario) -> Found:
    """Each choice that may run only as an insecure demonstration, and why."""
    if scenario.release.min_meters == 1:
        yield ("release", "min_meters"), "the demand of one home alone is that home's readings"
    for name, choice in scenario.choices():
        protects_nothing = choice.implementation.insecure_demo
        by_class = f"{choice.kind} {choice.plugin} protects nothing" if protects_nothing else None
        if reason := _asked(choice, lambda plugin: plugin.demo_reason(), by_class):
            yield tuple(name.split(".")), reason.rstrip(".")


def _asked(choice: PluginChoice, question: Callable[[Any], T], otherwise: T) -> T:
    """What the plugin answers, or ``otherwise`` where its library is missing: that is said when it is to run."""
    try:
        with contained():
            return question(choice.create())
    except MissingExtra:
        return otherwise
    except SmarterError:
        raise
    except Exception as error:
        raise BrokenPlugin(
            f"the {choice.kind} {choice.plugin!r} cannot be asked: {said(error).rstrip('.')}."
        ) from error


def _windows(scenario: Scenario) -> Found:
    windows = scenario.windows
    if DAY % windows.reading:
        way_out = lengths_that_work(lambda length: length <= 3_600, windows.reading)
        yield ("windows", "reading"), f"{spell(windows.reading)} does not divide 24 h; {way_out}."
        return
    for name in ("demand", "billing"):
        if problem := length_problem(getattr(windows, name), windows.reading):
            yield ("windows", name), problem
    if length_problem(windows.billing, windows.reading) is None:
        found = list(_billing(scenario))
        yield from found
        if not found:
            yield from _demand(scenario)


def _demand(scenario: Scenario) -> Found:
    """Refuse demand windows that billing windows are not made up of; each billing edge is then a demand edge."""
    windows = scenario.windows

    def works(length: int) -> bool:
        return length_problem(length, windows.reading) is None and windows.billing % length == 0

    length = windows.demand
    if length_problem(length, windows.reading) is None and windows.billing % length:
        way_out = lengths_that_work(works, length)
        yield (
            ("windows", "demand"),
            f"windows of {spell(length)} do not divide windows.billing, {spell(windows.billing)}; {way_out}.",
        )


def _billing(scenario: Scenario) -> Found:
    windows, tariff = scenario.windows, scenario.tariff
    least = scenario.release.min_billing_window
    changes = _asked(tariff, lambda plugin: tuple(plugin.changes()), ())
    period = str(getattr(tariff.options, "period", "run"))

    def works(length: int) -> bool:
        return (
            length_problem(length, windows.reading) is None
            and length >= least
            and crosses_price_change(length, changes) is None
            and not crosses_period(length, period)
        )

    path: Field = ("windows", "billing")
    length = windows.billing
    way_out = lengths_that_work(works, length)
    if length < least:
        yield path, f"{spell(length)} is shorter than release.min_billing_window, {spell(least)}; {way_out}."
    if (change := crosses_price_change(length, changes)) is not None:
        clock = f"{change // 3_600:02}:{change // 60 % 60:02}"
        yield (
            path,
            f"windows of {spell(length)} straddle the price change of tariff {tariff.plugin} at {clock}; {way_out}.",
        )
    elif crosses_period(length, period):
        yield path, f"windows of {spell(length)} straddle the bills of tariff.period {period!r}; {way_out}."


def _hold(scenario: Scenario) -> Found:
    reading, hold = scenario.windows.reading, scenario.pes.hold
    step = scenario.frame * reading
    if DAY % reading or hold % step == 0:
        return
    slots, readings = hold // reading, "reading" if scenario.frame == 1 else "readings"
    fewer = "" if hold % reading else f", or frame: {max(n for n in range(1, scenario.frame) if slots % n == 0)}"
    yield (
        ("pes", "hold"),
        f"{spell(hold)} is no multiple of a frame, {scenario.frame} {readings} of {spell(reading)}; "
        f"use {spell(max(1, round(hold / step)) * step)}{fewer}.",
    )


def _release(scenario: Scenario) -> Found:
    least = scenario.release.min_meters
    for name, neighbourhood in scenario.neighbourhoods.items():
        if neighbourhood.meters is not None and neighbourhood.meters < least:
            yield (
                ("neighbourhoods", name, "meters"),
                f"{neighbourhood.meters} is fewer than release.min_meters, {least}, so no demand could be released; "
                f"give it {least} or more, or lower release.min_meters.",
            )


def _span(scenario: Scenario) -> Found:
    start, end = scenario.time.start, scenario.time.end
    if start is not None and end is not None and end <= start:
        yield (
            ("time", "end"),
            f"{moment_text(end)} is not after time.start, {moment_text(start)}; the end is not part of the span.",
        )


def _faults(scenario: Scenario) -> Found:
    start, end = scenario.time.start, scenario.time.end
    for index, fault in enumerate(scenario.faults):
        if fault.neighbourhood not in scenario.neighbourhoods:
            hint = did_you_mean(fault.neighbourhood, scenario.neighbourhoods)
            yield (
                ("faults", index, "neighbourhood"),
                f"there is no neighbourhood {fault.neighbourhood!r}; {hint}",
            )
        if (start and fault.at < start) or (end and fault.at >= end):
            span = f"{moment_text(start) if start else '…'} to {moment_text(end) if end else '…'}"
            yield ("faults", index, "at"), f"{moment_text(fault.at)} is outside the span, {span}; move it inside."


def _capabilities(scenario: Scenario) -> Found:
    choice = scenario.crypto.aggregate
    if not choice.implementation.capabilities().get("additive"):
        yield (
            ("crypto", "aggregate", "plugin"),
            f"scheme {choice.plugin!r} cannot add ciphertexts, and protocol {scenario.protocol} adds them; "
            "choose one that lists 'additive' in 'smarter plugins'.",
        )


def _inside_a_window(scenario: Scenario, name: str) -> Iterator[str]:
    moment: datetime | None = getattr(scenario.time, name)
    if moment is None:
        return
    lengths = {kind: getattr(scenario.windows, kind) for kind in ("billing", "demand")}
    cut = {kind: since for kind, length in lengths.items() if (since := _since_edge(moment, length))}
    if not cut:
        return
    named = " and ".join(
        f"the {kind} window {moment_text(moment - timedelta(seconds=since))} to "
        f"{moment_text(moment - timedelta(seconds=since - lengths[kind]))}"
        for kind, since in cut.items()
    )
    step = math.lcm(*lengths.values())
    into = _since_edge(moment, step)
    edge = moment - timedelta(seconds=into if 2 * into < step else into - step)
    yield (
        f"time.{name} {moment_text(moment)} lies inside {named}, which will be incomplete; "
        f"the nearest time that cuts no window is {moment_text(edge)}."
    )


def _since_edge(moment: datetime, length: int) -> int:
    """Seconds on the local clock since the last edge of windows of ``length``."""
    days = moment.toordinal() - 1  # since a Monday, as windows of several days are counted
    seconds = days * DAY + moment.hour * 3_600 + moment.minute * 60 + moment.second
    return seconds % length
