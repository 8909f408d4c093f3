"""Grants from end to end: a third party gets exactly what a customer granted, for as long, and nobody else anything."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from smarter.api import KeyPair
from smarter.errors import AuthenticationFailed, DataError, IntegrityError, SmarterError, StateInUse, UsageError
from smarter.keys.keystore import Keystore
from smarter.keys.passwords import Pbkdf2Cost
from smarter.keys.public import read_public
from smarter.keys.received import ReceivedFile
from smarter.keys.unlock import KeyFileUnlock
from smarter.model.audit import grantee, household, party
from smarter.model.events import Event, Finished, Progress, Warned
from smarter.parties.customer import CustomerSecrets
from smarter.parties.meter.statements import Grant
from smarter.protocols import granting, run_grants
from smarter.protocols.audit_reading import read_audit
from smarter.protocols.auditing import open_audit
from smarter.protocols.enrolment import enrol, find_meter, invite, move_out
from smarter.protocols.erasure import erase
from smarter.protocols.grant_document import GrantDocument
from smarter.protocols.grant_wish import Wish
from smarter.protocols.grantee import Granted, MailboxKeeper, open_granted
from smarter.protocols.granting import Granting, Outcome, deliver_now
from smarter.protocols.grants import CustomerGrants
from smarter.protocols.holder import Holder
from smarter.protocols.intake import Intake
from smarter.protocols.login import Login
from smarter.protocols.own_log import own_entries
from smarter.protocols.plan import plan_run
from smarter.protocols.readable_from import from_start
from smarter.protocols.session import Session, cryptography_of, recall
from smarter.protocols.statements import own_statements, state
from smarter.protocols.withheld import Withheld
from smarter.run import run
from smarter.scenario import Scenario, parse_scenario
from smarter.state import Accounts, Deliveries, Sent, StateFolder
from smarter.state.statements import Statements

PASSWORD = "plaid-otter-vending-41"
START = 1_451_606_400
"""2016-01-01, midnight UTC."""
HOUR, DAY = 3_600, 86_400
NOW = 1_700_000_000
SPAN = (START, START + 6 * HOUR)


@dataclass
class Lane:
    """Six homes, customers in two of them, and a third party with a key pair; ``now`` is the real clock."""

    text: str
    state: StateFolder
    base: Path
    pair: KeyPair
    now: float = NOW
    until: str = "06:00"
    reads: int = 0
    meanwhile: Callable[[], object] = lambda: None

    def __post_init__(self) -> None:
        self.unlock = KeyFileUnlock(self.state.keys)

    @property
    def scenario(self) -> Scenario:
        return parse_scenario(
            self.text.replace("end: 2016-01-01 06:00", f"end: 2016-01-01 {self.until}"), source="small", base=self.base
        )

    def clock(self) -> float:
        return self.now

    def going(self, until: str = "06:00") -> Iterator[Event]:
        self.until = until
        return run(self.scenario, self.state, unlock=self.unlock, verify=True, clock=self.clock)

    def run(self, until: str = "06:00") -> list[Event]:
        events = list(self.going(until))
        assert isinstance(events[-1], Finished)
        return events

    @contextmanager
    def opened(self) -> Iterator[tuple[Session, Login]]:
        session = recall(self.scenario, self.state)
        assert session is not None
        accounts = Accounts(self.state.accounts, self.clock)
        try:
            with open_audit(self.state, self.unlock) as log:
                yield session, Login(accounts, session.deployment, Pbkdf2Cost(1), witness=log.put)
        finally:
            accounts.close()
            session.journal.close()

    def settle(self, home: str, name: str, *, start: bool = True) -> None:
        with self.opened() as (session, login):
            store = Keystore.open(self.state.keys, "meters", self.unlock)
            meter = find_meter(session, home)
            code = invite(session, login, store, meter, from_start(session, store, meter) if start else None)
            enrol(session, login, store, code=code, name=name, password=PASSWORD)
        self.say(name, "agree", notice=1, digest=bytes(32))

    def leave(self, name: str) -> None:
        with self.opened() as (session, login):
            store = Keystore.open(self.state.keys, "meters", self.unlock)
            move_out(session, login, store, login.resume(login.log_in(name, PASSWORD)).account)

    def holder(self, login: Login, name: str) -> Holder:
        return login.resume(login.log_in(name, PASSWORD))

    def say(self, name: str, kind: Any, **detail: Any) -> None:
        with self.opened() as (session, login), closing(Statements(self.state.accounts)) as statements:
            holder = self.holder(login, name)
            state(session, statements, holder, kind, witness=login.witness, clock=self.clock, **detail)

    @contextmanager
    def grants(self, name: str) -> Iterator[CustomerGrants]:
        with self.opened() as (session, login):
            desk = CustomerGrants(session, self.state, self.holder(login, name), login.witness, self.clock)
            with closing(desk):
                yield desk

    def wish(self, **changes: Any) -> Wish:
        pem = cryptography_of(self.scenario).keywrap.dump_public(self.pair.public)
        wish = Wish("Advice Ltd", read_public(pem, "key"), HOUR, *SPAN, int(self.now) + DAY, "what runs at night")
        return replace(wish, **changes)

    def grant(self, name: str = "ada", **changes: Any) -> Grant:
        with self.grants(name) as desk:
            return desk.give(self.wish(**changes))

    def revoke(self, grant: Grant, name: str = "ada") -> tuple[Grant, int, int]:
        with self.grants(name) as desk:
            return desk.revoke(grant.id)

    def deliver(self) -> Outcome:
        with self.opened() as (session, _):
            return deliver_now(session, self.state, self.unlock, clock=self.clock)

    def read(self, pair: KeyPair | None = None, received: Path | None = None, **documents: Any) -> list[Granted]:
        private = (pair or self.pair).private
        with self.opened() as (session, _):
            keeper = MailboxKeeper(session, self.state, self.clock)
            sent = keeper.waiting(private.fingerprint)
            self.meanwhile()
            with open_audit(self.state, self.unlock) as log:
                messages = keeper.hand_out(sent.values(), private.fingerprint, log)
            self.reads += 1
            memory = ReceivedFile(received or self.state.path.parent / f"received-{self.reads}.json")
            return open_granted(session, private, messages, sent, documents.get("documents", ()), memory)

    @property
    def sent(self) -> list[Sent]:
        if not self.state.deliveries.exists():
            return []
        with closing(Deliveries(self.state.deliveries)) as mailbox:
            return [each for meter in self.pseudonyms.values() for each in mailbox.of_meter(meter)]

    @property
    def pseudonyms(self) -> dict[str, bytes]:
        with self.opened() as (session, _):
            return {kept.source: kept.pseudonym for kepts in session.roster.values() for kept in kepts}

    def source(self, home: str) -> np.ndarray[Any, Any]:
        """What the run takes from the file of a home."""
        (plan,) = plan_run(self.scenario)
        meter = next(meter for meter in plan.meters if meter.name == home)
        return np.concatenate([block.energies for block in Intake(plan, meter).take(plan.first_slot, plan.end_slot)])

    def edit(self, file: Path, statement: str, *values: object) -> None:
        with closing(sqlite3.connect(file)) as opened, opened:
            opened.execute(statement, values)


@pytest.fixture(scope="module")
def pairs(small_scenario: str, checkout: Path) -> tuple[KeyPair, KeyPair]:
    """The third party's key pair and a stranger's."""
    keywrap = cryptography_of(parse_scenario(small_scenario, source="small", base=checkout)).keywrap
    return keywrap.generate(), keywrap.generate()


@pytest.fixture(scope="module")
def make_lane(small_scenario: str, checkout: Path, pairs: tuple[KeyPair, KeyPair]) -> Callable[[Path], Lane]:
    return lambda folder: Lane(small_scenario, StateFolder(folder), checkout, pairs[0])


@pytest.fixture(scope="module")
def settled(make_lane: Callable[[Path], Lane], tmp_path_factory: pytest.TempPathFactory) -> Lane:
    """Run until 03:00: ada lives in home1, bob in home2. For looking at only."""
    lane = make_lane(tmp_path_factory.mktemp("lane"))
    lane.run("03:00")
    lane.settle("home1", "ada")
    lane.settle("home2", "bob")
    return lane


@pytest.fixture
def lane(settled: Lane, make_lane: Callable[[Path], Lane], tmp_path: Path) -> Lane:
    """The same, to do with as one likes."""
    lane = make_lane(shutil.copytree(settled.state.path, tmp_path / "state"))
    lane.until = settled.until
    return lane


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run looks at the grants after every hold."""
    monkeypatch.setattr(run_grants, "BETWEEN", 0.0)


