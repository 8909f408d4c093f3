"""The commands as a script and a person meet them: what each prints, where, and with which exit code."""

from __future__ import annotations

import contextlib
import csv
import fcntl
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from smarter import __version__
from smarter.model.stages import STAGES
from smarter.scenario import shipped_scenarios
from tests.support.copies import copy_state

Call = Callable[..., Any]
SMARTER = (sys.executable, "-m", "smarter")
ESCAPE = "\x1b"


@pytest.fixture
def done(finished: Any) -> tuple[object, ...]:
    """The finished run as arguments: scenario and state."""
    return finished.scenario, "--state", finished.state


@pytest.fixture
def own(finished: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[object, ...]:
    """A copy of the finished run to change."""
    return finished.scenario, "--state", copy_state(finished.state, tmp_path, monkeypatch)


def said(called: Any) -> str:
    """The standard output of a call that went well; on standard error nothing but warnings."""
    assert called.code == 0, called
    assert all(line.startswith("warning: ") for line in called.err.splitlines()), called.err
    return str(called.out)


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened))


# run, and what it leaves behind


def test_run_writes_the_documented_files_with_the_documented_columns(finished: Any) -> None:
    out = finished.folder / "out"
    assert {path.name for path in out.iterdir()} == {"billing.csv", "demand.csv", "bills.csv", "result.json"}
    heads = {path.name: path.read_text().splitlines()[0] for path in out.glob("*.csv")}
    assert heads == {
        "billing.csv": "meter,window_start,window_end,readings,expected,energy_wh,status,reason",
        "demand.csv": "neighbourhood,window_start,window_end,meters,readings,expected,energy_wh,mean_kw,status,reason",
        "bills.csv": "meter,period_start,period_end,energy_wh,currency,amount,status",
    }
    moment = re.compile(r"2016-01-0[12]T\d\d:00:00\+01:00")
    for name, rows in (("billing.csv", 5 * 4), ("demand.csv", 24), ("bills.csv", 5)):
        found = rows_of(out / name)
        assert len(found) == rows
        keys = [tuple(row.values())[:2] for row in found]
        assert keys == sorted(keys)
        for row in found:
            assert all(moment.fullmatch(row[column]) for column in list(row)[1:3])
            assert re.fullmatch(r"\d+\.\d{3}", row["energy_wh"])
            assert row["status"] == "complete"
    assert all(re.fullmatch(r"[0-9a-f]{16}", row["meter"]) for row in rows_of(out / "billing.csv"))
    assert all(re.fullmatch(r"\d+\.\d{6}", row["mean_kw"]) for row in rows_of(out / "demand.csv"))
    assert {row["currency"] for row in rows_of(out / "bills.csv")} == {"EUR"}


