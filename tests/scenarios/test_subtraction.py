"""No home's hour by subtraction: bills and demand of a run, taken from each other, show no few homes' use.

Each case is an attack that succeeded before there was release rule 4: an attacker who drops frames chooses the victim.
What is released is checked by exact rank over all coalitions of fewer than ``min_meters`` homes, from the files alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from smarter.state import Journal
from smarter.state.audit.log import AuditLog
from tests.support.coalitions import gains
from tests.support.released import Spans, tables

DAY = datetime(2016, 1, 5, tzinfo=ZoneInfo("America/New_York"))
HOMES = [f"apt{number}" for number in range(1, 12)][:10]
Run = Callable[..., Any]


@pytest.fixture
def quickstart(carry: Run, small_keys: tuple[str, ...], checkout: Path) -> Callable[..., tuple[Any, Spans]]:
    """``quickstart(lost, *settings)``: three hours of the ten homes, frames lost as given, and what was lost when."""

    def run(lost: dict[str, Sequence[tuple[float, float]]], *settings: str, **more: Any) -> tuple[Any, Spans]:
        spans = {home: [(_at(start), _at(end)) for start, end in all_] for home, all_ in lost.items()}
        faults = [
            {"kind": "drop", "neighbourhood": "maple-street", "meter": home, "at": _text(start), "until": _text(end)}
            for home, all_ in spans.items()
            for start, end in all_
        ]
        span = ("time.start=2016-01-05 18:00", "time.end=2016-01-05 21:00", f"faults={_yaml(faults)}")
        return carry("quickstart", *small_keys, *span, *settings, **more), spans

    return run


def _run(quickstart: Callable[..., tuple[Any, Spans]], case: str) -> tuple[Any, Spans]:
    lost, settings = CASES[case]
    return quickstart(lost, *settings)


def _at(hour: float) -> datetime:
    return DAY + timedelta(hours=hour)


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _yaml(faults: Sequence[dict[str, str]]) -> str:
    return "[" + ", ".join("{" + ", ".join(f"{k}: '{v}'" for k, v in fault.items()) + "}" for fault in faults) + "]"


def _watt_hours(rows: Sequence[dict[str, str]], start: float, end: float) -> float:
    return sum(
        float(row["energy_wh"])
        for row in rows
        if row["energy_wh"] and _at(start) <= datetime.fromisoformat(row["window_start"]) < _at(end)
    )


def _closed(files: Any) -> dict[tuple[str, str], list[str]]:
    """What rule 4 kept closed: by status and hour of the billing window, whose or which."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in files.demand:
        if row["status"] == "withheld":
            found.setdefault(("withheld", row["window_start"][11:13]), []).append(row["window_start"][11:16])
    for row in files.billing:
        if row["status"] == "held":
            found.setdefault(("held", row["window_start"][11:13]), []).append(row["meter"])
    return found


CASES: dict[str, tuple[dict[str, Sequence[tuple[float, float]]], tuple[str, ...]]] = {
    "one home was measured for an hour, its bill refused": ({"apt3": [(18, 20)]}, ()),
    "nine homes lose an hour": ({home: [(18, 19)] for home in HOMES if home != "apt4"}, ()),
    "nine homes lose a quarter": ({home: [(18, 18.25)] for home in HOMES if home != "apt4"}, ("frame=15",)),
    "one home was measured for the last hour alone": ({"apt3": [(18, 20)], "apt5": [(20, 21)]}, ()),
    "nine homes lose the last hour": ({home: [(20, 21)] for home in HOMES if home != "apt4"}, ()),
    "nine homes lose the middle hour": ({home: [(19, 20)] for home in HOMES if home != "apt4"}, ()),
    "six homes lose an hour": ({home: [(18, 19)] for home in HOMES[:6]}, ()),
    "six homes lose the last hour, and two another": (
        {**{home: [(20, 21)] for home in HOMES[:6]}, "apt8": [(18, 20)], "apt9": [(18, 20)]},
        (),
    ),
    "all homes lose the last hour": ({home: [(20, 21)] for home in HOMES}, ()),
    "a hold is a whole billing window": ({home: [(18, 19)] for home in HOMES if home != "apt4"}, ("pes.hold=3h",)),
    "windows wait for late meters": ({"apt3": [(18, 20)]}, ("grace=1h",)),
    "frames of a minute": ({home: [(18, 19)] for home in HOMES if home != "apt4"}, ("frame=1", "pes.combine=none")),
}


@pytest.mark.parametrize("case", CASES)
def test_no_coalition_learns_anything(case: str, quickstart: Callable[..., tuple[Any, Spans]]) -> None:
    files, spans = _run(quickstart, case)
    assert files.result["verified"] is True
    assert files.result["exposed"] == 0
    for start, table in tables(files.billing, files.demand, spans):
        assert gains(table, 5) == [], f"{start}: {_closed(files)}"


