"""``smarter bench`` without a scenario: what each operation of every installed scheme and cipher costs.

The command line and the app listen to :func:`operations`; what cannot be measured is left out and noted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Protocol, cast

from pydantic import ValidationError

from smarter.api import Cipher, Plugin, Scheme
from smarter.bench.ciphers import CipherTrial
from smarter.bench.figures import BenchEvent, BenchFinished, BenchProgress, BenchReport, Machine, Pace, Row
from smarter.bench.schemes import EXPECTED, FACTOR, SchemeTrial
from smarter.bench.wording import PER_READING
from smarter.errors import SmarterError, Unavailable
from smarter.registry import Registry, contained, said
from smarter.registry import registry as installed

KEY_BITS = (2048, 3072)
FRAMES = (1, 60)
QUICK_KEY_BITS, QUICK_FRAMES = (3072,), (60,)
"""For whoever will not wait."""
VARIANTS: Mapping[str, Sequence[Mapping[str, str]]] = {"paillier": ({}, {"blinding": "exact"})}
"""Schemes that are measured under more than their default options."""


class Trial(Protocol):
    """A plugin under certain conditions, measured step by step."""

    subject: str

    @property
    def steps(self) -> Mapping[str, Callable[[], list[Row]]]: ...


def operations(
    schemes: Sequence[str] | None = None,
    ciphers: Sequence[str] | None = None,
    *,
    key_bits: Sequence[int] = KEY_BITS,
    frames: Sequence[int] = FRAMES,
    pace: Pace | None = None,
    registry: Registry | None = None,
) -> Iterator[BenchEvent]:
    """Measure operations of schemes at each key size and of ciphers at each frame size.

    Args:
        schemes: by name; None: all.
        ciphers: by name; None: all.
        key_bits: sizes of keys; a scheme that has but one is measured at that.
        frames: readings of a frame.
        pace: how long and how often to measure.
        registry: whose plugins; by default all that are installed.

    Yields:
        Progress in steps, then the report. What fails on the way is noted, with its error, and the rest measured.

    Raises:
        UnknownPlugin: a name that nobody registered.
        Unavailable: nothing of what was asked for can be measured.
    """
    registry, pace = registry or installed(), pace or Pace()
    notes: list[str] = []
    trials: list[Trial] = []
    for plugin in _usable(registry, "scheme", schemes, notes):
        for what, made in _scheme_trials(cast(type[Scheme], plugin), key_bits, pace):
            trials += _made(what, made, notes)
    for plugin in _usable(registry, "cipher", ciphers, notes):
        for frame in frames:
            trials += _made(plugin.name, partial(_cipher_trial, cast(type[Cipher], plugin), frame, pace), notes)
    rows: list[Row] = []
    done, total = 0, sum(len(trial.steps) for trial in trials)
    for trial in trials:
        try:
            for number, (step, measure) in enumerate(trial.steps.items()):
                yield BenchProgress(done + number, total, f"{trial.subject}: {step}")
                with contained():
                    rows += measure()
        except Exception as error:  # noqa: BLE001 - a plugin's code may raise anything
            notes.append(f"{trial.subject}: {_said(error)}")
        done += len(trial.steps)
    if not rows:
        raise Unavailable(f"nothing could be measured: {'; '.join(notes) or 'there are no plugins'}.")
    yield BenchFinished(_report(rows, notes))


def _usable(registry: Registry, kind: str, names: Sequence[str] | None, notes: list[str]) -> Iterator[type[Plugin]]:
    listings = [listing for listing in registry.listings() if listing.kind == kind]
    for name in names or ():
        if name not in {listing.name for listing in listings}:
            registry.get(kind, name)  # which says what there is
    for listing in listings:
        if names is None or listing.name in names:
            if problem := listing.error or listing.missing:
                notes.append(f"{kind} {listing.name} is left out: {problem}")
            else:
                yield registry.get(kind, listing.name)


def _scheme_trials(
    kind: type[Scheme], key_bits: Sequence[int], pace: Pace
) -> Iterator[tuple[str, Callable[[], Trial]]]:
    sizes = key_bits if "key_bits" in kind.Options.model_fields else (None,)
    for variant in VARIANTS.get(kind.name, ({},)):
        subject = f"{kind.name} ({', '.join(variant.values())})" if variant else kind.name
        for bits in sizes:
            options = dict(variant) if bits is None else {"key_bits": bits, **variant}
            what = subject if bits is None else f"{subject}, {bits} bits"
            yield what, partial(_scheme_trial, kind, options, subject, bits, pace)


def _scheme_trial(
    kind: type[Scheme], options: Mapping[str, object], subject: str, key_bits: int | None, pace: Pace
) -> Trial:
    return SchemeTrial(kind(kind.Options.model_validate(options)), subject, key_bits, pace)


def _cipher_trial(kind: type[Cipher], frame: int, pace: Pace) -> Trial:
    return CipherTrial(kind(), frame, pace)


def _made(what: str, make: Callable[[], Trial], notes: list[str]) -> list[Trial]:
    """The trial, or none, and a note why."""
    try:
        with contained():
            return [make()]
    except Exception as error:  # noqa: BLE001 - a plugin's code may raise anything
        notes.append(f"{what} is left out: {_said(error)}")
        return []


def _said(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(problem["msg"].removeprefix("Value error, ") for problem in error.errors())
    return str(error).rstrip(".") if isinstance(error, SmarterError) else said(error)


def _report(rows: Sequence[Row], problems: Sequence[str]) -> BenchReport:
    kinds = {row.group for row in rows}
    notes = []
    if "scheme" in kinds:
        notes += [
            f"{PER_READING}: with a reading in every lane of a plaintext, encrypt with packing included; lanes are "
            "those of demand windows of 15 minutes, of ten meters' minutes, 100 kW each",
            f"scale: by a factor of {FACTOR.bit_length()} bits; release: decrypt, as the releaser does",
        ]
    if any(row.what == "table" for row in rows):
        notes.append(f"table: made once a key and process, for {EXPECTED:,} encryptions; encrypt does not make any")
    if demos := dict.fromkeys(row.subject for row in rows if row.demo):
        notes.append(f"✕ protects nothing (insecure_demo), there to be compared with: {', '.join(demos)}")
    title = f"Operations of {' and '.join(f'{kind}s' for kind in ('scheme', 'cipher') if kind in kinds)}."
    return BenchReport(
        kind="operations", title=title, machine=Machine.this(), rows=tuple(rows), notes=(*notes, *problems)
    )