def test_what_run_writes_is_what_the_rows_of_the_files_come_to(
    call: Call, finished: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = copy_state(finished.state, tmp_path, monkeypatch)
    written = call("run", finished.scenario, "--state", state, "--out", tmp_path / "out", "--reveal-meters", "--quiet")
    assert said(written) == ""
    meters = {row["meter"]: row["source"] for row in rows_of(tmp_path / "out" / "meters.csv")}
    assert sorted(meters.values()) == [f"home{number}" for number in range(1, 6)]
    assert list(meters) == sorted(meters), "the order of pseudonyms gives no meter away"

    street = [0] * 96
    homes: dict[str, list[int]] = {}
    for source in meters.values():
        total, register, readings = Fraction(0), 0, []
        for line in (finished.homes / f"{source}.csv").read_text().splitlines():
            total += Fraction(line.split(",")[1]) * 1_000_000 / 4
            readings.append(floor(total + Fraction(1, 2)) - register)
            register += readings[-1]
        homes[source] = readings
        street = [a + b for a, b in zip(street, readings, strict=True)]

    billing = rows_of(tmp_path / "out" / "billing.csv")
    for number, row in enumerate(billing):
        window = number % 4
        energy = sum(homes[meters[row["meter"]]][window * 24 : window * 24 + 24])
        assert (Decimal(row["energy_wh"]) * 1000, row["readings"], row["expected"]) == (energy, "24", "24")
    for window, row in enumerate(rows_of(tmp_path / "out" / "demand.csv")):
        energy = sum(street[window * 4 : window * 4 + 4])
        assert (Decimal(row["energy_wh"]) * 1000, row["meters"], row["readings"]) == (energy, "5", "20")
        assert Decimal(row["mean_kw"]) * 1_000_000 == energy, "an hour's mWh are its mean power in mW"
    for row in rows_of(tmp_path / "out" / "bills.csv"):
        energy = Decimal(sum(homes[meters[row["meter"]]])).scaleb(-6)
        assert Decimal(row["amount"]) == (energy * Decimal("0.30")).quantize(Decimal("0.01"))


def test_a_gap_shows_as_incomplete_missing_and_refused_rows(call: Call, lane: Any) -> None:
    rows = lane.home(2).read_text().splitlines()
    # 00:00 to 06:00 three readings, 06:00 to 12:00 none, 12:00 to 18:00 all but one.
    lane.home(2).write_text("\n".join([*rows[:3], *rows[49:]]) + "\n")
    out = lane.folder / "out"
    run = ("run", lane.scenario, "--state", lane.state, "--out", out, "--reveal-meters", "--verify", "--quiet")
    assert said(call(*run)) == ""
    (meter,) = [row["meter"] for row in rows_of(out / "meters.csv") if row["source"] == "home2"]
    found = [row for row in rows_of(out / "billing.csv") if row["meter"] == meter]
    assert [row["status"] for row in found] == ["refused", "missing", "incomplete", "complete"]
    assert [row["readings"] for row in found] == ["3", "0", "23", "24"]
    assert [bool(row["energy_wh"]) for row in found] == [False, False, True, True]
    # Where home2 covers less than half an hour, four meters are left, fewer than min_meters.
    demand = rows_of(out / "demand.csv")
    statuses = ["incomplete", *["refused"] * 11, "incomplete", *["complete"] * 11]
    assert [row["status"] for row in demand] == statuses
    assert all(not row["energy_wh"] and not row["mean_kw"] for row in demand if row["status"] == "refused")
    result = json.loads((out / "result.json").read_text())
    assert {"only 3 of 24 readings"} <= {refusal["reason"] for refusal in result["refusals"]}


def test_run_prints_bills_demand_and_who_saw_what(call: Call, done: tuple[object, ...]) -> None:
    shown = said(call("run", *done))
    for title in ("Bills", "mean power of lane", "Demand of lane", "Who saw what", "load factor"):
        assert title in shown
    assert ESCAPE not in shown
    assert max(map(len, shown.splitlines())) <= 100


def test_quiet_leaves_nothing_but_the_data(call: Call, done: tuple[object, ...], tmp_path: Path) -> None:
    loud = call("run", *done, "--out", tmp_path)
    assert loud.out == ""
    assert "crypto.aggregate: scheme paillier with 512-bit keys can be factored" in loud.err
    assert f"wrote {tmp_path / 'billing.csv'}" in loud.err
    quiet = call("run", *done, "--out", tmp_path, "--quiet")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")


def test_json_is_result_json_and_fits_its_schema(call: Call, done: tuple[object, ...], tmp_path: Path) -> None:
    result = json.loads(said(call("run", *done, "--json", "--verify", "--out", tmp_path, "--quiet")))
    assert result == json.loads((tmp_path / "result.json").read_text())
    schema = json.loads(said(call("schema", "result")))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(result)
    assert (result["scenario"], result["verified"], result["protocol"]) == ("lane", True, "pes")
    assert result["counts"]["readings"] == 5 * 96
    assert {"concentrator", "pes", "releaser", "mdms"} <= set(result["views"])
    assert set(result["stages"]) <= set(STAGES)
    assert result["versions"]["smarter"] == __version__


def test_a_finished_run_is_not_run_again(call: Call, own: tuple[Any, ...]) -> None:
    journal = own[2] / "journal.sqlite"
    before = journal.read_bytes()
    once, again = (json.loads(said(call("run", *own, "--json"))) for _ in range(2))
    assert once == again
    assert journal.read_bytes() == before


def test_fresh_begins_anew_under_other_pseudonyms(call: Call, own: tuple[Any, ...], tmp_path: Path) -> None:
    pseudonyms = []
    for fresh in ((), ("--fresh",)):
        said(call("run", *own, *fresh, "--out", tmp_path / "out", "--quiet"))
        pseudonyms.append({row["meter"] for row in rows_of(tmp_path / "out" / "bills.csv")})
    assert not pseudonyms[0] & pseudonyms[1]


def test_a_state_without_a_name_lies_in_the_users_data_folder(call: Call, lane: Any, home_of_the_tests: Path) -> None:
    assert said(call("run", lane.scenario, "--quiet", "--out", lane.folder / "out")) == ""
    lines = dict(line.split("\t") for line in said(call("state", lane.scenario)).splitlines())
    assert Path(lines["state"]).is_relative_to(home_of_the_tests)
    assert Path(lines["journal"]).is_file()
    assert lines["begun"] == "yes"
    assert Path(lines["state"]).name in said(call("state"))
    assert said(call("bills", lane.scenario)) != ""


# validate, schema, plugins


def test_validate_says_that_a_scenario_is_fine_without_touching_data(call: Call, lane: Any) -> None:
    shutil.rmtree(lane.homes)
    called = call("validate", lane.scenario)
    assert (called.code, called.out) == (0, f"{lane.scenario}: fine\n")
    assert called.err.count("warning: ") == 2


def test_every_shipped_scenario_is_fine_and_fits_the_schema(call: Call) -> None:
    from ruamel.yaml import YAML

    schema = json.loads(said(call("schema")))
    jsonschema.Draft202012Validator.check_schema(schema)
    check = jsonschema.Draft202012Validator(schema)
    shipped = shipped_scenarios()
    assert len(shipped) >= 7
    for name, path, _ in shipped:
        assert said(call("validate", name)).endswith(f"{path.name}: fine\n")
        plain = YAML(typ="safe", pure=True).load(path.read_text())
        check.validate(json.loads(json.dumps(plain, default=str)))
    wrong = json.loads(json.dumps(plain, default=str)) | {"windws": {}}
    with pytest.raises(jsonschema.ValidationError, match="windws"):
        check.validate(wrong)


def test_plugins_lists_every_kind_with_origin_and_version(call: Call) -> None:
    listed = json.loads(said(call("plugins", "--json")))
    ours = {(entry["kind"], entry["name"]) for entry in listed if entry["origin"] == "smarter-metering"}
    assert {
        ("cipher", "aes-gcm"),
        ("scheme", "paillier"),
        ("keywrap", "rsa-oaep"),
        ("store", "tinydb"),
        ("store", "sqlite"),
        ("source", "umass"),
        ("tariff", "time-of-use"),
    } <= ours
    assert all(entry["version"] == __version__ and not entry["error"] for entry in listed if entry["summary"])
    shown = said(call("plugins"))
    assert all(name in shown for _, name in ours)


def test_plugins_show_prints_options_with_defaults_and_what_they_mean(call: Call) -> None:
    shown = said(call("plugins", "show", "paillier"))
    assert shown.startswith("paillier (scheme, smarter-metering")
    assert re.search(r"key_bits  \(integer, default 3072\)\n +Bits of the modulus", shown)
    assert "path  (string, required)" in said(call("plugins", "show", "umass"))
    for entry in json.loads(said(call("plugins", "--json"))):
        if not entry["error"]:
            assert entry["name"] in said(call("plugins", "show", entry["name"]))


# bills, demand, readings


def test_bills_are_by_pseudonym_and_add_up(call: Call, finished: Any, done: tuple[object, ...]) -> None:
    bills = json.loads(said(call("bills", *done, "--json")))
    written = rows_of(finished.folder / "out" / "bills.csv")
    for bill, row in zip(bills, written, strict=True):
        assert {key: bill[key] for key in ("meter", "period_start", "period_end", "currency", "amount", "status")} == {
            key: row[key] for key in ("meter", "period_start", "period_end", "currency", "amount", "status")
        }
        assert (
            bill["energy_mwh"] == Decimal(row["energy_wh"]) * 1000 == sum(line["energy_mwh"] for line in bill["lines"])
        )
        exact = sum(Decimal(line["amount"]) for line in bill["lines"])
        assert Decimal(bill["amount"]) == exact.quantize(Decimal("0.01"))
    shown = said(call("bills", *done))
    assert all(bill["meter"][:8] in shown and bill["amount"] in shown for bill in bills)


def test_the_chart_of_a_single_meter_writes_nothing_to_standard_error(lane: Any) -> None:
    for home in range(1, 6):
        for row in range(1, 97):
            stamp = f"2016-01-01 {(row - 1) // 4:02}:{(row - 1) % 4 * 15:02}:00"
            lane.row(row, f"{stamp},0", home)
    for home in range(2, 6):
        lane.home(home).unlink()
    lane.rewrite("insecure_demo: true", "insecure_demo: true\nrelease: {min_meters: 1}")
    command = [sys.executable, "-m", "smarter", "run", lane.scenario, "--state", lane.state, "--quiet"]
    environment = os.environ | {"NO_COLOR": "1", "COLUMNS": "100"}
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=True, timeout=120)
    assert "\x1b" not in ended.stdout + ended.stderr
    assert "plotext" not in ended.stdout + ended.stderr
    assert "billed to each meter" in ended.stdout or "Bills" in ended.stdout


