"""What a run's files give away, worked out from these files and from which readings were measured, and nothing else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import numpy as np

from smarter.model.cells import Cell
from smarter.releasing.table import Table

Row = Mapping[str, str]
Spans = Mapping[str, Sequence[tuple[datetime, datetime]]]
RELEASED = ("complete", "incomplete")


def tables(
    billing: Sequence[Row],
    demand: Sequence[Row],
    lost: Spans,
    *,
    bills_only: Spans | None = None,
    demand_only: Spans | None = None,
) -> Iterator[tuple[datetime, Table]]:
    """The table of each billing window, from the rows of ``billing.csv`` and of one neighbourhood in ``demand.csv``.

    Args:
        billing: rows, each household under the name that ``lost`` has.
        demand: rows of its neighbourhood.
        lost: by household, spans of which no reading came in.
        bills_only: by household, spans of which its readings were billed and in no demand.
        demand_only: by household, spans of which they were in the demand and not billed.
    """
    bills: dict[tuple[datetime, datetime], dict[str, Row]] = defaultdict(dict)
    for row in billing:
        bills[_span(row)][row["meter"]] = row
    for (start, end), rows in sorted(bills.items()):
        windows = [row for row in demand if start <= _span(row)[0] < end]
        meters = sorted(rows)
        cells = np.zeros((len(meters), len(windows)), np.uint8)
        for place, meter in enumerate(meters):
            for column, window in enumerate(windows):
                span = _span(window)
                if not _covered(span, lost.get(meter, ())):
                    cells[place, column] = Cell.BOTH
                    for spans, flag in ((bills_only, Cell.BILL_ONLY), (demand_only, Cell.DEMAND_ONLY)):
                        if _covered(span, (spans or {}).get(meter, ())):
                            cells[place, column] = flag
        yield (
            start,
            Table(
                cells,
                np.array([rows[meter]["status"] in RELEASED for meter in meters], np.bool_),
                np.array([window["status"] in RELEASED for window in windows], np.bool_),
            ),
        )


def _span(row: Row) -> tuple[datetime, datetime]:
    return datetime.fromisoformat(row["window_start"]), datetime.fromisoformat(row["window_end"])


def _covered(span: tuple[datetime, datetime], spans: Sequence[tuple[datetime, datetime]]) -> bool:
    return any(start <= span[0] and span[1] <= end for start, end in spans)
