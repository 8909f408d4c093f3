"""The concentrator drops what it has just relayed, and nothing else: no forged frame silences a meter."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smarter.model.messages import Frame, FrameHeader
from smarter.model.views import View, acting
from smarter.parties import concentrator
from smarter.parties.concentrator import Concentrator

METER, OTHER = b"meter__1", b"meter__2"


def frame(counter: int, *, epoch: int = 1, pseudonym: bytes = METER, sealed: bytes = bytes(20)) -> bytes:
    header = FrameHeader(bytes(16), pseudonym, "aes-gcm", epoch, counter, 0, 60, 0, 1, 4)
    return Frame(header, sealed, bytes(32)).encode()


def test_a_frame_passes_as_it_came_and_its_repeat_is_dropped() -> None:
    relay = Concentrator([METER])
    assert relay.relay([frame(0), frame(1), frame(0)]) == concentrator.Relayed([frame(0), frame(1)], ["repeat"])
    assert relay.relay([frame(1), frame(2)]) == concentrator.Relayed([frame(2)], ["repeat"])


def test_the_same_counter_of_another_epoch_or_meter_is_no_repeat() -> None:
    frames = [frame(0), frame(0, epoch=2), frame(0, pseudonym=OTHER)]
    assert Concentrator([METER, OTHER]).relay(frames).frames == frames


def test_a_forged_high_counter_silences_nobody() -> None:
    relay = Concentrator([METER])
    relay.relay([frame((1 << 64) - 1), frame((1 << 64) - 2, epoch=(1 << 32) - 1)])
    honest = [frame(counter) for counter in range(5)]
    assert relay.relay(honest) == concentrator.Relayed(honest, [])


def test_a_forgery_with_a_counter_that_is_to_come_silences_nobody() -> None:
    relay = Concentrator([METER])
    forged = frame(7, sealed=b"forged" + bytes(14))
    assert relay.relay([forged, frame(7)]).frames == [forged, frame(7)]


def test_frames_out_of_order_all_pass() -> None:
    frames = [frame(counter) for counter in (5, 3, 4, 0)]
    assert Concentrator([METER]).relay(frames).frames == frames


def test_a_meter_that_is_not_served_and_bytes_that_are_no_frame_are_dropped_each_with_its_reason() -> None:
    relayed = Concentrator([METER]).relay([frame(0, pseudonym=OTHER), b"", b"junk" * 50, frame(0)])
    assert relayed == concentrator.Relayed([frame(0)], ["unknown meter", "no frame", "no frame"])


def test_what_it_remembers_is_bounded_for_each_meter_and_not_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concentrator, "REMEMBERED", 4)
    relay = Concentrator([METER, OTHER])
    relay.relay([frame(0, pseudonym=OTHER)])
    relay.relay(frame(counter) for counter in range(10))
    kept = {name: (len(recent._order), len(recent._digests)) for name, recent in relay._recent.items()}
    assert kept == {METER: (4, 4), OTHER: (1, 1)}
    assert relay.relay([frame(9), frame(0, pseudonym=OTHER)]).dropped == ["repeat", "repeat"]
    assert relay.relay([frame(5)]).frames == [frame(5)], "what is forgotten is the PES's to refuse"


def test_it_sees_headers_and_sealed_bytes_and_no_reading() -> None:
    with acting(View()) as view:
        Concentrator([METER]).relay([frame(0), frame(0)])
    assert view == replace(View(), frames=2, bytes_sealed=2 * len(frame(0)))
