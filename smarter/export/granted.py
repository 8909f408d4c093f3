"""What a third party got under grants, as CSV or JSON: ``smarter grants read`` writes it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from smarter.export.files import csv_text, watt_hours
from smarter.model.windows import iso
from smarter.protocols.grantee import Granted

COLUMNS = ("grant", "meter", "window_start", "window_end", "readings", "expected", "energy_wh", "status")


def granted_csv(granted: Iterable[Granted]) -> str:
    """A row a window, by grant and time; energy exact, three decimals, empty where there is none."""
    return csv_text(COLUMNS, (line for each in granted for line in _lines(each)))


def granted_json(granted: Iterable[Granted]) -> str:
    """The same as a list of grants, each with its windows; energy in mWh."""
    return json.dumps([_form(each) for each in granted], indent=2) + "\n"


def _lines(granted: Granted) -> Iterator[Sequence[object]]:
    header = granted.header
    for start, end, readings, expected, energy, status in _rows(granted):
        times = iso(start, header.timezone), iso(end, header.timezone)
        yield header.grant, header.pseudonym.hex(), *times, readings, expected, watt_hours(energy), status


def _rows(granted: Granted) -> Iterator[tuple[int, int, int, int, int | None, str]]:
    sums = granted.sums
    columns = (sums.starts, sums.ends, sums.readings, sums.expected, sums.energies, sums.given)
    for start, end, readings, expected, energy, given in zip(*(column.tolist() for column in columns), strict=True):
        whole = "complete" if readings == expected else "incomplete"
        status = whole if given else "refused" if readings else "missing"
        yield start, end, readings, expected, energy if given else None, status


def _form(granted: Granted) -> dict[str, object]:
    header = granted.header
    return {
        "grant": header.grant,
        "meter": header.pseudonym.hex(),
        "timezone": header.timezone,
        "window": header.window,
        "deliveries": granted.deliveries,
        "gone_before": granted.gone,
        "windows": [
            {
                "start": iso(start, header.timezone),
                "end": iso(end, header.timezone),
                "readings": readings,
                "expected": expected,
                "energy_mwh": energy,
                "status": status,
            }
            for start, end, readings, expected, energy, status in _rows(granted)
        ],
    }
