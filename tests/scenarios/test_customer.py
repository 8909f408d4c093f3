"""A customer's life: invited, enrolled, sees every minute, checks the bill, moves out; and what nobody else can do."""

from __future__ import annotations

import dataclasses
import inspect
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smarter.errors import AuthenticationFailed, SmarterError, UsageError, WrongCredentials
from smarter.keys import signing
from smarter.keys.codes import read_code
from smarter.keys.derive import epoch_keys
from smarter.keys.keystore import Keystore
from smarter.keys.passwords import Pbkdf2Cost
from smarter.keys.unlock import KeyFileUnlock
from smarter.model.events import Finished
from smarter.model.messages.enrolment import EnrolmentAnswer, EnrolmentRequest, WrappedSealKey
from smarter.model.messages.wire import Signed
from smarter.parties.customer import Customer, CustomerSecrets, Enrolling, OwnReadings
from smarter.protocols.bill_check import BillCheck
from smarter.protocols.customer_desk import CustomerDesk
from smarter.protocols.customer_keys import CustomerKeys
from smarter.protocols.enrolment import Enrolled, enrol, find_meter, invite, move_out
from smarter.protocols.holder import Holder
from smarter.protocols.intake import Intake
from smarter.protocols.login import Login
from smarter.protocols.notice import notice_of
from smarter.protocols.plan import plan_run
from smarter.protocols.readable_from import from_start
from smarter.protocols.session import Session, recall, reporting
from smarter.run import run
from smarter.scenario import Scenario, parse_scenario
from smarter.state import Accounts, StateFolder

PASSWORD = "plaid-otter-vending-41"
STATES = signing.generate()[0]
HOURS = 3600
START = 1_451_606_400
"""2016-01-01, midnight UTC."""


@dataclass
class Lane:
    """Six homes with a state of their own, and everything that opens it."""

    text: str
    state: StateFolder
    base: Path

    def __post_init__(self) -> None:
        self.unlock = KeyFileUnlock(self.state.keys)
        self.until = "06:00"

    @property
    def scenario(self) -> Scenario:
        return parse_scenario(
            self.text.replace("end: 2016-01-01 06:00", f"end: 2016-01-01 {self.until}"), source="small", base=self.base
        )

    def run(self, until: str = "06:00") -> None:
        self.until = until
        *_, last = run(self.scenario, self.state, unlock=self.unlock, verify=True)
        assert isinstance(last, Finished)

    @contextmanager
    def opened(self) -> Iterator[tuple[Session, Login, Keystore]]:
        session = recall(self.scenario, self.state)
        assert session is not None
        accounts = Accounts(self.state.accounts, lambda: 1e9)
        try:
            store = Keystore.open(self.state.keys, "meters", self.unlock)
            yield session, Login(accounts, session.deployment, Pbkdf2Cost(1)), store
        finally:
            accounts.close()
            session.journal.close()

    def invite(self, home: str) -> str:
        with self.opened() as (session, login, store):
            meter = find_meter(session, home)
            return invite(session, login, store, meter, from_start(session, store, meter))

    def enrol(self, code: str, name: str) -> Enrolled:
        with self.opened() as (session, login, store):
            notice = notice_of(self.scenario)
            return enrol(session, login, store, code=code, name=name, password=PASSWORD, notice=notice)

    def settle(self, home: str, name: str) -> Enrolled:
        return self.enrol(self.invite(home), name)

    def move_out(self, name: str) -> None:
        with self.opened() as (session, login, store):
            move_out(session, login, store, login.resume(login.log_in(name, PASSWORD)).account)

    @contextmanager
    def desk(self, name: str) -> Iterator[CustomerDesk]:
        with self.opened() as (session, login, _):
            yield CustomerDesk(session, login.resume(login.log_in(name, PASSWORD)))

    def own(self, name: str) -> OwnReadings:
        with self.desk(name) as desk:
            return desk.readings()

    def checked(self, name: str) -> list[BillCheck]:
        with self.opened() as (session, login, _):
            desk = CustomerDesk(session, login.resume(login.log_in(name, PASSWORD)))
            with reporting(session, self.state, self.unlock) as report:
                return desk.check_bills(desk.readings(), report)

    def source(self, home: str) -> np.ndarray[Any, Any]:
        """What the run takes from the file of a home."""
        (plan,) = plan_run(self.scenario)
        meter = next(meter for meter in plan.meters if meter.name == home)
        blocks = Intake(plan, meter).take(plan.first_slot, plan.end_slot)
        return np.concatenate([block.energies for block in blocks])

    def edit(self, file: Path, statement: str, *values: object) -> None:
        with closing(sqlite3.connect(file)) as opened, opened:
            opened.execute(statement, values)


