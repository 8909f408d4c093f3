"""The disclosure audit on hand-made ledgers: their tables, what these show, and to which grantees.

What an old version released is in the ledgers here as it would be in a state: each row by itself. Random ledgers are
compared with the exact rank of their sums over all coalitions.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from io import StringIO
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from smarter.charts.releases import exposed_table
from smarter.keys.naming import short
from smarter.model.cells import Cell
from smarter.model.messages import Status
from smarter.model.windows import Axis, cut
from smarter.protocols.fine_grants import Grantee, Lengths, grantees_of
from smarter.protocols.plan import NeighbourhoodPlan
from smarter.protocols.release_audit import Disclosure, ExposedWindow, ReleaseAudit, audit_rows
from smarter.protocols.released_tables import ReleasedWindow, released_windows
from smarter.state import KeptMeter, LedgerRow, Sent
from tests.support.coalitions import learns, rank

START = 1_451_606_400  # 2016-01-01T00:00Z
QUARTER, HOUR, BILL = 900, 3_600, 10_800
COLUMNS = 12
NAME = "lane"


class Lane:
    """A lane of a few meters for a few billing windows of three hours, each with twelve demand windows."""

    def __init__(self, meters: int = 10, bills: int = 1) -> None:
        end = START + bills * BILL
        demand, billing = cut("UTC", QUARTER, START, end), cut("UTC", BILL, START, end)
        self.plan = NeighbourhoodPlan(NAME, "UTC", meters, (), Decimal(100), Axis(60), START, end, 60, demand, billing)
        self.kepts = [KeptMeter(bytes([row + 1]) * 8, NAME, f"home{row}", row, b"", "", 1) for row in range(meters)]

    def name(self, row: int) -> str:
        return self.kepts[row].pseudonym.hex()

    def bill(self, row: int, cells: Sequence[int], status: Status = Status.COMPLETE, window: int = 0) -> LedgerRow:
        start = START + window * BILL
        until = start + (len(cells) - 1) * QUARTER
        own = self.kepts[row].pseudonym
        return LedgerRow(
            "billing", own.hex(), start, start + BILL, own, bytes(32), int(status), "", bytes(cells), until
        )

    def demand(self, column: int, rows: Sequence[int], status: Status = Status.COMPLETE) -> LedgerRow:
        start = START + column * QUARTER
        members = b"".join(self.kepts[row].pseudonym for row in rows)
        return LedgerRow("demand", NAME, start, start + QUARTER, members, bytes(32), int(status), "", b"", start)

    def ledger(
        self, there: NDArray[np.bool_], refused: Sequence[int] = (), held: Sequence[int] = (), window: int = 0
    ) -> list[LedgerRow]:
        """One billing window in which each meter has readings in some demand windows, as this version writes it."""
        rows = [
            self.bill(row, own.tolist(), Status.HELD if row in held else Status.COMPLETE, window)
            for row, own in enumerate(there.astype(np.uint8))
            if own.any()
        ]
        for column in range(there.shape[1]):
            status = Status.REFUSED if column in refused else Status.COMPLETE
            if members := np.flatnonzero(there[:, column]).tolist():
                rows.append(self.demand(window * COLUMNS + column, members, status))
        return rows

    def windows(self, rows: Sequence[LedgerRow]) -> list[ReleasedWindow]:
        ordered = sorted(rows, key=lambda row: (row.start, row.kind))
        return list(released_windows(ordered, [self.plan], {NAME: self.kepts}))

    def table(self, rows: Sequence[LedgerRow]) -> Any:
        (window,) = self.windows(rows)
        return window.as_released

    def audit(
        self, rows: Sequence[LedgerRow], grantees: Sequence[Grantee] = (), min_meters: int = 5
    ) -> list[ExposedWindow]:
        ordered = sorted(rows, key=lambda row: (row.start, row.kind))
        return list(audit_rows(ordered, [self.plan], {NAME: self.kepts}, min_meters, grantees))


def as_before(rows: Sequence[LedgerRow]) -> list[LedgerRow]:
    """The same ledger as an earlier version wrote it: releases alone, without what this version adds."""
    return [
        replace(row, status=None, reason=None, cells=None, until=None)
        for row in rows
        if row.status is not None and Status(row.status).released
    ]


def everywhere(meters: int = 10) -> NDArray[np.bool_]:
    return np.ones((meters, COLUMNS), np.bool_)


def first_hour_of_one() -> NDArray[np.bool_]:
    """Ten homes, nine of which have no readings in the first hour."""
    there = everywhere()
    there[1:, :4] = False
    return there


class TestTables:
    def test_a_whole_window_is_in_both_sums_everywhere(self) -> None:
        table = Lane().table(Lane().ledger(everywhere()))
        assert (table.cells == Cell.BOTH).all()
        assert table.bills.all()
        assert table.demand.all()
        assert not table.open_ended

    def test_what_the_rules_closed_is_there_and_not_released(self) -> None:
        lane = Lane()
        rows = lane.ledger(everywhere(), refused=[3], held=[7])
        table = lane.table([*rows[:-1], replace(rows[-1], status=int(Status.WITHHELD))])
        assert np.flatnonzero(~table.demand).tolist() == [3, 11]
        assert np.flatnonzero(~table.bills).tolist() == [7]
        assert (table.cells == Cell.BOTH).all()

    def test_demand_decided_after_the_bills_is_in_no_bill(self) -> None:
        """An earlier end of the span closed the bills behind the third demand window."""
        lane = Lane(3)
        bills = [lane.bill(row, [1, 1, 1]) for row in range(3)]
        table = lane.table([*bills, *(lane.demand(column, [0, 1, 2]) for column in range(5))])
        assert (table.cells[:, :3] == Cell.BOTH).all()
        assert (table.cells[:, 3:5] == Cell.DEMAND_ONLY).all()
        assert not table.cells[:, 5:].any()
        assert np.flatnonzero(table.demand).tolist() == [0, 1, 2, 3, 4]

    def test_a_meter_without_a_bill_is_in_demand_by_its_row(self) -> None:
        lane = Lane(3)
        table = lane.table([lane.bill(0, [1, 1]), lane.demand(0, [0, 1]), lane.demand(1, [0])])
        assert table.cells[:, :2].tolist() == [[Cell.BOTH, Cell.BOTH], [Cell.DEMAND_ONLY, 0], [0, 0]]
        assert table.bills.tolist() == [True, False, False]

    def test_a_bill_says_what_is_in_no_demand(self) -> None:
        lane = Lane(2)
        both = Cell.BOTH | Cell.BILL_ONLY
        table = lane.table([lane.bill(0, [Cell.BILL_ONLY, both]), lane.bill(1, [1, 1]), lane.demand(1, [0, 1])])
        assert table.cells[:, :2].tolist() == [[Cell.BILL_ONLY, both], [Cell.BILL_ONLY, Cell.BOTH]]

    def test_rows_from_before_are_in_both_sums_of_the_windows_that_name_them(self) -> None:
        lane = Lane()
        table = lane.table(as_before(lane.ledger(everywhere())))
        assert (table.cells == Cell.BOTH).all()
        assert not table.open_ended

    def test_rows_from_before_are_open_ended_where_a_demand_window_has_no_row(self) -> None:
        lane = Lane()
        (window,) = lane.windows(as_before(lane.ledger(everywhere(), refused=[3])))
        assert window.as_released.open_ended
        assert not window.is_exact

    def test_rows_from_before_are_open_ended_where_a_billed_meter_is_in_no_demand(self) -> None:
        lane, there = Lane(), everywhere()
        there[2, 5] = False
        assert lane.table(as_before(lane.ledger(there))).open_ended

    def test_a_bill_that_was_never_released_leaves_rows_from_before_exact(self) -> None:
        """It is in no sum that shows, and the demand windows name all that are in them."""
        lane = Lane()
        table = lane.table(as_before(lane.ledger(everywhere(), held=[4])))
        assert not table.open_ended
        assert (table.cells[4] == Cell.DEMAND_ONLY).all()

    def test_what_a_later_run_added_beside_bills_from_before_is_in_none_of_them(self) -> None:
        lane = Lane(2)
        before = as_before([lane.bill(0, [1]), lane.bill(1, [1]), lane.demand(0, [0, 1])])
        later = [lane.demand(column, [0, 1]) for column in range(1, COLUMNS)]
        table = lane.table([*before, *later])
        assert (table.cells[:, 0] == Cell.BOTH).all()
        assert (table.cells[:, 1:] == Cell.DEMAND_ONLY).all()
        assert not table.open_ended

    def test_what_was_erased_is_released_and_not_left(self) -> None:
        lane = Lane()
        rows = lane.ledger(everywhere())
        erased = [
            replace(row, erased=row.holder == lane.name(3) or (row.kind == "demand" and row.start == START))
            for row in rows
        ]
        (window,) = lane.windows(erased)
        assert window.as_released.bills.all()
        assert window.as_released.demand.all()
        assert np.flatnonzero(~window.as_left.bills).tolist() == [3]
        assert np.flatnonzero(~window.as_left.demand).tolist() == [0]
        assert (window.as_left.cells == window.as_released.cells).all()

    def test_windows_come_one_after_another_also_those_of_two_neighbourhoods(self) -> None:
        one, other = Lane(3, bills=2), Lane(2, bills=2)
        other.kepts = [replace(kept, pseudonym=b"\xff" + kept.pseudonym[1:]) for kept in other.kepts]
        rows = [row for window in (0, 1) for row in one.ledger(everywhere(3), window=window)]
        rows += [
            replace(row, holder="other" if row.kind == "demand" else row.holder)
            for window in (0, 1)
            for row in other.ledger(everywhere(2), window=window)
        ]
        plans = [one.plan, replace(other.plan, name="other")]
        ordered = sorted(rows, key=lambda row: (row.start, row.kind))
        found = list(released_windows(iter(ordered), plans, {NAME: one.kepts, "other": other.kepts}))
        assert [(each.neighbourhood, (each.start - START) // BILL) for each in found] == [
            *((NAME, 0), ("other", 0)),
            *((NAME, 1), ("other", 1)),
        ]
        assert [each.as_released.cells.shape for each in found] == [(3, 12), (2, 12)] * 2
        assert found[2].edges.tolist() == [START + BILL + column * QUARTER for column in range(13)]


class TestTheAudit:
    def test_nothing_shows_where_everything_is_whole(self) -> None:
        assert Lane().audit(Lane().ledger(everywhere())) == []

    def test_one_household_is_found_to_the_hour(self) -> None:
        """As an old version released it: ten bills and eight of twelve demand windows; their difference is one home."""
        lane = Lane()
        (found,) = lane.audit(lane.ledger(first_hour_of_one(), refused=[0, 1, 2, 3]))
        assert found.exact
        assert found.released == found.left
        assert found.released == (
            Disclosure((lane.name(0),), ((START + HOUR, START + 3 * HOUR),), rest=((START, START + HOUR),)),
        )

    def test_rows_of_an_old_version_show_it_at_most(self) -> None:
        lane = Lane()
        (found,) = lane.audit(as_before(lane.ledger(first_hour_of_one(), refused=[0, 1, 2, 3])))
        assert not found.exact
        assert [(each.meters, each.rest) for each in found.released] == [((), ((START, START + HOUR),))]

    def test_a_window_that_was_not_released_at_all_shows_nothing(self) -> None:
        lane = Lane()
        assert lane.audit(lane.ledger(first_hour_of_one(), refused=range(COLUMNS))) == []

    def test_held_bills_close_it(self) -> None:
        lane = Lane()
        ledger = lane.ledger(first_hour_of_one(), refused=[0, 1, 2, 3], held=range(10))
        assert lane.audit(ledger) == []

    def test_an_erased_bill_that_the_others_give_back_is_left_and_was_no_disclosure(self) -> None:
        lane = Lane()
        rows = [replace(row, erased=row.holder == lane.name(3)) for row in lane.ledger(everywhere())]
        (found,) = lane.audit(rows)
        assert found.released == ()
        assert [each.meters for each in found.left] == [(lane.name(3),)]
        assert found.left[0].spans == ((START, START + BILL),)
        assert found.left[0].rest == ()

    def test_it_is_not_left_when_the_last_demand_window_went_too(self) -> None:
        lane, last = Lane(), START + (COLUMNS - 1) * QUARTER
        rows = [
            replace(row, erased=row.holder == lane.name(3) or (row.kind == "demand" and row.start == last))
            for row in lane.ledger(everywhere())
        ]
        assert lane.audit(rows) == []

    def test_marks_what_an_erasure_took_and_what_shows_only_since(self) -> None:
        lane, out = Lane(), StringIO()
        gone, since = (Disclosure((lane.name(row),), ((START, START + BILL),)) for row in (0, 1))
        window = ExposedWindow(NAME, START, START + BILL, True, (gone,), (since,))
        Console(file=out, width=200).print(exposed_table(ReleaseAudit(5, 1, 0, (window,)), {NAME: "UTC"}, 9))
        marks = dict(re.findall(r"household (\w+).*\((.*)\)", out.getvalue()))
        assert marks == {
            short(lane.name(0)).rstrip("…"): "erased since",
            short(lane.name(1)).rstrip("…"): "since an erasure",
        }

    @pytest.mark.parametrize("seed", range(60))
    def test_agrees_with_exact_rank_on_random_ledgers(self, seed: int) -> None:
        drawn = random.Random(seed)
        meters, columns, k = drawn.randint(3, 6), drawn.randint(2, 4), drawn.randint(2, 4)
        lane = Lane(meters)
        there = np.zeros((meters, COLUMNS), np.bool_)
        there[:, :columns] = [[drawn.random() < 0.75 for _ in range(columns)] for _ in range(meters)]
        held = [row for row in range(meters) if drawn.random() < 0.15]
        refused = [column for column in range(columns) if drawn.random() < 0.15 or there[:, column].sum() < k]
        found = lane.audit(lane.ledger(there, refused, held), min_meters=k)
        table = lane.table(lane.ledger(there, refused, held)) if there.any() else None
        assert bool(found) == (table is not None and learns(table, k))
        for each in (each for window in found for each in window.released):
            assert table is not None
            rows = [place for place, kept in enumerate(lane.kepts) if kept.pseudonym.hex() in each.meters]
            assert len(rows) < k
            assert is_learnt(table, rows, each), "each disclosure follows from the released sums"


def forms_of(table: Any) -> tuple[list[tuple[int, int]], list[list[int]], list[int | None]]:
    """The unknowns, the released sums over them, and whose bill each sum is."""
    cells = [(row, column) for row, column in np.argwhere(table.cells).tolist()]
    forms: list[list[int]] = []
    own: list[int | None] = []
    for row in np.flatnonzero(table.bills & table.cells.any(axis=1)).tolist():
        forms.append([int(cell[0] == row) for cell in cells])
        own.append(row)
    for column in np.flatnonzero(table.demand & table.cells.any(axis=0)).tolist():
        forms.append([int(cell[1] == column) for cell in cells])
        own.append(None)
    return cells, forms, own


def is_learnt(table: Any, rows: Sequence[int], disclosure: Disclosure) -> bool:
    """Whether the total of some meters over the disclosed windows is a combination of the released sums."""
    cells, forms, _ = forms_of(table)
    columns = {
        column
        for column in range(COLUMNS)
        if any(start <= START + column * QUARTER < end for start, end in disclosure.spans)
    }
    wanted = [int(row in rows and column in columns and bool(table.demand[column])) for row, column in cells]
    return rank([*forms, wanted]) == rank(forms)


def sent(lane: Lane, row: int, start: int, end: int, **changes: Any) -> Sent:
    """A delivery of hourly windows of one meter."""
    made = Sent(f"{row:032x}", 1, lane.kepts[row].pseudonym, "k" * 16, start, end, (end - start) // HOUR, 1 << 40, 0)
    return replace(made, **changes)


class TestGrantees:
    def test_those_who_know_seven_of_ten_meters_learn_the_sum_of_the_other_three(self) -> None:
        lane = Lane()
        grantees = grantees_of(
            [sent(lane, row, START, START + BILL) for row in range(7)], {f"{0:032x}": Lengths("Advice", HOUR)}, BILL
        )
        (found,) = lane.audit(lane.ledger(everywhere()), grantees)
        assert {each.meters for each in found.released} == {tuple(lane.name(row) for row in (7, 8, 9))}
        assert {(each.grantee, each.granting) for each in found.released} == {("Advice", 7)}

    def test_those_who_know_five_of_ten_meters_learn_nothing(self) -> None:
        lane = Lane()
        grantees = grantees_of([sent(lane, row, START, START + BILL) for row in range(5)], {}, BILL)
        assert lane.audit(lane.ledger(everywhere()), grantees) == []

    def test_only_windows_that_overlap_a_delivery_count(self) -> None:
        lane = Lane(bills=3)
        rows = [row for window in range(3) for row in lane.ledger(everywhere(), window=window)]
        inside = START + BILL + HOUR
        grantees = grantees_of([sent(lane, row, inside, inside + HOUR) for row in range(7)], {}, BILL)
        assert [(each.start - START) // BILL for each in lane.audit(rows, grantees)] == [1]

    def test_windows_as_long_as_bills_count_for_nothing(self) -> None:
        lane = Lane()
        long = [sent(lane, row, START, START + BILL, windows=1) for row in range(7)]
        assert grantees_of(long, {}, BILL) == []

    def test_a_delivery_with_gaps_counts_by_its_statement(self) -> None:
        lane = Lane()
        gaps = sent(lane, 0, START, START + 8 * HOUR, windows=2)
        assert grantees_of([gaps], {}, BILL) == []
        (grantee,) = grantees_of([gaps], {gaps.grant: Lengths("Advice", HOUR)}, BILL)
        assert grantee.spans == {lane.kepts[0].pseudonym: [(START, START + 8 * HOUR)]}

    def test_one_grantee_is_one_by_key_or_by_name(self) -> None:
        lane = Lane()
        deliveries = [
            sent(lane, row, START, START + BILL, receiver=key) for row, key in enumerate(("k" * 16, "l" * 16, "l" * 16))
        ]
        named = {f"{0:032x}": Lengths("Advice  Ltd", HOUR), f"{1:032x}": Lengths("advice ltd", HOUR)}
        (grantee,) = grantees_of(deliveries, named, BILL)
        assert grantee.name == "Advice  Ltd"
        assert len(grantee.spans) == 3
        assert len(grantees_of(deliveries, {}, BILL)) == 2

    def test_two_that_turn_out_to_be_one_are_joined(self) -> None:
        lane = Lane()
        deliveries = [
            sent(lane, 0, START, START + HOUR),
            sent(lane, 1, START, START + HOUR, receiver="l" * 16),
            sent(lane, 1, START + HOUR, START + 2 * HOUR, grant="f" * 32),
        ]
        named = {deliveries[1].grant: Lengths("Advice", HOUR), "f" * 32: Lengths("Advice", HOUR)}
        (grantee,) = grantees_of(deliveries, named, BILL)
        assert grantee.spans[lane.kepts[1].pseudonym] == [(START, START + 2 * HOUR)]

    def test_a_grantee_without_a_statement_is_named_by_key(self) -> None:
        (grantee,) = grantees_of([sent(Lane(), 0, START, START + BILL)], {}, BILL)
        assert grantee.name == "the key kkkkkkkk"