def test_one_meters_bill_is_found_by_its_first_digits(call: Call, done: tuple[object, ...]) -> None:
    everyone = json.loads(said(call("bills", *done, "--json")))
    meter = everyone[1]["meter"]
    assert json.loads(said(call("bills", *done, "--meter", meter[:8].upper() + "…", "--json"))) == [everyone[1]]
    shown = said(call("bills", *done, "--meter", meter[:8]))
    assert everyone[1]["amount"] in shown
    assert not any(other["meter"][:8] in shown for other in everyone if other["meter"] != meter)
    for unknown in ("zzzz", "", meter[:2]):
        called = call("bills", *done, "--meter", unknown)
        assert (called.code, called.out) == (2, "")
        assert "give at least 4 digits of one of" in called.err


def test_a_street_with_solar_has_import_and_export_apart(call: Call, lane: Any) -> None:
    for home in range(1, 6):
        for row in range(45, 54):
            stamp = f"2016-01-01 {(row - 1) // 4:02}:{(row - 1) % 4 * 15:02}:00"
            lane.row(row, f"{stamp},{-home:.5f}", home)
    at_lane = (lane.scenario, "--state", lane.state)
    shown = said(call("run", *at_lane))
    assert shown == said(call("run", *at_lane))
    (figures,) = json.loads(said(call("demand", *at_lane, "--json")))
    assert figures["import_mwh"] - figures["export_mwh"] == figures["energy_mwh"]
    assert figures["export_mwh"] > 0
    assert (figures["base_kw"], figures["load_factor"]) == (None, None)
    for words in (f"{figures['export_peak_kw']:,.3f} kW", "export peak, Fri 1 Jan 1", "base, load factor", "import"):
        assert words in shown


