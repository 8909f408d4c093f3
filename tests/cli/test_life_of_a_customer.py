"""A customer's life from notice to erasure, on real minutes, by the commands that a person gives."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from smarter.keys.passwords import Pbkdf2Cost
from smarter.protocols import login as login_module

Call = Callable[..., Any]
METER = "apt3"
SMALL = (
    "insecure_demo=true",
    "crypto.aggregate.key_bits=1024",
    "crypto.deliver.key_bits=1024",
    "consent=required",
)
HOUR = timedelta(hours=1)


@pytest.fixture
def ok(call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., str]:
    """Give a command on a state of the test's own: what it prints, when it ends well."""
    monkeypatch.setattr(login_module, "DEFAULT_COST", Pbkdf2Cost(1))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("SMARTER_PASSWORD", "plaid-otter-vending-41")
    monkeypatch.setenv("SMARTER_KEY_PASSPHRASE", "four words nobody guesses")
    monkeypatch.chdir(tmp_path)

    def give(command: str, *rest: object, end: str = "2016-01-04", code: int = 0) -> str:
        sets = [part for each in (*SMALL, f"time.end={end}") for part in ("--set", each)]
        ended = call(*command.split(), "quickstart", *sets, "--state", tmp_path / "state", *rest)
        assert ended.code == code, ended
        return str(ended.out if code == 0 else ended.err)

    return give


def readings_of(file: Path, end: str) -> dict[datetime, int]:
    """A home's readings in mWh by the cumulative register, reckoned here by itself from the file's decimal text."""
    rows = [row for row in csv.reader(file.read_text().splitlines()) if row[0] < end]
    microwatts = [int((Decimal(power) * 10**9).to_integral_value()) for _, power in rows]
    register = [(total * 60 * 2 + 3_600_000) // (2 * 3_600_000) for total in accumulate(microwatts, initial=0)]
    return {
        datetime.fromisoformat(row[0]): after - before
        for row, (before, after) in zip(rows, pairwise(register), strict=True)
    }


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def local(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp).replace(tzinfo=None)


def test_a_customers_life(
    ok: Callable[..., str], checkout: Path, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = readings_of(checkout / "data" / "sample-week" / f"{METER}.csv", "2016-01-04")

    # Notice and enrolment; nobody has agreed on the first day, and nobody else does later.
    ok("run", "--quiet", end="2016-01-02")
    assert "cannot be called back" in call("customer", "notice", "quickstart").out
    monkeypatch.setenv("SMARTER_CODE", ok("customer invite", METER, "--since", "start", end="2016-01-02").strip())
    ok("customer enrol", "--name", "ada", "--agree", "2", end="2016-01-02")
    monkeypatch.delenv("SMARTER_CODE")
    ok("customer login", "--name", "ada", end="2016-01-02")
    ok("run", "--quiet", "--verify", "--out", "results")

    # She sees every minute, from before she agreed too, equal to the source file.
    own = {local(row["start"]): row["energy_wh"] for row in table(ok("customer export"))}
    assert own == {at: f"{Decimal(energy) / 1000:.3f}" for at, energy in source.items()}

    # Her bill has what she used since she agreed, to the cent; what differs is the day before, window by window.
    billing = table((tmp_path / "results" / "billing.csv").read_text())
    complete = [row for row in billing if row["status"] == "complete"]
    assert {row["status"] for row in billing} == {"complete", "missing"}
    assert {local(row["window_start"]).day for row in complete} == {2, 3}
    (meter,) = {row["meter"] for row in complete}
    (check,) = json.loads(ok("customer check-bill", "--json"))
    since = sum(energy for at, energy in source.items() if at.day > 1)
    assert (check["billed_mwh"], check["own_mwh"]) == (since, sum(source.values()))
    assert [local(each["start"]).hour for each in check["differences"]] == list(range(0, 24, 3))
    assert all("did not agree" in each["why"] and local(each["start"]).day == 1 for each in check["differences"])

    # An hour is what the third party is granted, for a month, and an hour is what it reads.
    call("grants", "new-key", "advice.pem")
    ok("customer grant", "--key", "advice.pub.pem", "--name", "Advice Ltd", "--purpose", "save energy",
       "--window", "1h", "--from", "2016-01-01", "--until", "2016-02-01", "--out", "grant.json")  # fmt: skip
    granted = table(ok("grants read", "--key", "advice.pem", "--document", "grant.json"))
    hours = [local("2016-01-01T00:00") + place * HOUR for place in range(3 * 24)]
    assert [(local(row["window_start"]), local(row["window_end"])) for row in granted] == [
        (hour, hour + HOUR) for hour in hours
    ]
    assert [row["energy_wh"] for row in granted] == [
        f"{Decimal(sum(energy for at, energy in source.items() if hour <= at < hour + HOUR)) / 1000:.3f}"
        for hour in hours
    ]

    # Revoked, it reads nothing more, whatever happens afterwards.
    (grant,) = {row["grant"] for row in granted}
    ok("customer revoke", grant)
    ok("run", "--quiet", end="2016-01-05")
    assert "revoked" in ok("grants read", "--key", "advice.pem", end="2016-01-05", code=3)

    # What she takes along another program can add up: ESPI, mWh by its multiplier of -3.
    feed = ElementTree.fromstring(ok("customer export", "--format", "green-button", "--until", "2016-01-04"))
    espi = "{http://naesb.org/espi}"
    assert [each.text for each in feed.iter(f"{espi}powerOfTenMultiplier")] == ["-3"]
    values = [
        int(each.text or "") for reading in feed.iter(f"{espi}IntervalReading") for each in reading.iter(f"{espi}value")
    ]
    assert sum(values) == sum(source.values())

    # Erased: her minutes and her billing windows are gone, her bill is not.
    bill = ok("bills", end="2016-01-05")
    receipt = json.loads(ok("customer erase", "--yes", "--json", end="2016-01-05"))
    assert receipt
    assert "erased" in ok("customer show", end="2016-01-05", code=3)
    assert ok("bills", end="2016-01-05") == bill
    ok("run", "--quiet", "--out", "after", end="2016-01-05")
    after = table((tmp_path / "after" / "billing.csv").read_text())
    assert {row["status"] for row in after if row["meter"] == meter} == {"erased"}
    assert not any(row["energy_wh"] for row in after if row["meter"] == meter)

    # All of it is in the audit log, which verifies, and she may read there what concerns her.
    actions = {entry["action"] for entry in json.loads(ok("customer log", "--json", end="2016-01-05"))}
    assert actions >= {"enrolment", "consent", "login", "read", "export", "grant", "delivery", "revocation", "erasure"}
    assert "whole" in ok("audit verify", end="2016-01-05")