def test_the_three_cases_that_were_reproduced_are_closed(quickstart: Callable[..., tuple[Any, Spans]]) -> None:
    """The sums that gave an hour away are not there any more, and each is closed for a stated reason."""
    files, _ = _run(quickstart, "one home was measured for an hour, its bill refused")
    assert _closed(files) == {("withheld", "20"): ["20:45"]}
    assert abs(_watt_hours(files.demand, 18, 21) - _watt_hours(files.billing, 18, 21) - 1_813.216) > 1
    files, _ = _run(quickstart, "nine homes lose an hour")
    assert _closed(files) == {("withheld", "20"): ["20:45"]}
    assert abs(_watt_hours(files.billing, 18, 21) - _watt_hours(files.demand, 18, 21) - 1_524.761) > 1
    files, _ = _run(quickstart, "nine homes lose a quarter")
    assert _closed(files) == {("withheld", "20"): ["20:45"]}
    (row,) = (row for row in files.demand if row["status"] == "withheld")
    assert row["reason"] == "with the bills it would show the use of fewer than 5 meters"
    assert row["energy_wh"] == ""


def test_bills_are_held_where_no_demand_is_left_to_withhold(quickstart: Callable[..., tuple[Any, Spans]]) -> None:
    lost, _ = CASES["nine homes lose the last hour"]
    files, _ = quickstart(lost, "time.start=2016-01-05 15:00")
    ((status, hour), held) = next(iter(_closed(files).items()))
    assert (status, hour, len(held)) == ("held", "18", 4), (
        "with apt4, whose last hour is in no demand, that is five unknowns"
    )
    assert "apt4" not in held
    months = {row["meter"]: row["status"] for row in files.bills}
    assert {months[home] for home in held} == {"incomplete"}
    reasons = {row["reason"] for row in files.billing if row["status"] == "held"}
    assert reasons == {"with the demand it would show the use of fewer than 5 meters"}
    assert files.result["views"]["releaser"]["withheld_totals"] >= len(held), "what the PES could not know yet"


def test_the_pes_leaves_the_lane_of_a_withheld_window_empty(quickstart: Callable[..., tuple[Any, Spans]]) -> None:
    """Its hold covers the window whole, so it knows before it packs; with grace it sets it aside."""
    for case in ("one home was measured for an hour, its bill refused", "windows wait for late meters"):
        files, _ = _run(quickstart, case)
        assert ("withheld", "20") in _closed(files)
        views = files.result["views"]["releaser"]
        opened = sum(row["status"] in ("complete", "incomplete") for row in files.demand)
        # Empty lanes of windows that do not pass are counted, too, when their ciphertext is opened for others.
        assert views["neighbourhood_totals"] - opened <= 1, views


def test_a_later_end_finds_what_was_decided(quickstart: Callable[..., tuple[Any, Spans]], tmp_path: Path) -> None:
    """The first end lies inside of a billing window: it is decided then, and what comes later is in no bill."""
    lost = {"apt3": [(18, 19)], "apt5": [(19, 19.5)]}
    state = tmp_path / "state"
    first, spans = quickstart(lost, "time.end=2016-01-05 20:20", state=state)
    later, _ = quickstart(lost, state=state)
    for before, after in ((first.billing, later.billing), (first.demand, later.demand)):
        known = {(row.get("meter", ""), row["window_start"]): row["status"] for row in after}
        for row in before:
            assert known[row.get("meter", ""), row["window_start"]] == row["status"], "nothing is revised"
    not_yet = {home: [*spans.get(home, ()), (_at(20.5), _at(21))] for home in HOMES}
    for start, table in tables(first.billing, first.demand, not_yet):
        assert gains(table, 5) == [], start
    since = {home: [(_at(20.5), _at(21))] for home in HOMES}
    for start, table in tables(later.billing, later.demand, spans, demand_only=since):
        assert gains(table, 5) == [], start
    assert {row["status"] for row in later.demand if "T20:30" <= row["window_start"][10:16] < "T21"} == {"complete"}