def test_demand_gives_figures_and_on_demand_every_window(call: Call, finished: Any, done: tuple[object, ...]) -> None:
    (figures,) = json.loads(said(call("demand", *done, "--json")))
    rows = rows_of(finished.folder / "out" / "demand.csv")
    assert figures["energy_mwh"] == sum(Decimal(row["energy_wh"]) for row in rows) * 1000
    assert figures["peak_kw"] == max(float(row["mean_kw"]) for row in rows)
    assert (figures["windows"], figures["complete"]) == (24, 24)
    assert sum(hour["energy_mwh"] for hour in figures["hours"]) == figures["energy_mwh"]
    few, many = said(call("demand", *done)), said(call("demand", *done, "--windows"))
    assert len(many.splitlines()) >= len(few.splitlines()) + 24
    assert said(call("demand", *done, "--neighbourhood", "lane")) == few
    called = call("demand", *done, "--neighbourhood", "lame")
    assert (called.code, called.out) == (2, "")
    assert "there is no neighbourhood lame; there are lane." in called.err


def test_readings_tells_span_interval_gaps_totals_and_what_a_run_would_refuse(call: Call, lane: Any) -> None:
    lane.row(50, "2016-01-01 12:15:00,1.5", home=3)
    lane.row(51, "2016-01-01 12:15:00,2.5", home=3)
    surveyed = json.loads(said(call("readings", lane.scenario, "--json")))
    first, _, third = surveyed["lane"][:3]
    assert [entry["name"] for entry in surveyed["lane"]] == [f"home{number}" for number in range(1, 6)]
    assert (first["rows"], first["gaps"], first["intervals"][0]["interval_s"]) == (96, [], 900)
    power = sum(Fraction(line.split(",")[1]) for line in lane.home(1).read_text().splitlines())
    assert first["total_mwh"] == float(power * 1_000_000 / 4)
    assert third["problems"] == ["row 51: stamp 2016-01-01 12:15:00 repeats the one before with another value"]
    shown = said(call("readings", lane.scenario))
    assert "home5" in shown
    assert "repeats the one before with another value" in " ".join(shown.split())


