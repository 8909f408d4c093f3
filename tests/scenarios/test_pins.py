"""A keystore put in another's place is found by every other one, and by the head that is kept elsewhere.

The attacker can write the state and has no passphrase; with key files, only what is kept elsewhere is out of reach.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from smarter.errors import IntegrityError, ReplacedKeys
from smarter.keys import audit, roster
from smarter.keys.keystore import Keystore, pins_of
from smarter.keys.officers import KIND as OFFICERS
from smarter.keys.officers import Officers
from smarter.keys.secret import Unlock
from smarter.keys.shares import Share
from smarter.keys.unlock import KeyFileUnlock, PassphraseUnlock, unlock_from
from smarter.model.audit import LOCAL
from smarter.model.events import Finished
from smarter.protocols.audit_reading import check_audit, default_heads, read_audit
from smarter.protocols.auditing import open_audit, require_untouched
from smarter.protocols.key_changes import rotate
from smarter.protocols.locking import lock
from smarter.protocols.provision import PARTIES, new_key
from smarter.protocols.restoring import accept_restore
from smarter.protocols.roster import new_roster_key
from smarter.protocols.session import cryptography_of, recalled, reporting
from smarter.run import run
from smarter.state import StateFolder
from tests.conftest import FinishedRun
from tests.support.earlier import without_pins, without_vouching
from tests.support.killing import kill_at_each_write


@pytest.fixture
def state(finished_run: FinishedRun, tmp_path: Path) -> StateFolder:
    """A finished run's state, whose head is kept elsewhere, too."""
    shutil.copytree(finished_run.state.path, tmp_path / "state")
    folder = StateFolder(tmp_path / "state", tmp_path / "heads")
    with open_audit(folder, KeyFileUnlock(folder.keys)) as log:
        log.note("read", LOCAL)
    return folder


def run_again(finished: FinishedRun, state: StateFolder, unlock: Unlock | None = None) -> None:
    *_, last = run(finished.scenario, state, unlock=unlock or KeyFileUnlock(state.keys))
    assert isinstance(last, Finished)


def locked_by_passphrase(state: StateFolder, *parties: str) -> None:
    """Lock keystores by a passphrase that the attacker does not have."""
    for party in parties:
        unlock = unlock_from("auto", state.keys, environ={}, ask=lambda _: "of the utility")
        lock(state, unlock, party, "passphrase", PassphraseUnlock(b"of the utility"))


def put_own(finished: FinishedRun, state: StateFolder, party: str, purposes: Sequence[str]) -> None:
    """Put a keystore of one's own, under a key file of one's own, in the place of a party's."""
    plugins = cryptography_of(finished.scenario)
    for left in (f"{party}.keys", f"{party}.key"):
        (state.keys / left).unlink(missing_ok=True)
    own = Keystore.create(state.keys, party, KeyFileUnlock(state.keys))
    for purpose in purposes:
        own.add(new_key(purpose, plugins))
    own.save()