def test_each_neighbourhood_is_judged_by_itself(carry: Run, small_keys: tuple[str, ...]) -> None:
    """All but one home of one of them lose an hour; in the other one nothing is withheld for it."""
    clean = carry("street-and-village", *small_keys)
    street = [f"apt{number}" for number in range(1, 6)]
    lost = [
        f"{{kind: drop, neighbourhood: street, meter: {home}, at: '2016-01-01 16:00', until: '2016-01-01 17:00'}}"
        for home in street[1:]
    ]
    files = carry("street-and-village", *small_keys, f"faults=[{', '.join(lost)}]")
    of_street = [row for row in files.demand if row["neighbourhood"] == "street"]
    others = [[row for row in each.demand if row["neighbourhood"] == "village"] for each in (clean, files)]
    assert others[0] == others[1]
    hour = (datetime.fromisoformat("2016-01-01T16:00-05:00"), datetime.fromisoformat("2016-01-01T17:00-05:00"))
    billed = [row for row in files.billing if row["meter"] in street]
    found = tables(billed, of_street, {home: [hour] for home in street[1:]})
    assert {start.hour: gains(table, 5) for start, table in found} == {hour: [] for hour in range(0, 24, 4)}
    assert [row["window_start"][11:16] for row in of_street if row["status"] == "withheld"] == ["19:45"]


@pytest.mark.parametrize(("day", "changes"), [("2016-03-27", "spring"), ("2016-10-30", "autumn")])
def test_the_days_on_which_clocks_change_show_nothing(
    day: str, changes: str, street: Callable[..., Path], carry: Run
) -> None:
    """Of seven homes six lose an hour of the window that is a quarter shorter or longer that day."""
    clock = ZoneInfo("Europe/Berlin")

    def gone(meter: int, stamp: datetime) -> bool:
        never = changes == "spring" and stamp.hour == 2
        return never or (meter > 1 and stamp.hour == 0) or (meter == 5 and 6 <= stamp.hour < 8)

    start = datetime.fromisoformat(day)
    end = f"{start + timedelta(days=1):%Y-%m-%d}"
    lane = street(meters=7, start=day, end=end, demand="30min", billing="3h", leave_out=gone)
    files = carry(lane)
    (short,) = ({row["expected"] for row in files.billing if row["window_start"][11:13] == "00"},)
    assert short == {"24" if changes == "spring" else "48"}
    lost = {
        f"home{meter}": [
            *([(start.replace(tzinfo=clock), start.replace(hour=1, tzinfo=clock))] if meter > 1 else []),
            *([(start.replace(hour=6, tzinfo=clock), start.replace(hour=8, tzinfo=clock))] if meter == 5 else []),
            # The files have the hour that comes twice in autumn just once.
            *([(datetime(2016, 10, 30, 1, tzinfo=UTC), datetime(2016, 10, 30, 2, tzinfo=UTC))]),
        ]
        for meter in range(1, 8)
    }
    judged = [gains(table, 5) for _, table in tables(files.billing, files.demand, lost)]
    assert judged == [[]] * 8
    assert any(row["status"] == "withheld" for row in files.demand)


@pytest.fixture
def dark_hour(street: Callable[..., Path]) -> Path:
    """Six homes for four hours: five lose the end of the first window, one all but the end of the second."""

    def gone(meter: int, stamp: datetime) -> bool:
        half = stamp.hour * 2 + stamp.minute // 30
        return (meter > 1 and half == 3) or (meter == 6 and half in (4, 5, 6))

    return street(meters=6, end="2016-03-01 04:00", leave_out=gone)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a log that dies while it is closed
def test_a_run_that_dies_at_any_write_ends_with_the_same_decisions(
    dark_hour: Path, tmp_path: Path, carry: Run, smarter: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before and after each transaction of the journal and each batch of the audit log."""
    expected = carry(dark_hour)
    assert {"withheld", "held"} <= {row["status"] for row in (*expected.demand, *expected.billing)}
    writes = [(Journal, "commit_hold"), (Journal, "enter"), (AuditLog, "commit"), (Journal, "acknowledge")]
    real = {(kind, name): getattr(kind, name) for kind, name in writes}

    def dying(at: int) -> None:
        """Patch every write so that the run dies at moment ``at``: even ones are before a write, odd ones after it."""
        moments = iter(range(1_000_000))

        def patched(kind: type, name: str) -> Callable[..., Any]:
            def write(self: Any, *given: Any, **more: Any) -> Any:
                if next(moments) == at:
                    raise KeyboardInterrupt
                answer = real[kind, name](self, *given, **more)
                if next(moments) == at:
                    raise KeyboardInterrupt
                return answer

            return write

        for kind, name in writes:
            monkeypatch.setattr(kind, name, patched(kind, name))

    state, at, died = tmp_path / "state", 0, 0
    while True:
        dying(at)
        ended = smarter("run", dark_hour, "--state", state, "--quiet", "--workers", "1", "--fresh")
        monkeypatch.undo()
        if ended.code == 0:
            break
        assert ended.code == 130
        died, at = died + 1, at + 1
        files = carry(dark_hour, state=state)
        # Pseudonyms are drawn again, and with them whose bills are held; --verify says that it is the right ones.
        assert (files.result["verified"], files.result["exposed"]) == (True, 0), at
        assert files.result["counts"]["windows"] == expected.result["counts"]["windows"], at
    assert died > 15