# follow


FOLLOW = ("--meter", "home3", "--at", "2016-01-01 17:45")


def test_follow_goes_from_the_row_to_the_bill_and_its_energies_add_up(call: Call, finished: Any) -> None:
    hops = json.loads(said(call("follow", finished.scenario, *FOLLOW, "--json")))
    assert [hop["name"] for hop in hops] == [
        "row",
        "reading",
        "frame",
        "relayed",
        "opened",
        "billing lane",
        "billing ciphertext",
        "demand lane",
        "demand ciphertext",
        *(f"demand {step}" for step in ("sum", "released", "record")),
        *(f"billing {step}" for step in ("sum", "released", "record")),
        "bill",
        "chart",
    ]
    detail = {hop["name"]: hop["detail"] for hop in hops}
    kilowatts = finished.home(3).read_text().splitlines()[71].split(",")[1]
    assert (detail["row"]["row"], detail["row"]["value"]) == (72, f"{Decimal(kilowatts).normalize()} kW")
    assert abs(detail["reading"]["energy_mwh"] - Decimal(kilowatts) * 250_000) <= 1
    rows = [Decimal(line.split(",")[1]) * 250_000 for line in finished.home(3).read_text().splitlines()]
    # A frame of an hour is one demand window, and a sixth of the billing window from 12:00.
    for kind, count in (("billing", 4), ("demand", 4)):
        assert abs(detail[f"{kind} lane"]["energy_mwh"] - sum(rows[68 : 68 + count])) <= 1
    assert abs(detail["billing released"]["energy_mwh"] - sum(rows[48:72])) <= 1
    assert (detail["billing released"]["readings"], detail["demand released"]["readings"]) == (24, 20)
    assert Decimal(detail["bill"]["energy_kwh"]) * 1_000_000 == detail["billing released"]["energy_mwh"]
    assert detail["chart"]["energies_mwh"][71] == detail["chart"]["energy_mwh"] == detail["reading"]["energy_mwh"]
    assert abs(sum(detail["chart"]["energies_mwh"]) - sum(rows)) <= 1, "the whole day, as the customer would see it"
    demand = rows_of(finished.folder / "out" / "demand.csv")[17]
    assert Decimal(demand["energy_wh"]) * 1000 == detail["demand released"]["energy_mwh"]


def test_follow_gives_bytes_whole_and_says_who_can_read_them(call: Call, finished: Any) -> None:
    hops = {hop["name"]: hop for hop in json.loads(said(call("follow", finished.scenario, *FOLLOW, "--json")))}
    frame = hops["frame"]["detail"]
    assert len(bytes.fromhex(frame["nonce"])) == 12
    assert frame["aad"]["count"] == 4
    assert frame["aad"]["pseudonym"] == hops["relayed"]["detail"]["pseudonym"]
    for name, part in (
        ("billing ciphertext", "ciphertext"),
        ("demand ciphertext", "ciphertext"),
        ("billing sum", "ciphertext"),
        ("demand sum", "ciphertext"),
        ("billing record", "record"),
        ("demand record", "record"),
    ):
        assert len(bytes.fromhex(hops[name]["detail"][part])) == hops[name]["detail"]["bytes"]
    readers = {name: {reader for reader, _ in hop["readers"]} for name, hop in hops.items()}
    assert readers["relayed"] == readers["billing ciphertext"] == set()
    assert readers["opened"] == {"PES"}
    assert readers["billing sum"] == {"releaser"}
    assert readers["billing record"] == {"MDMS"}
    assert readers["chart"] == {"customer"}
    assert not any("concentrator" in names for names in readers.values())


