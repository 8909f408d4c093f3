"""What is printed for people: the right numbers and marks, in the right order, at 80 columns and when piped."""

from __future__ import annotations

import io
import re
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from smarter.cli import show
from smarter.model.bills import Bill, BillLine
from smarter.model.events import Hop
from smarter.model.results import DemandFigures, RefusedWindow, Result, RunCounts, Span, StageFigures, WindowRow
from smarter.model.views import View
from smarter.parties.meter.survey import Run, Survey
from smarter.registry import Listing

NEW_YORK = "America/New_York"
METERS = ("a3f91c02deadbeef", "77c01c02deadbeef")
ZONES = dict.fromkeys(METERS, NEW_YORK)


def _printed(print_: Any, *arguments: Any, width: int = 80, **options: Any) -> list[str]:
    """What a pipe of so many columns gets; no line may be wider."""
    out = io.StringIO()
    print_(Console(file=out, width=width, highlight=False), *arguments, **options)
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    assert max(map(len, lines), default=0) <= width
    assert "\x1b" not in out.getvalue()
    return lines


def _with(lines: list[str], *words: str) -> str:
    found = [line for line in lines if all(word in line for word in words)]
    assert found, f"no line with {words} in\n" + "\n".join(lines)
    return found[0]


def _at(*moment: int) -> int:
    return int(datetime(*moment, tzinfo=ZoneInfo(NEW_YORK)).timestamp())  # type: ignore[arg-type,misc]


JANUARY = (_at(2016, 1, 1), _at(2016, 2, 1))
FEBRUARY = (_at(2016, 2, 1), _at(2016, 3, 1))


def _bill(meter: str, period: tuple[int, int], energy: int | None, amount: str | None, **options: Any) -> Bill:
    value = None if amount is None else Decimal(amount)
    options = {"currency": "USD", "status": "complete", "lines": (), **options}
    return Bill(meter=meter, start=period[0], end=period[1], energy=energy, amount=value, **options)


def test_bills_of_one_period_name_it_once_and_are_summed() -> None:
    bills = [
        _bill(METERS[0], JANUARY, 3_802_114_000, "912.51"),
        _bill(METERS[1], JANUARY, 1_000_700, "0.24", status="incomplete"),
    ]
    lines = _printed(show.bills_table, bills, ZONES)
    assert sum("2016-01-01 to 2016-01-31" in line for line in lines) == 1
    assert _with(lines, "a3f91c02…", "3,802.114", "912.51", "Σ complete")
    assert _with(lines, "77c01c02…", "1.001", "0.24", "○ incomplete")
    assert _with(lines, "2 meters", "3,803.115", "912.75")
    assert not any("a3f91c02d" in line for line in lines)


def test_bills_of_several_periods_and_currencies_keep_them_apart() -> None:
    bills = [
        _bill(METERS[0], JANUARY, 1_000_000, "1.00"),
        _bill(METERS[0], FEBRUARY, 2_000_000, "2.00"),
        _bill(METERS[1], JANUARY, 1_000_000, "5.00", currency="EUR"),
        _bill(METERS[1], FEBRUARY, None, None, currency="EUR", status="missing"),
    ]
    lines = _printed(show.bills_table, bills, ZONES, width=120, full=True)
    assert _with(lines, METERS[0], "2016-02-01 to 2016-02-29", "2.000", "2.00 USD")
    assert _with(lines, METERS[1], "– missing")
    assert _with(lines, "2 meters", "4.000", "5.00 EUR")
    assert _with(lines, "3.00 USD")
    assert _printed(show.bills_table, bills, ZONES, full=True)


def test_a_bill_shows_each_rate_exactly_and_what_is_to_pay() -> None:
    lines_of_bill = (
        BillLine("[off] peak", Decimal("0.09"), 1_000_000, Decimal("0.09"), (0, 1)),
        BillLine("peak", Decimal("0.24"), 3_802_114, Decimal("0.91250736"), (2,)),
    )
    lines = _printed(show.bill_lines, _bill(METERS[0], JANUARY, 4_802_114, "1.00", lines=lines_of_bill))
    assert _with(lines, "[off] peak", "2", "1.000", "0.09", "0.09000000")
    assert _with(lines, "peak", "1", "3.802", "0.24", "0.91250736")
    assert _with(lines, "exactly", "4.802", "1.00250736")
    assert _with(lines, "to pay", "1.00 USD", "Σ complete")


