"""What a wrong scenario gets: one sentence with file, line, field, value and way out."""

from __future__ import annotations

import importlib.metadata
import json
import types
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smarter.api import Scheme, Tariff, TariffOptions, hookimpl
from smarter.errors import BrokenPlugin, MissingExtra, UnknownPlugin, UsageError
from smarter.registry import Registry
from smarter.scenario import Scenario, load_scenario, parse_scenario, problems_of

TEXT = """\
version: 1
neighbourhoods:
  lane:
    timezone: America/New_York
    meters: 10
    source: {plugin: umass, path: homes}
time: {start: 2016-01-01, end: 2016-01-08}
windows:
  reading: 1min
  demand: 15min
  billing: 3h
crypto:
  aggregate:
    plugin: paillier
    key_bits: 3072
tariff:
  plugin: time-of-use
  rates: {off-peak: "0.09", peak: "0.24"}
  peak: {days: mon-fri, hours: ["15:00-21:00"]}
"""


def refused(text: str, *overrides: str, registry: Registry | None = None) -> str:
    with pytest.raises(UsageError) as raised:
        parse_scenario(text, source="x.yaml", base=Path("/data"), overrides=overrides, registry=registry)
    return str(raised.value)


def accepted(text: str, *overrides: str, registry: Registry | None = None) -> Scenario:
    return parse_scenario(text, source="x.yaml", base=Path("/data"), overrides=overrides, registry=registry)


@pytest.mark.parametrize(
    ("written", "instead", "said"),
    [
        ("  demand: 15", "  demnd: 15", "x.yaml line 10, windows.demnd: unknown key; did you mean 'demand'?"),
        (
            "    meters: 10",
            "    metres: 10",
            "x.yaml line 5, neighbourhoods.lane.metres: unknown key; did you mean 'meters'?",
        ),
        (
            "    key_bits:",
            "    keybits:",
            "x.yaml line 15, crypto.aggregate.keybits: unknown key; did you mean 'key_bits'?",
        ),
        ("version: 1", "version: 2", "x.yaml line 1, version: 2 is not 1, which is all there is."),
        ("demand: 15min", "demand: 15", "x.yaml line 10, windows.demand: 15 has no unit: write 15s, 15min or 15h."),
        (
            "demand: 15min",
            "demand: 15 parsecs",
            "x.yaml line 10, windows.demand: '15 parsecs' is no duration: "
            "write a whole number and s, min, h or d, such as 15min.",
        ),
        ("meters: 10", "meters: ten", "x.yaml line 5, neighbourhoods.lane.meters: 'ten' is no whole number."),
        ("meters: 10", "meters: '10'", "x.yaml line 5, neighbourhoods.lane.meters: '10' is no whole number."),
        (
            "New_York",
            "NewYork",
            "x.yaml line 4, neighbourhoods.lane.timezone: 'America/NewYork' is unknown; did you mean America/New_York",
        ),
        ("start: 2016-01-01", "start: 2016-02-30", "x.yaml line 7, time.start: '2016-02-30' is no date or time: write"),
        (
            "plugin: paillier",
            "plugin: pailier",
            "x.yaml line 14, crypto.aggregate.plugin: there is no scheme 'pailier'; did you mean 'paillier'? There are",
        ),
        (
            "path: homes",
            "folder: homes",
            "x.yaml line 6, neighbourhoods.lane.source.folder: unknown key; there are most_meters, "
            "path, unpacked_mib, workbook_cells, workbook_mib.",
        ),
        (
            "  demand: 15min\n",
            "  demand: 17min\n",
            "x.yaml line 10, windows.demand: a window of 17min does not divide a day",
        ),
        ("reading: 1min", "reading: 7min", "x.yaml line 9, windows.reading: 7min does not divide 24 h; use 4min or"),
        (
            "billing: 3h",
            "billing: 1h",
            "x.yaml line 11, windows.billing: 1h is shorter than release.min_billing_window, 2h; use 3h.",
        ),
        (
            "billing: 3h",
            "billing: 4h",
            "x.yaml line 11, windows.billing: windows of 4h straddle the price change of tariff time-of-use at 15:00; "
            "use 3h.",
        ),
        ("billing: 3h", "billing: 1d", "x.yaml line 11, windows.billing: windows of 1d straddle the price change"),
        (
            "demand: 15min",
            "demand: 2h",
            "x.yaml line 10, windows.demand: windows of 2h do not divide windows.billing, 3h; "
            "use 12min or 15min or 20min or 30min or 1h or 3h.",
        ),
        ("demand: 15min", "demand: 6h", "x.yaml line 10, windows.demand: windows of 6h do not divide windows.billing"),
        ("meters: 10", "meters: 4", "x.yaml line 5, neighbourhoods.lane.meters: 4 is fewer than release.min_meters, 5"),
        (
            "end: 2016-01-08",
            "end: 2016-01-01",
            "x.yaml line 7, time.end: 2016-01-01 is not after time.start, 2016-01-01",
        ),
        (
            "version: 1\n",
            "version: 1\nprotocol: blind\n",
            "x.yaml line 2, protocol: 'blind' is not 'pes', which is all",
        ),
        (
            "tariff:\n  plugin: time-of-use",
            "store:\n  plugin: tinydb",
            "x.yaml, tariff: it is missing: The price list, such as",
        ),
    ],
)
def test_a_wrong_field_gets_a_sentence_with_its_line(written: str, instead: str, said: str) -> None:
    assert written in TEXT
    sentences = refused(TEXT.replace(written, instead)).splitlines()
    assert any(sentence.startswith(said) for sentence in sentences), sentences


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("windows.demnd=1h", "unknown key; did you mean 'demand'?"),
        ("neighbourhoods.lan.meters=7", "there is no neighbourhood 'lan'; did you mean 'lane'?"),
        ("windows.demand.x=1", "windows.demand is '15min', not a section of keys."),
        ("seed", "it has no value: write FIELD=VALUE, such as windows.demand=30min."),
        ("=3", "it has no field: write FIELD=VALUE, such as windows.demand=30min."),
        ("release.min_meters=0", "0 is too small; the least is 1."),
        ("pes.hold=100s", "100s is no multiple of a frame, 1 reading of 1min; use 2min."),
        ("pes.lanes=0", "0 is neither 'auto' nor a whole number from 1."),
        ("gaps=flags", "'flags' is not 'flag' or 'fail'; did you mean 'flag'?"),
        ("time.end=2016-01-08T00:00Z", "'2016-01-08T00:00Z' carries an offset: write the neighbourhood's local time"),
        ("crypto.aggregate.key_bits=1024", "scheme paillier with 1024-bit keys can be factored;"),
        ("crypto.aggregate.plugin=plain", "scheme plain protects nothing: put 'insecure_demo: true' at the top"),
    ],
)
def test_a_wrong_override_gets_a_sentence_that_begins_with_it(override: str, said: str) -> None:
    assert refused(TEXT, override).partition(": ")[2].startswith(said)
    assert refused(TEXT, override).startswith(f"--set {override}")


