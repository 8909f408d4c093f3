"""The releaser opens what the rules and the ledger pass, once, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from smarter.errors import AuthenticationFailed, KeyMismatch, MalformedMessage, OutOfBounds
from smarter.keys import signing
from smarter.model.messages import Aggregate, CellTable, Signed, aggregate
from smarter.model.views import View, acting
from smarter.parties.releaser import Ledger, LedgerEntry
from smarter.releasing.rules import ReleaseRules, refuse_billing

Make = Callable[..., Any]


def signed(here: Any, asked: Aggregate) -> bytes:
    """An aggregate as the PES would send it."""
    body = asked.encode()
    return Signed(body, signing.sign(here.keys.pes_sign[1], body, aggregate.SIGNING_CONTEXT)).encode()


def altered(here: Any, message: bytes, **change: Any) -> bytes:
    """The same with other fields, signed by the PES: what a PES could ask for that has been broken into."""
    asked = replace(here.asked(message), **change)
    tables = []
    for start, end, table in zip(asked.starts, asked.ends, asked.tables, strict=False):
        inside = (table.starts >= start) & (table.starts < end)
        tables.append(CellTable(table.starts[inside], table.cells[:, inside]))
    return signed(here, replace(asked, left_out=np.zeros(asked.lanes, np.bool_), tables=tuple(tables)))


def carried(here: Any, hours: int, measured: Any = None) -> dict[str, list[bytes]]:
    """Everything that the PES asks for, by kind."""
    for low in range(0, 60 * hours, 60):
        part = {
            r: [(max(a, low), min(b, low + 60)) for a, b in s if a < low + 60 and b > low]
            for r, s in (measured or {}).items()
        }
        here.absorb(here.frames(low, low + 60, part), low, low + 60)
    by_kind: dict[str, list[bytes]] = {"demand": [], "billing": []}
    for message in here.close(1 << 40):
        by_kind[here.asked(message).kind].append(message)
    return by_kind


def statuses(decision: Any) -> list[str]:
    return [verdict.reason or verdict.status.word for verdict in decision.verdicts]


# The rules.


def test_a_demand_sum_of_too_few_meters_is_refused_and_stays_closed(street: Make) -> None:
    here = street(hours=1, billing=3600)
    half = {0: [(0, 8), (15, 22), (30, 60)], 1: [(0, 60)]}  # 8 of 15 readings count, 7 do not
    gone: dict[int, Any] = {row: [] for row in range(5, 6)}
    (message,) = carried(here, 1, half | gone)["demand"]
    decision = here.new_releaser().decide(message)
    refusal = "only 4 of at least 5 meters cover half the window"
    assert statuses(decision) == ["incomplete", refusal, "incomplete", "incomplete"]
    assert [(v.meters, v.readings, v.expected) for v in decision.verdicts[:2]] == [(5, 68, 90), (4, 67, 90)]
    assert [(entry.start, entry.status.word) for entry in decision.entries] == [
        (v.start, v.status.word) for v in decision.verdicts
    ], "what is refused is in the ledger, too, with its meters"
    assert [len(entry.meters) for entry in decision.entries] == [6 - 1, 5, 5, 5]


def test_a_billing_window_under_half_measured_is_refused_and_one_of_nothing_is_missing(street: Make) -> None:
    here = street(hours=3, rules=ReleaseRules(6, 7200))  # so that no demand is released, which rule 4 would look at
    (message,) = carried(here, 3, {0: [(0, 89)], 1: [(0, 90)], 2: [], 3: [(0, 180)]})["billing"]
    decision = here.new_releaser().decide(message)
    assert statuses(decision) == [
        "only 89 of 180 readings",
        "incomplete",
        "missing",
        "complete",
        "complete",
        "complete",
    ]


def test_a_billing_window_shorter_than_the_least_is_refused(street: Make) -> None:
    here = street(hours=2, billing=3600, rules=ReleaseRules(5, 7200))
    messages = carried(here, 2)["billing"]
    reason = "a window of 3600 s is shorter than the least of 7200 s"
    assert [status for m in messages for status in statuses(here.new_releaser().decide(m))] == [reason] * 12


def test_more_readings_than_slots_are_refused(street: Make) -> None:
    here = street(hours=3)
    (message,) = carried(here, 3)["billing"]
    asked = here.asked(message)
    counts = asked.counts.copy()
    counts[0, 2] = 181
    decision = here.new_releaser().decide(altered(here, message, counts=counts))
    assert statuses(decision) == ["complete", "complete", "more readings than slots", *["complete"] * 3]


def test_a_window_is_refused_that_is_not_as_long_as_the_pes_says(street: Make) -> None:
    """Else a minute could pass for two hours, or two hours' reading for a day's half."""
    here = street(hours=3)
    (message,) = carried(here, 3)["billing"]
    asked = here.asked(message)
    reason = "its length and slots contradict its start and end"
    for change, refusal in (
        ({"ends": asked.starts + 60}, "a window of 60 s is shorter than the least of 3600 s"),
        ({"ends": asked.ends + 86_400}, "only 180 of 1620 readings"),
        ({"ends": asked.ends + 7_200}, reason),
        ({"slots": asked.slots * 2}, reason),
        ({"interval": asked.interval * 2}, reason),
        ({"length": asked.length // 3}, reason),
    ):
        here.rules = ReleaseRules(5, 3600)
        assert set(statuses(here.new_releaser().decide(altered(here, message, **change)))) == {refusal}, change


@pytest.mark.parametrize(("least", "over", "passes"), [(10_800, 10_800, True), (10_800, 10_801, False)])
def test_a_window_lasts_no_longer_than_a_joined_one_can(street: Make, least: int, over: int, passes: bool) -> None:
    here = street(hours=6, billing=6 * 3600, rules=ReleaseRules(5, least))
    (message,) = carried(here, 6)["billing"]
    asked = here.asked(message)
    longer = {
        "length": 10_800,
        "ends": asked.ends + over - 10_800,
        "slots": -(-(asked.slots * 60 + over - 10_800) // 60),
    }
    decision = here.new_releaser().decide(altered(here, message, **longer))
    assert all(verdict.passes for verdict in decision.verdicts) is passes


def test_a_billing_window_is_judged_by_its_real_seconds_too() -> None:
    rules = ReleaseRules(5, 7_200)
    assert refuse_billing(rules, 60, 60, 7_200, 3_600) == "a window of 3600 s is shorter than the least of 7200 s"
    assert refuse_billing(rules, 60, 60, 3_600, 7_200) == "a window of 3600 s is shorter than the least of 7200 s"
    assert refuse_billing(rules, 89, 60, 7_200, 10_800) == "only 89 of 180 readings"
    assert refuse_billing(rules, 90, 60, 7_200, 10_800) is None
    assert refuse_billing(rules, 89, 60, 10_800, 7_200) == "only 89 of 180 readings"
    assert refuse_billing(rules, 90, 60, 10_800, 7_200) is None


def test_what_does_not_pass_is_opened_only_beside_what_does_and_counted_as_withheld(street: Make) -> None:
    here = street(hours=3, lanes=3)
    message = altered(here, (m := carried(here, 3)["billing"][0]), counts=here.asked(m).counts * [[1, 0, 1, 0, 0, 0]])
    releaser = here.new_releaser()
    with acting(View()) as view:
        (release,) = releaser.open([releaser.decide(message)])
    assert sorted(release.energies) == [0, 2]
    assert (view.decrypted, view.household_totals, view.withheld_totals) == (1, 3, 1)


def test_a_ciphertext_of_which_no_lane_passes_stays_closed(street: Make) -> None:
    here = street(hours=3)
    few = {row: [(0, 60)] for row in range(6)}
    releaser = here.new_releaser()
    with acting(View()) as view:
        for message in carried(here, 3, few)["billing"]:
            # The PES left the lanes empty; one that did not changes nothing.
            for asked in (message, altered(here, message, ciphertexts=(b"never looked at",))):
                (release,) = releaser.open([releaser.decide(asked)])
                assert release.energies == {}
    assert (view.decrypted, view.household_totals, view.withheld_totals) == (0, 0, 0)


# Who asks.


def test_an_aggregate_that_the_pes_did_not_sign_is_refused(street: Make) -> None:
    here = street(hours=1, billing=3600)
    (message,) = carried(here, 1)["demand"]
    sent = Signed.decode(message)
    _, stranger = signing.generate()
    forgeries = [
        Signed(sent.body, signing.sign(stranger, sent.body, aggregate.SIGNING_CONTEXT)),
        Signed(sent.body, signing.sign(here.keys.pes_sign[1], sent.body, b"smarter delivery 1")),
        Signed(replace(here.asked(message), length=901).encode(), sent.signature),
        Signed(sent.body, b""),
    ]
    releaser = here.new_releaser()
    for forgery in forgeries:
        with pytest.raises(AuthenticationFailed):
            releaser.decide(forgery.encode())
    with pytest.raises(MalformedMessage):
        releaser.decide(message[:-1])
    assert releaser.decide(message).entries, "none of them left anything in the ledger"


def test_an_earlier_signing_key_of_the_pes_still_counts(street: Make) -> None:
    here = street(hours=1, billing=3600)
    (message,) = carried(here, 1)["demand"]
    releaser = here.new_releaser()
    newer, _ = signing.generate()
    releaser._keys = replace(releaser._keys, pes=(*releaser._keys.pes, newer))
    assert releaser.decide(message).entries


@pytest.mark.parametrize("change", [{"deployment": bytes(16)}, {"key": "0" * 32}], ids=str)
def test_an_aggregate_of_another_deployment_or_key_is_refused(street: Make, change: dict[str, Any]) -> None:
    here = street(hours=1, billing=3600)
    (message,) = carried(here, 1)["demand"]
    with pytest.raises(KeyMismatch):
        here.new_releaser().decide(altered(here, message, **change))


def test_a_sum_that_does_not_fit_its_lanes_is_not_delivered(street: Make) -> None:
    here = street(hours=1, billing=3600)
    (message,) = carried(here, 1)["demand"]
    releaser = here.new_releaser()
    with pytest.raises(OutOfBounds):
        releaser.open([releaser.decide(altered(here, message, bound=1000, lane_bytes=2))])


def test_an_empty_ciphertext_for_measured_windows_is_refused(street: Make) -> None:
    here = street(hours=1, billing=3600)
    (message,) = carried(here, 1)["demand"]
    releaser = here.new_releaser()
    with pytest.raises(MalformedMessage):
        releaser.open([releaser.decide(altered(here, message, ciphertexts=(b"",)))])


# Once.


def test_after_a_crash_the_same_ciphertext_opens_again_and_no_other(street: Make) -> None:
    here = street(hours=3)
    messages = carried(here, 3)
    (message,) = messages["billing"]
    decided = here.new_releaser().decide(message)
    (release,) = here.new_releaser().open([decided])
    assert len(release.energies) == 6

    after = here.new_releaser(decided.entries)
    assert after.open([after.decide(message)]) == [release]
    assert after.open([after.decide(message)]) == [release], "as often as it takes"

    here.pes = here.new_pes()
    (again,) = carried(here, 3)["billing"]
    assert here.asked(again).ciphertexts != here.asked(message).ciphertexts
    for releaser in (after, here.new_releaser(decided.entries)):
        with acting(View()) as view:
            (release,) = releaser.open([releaser.decide(again)])
        assert release.energies == {}
        assert {v.reason for v in release.verdicts} == {"some of its readings have been in a release before"}
        assert view.decrypted == 0


def test_a_home_cannot_be_singled_out_by_the_difference_of_two_sets(street: Make) -> None:
    """The same quarter of an hour, over all homes and then over all but one."""
    here = street(hours=1, billing=3600, rules=ReleaseRules(3, 3600))
    releaser = here.new_releaser()
    (everybody,) = carried(here, 1)["demand"]
    releaser.decide(everybody)
    here.pes = here.new_pes()
    (all_but_one,) = carried(here, 1, {0: []})["demand"]
    assert {v.reason for v in releaser.decide(all_but_one).verdicts} == {
        "some of its readings have been in a release before"
    }


def test_a_window_is_released_over_one_set_of_meters_only(street: Make) -> None:
    """Its record and its place in the ledger are one; a second set would have neither."""
    here = street(hours=1, billing=3600, rules=ReleaseRules(3, 3600))
    (message,) = carried(here, 1)["demand"]
    counts, releaser = here.asked(message).counts, here.new_releaser()
    assert all(v.passes for v in releaser.decide(altered(here, message, counts=counts * [1, 1, 1, 0, 0, 0])).verdicts)
    others = altered(here, message, counts=counts * [0, 0, 0, 1, 1, 1], ciphertexts=(b"another",))
    assert {v.reason for v in releaser.decide(others).verdicts} == {
        "the window has been decided before, over other meters or in another length"
    }


def test_windows_that_overlap_released_ones_are_refused_whoever_asks_for_them_as_what(street: Make) -> None:
    here = street(hours=3, rules=ReleaseRules(3, 3600))
    messages = carried(here, 3)
    releaser = here.new_releaser()
    quarters = messages["demand"]
    releaser.decide(quarters[0])
    asked = here.asked(quarters[0])
    shifted = {"starts": asked.starts[:1] + 840, "ends": asked.ends[:1] + 840, "slots": asked.slots[:1]}
    one = {"counts": asked.counts[:1], "absent": asked.absent[:1], "ciphertexts": (asked.ciphertexts[0],)}
    for change in (
        shifted | one,
        shifted | one | {"neighbourhood": "another name for it"},
        shifted | one | {"counts": asked.counts[:1] * [1, 0, 1, 0, 1, 0]},
        {"starts": asked.starts[:1] - 900, "ends": asked.ends[-1:] + 900, "slots": asked.slots[:1] * 2} | one,
    ):
        (verdict,) = releaser.decide(altered(here, quarters[0], **change)).verdicts
        assert verdict.reason == "some of its readings have been in a release before"
    (verdict,) = releaser.decide(
        altered(here, quarters[0], starts=asked.ends[-1:], ends=asked.ends[-1:] + 900, slots=asked.slots[:1], **one)
    ).verdicts
    assert verdict.passes, "what lies beside them is free"
    assert all(v.passes for m in messages["billing"] for v in releaser.decide(m).verdicts), "and so is the other kind"


def entry(first: int, end: int, digest: bytes = b"d", meters: tuple[bytes, ...] = (b"meter__1",)) -> LedgerEntry:
    return LedgerEntry("billing", "holder", first, end, meters, digest, "lane")


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2]], ids=str)
def test_the_ledger_remembers_every_span_in_whatever_order_it_learnt_of_it(order: list[int]) -> None:
    spans = [(0, 10), (10, 20), (30, 40), (50, 60)]
    ledger = Ledger(entry(*spans[place]) for place in order)
    for first in range(-2, 62):
        for end in range(first + 1, 64):
            truth = any(low < end and first < high for low, high in spans)
            assert ledger.overlaps("billing", b"meter__1", first, end) == truth, (first, end)
    assert not ledger.overlaps("demand", b"meter__1", 0, 60)
    assert not ledger.overlaps("billing", b"meter__2", 0, 60)


def test_what_is_entered_again_after_a_crash_hides_nothing() -> None:
    """Spans are merged; one that came again inside a merged one must not stand in front of its end."""
    ledger = Ledger([entry(0, 10), entry(10, 20), entry(20, 30)])
    ledger.enter(entry(10, 20))
    assert ledger.overlaps("billing", b"meter__1", 25, 30)
    assert ledger.overlaps("billing", b"meter__1", 0, 1)
    assert not ledger.overlaps("billing", b"meter__1", 30, 40)


def test_a_ledger_grows_with_gaps_and_not_with_windows() -> None:
    ledger = Ledger(entry(10 * n, 10 * n + 10) for n in range(1000) if n != 500)
    assert {len(spans) for spans in ledger._spans.values()} == {2}
    ledger.settle()
    assert not ledger._unsettled


def test_a_ledger_that_is_taken_up_keeps_the_digests_of_what_is_asked_for_again_and_no_others() -> None:
    entries = [entry(10 * n, 10 * n + 10, b"digest %d" % n) for n in range(1000)]
    ledger = Ledger(entries, asked={b"digest 998", b"digest 999", b"of no entry"})
    assert [entry.digest for entry in ledger._unsettled.values()] == [b"digest 998", b"digest 999"]
    assert {len(spans) for spans in ledger._spans.values()} == {1}
    assert ledger.decided("billing", "holder", 9990, 10_000, b"digest 999")
    assert not ledger.decided("billing", "holder", 0, 10, b"digest 0")
    assert ledger.overlaps("billing", b"meter__1", 0, 10)


def test_what_may_be_out_and_what_shares_a_ciphertext_with_it_is_lost(street: Make) -> None:
    here = street(hours=1, billing=3600)
    (message,) = carried(here, 1)["demand"]
    second = int(here.asked(message).starts[1])
    releaser = here.new_releaser()
    releaser._ledger = Ledger(lost={"lane": second})
    decision = releaser.decide(message)
    assert {verdict.status.word for verdict in decision.verdicts} == {"lost"}
    with acting(View()) as view:
        (release,) = releaser.open([decision])
    assert (release.energies, view.decrypted) == ({}, 0)
    reasons = [verdict.reason for verdict in decision.verdicts]
    assert (len(set(reasons[1:])), reasons[0] == reasons[1]) == (1, False), "of all but the first it is the ciphertext"


def test_what_has_been_delivered_never_opens_again(street: Make) -> None:
    here = street(hours=3)
    (message,) = carried(here, 3)["billing"]
    releaser = here.new_releaser()
    (release,) = releaser.open([releaser.decide(message)])
    assert len(release.energies) == 6
    releaser.settle()
    (again,) = releaser.open([releaser.decide(message)])
    assert again.energies == {}
    assert {v.reason for v in again.verdicts} == {"some of its readings have been in a release before"}


def test_a_holder_gets_no_second_sum_of_a_window_over_other_meters() -> None:
    ledger = Ledger([entry(0, 10)])
    ledger.settle()
    assert ledger.overlaps("billing", "holder", 0, 10)
    assert not ledger.overlaps("billing", "holder", 10, 20)


def test_decided_means_this_very_ciphertext() -> None:
    ledger = Ledger([entry(0, 10, b"digest")], asked={b"digest"})
    assert ledger.decided("billing", "holder", 0, 10, b"digest")
    for other in (
        ("demand", "holder", 0, 10, b"digest"),
        ("billing", "another", 0, 10, b"digest"),
        ("billing", "holder", 0, 9, b"digest"),
        ("billing", "holder", 0, 10, b"another"),
    ):
        assert not ledger.decided(*other)


def test_windows_of_one_aggregate_that_overlap_are_refused_together(street: Make) -> None:
    """Two windows over the same minutes in one message: the ledger knows neither yet."""
    here = street(hours=1, billing=3600)
    (message,) = carried(here, 1)["demand"]
    asked = here.asked(message)
    doubled = altered(
        here, message, starts=np.repeat(asked.starts[:1], 4), ends=np.repeat(asked.ends[:1], 4)
    )  # fmt: skip
    with pytest.raises(MalformedMessage):
        here.new_releaser().decide(doubled)


def test_a_meter_that_is_named_five_times_is_not_five(street: Make) -> None:
    here = street(hours=1, billing=3600)
    (message,) = carried(here, 1)["demand"]
    with pytest.raises(MalformedMessage):
        here.new_releaser().decide(altered(here, message, meters=(here.pseudonyms[0],) * 6))
