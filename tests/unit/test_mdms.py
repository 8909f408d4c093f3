"""The MDMS takes what the releaser signed for it, reports what it can open, and bills to the last decimal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from smarter.api import BillLine, MeteredWindow, Record, Tariff, TariffOptions, price
from smarter.errors import AuthenticationFailed, KeyMismatch, MalformedMessage
from smarter.keys import signing
from smarter.model.messages import Delivery, RecordContent, RecordHeader, SealedRecord, Signed, Status, delivery
from smarter.model.results import WindowRow
from smarter.model.views import View, acting
from smarter.model.windows import Axis, cut
from smarter.parties.mdms import MDMS, Expected, bills_of, demand_figures
from smarter.parties.mdms.mdms import MAC_BYTES

Make = Callable[..., Any]
DEPLOYMENT = bytes(range(16))


def delivered(here: Any, hours: int = 6) -> list[bytes]:
    """The releaser's deliveries of a few hours without gaps."""
    releaser = here.new_releaser()
    messages = [m for low in range(0, 60 * hours, 60) for m in here.carry(low, low + 60)]
    return [releaser.deliver(releaser.open([releaser.decide(m)])) for m in messages + here.close(1 << 40)]


def stored(here: Any, mdms: MDMS, hours: int = 6) -> list[Record]:
    return [record for message in delivered(here, hours) for record in mdms.receive(message)]


def expected(here: Any, row: int | None = None) -> Expected:
    kind = "demand" if row is None else "billing"
    holder = "lane" if row is None else here.pseudonyms[row].hex()
    grid = here.grids[kind]
    due = grid.expected(here.axis) * (len(here.pseudonyms) if row is None else 1)
    return Expected(kind, holder, grid.edges, due)


def of(records: list[Record], wanted: Expected) -> list[Record]:
    return [record for record in records if (record.kind, record.holder) == (wanted.kind, wanted.holder)]


def resigned(here: Any, message: bytes, **change: Any) -> bytes:
    """A delivery of the releaser's with other fields."""
    body = replace(Delivery.decode(Signed.decode(message).body), **change).encode()
    return Signed(body, signing.sign(here.keys.releaser_sign[1], body, delivery.SIGNING_CONTEXT)).encode()


# Receiving and opening.


def test_what_was_released_is_what_is_reported(street: Make) -> None:
    here = street()
    mdms = here.new_mdms()
    records = stored(here, mdms)
    quarters = list(mdms.rows(expected(here), of(records, expected(here))))
    energies = np.array([here.readings(row, 0, 360) for row in range(6)])
    assert [row.energy for row in quarters] == energies.reshape(6, 24, 15).sum(axis=(0, 2)).tolist()
    assert {(row.meters, row.readings, row.expected, row.status, row.reason) for row in quarters} == {
        (6, 90, 90, "complete", "")
    }
    for home in range(6):
        rows = list(mdms.rows(expected(here, home), of(records, expected(here, home))))
        assert [row.energy for row in rows] == energies[home].reshape(2, 180).sum(axis=1).tolist()
    assert mdms.damaged == []


def test_receiving_opens_nothing_and_reporting_opens_what_is_asked_for(street: Make) -> None:
    here = street()
    messages, mdms = delivered(here), here.new_mdms()
    with acting(View()) as view:
        records = [record for message in messages for record in mdms.receive(message)]
    assert (view.opened, view.unwrapped, view.household_totals, view.neighbourhood_totals) == (0, 0, 0, 0)
    assert view.bytes_sealed > 0
    with acting(View()) as view:
        list(mdms.rows(expected(here, 0), of(records, expected(here, 0))))
    assert (view.opened, view.household_totals, view.neighbourhood_totals, view.decrypted) == (2, 2, 0, 0)


def test_records_are_taken_in_one_after_the_other(street: Make) -> None:
    here = street()
    mdms = here.new_mdms()
    records, taken = of(stored(here, mdms), expected(here)), []
    rows = mdms.rows(expected(here), (taken.append(record) or record for record in records))
    for number, row in enumerate(rows):
        assert row.status == "complete"
        assert len(taken) <= number + 2, "a report of any span holds a record or two"
    assert len(taken) == len(records) == 24