def test_follow_leaves_no_state_behind(call: Call, lane: Any, home_of_the_tests: Path) -> None:
    def files() -> set[Path]:
        return {path for folder in (lane.folder, home_of_the_tests) for path in folder.rglob("*")}

    before = files()
    said(call("follow", lane.scenario, *FOLLOW))
    assert files() == before


FAULTS = """
faults:
  - {kind: drop, neighbourhood: lane, meter: home2, at: 2016-01-01 03:00}
  - {kind: tamper, neighbourhood: lane, meter: home3, at: 2016-01-01 05:00}
  - {kind: delay, neighbourhood: lane, meter: home4, at: 2016-01-01 07:00, by: 90min}
  - {kind: drop, neighbourhood: lane, meter: home5, at: 2016-01-01 12:00, until: 2016-01-01 17:00}
"""


@pytest.mark.parametrize(
    ("meter", "at", "last", "sums"),
    [
        ("home2", "2016-01-01 03:15", ("frame", "refused"), 0),
        ("home3", "2016-01-01 05:15", ("relayed", "refused"), 0),
        ("home4", "2016-01-01 07:15", ("bill", "sum"), 2),
        ("home4", "2016-01-01 08:15", ("bill", "sum"), 2),
        ("home5", "2016-01-01 17:15", ("billing released", "refused"), 1),
    ],
)
def test_follow_ends_where_the_reading_ends(
    call: Call, lane: Any, meter: str, at: str, last: tuple[str, str], sums: int
) -> None:
    lane.scenario.write_text(lane.scenario.read_text() + "grace: 2h\n" + FAULTS)
    hops = json.loads(said(call("follow", lane.scenario, "--meter", meter, "--at", at, "--json")))
    # Whatever became of its frame on the way, the customer's own chart has what the meter keeps: all but what was lost.
    way = [hop for hop in hops if hop["name"] != "chart"]
    assert (len(hops) > len(way)) is (last[0] != "frame")
    assert (way[-1]["name"], way[-1]["mark"]) == last
    released = [hop for hop in hops if hop["name"].endswith("released") and hop["mark"] == "sum"]
    assert len(released) == sums
    if last[0] == "bill":
        lanes = {hop["detail"]["kind"]: hop["detail"] for hop in hops if hop["name"].endswith(" lane")}
        assert all(lane["energy_mwh"] > 0 for lane in lanes.values())
        assert [hop["mark"] for hop in hops if hop["name"] == "relayed"] == (
            ["refused", "sealed"] if "07" in at else ["sealed"]
        )


def test_follow_plays_only_the_faults_of_the_days_it_plays(call: Call, lane: Any) -> None:
    lane.rewrite("end: 2016-01-02", "end: 2016-01-03")
    for number in range(1, 6):
        text = lane.home(number).read_text()
        lane.home(number).write_text(text + text.replace("2016-01-01", "2016-01-02"))
    lane.scenario.write_text(lane.scenario.read_text() + FAULTS.replace("2016-01-01 03:00", "2016-01-02 03:00"))
    for day, meter, ends in ((1, "home2", "chart"), (2, "home2", "frame"), (2, "home3", "chart")):
        hour = "03" if meter == "home2" else "05"
        followed = call("follow", lane.scenario, "--meter", meter, "--at", f"2016-01-0{day} {hour}:15", "--json")
        assert json.loads(said(followed))[-1]["name"] == ends


def test_follow_shows_each_hop_with_its_mark_and_readers(call: Call, finished: Any) -> None:
    shown = said(call("follow", finished.scenario, *FOLLOW))
    assert shown.startswith("Meter home3 of lane, 2016-01-01 17:45 Europe/Berlin\n")
    for mark in "●▒Σ":
        assert mark in shown
    assert ESCAPE not in shown


# keys, state