def test_a_bill_without_a_released_window_says_so() -> None:
    lines = _printed(show.bill_lines, _bill(METERS[0], JANUARY, None, None, status="missing"))
    assert _with(lines, "– missing", "nothing to bill")


def _figures(days: int, **changes: Any) -> DemandFigures:
    first = datetime(2016, 1, 1).toordinal()
    spans = tuple(
        Span(
            name=datetime.fromordinal(first + day).strftime("%Y-%m-%d"),
            energy_mwh=1_000_000 * (day + 1),
            readings=1440 - (day == 1),
            expected=1440,
        )
        for day in range(days)
    )
    figures: dict[str, Any] = {
        "neighbourhood": "maple-street",
        "timezone": NEW_YORK,
        "energy_mwh": sum(span.energy_mwh for span in spans),
        "import_mwh": sum(span.energy_mwh for span in spans),
        "export_mwh": 0,
        "export_peak_kw": None,
        "export_peak_start": None,
        "windows": 96 * days,
        "complete": 96 * days - 1,
        "peak_kw": 1234.5,
        "peak_start": _at(2016, 1, 5, 18, 15),
        "base_kw": 1.25,
        "mean_kw": 617.25,
        "load_factor": 0.5,
        "days": spans,
        "hours": (),
    }
    return DemandFigures(**{**figures, **changes})


def test_demand_leads_with_peak_base_and_load_factor_and_lists_the_days() -> None:
    lines = _printed(show.demand_table, _figures(3))
    assert _with(lines, "1,234.500 kW", "1.250 kW", "0.500")
    assert _with(lines, "peak, Tue 2016-01-05 18:15", "base", "load factor, mean 617.250 kW")
    assert _with(lines, "287 of 288 windows complete")
    assert _with(lines, "Fri 2016-01-01", "1.000", "1,440", "100.0")
    assert _with(lines, "all", "6.000")


def test_demand_with_export_has_an_export_peak_and_neither_base_nor_load_factor() -> None:
    export = {"export_peak_kw": 20.5, "export_peak_start": _at(2016, 1, 5, 12, 45), "export_mwh": 2_000_000}
    lines = _printed(show.demand_table, _figures(3, base_kw=None, load_factor=None, **export))
    assert _with(lines, "1,234.500 kW", "20.500 kW", "–")
    assert _with(lines, "peak, Tue 5 Jan 18:15", "export peak, Tue 5 Jan 12:45", "base, load factor")
    assert _with(lines, "import 6.000 kWh, export 2.000 kWh, mean 617.250 kW")
    nothing: dict[str, Any] = dict.fromkeys(("peak_kw", "peak_start", "base_kw", "load_factor"))
    assert _with(_printed(show.demand_table, _figures(3, **(nothing | export))), "–", "20.500 kW")


def test_a_day_that_lacks_one_reading_does_not_look_whole() -> None:
    assert _with(_printed(show.demand_table, _figures(3)), "Sat 2016-01-02", "1,439", "○ 99.9")


def test_a_long_run_is_summed_by_month() -> None:
    lines = _printed(show.demand_table, _figures(60))
    assert _with(lines, "2016-01", f"{sum(range(1, 32)):,}.000", "44,639")
    assert _with(lines, "2016-02", f"{sum(range(32, 61)):,}.000")
    assert not any("2016-01-01" in line for line in lines)


def test_demand_without_a_complete_window_has_no_figures() -> None:
    nothing: dict[str, Any] = dict.fromkeys(("peak_kw", "peak_start", "base_kw", "mean_kw", "load_factor"))
    assert _with(_printed(show.demand_table, _figures(1, complete=0, **nothing)), "No window is complete")


def _window(kind: Any, start: int, status: str, energy: int | None, reason: str = "") -> WindowRow:
    holder = "maple-street" if kind == "demand" else METERS[0]
    readings = {"complete": 600, "incomplete": 300}.get(status, 0)
    return WindowRow(kind, holder, start, start + 3600, 10, readings, 600, energy, status, reason)


