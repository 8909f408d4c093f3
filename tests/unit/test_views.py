"""Views are counted where bytes are opened, not declared: a party that looks at more than it should shows it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from smarter.api import KeyPair
from smarter.keys.derive import epoch_keys
from smarter.keys.unlock import KeyFileUnlock
from smarter.model import views
from smarter.model.events import Finished
from smarter.model.messages import Aggregate, Frame, Signed, decode_readings
from smarter.model.views import View, acting, in_the_clear
from smarter.packing import LanePlan, unpack
from smarter.parties.concentrator import Concentrator, Relayed
from smarter.parties.mdms import MDMS
from smarter.parties.meter.meter import Meter
from smarter.protocols import pes
from smarter.protocols.provision import Keyring
from smarter.run import run
from smarter.scenario import parse_scenario
from smarter.state import StateFolder

if TYPE_CHECKING:
    FinishedRun = Any

CLOCKED = ("reading_seconds",)


def counted(seen: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Views without what depends on the machine's speed: also how many windows are delivered under one wrapped key."""
    return {
        party: {
            name: count
            for name, count in view.items()
            if name not in CLOCKED and (party, name) != ("mdms", "unwrapped")
        }
        for party, view in seen.items()
    }


def views_of(text: str, state: Path, *, verify: bool = False) -> dict[str, dict[str, Any]]:
    folder = StateFolder(state)
    scenario = parse_scenario(text, source="small", base=state)
    *_, last = run(scenario, folder, unlock=KeyFileUnlock(folder.keys), verify=verify)
    assert isinstance(last, Finished)
    return counted(last.result.views)


def those_that_differ(one: dict[str, Any], other: dict[str, Any]) -> set[str]:
    return {party for party in one if one[party] != other[party]}


def test_in_an_honest_run_nobody_but_the_pes_sees_a_reading(finished_run: FinishedRun) -> None:
    seen = finished_run.result.views
    assert {party: view["readings"] for party, view in seen.items()} == {
        "meters": 2160,
        "concentrator": 0,
        "pes": 2160,
        "releaser": 0,
        "mdms": 0,
        "simulation": 0,
    }
    assert seen["pes"]["peak_readings"] == 6 * 60, "one hold of all meters"


def test_in_an_honest_run_only_the_releaser_decrypts_and_totals_go_no_further_than_the_mdms(
    finished_run: FinishedRun,
) -> None:
    seen = finished_run.result.views
    assert {party for party, view in seen.items() if view["decrypted"]} == {"releaser"}
    assert {party for party, view in seen.items() if view["household_totals"]} == {"releaser", "mdms"}
    assert (seen["mdms"]["household_totals"], seen["mdms"]["neighbourhood_totals"]) == (6 * 2, 24)
    assert (seen["releaser"]["household_totals"], seen["releaser"]["withheld_totals"]) == (6 * 2, 0)
    assert seen["concentrator"]["frames"] == seen["pes"]["frames"] == 36
    assert not any(seen["concentrator"][name] for name in ("opened", "unwrapped", "bytes_clear"))


def test_what_is_seen_does_not_depend_on_whether_the_run_was_checked_or_asked_for_again(
    finished_run: FinishedRun, small_scenario: str, tmp_path: Path
) -> None:
    checked = counted(finished_run.result.views)
    assert finished_run.result.views["mdms"]["unwrapped"] > 0
    assert views_of(small_scenario, tmp_path) == checked
    assert views_of(small_scenario, tmp_path) == checked
    assert views_of(small_scenario, tmp_path, verify=True) == checked


