"""The disclosure audit in words, as a table and as JSON.

``cli`` and page 6 of the app print them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from smarter.charts.marks import marked, quiet_table, span
from smarter.keys.naming import short
from smarter.model.windows import iso
from smarter.protocols.release_audit import Disclosure, ExposedWindow, ReleaseAudit, Span

Zones = Mapping[str, str]
"""IANA name of each neighbourhood's clock."""

MOST_NAMED = 3
"""Meters of a coalition that are named in words; JSON has all."""
FIELDS = ("neighbourhood", "window_start", "window_end", "exact", "still", "meters", "grantee", "shows")
"""Columns of a file of disclosures."""


def audit_sentence(audit: ReleaseAudit) -> str:
    """The result in a line."""
    judged = f"{audit.windows:,} billing window{'s' * (audit.windows != 1)}"
    shown = f"what fewer than {audit.min_meters} meters used"
    if not audit.exposed:
        return f"{judged}, none of them shows {shown}"
    certain = sum(each.exact for each in audit.exposed)
    count = f"{len(audit.exposed):,}" if audit.exact else f"at most {len(audit.exposed):,}"
    verb = "shows" if len(audit.exposed) == 1 and audit.exact else "show"
    words = f"{judged}, {count} of them {verb} {shown}"
    if not audit.exact:
        words += f" ({certain:,} for certain: a state from before does not say who was in refused windows)"
    if audit.left != len(audit.exposed):
        words += f"; {audit.left:,} still {'does' if audit.left == 1 else 'do'} after erasures"
    return words


def disclosure_words(window: ExposedWindow, shown: Disclosure, min_meters: int, timezone: str) -> str:
    """What a billing window shows of whom, to whom: a clause."""
    used = "used" if window.exact else "may have used"
    if not shown.meters:
        whose = f"what fewer than {min_meters} meters, not known which, {used}"
        times = shown.rest or shown.spans
        words = f"{whose} {_times(times, timezone)}"
    else:
        count = len(shown.meters)
        if count == 1:
            words = f"{'exactly ' * window.exact}what household {short(shown.meters[0])} {used}"
        else:
            named = ", ".join(short(meter) for meter in shown.meters[:MOST_NAMED])
            more = f" and {count - MOST_NAMED} more" if count > MOST_NAMED else ""
            words = f"what these {count} meters {used} together ({named}{more})"
        words += f" {_times(shown.spans, timezone)}"
        if shown.rest:
            words += f" and, by {'its bill' if count == 1 else 'their bills'}, {_times(shown.rest, timezone)}"
    if shown.grantee:
        words += f": to {shown.grantee} with the sums of {shown.granting} meter{'s' * (shown.granting != 1)}"
    return words


def exposed_table(audit: ReleaseAudit, zones: Zones, most: int) -> Table:
    """The first ``most`` exposed windows, a line for each of their disclosures."""
    table = quiet_table(gap=2)
    several = len(zones) > 1
    for name in ("neighbourhood", "billing window") if several else ("billing window",):
        table.add_column(name, no_wrap=True)
    table.add_column("shows", overflow="fold")
    for window in audit.exposed[:most]:
        zone = zones[window.neighbourhood]
        first: list[Text] = [Text(window.neighbourhood)] if several else []
        first.append(Text(span(window.start, window.end, zone)))
        for shown, still in _each(window):
            words = marked("refused", disclosure_words(window, shown, audit.min_meters, zone))
            words.append(f" ({still})" if still else "")
            table.add_row(*first, words)
            first = [Text("")] * len(first)
    if (more := len(audit.exposed) - most) > 0:
        table.add_row(
            *[Text("")] * several, Text(""), Text(f"and {more:,} more billing window{'s' * (more != 1)}", "dim")
        )
    return table


def exposed_lines(audit: ReleaseAudit, zones: Zones) -> Iterator[tuple[object, ...]]:
    """A line a disclosure, in the columns :data:`FIELDS`."""
    for window in audit.exposed:
        zone = zones[window.neighbourhood]
        place = window.neighbourhood, iso(window.start, zone), iso(window.end, zone)
        for shown, _ in _each(window):
            words = disclosure_words(window, shown, audit.min_meters, zone)
            still = "yes" if shown in window.left else "no"
            exact = "yes" if window.exact else "no"
            yield *place, exact, still, " ".join(shown.meters), shown.grantee, words


def audit_form(audit: ReleaseAudit, zones: Zones) -> dict[str, Any]:
    """All of it as plain values for JSON."""
    return {
        "format": 1,
        "min_meters": audit.min_meters,
        "windows": audit.windows,
        "inexact": audit.inexact,
        "exposed": len(audit.exposed),
        "left": audit.left,
        "exposures": [
            {
                "neighbourhood": window.neighbourhood,
                "start": iso(window.start, zones[window.neighbourhood]),
                "end": iso(window.end, zones[window.neighbourhood]),
                "exact": window.exact,
                "disclosures": [
                    {
                        "released": shown in window.released,
                        "left": shown in window.left,
                        "meters": list(shown.meters),
                        "spans": _span_forms(shown.spans, zones[window.neighbourhood]),
                        "rest": _span_forms(shown.rest, zones[window.neighbourhood]),
                        "grantee": shown.grantee or None,
                        "granting": shown.granting,
                        "shows": disclosure_words(window, shown, audit.min_meters, zones[window.neighbourhood]),
                    }
                    for shown, _ in _each(window)
                ],
            }
            for window in audit.exposed
        ],
    }


def _each(window: ExposedWindow) -> Iterator[tuple[Disclosure, str]]:
    """Each disclosure once, with what erasures did to it."""
    for shown in window.released:
        yield shown, "" if shown in window.left else "erased since"
    for shown in window.left:
        if shown not in window.released:
            yield shown, "since an erasure"


def _span_forms(spans: tuple[Span, ...], timezone: str) -> list[dict[str, str]]:
    return [{"start": iso(start, timezone), "end": iso(end, timezone)} for start, end in spans]


def _times(spans: tuple[Span, ...], timezone: str) -> str:
    return " and ".join(_from_to(start, end, timezone) for start, end in spans)


def _from_to(start: int, end: int, timezone: str) -> str:
    """``from 18:00 to 19:00`` within a day, or with the dates."""
    first, last = iso(start, timezone), iso(end, timezone)
    same_day = first[:10] == last[:10] or last[11:16] == "00:00"
    texts = [
        text[11:16] if same_day and end - start < 86_400 else text[:16].replace("T", " ") for text in (first, last)
    ]
    return f"from {texts[0]} to {texts[1]}"
