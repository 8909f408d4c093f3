"""Which meters take part from when on, as they announce it; and what a customer's statements come to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smarter.errors import AuthenticationFailed, MalformedMessage
from smarter.keys import signing
from smarter.model.messages.epoch import PURPOSES, Purposes
from smarter.model.messages.statement import Kind, Statement
from smarter.parties.customer import CustomerSecrets
from smarter.parties.meter.statements import Standing
from smarter.parties.pes.taking_part import TakingPart
from smarter.protocols.consent import BILLS_ONLY, NOTHING, purposes_of

A, B = b"meter--a", b"meter--b"
DEPLOYMENT = bytes(16)
GRANT = "ab" * 16


@given(
    announced=st.lists(
        st.tuples(st.sampled_from([A, B]), st.integers(0, 40), st.sampled_from([(), BILLS_ONLY, PURPOSES])), max_size=12
    ),
    length=st.integers(1, 15),
)
def test_absences_are_those_of_the_last_word_on_each_slot(
    announced: list[tuple[bytes, int, Purposes]], length: int
) -> None:
    taking_part = TakingPart([A, B])
    truth = {meter: [PURPOSES] * 60 for meter in (A, B)}
    for meter, since, purposes in announced:
        taking_part.note(meter, since, purposes)
        truth[meter][since:] = [purposes] * (60 - since)
    found = [0] * 60
    for first in range(0, 60, length):
        for low, high in taking_part.absences("demand", first, min(first + length, 60)):
            for slot in range(low, high):
                found[slot] += 1
    assert found == [sum("demand" not in truth[meter][slot] for meter in (A, B)) for slot in range(60)]


def test_a_word_that_comes_between_two_holds_counts_from_its_slot_on() -> None:
    taking_part = TakingPart([A])
    taking_part.note(A, 0, PURPOSES)
    assert list(taking_part.absences("demand", 0, 10)) == []
    taking_part.note(A, 13, ())
    assert list(taking_part.absences("demand", 10, 20)) == [(13, 20)]
    taking_part.note(A, 25, PURPOSES)
    assert list(taking_part.absences("demand", 20, 30)) == [(20, 25)]
    assert list(taking_part.absences("demand", 30, 40)) == []


# What statements come to


def signed(*said: tuple[Kind, dict[str, Any]]) -> tuple[bytes, list[bytes]]:
    """The key that verifies, and the statements as they are kept."""
    secrets = CustomerSecrets(b"", signing.generate()[1])
    messages = [
        secrets.sign(Statement(DEPLOYMENT, A, number, kind, 1_000 + number, detail))
        for number, (kind, detail) in enumerate(said, start=1)
    ]
    return secrets.verify_key, messages


def standing(*said: tuple[Kind, dict[str, Any]], seen: int = 0) -> Standing:
    verify_key, messages = signed(*said)
    return Standing.of(DEPLOYMENT, A, verify_key, messages, seen)


AGREE: tuple[Kind, dict[str, Any]] = ("agree", {"notice": 1, "digest": bytes(32)})
GIVE: tuple[Kind, dict[str, Any]] = (
    "grant",
    {
        "grant": GRANT,
        "grantee": "Energy advice Ltd",
        "plugin": "rsa-oaep",
        "key": b"key",
        "window": 3600,
        "start": 0,
        "end": 7200,
        "expires": 5_000,
        "purpose": "advice",
    },
)
TAKE_BACK: tuple[Kind, dict[str, Any]] = ("revoke", {"grant": GRANT})


@pytest.mark.parametrize(
    ("said", "purposes"),
    [
        ([], NOTHING),
        ([AGREE], PURPOSES),
        ([AGREE, ("withdraw", {})], NOTHING),
        ([AGREE, ("opt-out", {})], BILLS_ONLY),
        ([AGREE, ("opt-out", {}), ("opt-in", {})], PURPOSES),
        ([AGREE, ("opt-out", {}), ("withdraw", {}), AGREE], BILLS_ONLY),
        ([("opt-in", {})], NOTHING),
        ([("agree", {"notice": 0, "digest": bytes(32)})], NOTHING),
    ],
    ids=str,
)
@pytest.mark.parametrize("consent", ["required", "assumed"])
def test_readings_are_used_for_what_a_customer_has_stated_whatever_the_scenario_says(
    said: list[tuple[Kind, dict[str, Any]]], purposes: Purposes, consent: Any
) -> None:
    assert purposes_of(standing(*said), consent) == purposes


def test_a_meter_without_a_customer_goes_by_the_scenario() -> None:
    assert (purposes_of(None, "assumed"), purposes_of(None, "required")) == (PURPOSES, NOTHING)


def test_a_grant_lives_until_it_is_revoked_or_expires() -> None:
    given_ = standing(AGREE, GIVE).grants[GRANT]
    assert (given_.window, given_.live(4_999), given_.live(5_000)) == (3600, True, False)
    revoked = standing(AGREE, GIVE, TAKE_BACK).grants[GRANT]
    assert (revoked.revoked, revoked.live(0)) == (1_003, False)


def test_a_grant_that_was_revoked_is_not_given_again_under_its_number() -> None:
    with pytest.raises(MalformedMessage, match="second time"):
        standing(AGREE, GIVE, TAKE_BACK, GIVE)


def test_revoking_what_was_never_granted_changes_nothing() -> None:
    assert standing(AGREE, TAKE_BACK).grants == {}


@pytest.mark.parametrize("take", [lambda s: s[1:], lambda s: s[::-1], lambda s: [s[0], s[0]], lambda s: [s[0], s[2]]])
def test_statements_that_are_missing_or_out_of_order_are_refused(take: Any) -> None:
    verify_key, messages = signed(AGREE, ("opt-out", {}), ("withdraw", {}))
    with pytest.raises(AuthenticationFailed, match="not whole"):
        Standing.of(DEPLOYMENT, A, verify_key, take(messages))


def test_fewer_statements_than_have_been_seen_are_refused() -> None:
    assert standing(AGREE, seen=1).notice == 1
    with pytest.raises(AuthenticationFailed, match="seen 2 of them, and there are 1"):
        standing(AGREE, seen=2)


def test_statements_to_another_meter_or_of_another_customer_are_refused() -> None:
    verify_key, messages = signed(AGREE)
    with pytest.raises(AuthenticationFailed, match="another meter"):
        Standing.of(DEPLOYMENT, B, verify_key, messages)
    with pytest.raises(AuthenticationFailed, match="another meter"):
        Standing.of(bytes(15) + b"1", A, verify_key, messages)
    with pytest.raises(AuthenticationFailed, match="does not verify"):
        Standing.of(DEPLOYMENT, A, signing.generate()[0], messages)


@pytest.mark.parametrize(
    ("kind", "detail"),
    [
        ("agree", {}),
        ("agree", {"notice": 1, "digest": b"short"}),
        ("agree", {"notice": True, "digest": bytes(32)}),
        ("opt-out", {"notice": 1}),
        ("marketing", {}),
        ("revoke", {"grant": "AB" * 16}),
        ("revoke", {"grant": "ab"}),
        ("grant", {**GIVE[1], "window": "week"}),
        ("grant", {**GIVE[1], "window": 0}),
        ("grant", {**GIVE[1], "end": 0}),
        ("grant", {**GIVE[1], "purpose": "x" * 501}),
        ("grant", {**GIVE[1], "start": -1}),
    ],
    ids=str,
)
def test_a_statement_that_says_what_cannot_be_is_neither_made_nor_read(kind: Any, detail: dict[str, Any]) -> None:
    with pytest.raises(MalformedMessage):
        Statement(DEPLOYMENT, A, 1, kind, 0, detail).encode()
