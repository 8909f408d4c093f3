"""The output files: exact columns, exact energies, and a file is there whole or not at all."""

from __future__ import annotations

import csv
import io
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Protocol, TextIO

from smarter.model.bills import Bill
from smarter.model.results import Result, WindowRow
from smarter.model.windows import iso
from smarter.protocols.report import Report
from smarter.protocols.session import Session

BILLING = ("meter", "window_start", "window_end", "readings", "expected", "energy_wh", "status", "reason")
DEMAND = (
    "neighbourhood",
    "window_start",
    "window_end",
    "meters",
    "readings",
    "expected",
    "energy_wh",
    "mean_kw",
    "status",
    "reason",
)
BILLS = ("meter", "period_start", "period_end", "energy_wh", "currency", "amount", "status")
METERS = ("meter", "source")
Table = Literal["bills", "windows", "demand"]
"""What the MDMS knows, by the word for it: the columns of bills.csv, billing.csv and demand.csv."""


class Writer(Protocol):
    """Of a CSV file."""

    def writerows(self, rows: Iterable[Sequence[object]], /) -> None:
        """Write rows."""


_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
# At the start of a cell, or of what a spreadsheet with other separators takes for one.
_FORMULA = re.compile(r"(^|[;\t\r\n])(?=\s*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])")


class _Writer:
    """Writes rows in which no text is a spreadsheet's formula."""

    def __init__(self, file: TextIO, columns: Sequence[str]) -> None:
        self._writer = csv.writer(file, lineterminator="\n")
        self._writer.writerow([cell(name) for name in columns])

    def writerows(self, rows: Iterable[Sequence[object]], /) -> None:
        self._writer.writerows([cell(value) for value in row] for row in rows)


def cell(value: object) -> object:
    """A value as a CSV file has it: text that a spreadsheet would run as a formula begins with an apostrophe.

    Numbers, also those given as text, stay as they are.
    """
    if not isinstance(value, str) or _NUMBER.fullmatch(value):
        return value
    # The library quotes no lone \r, at which a reader ends the row.
    return _FORMULA.sub(r"\1'", value.replace("\r\n", "\n").replace("\r", "\n"))


def write_outputs(folder: Path, session: Session, report: Report, result: Result, *, reveal_meters: bool) -> list[Path]:
    """Write the files of a finished run into ``folder``, which is made if it is not there; return their paths.

    ``reveal_meters`` adds ``meters.csv``: the simulation's truth, which no party has.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _csv(folder / "demand.csv", DEMAND) as demand:
        for name in report.neighbourhoods:
            demand.writerows(demand_lines(name, report.timezone(name), report.demand(name)))
    # In one pass, which opens each record once, and holds a period's windows of one household.
    with _csv(folder / "billing.csv", BILLING) as billing, _csv(folder / "bills.csv", BILLS) as bills:
        for pseudonym, timezone, rows in report.billing():
            written_down = _written(billing, pseudonym, timezone, rows)
            bills.writerows(bill_lines(pseudonym, timezone, report.bills(pseudonym, timezone, written_down)))
    written = [folder / f"{name}.csv" for name in ("billing", "demand", "bills")]
    if reveal_meters:
        with _csv(folder / "meters.csv", METERS) as meters:
            meters.writerows(_meters(session))
        written.append(folder / "meters.csv")
    with replacing(folder / "result.json") as file:
        file.write(result.model_dump_json(indent=2))
        file.write("\n")
    return [*written, folder / "result.json"]


def watt_hours(energy: int | None) -> str:
    """mWh as Wh with three decimals, exact; empty when there is none."""
    if energy is None:
        return ""
    whole, rest = divmod(abs(energy), 1000)
    return f"{'-' if energy < 0 else ''}{whole}.{rest:03}"


def mean_kilowatts(row: WindowRow) -> str:
    """Mean power over the measured part of a window, in kW with six decimals, rounded half to even; empty if none."""
    if row.energy is None or not row.readings:
        return ""
    # energy mWh over (seconds × readings / expected), in whole mW, so that rounding is exact.
    numerator, denominator = row.energy * 3600 * row.expected, (row.end - row.start) * row.readings
    milliwatts = round_half_even(numerator, denominator)
    whole, rest = divmod(abs(milliwatts), 1_000_000)
    return f"{'-' if milliwatts < 0 else ''}{whole}.{rest:06}"


def round_half_even(numerator: int, denominator: int) -> int:
    """The integer nearest to a fraction with positive denominator, ties to even."""
    quotient, rest = divmod(numerator, denominator)
    return quotient + (2 * rest > denominator or (2 * rest == denominator and quotient % 2 == 1))


def csv_writer(file: TextIO, columns: Sequence[str]) -> Writer:
    """Writes rows of these columns, whose names are written now."""
    return _Writer(file, columns)


def csv_text(columns: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    """A file of these columns as text."""
    text = io.StringIO()
    csv_writer(text, columns).writerows(lines)
    return text.getvalue()


def table_of(report: Report, table: Table) -> tuple[Sequence[str], Iterator[Sequence[object]]]:
    """A table of all households or neighbourhoods: its columns and, as they are asked for, its rows."""
    if table == "demand":
        places = ((name, report.timezone(name)) for name in report.neighbourhoods)
        return DEMAND, (row for name, zone in places for row in demand_lines(name, zone, report.demand(name)))
    if table == "windows":
        return BILLING, (row for each in report.billing() for row in billing_lines(*each))
    return BILLS, (row for each in report.accounts() for row in bill_lines(each.meter, each.timezone, each.bills))


def billing_lines(pseudonym: str, timezone: str, rows: Iterable[WindowRow]) -> Iterator[Sequence[object]]:
    """A household's windows, in the columns :data:`BILLING`."""
    for row in rows:
        start, end = iso(row.start, timezone), iso(row.end, timezone)
        yield pseudonym, start, end, row.readings, row.expected, watt_hours(row.energy), row.status, row.reason