def test_keys_are_listed_exported_and_rotated(call: Call, own: tuple[Any, ...]) -> None:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    listed = said(call("keys", "list", *own))
    for party in ("mdms", "pes", "releaser"):
        assert party in listed
    assert "sign/" not in listed
    assert "sign/" in said(call("keys", "list", *own, "--all"))

    pem = said(call("keys", "export-public", own[0], "mdms", "unwrap", *own[1:]))
    assert load_pem_public_key(pem.encode()).key_size == 1024
    assert load_pem_public_key(said(call("keys", "export-public", own[0], "pes", "sign", *own[1:])).encode())
    assert bytes.fromhex(said(call("keys", "export-public", own[0], "releaser", "aggregate", *own[1:])))

    bills = said(call("bills", *own, "--json"))
    rotated = said(call("keys", "rotate", own[0], "mdms", "unwrap", *own[1:]))
    assert re.fullmatch(r"mdms unwrap [0-9a-f]+\n", rotated)
    assert rotated.split()[2][:16] in said(call("keys", "list", *own))
    assert said(call("keys", "export-public", own[0], "mdms", "unwrap", *own[1:])) != pem
    assert said(call("bills", *own, "--json")) == bills, "what the earlier key opened is still opened"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("rotate", "mdms", "sign"), "there is no sign key of mdms to rotate; there are: pes unwrap"),
        (("rotate", "meters", "sign"), "there is no sign key of meters to rotate"),
        (("rotate", "audit", "identify"), "there is no identify key of audit to rotate"),
        (("export-public", "customer", "unwrap"), "there is no party customer; there are audit, mdms, meters,"),
        (("export-public", "mdms", "aggregate"), "mdms has no public aggregate key; there are unwrap."),
    ],
)
def test_keys_that_there_are_not(call: Call, done: tuple[object, ...], arguments: tuple[str, ...], words: str) -> None:
    command, *what = arguments
    called = call("keys", command, done[0], *what, *done[1:])
    assert (called.code, called.out) == (2, "")
    assert words in called.err


def test_state_says_where_everything_lies(call: Call, finished: Any, done: tuple[object, ...], tmp_path: Path) -> None:
    lines = dict(line.split("\t") for line in said(call("state", *done)).splitlines())
    assert lines["scenario"] == str(finished.scenario)
    assert lines["begun"] == "yes"
    assert all(Path(lines[part]).exists() for part in ("state", "journal", "keys", "store"))
    lines = dict(line.split("\t") for line in said(call("state", done[0], "--state", tmp_path / "new")).splitlines())
    assert lines["begun"] == "no"
    assert not (tmp_path / "new").exists()


# Help, pipes and terminals.

