"""What the PES lets in: each bad frame is dropped with its reason, and costs nobody else a reading."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from smarter.api import SYSTEM_RANDOMNESS
from smarter.errors import AuthenticationFailed
from smarter.keys.derive import epoch_keys
from smarter.keys.signing import sign
from smarter.model.messages import EpochKey, Frame, Signed, encode_readings, epoch
from smarter.model.views import View, acting
from smarter.parties.meter.meter import Meter, MeterIdentity

if TYPE_CHECKING:
    Make = Callable[..., Any]


def forged(street: Any, row: int, **header: Any) -> bytes:
    """A frame of the first slot that a meter itself could make: right keys, and a header or readings as asked for."""
    readings = header.pop("readings", np.array([5], np.int64))
    meter = street.meters[row]
    genuine = Frame.decode(street.seal(row, 0, 1)[0]).header
    header = genuine._replace(**{"count": len(readings), "counter": 99, **header})
    aad = header.encode()
    maced = aad + meter._seal.seal(header.nonce, encode_readings(readings, header.width), aad)
    mac = meter._mac.copy()
    mac.update(maced)
    return maced + mac.finalize()


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def test_all_readings_of_good_frames_are_absorbed(street: Make) -> None:
    here = street()
    absorbed = here.absorb(here.frames(0, 60), 0, 60)
    assert (absorbed.readings, absorbed.dropped) == (360, [])


def bad_frames(here: Any) -> dict[str, tuple[bytes, str]]:
    first, first_slot = here.seal(0, 0, 60)[0], here.first
    replayed = here.seal(1, 0, 60)[0]
    here.absorb([replayed], 0, 60)
    return {
        "tampered text": (flipped(first, len(first) // 2), "authentication failed"),
        "tampered mac": (flipped(first, len(first) - 1), "authentication failed"),
        "moved to another slot": (flipped(first, 37), "authentication failed"),
        "passed off as another meter's": (first.replace(here.pseudonyms[0], here.pseudonyms[1], 1), "authentication"),
        "of a meter that is not enrolled": (first.replace(here.pseudonyms[0], b"stranger", 1), "unknown meter"),
        "of an epoch never announced": (forged(here, 0, epoch=7), "unknown key epoch"),
        "of another deployment": (forged(here, 0, deployment=bytes(16)), "of another deployment or cipher"),
        "of another cipher": (forged(here, 0, cipher="rot13"), "of another deployment or cipher"),
        "on another interval": (forged(here, 0, interval=30), "on another slot axis"),
        "on another phase": (forged(here, 0, phase=1), "on another slot axis"),
        "replayed": (replayed, "too late, or a replay"),
        "late": (here.seal(2, 59, 60)[0], "too late, or a replay"),
        "before all time": (forged(here, 0, first_slot=-(1 << 63)), "too late, or a replay"),
        "ahead of the clock": (here.seal(3, 120, 121)[0], "ahead of the clock"),
        "reaching beyond the hold": (here.meters[3].seal(_block(here, 3, 119, 121), here.first)[0][2], "ahead"),
        "after all time": (forged(here, 0, first_slot=(1 << 63) - 1), "ahead of the clock"),
        "beyond the rating": (
            forged(here, 5, first_slot=first_slot + 60, readings=np.array([1_666_668], np.int64)),
            "a reading beyond the meter's rating",
        ),
        "beyond the rating, exported": (
            forged(here, 5, first_slot=first_slot + 60, width=8, readings=np.array([-(1 << 63)], np.int64)),
            "a reading beyond the meter's rating",
        ),
        "no frame at all": (b"junk", "no frame"),
    }


def _block(here: Any, row: int, first: int, end: int) -> Any:
    from smarter.model.readings import ReadingBlock

    return ReadingBlock("", here.first + first, here.readings(row, first, end))


def test_every_bad_frame_is_dropped_with_its_reason_and_the_others_go_through(street: Make) -> None:
    here = street(frame=240)
    bad = bad_frames(here)
    good = here.frames(60, 120)
    frames = [data for data, _ in bad.values()]
    # Some before each good one, so that what is bad must not have touched anything.
    mixed = [data for place, one in enumerate(good) for data in (*frames[4 * place : 4 * place + 4], one)]
    absorbed = here.absorb(mixed, 60, 120)
    assert absorbed.readings == 360
    for (name, (_, reason)), said in zip(bad.items(), absorbed.dropped, strict=True):
        assert said.startswith(reason), name


def test_a_frame_counts_once_however_often_and_in_whatever_pieces_it_comes(street: Make) -> None:
    here = street()
    whole = here.seal(0, 0, 60)
    absorbed = here.absorb([*whole, *whole, *here.seal(0, 30, 40)], 0, 60)
    assert (absorbed.readings, absorbed.dropped) == (60, ["its readings are there already"] * 2)


def test_a_frame_that_repeats_only_some_readings_is_dropped_as_a_whole(street: Make) -> None:
    here = street()
    absorbed = here.absorb([*here.seal(0, 0, 30), *here.seal(0, 29, 60)], 0, 60)
    assert (absorbed.readings, len(absorbed.dropped)) == (30, 1)


def test_within_the_grace_late_frames_are_let_in_once_and_beyond_it_not(street: Make) -> None:
    here = street(grace=30)
    late = [*here.seal(0, 30, 60), *here.seal(1, 29, 60)]
    here.absorb(here.frames(0, 60, {0: [(0, 30)], 1: [(0, 29)]}), 0, 60)
    absorbed = here.absorb([*late, *here.frames(60, 120)], 60, 120)
    assert absorbed.readings == 30 + 6 * 60
    assert absorbed.dropped == ["too late, or a replay"]
    here = street(grace=30)
    here.absorb(here.frames(0, 60), 0, 60)
    assert here.absorb(here.seal(0, 30, 60), 60, 120).dropped == ["its readings are there already"]


def test_earlier_epochs_are_kept_for_frames_on_their_way_but_not_without_end(
    street: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smarter.parties.pes.epochs.EPOCHS_KEPT", 2)
    here = street()
    on_its_way = here.seal(0, 0, 30)
    here.pes.accept_epoch(here.announce(0))
    absorbed = here.absorb([*on_its_way, *here.seal(0, 30, 60)], 0, 60)
    assert (absorbed.readings, absorbed.dropped) == (60, [])
    for _ in range(2):
        here.pes.accept_epoch(here.announce(0))
    assert here.absorb(on_its_way, 60, 120).dropped == ["unknown key epoch"]


def test_an_announcement_is_taken_once_and_never_after_a_later_one(street: Make) -> None:
    here = street()
    second = here.announce(0)
    here.pes.accept_epoch(second)
    for replayed in (here.announcements[0], second):
        with pytest.raises(AuthenticationFailed):
            here.pes.accept_epoch(replayed)
    assert here.absorb(here.seal(0, 0, 60), 0, 60).readings == 60


def announcement(here: Any, signer: int, **change: Any) -> bytes:
    """A second epoch of the first meter, changed and signed by ``signer``."""
    keys, pseudonym = here.keys, here.pseudonyms[0]
    context = EpochKey.context(bytes(range(16)), pseudonym, 2)
    wrapped = keys.keywrap.wrap(keys.pes.public, bytes(32), context=context)
    fields = EpochKey(bytes(range(16)), pseudonym, 2, keys.cipher.name, keys.pes.public.fingerprint, wrapped)
    body = replace(fields, **change).encode()
    return Signed(body, sign(here.meters[signer]._identity.signing_key, body, epoch.SIGNING_CONTEXT)).encode()


@pytest.mark.parametrize(
    ("signer", "change"),
    [
        (1, {}),
        (0, {"deployment": bytes(16)}),
        (0, {"cipher": "rot13"}),
        (0, {"receiver": "somebody else"}),
        (0, {"pseudonym": b"stranger"}),
        (0, {"epoch": 3}),
        (0, {"wrapped": b"junk"}),
    ],
    ids=str,
)
def test_an_announcement_that_is_not_that_meters_own_for_this_pes_is_refused(
    street: Make, signer: int, change: dict[str, Any]
) -> None:
    here = street()
    with pytest.raises(AuthenticationFailed):
        here.pes.accept_epoch(announcement(here, signer, **change))
    here.pes.accept_epoch(announcement(here, 0))
    assert here.absorb(here.seal(0, 0, 60), 0, 60).readings == 60, "the epoch before still opens"


def test_what_opens_a_frame_is_not_what_a_customer_gets(street: Make) -> None:
    """A customer has the seal key: they can read all frames and forge none."""
    here = street()
    meter = here.meters[0]
    message, secret = meter.begin_epoch(here.keys.keywrap, here.keys.pes.public, SYSTEM_RANDOMNESS)
    here.pes.accept_epoch(message)
    keys = epoch_keys(
        secret,
        deployment=bytes(range(16)),
        pseudonym=here.pseudonyms[0],
        epoch=meter.epoch,
        cipher_key_bytes=here.keys.cipher.key_bytes,
    )
    genuine = Frame.decode(here.seal(0, 0, 1)[0])
    customer = here.keys.cipher.keyed(keys.seal)
    aad = genuine.header.encode()
    assert customer.open(genuine.header.nonce, genuine.sealed, aad)
    lowered = customer.seal(genuine.header.nonce, encode_readings(np.array([0], np.int64), 4), aad)
    for mac in (genuine.mac, hmac.digest(keys.seal, aad + lowered, "sha256")):
        assert here.absorb([aad + lowered + mac], 0, 60).dropped == ["authentication failed"]


def test_a_meter_of_another_deployment_with_the_same_pseudonym_is_not_let_in(street: Make) -> None:
    here = street()
    identity = MeterIdentity(bytes(16), here.pseudonyms[0], here.meters[0]._identity.signing_key)
    stranger = Meter(identity, here.keys.cipher, here.axis, 60, 1_666_667)
    message, _ = stranger.begin_epoch(here.keys.keywrap, here.keys.pes.public, SYSTEM_RANDOMNESS)
    with pytest.raises(AuthenticationFailed):
        here.pes.accept_epoch(message)
    (_, _, data), *_ = stranger.seal(_block(here, 0, 0, 60), here.first)
    assert here.absorb([data], 0, 60).dropped == ["authentication failed"]


def test_what_is_dropped_unopened_is_not_in_the_view_and_peaks_are_those_of_one_hold(street: Make) -> None:
    here = street()
    holds = [[*here.frames(0, 60), flipped(here.seal(0, 0, 60)[0], 80)], here.frames(60, 120, {0: []})]
    with acting(View()) as view:
        for number, frames in enumerate(holds):
            here.absorb(frames, 60 * number, 60 * number + 60)
    assert (view.frames, view.opened, view.readings) == (12, 11, 660)
    assert (view.peak_readings, view.decrypted) == (360, 0)
