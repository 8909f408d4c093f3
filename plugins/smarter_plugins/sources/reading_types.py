"""What a ReadingType of a Green Button file says of its readings: their unit, direction and kind of accumulation.

``usage_points`` asks it for every MeterReading. Codes are those of NAESB REQ.21 ESPI, which has them from IEC 61968-9.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from smarter.api import DataError
from smarter.api.source import Quantity
from smarter_plugins.sources.feed_parts import Resource

Flow = Literal["forward", "reverse", "net"]

_MICRO = 6  # from W and Wh to µW and µWh
_WATT, _WATT_HOUR, _NO_UNIT = 38, 72, 0
_LARGEST_MULTIPLIER = 12
_ELECTRICITY = (0, 1, 2)  # not said, secondary and primary metered
_COMMODITIES = {4: "air", 7: "natural gas", 8: "propane", 9: "water", 10: "steam", 11: "waste water", 12: "heat"}
_OTHER_UNITS = {
    5: "current",
    29: "voltage",
    33: "frequency",
    61: "apparent power",
    63: "reactive power",
    65: "the power factor",
    67: "squared voltage",
    69: "squared current",
    71: "apparent energy",
    73: "reactive energy",
    106: "charge",
}
_FLOWS: dict[int, Flow] = {0: "forward", 1: "forward", 4: "net", 19: "reverse"}
_ENERGY = (0, 4)  # not said, deltaData
_REGISTER = (1, 2, 3, 9)  # bulkQuantity, continuousCumulative, cumulative, summation
_POWER = (0, 4, 6, 12)  # not said, deltaData, indicating, instantaneous
_EXTREMES = {8: "a maximum", 9: "a minimum"}


@dataclass(frozen=True)
class Measure:
    """How to take a MeterReading's readings.

    Attributes:
        quantity: energy of the interval, a cumulative register, or power.
        exponent: the power of ten that turns a value into µWh or µW.
        flow: ``forward`` is drawn from the grid, ``reverse`` fed into it, ``net`` the one less the other.
        interval: seconds between readings; None where the file does not say.
    """

    quantity: Quantity
    exponent: int
    flow: Flow
    interval: int | None


def measure(origin: str, reading_type: Resource) -> Measure | str:
    """What to make of readings of this type, or, as words, what they are instead of active energy or power.

    Raises:
        DataError: a unit, multiplier or accumulation that is unknown; taking it for another would bill wrong amounts.
    """
    code = _Codes(origin, reading_type)
    commodity = code.of("commodity", 0)
    if commodity not in _ELECTRICITY:
        return _COMMODITIES.get(commodity, f"commodity {commodity}")
    unit = code.of("uom", _NO_UNIT)
    if unit in _OTHER_UNITS:
        return _OTHER_UNITS[unit]
    if unit not in (_WATT, _WATT_HOUR):
        raise code.refused("uom", unit, f"not {_WATT_HOUR} (Wh) or {_WATT} (W)")
    flow = code.of("flowDirection", 0)
    if flow not in _FLOWS:
        return f"a flow of direction {flow}, which is neither drawn, fed in nor their difference"
    qualifier = code.of("dataQualifier", 0)
    if qualifier in _EXTREMES:
        return _EXTREMES[qualifier]
    multiplier = code.of("powerOfTenMultiplier", 0)
    if abs(multiplier) > _LARGEST_MULTIPLIER:
        raise code.refused("powerOfTenMultiplier", multiplier, f"beyond {_LARGEST_MULTIPLIER}")
    interval = code.of("intervalLength", 0)
    return Measure(_quantity(code, unit), _MICRO + multiplier, _FLOWS[flow], interval if interval > 0 else None)


def _quantity(code: _Codes, unit: int) -> Quantity:
    accumulation = code.of("accumulationBehaviour", 0)
    if unit == _WATT and accumulation in _POWER:
        return "power"
    if unit == _WATT_HOUR and accumulation in _ENERGY:
        return "energy"
    if unit == _WATT_HOUR and accumulation in _REGISTER:
        return "register"
    known = "power (0, 4, 6, 12)" if unit == _WATT else "energy (0, 4) or a register (1, 2, 3, 9)"
    raise code.refused("accumulationBehaviour", accumulation, f"none of {known}")


class _Codes:
    """The whole numbers in a ReadingType."""

    def __init__(self, origin: str, reading_type: Resource) -> None:
        self._origin, self._type = origin, reading_type

    def of(self, field: str, default: int) -> int:
        text = self._type.fields.get(field, "")
        if not text:
            return default
        try:
            return int(text)
        except ValueError:
            raise self.refused(field, text, "no whole number") from None

    def refused(self, field: str, value: object, problem: str) -> DataError:
        return DataError(
            f"{self._origin}, {self._type.called}: {field} is {value!s:.40}, {problem}; correct the file, or name the "
            "readings to take with option reading."
        )