@pytest.fixture
def cheap(cheap_passphrases: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Locking by a passphrase takes next to no work either."""
    from smarter.keys.kdf import ScryptCost

    monkeypatch.setitem(Keystore.relock.__kwdefaults__, "cost", ScryptCost(n=2, r=1, p=1))


@pytest.mark.usefixtures("cheap")
@pytest.mark.parametrize(
    ("party", "purposes"), [("pes", ("unwrap", "sign")), ("releaser", ("aggregate", "sign")), ("mdms", ("unwrap",))]
)
@pytest.mark.parametrize("anchored", [True, False], ids=["", "no head elsewhere"])
def test_a_keystore_of_ones_own_in_anothers_place_opens_nothing(
    finished_run: FinishedRun, state: StateFolder, party: str, purposes: Sequence[str], anchored: bool
) -> None:
    """With typed passphrases one question fewer is asked, and that was all that was to be seen."""
    locked_by_passphrase(state, *PARTIES)
    put_own(finished_run, state, party, purposes)
    if not anchored:
        without_vouching(state.audit_head)  # which lies in the state, where an attacker can write
        state = replace(state, anchor=None)
    unlock = unlock_from("auto", state.keys, environ={}, ask=lambda _: "of the utility")
    known = "head of the audit log" if anchored else rf"{party}\.keys is not the one that .*\.keys"
    with pytest.raises(ReplacedKeys, match=f"{known}.* knows"):
        run_again(finished_run, state, unlock)
    for other in sorted({*PARTIES} - {party}):
        with pytest.raises(ReplacedKeys):
            Keystore.open(state.keys, other, unlock)


@pytest.mark.usefixtures("cheap")
def test_the_officers_lock_is_not_lifted_by_another_keystore(finished_run: FinishedRun, state: StateFolder) -> None:
    shares: list[Share] = []
    lock(state, KeyFileUnlock(state.keys), "releaser", OFFICERS, Officers(2, 3, shares.extend))
    put_own(finished_run, state, "releaser", ("aggregate", "sign"))
    with pytest.raises(ReplacedKeys, match="the keystore of releaser is not the one that the head"):
        run_again(finished_run, state)
    # The MDMS, too, which would take deliveries that such a releaser signs.
    with (
        pytest.raises(ReplacedKeys, match="releaser"),
        reporting(recalled(finished_run.scenario, state), state, KeyFileUnlock(state.keys)),
    ):
        pass


def test_all_keystores_replaced_at_once_are_found_by_the_head_elsewhere(
    finished_run: FinishedRun, state: StateFolder
) -> None:
    """With key files an attacker can make all of them know each other, and the state's own head, too."""
    for party in PARTIES:
        store = Keystore.open(state.keys, party, KeyFileUnlock(state.keys), changing=True)
        store.generation += 1
        store.save()
    pins = pins_of(state.keys)
    for party in PARTIES:
        store = Keystore.open(state.keys, party, KeyFileUnlock(state.keys), changing=True)
        store.pins = replace(store.pins, of=pins)
        store.save()
        assert Keystore.open(state.keys, party, KeyFileUnlock(state.keys)), "they agree with each other"
    with pytest.raises(ReplacedKeys, match="that the head of the audit log in"):
        run_again(finished_run, state)
    without_vouching(state.audit_head)
    for look in (lambda: run_again(finished_run, state), lambda: check_audit(state, default_heads(state))):
        with pytest.raises(ReplacedKeys, match=r"heads/[0-9a-f]{32}\.head"):
            look()


@pytest.mark.parametrize("what", ["rotated", "locked otherwise"])
@pytest.mark.usefixtures("cheap")
def test_a_keystore_of_another_day_does_not_come_back(finished_run: FinishedRun, state: StateFolder, what: str) -> None:
    unlock = KeyFileUnlock(state.keys)
    before = {name: (state.keys / name).read_bytes() for name in ("pes.keys", "pes.key")}
    if what == "rotated":
        rotate(state, unlock, cryptography_of(finished_run.scenario), "pes", "sign")
    else:
        locked_by_passphrase(state, "pes")
    for name, data in before.items():
        (state.keys / name).write_bytes(data)
    with pytest.raises(ReplacedKeys):
        run_again(finished_run, state)
    for party in sorted({*PARTIES} - {"pes"}):
        with pytest.raises(ReplacedKeys, match=r"pes\.keys is not the one"):
            Keystore.open(state.keys, party, unlock)


def test_keystores_of_a_backup_are_accepted_where_their_party_is_named(
    finished_run: FinishedRun, state: StateFolder, tmp_path: Path
) -> None:
    unlock = KeyFileUnlock(state.keys)
    backup = shutil.copytree(state.path, tmp_path / "backup")
    rotate(state, unlock, cryptography_of(finished_run.scenario), "pes", "sign")
    shutil.rmtree(state.path)
    shutil.copytree(backup, state.path)
    for named in ((), ("mdms",)):
        with pytest.raises(ReplacedKeys, match="the keystores of pes in"):
            accept_restore(state, unlock, "the disk broke", named)
        with pytest.raises(IntegrityError):
            run_again(finished_run, state)
    assert accept_restore(state, unlock, "the disk broke", ("pes",)).keys == ("pes",)
    run_again(finished_run, state)
    (noted,) = (entry.detail for entry in read_audit(state, default_heads(state)).entries if entry.action == "restore")
    assert (noted["reason"], noted["keys"]) == ("the disk broke", "pes")


def test_an_operators_keystore_that_was_put_there_beforehand_is_none(state: StateFolder) -> None:
    """Who could choose the roster's key could make themselves an administrator."""
    unlock = KeyFileUnlock(state.keys)
    planted = Keystore.create(state.keys, roster.PARTY, unlock)
    roster.fill(planted)
    new_roster_key(state, unlock)
    made = Keystore.open(state.keys, roster.PARTY, unlock)
    assert made.identity != planted.identity
    new_roster_key(state, unlock)
    assert Keystore.open(state.keys, roster.PARTY, unlock).pin == made.pin, "the second call finds it"
    for party in (roster.PARTY, audit.PARTY):
        assert Keystore.open(state.keys, party, unlock).pins.of[roster.PARTY] == made.pin
    Keystore.destroy(state.keys, roster.PARTY, unlock)
    roster.fill(Keystore.create(state.keys, roster.PARTY, unlock))
    with pytest.raises(ReplacedKeys, match="operators"):
        require_untouched(state)


def test_a_state_of_an_earlier_version_takes_pins_once_and_says_so(
    finished_run: FinishedRun, state: StateFolder
) -> None:
    without_pins(state.keys)
    for head in (state.audit_head, *default_heads(state)):
        without_vouching(head)
    for _ in range(2):
        run_again(finished_run, state)
    for party in PARTIES:
        assert set(Keystore.open(state.keys, party, KeyFileUnlock(state.keys)).pins.of) == set(PARTIES)
    entries = list(read_audit(state, default_heads(state)).entries)
    assert [entry.detail.get("what") for entry in entries].count("keystores took each other's pins") == 1
    require_untouched(state)
    without_pins(state.keys)  # once: now the heads know that there were some
    put_own(finished_run, state, "pes", ("unwrap", "sign"))
    with pytest.raises(ReplacedKeys, match="pes"):
        run_again(finished_run, state)


@contextmanager
def suppress_matching(words: str) -> Iterator[None]:
    """Whatever is said about a keystore is said in these words."""
    try:
        yield
    except ReplacedKeys as stopped:
        if words not in str(stopped):
            raise


CHANGES: dict[str, Callable[[FinishedRun, StateFolder], object]] = {
    "rotate": lambda finished, state: rotate(state, by_any(state), cryptography_of(finished.scenario), "pes", "sign"),
    "rotate audit": lambda finished, state: rotate(
        state, by_any(state), cryptography_of(finished.scenario), audit.PARTY, audit.SIGN
    ),
    "lock": lambda finished, state: lock(
        state, by_any(state), "mdms", "passphrase", PassphraseUnlock(b"of the utility")
    ),
    "lock audit": lambda finished, state: lock(
        state, by_any(state), audit.PARTY, "passphrase", PassphraseUnlock(b"of the utility")
    ),
}


def by_any(state: StateFolder) -> Unlock:
    return unlock_from("auto", state.keys, environ={}, ask=lambda _: "of the utility")


@pytest.mark.usefixtures("cheap")
@pytest.mark.parametrize("change", ["rotate", "rotate audit", "lock audit"])
def test_killed_at_any_write_the_same_command_finishes_a_change(
    finished_run: FinishedRun, state: StateFolder, tmp_path: Path, change: str
) -> None:
    tried = StateFolder(tmp_path / "tried", tmp_path / "heads tried")
    assert state.anchor is not None
    folders = {state.path: tried.path, state.anchor: tmp_path / "heads tried"}
    before, deaths = pins_of(state.keys), 0
    for died in kill_at_each_write(lambda: CHANGES[change](finished_run, tried), folders):
        if died:
            deaths += 1
            require_untouched(tried)
            # Others go on, or say what to do.
            with suppress_matching("was interrupted: give `smarter keys"):
                Keystore.open(tried.keys, "meters", by_any(tried))
            CHANGES[change](finished_run, tried)
        after = pins_of(tried.keys)
        changed = {party for party in PARTIES if after[party] != before[party]}
        assert len(changed) == 1
        require_untouched(tried)
        for party in PARTIES:
            pins = Keystore.open(tried.keys, party, by_any(tried)).pins
            assert (pins.of, pins.change) == (after, None)
        check_audit(tried, default_heads(tried))
        if change.startswith("lock"):
            assert not (tried.keys / f"{changed.pop()}.key").exists(), "the earlier secret is destroyed"
    assert deaths > 10
    run_again(finished_run, tried, by_any(tried))


@pytest.mark.usefixtures("cheap")
def test_a_change_that_was_interrupted_does_not_keep_another_one_out(
    finished_run: FinishedRun, state: StateFolder, tmp_path: Path
) -> None:
    tried = StateFolder(tmp_path / "tried", tmp_path / "heads tried")
    assert state.anchor is not None
    folders = {state.path: tried.path, state.anchor: tmp_path / "heads tried"}
    for died in kill_at_each_write(lambda: CHANGES["lock"](finished_run, tried), folders):
        CHANGES["rotate"](finished_run, tried)
        require_untouched(tried)
        run_again(finished_run, tried, by_any(tried)) if not died else None
        kinds = {party: pin.kind for party, pin in pins_of(tried.keys).items()}
        assert kinds["mdms"] in ("keyfile", "passphrase")
        for party in PARTIES:
            assert Keystore.open(tried.keys, party, by_any(tried)).pins.change is None