def spans(granted: Granted) -> list[int]:
    """The hours of a grant's windows, counted from the start."""
    return [(start - START) // HOUR for start in granted.sums.starts.tolist()]


class TestWhatIsDelivered:
    def test_is_exactly_what_was_granted_of_the_past_and_then_of_what_comes(self, lane: Lane) -> None:
        grant = lane.grant()
        assert [each.windows for each in lane.deliver().delivered] == [3]
        (granted,) = lane.read()
        assert spans(granted) == [0, 1, 2]
        lane.run()
        (granted,) = lane.read()
        assert (granted.header.grant, spans(granted)) == (grant.id, [0, 1, 2, 3, 4, 5])
        assert granted.sums.energies.tolist() == lane.source("home1").reshape(6, 60).sum(axis=1).tolist()
        assert lane.deliver() == Outcome()

    @pytest.mark.usefixtures("always")
    def test_comes_as_windows_close_while_a_run_goes_on(self, lane: Lane) -> None:
        lane.grant(start=START + HOUR)
        seen = [len(lane.sent) for event in lane.going() if isinstance(event, Progress) and event.stage == "read"]
        assert seen == [1, 2, 3], "what was over by then came with the first hold"
        (granted,) = lane.read()
        assert spans(granted) == [1, 2, 3, 4, 5]
        assert granted.sums.energies.tolist() == lane.source("home1")[60:].reshape(5, 60).sum(axis=1).tolist()

    def test_in_many_windows_comes_in_several_deliveries(self, lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(granting, "MOST_WINDOWS", 5)
        lane.grant(window=900)
        assert [each.windows for each in lane.deliver().delivered] == [5, 5, 2]
        (granted,) = lane.read()
        assert granted.sums.energies.tolist() == lane.source("home1").reshape(12, 15).sum(axis=1).tolist()

    def test_is_that_of_the_granting_customers_meter_only(self, lane: Lane) -> None:
        lane.grant("bob")
        lane.deliver()
        (granted,) = lane.read()
        assert granted.header.pseudonym == lane.pseudonyms["home2"]
        assert granted.sums.energies.tolist() == lane.source("home2").reshape(3, 60).sum(axis=1).tolist()

    def test_a_window_that_goes_on_waits_until_the_data_have_it(self, lane: Lane) -> None:
        lane.grant(window=6 * HOUR)
        assert lane.deliver() == Outcome()
        lane.run()
        (granted,) = lane.read()
        assert granted.sums.energies.tolist() == [int(lane.source("home1").sum())]

    @pytest.mark.usefixtures("always")
    def test_of_a_grant_that_is_given_during_a_run_is_all_of_the_past_too(
        self, lane: Lane, pairs: tuple[KeyPair, KeyPair]
    ) -> None:
        lane.grant(start=START + 3 * HOUR)
        events = lane.going()
        for event in events:
            if isinstance(event, Progress) and event.stage == "read" and len(lane.sent) == 2:
                break
        pem = cryptography_of(lane.scenario).keywrap.dump_public(pairs[1].public)
        lane.grant(grantee="Another Ltd", key=read_public(pem, "key"))
        *_, _ = events
        (granted,) = lane.read(pairs[1])
        assert spans(granted) == [0, 1, 2, 3, 4, 5]
        assert granted.sums.energies.tolist() == lane.source("home1").reshape(6, 60).sum(axis=1).tolist()

    @pytest.mark.usefixtures("always")
    def test_when_nothing_more_comes_no_frames_are_held(self, lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
        lane.grant(end=START + 4 * HOUR)
        held: list[int] = []
        deliver = Granting.deliver

        def counted(self: Granting, **options: Any) -> Outcome:
            held.append(sum(map(len, self._kept.values())))
            return deliver(self, **options)

        monkeypatch.setattr(Granting, "deliver", counted)
        lane.run()
        assert [each.windows for each in lane.sent] == [4]
        assert held[1:] == [0] * len(held[1:])

    def test_leaves_no_reading_in_the_mailbox_nor_anywhere_beside_the_journal(self, lane: Lane) -> None:
        before = {path.name for path in lane.state.path.iterdir()}
        lane.grant()
        lane.deliver()
        assert {path.name for path in lane.state.path.iterdir()} - before == {"deliveries.sqlite"}
        held = lane.state.deliveries.read_bytes()
        hours = lane.source("home1").reshape(3, 60).sum(axis=1).tolist()
        assert not any(total.to_bytes(8, order) in held for total in hours for order in ("little", "big"))
        assert lane.state.deliveries.stat().st_mode & 0o777 == 0o600

    def test_a_run_without_customers_makes_no_mailbox(self, settled: Lane) -> None:
        assert not settled.state.deliveries.exists()


class TestOnce:
    def test_stopped_between_log_and_mailbox_each_window_is_delivered_once(
        self, lane: Lane, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lane.grant()
        with monkeypatch.context() as patch:
            patch.setattr(Deliveries, "put", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                lane.deliver()
        assert lane.sent == []
        lane.deliver()
        assert [(each.number, each.windows) for each in lane.sent] == [(1, 3)]
        assert spans(lane.read()[0]) == [0, 1, 2]
        assert [entry.action for entry in read_audit(lane.state).entries].count("delivery") == 2, "noted each time"

    def test_two_at_a_time_do_not_deliver_twice(self, lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
        lane.grant()
        put = Deliveries.put

        def late(self: Deliveries, *given: Any) -> bool:
            monkeypatch.setattr(Deliveries, "put", put)
            assert [each.windows for each in lane.deliver().delivered] == [3]
            return put(self, *given)

        monkeypatch.setattr(Deliveries, "put", late)
        assert lane.deliver().delivered == ()
        assert [(each.number, each.windows) for each in lane.sent] == [(1, 3)]

    @pytest.mark.usefixtures("always")
    def test_a_run_that_was_stopped_goes_on_delivering_where_it_was(self, lane: Lane) -> None:
        lane.grant()
        going = lane.going()
        for event in going:
            if isinstance(event, Progress) and event.stage == "read":
                break
        going.close()  # type: ignore[attr-defined]
        assert [each.windows for each in lane.sent] == [4]
        lane.run()
        (granted,) = lane.read()
        assert spans(granted) == [0, 1, 2, 3, 4, 5]
        assert granted.sums.energies.tolist() == lane.source("home1").reshape(6, 60).sum(axis=1).tolist()


class TestRevoked:
    @pytest.mark.usefixtures("always")
    def test_in_a_run_that_goes_on_nothing_is_delivered_after_it(self, lane: Lane) -> None:
        grant = lane.grant()
        revoked = None
        for event in lane.going():
            if isinstance(event, Progress) and event.stage == "read" and revoked is None:
                assert spans(lane.read()[0]) == [0, 1, 2, 3]
                with pytest.raises(StateInUse), lane.state.locked():
                    pass
                revoked = lane.revoke(grant)
        assert revoked is not None
        assert revoked[1:] == (4, 0)
        assert [each.windows for each in lane.sent] == [4]
        with pytest.raises(DataError, match="it is revoked"):
            lane.read()

    def test_takes_what_was_not_fetched_out_of_the_mailbox(self, lane: Lane) -> None:
        grant = lane.grant()
        lane.deliver()
        with closing(Deliveries(lane.state.deliveries)) as mailbox:
            ((message,), _) = mailbox.fetch(grant.id, 1, lambda: True)
        lane.edit(lane.state.deliveries, "UPDATE deliveries SET fetched = NULL")
        assert lane.revoke(grant)[1:] == (0, 3)
        assert message[100:200] not in lane.state.deliveries.read_bytes()
        with pytest.raises(DataError, match="revoked"):
            lane.read()

    def test_just_before_a_delivery_is_put_in_keeps_it_out(self, lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
        grant, put = lane.grant(), Deliveries.put

        def late(self: Deliveries, *given: Any) -> bool:
            lane.revoke(grant)
            return put(self, *given)

        monkeypatch.setattr(Deliveries, "put", late)
        assert lane.deliver().delivered == ()
        assert lane.sent == []

    def test_an_erasure_just_before_a_delivery_is_put_in_keeps_it_out(
        self, lane: Lane, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lane.grant()
        put = Deliveries.put

        def late(self: Deliveries, *given: Any) -> bool:
            with lane.opened() as (session, _):
                erase(session, lane.state, lane.unlock, find_meter(session, "home1"), by=party("meters"))
            return put(self, *given)

        monkeypatch.setattr(Deliveries, "put", late)
        assert lane.deliver().delivered == ()
        assert lane.sent == []

    def test_and_stopped_before_the_mailbox_was_emptied_nothing_is_handed_out(
        self, lane: Lane, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        grant = lane.grant()
        lane.deliver()
        monkeypatch.setattr(Deliveries, "empty", lambda *_: 0)
        lane.revoke(grant)
        monkeypatch.undo()
        with pytest.raises(DataError, match="revoked"):
            lane.read()
        with closing(Deliveries(lane.state.deliveries)) as mailbox:
            assert mailbox.fetch(grant.id, 1, lambda: True)[0] == []

    @pytest.mark.parametrize("stopped", [False, True], ids=["whole", "stopped before the mailbox was emptied"])
    def test_between_the_look_and_the_handing_out_counts(
        self, lane: Lane, monkeypatch: pytest.MonkeyPatch, stopped: bool
    ) -> None:
        grant = lane.grant()
        lane.deliver()
        if stopped:
            monkeypatch.setattr(Deliveries, "empty", lambda *_: 0)
        lane.meanwhile = lambda: lane.revoke(grant)
        with pytest.raises(DataError, match="it is revoked"):
            lane.read()
        assert [each.fetched for each in lane.sent] == [None]

    def test_while_it_is_handed_out_waits_and_learns_of_it(self, lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
        grant = lane.grant()
        lane.deliver()
        fetch, revoked = Deliveries.fetch, []
        revoking = Thread(target=lambda: revoked.append(lane.revoke(grant)))

        def late(self: Deliveries, name: str, now: int, still: Callable[[], bool]) -> Any:
            def looked() -> bool:
                free = still()
                revoking.start()
                revoking.join(0.3)
                return free

            return fetch(self, name, now, looked)

        monkeypatch.setattr(Deliveries, "fetch", late)
        assert spans(lane.read()[0]) == [0, 1, 2]
        revoking.join()
        assert [each[1:] for each in revoked] == [(3, 0)]

    def test_a_revocation_that_is_cut_off_is_noticed_and_nothing_is_delivered(self, lane: Lane) -> None:
        grant = lane.grant()
        lane.revoke(grant)
        lane.edit(lane.state.accounts, "DELETE FROM statements WHERE number = 3")
        (refused,) = lane.deliver().refused
        assert "not whole" in refused.why
        assert lane.sent == []

    def test_twice_or_of_nobody_is_refused(self, lane: Lane) -> None:
        grant = lane.grant()
        lane.revoke(grant)
        with lane.grants("ada") as desk:
            for wanted in (grant.id, "ffff", "ab", "Advice Ltd"):
                with pytest.raises(UsageError):
                    desk.revoke(wanted)
        with lane.grants("bob") as desk, pytest.raises(UsageError):
            desk.revoke(grant.id)


class TestExpired:
    def test_nothing_is_delivered_nor_handed_out_any_more(self, lane: Lane) -> None:
        grant = lane.grant()
        lane.deliver()
        lane.meanwhile = lambda: setattr(lane, "now", grant.expires)
        for _ in ("while it is fetched", "before"):
            with pytest.raises(DataError, match="it has expired"):
                lane.read()
        lane.run()
        assert [each.windows for each in lane.sent] == [3]
        lane.now -= 1  # a clock that is put back brings nothing back
        with pytest.raises(DataError, match="had expired"):
            lane.read()


class TestForged:
    def rows(self, lane: Lane) -> dict[tuple[bytes, int], bytes]:
        with closing(sqlite3.connect(lane.state.accounts)) as opened:
            return {
                (meter, number): text
                for meter, number, text in opened.execute("SELECT meter, number, message FROM statements")
            }

    def nothing_is_delivered(self, lane: Lane) -> None:
        ada = lane.pseudonyms["home1"]
        outcome = lane.deliver()
        assert [(refused.meter, refused.grant) for refused in outcome.refused] == [(ada, "")]
        assert not any(each.meter == ada for each in outcome.delivered)
        with pytest.raises(SmarterError):
            lane.read()

    def test_with_any_byte_of_the_grant_changed_nothing_is_delivered(self, lane: Lane) -> None:
        lane.grant()
        ada = lane.pseudonyms["home1"]
        message = self.rows(lane)[ada, 2]
        for place in range(0, len(message), 29):
            altered = bytearray(message)
            altered[place] ^= 1
            lane.edit(
                lane.state.accounts, "UPDATE statements SET message = ? WHERE meter = ? AND number = 2", altered, ada
            )
            self.nothing_is_delivered(lane)
        lane.edit(lane.state.accounts, "UPDATE statements SET message = ? WHERE meter = ? AND number = 2", message, ada)
        assert [each.windows for each in lane.deliver().delivered] == [3]

    def test_a_run_says_so_and_goes_on(self, lane: Lane) -> None:
        lane.grant()
        lane.edit(lane.state.accounts, "UPDATE statements SET message = x'00' WHERE number = 2")
        events = lane.run()
        assert any("nothing is delivered under any grant" in e.warning for e in events if isinstance(e, Warned))
        assert lane.sent == []

    def test_one_that_another_customer_signed_gives_nothing(self, lane: Lane) -> None:
        lane.grant("bob")
        ada, bob = lane.pseudonyms["home1"], lane.pseudonyms["home2"]
        (of_ada,) = self.keys(lane, ada)
        lane.edit(
            lane.state.accounts, "INSERT INTO statements VALUES (?, ?, 2, ?)", ada, of_ada, self.rows(lane)[bob, 2]
        )
        outcome = lane.deliver()
        assert {refused.meter for refused in outcome.refused} == {ada}
        assert {each.meter for each in outcome.delivered} == {bob}

    def keys(self, lane: Lane, meter: bytes) -> list[bytes]:
        with closing(sqlite3.connect(lane.state.accounts)) as opened:
            return [
                key for (key,) in opened.execute("SELECT DISTINCT customer FROM statements WHERE meter = ?", (meter,))
            ]

    def test_one_that_was_revoked_and_is_stated_again_gives_nothing(self, lane: Lane) -> None:
        grant = lane.grant()
        lane.revoke(grant)
        ada = lane.pseudonyms["home1"]
        (key,) = self.keys(lane, ada)
        replayed = self.rows(lane)[ada, 2]
        lane.edit(lane.state.accounts, "INSERT INTO statements VALUES (?, ?, 4, ?)", ada, key, replayed)
        self.nothing_is_delivered(lane)

    def test_a_customer_grants_nothing_of_another_meter(self, lane: Lane) -> None:
        """Bob signs a grant that names ada's meter, and has it kept where either meter looks."""
        ada, bob = lane.pseudonyms["home1"], lane.pseudonyms["home2"]
        with lane.opened() as (session, login), closing(Statements(lane.state.accounts)) as statements:
            holder = lane.holder(login, "bob")
            lane.grant("bob")
            secrets = CustomerSecrets.decode(holder.private)
            *_, own = own_statements(session, statements, holder)
            forged = secrets.sign(replace(own, pseudonym=ada))
        for meter in (ada, bob):
            (key,) = self.keys(lane, meter)
            lane.edit(lane.state.accounts, "INSERT OR REPLACE INTO statements VALUES (?, ?, 2, ?)", meter, key, forged)
        outcome = lane.deliver()
        assert outcome.delivered == ()
        assert {refused.meter for refused in outcome.refused} == {ada, bob}

    def test_one_with_the_number_of_anothers_stands_in_nobodys_way(
        self, lane: Lane, pairs: tuple[KeyPair, KeyPair]
    ) -> None:
        grant = lane.grant()
        key = cryptography_of(lane.scenario).keywrap.dump_public(pairs[1].public)
        detail = {"grant": grant.id, "grantee": "Bob", "plugin": grant.plugin, "key": key, "window": HOUR}
        times = {"start": grant.start, "end": grant.end, "expires": grant.expires, "purpose": "to be in the way"}
        lane.say("bob", "grant", **detail, **times)
        outcome = lane.deliver()
        assert {each.meter for each in outcome.delivered} == {lane.pseudonyms["home1"]}
        assert [refused.meter for refused in outcome.refused] == [lane.pseudonyms["home2"]]
        lane.say("bob", "revoke", grant=grant.id)
        lane.deliver()
        assert spans(lane.read()[0]) == [0, 1, 2]
        with pytest.raises(DataError):
            lane.read(pairs[1])


class TestOneGridAGrantee:
    def test_other_windows_for_the_same_grantee_are_refused(self, lane: Lane, pairs: tuple[KeyPair, KeyPair]) -> None:
        lane.grant()
        other = read_public(cryptography_of(lane.scenario).keywrap.dump_public(pairs[1].public), "key")
        for changes in ({"grantee": "Elsewhere"}, {"key": other, "grantee": "advice  LTD"}, {}):
            with pytest.raises(UsageError, match="cut otherwise"):
                lane.grant(window=900, **changes)
        lane.grant(start=START + HOUR)
        lane.grant(window=900, grantee="Elsewhere", key=other)

    def test_stated_all_the_same_they_are_not_delivered(self, lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
        lane.grant()
        monkeypatch.setattr(CustomerGrants, "check", lambda *_: None)
        finer = lane.grant(window=900)
        outcome = lane.deliver()
        assert [(refused.grant, "other windows" in refused.why) for refused in outcome.refused] == [(finer.id, True)]
        assert spans(lane.read()[0]) == [0, 1, 2]

    def test_where_windows_were_delivered_no_others_come_even_when_the_first_is_revoked(self, lane: Lane) -> None:
        grant = lane.grant(end=START + 2 * HOUR)
        lane.deliver()
        lane.revoke(grant)
        lane.grant(window=900)
        lane.deliver()
        (granted,) = lane.read()
        assert granted.sums.starts.tolist() == [START + 2 * HOUR + 900 * quarter for quarter in range(4)]

    def test_and_the_customer_is_told_of_which_times_none_come(self, lane: Lane) -> None:
        first = lane.grant(end=START + 2 * HOUR)
        lane.deliver()
        lane.revoke(first)
        finer = lane.grant(window=900)
        lane.run()
        with lane.grants("ada") as desk:
            over, live = desk.given()
            assert desk.withheld(finer) == live.withheld == (Withheld(over.grant, START, START + 2 * HOUR),)
        assert (over.withheld, live.status, live.windows) == ((), "live", 16)

    @pytest.mark.parametrize(
        ("wished", "comes"),
        [
            ({"window": 900, "end": START + 2 * HOUR}, 0),
            ({"window": 900, "end": START + 2 * HOUR + 900}, 1),
            ({"window": 4 * HOUR, "end": START + 6 * HOUR}, 0),
            ({"window": 2 * HOUR, "end": START + 5 * HOUR}, 1),
            ({"window": HOUR}, 6),
        ],
        ids=str,
    )
    def test_and_when_none_come_at_all_the_grant_does_not_look_live(
        self, lane: Lane, wished: dict[str, int], comes: int
    ) -> None:
        first = lane.grant(end=START + 2 * HOUR)
        lane.deliver()
        lane.revoke(first)
        lane.grant(**wished)
        lane.run()
        with lane.grants("ada") as desk:
            _, given = desk.given()
        assert (given.windows, given.status == "live") == (comes, comes > 0)


def test_a_grant_reaches_no_farther_back_than_its_customer_reads(lane: Lane) -> None:
    lane.settle("home3", "carol", start=False)
    grant = lane.grant("carol")
    with lane.grants("carol") as desk:
        assert desk.unread(grant) == SPAN[0] + 3 * HOUR
    with lane.grants("ada") as desk:
        assert desk.unread(grant) is None
    assert lane.deliver().delivered == ()
    lane.run()
    (granted,) = lane.read()
    assert granted.sums.starts.tolist() == [SPAN[0] + hour * HOUR for hour in (3, 4, 5)]
    assert granted.sums.energies.tolist() == lane.source("home3")[180:].reshape(3, 60).sum(axis=1).tolist()


class TestMovedOut:
    def test_the_next_customer_grants_nothing_from_before_them(self, lane: Lane) -> None:
        lane.grant()
        lane.deliver()
        lane.leave("ada")
        lane.settle("home1", "eve")
        with pytest.raises(DataError, match="it has ended"):
            lane.read()
        lane.grant("eve")
        lane.run()
        (granted,) = lane.read()
        # What ada could read is in no window: neither with her energy nor as an empty one.
        assert granted.sums.readings.tolist() == [60, 60, 60]
        assert granted.sums.energies.tolist() == lane.source("home1")[180:].reshape(3, 60).sum(axis=1).tolist()
        with lane.grants("eve") as desk:
            assert [each.windows for each in desk.given()] == [3]

    def test_who_withdraws_their_agreement_delivers_nothing_until_they_agree(self, lane: Lane) -> None:
        lane.grant()
        lane.deliver()
        lane.say("ada", "withdraw")
        with pytest.raises(DataError, match="it rests"):
            lane.read()
        lane.until = "06:00"
        lane.run()
        outcome = lane.deliver()
        assert (outcome.delivered, [refused.why for refused in outcome.refused]) == (
            (),
            ["its customer does not agree to the notice any more"],
        )
        with pytest.raises(UsageError, match="agree before you grant"):
            lane.grant()
        lane.say("ada", "agree", notice=1, digest=bytes(32))
        assert [each.windows for each in lane.deliver().delivered] == [3]
        lane.meanwhile = lambda: lane.say("ada", "withdraw")
        with pytest.raises(DataError, match="it rests"):
            lane.read()
        lane.meanwhile = lambda: None
        lane.say("ada", "agree", notice=1, digest=bytes(32))
        assert spans(lane.read()[0]) == [0, 1, 2, 3, 4, 5]


class TestTheMailbox:
    def test_gives_another_key_nothing(self, lane: Lane, pairs: tuple[KeyPair, KeyPair]) -> None:
        lane.grant()
        lane.deliver()
        with pytest.raises(DataError, match="nothing was delivered for the key"):
            lane.read(pairs[1])
        assert [each.fetched for each in lane.sent] == [None]

    def test_that_says_it_is_for_another_key_gives_that_nothing(
        self, lane: Lane, pairs: tuple[KeyPair, KeyPair]
    ) -> None:
        lane.grant()
        lane.deliver()
        lane.edit(lane.state.deliveries, "UPDATE deliveries SET receiver = ?", pairs[1].private.fingerprint)
        with pytest.raises(AuthenticationFailed, match="another key"):
            lane.read(pairs[1])

    def test_altered_or_swapped_is_found(self, lane: Lane) -> None:
        lane.grant()
        lane.deliver()
        lane.run()
        before = lane.state.deliveries.read_bytes()
        for change in (
            "UPDATE deliveries SET message = (SELECT message FROM deliveries WHERE number = 1)",
            "UPDATE deliveries SET message = zeroblob(length(message)) WHERE number = 2",
            "UPDATE deliveries SET number = -number",
            "DELETE FROM deliveries WHERE number = 1",
        ):
            lane.edit(lane.state.deliveries, change)
            with pytest.raises(IntegrityError):
                lane.read()
            lane.state.deliveries.write_bytes(before)
        assert spans(lane.read()[0]) == [0, 1, 2, 3, 4, 5]

    def test_taken_back_to_an_earlier_day_is_found_by_who_has_read_from_it(self, lane: Lane, tmp_path: Path) -> None:
        memory = tmp_path / "received.json"
        lane.grant()
        lane.deliver()
        before = lane.state.deliveries.read_bytes()
        lane.run()
        lane.read(received=memory)
        lane.state.deliveries.write_bytes(before)
        with pytest.raises(AuthenticationFailed, match="received before"):
            lane.read(received=memory)
        lane.deliver()  # again, but not the same bytes
        with pytest.raises(AuthenticationFailed, match="received before"):
            lane.read(received=memory)

    def test_goes_on_after_an_erasure_with_what_was_measured_since(self, lane: Lane, tmp_path: Path) -> None:
        memory = tmp_path / "received.json"
        lane.grant()
        lane.deliver()
        lane.read(received=memory)
        with lane.opened() as (session, _):
            erase(session, lane.state, lane.unlock, find_meter(session, "home1"), by=party("meters"))
        lane.run()
        for granted in (*lane.read(), *lane.read(received=memory)):
            assert (granted.gone, spans(granted)) == (1, [3, 4, 5])
            assert 1 <= granted.deliveries <= 3, "a run delivers as often as the clock lets it"
            assert granted.sums.energies.tolist() == lane.source("home1").reshape(6, 60)[3:].sum(axis=1).tolist()

    def test_is_checked_by_the_key_in_the_customers_document(self, lane: Lane, tmp_path: Path) -> None:
        grant = lane.grant()
        lane.deliver()
        with lane.opened() as (session, login):
            account = lane.holder(login, "ada").account
            key = lane.pair.private.fingerprint
            document = GrantDocument.of(grant, session.deployment, account, key, "UTC")
        assert GrantDocument.read(document.text().encode(), "file") == document
        memory = tmp_path / "received.json"
        assert lane.read(documents=[document])[0].vouched == "document"
        with pytest.raises(AuthenticationFailed):
            lane.read(documents=[replace(document, verify_key="00" * 32)])
        assert lane.read(received=memory)[0].vouched == "list"
        assert lane.read(received=memory)[0].vouched == "before"
        lane.edit(lane.state.journal, "UPDATE meters SET verify_key = ?", bytes(32))  # the list is of no use any more
        assert lane.read(received=memory)[0].vouched == "before"
        with pytest.raises(AuthenticationFailed):
            lane.read()


class TestIsSeenByTheCustomer:
    def test_what_was_granted_delivered_and_read(self, lane: Lane) -> None:
        first, _ = lane.grant(), lane.grant("bob", purpose="another")
        lane.deliver()
        lane.read()
        lane.revoke(first)
        with lane.grants("ada") as desk:
            (given,) = desk.given()
            assert (given.status, given.windows, given.read) == ("revoked", 3, 3)
        with lane.opened() as (_, login), lane.grants("ada") as desk, open_audit(lane.state, lane.unlock) as log:
            entries = own_entries(lane.state, log, lane.holder(login, "ada").account, desk.given())
        told = [(entry.action, entry.actor) for entry in entries if entry.action not in ("login", "consent")]
        assert told == [
            ("enrolment", "you (ada)"),
            ("grant", "you (ada)"),
            ("delivery", "party:meters"),
            ("read", "Advice Ltd"),
            ("revocation", "you (ada)"),
        ]

    def test_but_not_what_concerned_whoever_lived_there_before(self, lane: Lane) -> None:
        lane.grant()
        lane.deliver()
        lane.leave("ada")
        lane.settle("home1", "ada")  # another person, as it happens of the same name
        with lane.opened() as (_, login), open_audit(lane.state, lane.unlock) as log:
            entries = own_entries(lane.state, log, lane.holder(login, "ada").account)
        assert {entry.action for entry in entries} == {"enrolment", "consent", "login"}
        with lane.grants("ada") as desk:
            assert desk.given() == []

    def test_the_log_names_neither_grantee_nor_household(self, lane: Lane) -> None:
        lane.grant()
        lane.deliver()
        lane.read()
        text = lane.state.audit_log.read_text()
        for name in (lane.pair.private.fingerprint, lane.pseudonyms["home1"].hex(), "Advice", "night"):
            assert name not in text
        with open_audit(lane.state, lane.unlock) as log:
            actor, subject = (
                log.text(grantee(lane.pair.private.fingerprint)),
                log.text(household(lane.pseudonyms["home1"].hex())),
            )
        entries = list(read_audit(lane.state).entries)
        assert [entry.subject for entry in entries if entry.actor == actor] == [subject]


class TestWishes:
    @pytest.mark.parametrize(
        ("changes", "why"),
        [
            ({"window": 30}, "no multiple"),
            ({"window": 7 * HOUR}, "does not divide a day"),
            ({"window": DAY}, "no whole window of 1d"),
            ({"window": "month"}, "no whole window of month"),
            ({"start": START + 1, "end": START + HOUR}, "no whole window"),
            ({"end": START}, "no whole window"),
            ({"start": -1}, "1970"),
            ({"expires": NOW}, "real clock"),
            ({"expires": NOW + 6 * 366 * DAY}, "five years"),
            ({"purpose": " "}, "purpose"),
            ({"purpose": "x\x1b[2J"}, "printable"),
            ({"grantee": "x" * 101}, "name"),
        ],
        ids=str,
    )
    def test_that_cannot_be_are_refused(self, settled: Lane, changes: dict[str, Any], why: str) -> None:
        with settled.grants("ada") as desk, pytest.raises(UsageError, match=why):
            desk.check(settled.wish(**changes))

    def test_a_key_for_signatures_is_refused(self, settled: Lane) -> None:
        from smarter.keys.signing import generate, pem_of

        key = read_public(pem_of(generate()[0]).encode(), "key")
        with settled.grants("ada") as desk, pytest.raises(DataError, match="RSA"):
            desk.check(settled.wish(key=key))


@pytest.mark.parametrize("content", [b"no database" * 100, b""])
def test_a_mailbox_that_was_damaged_stops_no_run(lane: Lane, content: bytes) -> None:
    lane.grant()
    lane.deliver()
    whole = lane.state.deliveries.read_bytes()
    lane.state.deliveries.write_bytes(content or whole[:-4096])
    events = lane.run()
    (warned,) = [event.warning for event in events if isinstance(event, Warned) and "any grant" in event.warning]
    assert "deliveries.sqlite" in warned
    lane.state.deliveries.write_bytes(whole)
    assert [each.windows for each in lane.deliver().delivered] == [3]
    assert spans(lane.read()[0]) == [0, 1, 2, 3, 4, 5]


def test_frames_that_no_grant_asks_for_any_more_are_not_held(lane: Lane) -> None:
    lane.grant()
    with lane.opened() as (session, _), open_audit(lane.state, lane.unlock) as log:
        store = Keystore.open(lane.state.keys, "meters", lane.unlock)
        with closing(Granting(session, store, lane.state, log, clock=lane.clock)) as meters:
            meters.deliver()
            assert {meter: len(frames) for meter, frames in meters._kept.items()} == {lane.pseudonyms["home1"]: 0}
            lane.now += 2 * DAY
            meters.deliver()
            assert meters._kept == {}