def test_an_override_is_named_with_the_field_where_they_differ() -> None:
    given = "widnows.demand=1h"
    assert refused(TEXT, given) == f"--set {given}, widnows: unknown key; did you mean 'windows'?"
    given = "tariff={plugin: flat, rate: x}"
    assert refused(TEXT, given) == f"--set {given}, tariff.rate: 'x' is no number; write it like \"0.24\"."


def test_all_that_is_wrong_is_said_at_once_in_the_order_of_the_file() -> None:
    text = TEXT.replace("15min", "x").replace("New_York", "Nowhere").replace("version: 1", "version: 1\nseed: y")
    lines = refused(text).splitlines()
    assert [line.split(",")[0] for line in lines] == ["x.yaml line 2", "x.yaml line 5", "x.yaml line 11"]
    problems = problems_of(text, source="x.yaml", base=Path("/data"))
    assert [(problem.line, problem.field) for problem in problems] == [
        (2, "seed"),
        (5, "neighbourhoods.lane.timezone"),
        (11, "windows.demand"),
    ]
    assert problems_of(TEXT, source="x.yaml", base=Path("/data")) == []


def test_one_wrong_plugin_does_not_hide_that_its_neighbour_is_wrong() -> None:
    lines = refused(TEXT.replace("plugin: paillier", "plugin: nope").replace("path: homes", "x: y")).splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "x.yaml line 6, neighbourhoods.lane.source.path",
        "x.yaml line 6, neighbourhoods.lane.source.x",
        "x.yaml line 14, crypto.aggregate.plugin",
    ]


def test_an_unknown_plugin_alone_is_its_own_error() -> None:
    with pytest.raises(UnknownPlugin, match="there is no store 'tinydbb'; did you mean 'tinydb'"):
        load_scenario("quickstart", ["store.plugin=tinydbb"])


