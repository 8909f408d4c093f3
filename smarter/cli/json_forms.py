"""What commands print of a finished run for scripts: bills, windows, figures and meters as JSON.

``smarter bills``, ``smarter demand`` and ``smarter operator`` print it; for people, ``printing`` does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from smarter.model.windows import iso

if TYPE_CHECKING:
    from smarter.model.bills import Bill
    from smarter.model.results import DemandFigures
    from smarter.protocols.operator_desk import SeenMeter, SeenWindows
    from smarter.protocols.rerating import Rerating


def meters_json(seen: Iterable[SeenMeter]) -> str:
    """Meters, by pseudonym."""
    entries = [{"meter": m.meter, "neighbourhood": m.neighbourhood, "timezone": m.timezone} for m in seen]
    return json.dumps(entries, indent=2)


def bills_json(billed: Iterable[tuple[Bill, str]]) -> str:
    """Bills, each with its time zone, line by line."""
    entries = [
        {
            "meter": bill.meter,
            "period_start": iso(bill.start, zone),
            "period_end": iso(bill.end, zone),
            "energy_mwh": bill.energy,
            "currency": bill.currency,
            "amount": None if bill.amount is None else str(bill.amount),
            "status": bill.status,
            "lines": [
                {
                    "label": line.label,
                    "rate": str(line.rate),
                    "energy_mwh": line.energy,
                    "amount": str(line.amount),
                }
                for line in bill.lines
            ],
        }
        for bill, zone in billed
    ]
    return json.dumps(entries, indent=2)


def windows_json(seen: SeenWindows) -> str:
    """A meter's billing windows, as they were released."""
    entries = [
        {
            "meter": row.holder,
            "window_start": iso(row.start, seen.timezone),
            "window_end": iso(row.end, seen.timezone),
            "readings": row.readings,
            "expected": row.expected,
            "energy_mwh": row.energy,
            "status": row.status,
            "reason": row.reason,
        }
        for row in seen.rows
    ]
    return json.dumps(entries, indent=2)


def figures_json(figures: Iterable[DemandFigures]) -> str:
    """Neighbourhoods' demand: per day, peak, load factor."""
    return "[\n" + ",\n".join(each.model_dump_json(indent=2) for each in figures) + "\n]"


def rerating_json(rerating: Rerating) -> str:
    """All households' bills under another tariff beside those they have."""
    compared = {
        "tariff": rerating.tariff,
        "currency": rerating.currency,
        "before": str(rerating.before),
        "after": str(rerating.after),
        "difference": str(rerating.after - rerating.before),
        "meters": [
            {
                "meter": each.before.meter,
                "energy_mwh": each.before.energy,
                "before": None if each.before.amount is None else str(each.before.amount),
                "after": None if each.difference is None else str(each.after.amount),
                "difference": None if each.difference is None else str(each.difference),
            }
            for each in rerating.households
        ],
    }
    return json.dumps(compared, indent=2)
