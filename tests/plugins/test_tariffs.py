"""The shipped tariffs: what each tariff must keep, which price holds when, and what bad options are told."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from smarter.api import BillLine, MeteredWindow, Tariff
from smarter.api.testing.tariffs import TariffConformance
from smarter_plugins.tariffs import register_tariffs
from smarter_plugins.tariffs.flat import Flat
from smarter_plugins.tariffs.tiered import Tiered
from smarter_plugins.tariffs.time_of_use import TimeOfUse

ZONE = ZoneInfo("America/New_York")
KWH = 1_000_000

DESIGN: dict[str, Any] = {  # section 10, without the plugin's name
    "currency": "USD",
    "period": "month",
    "rates": {"off-peak": "0.09", "peak": "0.24"},
    "peak": {"days": "mon-fri", "hours": ["15:00-21:00"]},
}
THREE_LABELS: dict[str, Any] = {
    "rates": {"peak": "0.30", "night": "0.05", "day": "0.15"},
    "peak": [{"days": "mon-fri", "hours": "07:00-09:00, 17:00-20:00"}, {"days": "sat,sun", "hours": ["18:00-20:00"]}],
    "night": {"hours": ["22:00-06:00"]},
}
SEASONS: dict[str, Any] = {
    "period": "run",
    "rates": {"off-peak": "0.10", "peak": "0.20"},
    "peak": {"days": "mon-fri", "hours": ["15:00-21:00"]},
    "seasons": [
        {"name": "summer", "from": "06-01", "to": "09-30", "rates": {"off-peak": "0.12", "peak": "0.40"}},
        {
            "name": "winter",
            "from": "12-01",
            "to": "02-29",
            "rates": {"quiet": "0.08", "busy": "0.30"},
            "busy": {"hours": ["06:00-09:00"]},
        },
    ],
    "holidays": {"country": "US", "subdivision": "MA"},
}
BLOCKS = [{"up_to_kwh": 10, "rate": "0.10"}, {"up_to_kwh": 30, "rate": "0.20"}, {"rate": "0.40"}]


def tariff(plugin: type[Tariff], options: dict[str, Any], **more: Any) -> Tariff:
    return plugin(plugin.Options.model_validate({**options, **more}))


def windows(*starts_and_kwh: tuple[str, float]) -> list[MeteredWindow]:
    """Windows of an hour by the local clock."""
    starts = [(datetime.fromisoformat(start).replace(tzinfo=ZONE), kwh) for start, kwh in starts_and_kwh]
    return [MeteredWindow(start, start + timedelta(hours=1), round(kwh * KWH)) for start, kwh in starts]


def shown(lines: Iterable[BillLine]) -> list[tuple[str, str, float, str, tuple[int, ...]]]:
    """Lines with energy in kWh and amounts without trailing zeros."""
    return [
        (line.label, str(line.rate), line.energy / KWH, f"{line.amount.normalize():f}", line.windows) for line in lines
    ]


def label_at(priced: Tariff, moment: str) -> str:
    (line,) = priced.lines(windows((moment, 1)))
    return line.label


class TestFlatKeepsWhatATariffMust(TariffConformance):
    def make_tariff(self) -> Tariff:
        return tariff(Flat, {"rate": "0.15", "decimals": 0})


class TestFlatWithExportKeepsWhatATariffMust(TariffConformance):
    longest = 7 * 86_400

    def make_tariff(self) -> Tariff:
        return tariff(Flat, {"rate": "0.31", "export_rate": 0.08, "currency": "EUR", "period": "run"})


class TestTimeOfUseKeepsWhatATariffMust(TariffConformance):
    def make_tariff(self) -> Tariff:
        return tariff(TimeOfUse, DESIGN)


class TestTimeOfUseOfSeveralLabelsKeepsWhatATariffMust(TariffConformance):
    timezone = "Europe/Berlin"

    def make_tariff(self) -> Tariff:
        return tariff(TimeOfUse, THREE_LABELS, export_rate="0.08123456", decimals=4)


class TestTimeOfUseWithSeasonsKeepsWhatATariffMust(TariffConformance):
    def make_tariff(self) -> Tariff:
        return tariff(TimeOfUse, SEASONS)


class TestTieredKeepsWhatATariffMust(TariffConformance):
    def make_tariff(self) -> Tariff:
        return tariff(Tiered, {"blocks": BLOCKS})


class TestTieredWithExportKeepsWhatATariffMust(TariffConformance):
    def make_tariff(self) -> Tariff:
        return tariff(Tiered, {"blocks": BLOCKS, "export_rate": "0.05"})


def test_flat_time_of_use_and_tiered_are_registered() -> None:
    registered: list[type[Tariff]] = []
    register_tariffs(registered.append)
    assert [plugin.name for plugin in registered] == ["flat", "time-of-use", "tiered"]


class TestFlat:
    def test_charges_net_energy_at_one_rate(self) -> None:
        lines = tariff(Flat, {"rate": "0.20"}).lines(windows(("2016-06-15T11:00", -1.5), ("2016-06-15T12:00", 4)))
        assert shown(lines) == [("energy", "0.20", 2.5, "0.5", (0, 1))]

    def test_credits_exports_at_the_export_rate_on_a_line_of_their_own(self) -> None:
        priced = tariff(Flat, {"rate": "0.20", "export_rate": "0.05"})
        lines = priced.lines(windows(("2016-06-15T11:00", -1.5), ("2016-06-15T12:00", 4), ("2016-06-15T13:00", -0.5)))
        assert shown(lines) == [("energy", "0.20", 4.0, "0.8", (1,)), ("export", "0.05", -2.0, "-0.1", (0, 2))]
        assert priced.amount(lines) == Decimal("0.70")

    def test_has_no_price_change_that_a_window_could_straddle(self) -> None:
        assert list(tariff(Flat, {"rate": 1}).changes()) == []


class TestRounding:
    """Half to even, once per bill."""

    @pytest.mark.parametrize(
        ("kwh", "amount"),
        [
            (0.5, "0.00"),
            (1.5, "0.02"),
            (2.5, "0.02"),
            (3.5, "0.04"),
            (2.500001, "0.03"),
            (-0.5, "0.00"),
            (-1.5, "-0.02"),
        ],
    )
    def test_a_tie_goes_to_the_even_cent(self, kwh: float, amount: str) -> None:
        priced = tariff(Flat, {"rate": "0.01"})
        assert str(priced.amount(priced.lines(windows(("2016-01-01", kwh))))) == amount

    def test_lines_are_not_rounded_before_they_are_added(self) -> None:
        priced = tariff(TimeOfUse, DESIGN, rates={"off-peak": "0.01", "peak": "0.01"})
        lines = priced.lines(windows(("2016-01-04T03:00", 0.4), ("2016-01-04T15:00", 0.4)))
        assert [str(priced.amount([line])) for line in lines] == ["0.00", "0.00"]
        assert str(priced.amount(lines)) == "0.01"

    @pytest.mark.parametrize(("decimals", "amount"), [(0, "12"), (2, "12.35"), (3, "12.346"), (4, "12.3457")])
    def test_a_currency_has_its_own_decimals(self, decimals: int, amount: str) -> None:
        priced = tariff(Flat, {"rate": "12.345678", "currency": "KWD", "decimals": decimals})
        assert str(priced.amount(priced.lines(windows(("2016-01-01", 1))))) == amount

    def test_a_bill_of_nothing_is_zero(self) -> None:
        assert str(tariff(Flat, {"rate": 1}).amount([])) == "0.00"


class TestRates:
    @pytest.mark.parametrize("rate", ["0.24", 0.24, Decimal("0.24"), " 0.24 "])
    def test_mean_their_decimal_text(self, rate: Any) -> None:
        (line,) = tariff(Flat, {"rate": rate}).lines(windows(("2016-01-01", 3)))
        assert (line.rate, line.amount) == (Decimal("0.24"), Decimal("0.72"))

    @pytest.mark.parametrize(
        ("rate", "said"),
        [
            (True, "true is no number"),
            (None, "this is no number"),
            ("0,24", "'0,24' is no number"),
            ("24 ct", "'24 ct' is no number"),
            ("NaN", "no finite number"),
            (float("inf"), "no finite number"),
            ("-0.01", "negative"),
            ("0.123456789", "more than 8 decimals"),
            ("1e-400", "more than 8 decimals"),
            (10**7, "more than 1,000,000"),
            ("1e999999999", "more than 1,000,000"),
        ],
    )
    def test_that_are_none_are_refused(self, rate: Any, said: str) -> None:
        with pytest.raises(ValidationError, match=said):
            Flat.Options.model_validate({"rate": rate})


class TestTimeOfUse:
    @pytest.mark.parametrize(
        ("moment", "label"),
        [
            ("2016-01-04T14:59:59", "off-peak"),  # a Monday
            ("2016-01-04T15:00", "peak"),
            ("2016-01-04T20:59:59", "peak"),
            ("2016-01-04T21:00", "off-peak"),
            ("2016-01-08T15:00", "peak"),
            ("2016-01-09T15:00", "off-peak"),
            ("2016-01-10T15:00", "off-peak"),
        ],
    )
    def test_prices_a_window_by_the_weekday_and_hour_of_its_start(self, moment: str, label: str) -> None:
        assert label_at(tariff(TimeOfUse, DESIGN), moment) == label

    def test_goes_by_the_wall_clock_on_the_days_when_it_changes(self) -> None:
        options = {"rates": {"day": 1, "night": 2}, "night": {"hours": ["01:00-02:00"]}}
        for fold in (0, 1):  # 01:30 comes twice
            start = datetime(2016, 11, 6, 1, 30, tzinfo=ZONE, fold=fold)
            (line,) = tariff(TimeOfUse, options).lines([MeteredWindow(start, start, KWH)])
            assert line.label == "night"

    def test_gives_a_line_a_label_in_the_order_of_the_rates(self) -> None:
        priced = tariff(TimeOfUse, DESIGN, rates={"peak": "0.24", "off-peak": "0.09"})
        lines = priced.lines(
            windows(
                ("2016-01-04T12:00", 1), ("2016-01-04T15:00", 2), ("2016-01-04T18:00", -0.5), ("2016-01-04T21:00", 4)
            )
        )
        assert shown(lines) == [("peak", "0.24", 1.5, "0.36", (1, 2)), ("off-peak", "0.09", 5.0, "0.45", (0, 3))]

    def test_credits_exports_of_each_label_on_a_line_of_their_own(self) -> None:
        priced = tariff(TimeOfUse, DESIGN, export_rate="0.05")
        lines = priced.lines(
            windows(
                ("2016-01-04T12:00", -3), ("2016-01-04T15:00", 2), ("2016-01-04T18:00", -1), ("2016-01-04T21:00", 0)
            )
        )
        assert shown(lines) == [
            ("off-peak", "0.09", 0.0, "0", (3,)),
            ("off-peak export", "0.05", -3.0, "-0.15", (0,)),
            ("peak", "0.24", 2.0, "0.48", (1,)),
            ("peak export", "0.05", -1.0, "-0.05", (2,)),
        ]

    @pytest.mark.parametrize(
        ("moment", "label"),
        [
            ("2016-01-04T06:00", "day"),
            ("2016-01-04T07:00", "peak"),
            ("2016-01-04T19:59", "peak"),
            ("2016-01-04T22:00", "night"),
            ("2016-01-05T05:59", "night"),
            ("2016-01-09T07:00", "day"),
            ("2016-01-09T18:00", "peak"),
        ],
    )
    def test_takes_any_number_of_labels_and_rules(self, moment: str, label: str) -> None:
        assert label_at(tariff(TimeOfUse, THREE_LABELS), moment) == label

    def test_hours_over_midnight_begin_on_the_days_named(self) -> None:
        priced = tariff(
            TimeOfUse, {"rates": {"day": 1, "late": 2}, "late": {"days": "fri,sun", "hours": ["22:00-06:00"]}}
        )
        late = [
            f"2016-01-{day:02} {hour:02}:00"
            for day in range(4, 12)
            for hour in (0, 5, 6, 21, 22, 23)
            if label_at(priced, f"2016-01-{day:02}T{hour:02}:00") == "late"
        ]
        assert late == [
            "2016-01-04 00:00",  # Monday, from Sunday
            "2016-01-04 05:00",
            "2016-01-08 22:00",  # Friday
            "2016-01-08 23:00",
            "2016-01-09 00:00",
            "2016-01-09 05:00",
            "2016-01-10 22:00",
            "2016-01-10 23:00",
            "2016-01-11 00:00",
            "2016-01-11 05:00",
        ]

    @pytest.mark.parametrize(
        ("days", "names"),
        [
            ("mon-fri", "0 1 2 3 4"),
            ("sat,sun", "5 6"),
            ("fri-mon", "0 4 5 6"),
            ("Mon, wed-thu", "0 2 3"),
            ("tuesday", "1"),
            (["sat", "sun"], "5 6"),
            ("mon-mon", "0"),
        ],
    )
    def test_days_are_written_as_ranges_and_lists(self, days: Any, names: str) -> None:
        priced = tariff(TimeOfUse, {"rates": {"a": 1, "b": 2}, "b": {"days": days}})
        held = [str(day) for day in range(7) if label_at(priced, f"2016-01-{day + 4:02}T12:00") == "b"]
        assert " ".join(held) == names

    @pytest.mark.parametrize(
        ("options", "changes"),
        [
            (DESIGN, [0, 15, 21]),
            (THREE_LABELS, [0, 6, 7, 9, 17, 18, 20, 22]),
            (SEASONS, [0, 6, 9, 15, 21]),
            ({"rates": {"all": 1}}, [0]),
            ({"rates": {"a": 1, "b": 2}, "b": {"hours": ["12:00-24:00"]}}, [0, 12]),
            ({"rates": {"a": 1, "b": 2}, "b": {"hours": ["22:00-00:00"]}}, [0, 22]),
        ],
    )
    def test_names_every_time_of_day_at_which_a_price_may_change(
        self, options: dict[str, Any], changes: list[float]
    ) -> None:
        assert [change / 3_600 for change in tariff(TimeOfUse, options).changes()] == changes

    @pytest.mark.parametrize(
        ("moment", "label"),
        [
            ("2016-05-31T16:00", "peak"),
            ("2016-06-01T16:00", "summer peak"),
            ("2016-09-30T23:00", "summer off-peak"),
            ("2016-10-03T16:00", "peak"),
            ("2016-11-30T07:00", "off-peak"),
            ("2016-12-01T07:00", "winter busy"),
            ("2016-12-03T07:00", "winter busy"),  # a Saturday: the season's own hours know no days
            ("2016-12-01T16:00", "winter quiet"),
            ("2016-02-29T07:00", "winter busy"),
            ("2016-03-01T07:00", "off-peak"),
        ],
    )
    def test_seasons_have_rates_of_their_own_and_hours_of_their_own_or_those_at_the_top(
        self, moment: str, label: str
    ) -> None:
        assert label_at(tariff(TimeOfUse, SEASONS), moment) == label

    def test_a_bill_over_two_seasons_has_lines_of_both(self) -> None:
        lines = tariff(TimeOfUse, SEASONS).lines(windows(("2016-05-31T16:00", 1), ("2016-06-01T16:00", 1)))
        assert shown(lines) == [("peak", "0.20", 1.0, "0.2", (0,)), ("summer peak", "0.40", 1.0, "0.4", (1,))]

    def test_seasons_that_fill_the_year_need_no_rates_beside_them(self) -> None:
        halves = [
            {"name": "summer", "from": "04-01", "to": "9-30", "rates": {"all": "0.1"}},
            {"name": "winter", "from": "10-01", "to": "03-31", "rates": {"all": "0.2"}},
        ]
        priced = tariff(TimeOfUse, {"seasons": halves})
        assert [label_at(priced, day) for day in ("2016-02-29", "2016-04-01", "2016-12-31")] == [
            "winter all",
            "summer all",
            "winter all",
        ]

    @pytest.mark.parametrize(
        ("moment", "label"),
        [
            ("2016-07-04T16:00", "summer off-peak"),  # Independence Day, a Monday
            ("2016-07-05T16:00", "summer peak"),
            ("2016-04-18T16:00", "off-peak"),  # Patriots' Day, in Massachusetts
            ("2016-12-26T07:00", "winter quiet"),  # Christmas Day, observed
        ],
    )
    def test_public_holidays_have_the_price_of_all_other_times(self, moment: str, label: str) -> None:
        assert label_at(tariff(TimeOfUse, SEASONS), moment) == label

    def test_a_night_neither_runs_into_a_holiday_nor_out_of_one(self) -> None:
        options = {"rates": {"day": 1, "night": 2}, "night": {"hours": ["22:00-06:00"]}, "holidays": {"country": "US"}}
        priced = tariff(TimeOfUse, options)
        moments = ("2016-07-03T23:00", "2016-07-04T05:00", "2016-07-04T23:00", "2016-07-05T05:00", "2016-07-05T23:00")
        assert [label_at(priced, moment) for moment in moments] == ["night", "day", "day", "day", "night"]

    def test_without_holidays_their_library_is_not_loaded(self) -> None:
        program = (
            "import json, sys\nfrom smarter_plugins.tariffs import TimeOfUse\n"
            "TimeOfUse(TimeOfUse.Options.model_validate(json.loads(sys.argv[1])))\nprint('holidays' in sys.modules)"
        )
        command = [sys.executable, "-c", program, json.dumps(DESIGN)]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False\n"


class TestBadOptionsOfTimeOfUse:
    SUMMER = SEASONS["seasons"][0]

    @pytest.mark.parametrize(
        ("change", "place", "said"),
        [
            ({"currancy": "USD"}, "currancy", "did you mean 'currency'"),
            ({"peek": {"days": "fri"}}, "peek", "did you mean 'peak'"),
            ({"colour": "red"}, "colour", "unknown key; there are currency, "),
            ({"shoulder": {"hours": ["9:00-15:00"]}}, "shoulder", "rates has no 'shoulder': give it a rate"),
            ({"peak": "15:00-21:00"}, "peak", "its hours belong here"),
            ({"peak": {}}, "peak", "its hours belong here"),
            ({"peak": {"dayz": "fri"}}, "peak.0.dayz", "did you mean 'days'"),
            ({"peak": {"days": "mon-fry"}}, "peak.0.days", "'mon-fry' names no days"),
            ({"peak": {"days": ""}}, "peak.0.days", "'' names no days"),
            ({"peak": {"hours": []}}, "peak.0.hours", "at least 1"),
            ({"peak": {"hours": ["15-21"]}}, "peak.0.hours", "'15-21' is no range of hours"),
            ({"peak": {"hours": ["15:60-21:00"]}}, "peak.0.hours", "a day has 00:00 to 24:00"),
            ({"peak": {"hours": ["15:00-24:01"]}}, "peak.0.hours", "a day has 00:00 to 24:00"),
            ({"peak": {"hours": ["24:00-06:00"]}}, "peak.0.hours", "a day has 00:00 to 24:00"),
            ({"peak": {"hours": ["15:00-15:00"]}}, "peak.0.hours", "'15:00-15:00' is empty"),
            ({"rates": {}, "peak": [{"days": "fri"}]}, "peak", "rates has no 'peak'"),
            ({"rates": {"off-peak": 1, "peak": 2, "night": 3}}, "rates", "'off-peak' and 'night' have no hours"),
            ({"rates": {"peak": 2}}, "rates", "every label has hours"),
            ({"rates": {"off-peak": 1, "peak": 2, "period": 3}}, "rates.period", "is a key of its own"),
            ({"rates": {"off-peak": 1, "peak": "x"}}, "rates.peak", "'x' is no number"),
            (
                {"rates": {"a": 1, "peak": 2, "late": 3}, "late": {"days": "sun-thu", "hours": "20:00-02:00"}},
                "late",
                "peak and late both hold on Monday 20:00",
            ),
            (
                {
                    "rates": {"a": 1, "b": 2, "peak": 3},
                    "b": {"days": "sun", "hours": "18:00-02:00"},
                    "peak": {"days": "mon"},
                },
                "peak",
                "b and peak both hold on Monday 00:00",
            ),
            ({"seasons": [{**SUMMER, "from": "06-31"}]}, "seasons.0.from", "'06-31' is no day of the year"),
            ({"seasons": [{**SUMMER, "to": "September"}]}, "seasons.0.to", "is no day of the year"),
            ({"seasons": [SUMMER, SUMMER]}, "seasons.1.name", "two seasons are called 'summer'"),
            ({"seasons": [SUMMER, {**SUMMER, "name": "b"}]}, "seasons.1", "b and summer share days, the first 06-01"),
            ({"seasons": [{**SUMMER, "rates": {}}]}, "seasons.0.rates", "a season has rates of its own"),
            ({"seasons": [{**SUMMER, "night": {"days": "fri"}}]}, "seasons.0.night", "rates has no 'night'"),
            ({"seasons": [{**SUMMER, "peak": {"days": "x"}}]}, "seasons.0.peak.0.days", "'x' names no days"),
            ({"holidays": {"country": "us"}}, "holidays.country", "did you mean 'US'"),
            ({"holidays": {"country": "US", "subdivision": "XY"}}, "holidays.subdivision", "there are: AK, AL"),
            ({"holidays": "US"}, "holidays", ""),
        ],
    )
    def test_are_refused_at_their_place(self, change: dict[str, Any], place: str, said: str) -> None:
        with pytest.raises(ValidationError) as raised:
            TimeOfUse.Options.model_validate({**DESIGN, **change})
        found = {".".join(map(str, error["loc"])): error["msg"] for error in raised.value.errors()}
        assert list(found) == [place]
        assert said in found[place]

    def test_a_day_without_any_rates_is_refused(self) -> None:
        with pytest.raises(ValidationError, match="no season has the day 01-01"):
            TimeOfUse.Options.model_validate({"seasons": [self.SUMMER], "peak": DESIGN["peak"]})
        with pytest.raises(ValidationError, match="give a rate to each label"):
            TimeOfUse.Options.model_validate({})

    def test_fit_the_json_schema_exactly_when_they_are_well_formed(self) -> None:
        from jsonschema import Draft202012Validator

        schema = Draft202012Validator(TimeOfUse.Options.model_json_schema())
        for options in (DESIGN, THREE_LABELS, SEASONS):
            assert list(schema.iter_errors(options)) == []
        assert not schema.is_valid({**DESIGN, "peak": {"dayz": "fri"}})
        assert not schema.is_valid({**DESIGN, "currancy": "USD"})


class TestTiered:
    PRICED = tariff(Tiered, {"blocks": BLOCKS})

    def test_splits_a_window_over_the_blocks_that_it_crosses(self) -> None:
        lines = self.PRICED.lines(windows(("2016-01-01T00:00", 8), ("2016-01-01T01:00", 32), ("2016-01-01T02:00", 1)))
        assert shown(lines) == [
            ("up to 10 kWh", "0.10", 10.0, "1", (0, 1)),
            ("10 to 30 kWh", "0.20", 20.0, "4", (1,)),
            ("over 30 kWh", "0.40", 11.0, "4.4", (1, 2)),
        ]

    def test_a_block_ends_to_the_milliwatt_hour(self) -> None:
        priced = tariff(Tiered, {"blocks": [{"up_to_kwh": "0.000001", "rate": 1}, {"rate": 2}]})
        assert [line.energy for line in priced.lines(windows(("2016-01-01", 0.000001)))] == [1]
        assert [line.energy for line in priced.lines(windows(("2016-01-01", 0.000002)))] == [1, 1]

    def test_a_window_of_nothing_is_in_the_block_that_is_being_filled(self) -> None:
        lines = self.PRICED.lines(windows(("2016-01-01T00:00", 10), ("2016-01-01T01:00", 0)))
        assert [(line.label, line.windows) for line in lines] == [("up to 10 kWh", (0,)), ("10 to 30 kWh", (1,))]

    def test_exported_energy_takes_back_what_was_charged_last(self) -> None:
        lines = self.PRICED.lines(windows(("2016-01-01T00:00", 12), ("2016-01-01T01:00", -5)))
        assert shown(lines) == [
            ("up to 10 kWh", "0.10", 7.0, "0.7", (0, 1)),
            ("10 to 30 kWh", "0.20", 0.0, "0", (0, 1)),
        ]

    def test_net_export_of_a_whole_period_is_credited_at_the_first_rate(self) -> None:
        lines = self.PRICED.lines(windows(("2016-01-01T00:00", -5), ("2016-01-01T01:00", 2)))
        assert shown(lines) == [("up to 10 kWh", "0.10", -3.0, "-0.3", (0, 1))]

    def test_with_an_export_rate_exports_leave_the_blocks_alone(self) -> None:
        priced = tariff(Tiered, {"blocks": BLOCKS, "export_rate": "0.05"})
        lines = priced.lines(windows(("2016-01-01T00:00", 9), ("2016-01-01T01:00", -5), ("2016-01-01T02:00", 3)))
        assert shown(lines) == [
            ("up to 10 kWh", "0.10", 10.0, "1", (0, 2)),
            ("10 to 30 kWh", "0.20", 2.0, "0.4", (2,)),
            ("export", "0.05", -5.0, "-0.25", (1,)),
        ]

    def test_each_bill_begins_in_the_first_block(self) -> None:
        month = windows(("2016-01-01", 25))
        assert list(self.PRICED.lines(month)) == list(self.PRICED.lines(month))

    def test_one_open_block_is_a_flat_rate(self) -> None:
        lines = tariff(Tiered, {"blocks": [{"rate": "0.2"}]}).lines(windows(("2016-01-01", 5), ("2016-01-01T01", -1)))
        assert shown(lines) == [("energy", "0.2", 4.0, "0.8", (0, 1))]

    @pytest.mark.parametrize(
        ("blocks", "said"),
        [
            ([], "at least 1"),
            ([{"up_to_kwh": 10, "rate": 1}], "leave out its up_to_kwh"),
            ([{"rate": 1}, {"rate": 2}], "block 1 of blocks has no up_to_kwh"),
            ([{"up_to_kwh": 10, "rate": 1}, {"up_to_kwh": "10.0", "rate": 1}, {"rate": 2}], "in rising order"),
            ([{"up_to_kwh": 0, "rate": 1}, {"rate": 2}], "not above 0"),
            ([{"up_to_kwh": "1.0000001", "rate": 1}, {"rate": 2}], "more than six decimals"),
            ([{"up_to_kwh": True, "rate": 1}, {"rate": 2}], "true is no number"),
            ([{"up_to_kwh": 10}, {"rate": 2}], "Field required"),
        ],
    )
    def test_refuses_blocks_that_do_not_follow_each_other(self, blocks: list[dict[str, Any]], said: str) -> None:
        with pytest.raises(ValidationError, match=said):
            Tiered.Options.model_validate({"blocks": blocks})
