"""Whatever encrypts, seals, wraps, stores or packs: the numbers are the same to the last milliwatt-hour."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smarter.registry import registry

CIPHERS = ["aes-gcm", "chacha20-poly1305"]
CIPHERS += [f"pycryptodome-aes-{mode}" for mode in ("gcm", "ccm", "eax", "ocb", "siv", "cbc-hmac", "ctr-hmac")]
SCHEMES = ["paillier", "paillier-rust", "paillier-phe", "paillier-lightphe", "plain"]
SMALLEST = {"paillier-rust": 2048}
KEYWRAPS = ["rsa-oaep", "pycryptodome-rsa-oaep"]
STORES = ["tinydb", "sqlite"]

# Two levels each (grace: three); any two levels of any two factors meet in some row.
WIRINGS = [
    # combine, lanes, hold, frame, grace
    ("frame", "auto", "1h", 60, "0s"),
    ("frame", "1", "1d", 1, "1h"),
    ("none", "auto", "1d", 60, "3h"),
    ("none", "1", "1h", 1, "0s"),
    ("none", "auto", "1h", 1, "1h"),
    ("frame", "1", "1h", 60, "3h"),
    ("none", "1", "1d", 60, "1h"),
    ("frame", "auto", "1d", 1, "3h"),
    ("frame", "auto", "1d", 1, "0s"),
]

WITH_GAPS = {1: (10, 95), 2: (200, 230)}
"""Meter: minutes of the span that it did not measure."""


@pytest.fixture(scope="module")
def minutes(street: Callable[..., Path]) -> Path:
    """Six homes, six hours, a reading a minute, some missing, some negative."""

    def missing(meter: int, stamp: Any) -> bool:
        low, high = WITH_GAPS.get(meter, (0, 0))
        return bool(low <= stamp.hour * 60 + stamp.minute < high)

    given = {"reading": "1min", "demand": "15min", "frame": 60, "leave_out": missing}
    return street(meters=6, end="2016-03-01 06:00", step=60, **given)


@pytest.fixture(scope="module")
def expected(
    minutes: Path, tmp_path_factory: pytest.TempPathFactory, smarter: Callable[..., Any], files_in: Callable[..., Any]
) -> Any:
    """The numbers under the scenario as it stands."""
    folder = tmp_path_factory.mktemp("expected")
    ended = smarter("run", minutes, "--verify", "--reveal-meters", "--state", folder / "state", "--out", folder / "out")
    assert ended.code == 0, ended.err
    files = files_in(folder / "out")
    assert {row["status"] for row in files.billing} == {"complete", "incomplete", "refused"}
    return files.numbers


def test_the_matrix_names_every_plugin_that_is_shipped() -> None:
    shipped = {kind: set[str]() for kind in ("cipher", "scheme", "keywrap", "store")}
    for listing in registry().listings():
        if listing.kind in shipped and listing.origin == "smarter-metering":
            shipped[listing.kind].add(listing.name)
    named = {"cipher": CIPHERS, "scheme": SCHEMES, "keywrap": KEYWRAPS, "store": STORES}
    assert shipped == {kind: set(names) for kind, names in named.items()}


@pytest.mark.parametrize(
    ("field", "plugin"),
    [("crypto.seal", name) for name in CIPHERS]
    + [("crypto.aggregate", name) for name in SCHEMES]
    + [("crypto.deliver", name) for name in KEYWRAPS]
    + [("store", name) for name in STORES],
)
def test_another_plugin_gives_the_same_numbers(
    field: str, plugin: str, minutes: Path, expected: Any, carry: Callable[..., Any]
) -> None:
    kind = {"crypto.seal": "cipher", "crypto.aggregate": "scheme", "crypto.deliver": "keywrap"}.get(field, "store")
    (listing,) = [one for one in registry().listings() if (one.kind, one.name, one.error) == (kind, plugin, None)]
    if listing.missing:
        pytest.skip(listing.missing)
    settings = [f"{field}.plugin={plugin}"]
    if field == "crypto.aggregate" and plugin != "plain":
        settings.append(f"crypto.aggregate.key_bits={SMALLEST.get(plugin, 512)}")
    if field == "crypto.deliver":
        settings.append("crypto.deliver.key_bits=1024")
    files = carry(minutes, *settings)
    assert files.numbers == expected
    role = field.rpartition(".")[2]
    assert files.result["plugins"][role]["plugin"] == plugin


@pytest.mark.parametrize(("combine", "lanes", "hold", "frame", "grace"), WIRINGS)
def test_another_way_of_packing_and_waiting_gives_the_same_numbers(
    combine: str,
    lanes: str,
    hold: str,
    frame: int,
    grace: str,
    minutes: Path,
    expected: Any,
    carry: Callable[..., Any],
) -> None:
    settings = [f"pes.combine={combine}", f"pes.lanes={lanes}", f"pes.hold={hold}", f"frame={frame}", f"grace={grace}"]
    files = carry(minutes, *settings)
    assert files.numbers == expected


def test_without_packing_and_adding_every_reading_is_encrypted_once_for_each_kind_of_window(
    minutes: Path, carry: Callable[..., Any]
) -> None:
    files = carry(minutes, "pes.combine=none", "pes.lanes=1", "frame=1")
    counts = files.result["counts"]
    # A lane that stays closed is left empty.
    withheld = sum(int(row["readings"]) for row in files.demand if row["status"] == "withheld")
    assert counts["ciphertexts"] == 2 * counts["readings"] - withheld
    assert withheld > 0


def test_packing_and_adding_save_encryptions(minutes: Path, carry: Callable[..., Any]) -> None:
    counts = carry(minutes).result["counts"]
    assert counts["ciphertexts"] < counts["readings"] / 10
