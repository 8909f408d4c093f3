"""One meter's readings as a Green Button file: ESPI (NAESB REQ.21) in Atom, for whoever they belong to.

``own_readings`` offers it among its formats. Order and names of elements are those of the US Department of Energy's
sample files; the text holds nothing but what the caller gives.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from smarter.export.daylight import local_time
from smarter.model.clock import DAY
from smarter.model.readings import ReadingBlock
from smarter.model.windows import Axis, cut

_RESOURCE = "/espi/1_1/resource"
_POINT = f"{_RESOURCE}/RetailCustomer/1/UsagePoint"
_READING = f"{_POINT}/1/MeterReading"
_BLOCK = f"{_READING}/1/IntervalBlock"
_CLOCK, _TYPE = f"{_RESOURCE}/LocalTimeParameters", f"{_RESOURCE}/ReadingType"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ELECTRICITY, _WATT_HOUR, _MILLI = 0, 72, -3
_FORWARD, _NET = 1, 4


def write(
    blocks: Sequence[ReadingBlock],
    axis: Axis,
    timezone: str,
    *,
    title: str = "Electricity",
    now: int | None = None,
    new_id: Callable[[], UUID] = uuid4,
) -> Iterator[str]:
    """Yield the text of a file, piece by piece; no piece holds more than a day.

    Energies are written exactly, in mWh; a gap is a reading that is not there. The flow is ``forward`` where no reading
    is negative, ``net`` otherwise.

    Args:
        blocks: of one meter, in order of time; its name is not written.
        axis: their slots.
        timezone: IANA name of the clock that days are cut by.
        title: of the usage point, as its owner is to see it.
        now: when the file is written, epoch seconds; None asks the clock.
        new_id: makes the entries' ids, which say nothing.
    """
    moment = int(time.time()) if now is None else now
    start, end = _span(blocks, axis, moment)
    stamp = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    shown = escape(_NOT_XML.sub("\N{REPLACEMENT CHARACTER}", title))
    clock = local_time(timezone, start, end)
    exports = any(bool((block.energies < 0).any()) for block in blocks)

    def entry(title: str, links: Sequence[tuple[str, str]], *content: str) -> str:
        return f"{_head(new_id(), title, links)}{''.join(content)}{_foot(stamp)}"

    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<feed xmlns="http://www.w3.org/2005/Atom">\n'
        f"  <id>urn:uuid:{new_id()}</id>\n  <title>Green Button: {shown}</title>\n  <updated>{stamp}</updated>\n"
        f'  <link rel="self" href="{_RESOURCE}/RetailCustomer/1"/>\n'
    )
    yield entry(
        shown,
        [("self", f"{_POINT}/1"), ("up", _POINT), ("related", _READING), ("related", f"{_CLOCK}/1")],
        '      <UsagePoint xmlns="http://naesb.org/espi">\n        <ServiceCategory>\n'
        f"          <kind>{_ELECTRICITY}</kind>\n        </ServiceCategory>\n      </UsagePoint>\n",
    )
    yield entry(
        f"Clock of {escape(timezone)}",
        [("self", f"{_CLOCK}/1"), ("up", _CLOCK)],
        '      <LocalTimeParameters xmlns="http://naesb.org/espi">\n'
        f"        <dstEndRule>{clock.dst_end_rule:08X}</dstEndRule>\n"
        f"        <dstOffset>{clock.dst_offset}</dstOffset>\n"
        f"        <dstStartRule>{clock.dst_start_rule:08X}</dstStartRule>\n"
        f"        <tzOffset>{clock.tz_offset}</tzOffset>\n      </LocalTimeParameters>\n",
    )
    yield entry(
        "Electricity by interval",
        [("self", f"{_READING}/1"), ("up", _READING), ("related", _BLOCK), ("related", f"{_TYPE}/1")],
        '      <MeterReading xmlns="http://naesb.org/espi"/>\n',
    )
    yield entry(
        "Type of Meter Reading Data",
        [("self", f"{_TYPE}/1"), ("up", _TYPE)],
        '      <ReadingType xmlns="http://naesb.org/espi">\n',
        *(f"        <{name}>{code}</{name}>\n" for name, code in _type(axis.interval, exports=exports)),
        "      </ReadingType>\n",
    )
    yield from _days(blocks, axis, timezone, start, end, stamp, new_id)
    yield "</feed>\n"


def _type(interval: int, *, exports: bool) -> list[tuple[str, int]]:
    return [
        ("accumulationBehaviour", 4),  # deltaData: energy of the interval
        ("commodity", 1),  # electricity
        ("dataQualifier", 12),  # normal
        ("flowDirection", _NET if exports else _FORWARD),
        ("intervalLength", interval),
        ("kind", 12),  # energy
        ("phase", 0),  # not said
        ("powerOfTenMultiplier", _MILLI),
        ("timeAttribute", 0),
        ("uom", _WATT_HOUR),
    ]


def _span(blocks: Sequence[ReadingBlock], axis: Axis, now: int) -> tuple[int, int]:
    if not blocks:
        return now, now + 1
    return int(axis.start_of(blocks[0].first_slot)), int(axis.start_of(blocks[-1].end_slot))


def _head(name: UUID, title: str, links: Sequence[tuple[str, str]]) -> str:
    linked = "".join(f'    <link rel="{rel}" href="{href}"/>\n' for rel, href in links)
    titled = f"<title>{title}</title>" if title else "<title/>"
    return f"  <entry>\n    <id>urn:uuid:{name}</id>\n{linked}    {titled}\n    <content>\n"


def _foot(stamp: str) -> str:
    return f"    </content>\n    <published>{stamp}</published>\n    <updated>{stamp}</updated>\n  </entry>\n"


def _days(
    blocks: Sequence[ReadingBlock],
    axis: Axis,
    timezone: str,
    start: int,
    end: int,
    stamp: str,
    new_id: Callable[[], UUID],
) -> Iterator[str]:
    """An IntervalBlock for each local day that has readings; a reading is of the day that it starts in."""
    edges = cut(timezone, DAY, start, end).edges
    close = f"      </IntervalBlock>\n{_foot(stamp)}"
    number, open_day = 0, -1
    for block in blocks:
        starts = axis.start_of(np.arange(block.first_slot, block.end_slot, dtype=np.int64))
        days = np.searchsorted(edges, starts, "right") - 1
        for day in np.unique(days).tolist():
            if day != open_day:
                if open_day >= 0:
                    yield close
                number, open_day = number + 1, day
                yield _head(new_id(), "", [("self", f"{_BLOCK}/{number}"), ("up", _BLOCK)])
                yield _interval(int(edges[day]), int(edges[day + 1]))
            within = days == day
            yield _readings(starts[within], block.energies[within], axis.interval)
    if open_day >= 0:
        yield close


def _interval(start: int, end: int) -> str:
    return (
        '      <IntervalBlock xmlns="http://naesb.org/espi">\n        <interval>\n'
        f"          <duration>{end - start}</duration>\n          <start>{start}</start>\n        </interval>\n"
    )


def _readings(starts: NDArray[np.int64], energies: NDArray[np.int64], interval: int) -> str:
    return "".join(
        f"        <IntervalReading>\n          <timePeriod>\n            <duration>{interval}</duration>\n"
        f"            <start>{start}</start>\n          </timePeriod>\n          <value>{energy}</value>\n"
        "        </IntervalReading>\n"
        for start, energy in zip(starts.tolist(), energies.tolist(), strict=True)
    )
