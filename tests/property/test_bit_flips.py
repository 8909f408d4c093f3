"""One bit flipped in what a run keeps or sends: it is refused and counted, and everything else goes through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smarter.api import Record
from smarter.errors import AuthenticationFailed, MalformedMessage
from smarter.keys.signing import sign
from smarter.model.messages import Aggregate, EpochKey, Frame, Signed, epoch
from smarter.model.results import WindowRow
from smarter.model.stages import Stages
from smarter.parties.mdms import MDMS, Expected
from smarter.parties.releaser import Ledger, Releaser
from smarter.protocols.pes import PesDeployment
from smarter.protocols.plan import NeighbourhoodPlan
from smarter.protocols.provision import Keyring, open_keys
from smarter.protocols.session import recall
from smarter.releasing.rules import ReleaseRules

if TYPE_CHECKING:
    FinishedRun = Any


@dataclass(frozen=True, repr=False)
class Kept:
    """A finished run's parties, made anew from its keystores, and what was kept of it."""

    deployment: PesDeployment
    keyring: Keyring
    plan: NeighbourhoodPlan
    nothing: bytes
    frames: list[bytes]
    records: list[Record]
    mdms: Callable[[], MDMS]
    releaser: Callable[[], Releaser]

    def hold(self, first: int) -> list[bytes]:
        """All frames of the hold that begins at slot ``first``."""
        return [data for data in self.frames if Frame.decode(data).header.first_slot == first]

    def carry(self, frames: Sequence[bytes], first: int) -> tuple[int, list[str], bytes]:
        """Frames through a concentrator and a PES that know nothing yet: readings, faults, the demand's aggregate."""
        self.deployment._concentrator.restore(b"")
        self.deployment.pes.restore(self.nothing)
        relayed = self.deployment._concentrator.relay(frames)
        self.deployment.pes.close("lane", first)
        absorbed = self.deployment.pes.absorb("lane", relayed.frames, first, first + 60)
        aggregate, *_ = self.deployment.pes.close("lane", first + 60)
        return absorbed.readings, [*relayed.dropped, *absorbed.dropped], aggregate


@pytest.fixture(scope="module")
def kept(finished_run: FinishedRun) -> Kept:
    session = recall(finished_run.scenario, finished_run.state)
    assert session is not None
    keyring = open_keys(finished_run.state.keys, finished_run.unlock)
    deployment = PesDeployment(
        session.scenario, session.plans, session.roster, session.deployment, keyring, session.cryptography, [], []
    )
    meters = session.roster["lane"]
    keywrap, pes = session.cryptography.keywrap, keyring.stores["pes"].current("unwrap").fingerprint
    public = keywrap.load_public(keyring.stores["pes"].current("unwrap").public)
    for meter in meters:
        secret = keyring.stores["meters"].current(f"epoch/{meter.pseudonym.hex()}").private
        context = EpochKey.context(session.deployment, meter.pseudonym, meter.epoch)
        wrapped = keywrap.wrap(public, secret, context=context)
        body = EpochKey(session.deployment, meter.pseudonym, meter.epoch, "aes-gcm", pes, wrapped).encode()
        signature = sign(keyring.meter_signing_key(meter.pseudonym), body, epoch.SIGNING_CONTEXT)
        deployment.accept_epochs([Signed(body, signature).encode()])
    with finished_run.scenario.store.create().open(finished_run.state.store) as store:
        records = [record for kind in ("demand", "billing") for record in store.records(kind)]
    frames = [frame for meter in meters for frame in session.journal.frames(meter.pseudonym)]
    session.journal.close()
    plan, cryptography = session.plans[0], session.cryptography
    mdms_keys, releaser_keys = (
        keyring.mdms(cryptography, session.deployment, session.periods),
        keyring.releaser(cryptography),
    )
    return Kept(
        deployment,
        keyring,
        plan,
        deployment.pes.snapshot(),
        frames,
        records,
        lambda: MDMS(session.deployment, mdms_keys, keywrap),
        lambda: Releaser(
            session.deployment,
            releaser_keys,
            scheme=session.cryptography.scheme,
            keywrap=keywrap,
            rules=ReleaseRules(5, 7200),
            ledger=Ledger(),
            stages=Stages(),
        ),
    )


