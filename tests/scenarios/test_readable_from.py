"""From when on a customer reads: the next key epoch, or what the installer said; whatever is edited or put back."""

from __future__ import annotations

import base64
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from smarter.errors import AuthenticationFailed, DamagedKeys, MalformedMessage, UsageError
from smarter.keys import envelope
from smarter.keys.keystore import Keystore
from smarter.keys.passwords import Pbkdf2Cost
from smarter.model.audit import LOCAL, Note, customer, household
from smarter.model.events import Finished
from smarter.model.messages import Frame, wire
from smarter.model.messages.enrolment import WrappedSealKey
from smarter.parties.customer import CustomerSecrets
from smarter.protocols.customer_keys import CustomerKeys
from smarter.protocols.enrolment import enrol, find_meter, invite, since_of
from smarter.protocols.erasure import erase
from smarter.protocols.login import Login
from smarter.protocols.provision import READS_AFTER
from smarter.protocols.readable_from import ReadableFrom, from_moment, from_next_epoch, from_start
from smarter.run import run
from smarter.state import Accounts, StateFolder
from tests.scenarios.test_customer import HOURS, PASSWORD, START, Lane, private_of
from tests.support.copies import put_back_journal

NEW_PASSWORD = "mauve-kettle-orbit-77"
FIRST = START // 60
"""The slot of midnight."""


class Home(Lane):
    """The lane, of which ``home1`` has no customer yet."""

    verify = True
    """Whether what a run released is compared with the plaintext; not where windows are measured twice."""

    def run(self, until: str = "06:00") -> None:
        self.until = until
        *_, last = run(self.scenario, self.state, unlock=self.unlock, verify=self.verify)
        assert isinstance(last, Finished)

    def reaching(self, since: int | str | None) -> ReadableFrom:
        """As the installer says it: None, ``start``, or epoch seconds."""
        with self.opened() as (session, _, store):
            meter = find_meter(session, "home1")
            if since is None:
                return from_next_epoch(session, meter)
            if since == "start":
                return from_start(session, store, meter)
            return from_moment(session, store, meter, int(since))

    def code(self, since: int | str | None = None) -> str:
        readable = self.reaching(since)
        with self.opened() as (session, login, store):
            return invite(session, login, store, find_meter(session, "home1"), readable)

    def moves_in(self, name: str = "ada", since: int | str | None = None) -> Any:
        return self.enrol(self.code(since), name)

    @property
    def pseudonym(self) -> bytes:
        with self.opened() as (session, _, _):
            return find_meter(session, "home1").pseudonym

    def wrapped(self) -> list[int]:
        """The key epochs of which a seal key waits for the customer."""
        with self.opened() as (session, _, _):
            messages = session.wrapped.seal_keys(find_meter(session, "home1").pseudonym)
        return [WrappedSealKey.decode(wire.Signed.decode(message).body).epoch for message in messages]

    def first(self, name: str = "ada") -> int:
        """Minutes after midnight from which on the own readings are those of the source, every one."""
        own = self.own(name)
        if not len(own):
            return self.measured
        first = int(own.slots[0]) - FIRST
        assert own.energies.tolist() == self.source("home1")[first : self.measured].tolist()
        return first

    def put_back(self, journal: Path) -> None:
        """Put the journal of 02:00 in the place of today's."""
        put_back_journal(self.state, journal)
        self.until, self.verify = "02:00", False

    @property
    def measured(self) -> int:
        return int(self.until[:2]) * 60


