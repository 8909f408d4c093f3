"""A meter and a grantee in memory: what is delivered under a grant, and what nobody gets."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from smarter.api import SYSTEM_RANDOMNESS, KeyPair
from smarter.errors import AuthenticationFailed, IntegrityError, MalformedMessage, UsageError
from smarter.export.granted import granted_csv
from smarter.keys import signing
from smarter.model.messages import Frame, Signed
from smarter.model.messages.granted import (
    NONCE,
    SIGNING_CONTEXT,
    GrantDelivery,
    GrantHeader,
    WindowSums,
)
from smarter.model.readings import ReadingBlock
from smarter.model.views import View, acting
from smarter.model.windows import Axis
from smarter.parties.grantee import Grantee, Source
from smarter.parties.meter.grants import GrantedMeter, apart_from, on_another_grid, why_not, windows_of
from smarter.parties.meter.meter import Meter, MeterIdentity
from smarter.parties.meter.statements import Grant, Standing
from smarter.protocols.grantee import Granted

START = 1_451_606_400  # 2016-01-01T00:00Z
HOUR, DAY = 3_600, 86_400
DEPLOYMENT, PSEUDONYM = bytes(range(16)), b"\7" * 8
FOREVER = 1 << 40
GRANT_ID = "ab" * 16


@pytest.fixture(scope="session")
def pairs(keys: Any) -> tuple[KeyPair, KeyPair]:
    """The grantee's key pair and a stranger's."""
    return keys.keywrap.generate(), keys.keywrap.generate()


@dataclass
class Home:
    """One meter with six hours of readings in frames that it keeps, and a grantee."""

    keys: Any
    pair: KeyPair
    signer: tuple[bytes, bytes] = field(default_factory=signing.generate)

    def __post_init__(self) -> None:
        self.axis = Axis(60)
        self.identity = MeterIdentity(DEPLOYMENT, PSEUDONYM, self.signer[1])
        self.granted = GrantedMeter(self.identity, self.keys.keywrap, self.keys.cipher, self.axis, "UTC")
        self.meter = Meter(self.identity, self.keys.cipher, self.axis, 60, 1_666_667)
        _, secret = self.meter.begin_epoch(self.keys.keywrap, self.keys.pes.public, SYSTEM_RANDOMNESS)
        self.secrets = {1: secret}
        self.first = self.axis.first_slot_from(START)
        self.energies = np.arange(360, dtype=np.int64) ** 2 - 500
        self.frames = self.seal(self.energies)

    def seal(self, energies: np.ndarray[Any, Any]) -> list[Frame]:
        sealed = self.meter.seal(ReadingBlock("", self.first, energies), self.first)
        return [Frame.decode(data) for _, _, data in sealed]

    @property
    def grant(self) -> Grant:
        pem = self.keys.keywrap.dump_public(self.pair.public)
        return Grant(GRANT_ID, "Advice", "rsa-oaep", pem, HOUR, START, START + DAY, FOREVER, "because", at=1, number=2)

    @property
    def source(self) -> Source:
        return Source(DEPLOYMENT, PSEUDONYM, GRANT_ID, self.signer[0])

    def deliver(self, number: int = 1, since: int = START, until: int = START + 6 * HOUR, **changes: Any) -> bytes:
        grant = replace(self.grant, **changes)
        windows = windows_of(grant, "UTC", since, until, START)
        return self.granted.deliver(grant, number, windows, self.granted.sums(windows, self.frames, self.secrets))

    def open(self, *messages: bytes, **changes: Any) -> list[WindowSums]:
        source = replace(self.source, **changes)
        return [one.sums for one in Grantee(self.pair.private, self.keys.keywrap).open(messages, source)]


@pytest.fixture(scope="module")
def home(keys: Any, pairs: tuple[KeyPair, KeyPair]) -> Home:
    return Home(keys, pairs[0])


class TestADelivery:
    def test_holds_the_sums_of_the_granted_windows_and_nothing_else(self, home: Home) -> None:
        (sums,) = home.open(home.deliver())
        assert sums.energies.tolist() == home.energies.reshape(6, 60).sum(axis=1).tolist()
        assert sums.starts.tolist() == [START + hour * HOUR for hour in range(6)]
        assert sums.ends.tolist() == [START + (hour + 1) * HOUR for hour in range(6)]
        assert (set(sums.readings.tolist()), set(sums.expected.tolist())) == ({60}, {60})

    def test_decrypts_to_five_numbers_a_window_to_the_byte(self, home: Home) -> None:
        delivery = GrantDelivery.decode(Signed.decode(home.deliver()).body)
        cipher = home.keys.keywrap.opener(home.pair.private, delivery.wrapped, context=delivery.header)
        plaintext = cipher.open(NONCE, delivery.sealed, delivery.header)
        hours = START + HOUR * np.arange(7)
        sums = home.energies.reshape(6, 60).sum(axis=1)
        columns = (hours[:-1], hours[1:], np.full(6, 60), np.full(6, 60), sums)
        assert plaintext == WindowSums(*(np.asarray(column, np.int64) for column in columns)).encode()
        assert len(plaintext) < 6 * 5 * 8 + 40

    def test_counts_its_totals_in_the_grantees_view_and_no_reading(self, home: Home) -> None:
        message = home.deliver()
        with acting(View()) as view:
            home.open(message)
        assert (view.household_totals, view.readings, view.frames) == (6, 0, 0)

    def test_opens_for_no_other_key(self, home: Home, pairs: tuple[KeyPair, KeyPair]) -> None:
        stranger = Grantee(pairs[1].private, home.keys.keywrap)
        with pytest.raises(AuthenticationFailed, match="delivery is for another key"):
            stranger.open([home.deliver()], home.source)

    def test_does_not_open_for_another_key_whose_name_was_put_in(
        self, home: Home, pairs: tuple[KeyPair, KeyPair]
    ) -> None:
        delivery = GrantDelivery.decode(Signed.decode(home.deliver()).body)
        header = GrantHeader.decode(delivery.header)
        forged = replace(delivery, header=replace(header, receiver=pairs[1].private.fingerprint).encode()).encode()
        message = Signed(forged, signing.sign(home.signer[1], forged, SIGNING_CONTEXT)).encode()
        with pytest.raises(AuthenticationFailed):
            Grantee(pairs[1].private, home.keys.keywrap).open([message], home.source)

    @pytest.mark.parametrize(
        "other",
        [{"deployment": bytes(16)}, {"pseudonym": bytes(8)}, {"grant": "cd" * 16}, {"verify_key": bytes(32)}],
        ids=lambda other: next(iter(other)),
    )
    def test_of_another_deployment_meter_grant_or_signer_is_refused(self, home: Home, other: dict[str, Any]) -> None:
        with pytest.raises(AuthenticationFailed):
            home.open(home.deliver(), **other)

    def test_with_any_byte_changed_is_refused(self, home: Home) -> None:
        message = home.deliver()
        for place in range(len(message)):
            altered = bytearray(message)
            altered[place] ^= 1
            with pytest.raises(IntegrityError):
                home.open(bytes(altered))

    def test_lost_repeated_or_swapped_is_noticed(self, home: Home) -> None:
        one = home.deliver(1, until=START + 2 * HOUR)
        two = home.deliver(2, since=START + 2 * HOUR, until=START + 4 * HOUR)
        three = home.deliver(3, since=START + 4 * HOUR)
        assert [len(sums) for sums in home.open(one, two, three)] == [2, 2, 2]
        for wrong in ([two, three], [one, three], [one, one, two], [two, one], [one, two, two]):
            with pytest.raises(AuthenticationFailed, match="missing or out of order"):
                home.open(*wrong)

    def test_that_brings_a_window_again_is_noticed(self, home: Home) -> None:
        with pytest.raises(AuthenticationFailed, match="delivered before"):
            home.open(home.deliver(1), home.deliver(2, since=START + HOUR))

    def test_is_not_made_for_a_key_of_another_keywrap(self, home: Home) -> None:
        with pytest.raises(UsageError, match="keywrap"):
            home.deliver(plugin="other")

    def test_is_not_made_of_other_windows_than_those_granted(self, home: Home) -> None:
        windows = windows_of(home.grant, "UTC", START, START + 6 * HOUR, START)
        finer = windows_of(replace(home.grant, window=60), "UTC", START, START + 6 * HOUR, START)
        with pytest.raises(ValueError, match="other windows"):
            home.granted.deliver(home.grant, 1, windows, home.granted.sums(finer, home.frames, home.secrets))


class TestSums:
    def sums(self, home: Home, frames: list[Frame], secrets: dict[int, bytes] | None = None) -> WindowSums:
        windows = windows_of(home.grant, "UTC", START, START + 6 * HOUR, START)
        return home.granted.sums(windows, frames, home.secrets if secrets is None else secrets)

    @pytest.mark.parametrize(("measured", "told"), [(0, False), (1, False), (29, False), (30, True), (59, True)])
    def test_a_window_of_which_less_than_half_was_measured_has_none(
        self, keys: Any, pairs: tuple[KeyPair, KeyPair], measured: int, told: bool
    ) -> None:
        home = Home(keys, pairs[0])
        frames = home.seal(home.energies[:measured]) if measured else []
        sums = self.sums(home, frames)
        assert sums.readings.tolist() == [measured, 0, 0, 0, 0, 0]
        assert sums.given.tolist() == [told, *[False] * 5]
        assert sums.energies.tolist() == [int(home.energies[:measured].sum()) if told else 0, *[0] * 5]

    @pytest.mark.parametrize(("minutes", "told"), [(1, [True] * 3), (2, [True, False])])
    def test_a_window_of_several_readings_never_tells_one_alone(
        self, home: Home, minutes: int, told: list[bool]
    ) -> None:
        """Of three readings one is in a window by itself, and one in half a window."""
        grant = replace(home.grant, window=60 * minutes)
        windows = windows_of(grant, "UTC", START, START + 60 * len(told) * minutes, START)
        assert home.granted.sums(windows, home.seal(home.energies[:3]), home.secrets).given.tolist() == told

    def test_do_not_reach_into_epochs_from_before_the_customer(self, home: Home) -> None:
        assert self.sums(home, home.frames, {}).readings.sum() == 0

    def test_leave_out_a_frame_that_was_altered(self, home: Home) -> None:
        altered = replace(home.frames[1], sealed=bytes([home.frames[1].sealed[0] ^ 1]) + home.frames[1].sealed[1:])
        assert self.sums(home, [home.frames[0], altered]).readings.tolist() == [60, 0, 0, 0, 0, 0]

    def test_leave_out_a_frame_that_a_customer_forged_with_the_seal_key(self, home: Home) -> None:
        frame = home.frames[1]
        assert self.sums(home, [replace(frame, mac=bytes(32))]).readings.sum() == 0

    def test_open_only_frames_that_reach_into_the_windows(self, home: Home) -> None:
        windows = windows_of(home.grant, "UTC", START + 2 * HOUR, START + 3 * HOUR, START)
        with acting(View()) as view:
            home.granted.sums(windows, home.frames, home.secrets)
        assert view.readings == 60


class TestWindows:
    @pytest.mark.parametrize(
        ("changes", "since", "closed", "hours"),
        [
            pytest.param({}, START, START + 3 * HOUR, [0, 1, 2], id="those that are over"),
            pytest.param({}, START, START + 3 * HOUR - 1, [0, 1], id="not the one that goes on"),
            pytest.param({}, START + 2 * HOUR, START + 4 * HOUR, [2, 3], id="from the last delivery on"),
            pytest.param({"start": START + 1}, START, START + 3 * HOUR, [1, 2], id="whole ones inside the span only"),
            pytest.param({"end": START + 2 * HOUR + 1}, START, START + DAY, [0, 1], id="also at its end"),
            pytest.param({"start": START + DAY, "end": START + 2 * DAY}, START, START + DAY, [], id="none yet"),
            pytest.param({"start": 0}, 0, START + HOUR, [0], id="none from before the meter measured"),
        ],
    )
    def test_are(self, home: Home, changes: dict[str, int], since: int, closed: int, hours: list[int]) -> None:
        starts, ends = windows_of(replace(home.grant, **changes), "UTC", since, closed, START)
        assert starts.tolist() == [START + hour * HOUR for hour in hours]
        assert ends.tolist() == [START + (hour + 1) * HOUR for hour in hours]

    def test_that_began_before_the_frames_that_are_kept_are_left_out(self, home: Home) -> None:
        starts, _ = windows_of(home.grant, "UTC", START, START + 6 * HOUR, START, START + HOUR + 1)
        assert starts[0] == START + 2 * HOUR

    def test_of_a_month_are_those_of_the_calendar(self, home: Home) -> None:
        year = replace(home.grant, window="month", end=START + 366 * DAY)
        starts, ends = windows_of(year, "UTC", START, START + 70 * DAY, START)
        assert ((ends - starts) // DAY).tolist() == [31, 29]

    def test_that_were_delivered_by_another_cut_are_left_out(self, home: Home) -> None:
        windows = windows_of(home.grant, "UTC", START, START + 6 * HOUR, START)
        starts, _ = apart_from(windows, [(START + HOUR + 1, START + 3 * HOUR - 1), (START + 5 * HOUR, START + DAY)])
        assert starts.tolist() == [START + hour * HOUR for hour in (0, 3, 4)]


class TestWhyNot:
    def standing(self, *grants: Grant) -> Standing:
        return Standing(notice=1, grants={grant.id: grant for grant in grants}, number=9)

    def test_a_live_grant_is_carried_out(self, home: Home) -> None:
        assert why_not(home.grant, self.standing(home.grant), 5) is None

    @pytest.mark.parametrize(
        ("changes", "why"), [({"revoked": 3}, "revoked"), ({"expires": 5}, "expired"), ({"expires": 4}, "expired")]
    )
    def test_a_revoked_or_expired_one_is_not(self, home: Home, changes: dict[str, int], why: str) -> None:
        grant = replace(home.grant, **changes)
        assert why in (why_not(grant, self.standing(grant), 5) or "")

    def test_nor_is_any_of_a_customer_who_does_not_agree(self, home: Home) -> None:
        assert "agree" in (why_not(home.grant, replace(self.standing(home.grant), notice=None), 5) or "")

    @pytest.mark.parametrize(
        "second",
        [{}, {"grantee": "  ADVICE "}, {"key": b"another"}],
        ids=["the same key and name", "the same name otherwise spelt", "the same name with another key"],
    )
    def test_a_second_grid_for_the_same_grantee_waits(self, home: Home, second: dict[str, Any]) -> None:
        later = replace(home.grant, id="cd" * 16, number=3, window=3 * HOUR, start=START + DAY, end=FOREVER, **second)
        standing = self.standing(home.grant, later)
        assert "other windows" in (why_not(later, standing, 5) or "")
        assert why_not(home.grant, standing, 5) is None, "the first goes on"
        revoked = self.standing(replace(home.grant, revoked=4), later)
        assert why_not(later, revoked, 5) is None

    def test_the_same_grid_or_another_grantee_is_no_hindrance(self, home: Home) -> None:
        same = replace(home.grant, id="cd" * 16, number=3)
        other = replace(home.grant, id="ef" * 16, number=4, window=60, grantee="Other", key=b"other")
        assert not on_another_grid(home.grant, same)
        assert why_not(same, self.standing(home.grant, same, other), 5) is None
        assert why_not(other, self.standing(home.grant, same, other), 5) is None


def test_a_file_says_of_each_window_whether_enough_was_measured(home: Home) -> None:
    header = GrantHeader.decode(GrantDelivery.decode(Signed.decode(home.deliver()).body).header)
    hours = START + HOUR * np.arange(5)
    columns = hours[:-1], hours[1:], [60, 30, 29, 0], [60] * 4, [5000, -500, 0, 0]
    sums = WindowSums(*(np.array(column, np.int64) for column in columns))
    lines = granted_csv([Granted(header, 1, 0, sums, b"", "list")]).splitlines()
    assert lines[0] == "grant,meter,window_start,window_end,readings,expected,energy_wh,status"
    assert [line.split(",", 4)[4] for line in lines[1:]] == [
        "60,60,5.000,complete",
        "30,60,-0.500,incomplete",
        "29,60,,refused",
        "0,60,,missing",
    ]


class TestDecoding:
    COLUMNS = ([0, 60], [60, 120], [60, 30], [60, 60], [1, 2])

    def sums(self, **changes: list[int]) -> WindowSums:
        names = ("starts", "ends", "readings", "expected", "energies")
        columns = dict(zip(names, self.COLUMNS, strict=True)) | changes
        return WindowSums(**{name: np.array(column, np.int64) for name, column in columns.items()})

    def test_takes_what_is_right(self) -> None:
        assert WindowSums.decode(self.sums().encode()).energies.tolist() == [1, 2]

    @pytest.mark.parametrize(
        "changes",
        [
            {"starts": [60, 0]},
            {"ends": [0, 120]},
            {"ends": [61, 120]},
            {"readings": [61, 30]},
            {"readings": [-1, 30]},
            {"readings": [29, 30]},
            {"starts": [0]},
            {"starts": [], "ends": [], "readings": [], "expected": [], "energies": []},
        ],
    )
    def test_refuses_columns_that_cannot_be(self, changes: dict[str, list[int]]) -> None:
        with pytest.raises(MalformedMessage):
            WindowSums.decode(self.sums(**changes).encode())

    @pytest.mark.parametrize(
        "changes",
        [{"number": 0}, {"deployment": b""}, {"grant": "ab"}, {"window": 0}, {"window": "week"}, {"end": START}],
        ids=str,
    )
    def test_refuses_headers_that_cannot_be(self, changes: dict[str, Any]) -> None:
        header = GrantHeader(DEPLOYMENT, PSEUDONYM, GRANT_ID, 1, "r", "UTC", HOUR, START, START + HOUR)
        assert GrantHeader.decode(header.encode()) == header
        with pytest.raises(MalformedMessage):
            GrantHeader.decode(replace(header, **changes).encode())