@pytest.fixture(scope="module")
def make_lane(small_scenario: str, checkout: Path) -> Callable[..., Lane]:
    def make(folder: Path, **changes: str) -> Lane:
        text = small_scenario
        for old, new in changes.items():
            text = text.replace(old, new)
        return Lane(text, StateFolder(folder), checkout)

    return make


@pytest.fixture(scope="module")
def finished(make_lane: Callable[..., Lane], tmp_path_factory: pytest.TempPathFactory) -> Lane:
    """Run to its end: ada lives in home1, bob in home2. For looking at only."""
    lane = make_lane(tmp_path_factory.mktemp("lane"))
    lane.run()
    lane.settle("home1", "ada")
    lane.settle("home2", "bob")
    return lane


@pytest.fixture
def lane(finished: Lane, make_lane: Callable[..., Lane], tmp_path: Path) -> Lane:
    """The same, to do with as one likes."""
    return make_lane(shutil.copytree(finished.state.path, tmp_path / "state"))


class TestOwnReadings:
    def test_are_those_of_the_source_to_the_milliwatt_hour(self, finished: Lane) -> None:
        own = finished.own("ada")
        assert own.energies.tolist() == finished.source("home1").tolist()
        assert own.slots.tolist() == list(range(START // 60, START // 60 + 360))
        assert (own.sealed, own.damaged) == ((), 0)

    def test_add_up_to_the_exact_energy_of_the_file_within_one(self, finished: Lane) -> None:
        exact = sum(Fraction((97 + m * 13) % 700 - 100, 100) for m in range(360)) * 1_000_000 / 60
        assert abs(int(finished.own("ada").energies.sum()) - exact) <= 1

    def test_are_those_of_the_own_meter_only(self, finished: Lane) -> None:
        assert finished.own("bob").energies.tolist() == finished.source("home2").tolist()

    def test_are_counted_in_the_customers_view(self, finished: Lane) -> None:
        with finished.desk("ada") as desk:
            desk.readings()
            assert (desk.view.readings, desk.view.frames, desk.view.unwrapped) == (360, 6, 1)

    def test_are_one_block_without_gaps(self, finished: Lane) -> None:
        (block,) = finished.own("ada").blocks()
        assert (block.first_slot, len(block)) == (START // 60, 360)

    @pytest.mark.parametrize(("by", "rows"), [("minute", 360), ("hour", 6), ("day", 1), ("month", 1)])
    def test_cost_what_the_bill_says_however_they_are_gathered(self, finished: Lane, by: Any, rows: int) -> None:
        with finished.desk("ada") as desk:
            own = desk.readings()
            uses = desk.use(own, by, *own.span)
            assert len(uses) == rows
            assert sum(use.window.energy or 0 for use in uses) == int(own.energies.sum())
            total = sum(use.cost for use in uses if use.cost is not None)
            (bill,) = desk.bills(own)
            assert bill.amount is not None
            assert abs(total - bill.amount) < Fraction(6, 1000)

    def test_of_a_part_are_those_within(self, finished: Lane) -> None:
        with finished.desk("ada") as desk:
            own = desk.readings()
            uses = desk.use(own, "hour", START + HOURS, START + 3 * HOURS)
            assert [use.window.start for use in uses] == [START + HOURS, START + 2 * HOURS]
            assert uses[0].window.energy == int(own.energies[60:120].sum())

    def test_are_read_while_a_run_has_the_state(self, finished: Lane) -> None:
        with finished.state.locked():
            assert len(finished.own("ada")) == 360


class TestBillCheck:
    def test_a_bill_is_right_to_the_cent(self, finished: Lane) -> None:
        for name in ("ada", "bob"):
            (check,) = finished.checked(name)
            assert check.matches
            assert check.own is not None
            assert check.own.amount == check.bill.amount is not None
            assert check.own.lines == check.bill.lines
            assert (check.differences, check.unseen, check.withheld, check.excess) == ((), 0, 0, 0)

    @pytest.mark.parametrize("kind", ["tamper", "delay"])
    def test_readings_that_the_pes_never_got_are_named_with_their_window(
        self, make_lane: Callable[..., Lane], tmp_path: Path, kind: str
    ) -> None:
        lane = make_lane(tmp_path)
        by = ", by: 3h" if kind == "delay" else ""
        lane.text += f"faults: [{{kind: {kind}, neighbourhood: lane, meter: home1, at: 2016-01-01 01:10{by}}}]\n"
        lane.run()
        lane.settle("home1", "ada")
        (check,) = lane.checked("ada")
        (difference,) = check.differences
        lost = int(lane.source("home1")[60:120].sum())
        assert not check.matches
        assert (difference.start, difference.end) == (START, START + 3 * HOURS)
        assert (difference.own or 0) - (difference.billed or 0) == lost
        assert (difference.own_readings, difference.billed_readings) == (180, 120)
        assert "60 readings that the meter took never reached the PES" in difference.why
        assert lane.own("ada").energies.tolist() == lane.source("home1").tolist()

    def test_a_bill_that_was_made_up_is_found_out(self, finished: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
        from smarter.protocols.report import Report

        real = Report.household

        def dearer(report: Report, pseudonym: str, neighbourhood: str) -> list[Any]:
            first, *rest = real(report, pseudonym, neighbourhood)
            return [dataclasses.replace(first, energy=(first.energy or 0) + 4_000_000), *rest]

        monkeypatch.setattr(Report, "household", dearer)
        (check,) = finished.checked("ada")
        (difference,) = check.differences
        assert (difference.billed or 0) - (difference.own or 0) == 4_000_000
        assert "another energy" in difference.why
        assert check.excess == 1  # 4 kWh at 0.25

    def test_windows_whose_frames_do_not_verify_are_said_not_to_be_seen(self, lane: Lane) -> None:
        damage_a_frame(lane, "home1")
        (check,) = lane.checked("ada")
        assert (check.matches, check.own, check.unseen, check.differences) == (False, None, 1, ())


def damage_a_frame(lane: Lane, home: str) -> None:
    with lane.opened() as (session, _, _):
        pseudonym = find_meter(session, home).pseudonym
        frame = bytearray(next(session.journal.frames(pseudonym)))
    frame[80] ^= 1
    lane.edit(
        lane.state.journal,
        "UPDATE frames SET frame = ? WHERE rowid = (SELECT min(rowid) FROM frames WHERE pseudonym = ?)",
        bytes(frame),
        pseudonym,
    )


def test_a_frame_that_was_altered_is_left_out_and_counted(lane: Lane) -> None:
    damage_a_frame(lane, "home1")
    own = lane.own("ada")
    assert (len(own), own.damaged) == (300, 1)


def test_frames_of_another_meter_that_are_slipped_in_are_left_out(lane: Lane) -> None:
    with lane.opened() as (session, _, _):
        mine, others = (find_meter(session, home).pseudonym for home in ("home1", "home2"))
    lane.edit(lane.state.journal, "UPDATE frames SET pseudonym = ? WHERE pseudonym = ?", mine, others)
    own = lane.own("ada")
    assert (len(own), own.damaged) == (360, 6)


# Key epochs


class TestKeyEpochs:
    def test_that_begin_after_the_enrolment_are_read_as_well_as_those_before(
        self, make_lane: Callable[..., Lane], tmp_path: Path
    ) -> None:
        lane = make_lane(tmp_path)
        lane.run("02:00")
        lane.run("03:00")
        lane.settle("home1", "ada")
        assert len(lane.own("ada")) == 180
        lane.run("06:00")
        own = lane.own("ada")
        assert own.energies.tolist() == lane.source("home1").tolist()
        with lane.opened() as (session, _, _):
            assert len(session.wrapped.seal_keys(find_meter(session, "home1").pseudonym)) == 3
            assert session.wrapped.seal_keys(find_meter(session, "home2").pseudonym) == []

    def test_after_moving_out_are_the_next_customers_alone_and_those_before_never_theirs(
        self, make_lane: Callable[..., Lane], tmp_path: Path
    ) -> None:
        lane = make_lane(tmp_path)
        lane.run("03:00")
        lane.settle("home1", "ada")
        with lane.opened() as (session, login, _):
            holder = login.resume(login.log_in("ada", PASSWORD))
            kept = session.wrapped.seal_keys(holder.account.meter)
        lane.move_out("ada")
        with pytest.raises(WrongCredentials, match="closed"):
            lane.own("ada")
        lane.run("06:00")

        # Whatever ada has put aside, key and all, opens her three hours and no more.
        with lane.opened() as (session, _, _):
            assert session.wrapped.seal_keys(holder.account.meter) == []
            ada = customer_of(session, holder.account.meter, private_of(holder), holder.account.verify_key)
            for message in kept:
                ada.take(message)
            opened = ada.open(session.journal.frames(holder.account.meter), "UTC")
        assert len(opened) == 180
        assert opened.sealed == tuple((START // 60 + at, START // 60 + at + 60) for at in (180, 240, 300))

        lane.settle("home1", "eve")
        own = lane.own("eve")
        assert own.energies.tolist() == lane.source("home1")[180:].tolist()
        assert own.sealed == tuple((START // 60 + at, START // 60 + at + 60) for at in (0, 60, 120))
        (check,) = lane.checked("eve")
        assert (check.bill.amount, check.bill.energy, check.bill.lines) == (None, None, ())
        assert (check.withheld, check.differences, check.matches) == (1, (), False)

    def test_that_have_no_customer_are_wrapped_for_nobody(
        self, finished_run: Any, make_lane: Callable[..., Lane], tmp_path: Path
    ) -> None:
        lane = make_lane(shutil.copytree(finished_run.state.path, tmp_path / "state"))
        with lane.opened() as (session, _, store):
            begun = {meter.pseudonym: (9, bytes(32)) for meter in session.journal.meters()}
            assert list(CustomerKeys.of(session, store).wrap_new(begun)) == []


def private_of(holder: Holder) -> bytes:
    return CustomerSecrets.decode(holder.private).private


def customer_of(session: Session, pseudonym: bytes, private: bytes, verify_key: bytes) -> Customer:
    keywrap = session.cryptography.keywrap
    return Customer(
        session.deployment,
        pseudonym,
        keywrap.load_private(private),
        verify_key,
        cipher=session.scenario.crypto.seal.create(),
        keywrap=keywrap,
        axis=session.plans[0].axis,
    )


# Enrolling


class TestInvitation:
    def test_is_good_once(self, lane: Lane) -> None:
        code = lane.invite("home3")
        lane.enrol(code, "carol")
        with pytest.raises(WrongCredentials, match="used"):
            lane.enrol(code, "dave")

    def test_takes_the_place_of_one_that_was_not_used(self, lane: Lane) -> None:
        first, second = lane.invite("home3"), lane.invite("home3")
        with pytest.raises(WrongCredentials, match="replaced"):
            lane.enrol(first, "carol")
        assert lane.enrol(second, "carol").account.name == "carol"

    def test_is_refused_where_somebody_lives(self, lane: Lane) -> None:
        with pytest.raises(UsageError, match="has a customer, ada"):
            lane.invite("home1")

    def test_with_a_typo_is_told_from_a_wrong_one(self, lane: Lane) -> None:
        code = lane.invite("home3")
        with pytest.raises(UsageError, match="typo"):
            lane.enrol(code[:-1] + ("2" if code[-1] != "2" else "3"), "carol")
        with pytest.raises(WrongCredentials):
            lane.enrol("0000-0000-0000-0000-0000-0000-000", "carol")
        lane.enrol(code, "carol")

    @pytest.mark.parametrize(("name", "password"), [("ada", PASSWORD), ("carol", "password1234"), ("a b", PASSWORD)])
    def test_stays_open_when_name_or_password_will_not_do(self, lane: Lane, name: str, password: str) -> None:
        code = lane.invite("home3")
        with lane.opened() as (session, login, store), pytest.raises(UsageError):
            enrol(session, login, store, code=code, name=name, password=password)
        lane.enrol(code, "carol")

    def test_of_another_deployment_is_worth_nothing(
        self, lane: Lane, finished_run: Any, make_lane: Callable[..., Lane], tmp_path: Path
    ) -> None:
        other = make_lane(shutil.copytree(finished_run.state.path, tmp_path / "other"))
        with pytest.raises(WrongCredentials):
            lane.enrol(other.invite("home3"), "carol")

    def test_is_kept_as_a_verifier_only(self, lane: Lane) -> None:
        code = lane.invite("home3")
        with lane.opened() as (_, _, store):
            kept = b"".join(entry.private + entry.public for entry in store.entries())
        assert read_code(code) not in kept

    def test_is_for_a_meter_that_there_is(self, lane: Lane) -> None:
        for wanted in ("home9", "", "0", "zz"):
            with pytest.raises(UsageError, match="names 0 meters"):
                lane.invite(wanted)

    def test_names_its_meter_by_the_source_or_the_first_digits_of_the_pseudonym(self, finished: Lane) -> None:
        with finished.opened() as (session, _, _):
            home3 = find_meter(session, "home3")
            assert find_meter(session, home3.pseudonym.hex()[:8]) == home3
            with pytest.raises(UsageError, match="names 0 meters"):
                find_meter(session, home3.pseudonym.hex()[:3])

    def test_after_a_crash_between_meter_and_account_is_given_anew(self, lane: Lane) -> None:
        carol = lane.settle("home3", "carol").account
        lane.edit(lane.state.accounts, "DELETE FROM accounts WHERE name = 'carol'")
        lane.settle("home3", "carol")
        with lane.opened() as (session, _, _):
            # Nobody knows whose the readings so far are: they stay sealed.
            assert session.wrapped.seal_keys(carol.meter) == []


class TestTheMeter:
    def test_enrols_no_key_that_the_code_does_not_authenticate(self, lane: Lane) -> None:
        code, others = read_code(lane.invite("home3")), read_code(lane.invite("home4"))
        with lane.opened() as (session, _, store):
            mine, theirs = (find_meter(session, home).pseudonym for home in ("home3", "home4"))
            keywrap = session.cryptography.keywrap
            public = keywrap.generate().public
            key = keywrap.dump_public(public)
            good = EnrolmentRequest.decode(
                Enrolling(code, session.deployment, mine, public.fingerprint, key, STATES).request()
            )
            foreign = keywrap.generate().public
            requests = {
                "a foreign key under the old MAC": dataclasses.replace(
                    good, public_key=keywrap.dump_public(foreign), fingerprint=foreign.fingerprint
                ),
                "another meter's code": EnrolmentRequest.decode(
                    Enrolling(others, session.deployment, mine, public.fingerprint, key, STATES).request()
                ),
                "another meter": dataclasses.replace(good, pseudonym=theirs),
                "a request for another meter": EnrolmentRequest.decode(
                    Enrolling(code, session.deployment, theirs, public.fingerprint, key, STATES).request()
                ),
                "another deployment": EnrolmentRequest.decode(
                    Enrolling(code, bytes(16), mine, public.fingerprint, key, STATES).request()
                ),
                "a key that is not the one named": EnrolmentRequest.decode(
                    Enrolling(code, session.deployment, mine, foreign.fingerprint, key, STATES).request()
                ),
                "another key for statements": dataclasses.replace(good, verify_key=bytes(32)),
                "no MAC": dataclasses.replace(good, mac=bytes(32)),
            }
            for what, request in requests.items():
                link = CustomerKeys.of(session, store).link(mine)
                with pytest.raises(AuthenticationFailed):
                    link.enrol(request.encode())
                assert link.customer is None, what
                with pytest.raises(UsageError, match="no customer"):
                    link.wrap(1, bytes(32))

    def test_takes_a_request_once(self, lane: Lane) -> None:
        code = read_code(lane.invite("home3"))
        with lane.opened() as (session, _, store):
            pseudonym = find_meter(session, "home3").pseudonym
            keys, keywrap = CustomerKeys.of(session, store), session.cryptography.keywrap
            public = keywrap.generate().public
            request = Enrolling(
                code, session.deployment, pseudonym, public.fingerprint, keywrap.dump_public(public), STATES
            ).request()
            link = keys.link(pseudonym)
            link.enrol(request)
            keys.remember(pseudonym, link, 0)
            for again in (link, keys.link(pseudonym)):
                with pytest.raises(AuthenticationFailed, match="used"):
                    again.enrol(request)

    def test_gives_its_seal_key_and_never_its_mac_key_nor_its_secret(self, finished: Lane) -> None:
        with finished.opened() as (session, login, store):
            holder = login.resume(login.log_in("ada", PASSWORD))
            pseudonym, keywrap = holder.account.meter, session.cryptography.keywrap
            (secret,) = (entry.private for entry in store.entries(f"epoch/{pseudonym.hex()}"))
            (message,) = session.wrapped.seal_keys(pseudonym)
            sent = WrappedSealKey.decode(Signed.decode(message).body)
            context = WrappedSealKey.context(session.deployment, pseudonym, sent.epoch, sent.receiver)
            given = keywrap.unwrap(keywrap.load_private(private_of(holder)), sent.wrapped, context=context)
        keys = epoch_keys(
            secret, deployment=session.deployment, pseudonym=pseudonym, epoch=sent.epoch, cipher_key_bytes=32
        )
        assert given == keys.seal
        assert keys.mac not in given
        assert secret not in given


class TestTheCustomer:
    def test_believes_no_answer_but_their_meters(self, lane: Lane) -> None:
        code = read_code(lane.invite("home3"))
        with lane.opened() as (session, _, store):
            pseudonym = find_meter(session, "home3").pseudonym
            keywrap = session.cryptography.keywrap
            public = keywrap.generate().public
            key = keywrap.dump_public(public)
            enrolling = Enrolling(code, session.deployment, pseudonym, public.fingerprint, key, STATES)
            answer = EnrolmentAnswer.decode(CustomerKeys.of(session, store).link(pseudonym).enrol(enrolling.request()))
        assert enrolling.accept(answer.encode()) == answer
        for change in ({"verify_key": bytes(32)}, {"mac": bytes(32)}, {"fingerprint": "0" * 32}, {"after": 1}):
            with pytest.raises(AuthenticationFailed):
                enrolling.accept(dataclasses.replace(answer, **change).encode())  # type: ignore[arg-type]

    def test_takes_no_seal_key_that_was_altered_or_is_not_theirs(self, finished: Lane) -> None:
        with finished.opened() as (session, login, _):
            ada, bob = (login.resume(login.log_in(name, PASSWORD)) for name in ("ada", "bob"))
            (mine,), (theirs,) = (session.wrapped.seal_keys(each.account.meter) for each in (ada, bob))
            signed = Signed.decode(mine)
            sent = WrappedSealKey.decode(signed.body)
            customer = customer_of(session, ada.account.meter, private_of(ada), ada.account.verify_key)
            for message in (
                theirs,
                Signed(signed.body, bytes(64)).encode(),
                Signed(dataclasses.replace(sent, epoch=2).encode(), signed.signature).encode(),
            ):
                with pytest.raises(AuthenticationFailed):
                    customer.take(message)
            customer.take(mine)


# Another customer's data with every id and token at hand


class TestAThief:
    """Bob, who has bob's password and the disk, and wants ada's minutes."""

    def test_can_name_no_other_meter_to_his_desk(self) -> None:
        asked = {
            parameter
            for name, method in vars(CustomerDesk).items()
            if callable(method) and name != "__init__"
            for parameter in inspect.signature(method).parameters
        }
        assert asked >= {"own", "by", "start", "end", "report"}
        assert not asked & {"meter", "pseudonym", "household", "account", "name", "holder"}

    def test_gets_nothing_by_putting_adas_meter_into_his_account(self, lane: Lane) -> None:
        with lane.opened() as (session, _, _):
            ada = find_meter(session, "home1").pseudonym
        lane.edit(lane.state.accounts, "UPDATE accounts SET meter = x'00' WHERE name = 'ada'")
        lane.edit(lane.state.accounts, "UPDATE accounts SET meter = ? WHERE name = 'bob'", ada)
        with pytest.raises(AuthenticationFailed, match="altered"):
            lane.own("bob")

    def test_gets_nothing_by_putting_adas_frames_and_seal_keys_under_his_meter(self, lane: Lane) -> None:
        with lane.opened() as (session, _, _):
            ada, bob = (find_meter(session, home).pseudonym for home in ("home1", "home2"))
        lane.edit(lane.state.wrapped_keys, "DELETE FROM seal_keys WHERE pseudonym = ?", bob)
        for file, table in ((lane.state.journal, "frames"), (lane.state.wrapped_keys, "seal_keys")):
            lane.edit(file, f"UPDATE {table} SET pseudonym = ? WHERE pseudonym = ?", bob, ada)
        with pytest.raises(AuthenticationFailed):
            lane.own("bob")

    def test_gets_nothing_with_his_private_key_at_adas_desk(self, finished: Lane) -> None:
        with finished.opened() as (session, login, _):
            ada, bob = (login.resume(login.log_in(name, PASSWORD)) for name in ("ada", "bob"))
            desk = CustomerDesk(session, dataclasses.replace(ada, private=bob.private))
            with pytest.raises(AuthenticationFailed):
                desk.readings()

    def test_gets_nothing_without_a_seal_key(self, lane: Lane) -> None:
        lane.edit(lane.state.wrapped_keys, "DELETE FROM seal_keys")
        own = lane.own("ada")
        assert (len(own), len(own.sealed)) == (0, 6)

    def test_who_is_no_customer_has_no_desk(self, lane: Lane) -> None:
        with lane.opened() as (session, login, _):
            login.add("clerk", PASSWORD, "billing-clerk", b"")
            found = login.accounts.find("clerk")
            assert found is not None
            with pytest.raises(UsageError, match="is no customer"):
                CustomerDesk(session, Holder(found[0], b"", b""))


# What is written down


def test_no_secret_of_a_customer_is_in_the_state(lane: Lane) -> None:
    code = lane.invite("home3")
    enrolled = lane.enrol(code, "carol")
    with lane.opened() as (session, login, store):
        token = login.log_in("carol", PASSWORD)
        holder = login.resume(token)
        seal_keys = [
            epoch_keys(
                entry.private,
                deployment=session.deployment,
                pseudonym=holder.account.meter,
                epoch=int(entry.fingerprint, 16),
                cipher_key_bytes=32,
            ).seal
            for entry in store.entries(f"epoch/{holder.account.meter.hex()}")
        ]
        CustomerDesk(session, holder).readings()
    codes = [read_code(code), read_code(enrolled.recovery_code), code.encode(), enrolled.recovery_code.encode()]
    texts = [text.replace(b"-", b"") for text in codes[2:]]
    own = CustomerSecrets.decode(holder.private)
    secrets = [
        PASSWORD.encode(),
        token,
        token.hex().encode(),
        own.private,
        own.private[-64:],
        own.signing,
        *codes,
        *texts,
    ]
    written = {file: file.read_bytes() for file in lane.state.path.rglob("*") if file.is_file()}
    assert len(written) > 5
    found = [file.name for file, data in written.items() for secret in [*secrets, *seal_keys] if secret in data]
    assert found == []


def test_errors_and_reprs_show_no_secret(lane: Lane) -> None:
    code = lane.invite("home3")
    said = [repr(lane.enrol(code, "carol"))]
    with lane.opened() as (session, login, store):
        holder = login.resume(login.log_in("carol", PASSWORD))
        said.append(repr((holder, login.accounts.find("carol"), store, CustomerDesk(session, holder))))
        for refused in (
            lambda: login.log_in("carol", PASSWORD + "!"),
            lambda: login.recover("carol", code, PASSWORD),
            lambda: enrol(session, login, store, code=code, name="dave", password=PASSWORD),
        ):
            with pytest.raises(SmarterError) as error:
                refused()
            said.append(str(error.value))
    for secret in (PASSWORD, code, holder.private.hex(), repr(holder.private), str(read_code(code))):
        assert not any(secret in text for text in said)


# How long frames are kept


def test_meters_drop_frames_that_are_older_than_they_are_kept(make_lane: Callable[..., Lane], tmp_path: Path) -> None:
    lane = make_lane(tmp_path)
    lane.text += "accounts: {keep_frames: 2h}\n"
    lane.run()
    lane.settle("home1", "ada")
    own = lane.own("ada")
    assert own.energies.tolist() == lane.source("home1")[240:].tolist()
    (check,) = lane.checked("ada")
    # The first window is gone, and of the second the first hour: that they are billed right cannot be told any more.
    assert (check.unseen, check.differences, check.own) == (2, (), None)


def test_thirteen_months_are_kept_and_a_state_does_not_depend_on_it(small_scenario: str, checkout: Path) -> None:
    scenario = parse_scenario(small_scenario, source="small", base=checkout)
    other = parse_scenario(small_scenario + "accounts: {keep_frames: 30d}\n", source="small", base=checkout)
    assert scenario.accounts.keep_frames == 396 * 86_400
    assert other.accounts.keep_frames == 30 * 86_400
    assert other.digest == scenario.digest
