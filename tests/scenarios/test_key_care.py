"""All keys of a deployment replaced twice while it grows; old ones warned of; officers who start it; none in clear."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from smarter.keys.ages import LIFETIME
from smarter.keys.keystore import Keystore, keystores, public_entries
from smarter.keys.unlock import KeyFileUnlock
from smarter.model.events import Finished, Started
from smarter.model.messages import encode_readings
from smarter.parties.meter import meter
from smarter.protocols.provision import ROTATABLE

ENDS = ("2016-03-01 08:00", "2016-03-01 16:00", "2016-03-02")


@pytest.fixture(scope="module")
def lane(street: Callable[..., Path]) -> Path:
    """Five homes, a day of readings, and a scenario over the first eight hours of it."""
    return street(until="2016-03-02")


def test_every_key_is_replaced_between_three_spans_and_all_old_records_are_still_read(
    lane: Path, tmp_path: Path, smarter: Callable[..., Any], carry: Callable[..., Any]
) -> None:
    at_once = carry(lane, f"time.end={ENDS[-1]}").numbers
    state = tmp_path / "state"
    places = [(party, purpose) for party, purposes in ROTATABLE.items() for purpose in purposes]
    assert len(places) == 5
    names: dict[tuple[str, str], set[str]] = {place: set() for place in [*places, ("audit", "sign")]}
    for number, end in enumerate(ENDS, 1):
        setting = f"time.end={end}"
        files = carry(lane, setting, state=state)
        told = smarter("bills", lane, "--set", setting, "--state", state, "--json").out
        for (party, purpose), seen in names.items():
            entries = [e for e in public_entries(state / "keys", party) if e.purpose == purpose]
            seen.update(e.fingerprint for e in entries if e.current)
            # What unwraps is kept for what was wrapped, what signs the log for what it signed; others are forgotten.
            assert len(entries) == (number if purpose == "unwrap" or party == "audit" else 1)
            rotated = smarter("keys", "rotate", lane, party, purpose, "--set", setting, "--state", state)
            assert rotated.code == 0, rotated.err
        assert smarter("bills", lane, "--set", setting, "--state", state, "--json").out == told
        epochs = [e for e in public_entries(state / "keys", "meters") if e.purpose.startswith("epoch/")]
        assert len(epochs) == 5 * number, "each start of a meter begins a key epoch"
    assert files.numbers == at_once
    assert {len(seen) for seen in names.values()} == {len(ENDS)}
    assert carry(lane, setting, state=state).numbers == at_once
    assert smarter("audit", "verify", lane, "--set", setting, "--state", state).code == 0


def test_journal_and_store_hold_no_private_key_and_no_readings_in_the_clear(
    lane: Path, tmp_path: Path, carry: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed: list[bytes] = []

    def noting(*given: Any) -> bytes:
        sealed.append(encode_readings(*given))
        return sealed[-1]

    monkeypatch.setattr(meter, "encode_readings", noting)
    keys = tmp_path / "state" / "keys"
    carry(lane, "store.plugin=sqlite", state=keys.parent)
    entries = [
        entry for party in keystores(keys) for entry in Keystore.open(keys, party, KeyFileUnlock(keys)).entries()
    ]
    secrets = [entry.private for entry in entries] + [entry.private[-24:] for entry in entries]
    assert min(map(len, secrets)) >= 24
    assert min(map(len, sealed)) >= 24, "long enough to be there by no chance"
    assert len(sealed) >= 5 * 16
    written = {
        path.name: path.read_bytes() for path in keys.parent.rglob("*") if path.is_file() and keys != path.parent
    }
    signing = next(entry for entry in entries if entry.purpose.startswith("sign/"))
    assert signing.public in written["journal.sqlite"], "the search finds what is there"
    assert [name for name, data in written.items() if any(one in data for one in (*secrets, *sealed))] == []


def test_a_run_warns_of_old_keys_at_its_start_and_in_its_result_and_goes_on(
    lane: Path, tmp_path: Path, carry: Callable[..., Any], smarter: Callable[..., Any]
) -> None:
    from smarter.keys.unlock import unlock_from
    from smarter.run import run
    from smarter.scenario import load_scenario
    from smarter.state import locate

    scenario = load_scenario(str(lane), ())
    folder = locate(scenario.name, scenario.digest, tmp_path / "state")

    def warnings(days: float) -> tuple[str, ...]:
        at = made + timedelta(days=days).total_seconds()
        unlock = unlock_from("auto", folder.keys, environ={}, ask=None)
        events = list(run(scenario, folder, unlock=unlock, clock=lambda: at))
        (started,) = (event for event in events if isinstance(event, Started))
        (finished,) = (event for event in events if isinstance(event, Finished))
        told = tuple(warning for warning in started.warnings if "smarter keys rotate" in warning)
        assert told == tuple(warning for warning in finished.result.warnings if "smarter keys rotate" in warning)
        return told

    carry(lane, state=tmp_path / "state")
    made = (tmp_path / "state" / "keys" / "mdms.keys").stat().st_mtime
    assert warnings(LIFETIME.days - 31) == ()
    soon = warnings(LIFETIME.days - 29)
    assert len(soon) == 6
    assert all("soon reaches its 730 days" in warning for warning in soon)
    over = warnings(LIFETIME.days + 7.5)
    assert len(over) == 6
    told = "the unwrap key of mdms is 7 days past its 730 days: `smarter keys rotate` replaces it"
    assert any(told in warning for warning in over)


def test_a_span_that_grows_is_carried_on_by_officers(
    lane: Path, tmp_path: Path, smarter: Callable[..., Any], carry: Callable[..., Any]
) -> None:
    state, officers = tmp_path / "state", tmp_path / "officers"
    carry(lane, state=state)
    share = ("keys", "share", lane, "releaser", "--threshold", 3, "--officers", 5)
    assert smarter(*share, "--state", state, "--out", officers).code == 0
    paths = sorted(officers.iterdir())
    given = [part for path in paths[:3] for part in ("--shares", str(path))]
    later = carry(lane, f"time.end={ENDS[1]}", state=state, options=("--verify", *given))
    assert later.numbers == carry(lane, f"time.end={ENDS[1]}").numbers
    two = smarter("run", lane, "--set", f"time.end={ENDS[2]}", "--state", state, *given[:4])
    assert two.code == 4
    assert "3 officers and 2 came" in two.err
