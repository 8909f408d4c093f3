"""Plugins in words: options from JSON Schemas of every shape that pydantic makes, capabilities, problems, filters."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import pytest
from pydantic import BaseModel, Field

from smarter.charts.plugins import (
    PLUGINS,
    Option,
    capabilities_in_words,
    count_of,
    matching,
    options_in,
    plugin_lines,
    problem_of,
)
from smarter.registry import Listing


class Peak(BaseModel):
    """A section."""

    days: str = "mon-fri"
    hours: list[str] = Field(default_factory=list)


class Block(BaseModel):
    """One of several."""

    up_to_kwh: Decimal | None = None
    rate: Decimal


class Options(BaseModel):
    """One field of each shape."""

    key_bits: int = Field(3072, ge=256, le=16_384, description="Size of\n  the key.")
    lanes: int | None = Field(None, ge=64)
    mode: Literal["djn", "exact"] = "djn"
    share: float = Field(0.5, gt=0, le=1)
    rating: float = Field(gt=0)
    most: int = Field(7, le=1_000)
    fresh: bool = False
    peak: Peak = Field(default_factory=Peak)
    blocks: list[Block]


@pytest.fixture(scope="module")
def options() -> dict[str, Option]:
    return {option.name: option for option in options_in(Options.model_json_schema())}


LISTINGS = (
    Listing("cipher", "aes-gcm", "0.1.0", "smarter-metering", "AES-256-GCM.", {"key_bytes": 32}),
    Listing("scheme", "curve", "2.0", "acme", "ElGamal.", {"additive": True}, missing="rbcl is not installed: pip"),
    Listing("?", "acme-entry", "2.0", "acme", error="ImportError: no module named acme"),
)


def test_options_keep_the_order_of_their_model(options: dict[str, Option]) -> None:
    assert list(options) == list(Options.model_fields)
    assert options_in({}) == []


@pytest.mark.parametrize(
    ("name", "kind", "bounds", "otherwise"),
    [
        ("key_bits", "integer", "256 to 16,384", "default 3072"),
        ("lanes", "integer or null", "from 64", "default null"),
        ("mode", "djn | exact", "", 'default "djn"'),
        ("share", "number", "above 0, up to 1", "default 0.5"),
        ("rating", "number", "above 0", "required"),
        ("most", "integer", "up to 1,000", "default 7"),
        ("fresh", "boolean", "", "default false"),
        ("blocks", "list of Block", "", "required"),
    ],
)
def test_an_option_says_its_type_its_bounds_and_its_default(
    options: dict[str, Option], name: str, kind: str, bounds: str, otherwise: str
) -> None:
    option = options[name]
    assert (option.kind, option.bounds, option.otherwise) == (kind, bounds, otherwise)


def test_sections_tell_their_fields(options: dict[str, Option]) -> None:
    assert options["peak"].parts == ("days", "hours")
    assert options["blocks"].parts == ("up_to_kwh", "rate")
    assert options["key_bits"].parts == ()


def test_a_description_is_one_line(options: dict[str, Option]) -> None:
    assert options["key_bits"].description == "Size of the key."


def test_capabilities_are_flags_that_hold_and_figures() -> None:
    said = capabilities_in_words(
        {"additive": True, "insecure_demo": False, "plaintext_bits": None, "comfortable_records": 10_000, "mode": "x"}
    )
    assert said == ["additive", "comfortable records 10,000", "mode x"]


def test_a_problem_is_an_error_or_what_is_missing() -> None:
    assert [problem_of(listing) for listing in LISTINGS] == [
        None,
        "rbcl is not installed: pip",
        "broken: ImportError: no module named acme",
    ]
    assert count_of(LISTINGS) == "3 listed, 1 broken, 1 without their library"


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("", ["aes-gcm", "curve", "acme-entry"]),
        ("ACME", ["curve", "acme-entry"]),
        ("acme additive", ["curve"]),
        ("broken", ["acme-entry"]),
        ("not installed", ["curve"]),
        ("cipher bytes", ["aes-gcm"]),
        ("cipher additive", []),
    ],
)
def test_a_filter_wants_every_word_somewhere(words: str, names: list[str]) -> None:
    assert [listing.name for listing in matching(LISTINGS, words)] == names


def test_a_file_of_plugins_has_a_line_each() -> None:
    lines = [dict(zip(PLUGINS, line, strict=True)) for line in plugin_lines(LISTINGS)]
    assert [line["name"] for line in lines] == ["aes-gcm", "curve", "acme-entry"]
    assert lines[0]["capabilities"] == "key bytes 32"
    assert [line["problem"] for line in lines] == [problem_of(listing) or "" for listing in LISTINGS]
