"""When keys are due, by a clock that the tests set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from smarter.keys.ages import LIFETIME, age, due
from smarter.keys.entries import KeyEntry, PublicEntry
from smarter.keys.keystore import Keystore
from smarter.keys.unlock import KeyFileUnlock
from smarter.protocols.expiry import keys_due

MADE = datetime(2026, 1, 1, tzinfo=UTC)


def key(purpose: str = "unwrap", current: bool = True) -> PublicEntry:
    return PublicEntry(purpose, "0123456789abcdef", "rsa-oaep", MADE.isoformat(), current, b"")


def after(days: float) -> float:
    return (MADE + timedelta(days=days)).timestamp()


@pytest.mark.parametrize(
    ("days", "when"), [(0, ""), (699.9, ""), (700, "soon"), (729.9, "soon"), (730, "over"), (9_000, "over")]
)
def test_a_key_is_due_after_two_years_and_said_to_be_thirty_days_ahead(days: float, when: str) -> None:
    assert timedelta(days=730) == LIFETIME
    assert due(key(), after(days)) == when
    assert age(key(), after(days)) == timedelta(days=days)


def test_another_lifetime_is_said_a_tenth_of_it_ahead_when_that_is_shorter() -> None:
    lifetime = timedelta(days=10)
    assert [due(key(), after(days), lifetime) for days in (0, 8.9, 9, 10)] == ["", "", "soon", "over"]


def test_earlier_keys_and_those_that_change_by_themselves_are_never_due() -> None:
    assert due(key(current=False), after(9_000)) == ""
    for purpose in ("sign/0123", "epoch/0123", "identify", "precompute"):
        assert due(key(purpose), after(9_000)) == ""


def test_the_warning_names_key_party_and_command_and_needs_no_secret(tmp_path: Path) -> None:
    store = Keystore.create(tmp_path, "mdms", KeyFileUnlock(tmp_path))
    store.add(KeyEntry("unwrap", "0123456789abcdef", "rsa-oaep", MADE.isoformat(), True, b"", b"secret"))
    store.save()
    (tmp_path / "mdms.key").unlink()
    assert list(keys_due(tmp_path, after(600))) == []
    (warning,) = keys_due(tmp_path, after(710))
    assert warning.startswith("the unwrap key of mdms soon reaches its 730 days: `smarter keys rotate`")
    (warning,) = keys_due(tmp_path, after(741.5))
    assert warning.startswith("the unwrap key of mdms is 11 days past its 730 days")