def test_a_record_of_no_expected_window_is_passed_over_and_one_that_lacks_is_damaged(street: Make) -> None:
    here = street()
    mdms = here.new_mdms()
    first, second, *others = of(stored(here, mdms), expected(here))
    stray = Record(second.kind, second.holder, second.start + 1, second.body)
    rows = list(mdms.rows(expected(here), [first, stray, *others]))
    assert [row.status for row in rows] == ["complete", "refused"] + ["complete"] * 22
    assert len(mdms.damaged) == 1


def test_a_delivery_that_the_releaser_did_not_sign_is_refused(street: Make) -> None:
    here = street(hours=1, billing=3600)
    message, mdms = delivered(here, 1)[0], here.new_mdms()
    sent, (_, stranger) = Signed.decode(message), signing.generate()
    for forgery in (
        Signed(sent.body, signing.sign(stranger, sent.body, delivery.SIGNING_CONTEXT)),
        Signed(sent.body, signing.sign(here.keys.releaser_sign[1], sent.body, b"smarter aggregate 1")),
        Signed(sent.body, signing.sign(here.keys.pes_sign[1], sent.body, delivery.SIGNING_CONTEXT)),
        Signed(replace(Delivery.decode(sent.body), records=()).encode(), sent.signature),
        Signed(sent.body, b""),
    ):
        with pytest.raises(AuthenticationFailed):
            mdms.receive(forgery.encode())
    assert mdms.receive(message)


@pytest.mark.parametrize("change", [{"receiver": "another"}, {"deployment": bytes(16)}], ids=str)
def test_a_delivery_for_somebody_else_is_refused(street: Make, change: dict[str, Any]) -> None:
    here = street(hours=1, billing=3600)
    (message, *_), mdms = delivered(here, 1), here.new_mdms()
    with pytest.raises(KeyMismatch):
        mdms.receive(resigned(here, message, **change))


def test_a_delivery_that_holds_no_records_is_refused_as_malformed(street: Make) -> None:
    here = street(hours=1, billing=3600)
    (message, *_), mdms = delivered(here, 1), here.new_mdms()
    for records in ((b"junk",), (SealedRecord(b"junk", b"", b"", b"").encode(),)):
        with pytest.raises(MalformedMessage):
            mdms.receive(resigned(here, message, records=records))


def altered(body: bytes, part: str) -> bytes:
    """A stored record with one bit flipped in one of its parts."""
    sealed = SealedRecord.decode(body[:-MAC_BYTES])
    there = getattr(sealed, part)
    middle = len(there) // 2
    return replace(sealed, **{part: there[:middle] + bytes([there[middle] ^ 1]) + there[middle + 1 :]}).encode()


def as_stored(here: Any, body: bytes) -> bytes:
    """A record with the MAC that the MDMS gives what came by a delivery."""
    return here.new_mdms()._maced(body, here.keys.mdms.public.fingerprint)


def with_short_key(here: Any, body: bytes) -> bytes:
    """A record whose content key is wrapped as it should be, and is no content key."""
    wrapped = here.keys.keywrap.wrap(here.keys.mdms.public, bytes(16), context=delivery.SEALING_CONTEXT)
    return as_stored(here, replace(SealedRecord.decode(body[:-MAC_BYTES]), wrapped=wrapped).encode())


def resealed(here: Any, body: bytes, **change: Any) -> bytes:
    """A record of other things, sealed as the releaser would."""
    header = replace(RecordHeader.decode(SealedRecord.decode(body[:-MAC_BYTES]).header), **change).encode()
    wrapped, cipher = here.keys.keywrap.sealer(here.keys.mdms.public, context=delivery.SEALING_CONTEXT)
    content = RecordContent(Status.COMPLETE, 1, 90, 90, 6).encode()
    return SealedRecord(header, wrapped, bytes(12), cipher.seal(bytes(12), content, header)).encode()


def forged(here: Any, records: list[Record], **change: Any) -> bytes:
    """A record of other things that got its MAC all the same."""
    return as_stored(here, resealed(here, records[3].body, **change))