def flip(data: st.DataObject, message: bytes) -> bytes:
    bit = data.draw(st.integers(0, 8 * len(message) - 1), label="bit")
    return message[: bit // 8] + bytes([message[bit // 8] ^ 1 << bit % 8]) + message[bit // 8 + 1 :]


def test_without_a_flip_everything_goes_through(kept: Kept) -> None:
    assert len(kept.frames) == 36
    for first in range(kept.plan.first_slot, kept.plan.end_slot, 60):
        readings, dropped, _ = kept.carry(kept.hold(first), first)
        assert (readings, dropped) == (360, [])
    assert len(kept.records) == 24 + 6 * 2
    assert {row.status for record in kept.records for row in rows(kept, record, record)[0]} == {"complete"}


@given(st.data())
def test_a_flipped_bit_costs_the_readings_of_its_frame_and_no_others(kept: Kept, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(kept.frames) - 1), label="frame")
    header = Frame.decode(kept.frames[number]).header
    altered = flip(data, kept.frames[number])
    frames = [altered if frame == kept.frames[number] else frame for frame in kept.hold(header.first_slot)]
    readings, dropped, message = kept.carry(frames, header.first_slot)
    assert (readings, len(dropped)) == (300, 1)
    asked = Aggregate.decode(Signed.decode(message).body)
    assert asked.counts.sum(axis=0).tolist() == [0 if meter == header.pseudonym else 60 for meter in asked.meters]


@given(st.data())
def test_the_frame_itself_is_let_in_after_its_altered_copy(kept: Kept, data: st.DataObject) -> None:
    """Whoever alters a copy on the way and sends it ahead silences nobody."""
    number = data.draw(st.integers(0, len(kept.frames) - 1), label="frame")
    first = Frame.decode(kept.frames[number]).header.first_slot
    readings, dropped, _ = kept.carry([flip(data, kept.frames[number]), *kept.hold(first)], first)
    assert (readings, len(dropped)) == (360, 1)


@pytest.fixture(scope="module")
def sent(kept: Kept) -> tuple[bytes, bytes]:
    """What the PES asked for after the first hold, and what the releaser delivered."""
    first = kept.plan.first_slot
    _, _, aggregate = kept.carry(kept.hold(first), first)
    releaser = kept.releaser()
    return aggregate, releaser.deliver(releaser.open([releaser.decide(aggregate)]))


@given(st.data())
def test_an_aggregate_with_a_flipped_bit_is_not_opened_and_leaves_nothing_in_the_ledger(
    kept: Kept, sent: tuple[bytes, bytes], data: st.DataObject
) -> None:
    releaser = kept.releaser()
    with pytest.raises((AuthenticationFailed, MalformedMessage)):
        releaser.decide(flip(data, sent[0]))
    assert len(releaser.decide(sent[0]).entries) == 4


@given(st.data())
def test_a_delivery_with_a_flipped_bit_is_not_stored(
    kept: Kept, sent: tuple[bytes, bytes], data: st.DataObject
) -> None:
    with pytest.raises((AuthenticationFailed, MalformedMessage)):
        kept.mdms().receive(flip(data, sent[1]))


@given(st.data())
def test_an_announcement_with_a_flipped_bit_begins_no_epoch(kept: Kept, data: st.DataObject) -> None:
    meter = kept.deployment.meters["lane"][0]
    body = EpochKey(bytes(16), meter.pseudonym, 1 << 20, "aes-gcm", "key", b"wrapped").encode()
    signature = sign(kept.keyring.meter_signing_key(meter.pseudonym), body, epoch.SIGNING_CONTEXT)
    known = set(kept.deployment.pes._epochs.keys)
    with pytest.raises((AuthenticationFailed, MalformedMessage)):
        kept.deployment.pes.accept_epoch(flip(data, Signed(body, signature).encode()))
    assert set(kept.deployment.pes._epochs.keys) == known


def rows(kept: Kept, original: Record, stored: Record) -> tuple[list[WindowRow], MDMS]:
    """The rows of the holder of ``original``, with ``stored`` in its place."""
    grid = kept.plan.demand if original.kind == "demand" else kept.plan.billing
    due = np.full(len(grid), 90 if original.kind == "demand" else 180)
    mine = [record for record in kept.records if (record.kind, record.holder) == (original.kind, original.holder)]
    mdms = kept.mdms()
    expected = Expected(original.kind, original.holder, grid.edges, due)  # type: ignore[arg-type]
    return list(mdms.rows(expected, [stored if record == original else record for record in mine])), mdms


@given(st.data())
def test_a_flipped_bit_costs_its_record_and_no_other(kept: Kept, data: st.DataObject) -> None:
    original = data.draw(st.sampled_from(kept.records), label="record")
    whole, _ = rows(kept, original, original)
    found, mdms = rows(
        kept, original, Record(original.kind, original.holder, original.start, flip(data, original.body))
    )
    assert len(mdms.damaged) == 1
    for before, after in zip(whole, found, strict=True):
        if before.start == original.start:
            assert (after.energy, after.status, after.reason) == (None, "refused", "damaged record")
        else:
            assert after == before