COMMANDS = (
    "run",
    "bills",
    "demand",
    "follow",
    "readings",
    "convert",
    "bench",
    "serve",
    "validate",
    "schema",
    "plugins",
    "plugins show",
    "keys",
    "keys list",
    "keys rotate",
    "keys export-public",
    "keys fingerprint",
    "keys share",
    "keys lock",
    "state",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_commands_help_shows_an_example_and_says_what_its_options_do(call: Call, command: str) -> None:
    shown = said(call(*command.split(), "--help"))
    assert f"Usage: smarter {command}" in shown
    assert re.search(rf"Examples?:\s+smarter {command.split()[0]}", shown)
    options = shown[shown.index("Options:") :]
    for line in re.findall(r"^  (-.*)$(?!\n {10,})", options, re.MULTILINE):
        assert re.search(r"\S {2,}\S", line), f"nothing is said about {line}"
    assert max(map(len, shown.splitlines())) <= 80


def test_bare_smarter_prints_help_where_there_is_no_terminal(call: Call) -> None:
    shown = said(call())
    assert shown == said(call("--help"))
    for command in COMMANDS:
        assert f"\n  {command.split()[0]} " in shown
    assert said(call("--version")) == f"smarter, version {__version__}\n"


@pytest.mark.parametrize("arguments", [("schema",), ("plugins",), ("--help",), ("bills",)])
def test_a_reader_that_has_had_enough_is_no_error(arguments: tuple[str, ...], done: tuple[object, ...]) -> None:
    words = [*SMARTER, *arguments, *(map(str, done) if arguments == ("bills",) else ())]
    read, write = os.pipe()
    os.close(read)  # as `smarter … | head` when head has gone
    try:
        ended = subprocess.run(words, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(write)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("stream", [1, 2])
def test_a_closed_stream_is_no_error(stream: int) -> None:
    close = f'exec "$@" {stream}>&-'
    for arguments, code in ((("schema",), 0), (("frobnicate",), 2)):
        ended = subprocess.run(["sh", "-c", close, "sh", *SMARTER, *arguments], capture_output=True, check=False)
        assert ended.returncode == code


def test_an_old_code_page_gets_question_marks_rather_than_an_error(done: tuple[object, ...]) -> None:
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    words = [*SMARTER, "bills", *map(str, done)]
    ended = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "?" in ended.stdout


def on_a_terminal(
    *arguments: object, stdout: bool = True, answers: Sequence[tuple[str, str]] = (), **environment: str
) -> tuple[int, str, str]:
    """Call ``smarter`` on a terminal of 80 × 24, without ``stdout`` all but standard output.

    Args:
        answers: what to type when which prompt has appeared, in order.

    Returns:
        Exit code, what the terminal got, and what standard output got when it was none.
    """
    terminal, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    variables = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
    process = subprocess.Popen(
        [*SMARTER, *map(str, arguments)],
        stdin=side,
        stdout=side if stdout else subprocess.PIPE,
        stderr=side,
        env=variables | {"TERM": "xterm-256color"} | environment,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # a passphrase is read from /dev/tty
    )
    os.close(side)
    shown, seen, waiting = bytearray(), 0, list(answers)
    with contextlib.suppress(OSError):  # the other side has been closed
        while piece := os.read(terminal, 1 << 16):
            shown += piece
            if waiting and (at := shown.find(waiting[0][0].encode(), seen)) >= 0:
                seen = at + 1
                os.write(terminal, f"{waiting.pop(0)[1]}\n".encode())
    os.close(terminal)
    piped, _ = process.communicate()
    return process.returncode, shown.decode(), (piped or b"").decode()


def test_progress_is_drawn_on_a_terminal_and_data_goes_its_own_way(lane: Any, tmp_path: Path) -> None:
    run = ("run", lane.scenario, "--state", lane.state, "--json")
    code, shown, piped = on_a_terminal(*run, stdout=False)
    assert code == 0
    assert "making keys" in shown
    assert "readings" in shown
    assert ESCAPE in shown
    assert json.loads(piped)["scenario"] == "lane"
    code, shown, _ = on_a_terminal(*run[:3], tmp_path / "other", "--quiet", "--out", tmp_path / "out")
    assert (code, shown) == (0, "")


def test_passphrases_are_asked_for_visibly_typed_invisibly_and_once_each(lane: Any) -> None:
    run = ("run", lane.scenario, "--state", lane.state, "--unlock", "passphrase")
    new = [
        (f"{prompt} for the keys of {party}", f"{party}-secret")
        for party in ("meters", "pes", "releaser", "mdms", "audit")
        for prompt in ("New passphrase", "The same again,")
    ]
    code, shown, piped = on_a_terminal(*run, stdout=False, answers=new)
    assert code == 0, shown
    assert "Who saw what" in piped
    assert "secret" not in shown
    assert shown.count("assphrase for the keys of mdms") == 1
    assert shown.index("again, for the keys of mdms") < shown.index("making keys"), "nothing may be drawn over a prompt"

    asked = [(f"Passphrase for the keys of {party}", f"{party}-secret") for party in ("mdms", "audit")]
    code, shown, piped = on_a_terminal("bills", *run[1:4], stdout=False, answers=asked)
    assert (code, shown.count("keys of")) == (0, 2)
    assert "Bills" in piped


def test_a_narrow_terminal_is_kept_to_and_coloured_unless_no_color_is_set(done: tuple[object, ...]) -> None:
    code, coloured, _ = on_a_terminal("demand", *done)
    assert code == 0
    assert ESCAPE in coloured
    code, plain, _ = on_a_terminal("demand", *done, NO_COLOR="1")
    assert code == 0
    assert ESCAPE not in plain
    assert max(len(line.rstrip("\r")) for line in plain.split("\n")) <= 80


def test_the_module_and_the_script_are_the_same_program(finished: Any) -> None:
    script = Path(sys.executable).with_name("smarter")
    for words in (SMARTER, (str(script),)):
        if words == SMARTER or script.exists():
            ended = subprocess.run([*words, "--version"], capture_output=True, text=True, check=False)
            assert ended.stdout == f"smarter, version {__version__}\n"