DAMAGE: dict[str, Callable[[Any, list[Record]], bytes | None]] = {
    "nothing there": lambda here, records: None,
    "no bytes": lambda here, records: b"",
    "cut": lambda here, records: records[3].body[:-1],
    "altered text": lambda here, records: as_stored(here, altered(records[3].body, "sealed")),
    "altered header": lambda here, records: as_stored(here, altered(records[3].body, "header")),
    "altered nonce": lambda here, records: as_stored(here, altered(records[3].body, "nonce")),
    "altered key": lambda here, records: as_stored(here, altered(records[3].body, "wrapped")),
    "put there by somebody else": lambda here, records: resealed(here, records[3].body) + bytes(MAC_BYTES),
    "another window's": lambda here, records: records[4].body,
    "a key of another length": lambda here, records: with_short_key(here, records[3].body),
    "sealed for another deployment": lambda here, records: as_stored(
        here, resealed(here, records[3].body, deployment=bytes(16))
    ),
    "sealed for another receiver": lambda here, records: as_stored(
        here, resealed(here, records[3].body, receiver="another")
    ),
    "sealed for another holder": lambda here, records: as_stored(
        here, resealed(here, records[3].body, holder="another")
    ),
    "sealed for the other kind": lambda here, records: forged(here, records, kind="billing"),
    "sealed for a longer window": lambda here, records: as_stored(
        here, resealed(here, records[3].body, end=records[5].start)
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_record_is_counted_and_the_rest_is_reported(street: Make, damage: str) -> None:
    here = street()
    mdms = here.new_mdms()
    quarters = of(stored(here, mdms), expected(here))
    whole = list(here.new_mdms().rows(expected(here), quarters))
    spoilt = DAMAGE[damage](here, quarters)
    kept = [record for record in quarters if record is not quarters[3]]
    if spoilt is not None:
        kept.insert(3, replace(quarters[3], body=spoilt))
    rows = list(mdms.rows(expected(here), kept))
    assert whole[3].status == "complete"
    assert rows[:3] + rows[4:] == whole[:3] + whole[4:]
    assert (rows[3].energy, rows[3].status, rows[3].reason) == (None, "refused", "damaged record")
    assert len(mdms.damaged) == 1


def test_a_household_cannot_be_billed_from_its_neighbours_record(street: Make) -> None:
    here = street()
    mdms = here.new_mdms()
    records = stored(here, mdms)
    theirs = of(records, expected(here, 1))
    swapped = [replace(record, holder=here.pseudonyms[0].hex()) for record in theirs]
    assert {row.status for row in mdms.rows(expected(here, 0), swapped)} == {"refused"}


def test_an_earlier_key_of_the_mdms_opens_what_was_sealed_for_it(street: Make) -> None:
    here = street()
    mdms = here.new_mdms()
    records = of(stored(here, mdms), expected(here, 0))
    newer = here.keys.keywrap.generate()
    mdms._keys = replace(mdms._keys, unwrap={**mdms._keys.unwrap, newer.public.fingerprint: newer.private})
    assert [row.status for row in mdms.rows(expected(here, 0), records)] == ["complete"] * 2


def test_no_two_records_of_a_delivery_share_a_nonce_and_no_two_deliveries_a_key(street: Make) -> None:
    here = street()
    keys: set[bytes] = set()
    for message in delivered(here):
        sealed = [SealedRecord.decode(r) for r in Delivery.decode(Signed.decode(message).body).records]
        assert len({record.nonce for record in sealed}) == len(sealed)
        (wrapped,) = {record.wrapped for record in sealed}
        assert wrapped not in keys
        keys.add(wrapped)


# Bills.


class PerWindow(Tariff):
    """A line a window, so that a bill would show if lines were rounded."""

    name = "per-window"
    Options: ClassVar[type[TariffOptions]] = TariffOptions
    rate = Decimal("0.1")

    def changes(self) -> Sequence[int]:
        return ()

    def lines(self, windows: Sequence[MeteredWindow]) -> Sequence[BillLine]:
        return [BillLine("x", self.rate, w.energy, price(w.energy, self.rate), (n,)) for n, w in enumerate(windows)]


def tariff(**options: Any) -> PerWindow:
    return PerWindow(TariffOptions(currency="EUR", **options))


def rows_of(
    *energies: int | None, start: datetime, hours: int = 24, zone: str = "UTC", status: str = "complete"
) -> list[WindowRow]:
    """A household's rows of a window each; None is one that was not released."""
    first = int(start.replace(tzinfo=ZoneInfo(zone)).timestamp())
    grid = cut(zone, hours * 3600, first, first + hours * 3600 * (len(energies) + 1))
    return [
        WindowRow(
            "billing", "home", int(low), int(high), 1, 60, 60, energy, "refused" if energy is None else status, ""
        )
        for energy, low, high in zip(energies, grid.starts, grid.ends, strict=False)
    ]


def test_a_bill_is_rounded_once_and_half_to_even() -> None:
    """50 Wh at 0.10 are half a cent; a window's worth must not be rounded by itself."""
    cases = ([50], "0.00"), ([150], "0.02"), ([250], "0.02"), ([50] * 3, "0.02"), ([50, 1], "0.01"), ([-50], "0.00")
    for wh, amount in cases:
        rows = rows_of(*(1000 * n for n in wh), start=datetime(2016, 1, 1))
        (bill,) = bills_of(rows, tariff(period="run"), "UTC")
        assert (str(bill.amount), bill.energy) == (amount, 1000 * sum(wh)), wh
        assert sum(line.amount for line in bill.lines) == Decimal(sum(wh)) / 10_000


def test_an_amount_has_the_currencys_decimals() -> None:
    rows = rows_of(12_345_678, start=datetime(2016, 1, 1))
    for decimals, amount in ((0, "1"), (2, "1.23"), (3, "1.235")):
        (bill,) = bills_of(rows, tariff(period="run", decimals=decimals), "UTC")
        assert f"{bill.amount:f}" == amount


@pytest.mark.parametrize(
    ("period", "days"), [("month", [29, 11]), ("week", [2, 7, 7, 7, 7, 7, 3]), ("run", [40])], ids=str
)
def test_periods_begin_at_local_midnight_on_the_first_or_on_a_monday(period: str, days: list[int]) -> None:
    zone = ZoneInfo("America/New_York")
    rows = rows_of(
        *range(40), start=datetime(2016, 10, 1) if period == "week" else datetime(2016, 2, 1), zone="America/New_York"
    )
    bills = list(bills_of(rows, tariff(period=period), "America/New_York"))
    assert [sum(bill.start <= row.start < bill.end for row in rows) for bill in bills] == days
    assert sum(bill.energy or 0 for bill in bills) == sum(range(40))
    for bill, after in pairwise(bills):
        assert bill.end == after.start
        begins = datetime.fromtimestamp(after.start, zone)
        assert begins.hour == 0
        assert begins.day == 1 if period == "month" else begins.weekday() == 0


def test_a_window_belongs_to_the_month_that_it_starts_in_by_the_local_clock() -> None:
    """Eight in the evening of 31 January in New York is February in UTC."""
    rows = rows_of(1, 2, 3, start=datetime(2016, 1, 31, 18), hours=3, zone="America/New_York")
    assert datetime.fromtimestamp(rows[1].start, UTC).month == 2
    bills = list(bills_of(rows, tariff(), "America/New_York"))
    assert [bill.energy for bill in bills] == [3, 3]


def test_a_missing_window_leaves_a_bill_incomplete_and_a_period_without_any_missing() -> None:
    bills = list(
        bills_of(rows_of(*[5_000_000] * 31, 5_000_000, None, 5_000_000, start=datetime(2016, 1, 1)), tariff(), "UTC")
    )
    assert [(b.status, b.energy, str(b.amount)) for b in bills] == [
        ("complete", 155_000_000, "15.50"),
        ("incomplete", 10_000_000, "1.00"),
    ]
    (bill,) = bills_of(rows_of(None, None, start=datetime(2016, 1, 1)), tariff(), "UTC")
    assert (bill.status, bill.energy, bill.amount, bill.lines) == ("missing", None, None, ())
    assert bill.end - bill.start == 2 * 86_400
    (bill,) = bills_of(rows_of(7, start=datetime(2016, 1, 1), status="incomplete"), tariff(), "UTC")
    assert bill.status == "incomplete"


def test_export_is_credited() -> None:
    (bill,) = bills_of(rows_of(-30_000_000, 10_000_000, start=datetime(2016, 1, 1)), tariff(), "UTC")
    assert (bill.energy, str(bill.amount)) == (-20_000_000, "-2.00")


def test_a_household_without_windows_gets_no_bill() -> None:
    assert list(bills_of([], tariff(), "UTC")) == []


# Demand.


def quarters(
    *energies: int | None, start: datetime, zone: str = "UTC", readings: Sequence[int] = ()
) -> list[WindowRow]:
    first = int(start.replace(tzinfo=ZoneInfo(zone)).timestamp())
    rows = []
    for number, energy in enumerate(energies):
        got = readings[number] if readings else 90
        status = "refused" if energy is None else "complete" if got == 90 else "incomplete"
        low = first + 900 * number
        rows.append(WindowRow("demand", "lane", low, low + 900, 6, got, 90, energy, status, ""))
    return rows


def test_demand_figures_are_those_of_complete_windows() -> None:
    rows = quarters(1_000_000, 4_000_000, 500_000, 100, None, start=datetime(2016, 1, 1), readings=[90, 90, 90, 50, 0])
    figures = demand_figures(rows, "lane", "UTC")
    assert (figures.energy_mwh, figures.windows, figures.complete) == (5_500_100, 5, 3)
    assert (figures.peak_kw, figures.peak_start, figures.base_kw) == (16.0, rows[1].start, 2.0)
    assert figures.mean_kw == pytest.approx(5.5 / 0.75)
    assert figures.load_factor == pytest.approx(5.5 / 0.75 / 16)


def test_without_a_complete_window_there_is_no_peak() -> None:
    for rows in (
        [],
        quarters(None, start=datetime(2016, 1, 1)),
        quarters(5, start=datetime(2016, 1, 1), readings=[50]),
    ):
        figures = demand_figures(rows, "lane", "UTC")
        assert (figures.peak_kw, figures.base_kw, figures.mean_kw, figures.load_factor) == (None,) * 4
        assert (figures.export_peak_kw, figures.export_peak_start) == (None, None)


def test_a_street_that_only_exports_has_an_export_peak_alone() -> None:
    figures = demand_figures(quarters(-1_000_000, -3_000_000, start=datetime(2016, 1, 1)), "lane", "UTC")
    assert (figures.peak_kw, figures.peak_start, figures.base_kw, figures.load_factor) == (None,) * 4
    assert (figures.export_peak_kw, figures.export_peak_start) == (12.0, 1_451_606_400 + 900)
    assert (figures.energy_mwh, figures.import_mwh, figures.export_mwh) == (-4_000_000, 0, 4_000_000)


def test_import_and_export_are_apart_and_a_street_that_does_both_has_no_base_and_no_load_factor() -> None:
    rows = quarters(1_000_000, -2_000_000, 4_000_000, start=datetime(2016, 1, 1))
    figures = demand_figures(rows, "lane", "UTC")
    assert (figures.energy_mwh, figures.import_mwh, figures.export_mwh) == (3_000_000, 5_000_000, 2_000_000)
    assert (figures.peak_kw, figures.peak_start) == (16.0, rows[2].start)
    assert (figures.export_peak_kw, figures.export_peak_start) == (8.0, rows[1].start)
    assert figures.mean_kw == pytest.approx(4.0)
    assert (figures.base_kw, figures.load_factor) == (None, None)
    assert demand_figures(quarters(0, 4, start=datetime(2016, 1, 1)), "lane", "UTC").base_kw == 0


def test_hours_and_days_are_those_of_the_local_clock_and_the_repeated_hour_is_two() -> None:
    start = datetime(2016, 11, 5, 23)
    rows = quarters(*[1000] * 16, start=start, zone="America/New_York")
    figures = demand_figures(rows, "lane", "America/New_York")
    assert [(span.name, span.energy_mwh) for span in figures.days] == [("2016-11-05", 4000), ("2016-11-06", 12_000)]
    assert [span.name for span in figures.hours] == [
        "2016-11-05T23:00-0400",
        "2016-11-06T00:00-0400",
        "2016-11-06T01:00-0400",
        "2016-11-06T01:00-0500",
    ]
    assert {(span.energy_mwh, span.readings, span.expected) for span in figures.hours} == {(4000, 360, 360)}


def test_expected_counts_follow_the_axis() -> None:
    grid = cut("UTC", 900, 0, 3600)
    assert grid.expected(Axis(60)).tolist() == [15] * 4