def test_demand_windows_show_power_of_what_was_measured_and_why_one_was_refused() -> None:
    reason = "only 3 meters cover half of it, and min_meters is 5"
    rows = [
        _window("demand", _at(2016, 1, 5, 17), "complete", 4_211_000),
        _window("demand", _at(2016, 1, 5, 18), "incomplete", 2_000_000),
        _window("demand", _at(2016, 1, 5, 19), "refused", None, reason),
        _window("demand", _at(2016, 1, 5, 20), "missing", None),
    ]
    lines = _printed(show.windows_table, rows, NEW_YORK)
    assert _with(lines, "2016-01-05 17:00", "10", "600", "4.211", "Σ complete")
    assert _with(lines, "2016-01-05 18:00", "300", "2.000", "4.000", "○ incomplete")
    assert _with(lines, "2016-01-05 19:00", "✕ refused")
    assert _with(lines, "2016-01-05 20:00", "– missing")
    assert _with(lines, f"✕ 1 window: {reason}")


def test_a_repeated_hour_is_told_apart_by_its_offset() -> None:
    first = _at(2015, 11, 1, 0)
    rows = [_window("billing", first + 3600 * hour, "complete", 1_000_000) for hour in range(4)]
    lines = _printed(show.windows_table, rows, NEW_YORK)
    assert _with(lines, "2015-11-01 01:00-0400")
    assert _with(lines, "2015-11-01 01:00-0500")
    assert _with(lines, "Windows of a3f91c02…")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_long_table_is_printed_by_parts_and_looks_like_one(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["complete", "incomplete", "refused", "missing"]
    rows = [
        _window("demand", _at(2016, 1, 1) + 3600 * hour, words[hour % 4], None if hour % 4 > 1 else 10**hour)
        for hour in range(16)
    ]
    whole = _printed(show.windows_table, rows, NEW_YORK, width=width)
    monkeypatch.setattr("smarter.cli.show.demand.AT_ONCE", 3)
    parts = _printed(show.windows_table, rows, NEW_YORK, width=width)
    assert parts == whole if width > 60 else _with(parts, "2016-01-01 00:00")


def _views(**changes: dict[str, float]) -> dict[str, dict[str, int | float]]:
    views = {
        "meters": View(readings=100_800),
        "concentrator": View(frames=1680, bytes_sealed=591_360),
        "pes": View(readings=100_800, peak_readings=600, reading_seconds=28_400.4, bytes_sealed=591_360),
        "releaser": View(household_totals=560, neighbourhood_totals=672),
        "mdms": View(household_totals=560, neighbourhood_totals=672, bytes_sealed=1_442_112),
        "simulation": View(),
    }
    return {party: {**view.as_dict(), **changes.get(party, {})} for party, view in views.items()}


def test_views_begin_with_the_party_that_saw_most_and_end_with_the_meters_own() -> None:
    lines = _printed(show.views_table, _views())
    rows = [line.split()[0] for line in lines if re.match(r"[A-Z]\w+ ", line) and ("0" in line)]
    assert rows[:5] == ["PES", "Concentrator", "Releaser", "MDMS", "Meters"]
    assert _with(lines, "PES", "● 100,800", "● 600", "● 28,400", "▒ 592")
    assert _with(lines, "MDMS", "Σ 560", "Σ 672", "▒ 1,443")
    assert "●" not in _with(lines, "Concentrator")
    assert _with(lines, "Meters (own)")
    assert not any("Simulation" in line for line in lines)


def test_views_say_in_words_who_saw_what() -> None:
    assert show.views_sentence(_views()) == (
        "Only the PES saw single readings besides the meters: at most 600 at a time, 28,400 reading-seconds in all; "
        "the releaser and the MDMS saw 560 household totals and 672 neighbourhood totals."
    )


def test_a_concentrator_that_opened_a_frame_is_named_in_table_and_words() -> None:
    leaking = _views(concentrator={"readings": 200_000})
    first = next(line for line in _printed(show.views_table, leaking) if "●" in line)
    assert first.startswith("Concentrator")
    assert "● 200,000" in first
    assert show.views_sentence(leaking).startswith(
        "The concentrator and the PES saw single readings besides the meters: the concentrator 200,000 of them; "
    )


def test_views_without_an_onlooker_and_with_withheld_totals_say_so() -> None:
    quiet = _views(
        pes={"readings": 0},
        releaser={"household_totals": 9, "neighbourhood_totals": 0, "withheld_totals": 3},
        mdms={"household_totals": 0, "neighbourhood_totals": 0},
        simulation={"readings": 1},
    )
    assert show.views_sentence(quiet) == (
        "Nobody but the meters saw a single reading; the releaser saw 9 household totals; "
        "the releaser withheld 3 of those that it saw; the simulation looked at 1 itself to follow a reading."
    )


def test_ten_refusals_are_shown_and_the_others_counted() -> None:
    refused = [
        RefusedWindow(
            kind="billing",
            holder=METERS[0],
            start=f"2016-01-05T{hour:02}:00:00-05:00",
            end=f"2016-01-05T{hour + 1:02}:00:00-05:00",
            status="refused" if hour else "held",
            reason=f"only {hour} of [180] readings",
        )
        for hour in range(13)
    ]
    lines = _printed(show.refusals, refused)
    assert sum("✕ billing" in line for line in lines) == 10
    assert _with(lines, "✕ billing", "a3f91c02…", "2016-01-05 09:00", "refused", "only 9 of [180] readings")
    assert _with(lines, "✕ billing", "2016-01-05 00:00", "held")
    assert _with(lines, "and 3 more")
    assert not any("more" in line for line in _printed(show.refusals, refused[:10]))
    assert _printed(show.refusals, []) == []


def test_the_end_of_a_run_says_what_it_took_what_was_dropped_and_that_it_was_verified() -> None:
    counts = RunCounts(
        neighbourhoods=1,
        meters=10,
        readings=100_790,
        expected=100_800,
        frames=1680,
        ciphertexts=1848,
        windows={},
        dropped={"concentrator": {"repeat": 2}, "pes": {"authentication failed": 1}},
        damaged_records=0,
    )
    stages = {name: StageFigures(seconds=seconds, bytes=0) for name, seconds in (("seal", 1.0), ("encrypt", 3.0))}
    unsaid = dict.fromkeys(("scenario", "description", "digest", "state", "start", "end", "protocol"), "")
    empty: dict[str, Any] = {name: {} for name in ("resolved", "versions", "plugins", "views", "billed")}
    result = Result(
        **unsaid,
        **empty,
        counts=counts,
        stages=stages,
        seconds=9.34,
        demand=(),
        refusals=(),
        warnings=(),
        exposed=0,
        verified=True,
    )
    lines = _printed(show.stages_line, result)
    assert _with(lines, "100,790 of 100,800 readings", "1,680 frames")
    assert _with(lines, "seal 25 %", "encrypt 75 %")
    assert _with(lines, "✕ 2 dropped by the concentrator: repeat")
    assert _with(lines, "✕ 1 dropped by the PES: authentication failed")
    assert _with(lines, "verified")
    assert not any(
        "verified" in line for line in _printed(show.stages_line, result.model_copy(update={"verified": None}))
    )


def test_plugins_are_listed_by_kind_with_what_they_can_do_and_what_is_wrong() -> None:
    listings = [
        Listing("cipher", "aes-gcm", "0.1.0", "smarter-metering", "The default.", {"key_bytes": 32}),
        Listing("scheme", "plain", "0.1.0", "smarter-metering", "", {"insecure_demo": True, "threshold": False}),
        Listing("scheme", "paillier-phe", "0.1.0", "smarter-metering", missing="phe is not installed"),
        Listing("?", "my-plugins", "3.2", "elsewhere", error="ImportError: no [module] named x"),
    ]
    lines = _printed(show.plugins_table, listings)
    order = [next(i for i, line in enumerate(lines) if f" {entry.name} " in f"{line} ") for entry in listings]
    assert order == sorted(order)
    assert _with(lines, "smarter-metering 0.1.0: key bytes 32")
    assert _with(lines, "insecure demo")
    assert not any("threshold" in line for line in lines)
    assert _with(lines, "✕ phe is not installed")
    assert _with(lines, "✕ broken: ImportError: no [module] named x")
    assert _with(lines, "4 listed, 1 broken, 1 without")


HOPS = (
    Hop("row", "clear", "2016-01-05 17:52:00,1.283216667", {}, (("meter", "its own"),)),
    Hop(
        "frame", "sealed", "60 readings, 268 bytes", {}, (("meter", "its own"), ("customer", "seal key, once enrolled"))
    ),
    Hop("relayed", "sealed", "a3f9…, epoch 1, counter 113", {}, ()),
    Hop("opened", "clear", "for 0.7 ms, with 599 others", {}, (("PES", "epoch secret"),)),
    Hop("billing sum", "sealed", "of 3 such ciphertexts", {}, (("releaser", "aggregation key"),)),
    Hop("billing released", "sum", "3,802,114 mWh; the minute is gone", {}, (("releaser", "aggregation key"),)),
    Hop("demand released", "refused", "only 3 meters", {}, ()),
)


@pytest.mark.parametrize("width", [80, 140])
def test_hops_are_numbered_in_order_with_their_marks(width: int) -> None:
    lines = _printed(show.hops, HOPS, width=width)
    places = []
    for number, (hop, mark) in enumerate(zip(HOPS, "●▒▒●▒Σ✕", strict=True), 1):
        line = next(line for line in lines if re.match(rf"\s*{number} {hop.name} ", line))
        assert f"{mark} {hop.text}" in line
        places.append(lines.index(line))
    assert places == sorted(places)


def test_each_hop_says_who_can_read_it_and_with_which_key() -> None:
    for width in (80, 140):
        text = "\n".join(_printed(show.hops, HOPS, width=width))
        for said in ("● meter (its own)", "● customer (seal key, once enrolled)", "● PES (epoch secret)"):
            assert said in text
        # Of a sum, its reader sees no single reading.
        assert text.count("Σ releaser (aggregation key)") == 2
        assert "▒ nobody here" in text
        assert "✕ nobody here" in text
    wide = _printed(show.hops, HOPS, width=140)
    assert _with(wide, "relayed", "▒ nobody here")


def test_marks_are_coloured_on_a_terminal_and_reasons_are_not() -> None:
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=True, color_system="standard", highlight=False)
    show.hops(console, HOPS)
    show.windows_table(console, [_window("demand", _at(2016, 1, 5, 19), "refused", None, "too few")], NEW_YORK)
    for coloured in ("\x1b[33m●", "\x1b[94m▒", "\x1b[32mΣ", "\x1b[31m✕"):
        assert coloured in out.getvalue()