@pytest.mark.parametrize(
    ("billing", "period", "fits"),
    [("1d", "month", True), ("2d", "month", False), ("7d", "week", True), ("2d", "week", False), ("2d", "run", True)],
)
def test_a_window_of_days_must_not_lie_in_two_bills(billing: str, period: str, fits: bool) -> None:
    given = ("tariff={plugin: flat, rate: 0.2}", f"tariff.period={period}", f"windows.billing={billing}")
    if fits:
        assert accepted(TEXT, *given).windows.billing % 86_400 == 0
    else:
        assert f"windows of {billing} straddle the bills of tariff.period '{period}'; use " in refused(TEXT, *given)


def test_the_window_lengths_that_a_refusal_names_are_accepted() -> None:
    given = ("tariff={plugin: flat, rate: 0.2, period: month}",)
    said = refused(TEXT, *given, "windows.billing=90min")
    lengths = said.split("use ")[1].rstrip(".").split(" or ")
    assert len(lengths) > 3
    for length in lengths:
        accepted(TEXT, *given, f"windows.billing={length}")


def test_the_demand_lengths_that_a_refusal_names_divide_the_billing_window() -> None:
    said = refused(TEXT, "windows.demand=2h")
    lengths = said.split("use ")[1].rstrip(".").split(" or ")
    assert len(lengths) > 3
    for length in lengths:
        windows = accepted(TEXT, f"windows.demand={length}").windows
        assert windows.billing % windows.demand == 0


def test_demand_windows_of_days_must_divide_the_billing_window_too() -> None:
    given = ("tariff={plugin: flat, rate: 0.2, period: run}", "windows.billing=6d")
    assert accepted(TEXT, *given, "windows.demand=2d").windows.demand == 2 * 86_400
    assert "windows of 4d do not divide windows.billing, 6d; use" in refused(TEXT, *given, "windows.demand=4d")


def test_a_billing_window_that_is_refused_says_nothing_of_demand() -> None:
    said = refused(TEXT, "windows.billing=4h", "windows.demand=3h")
    assert "windows.billing=4h: windows of 4h straddle" in said
    assert "windows.demand" not in said


@pytest.mark.parametrize(
    ("moment", "warned"),
    [
        ("time.end=2016-01-07 21:00", ()),
        (
            "time.end=2016-01-07 22:05",
            (
                "time.end 2016-01-07 22:05 lies inside the billing window 2016-01-07 21:00 to 2016-01-08 and the "
                "demand window 2016-01-07 22:00 to 2016-01-07 22:15, which will be incomplete; the nearest "
                "time that cuts no window is 2016-01-07 21:00.",
            ),
        ),
        (
            "time.start=2016-01-01 02:00",
            (
                "time.start 2016-01-01 02:00 lies inside the billing window 2016-01-01 to 2016-01-01 03:00, which will "
                "be incomplete; the nearest time that cuts no window is 2016-01-01 03:00.",
            ),
        ),
    ],
)
def test_a_span_that_cuts_a_window_is_warned_of_with_the_nearest_good_end(moment: str, warned: tuple[str, ...]) -> None:
    assert accepted(TEXT, moment).warnings == warned


def test_weakened_release_rules_warn_and_a_single_meter_needs_the_demo_switch() -> None:
    weak = accepted(TEXT, "release.min_meters=2", "release.min_billing_window=30min")
    assert [warning.split(",")[0] for warning in weak.warnings] == [
        "release.min_meters is 2",
        "release.min_billing_window is 30min",
    ]
    assert "put 'insecure_demo: true' at the top" in refused(TEXT, "release.min_meters=1")
    (warning,) = accepted(TEXT, "release.min_meters=1", "insecure_demo=true").warnings
    assert warning.startswith("release.min_meters: the demand of one home alone")