def test_a_concentrator_that_opens_frames_shows_in_its_view_and_in_no_other(
    finished_run: FinishedRun, small_scenario: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaked: dict[tuple[bytes, int], Any] = {}
    begin = Meter.begin_epoch

    def leaking(meter: Meter, *given: Any, **more: Any) -> tuple[bytes, bytes]:
        message, secret = begin(meter, *given, **more)
        of = {"deployment": meter._identity.deployment, "pseudonym": meter.pseudonym, "epoch": meter.epoch}
        keys = epoch_keys(secret, **of, cipher_key_bytes=meter._cipher.key_bytes)
        leaked[meter.pseudonym, meter.epoch] = meter._cipher.keyed(keys.seal)
        return message, secret

    class Curious(Concentrator):
        def relay(self, frames: Iterable[bytes]) -> Relayed:
            relayed = super().relay(frames)
            frame = Frame.decode(relayed.frames[0])
            key = leaked[frame.header.pseudonym, frame.header.epoch]
            decode_readings(key.open(frame.header.nonce, frame.sealed, frame.header.encode()), frame.header)
            return relayed

    monkeypatch.setattr(Meter, "begin_epoch", leaking)
    monkeypatch.setattr(pes, "Concentrator", Curious)
    honest, seen = counted(finished_run.result.views), views_of(small_scenario, tmp_path)
    assert those_that_differ(honest, seen) == {"concentrator"}
    assert (seen["concentrator"]["opened"], seen["concentrator"]["readings"]) == (6, 360), "a frame of each hold"


def test_an_mdms_that_decrypts_shows_in_its_view_and_in_no_other(
    finished_run: FinishedRun, small_scenario: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaked: list[tuple[Any, KeyPair]] = []
    tapped: list[bytes] = []
    keys_of, decide = Keyring.releaser, pes.PesDeployment.decide

    def leaking(keyring: Keyring, plugins: Any) -> Any:
        keys = keys_of(keyring, plugins)
        leaked.append((plugins.scheme, *keys.aggregate.values()))
        return keys

    def tapping(deployment: pes.PesDeployment, messages: list[bytes]) -> Any:
        tapped.extend(messages)
        return decide(deployment, messages)

    class Curious(MDMS):
        def receive(self, message: bytes) -> list[Any]:
            while tapped:
                asked = Aggregate.decode(Signed.decode(tapped.pop()).body)
                (scheme, pair), plan = leaked[0], LanePlan(asked.bound, asked.lane_bytes, asked.capacity)
                opened = scheme.decrypt(pair.private, scheme.load(pair.public, asked.ciphertexts[:1]))
                unpack(plan, opened, min(asked.lanes, asked.capacity), asked.kind)
            return super().receive(message)

    monkeypatch.setattr(Keyring, "releaser", leaking)
    monkeypatch.setattr(pes.PesDeployment, "decide", tapping)
    monkeypatch.setattr(pes, "MDMS", Curious)
    honest, seen = counted(finished_run.result.views), views_of(small_scenario, tmp_path)
    assert those_that_differ(honest, seen) == {"mdms"}
    assert seen["mdms"]["decrypted"] == 8
    assert seen["mdms"]["household_totals"] == 2 * honest["mdms"]["household_totals"]
    assert seen["mdms"]["neighbourhood_totals"] == 2 * honest["mdms"]["neighbourhood_totals"]


def test_whoever_acts_inside_another_is_counted_alone() -> None:
    with acting(View()) as outer:
        with acting(View()) as inner:
            views.current().opened += 1
        views.current().opened += 2
    assert (outer.opened, inner.opened) == (2, 1)
    views.current().opened += 5
    assert (outer.opened, inner.opened) == (2, 1)


def test_a_peak_is_what_was_in_the_clear_at_one_time_and_not_the_sum() -> None:
    with acting(View()) as view:
        for readings in (5, 9, 3):
            with in_the_clear() as exposure:
                views.current().readings += readings
    assert (view.readings, view.peak_readings) == (17, 9)
    assert view.reading_seconds >= 3 * exposure.seconds > 0


def test_views_add_up_and_keep_the_larger_peak() -> None:
    one = View(frames=1, readings=5, peak_readings=5, reading_seconds=0.5)
    one.absorb(View(frames=2, readings=3, peak_readings=3, reading_seconds=0.25))
    assert one == View(frames=3, readings=8, peak_readings=5, reading_seconds=0.75)
    assert View.from_dict(one.as_dict()) == one