def _survey(name: str, **changes: Any) -> Survey:
    start, end = _at(2016, 1, 1), _at(2016, 1, 8)
    fields: dict[str, Any] = {
        "name": name,
        "origin": f"{name}.csv",
        "rows": 10_080,
        "first": start,
        "last": end,
        "intervals": (Run(60, start, end, 10_080),),
        "gaps": (),
        "repeated": 0,
        "nonexistent": 0,
        "total_mwh": Fraction(1_234_567_890),
        "min_kw": 0.01,
        "max_kw": 12.5,
        "problems": (),
    }
    return Survey(**{**fields, **changes})


def test_readings_show_span_interval_and_totals() -> None:
    lines = _printed(show.survey_table, [_survey("apt1"), _survey("apt2")], NEW_YORK, width=100)
    assert _with(lines, "apt1", "10,080", "2016-01-01 00:00 to 2016-01-08 00:00", "1min", "1,234.568", "12.500")
    assert _with(lines, "2 meters", "20,160", "2,469.136")
    assert not any("repeated" in line or "never" in line for line in lines)


def test_readings_show_what_is_odd_with_the_meter_it_is_of() -> None:
    odd = _survey(
        "Apt[1]_2015",
        intervals=(Run(900, 0, 1, 1), Run(60, 1, 2, 1), Run(900, 2, 3, 1), Run(3600, 3, 4, 1)),
        gaps=((1, 2), (3, 4)),
        repeated=4,
        nonexistent=2,
        problems=("row 33495: the interval changes from 15min to 1min",),
    )
    lines = _printed(show.survey_table, [_survey("apt2"), odd], NEW_YORK, width=140)
    assert _with(lines, "Apt[1]_2015", "15min, 1min and 1 more", "2", "4")
    assert _with(lines, "✕ Apt[1]_2015: row 33495: the interval changes")
    assert _with(lines, "repeated")
    assert _printed(show.survey_table, [_survey("apt2"), odd], NEW_YORK)
