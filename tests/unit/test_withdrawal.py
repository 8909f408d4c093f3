"""What an erasure takes of demand is enough: no coalition learns anything from the rest, by exact rank."""

from __future__ import annotations

import random

import numpy as np
import pytest

from smarter.model.cells import IN_DEMAND, Cell
from smarter.releasing.suppression import suppress
from smarter.releasing.table import Table
from smarter.releasing.withdrawal import withdraw
from tests.support.coalitions import learns


def full(meters: int, windows: int) -> Table:
    """Everything is measured and released."""
    cells = np.full((meters, windows), Cell.BOTH, np.uint8)
    return Table(cells, np.ones(meters, np.bool_), np.ones(windows, np.bool_))


def everywhere(table: Table) -> np.ndarray:
    return np.ones(table.demand.shape, np.bool_)


def test_where_all_is_released_the_last_demand_window_goes_and_is_enough() -> None:
    table = full(6, 4).without_bill(2)
    assert learns(table, 3)
    found = withdraw(table, 3, everywhere(table))
    assert (found.windows, found.exposed) == ((3,), False)
    assert not learns(table.without_demand(3), 3)


def test_a_demand_window_goes_also_where_nothing_shows() -> None:
    table = full(6, 4).without_demand(3).without_bill(2)
    assert not learns(table, 3)
    assert withdraw(table, 3, everywhere(table)).windows == (2,)


def test_a_second_household_of_the_same_time_takes_another_one_only_where_something_shows() -> None:
    table = full(6, 4).without_demand(3).without_bill(2)
    assert withdraw(table.without_bill(4), 3, everywhere(table), again=True).windows == ()
    assert not learns(table.without_bill(4), 3)


def test_where_the_last_one_is_of_other_meters_those_before_it_go_too() -> None:
    table = full(8, 3)
    table.cells[:4, 2] = 0  # half of the homes lost their last hour
    table.cells[4:, :2] = 0  # and the other half the hours before
    erased = table.without_bill(0)
    found = withdraw(erased, 3, everywhere(table))
    assert (found.windows, found.exposed) == ((1, 2), False)
    assert learns(erased.without_demand(2), 3)
    assert not learns(erased.without_demand(2).without_demand(1), 3)


def test_what_has_no_key_of_its_own_stays_and_is_exposed() -> None:
    table = full(6, 3).without_bill(0)
    found = withdraw(table, 3, np.zeros(3, np.bool_))
    assert (found.windows, found.exposed) == ((), True)


@pytest.mark.parametrize("seed", range(8))
def test_it_is_enough_on_random_tables(seed: int) -> None:
    """Tables as the rules leave them, then one household after the other erased."""
    dice = random.Random(seed)
    for _ in range(25):
        meters, windows, k = dice.randint(4, 6), dice.randint(2, 4), dice.randint(2, 4)
        chosen = [Cell.BOTH] * 8 + [Cell.BILL_ONLY, Cell.DEMAND_ONLY] + [Cell(0)] * 3
        cells = np.array([[dice.choice(chosen) for _ in range(windows)] for _ in range(meters)], np.uint8)
        demand = ((cells & IN_DEMAND) > 0).sum(axis=0) >= k
        table = Table(cells, np.array([dice.random() < 0.9 for _ in range(meters)]), demand)
        kept = suppress(table, windows - 1, k)
        table = table.without_demand(windows - 1) if kept.withheld else table
        for row in kept.held:
            table = table.without_bill(row)
        for row in dice.sample(range(meters), 2):
            if table.bills[row]:
                table = table.without_bill(row)
                found = withdraw(table, k, everywhere(table), again=not table.demand.all())
                for column in found.windows:
                    table = table.without_demand(column)
                assert not found.exposed
                assert not learns(table, k), (table, k)