def test_an_admitted_demo_plugin_is_warned_of() -> None:
    (warning,) = accepted(TEXT, "crypto.aggregate.plugin=plain", "insecure_demo=true").warnings[-1:]
    assert warning == "crypto.aggregate: scheme plain protects nothing; insecure_demo admits it."


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("{kind: delay, neighbourhood: lane, meter: a, at: 2016-01-02}", "a delay needs 'by'"),
        (
            "{kind: drop, neighbourhood: lane, meter: a, at: 2016-01-02, by: 1h}",
            "a drop takes no 'by'; only a delay does",
        ),
        ("{kind: drop, neighbourhood: lane, meter: a, at: 2016-01-02, until: 2016-01-02}", "is not after 'at'"),
        (
            "{kind: drop, neighbourhood: line, meter: a, at: 2016-01-02}",
            "there is no neighbourhood 'line'; did you mean 'lane'?",
        ),
        (
            "{kind: drop, neighbourhood: lane, meter: a, at: 2015-01-02}",
            "2015-01-02 is outside the span, 2016-01-01 to 2016-01-08",
        ),
        ("{kind: dorp, neighbourhood: lane, meter: a, at: 2016-01-02}", "did you mean 'drop'?"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_with_its_line(fault: str, said: str) -> None:
    sentence = refused(TEXT + f"faults:\n  - {fault}\n")
    assert sentence.startswith("x.yaml line 21, faults.0")
    assert said in sentence


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["1min", "flat"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
FIELDS = [
    "version name seed insecure_demo neighbourhoods time windows frame grace gaps pes",
    "crypto store tariff release faults",
    "neighbourhoods.lane neighbourhoods.lane.timezone neighbourhoods.lane.source neighbourhoods.lane.rating_kw",
    "time.start windows.reading windows.billing pes.hold pes.lanes crypto.aggregate crypto.aggregate.plugin",
    "crypto.aggregate.key_bits tariff.rates tariff.peak tariff.period release.min_meters faults.0 faults.0.at",
]


@given(st.dictionaries(st.sampled_from(" ".join(FIELDS).split()), VALUES, min_size=1, max_size=3))
def test_no_value_anywhere_makes_the_loader_itself_fail(values: dict[str, object]) -> None:
    fault = "\nfaults: [{kind: tamper, neighbourhood: lane, meter: a, at: 2016-01-02}]"
    overrides = [f"{field}={json.dumps(value)}" for field, value in values.items()]
    for problem in problems_of(TEXT + fault, source="x.yaml", base=Path("/data"), overrides=overrides):
        assert "\n" not in str(problem)


# Plugins of a third party that are wrong in ways the shipped ones are not.


def with_plugins(**hooks: Callable[..., None]) -> Registry:
    module = types.ModuleType("third_party")
    for name, hook in hooks.items():
        setattr(module, name, hookimpl(hook))

    class Point(importlib.metadata.EntryPoint):
        def load(self) -> types.ModuleType:
            return module

    shipped = importlib.metadata.entry_points(group="smarter.plugins")
    return Registry([*shipped, Point("third-party", "third_party", "smarter.plugins")])


def test_a_scheme_that_cannot_add_is_refused_before_anything_runs() -> None:
    class Rigid(Scheme):
        name, additive = "rigid", False

    Rigid.__abstractmethods__ = frozenset()
    registry = with_plugins(register_schemes=lambda register: register(Rigid))
    said = refused(TEXT, "crypto.aggregate.plugin=rigid", registry=registry)
    assert "scheme 'rigid' cannot add ciphertexts, and protocol pes adds them" in said


class Moody(Tariff):
    name, Options = "moody", TariffOptions

    def lines(self, windows): return []  # fmt: skip

    def changes(self): raise ArithmeticError("not today")  # fmt: skip


def test_a_tariff_that_raises_when_asked_is_a_broken_plugin_not_a_bug() -> None:
    registry = with_plugins(register_tariffs=lambda register: register(Moody))
    with pytest.raises(BrokenPlugin, match="the tariff 'moody' cannot be asked: ArithmeticError: not today"):
        accepted(TEXT, "tariff=moody", registry=registry)


def test_a_library_that_is_missing_is_said_when_the_plugin_is_made_and_not_before() -> None:
    class Far(Moody):
        name, requires = "far", {"a_module_that_is_nowhere": "faraway"}

    registry = with_plugins(register_tariffs=lambda register: register(Far))
    scenario = accepted(TEXT, "tariff=far", registry=registry)
    with pytest.raises(MissingExtra, match=r"pip install 'smarter-metering\[faraway\]'"):
        scenario.check_available()


def test_a_scenario_that_asks_for_a_broken_plugin_says_why_it_is_broken() -> None:
    class Half(Tariff):
        name = "half"

    registry = with_plugins(register_tariffs=lambda register: register(Half))
    with pytest.raises(BrokenPlugin, match=r"the tariff 'half' .* does not implement changes, lines"):
        accepted(TEXT, "tariff=half", registry=registry)