@pytest.fixture(scope="module")
def ran(small_scenario: str, checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Three starts: key epochs 1, 2 and 3 begin at 00:00, 02:00 and 03:00; measured until 04:00."""
    home = Home(small_scenario, StateFolder(tmp_path_factory.mktemp("home") / "state"), checkout)
    for until in ("02:00", "03:00", "04:00"):
        home.run(until)
        shutil.copy(home.state.journal, home.state.path.parent / f"journal of {until}")
    return home


@pytest.fixture
def at_two(ran: Home) -> Path:
    """The journal as it was at 02:00."""
    return ran.state.path.parent / "journal of 02:00"


@pytest.fixture
def home(ran: Home, tmp_path: Path) -> Home:
    """The same, to be changed."""
    copy = Home(ran.text, StateFolder(shutil.copytree(ran.state.path, tmp_path / "state")), ran.base)
    copy.until = ran.until
    return copy


def everything_in(folder: Path) -> Iterator[bytes]:
    """Every value that some file of a state holds, as bytes."""
    for path in (path for path in folder.rglob("*") if path.is_file()):
        data = path.read_bytes()
        if data.startswith(b"SQLite format 3"):
            with closing(sqlite3.connect(path)) as file:
                tables = [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
                for table in tables:
                    for row in file.execute(f"SELECT * FROM {table}"):
                        yield from (value for value in row if isinstance(value, bytes))
        elif path.suffix == ".keys":
            yield from (base64.b64decode(each["public"]) for each in json.loads(data)["public"])
        else:
            yield data


def keys_for(home: Home, name: str) -> dict[int, bytes]:
    """What a customer who tries everything unwraps: by key epoch, the seal keys of their meter in any file."""
    found = {}
    with home.opened() as (session, login, _):
        holder = login.resume(login.log_in(name, PASSWORD))
        keywrap, pseudonym = session.cryptography.keywrap, holder.account.meter
        private = keywrap.load_private(private_of(holder))
        for value in everything_in(home.state.path):
            for field in fields_of(value):
                for epoch in range(1, 6):
                    context = WrappedSealKey.context(session.deployment, pseudonym, epoch, private.fingerprint)
                    try:
                        found[epoch] = keywrap.unwrap(private, field, context=context)
                    except (AuthenticationFailed, MalformedMessage, ValueError):
                        continue
    return found


def fields_of(value: bytes) -> Iterator[bytes]:
    """A value, and every bytes field of a message in it, however deep."""
    yield value
    try:
        parts = wire.msgpack.unpackb(value, raw=False)
    except Exception:  # noqa: BLE001 - it is no message
        return
    for part in parts if isinstance(parts, list) else ():
        if isinstance(part, bytes):
            yield from fields_of(part)


class TestAnInvitationWithoutAWordAboutEarlierReadings:
    def test_gives_nothing_from_before_the_enrolment_to_who_tries_everything(self, home: Home) -> None:
        home.moves_in()
        own = home.own("ada")
        assert (len(own), own.damaged) == (0, 0)
        assert own.sealed == tuple((FIRST + at, FIRST + at + 60) for at in (0, 60, 120, 180))
        assert keys_for(home, "ada") == {}

        home.run("06:00")
        assert home.first() == 240
        found = keys_for(home, "ada")
        assert list(found) == [4]
        with home.opened() as (session, _, _):
            cipher = session.scenario.crypto.seal.create().keyed(found[4])
            opened = []
            for data in session.journal.frames(home.pseudonym):
                frame = Frame.decode(data)
                try:
                    cipher.open(frame.header.nonce, frame.sealed, frame.header.encode())
                except AuthenticationFailed:
                    continue
                opened.append(frame.header.first_slot - FIRST)
        assert opened == [240, 300]

    def test_is_what_keeps_them_from_the_customer(self, home: Home) -> None:
        """With the installer's word the same attempt finds every key."""
        home.moves_in(since="start")
        assert sorted(keys_for(home, "ada")) == [1, 2, 3]

    def test_counts_from_the_enrolment_and_not_from_the_invitation(self, home: Home) -> None:
        code = home.code()
        home.run("05:00")
        home.enrol(code, "ada")
        home.run("06:00")
        assert home.first() == 300

    def test_of_an_earlier_version_gives_nothing_from_before_either(self, home: Home) -> None:
        code = home.code("start")
        with home.opened() as (_, _, store):
            (entry,) = store.entries(f"invitation/{home.pseudonym.hex()}")
            object.__setattr__(entry, "private", entry.private[:64])
            store.forget(entry.purpose)
            store.add(entry)
            store.save()
        home.enrol(code, "ada")
        assert home.wrapped() == []


class TestTheInstallersWord:
    @pytest.mark.parametrize(
        ("since", "first", "epochs"),
        [
            ("start", 0, [1, 2, 3]),
            (START - 24 * HOURS, 0, [1, 2, 3]),
            (START, 0, [1, 2, 3]),
            (START + 1, 120, [2, 3]),
            (START + 2 * HOURS, 120, [2, 3]),
            (START + 2 * HOURS + 1800, 180, [3]),
            (START + 3 * HOURS, 180, [3]),
            (START + 3 * HOURS + 1, 240, []),
            (START + 4 * HOURS, 240, []),
            (None, 240, []),
        ],
    )
    def test_gives_whole_key_epochs_and_never_earlier_ones(
        self, home: Home, since: int | str | None, first: int, epochs: list[int]
    ) -> None:
        enrolled = home.moves_in(since=since)
        assert home.wrapped() == epochs
        assert home.first() == first
        stamp = f"2016-01-01T{first // 60:02}:00:00+00:00" if epochs else ""
        assert enrolled.readable.since == stamp

    def test_about_a_time_that_was_not_measured_is_refused(self, home: Home) -> None:
        with pytest.raises(UsageError, match=r"home1 has measured up to 2016-01-01T04:00.*Leave --since out"):
            home.code(START + 4 * HOURS + 1)

    def test_is_noted_with_how_far_back_it_reaches(self, home: Home) -> None:
        for since, noted in (("start", "2016-01-01T00:00:00+00:00"), (None, "next key epoch")):
            notes: list[Note] = []
            readable = home.reaching(since)
            with home.opened() as (session, _, store), closing(Accounts(home.state.accounts, lambda: 1e9)) as file:
                login = Login(file, session.deployment, Pbkdf2Cost(1), witness=notes.append)
                meter = find_meter(session, "home1")
                code = invite(session, login, store, meter, readable)
                name = f"ada{len(noted)}"
                enrol(session, login, store, code=code, name=name, password=PASSWORD)
            of = household(meter.pseudonym.hex())
            assert notes[:2] == [
                Note("enrolment", LOCAL, of, {"what": "invited", "since": noted}),
                Note("enrolment", customer(name), of, {"what": "enrolled", "since": noted}),
            ]
            home.move_out(name)

    def test_counts_as_it_was_said_last(self, home: Home) -> None:
        first, second = home.code("start"), home.code()
        with pytest.raises(Exception, match="replaced"):
            home.enrol(first, "ada")
        home.enrol(second, "ada")
        assert home.wrapped() == []

    def test_reaches_no_farther_than_the_last_customer_who_moved_out(self, home: Home) -> None:
        home.moves_in("ada", "start")
        home.move_out("ada")
        home.run("05:00")
        assert home.reaching("start").since == home.reaching(START).since == "2016-01-01T04:00:00+00:00"
        home.moves_in("eve", "start")
        assert home.first("eve") == 240

    def test_is_needed_by_the_second_customer_for_the_time_in_between_too(self, home: Home) -> None:
        home.moves_in("ada", "start")
        home.move_out("ada")
        home.run("05:00")
        home.moves_in("eve")
        home.run("06:00")
        assert home.first("eve") == 300


class TestWhatIsEdited:
    def test_in_the_number_that_the_meter_keeps_opens_no_keystore(self, home: Home) -> None:
        """It is public in the file, and bound to what only the keystore's secret opens."""
        home.moves_in()
        path = home.state.keys / "meters.keys"
        whole = json.loads(path.read_bytes())
        (entry,) = (each for each in whole["public"] if each["purpose"].startswith(READS_AFTER))
        entry["fingerprint"] = "00000000"
        whole.pop("digest")
        path.write_bytes(envelope._canonical({**whole, "digest": envelope._digest(whole)}))
        with pytest.raises(DamagedKeys, match="altered"):
            Keystore.open(home.state.keys, "meters", home.unlock)

    def test_in_the_list_of_key_epochs_gives_no_earlier_one(self, home: Home) -> None:
        late = FIRST + 240
        home.edit(home.state.wrapped_keys, "UPDATE epochs SET first_slot = ?", late)
        assert home.reaching(START + 3 * HOURS) == ReadableFrom(2, late, "2016-01-01T04:00:00+00:00")
        home.moves_in(since=START + 3 * HOURS)
        assert home.wrapped() == [3]

    def test_in_the_numbers_of_key_epochs_wraps_no_key(self, home: Home) -> None:
        """What the meter wraps goes by its keystore alone."""
        code = home.code()
        home.edit(home.state.wrapped_keys, "UPDATE epochs SET epoch = epoch + 7")
        home.enrol(code, "ada")
        assert home.wrapped() == []

    @pytest.mark.parametrize("when", ["before the invitation is used", "after the enrolment"])
    @pytest.mark.parametrize("since", [None, START + 3 * HOURS])
    def test_by_putting_the_journal_back_has_nothing_earlier_measured_again(
        self, home: Home, at_two: Path, when: str, since: int | None
    ) -> None:
        """The run is taken up at 02:00, in a key epoch with a higher number: it is sealed to them all the same."""
        if when == "after the enrolment":
            home.moves_in(since=since)
            home.put_back(at_two)
            home.run("04:00")
        else:
            code = home.code(since)
            home.put_back(at_two)
            if since is not None:
                home.run("04:00")
            home.enrol(code, "ada")
            home.run("04:00")
        assert home.wrapped() == []
        assert home.first() == 240
        with home.opened() as (session, _, store):
            readable = CustomerKeys.of(session, store).readable(find_meter(session, "home1").pseudonym)
        home.run("06:00")
        assert home.first() == 240
        assert 4 not in readable

    def test_by_putting_the_journal_back_has_no_earlier_customers_time_measured_again(
        self, home: Home, at_two: Path
    ) -> None:
        home.moves_in("ada", "start")
        home.move_out("ada")
        home.put_back(at_two)
        home.run("05:00")
        home.moves_in("eve", "start")
        assert home.wrapped() == []
        home.run("06:00")
        assert home.first("eve") == 300

    def test_by_putting_the_journal_back_gives_the_next_customer_nothing(self, home: Home, tmp_path: Path) -> None:
        home.moves_in("ada", "start")
        before = shutil.copytree(home.state.path, tmp_path / "before")
        home.run("05:00")
        now = shutil.copytree(home.state.path, tmp_path / "now")
        shutil.copy(before / "journal.sqlite", home.state.journal)
        home.until = "04:00"
        home.move_out("ada")
        home.moves_in("eve", "start")
        shutil.copy(now / "journal.sqlite", home.state.journal)
        home.until = "05:00"
        assert home.wrapped() == []
        assert len(home.own("eve")) == 0


class TestWhatComesLater:
    def test_a_password_or_a_recovery_wraps_no_other_key(self, home: Home) -> None:
        recovery = home.moves_in(since=START + 3 * HOURS).recovery_code
        with home.opened() as (_, login, _):
            holder = login.resume(login.log_in("ada", PASSWORD))
            login.change_password(holder, PASSWORD, NEW_PASSWORD)
            login.recover("ada", recovery, PASSWORD)
        assert home.wrapped() == [3]
        assert home.first() == 180

    def test_a_customer_from_before_invitations_said_it_keeps_what_they_have(self, home: Home) -> None:
        home.moves_in(since="start")
        with home.opened() as (_, _, store):
            store.forget(f"{READS_AFTER}/{home.pseudonym.hex()}")
            store.save()
        home.run("06:00")
        assert home.wrapped() == [1, 2, 3, 4]
        assert home.first() == 0

    def test_an_account_from_before_has_no_first_slot(self) -> None:
        earlier = wire.encode("customer-secrets", [b"private", bytes(32)])
        assert CustomerSecrets.decode(earlier) == CustomerSecrets(b"private", bytes(32), None)
        assert CustomerSecrets.decode(earlier).encode() == earlier
        assert CustomerSecrets.decode(CustomerSecrets(b"p", bytes(32), 7).encode()).since == 7

    def test_the_meter_wraps_no_sealed_epoch_even_when_asked(self, home: Home) -> None:
        home.moves_in(since=START + 3 * HOURS)
        with home.opened() as (session, _, store):
            keys = CustomerKeys.of(session, store)
            with pytest.raises(ValueError, match="stays sealed"):
                keys.link(home.pseudonym).wrap(2, bytes(32))
            assert list(keys.readable(home.pseudonym)) == [3]
            assert list(keys.wrap_new({home.pseudonym: (2, bytes(32))})) == []


class TestBills:
    @pytest.mark.parametrize("keep", ["396d", "1h"], ids=["frames kept", "frames dropped"])
    def test_of_windows_from_before_show_nothing(self, home: Home, keep: str) -> None:
        """Not even where the sealed frames are gone that showed whose the time is."""
        home.text += f"accounts: {{keep_frames: {keep}}}\n"
        home.moves_in()
        home.run("06:00")
        (check,) = home.checked("ada")
        assert check.withheld == 2
        assert (check.bill.energy, check.bill.amount, check.bill.lines, check.own) == (None, None, (), None)
        assert (check.matches, check.excess, check.differences) == (False, None, ())

    def test_from_before_are_in_no_receipt_of_an_erasure(self, home: Home) -> None:
        home.moves_in()
        home.run("06:00")
        with home.opened() as (session, login, _):
            holder = login.resume(login.log_in("ada", PASSWORD))
            meter = find_meter(session, "home1")
            assert since_of(holder) == FIRST + 240
            by = customer("ada")
            receipt = erase(session, home.state, home.unlock, meter, by=by, since=since_of(holder)).receipt
            whole = erase(session, home.state, home.unlock, meter, by=LOCAL).receipt
            assert list(session.journal.frames(meter.pseudonym)) == [], "also those from before"
        assert [(bill.energy_mwh, bill.amount) for bill in receipt.bills] == [(None, None)]
        assert all(bill.amount for bill in whole.bills)