def demand_lines(neighbourhood: str, timezone: str, rows: Iterable[WindowRow]) -> Iterator[Sequence[object]]:
    """A neighbourhood's windows, in the columns :data:`DEMAND`."""
    for row in rows:
        yield (
            neighbourhood,
            iso(row.start, timezone),
            iso(row.end, timezone),
            row.meters,
            row.readings,
            row.expected,
            watt_hours(row.energy),
            mean_kilowatts(row),
            row.status,
            row.reason,
        )


def bill_lines(pseudonym: str, timezone: str, bills: Sequence[Bill]) -> Iterator[Sequence[object]]:
    """A household's bills, in the columns :data:`BILLS`."""
    for bill in bills:
        yield (
            pseudonym,
            iso(bill.start, timezone),
            iso(bill.end, timezone),
            watt_hours(bill.energy),
            bill.currency,
            "" if bill.amount is None else f"{bill.amount:f}",
            bill.status,
        )


def _written(billing: Writer, pseudonym: str, timezone: str, rows: Iterable[WindowRow]) -> Iterator[WindowRow]:
    """Pass a household's rows on, each written down."""
    for row in rows:
        billing.writerows(billing_lines(pseudonym, timezone, [row]))
        yield row


def _meters(session: Session) -> Iterator[Sequence[object]]:
    kept = [meter for meters in session.roster.values() for meter in meters]
    yield from ((meter.pseudonym.hex(), meter.source) for meter in sorted(kept, key=lambda meter: meter.pseudonym))


@contextmanager
def _csv(path: Path, columns: Sequence[str]) -> Iterator[Writer]:
    with replacing(path) as file:
        yield csv_writer(file, columns)


@contextmanager
def replacing(path: Path, mode: int = 0o666) -> Iterator[TextIO]:
    """Write beside the file, then put it in its place; what stopped half-way leaves nothing.

    ``mode``: permissions, less those that the umask takes.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        # Created by the system under the umask: a chmod would ignore it, and cannot read it without setting it.
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    except OSError as error:
        error.filename = str(path)
        raise
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        if error.filename is None or str(error.filename) == str(temporary):  # a full disk is reported without it
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)
