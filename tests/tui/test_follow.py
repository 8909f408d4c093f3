"""Page 3, follow a reading: fixed hops opened one by one, every key and click, errors, and one real following."""

from __future__ import annotations

import json
import re
import tempfile
import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

from smarter.errors import SmarterError, UsageError
from smarter.model.control import Control
from smarter.model.events import Event, Hop, Progress, Traced
from smarter.protocols.trail import Trace
from smarter.scenario import load_scenario
from smarter.tui.app import SmarterApp
from smarter.tui.choice import Choice
from smarter.tui.lessons import AAD, why
from smarter.tui.pages.follow import FollowPage
from smarter.tui.widgets.meter_choice import MeterChoice
from smarter.tui.widgets.way_list import WayList

FIRST_WHEN = "2016-01-04 17:52"
DAY = 1_451_883_600  # 2016-01-04 in New York
EVENING = DAY + (17 * 60 + 52) * 60
METER = ("meter", "its own")
RELEASER = (("releaser", "aggregation key"),)
MDMS = (("MDMS", "delivery key"),)


def fixed(name: str, size: int) -> str:
    """Bytes that are always the same, in hexadecimal."""
    return b"".join(sha256(f"{name} {part}".encode()).digest() for part in range(size // 32 + 1))[:size].hex()


def frame_hop(minute: int) -> Hop:
    aad = {
        "version": 1,
        "pseudonym": "a3f91c02deadbeef",
        "deployment": fixed("deployment", 16),
        "cipher": "aes-gcm",
        "epoch": 1,
        "counter": 17,
        "first_slot": (DAY + 17 * 3600) // 60,
        "interval": 60,
        "phase": 0,
        "count": 60,
        "width": 4,
    }
    detail = {
        "bytes": 352,
        "place": minute % 60,
        "sealed": fixed("sealed", 256),
        "overhead": 16,
        "mac": fixed("mac", 32),
        "nonce": "000000010000000000000011",
        "aad": aad,
    }
    readers = (METER, ("PES", "epoch secret"), ("customer", "seal key, once enrolled"))
    return Hop("frame", "sealed", "60 readings, 352 bytes  8c 1f 40 … 50 7a 7c  nonce 1·0000000017", detail, readers)


def lane_hop(kind: str, lane: int, lanes: int, energy: int, window: str) -> Hop:
    detail = {"kind": kind, "lane": lane, "lanes": lanes, "capacity": 95, "energy_mwh": energy, "window": window}
    text = f"lane {lane + 1} of {lanes}: {energy:,} mWh (this frame's share of {window})"
    return Hop(f"{kind} lane", "clear", text, detail, (("PES", "plaintext, before it encrypts"),))


def sealed_hop(kind: str, step: str, count: int = 0) -> Hop:
    blob = fixed(f"{kind} {step}", 768)
    detail: dict[str, object] = {"kind": kind, "bytes": 768, "ciphertext": blob}
    ends = f"{bytes.fromhex(blob[:6]).hex(' ')} … {bytes.fromhex(blob[-6:]).hex(' ')}"
    if step == "sum":
        return Hop(
            f"{kind} sum",
            "sealed",
            f"of {count} such ciphertexts, 768 bytes  {ends}",
            detail | {"ciphertexts": count},
            RELEASER,
        )
    return Hop(
        f"{kind} ciphertext", "sealed", f"768 bytes  {ends}  under key ab12…", detail | {"key": fixed("k", 16)}, ()
    )


def released_hop(kind: str, energy: int, readings: int, meters: int) -> Hop:
    text = f"{energy:,} mWh from {readings} readings; the minute is gone"
    detail = {"kind": kind, "energy_mwh": energy, "readings": readings, "meters": meters}
    return Hop(f"{kind} released", "sum", text, detail, RELEASER)


def record_hop(kind: str, holder: str, start: int, end: int) -> Hop:
    aad = {
        "deployment": fixed("deployment", 16),
        "kind": kind,
        "sender": fixed("releaser", 16),
        "receiver": fixed("mdms", 16),
        "holder": holder,
        "start": start,
        "end": end,
    }
    detail = {
        "kind": kind,
        "bytes": 620,
        "record": fixed(f"{kind} record", 620),
        "wrapped": fixed("wrapped", 384),
        "nonce": "00000000000000000000002c",
        "sealed": fixed(f"{kind} content", 37),
        "mac": fixed("record mac", 32),
        "aad": aad,
    }
    return Hop(f"{kind} record", "sealed", "620 bytes  96 01 ad … c4 10 2c", detail, MDMS)


def energy_of(minute: int) -> int | None:
    """Of a day with a gap in the morning and supper in the evening."""
    if 400 <= minute < 430:
        return None
    return 1_000 + minute * 37 % 400 + (50_000 if 1_060 <= minute < 1_090 else 0)


def way(start: int = EVENING) -> tuple[Hop, ...]:
    """The whole way of the reading that starts then, on the fixed day, in the order of a run."""
    minute = (start - DAY) // 60
    energy = energy_of(minute) or 0
    stamp = f"2016-01-04T{minute // 60:02}:{minute % 60:02}:00-05:00"
    row = {"meter": "apt3", "stamp": stamp, "value": "3.13839 kW", "row": 5_393, "origin": "/data/apt3.csv"}
    reading = {"energy_mwh": energy, "slot": start // 60, "interval": 60, "start": start}
    seen = {
        "pseudonym": "a3f91c02deadbeef",
        "epoch": 1,
        "counter": 17,
        "first_slot": (DAY + 17 * 3600) // 60,
        "interval": 60,
        "phase": 0,
        "count": 60,
    }
    bill = {
        "label": "peak",
        "rate": "0.24",
        "currency": "USD",
        "energy_kwh": "4.902118",
        "energy_mwh": 4_902_118,
        "amount": "1.17650832",
        "windows": 2,
        "bill": "3.43",
    }
    chart = {
        "energy_mwh": energy,
        "start": DAY,
        "interval": 60,
        "place": minute,
        "energies_mwh": tuple(map(energy_of, range(1_440))),
    }
    three, quarter = "2016-01-04 15:00–18:00", "2016-01-04 17:45–18:00"
    return (
        Hop("row", "clear", f"{stamp}  3.13839 kW  (apt3.csv, row 5,393)", row, (METER,)),
        Hop("reading", "clear", f"{energy:,} mWh", reading, (METER,)),
        frame_hop(minute),
        Hop("relayed", "sealed", "a3f91c02…, epoch 1, counter 17; when and how many, never how much", seen, ()),
        Hop(
            "opened",
            "clear",
            "for 16.2 ms, with 599 others",
            {"seconds": 0.0162, "with": 599},
            (("PES", "epoch secret"),),
        ),
        lane_hop("billing", 4, 10, 1_500_862, three),
        sealed_hop("billing", "ciphertext"),
        lane_hop("demand", 3, 4, 735_509, quarter),
        sealed_hop("demand", "ciphertext"),
        sealed_hop("demand", "sum", 10),
        released_hop("demand", 3_909_290, 150, 10),
        record_hop("demand", "maple-street", EVENING - 420, EVENING + 480),
        sealed_hop("billing", "sum", 3),
        released_hop("billing", 4_902_118, 180, 1),
        record_hop("billing", "a3f91c02deadbeef", DAY + 15 * 3600, DAY + 18 * 3600),
        Hop("bill", "sum", "4.902 kWh × 0.24 USD (peak), in a bill of 3.43", bill, (*MDMS, ("customer", "the bill"))),
        Hop(
            "chart",
            "clear",
            f"{energy:,} mWh, the customer's own minute, once enrolled",
            chart,
            (
                (
                    "customer",
                    "seal key, once enrolled",
                ),
            ),
        ),
    )


def cut_way(start: int = EVENING) -> tuple[Hop, ...]:
    """The same when its frame was altered on the way."""
    whole = way(start)
    ends = Hop("relayed", "refused", "not passed on in its hold: altered or late on its way", {}, ())
    return (*whole[:3], ends, whole[-1])


class Fed:
    """In place of small runs: the fixed hops of every minute that is asked for, and what was asked."""

    def __init__(self) -> None:
        self.traces: list[Trace] = []
        self.controls: list[Control] = []
        self.hops: Callable[[int], tuple[Hop, ...]] = way
        self.gaps: set[int] = set()
        self.error: Exception | None = None
        self.held: threading.Event | None = None
        self.before_hold = 0

    def __call__(self, scenario: object, trace: Trace, *, control: Control) -> Iterator[Event]:
        self.traces.append(trace)
        self.controls.append(control)
        yield Progress("keys", 12, 15)
        if self.error is not None:
            raise self.error
        if trace.moment in self.gaps:
            raise UsageError("meter apt1 has no reading at 2016-01-04T18:00:00-05:00; choose another minute.")
        near = range(trace.moment - 60 * trace.beside, trace.moment + 60 * trace.beside + 1, 60)
        for start in (moment for moment in near if moment not in self.gaps):
            for number, hop in enumerate(self.hops(start)):
                if self.held is not None and number == self.before_hold and start == trace.moment:
                    yield from self._hold(control)
                yield Traced(hop, start)

    def _hold(self, control: Control) -> Iterator[Event]:
        assert self.held is not None
        while not self.held.wait(0.05):
            control.heed()
            yield Progress("read", 7, 24)


@pytest.fixture(autouse=True)
def here(opens_on: Callable[[str], None]) -> None:
    """The app opens on the page."""
    opens_on("follow")


@pytest.fixture
def fed(monkeypatch: pytest.MonkeyPatch) -> Fed:
    """Every following is fed."""
    fed = Fed()
    monkeypatch.setattr("smarter.follow.follow", fed)
    return fed


async def settled(pilot: Pilot[Any]) -> None:
    """Everything followed and drawn."""
    for _ in range(3):
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()


async def looked(pilot: Pilot[Any]) -> FollowPage:
    """On the page, with nothing followed yet."""
    await pilot.press("3")
    await settled(pilot)
    page = pilot.app.screen
    assert isinstance(page, FollowPage)
    return page


async def followed(pilot: Pilot[Any]) -> FollowPage:
    """On the page, with the offered reading followed."""
    page = await looked(pilot)
    await pilot.press("enter")
    await settled(pilot)
    return page


async def held(pilot: Pilot[Any], page: FollowPage, fed: Fed) -> None:
    """A following has begun and goes on."""
    count = len(fed.traces)
    await pilot.press("f")
    while len(fed.traces) == count:
        await pilot.pause(0.01)
    await pilot.pause(0.15)


def said(page: FollowPage, selector: str) -> str:
    return str(page.query_one(selector, Static).render())


def listed(page: FollowPage) -> WayList:
    return page.query_one(WayList)


def chosen(page: FollowPage) -> str:
    return listed(page).step.hop.name


def when(page: FollowPage) -> str:
    assert page.choice is not None
    return page.choice.when


async def go_to(pilot: Pilot[Any], page: FollowPage, name: str) -> None:
    """Choose a hop."""
    place = next(number for number, step in enumerate(listed(page).steps) if step.hop.name == name)
    page.action_choose(place)
    await settled(pilot)


def shown_open(page: FollowPage) -> str:
    """What stands beneath the chosen line."""
    return listed(page).text


# From the first picture to a way.


async def test_the_first_picture_offers_a_reading_and_says_the_key(app: SmarterApp, fed: Fed) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await looked(pilot)
        assert f"apt1 of maple-street, Monday {FIRST_WHEN}" in said(page, "#nothing")
        assert "enter: follow it" in said(page, "#nothing")
        await pilot.press("right", "y", "e", "x", "down", "pageup")  # there is nothing to copy, write, go along yet
        assert f"Monday {FIRST_WHEN[:-1]}3" in said(page, "#nothing")
        assert not fed.traces
        await pilot.press("left", "f")
        await settled(pilot)
        assert [(trace.meter, trace.moment) for trace in fed.traces] == [("apt1", EVENING)]


async def test_the_way_is_numbered_from_the_row_by_bill_and_demand_to_the_chart(app: SmarterApp, fed: Fed) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await followed(pilot)
        names = [step.hop.name for step in listed(page).steps]
        kinds = [
            [f"{kind} {step}" for step in ("lane", "ciphertext", "sum", "released", "record")]
            for kind in ("billing", "demand")
        ]
        assert names == ["row", "reading", "frame", "relayed", "opened", *kinds[0], "bill", *kinds[1], "chart"]
        below = said(page, "#below").splitlines()
        assert [line.strip() for line in below if "─╮" in line] == [
            "├─╮ to the household's bill",
            "├─╮ to the neighbourhood's demand",
            "╰─╮ to the customer's own chart",
        ]
        assert next(line for line in below if " relayed " in line).rstrip().endswith("▒ nobody here")
        assert next(line for line in below if " frame " in line).rstrip().endswith("● meter  ● PES  ● customer")


async def test_every_hop_opens_with_why_it_is_so_and_who_can_read_it(app: SmarterApp, fed: Fed) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await followed(pilot)
        for step in listed(page).steps:
            assert chosen(page) == step.hop.name
            text = " ".join(shown_open(page).split())
            assert why(step) in text, step.hop.name
            for who, key in step.hop.readers:
                assert f"{who} ({key})" in text
            await pilot.press("down")


async def test_a_frame_is_decoded_field_by_field(app: SmarterApp, fed: Fed) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await followed(pilot)
        await go_to(pilot, page, "frame")
        text = shown_open(page)
        assert "00000001 ‖ 0000000000000011  epoch 1 ‖ counter 17" in text
        for name in AAD:
            assert f" {name.replace('_', ' ')} " in text
        assert "its first reading: 2016-01-04 17:00" in text
        assert "yours is reading 53 of 60" in text
        assert "[▒]" in text


async def test_a_lane_a_sum_and_a_release_are_drawn(app: SmarterApp, fed: Fed) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await followed(pilot)
        await go_to(pilot, page, "billing lane")
        assert "▒▒ ▒▒ ▒▒ ▒▒ [●] ▒▒ ▒▒ ▒▒ ▒▒ ▒▒" in shown_open(page)
        await go_to(pilot, page, "demand sum")
        assert "▒ + ▒ + … + ▒ = ▒   10 of them" in shown_open(page)
        await go_to(pilot, page, "billing released")
        assert f"{energy_of(1072):,} mWh, 1.04 %" in shown_open(page)
        await go_to(pilot, page, "bill")
        assert "4.902118 kWh  ×  0.24 USD  =  1.17650832 USD" in shown_open(page)


async def test_the_customers_day_is_drawn_with_the_minute_marked(app: SmarterApp, fed: Fed) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await followed(pilot)
        assert not listed(page).chart.display
        await pilot.press("end")
        await settled(pilot)
        assert listed(page).chart.display
        drawn = listed(page).chart.text
        assert "● 17:52, 3." in drawn
        assert drawn.count("●") == 2
        assert listed(page).chart.region.bottom <= 23  # not beneath the keys


# Along the way.


async def test_keys_go_along_the_way_and_stop_at_its_ends(app: SmarterApp, fed: Fed) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await followed(pilot)
        await pilot.press("up", "down", "j", "k", "down")
        assert chosen(page) == "frame"
        await pilot.press("end", "down")
        assert chosen(page) == "chart"
        await pilot.press("home", "k")
        assert chosen(page) == "row"


async def test_enter_closes_the_open_hop_and_opens_it_again(app: SmarterApp, fed: Fed) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await followed(pilot)
        assert page.query_one("#open").display
        await pilot.press("enter", "down")
        assert not page.query_one("#open").display
        assert "▸ 2 reading" in said(page, "#above")
        assert listed(page).max_scroll_y == 0  # all hops at once on the smallest screen
        await pilot.press("enter")
        assert "▾ 2 reading" in said(page, "#above")
        assert page.query_one("#open").display


async def test_a_click_opens_a_hop_and_another_one_closes_it(app: SmarterApp, fed: Fed) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await followed(pilot)
        await pilot.press("enter")
        await pilot.click("#below", offset=(60, 4))  # the fourth line beneath is a branch's heading
        assert chosen(page) == "row"
        await pilot.click("#below", offset=(60, 3))
        assert chosen(page) == "opened"
        assert page.query_one("#open").display
        await pilot.click("#above", offset=(30, 4))
        assert chosen(page) == "opened"
        assert not page.query_one("#open").display


async def test_x_or_a_click_shows_all_bytes(app: SmarterApp, fed: Fed) -> None:
    async with app.run_test(size=(140, 45)) as pilot:
        page = await followed(pilot)
        await go_to(pilot, page, "billing ciphertext")
        lines = said(page, "#open").splitlines()
        (place,) = (number for number, line in enumerate(lines) if "… 45 lines more" in line)
        await pilot.press("x")
        assert len(said(page, "#open").splitlines()) == len(lines) + 44
        await pilot.press("x")
        assert said(page, "#open").splitlines() == lines
        await pilot.click("#open", offset=(lines[place].index("lines"), place))
        assert len(said(page, "#open").splitlines()) == len(lines) + 44


async def test_pages_scroll_through_what_is_open(app: SmarterApp, fed: Fed) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await followed(pilot)
        await go_to(pilot, page, "frame")
        top = listed(page).scroll_y
        await pilot.press("pagedown")
        await pilot.pause()
        assert listed(page).scroll_y > top
        await pilot.press("pageup")
        await pilot.pause()
        assert listed(page).scroll_y == top


# Other readings.


async def test_minutes_nearby_are_there_at_once_and_others_are_followed(app: SmarterApp, fed: Fed) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await followed(pilot)
        await pilot.press("down", "right", "right", "left")
        assert when(page) == "2016-01-04 17:53"
        assert f"{energy_of(1073):,} mWh" in said(page, "#above")
        assert chosen(page) == "reading"  # the same hop of another minute
        assert len(fed.traces) == 1
        await pilot.press("right_square_bracket")
        await settled(pilot)
        assert when(page) == "2016-01-04 18:53"
        assert len(fed.traces) == 2
        await pilot.press("left_square_bracket")
        assert len(fed.traces) == 2  # it is kept
        await pilot.press("right_curly_bracket", "left_curly_bracket", "left_curly_bracket")
        await settled(pilot)
        assert when(page) == "2016-01-03 17:53"


async def test_beyond_the_span_there_is_a_sentence(app: SmarterApp, fed: Fed) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await looked(pilot)
        await pilot.press("left_curly_bracket", "left_curly_bracket", "left_curly_bracket", "left_curly_bracket")
        assert when(page) == "2016-01-01 17:52"
        (note,) = app._notifications
        assert note.message == (
            "2015-12-31 17:52 is outside the span: it goes from 2016-01-01 00:00 to 2016-01-07 23:59."
        )


async def test_a_meter_is_chosen_by_what_is_typed_or_by_a_click(app: SmarterApp, fed: Fed) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await followed(pilot)
        await pilot.press("m", *"pt3", "enter")
        await settled(pilot)
        assert fed.traces[-1].meter == "apt3"
        assert "Meter apt3 of maple-street" in said(page, "#heading")
        await pilot.press("m", "down", "down", "up", "enter")
        await settled(pilot)
        assert fed.traces[-1].meter == "apt4"
        await pilot.press("m", *"nobody", "enter", "escape")
        assert app.screen is page
        await pilot.press("m")
        await pilot.click(OptionList, offset=(2, 8))
        await settled(pilot)
        assert fed.traces[-1].meter == "apt9"


async def test_a_time_is_typed_whole_or_of_the_same_day(app: SmarterApp, fed: Fed) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await looked(pilot)
        await pilot.press("w", *"2016-01-06 07:30", "enter")
        await settled(pilot)
        assert when(page) == "2016-01-06 07:30"
        assert len(fed.traces) == 1  # whoever types a time wants to follow it
        await pilot.press("w", *"9:61", "enter")
        assert app.focused is page.query_one("#typed", Input)
        assert "'9:61' is no date or time: write 2016-01-31" in [note.message for note in app._notifications][-1]
        await pilot.press("escape", "w", *"09:15", "enter")
        await settled(pilot)
        assert when(page) == "2016-01-06 09:15"


async def test_the_first_line_can_be_clicked(app: SmarterApp, fed: Fed) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await looked(pilot)
        line = said(page, "#heading")
        await pilot.click("#heading", offset=(line.index("▶") + 1, 0))
        assert when(page) == "2016-01-04 17:53"
        await pilot.click("#heading", offset=(line.index("◀") + 1, 0))
        assert when(page) == FIRST_WHEN
        await pilot.click("#heading", offset=(line.index("2016") + 1, 0))
        assert app.focused is page.query_one("#typed", Input)
        await pilot.press("escape")
        await pilot.click("#heading", offset=(line.index("apt1") + 1, 0))
        assert isinstance(app.screen, MeterChoice)


async def test_n_goes_to_the_next_neighbourhood(make_app: Any, fed: Fed) -> None:
    app = make_app(scenario="street-and-village")
    async with app.run_test(size=(80, 24)) as pilot:
        page = await looked(pilot)
        assert "of street (n: next)" in said(page, "#heading")
        await pilot.press("n")
        assert "of village" in said(page, "#heading")
        await pilot.press("n", "f")
        await settled(pilot)
        assert fed.traces[-1].neighbourhood == "street"


async def test_another_scenario_has_other_meters(app: SmarterApp, fed: Fed) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await followed(pilot)
        app.choose(load_scenario("street-and-village"))
        await settled(pilot)
        assert page.shown is None
        assert "of street" in said(page, "#nothing")


# While it goes on.


async def test_hops_come_one_by_one_under_what_goes_on(app: SmarterApp, fed: Fed) -> None:
    fed.held, fed.before_hold = threading.Event(), 5
    async with app.run_test(size=(80, 24)) as pilot:
        page = await looked(pilot)
        await held(pilot, page, fed)
        assert "7 of 24   c cancels" in said(page, "#progress")
        assert [step.hop.name for step in listed(page).steps] == ["row", "reading", "frame", "relayed", "opened"]
        fed.held.set()
        await settled(pilot)
        assert len(listed(page).steps) == 17
        assert "● a single reading" in said(page, "#progress")


async def test_c_cancels_and_what_was_shown_before_is_chosen_again(app: SmarterApp, fed: Fed) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await followed(pilot)
        fed.held = threading.Event()
        await pilot.press("right_square_bracket")
        await pilot.pause(0.2)
        assert page.has_class("stale")
        await pilot.press("c")
        await settled(pilot)
        assert when(page) == FIRST_WHEN
        assert not page.has_class("stale")
        with pytest.raises(SmarterError):
            fed.controls[-1].heed()
        await held(pilot, page, fed)
        fed.held.set()
        await settled(pilot)
        assert page.following is None


async def test_cancelled_at_first_it_offers_the_reading_again(app: SmarterApp, fed: Fed) -> None:
    fed.held = threading.Event()
    async with app.run_test(size=(80, 24)) as pilot:
        page = await looked(pilot)
        await held(pilot, page, fed)
        assert "Playing the real parties" in said(page, "#nothing")
        await pilot.press("c")
        await settled(pilot)
        assert "enter: follow it" in said(page, "#nothing")
        await pilot.press("right")  # which does not follow by itself
        assert len(fed.traces) == 1


async def test_another_minute_cancels_the_earlier_following_unless_that_covers_it(app: SmarterApp, fed: Fed) -> None:
    fed.held = threading.Event()
    async with app.run_test(size=(80, 24)) as pilot:
        page = await looked(pilot)
        await held(pilot, page, fed)
        await pilot.press("right", "right")
        assert len(fed.traces) == 1
        fed.controls[0].heed()  # goes on
        await pilot.press("right_square_bracket")
        await pilot.pause(0.2)
        with pytest.raises(SmarterError):
            fed.controls[0].heed()
        assert [trace.moment for trace in fed.traces] == [EVENING, EVENING + 3720]
        fed.held.set()
        await settled(pilot)
        assert when(page) == "2016-01-04 18:54"
        assert len(listed(page).steps) == 17


async def test_leaving_the_app_ends_a_following(app: SmarterApp, fed: Fed) -> None:
    fed.held = threading.Event()
    async with app.run_test(size=(80, 24)) as pilot:
        page = await looked(pilot)
        await held(pilot, page, fed)
        await pilot.press("q")
    with pytest.raises(SmarterError):
        fed.controls[0].heed()


# What can be wrong.


async def test_a_gap_beside_a_reading_is_said_with_the_way_out(app: SmarterApp, fed: Fed) -> None:
    fed.gaps = {EVENING + 480}
    async with app.run_test(size=(80, 24)) as pilot:
        page = await followed(pilot)
        await pilot.press(*["right"] * 8)
        await settled(pilot)
        assert "✕ meter apt1 has no reading at 2016-01-04T18:00" in said(page, "#nothing")
        assert "w: another time" in said(page, "#nothing")
        assert [note.severity for note in app._notifications] == ["error"]
        await pilot.press("right")
        assert page.shown is not None


async def test_a_bug_is_said_and_the_app_lives_on(app: SmarterApp, fed: Fed) -> None:
    fed.error = ZeroDivisionError("division by zero")
    async with app.run_test(size=(80, 24)) as pilot:
        page = await followed(pilot)
        assert "✕ a bug: ZeroDivisionError: division by zero; please report it." in said(page, "#nothing")
        fed.error = OSError(28, "No space left on device")
        await pilot.press("f")
        await settled(pilot)
        assert "No space left on device" in said(page, "#nothing")
        fed.error = None
        await pilot.press("enter")
        await settled(pilot)
        assert page.shown is not None


async def test_data_that_are_not_there_are_said(make_app: Any, small_scenario: str, desk: Path, fed: Fed) -> None:
    (desk / "lost.yaml").write_text(small_scenario.replace("path: ", "path: /nowhere"))
    app = make_app(scenario=str(desk / "lost.yaml"))
    async with app.run_test(size=(80, 24)) as pilot:
        page = await looked(pilot)
        assert "✕ /nowhere" in said(page, "#nothing")
        await pilot.press("f", "enter", "m", "w", "n", "left", "c", "escape")  # and nothing happens
        assert not fed.traces


async def test_a_way_that_is_cut_shows_what_never_gets_it(app: SmarterApp, fed: Fed) -> None:
    fed.hops = cut_way
    async with app.run_test(size=(80, 24)) as pilot:
        page = await followed(pilot)
        below = said(page, "#below")
        assert "├─✕ to the household's bill" in below
        assert "├─✕ to the neighbourhood's demand" in below
        assert "╰─╮ to the customer's own chart" in below
        await go_to(pilot, page, "relayed")
        assert "✕ not passed on in its hold" in shown_open(page)
        assert "dropped and counted, never guessed at" in " ".join(shown_open(page).split())


# Files.


async def test_y_copies_the_chosen_hop_with_all_bytes(app: SmarterApp, fed: Fed) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await followed(pilot)
        await go_to(pilot, page, "billing ciphertext")
        await pilot.press("y")
        copied = app.clipboard
        assert copied.startswith(" 7 billing ciphertext  ▒ 768 bytes")
        digits = "".join(line.split("  ")[-1] for line in copied.splitlines() if line.strip()[:4].endswith("0"))
        assert fixed("billing ciphertext", 768) in digits.replace(" ", "")


async def test_e_writes_the_whole_way_as_data_and_as_text(app: SmarterApp, fed: Fed, desk: Path) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await followed(pilot)
        await pilot.press("end")
        await settled(pilot)
        await pilot.press("e")
        assert page.shown is not None
    name = "follow-apt1-2016-01-04-1752"
    assert {path.name for path in desk.iterdir()} == {f"{name}.json", f"{name}.txt", f"{name}.svg"}
    data = json.loads((desk / f"{name}.json").read_text())
    assert [hop["name"] for hop in data] == [hop.name for hop in way()]
    assert data[2]["detail"]["sealed"] == fixed("sealed", 256)
    text = (desk / f"{name}.txt").read_text()
    assert text.startswith(f"Meter apt1 of maple-street, {FIRST_WHEN} America/New_York\n")
    assert all(hop.text[:40] in text for hop in way())
    assert "\x1b" not in text


async def test_an_export_never_leaves_its_folder_by_a_meters_name(
    make_app: Any, small_scenario: str, desk: Path, fed: Fed
) -> None:
    rows = [
        f"2016-01-01 {minute // 60:02}:{minute % 60:02}:00,../../evil-{home},{home}.5"
        for minute in range(360)
        for home in range(6)
    ]
    (desk / "all.csv").write_text("\n".join(["at,meter,kw", *rows]) + "\n")
    text = re.sub(
        r"source:.*", "source: {plugin: csv, path: all.csv, stamp: at, meter: meter, value: kw}}", small_scenario
    )
    (desk / "small.yaml").write_text(text)
    app = make_app(scenario=str(desk / "small.yaml"))
    async with app.run_test(size=(80, 24)) as pilot:
        page = await followed(pilot)
        await pilot.press("e")
        assert page.shown is not None
        assert page.shown.meter.startswith("../../evil-")
    written = {path.name for path in desk.iterdir()} - {"all.csv", "small.yaml"}
    assert {Path(name).suffix for name in written} >= {".json", ".txt"}
    assert all(name.startswith("follow-..-..-evil-") for name in written)
    assert not list(desk.parent.parent.glob("evil*"))


# For real.


async def test_a_real_reading_is_followed(small_app: SmarterApp) -> None:
    folders = Path(tempfile.gettempdir())
    before = set(folders.glob("smarter-follow-*"))
    async with small_app.run_test(size=(80, 24)) as pilot:
        page = await looked(pilot)
        assert page.choice is not None
        assert page.choice.when == "2016-01-01 03:00"  # the span has no evening
        await pilot.press("enter")
        await settled(pilot)
        assert [step.hop.name for step in listed(page).steps][-1] == "chart"
        energies = listed(page).steps[-1].hop.detail["energies_mwh"]
        assert isinstance(energies, tuple)
        assert sum(energy is not None for energy in energies) == 360
        await pilot.press("right")
        reading, chart = listed(page).steps[1].hop, listed(page).steps[-1].hop
        assert reading.detail["energy_mwh"] == energies[181] == chart.detail["energy_mwh"]
        for _ in listed(page).steps:
            assert shown_open(page)
            await pilot.press("down")
    assert set(folders.glob("smarter-follow-*")) <= before


def test_the_first_reading_is_of_an_evening_in_the_middle() -> None:
    from smarter.protocols.plan import plan_run

    choice = Choice.first(plan_run(load_scenario("quickstart"))[0])
    assert (choice.meter, choice.when) == ("apt1", FIRST_WHEN)
    assert choice.of("apt2") != choice == choice.stepped(1).stepped(-1)
    assert hash(choice) == hash(choice.at("2016-01-04 17:52"))


# As pictures.


async def _opened_hop(pilot: Pilot[Any], name: str) -> None:
    page = await followed(pilot)
    await go_to(pilot, page, name)


@pytest.mark.usefixtures("fed")
class TestFollowAsPictures:
    def test_the_invitation_on_a_small_light_screen(self, snap_compare: Any, make_app: Any) -> None:
        assert snap_compare(make_app("light"), terminal_size=(80, 24), run_before=looked)

    def test_all_hops_on_a_small_dark_screen(self, snap_compare: Any, app: SmarterApp) -> None:
        async def closed(pilot: Pilot[Any]) -> None:
            await followed(pilot)
            await pilot.press("enter")

        assert snap_compare(app, terminal_size=(80, 24), run_before=closed)

    def test_the_chart_on_a_small_light_screen(self, snap_compare: Any, make_app: Any) -> None:
        async def chart(pilot: Pilot[Any]) -> None:
            await _opened_hop(pilot, "chart")

        assert snap_compare(make_app("light"), terminal_size=(80, 24), run_before=chart)

    def test_a_frame_on_a_large_dark_screen(self, snap_compare: Any, app: SmarterApp) -> None:
        async def frame(pilot: Pilot[Any]) -> None:
            await _opened_hop(pilot, "frame")

        assert snap_compare(app, terminal_size=(140, 45), run_before=frame)

    def test_a_sum_on_a_large_light_screen(self, snap_compare: Any, make_app: Any) -> None:
        async def total(pilot: Pilot[Any]) -> None:
            await _opened_hop(pilot, "demand sum")

        assert snap_compare(make_app("light"), terminal_size=(140, 45), run_before=total)

    def test_a_way_that_is_cut_on_a_small_dark_screen(self, snap_compare: Any, app: SmarterApp, fed: Fed) -> None:
        async def cut(pilot: Pilot[Any]) -> None:
            fed.hops = cut_way
            await _opened_hop(pilot, "relayed")

        assert snap_compare(app, terminal_size=(80, 24), run_before=cut)
