"""One household's year of minutes by the stochastic load model of Richardson et al. (2010).

``synthetic`` and ``data/make_sample_week.py`` draw from it. The model is richardsonpy's (GPL-3.0, extra
``synthetic``); I. Richardson, M. Thomson, D. Infield, C. Clifford, "Domestic electricity use: a
high-resolution energy demand model", Energy and Buildings 42 (2010), pp. 1878-1887.
"""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from smarter.api import need

EXTRA = "synthetic"
DAY_MINUTES = 1_440
OCCUPANCY_MINUTES = 10
_DRAWING = threading.Lock()  # richardsonpy draws from the interpreter's one generator


@dataclass(frozen=True)
class Household:
    """What one year is drawn for.

    Attributes:
        seed: text that, with the year, decides everything drawn.
        occupants: 1 to 5.
        annual_kwh: what its 365 or 366 days add up to.
        electric_heating: whether it may own electric space heating or an instant water heater.
    """

    seed: str
    occupants: int
    annual_kwh: float
    electric_heating: bool = False


@dataclass(frozen=True)
class Year:
    """A calendar year of wall-clock minutes, as if no clock were ever changed.

    Attributes:
        power: int64, µW, one for each minute.
        occupancy: int8, active occupants (at home and awake), one for every ten minutes.
    """

    power: NDArray[np.int64]
    occupancy: NDArray[np.int8]


@lru_cache(maxsize=64)
def year(household: Household, number: int) -> Year:
    """Draw calendar year ``number`` of a household; the same for the same arguments. Takes seconds.

    Raises:
        MissingExtra: richardsonpy is not installed.
    """
    occupancy_model = need("richardsonpy.classes.occupancy", EXTRA)
    load_model = need("richardsonpy.classes.electric_load", EXTRA)
    days = (date(number + 1, 1, 1) - date(number, 1, 1)).days
    direct, diffuse = _radiation(days)
    weekday = date(number, 1, 1).isoweekday()
    with _seeded(f"{household.seed}/{number}"):
        occupancy = occupancy_model.Occupancy(
            number_occupants=household.occupants, initial_day=weekday, nb_days=days
        ).occupancy
        load = load_model.ElectricLoad(
            occ_profile=occupancy,
            total_nb_occ=household.occupants,
            q_direct=direct,
            q_diffuse=diffuse,
            annual_demand=household.annual_kwh,
            initial_day=weekday,
            prev_heat_dev=not household.electric_heating,
            do_normalization=True,
        )
    power = np.rint(load.loadcurve * 1e6).astype(np.int64)
    drawn = Year(power, np.asarray(occupancy, np.int8))
    drawn.power.setflags(write=False)
    drawn.occupancy.setflags(write=False)
    return drawn


@lru_cache(maxsize=2)
def _radiation(days: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Direct and diffuse radiation a minute, W/m²; the test year has 365 days, a leap year repeats the last."""
    load_radiation = need("richardsonpy.functions.load_radiation", EXTRA)
    change_resolution = need("richardsonpy.functions.change_resolution", EXTRA)
    minutes = [
        change_resolution.change_resolution(hourly, old_res=3600, new_res=60)
        for hourly in load_radiation.get_rad_from_try_path()
    ]
    missing = days * DAY_MINUTES - len(minutes[0])
    direct, diffuse = (np.concatenate([part, part[len(part) - missing :]]) for part in minutes)
    return direct, diffuse


@contextmanager
def _seeded(text: str) -> Iterator[None]:
    """Seed the global generators that richardsonpy uses, and put them back as they were."""
    seed = hashlib.sha256(text.encode()).digest()
    with _DRAWING:
        plain, numbers = random.getstate(), np.random.get_state()
        random.seed(int.from_bytes(seed, "big"))
        np.random.seed(np.frombuffer(seed, ">u4").astype(np.uint32))
        try:
            yield
        finally:
            random.setstate(plain)
            np.random.set_state(numbers)
