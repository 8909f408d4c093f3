"""Keystores, what unlocks them, and the room's signatures and derivations against published vectors."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import cryptography_vectors
import keyring.backends.fail
import keyring.backends.null
import pytest

from smarter.errors import (
    AuthenticationFailed,
    DamagedKeys,
    KeyMismatch,
    MissingExtra,
    OutOfBounds,
    Unavailable,
    UsageError,
    WrongPassphrase,
)
from smarter.keys import envelope, files, kdf, signing
from smarter.keys.derive import derive, epoch_keys, joined
from smarter.keys.kdf import ScryptCost
from smarter.keys.keystore import KeyEntry, Keystore, keystores, public_entries
from smarter.keys.naming import fingerprint, short
from smarter.keys.ring import KeyringUnlock
from smarter.keys.unlock import KeyFileUnlock, PassphraseUnlock, Unlock, unlock_from

CHEAP = ScryptCost(n=2, r=1, p=1)
SECRET = b"the private bytes that nobody else may see"


class FakeRing:
    """A keyring backend in memory."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, account: str) -> str | None:
        return self.kept.get((service, account))

    def set_password(self, service: str, account: str, text: str) -> None:
        self.kept[service, account] = text

    def delete_password(self, service: str, account: str) -> None:
        del self.kept[service, account]


def entry(purpose: str = "aggregate", public: bytes = b"public", private: bytes = SECRET) -> KeyEntry:
    return KeyEntry.fresh(purpose, fingerprint=fingerprint(public), plugin="paillier", public=public, private=private)


def filled(folder: Path, unlock: Unlock, party: str = "releaser") -> Keystore:
    keystore = Keystore.create(folder, party, unlock, cost=CHEAP)
    keystore.add(entry())
    keystore.add(entry("sign", b"other"))
    keystore.save()
    return keystore


def repaired(path: Path, **changes: object) -> None:
    """Alter header fields as an attacker would, digest included."""
    whole = {**json.loads(path.read_bytes()), **changes}
    del whole["digest"]
    text = json.dumps(whole, sort_keys=True, separators=(",", ":")).encode()
    whole["digest"] = hashlib.sha256(text).hexdigest()
    path.write_bytes(json.dumps(whole, sort_keys=True, separators=(",", ":")).encode())


@pytest.fixture(params=["passphrase", "keyfile", "keyring"])
def unlock(request: pytest.FixtureRequest, tmp_path: Path) -> Unlock:
    return {
        "passphrase": PassphraseUnlock(b"correct horse"),
        "keyfile": KeyFileUnlock(tmp_path),
        "keyring": KeyringUnlock(backend=FakeRing()),
    }[request.param]


def test_each_way_to_unlock_gives_every_entry_back(unlock: Unlock, tmp_path: Path) -> None:
    made = filled(tmp_path, unlock)
    opened = Keystore.open(tmp_path, "releaser", unlock)
    assert list(opened.entries()) == list(made.entries())
    assert opened.current("aggregate").private == SECRET


def test_a_new_key_becomes_current_and_the_earlier_ones_stay(tmp_path: Path) -> None:
    unlock = KeyFileUnlock(tmp_path)
    keystore = filled(tmp_path, unlock)
    keystore.add(entry(public=b"newer", private=b"newer"))
    keystore.save()
    opened = Keystore.open(tmp_path, "releaser", unlock)
    assert opened.current("aggregate").private == b"newer"
    earlier = next(opened.entries("aggregate"))
    assert (earlier.private, earlier.current) == (SECRET, False)
    assert [key.public for key in opened.entries("aggregate")] == [b"public", b"newer"]
    with pytest.raises(ValueError, match="already"):
        opened.add(earlier)


def test_a_purpose_without_a_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(DamagedKeys, match=r"releaser\.keys has no current unwrap key: restore"):
        filled(tmp_path, KeyFileUnlock(tmp_path)).current("unwrap")


def test_a_wrong_passphrase_is_told_from_damage(tmp_path: Path) -> None:
    filled(tmp_path, PassphraseUnlock(b"correct horse"))
    with pytest.raises(WrongPassphrase, match=r"does not open keystore .*releaser\.keys"):
        Keystore.open(tmp_path, "releaser", PassphraseUnlock(b"battery staple"))
    path = tmp_path / "releaser.keys"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DamagedKeys, match="cut or altered: restore"):
        Keystore.open(tmp_path, "releaser", PassphraseUnlock(b"battery staple"))


def test_a_missing_cut_or_foreign_key_file_says_which_one_to_bring_back(tmp_path: Path) -> None:
    unlock = KeyFileUnlock(tmp_path)
    filled(tmp_path, unlock)
    path = tmp_path / "releaser.key"
    whole = path.read_bytes()
    path.write_bytes(bytes(32))
    with pytest.raises(DamagedKeys, match="is not the one that keystore"):
        Keystore.open(tmp_path, "releaser", unlock)
    path.write_bytes(whole[:31])
    with pytest.raises(DamagedKeys, match=r"releaser\.key is cut or altered"):
        Keystore.open(tmp_path, "releaser", unlock)
    path.unlink()
    with pytest.raises(DamagedKeys, match=r"releaser\.key is missing: bring it back"):
        Keystore.open(tmp_path, "releaser", unlock)


def test_one_partys_secret_and_file_are_no_use_for_another(tmp_path: Path) -> None:
    unlock = KeyFileUnlock(tmp_path)
    filled(tmp_path, unlock)
    filled(tmp_path, unlock, "pes")
    assert (tmp_path / "pes.key").read_bytes() != (tmp_path / "releaser.key").read_bytes()
    (tmp_path / "pes.keys").write_bytes((tmp_path / "releaser.keys").read_bytes())
    with pytest.raises(DamagedKeys, match="is the keystore of 'releaser', not of pes"):
        Keystore.open(tmp_path, "pes", unlock)
    assert keystores(tmp_path) == ("pes", "releaser")


def test_public_entries_are_listed_without_a_secret_and_show_none(tmp_path: Path) -> None:
    filled(tmp_path, PassphraseUnlock(b"correct horse"))
    listed = public_entries(tmp_path, "releaser")
    assert [(key.purpose, key.public, key.current) for key in listed] == [
        ("aggregate", b"public", True),
        ("sign", b"other", True),
    ]
    stored = (tmp_path / "releaser.keys").read_bytes()
    for form in (SECRET, SECRET.hex().encode(), base64.b64encode(SECRET)[:40]):
        assert form not in stored


@pytest.mark.parametrize("name", ["public", "current", "plugin", "created"])
def test_a_forged_public_entry_is_refused_on_opening(tmp_path: Path, name: str) -> None:
    unlock = KeyFileUnlock(tmp_path)
    filled(tmp_path, unlock)
    path = tmp_path / "releaser.keys"
    forged = {
        "public": base64.b64encode(b"mine").decode(),
        "current": False,
        "plugin": "plain",
        "created": "2016-01-01T00:00:00+00:00",
    }
    public = json.loads(path.read_bytes())["public"]
    public[0][name] = forged[name]
    repaired(path, public=public)
    assert public_entries(tmp_path, "releaser")  # only opening can tell
    with pytest.raises(DamagedKeys, match="altered and does not open"):
        Keystore.open(tmp_path, "releaser", unlock)


@pytest.mark.parametrize(
    "cost",
    [
        {"n": 2**20, "r": 8, "p": 1},  # too much memory
        {"n": 2**10, "r": 8, "p": 2**12},  # too much work
        {"n": 2, "r": 2**40, "p": 1},
    ],
)
def test_a_planted_header_cannot_ask_for_memory_or_time_without_bound(tmp_path: Path, cost: dict[str, int]) -> None:
    unlock = PassphraseUnlock(b"correct horse")
    filled(tmp_path, unlock)
    repaired(tmp_path / "releaser.keys", kdf={"name": "scrypt", "salt": "00" * 16, **cost})
    with pytest.raises(DamagedKeys, match="beyond the bound"):
        Keystore.open(tmp_path, "releaser", unlock)


def test_a_passphrase_is_stretched_in_128_mib_of_memory(tmp_path: Path) -> None:
    Keystore.create(tmp_path, "releaser", PassphraseUnlock(b"correct horse"))
    kdf = json.loads((tmp_path / "releaser.keys").read_bytes())["kdf"]
    assert (kdf["name"], kdf["n"], kdf["r"], kdf["p"]) == ("scrypt", 2**17, 8, 1)
    assert 128 * kdf["n"] * kdf["r"] == 128 << 20


def test_a_planted_header_cannot_swap_scrypt_for_something_cheaper(tmp_path: Path) -> None:
    filled(tmp_path, PassphraseUnlock(b"correct horse"))
    repaired(tmp_path / "releaser.keys", kdf={"name": "hkdf-sha256", "salt": "00" * 16})
    with pytest.raises(DamagedKeys, match="derivation does not fit"):
        Keystore.open(tmp_path, "releaser", PassphraseUnlock(b"correct horse"))


def test_a_keystore_of_a_later_version_says_so(tmp_path: Path) -> None:
    filled(tmp_path, KeyFileUnlock(tmp_path))
    repaired(tmp_path / "releaser.keys", version=3)
    with pytest.raises(DamagedKeys, match="it is of version 3, and this Smarter reads 2"):
        public_entries(tmp_path, "releaser")


def test_a_file_that_is_deep_or_large_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pes.keys").write_bytes(b"[" * 100_000)
    with pytest.raises(DamagedKeys):
        public_entries(tmp_path, "pes")
    monkeypatch.setattr(envelope, "MAX_BYTES", 1000)
    with pytest.raises(DamagedKeys, match="more than 1000 bytes"):
        public_entries(tmp_path, "pes")
    keystore = Keystore.create(tmp_path, "mdms", KeyFileUnlock(tmp_path))
    keystore.add(entry(private=bytes(1000)))
    with pytest.raises(OutOfBounds, match="the bound is 1000"):
        keystore.save()
    assert public_entries(tmp_path, "mdms") == ()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_files_are_for_their_owner_and_loose_modes_are_tightened(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "keys"
    unlock = KeyFileUnlock(folder)
    filled(folder, unlock)
    written = [folder / "releaser.keys", folder / "releaser.key"]
    assert [path.stat().st_mode & 0o777 for path in (folder, *written)] == [0o700, 0o600, 0o600]
    for path in written:
        path.chmod(0o644)
    Keystore.open(folder, "releaser", unlock)
    assert [path.stat().st_mode & 0o777 for path in written] == [0o600, 0o600]


def test_a_save_that_fails_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlock = KeyFileUnlock(tmp_path)
    keystore = filled(tmp_path, unlock)
    keystore.add(entry("deliver"))

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        keystore.save()
    monkeypatch.undo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["releaser.key", "releaser.keys"]
    assert [key.purpose for key in Keystore.open(tmp_path, "releaser", unlock).entries()] == [
        "aggregate",
        "sign",
    ]


def test_two_saves_of_the_same_keys_share_no_nonce(tmp_path: Path) -> None:
    keystore = filled(tmp_path, KeyFileUnlock(tmp_path))
    seen = set()
    for _ in range(5):
        keystore.save()
        seen.add(json.loads(keystore.path.read_bytes())["nonce"])
    assert len(seen) == 5


def test_creating_over_a_keystore_is_refused(tmp_path: Path) -> None:
    filled(tmp_path, KeyFileUnlock(tmp_path))
    with pytest.raises(UsageError, match="is there already"):
        Keystore.create(tmp_path, "releaser", KeyFileUnlock(tmp_path))
    with pytest.raises(UsageError, match=r"'\.\./pes' is no party"):
        Keystore.create(tmp_path, "../pes", KeyFileUnlock(tmp_path))


def test_a_relocked_keystore_opens_by_the_new_secret_alone(tmp_path: Path) -> None:
    keystore = filled(tmp_path, KeyFileUnlock(tmp_path))
    keystore.relock(PassphraseUnlock(b"correct horse"), cost=CHEAP)
    keystore.save()
    assert Keystore.open(tmp_path, "releaser", PassphraseUnlock(b"correct horse")).current("sign")
    with pytest.raises(WrongPassphrase, match="unlocked by a passphrase, not by a key file: set SMARTER"):
        Keystore.open(tmp_path, "releaser", KeyFileUnlock(tmp_path))


def test_relocking_under_a_keyring_leaves_the_old_entry_until_the_file_is_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = KeyringUnlock(backend=FakeRing())
    keystore = filled(tmp_path, ring)

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    keystore.relock(ring)
    with pytest.raises(OSError, match="No space left"):
        keystore.save()
    monkeypatch.undo()
    assert Keystore.open(tmp_path, "releaser", ring).current("sign").private == SECRET


def test_a_destroyed_keystore_leaves_no_secret_behind(tmp_path: Path) -> None:
    ring = FakeRing()
    for folder, unlock in (
        (tmp_path / "file", KeyFileUnlock(tmp_path / "file")),
        (tmp_path / "ring", KeyringUnlock(backend=ring)),
        (tmp_path / "auto", unlock_from("auto", tmp_path / "auto", environ={}, ask=None)),
    ):
        filled(folder, unlock)
        (folder / ".releaser.keys.abc.tmp").write_bytes(b"left by a kill")
        Keystore.destroy(folder, "releaser", unlock)
        Keystore.destroy(folder, "releaser", unlock)  # also when there is nothing
        assert list(folder.iterdir()) == []
    assert ring.kept == {}


def test_secrets_show_in_no_repr_and_an_open_keystore_is_not_pickled(unlock: Unlock, tmp_path: Path) -> None:
    keystore = filled(tmp_path, unlock)
    secret = unlock.existing("releaser", keystore.identity, json.loads(keystore.path.read_bytes())["unlock"])
    keys = epoch_keys(bytes(32), deployment=b"d", pseudonym=b"p", epoch=0, cipher_key_bytes=32)
    lock = keystore._lock
    shown = repr((keystore, list(keystore.entries()), lock, secret, keys))
    for hidden in (SECRET, lock.root, secret.value, keys.seal, keys.mac):
        assert repr(hidden)[2:-1] not in shown
        assert hidden.hex() not in shown
    with pytest.raises(TypeError, match="stays in the process"):
        pickle.dumps(keystore)


def test_a_new_keystore_gets_a_key_file_unless_the_environment_has_a_passphrase(tmp_path: Path) -> None:
    def kind(environ: dict[str, str], party: str) -> str:
        return unlock_from("auto", tmp_path, environ=environ, ask=None).new(party, "").kind

    assert kind({}, "pes") == "keyfile"
    assert kind({"SMARTER_PASSPHRASE": "x"}, "pes") == "passphrase"
    assert kind({"SMARTER_PASSPHRASE_RELEASER": "x"}, "releaser") == "passphrase"
    assert kind({"SMARTER_PASSPHRASE_RELEASER": "x"}, "pes") == "keyfile"


def test_a_partys_own_variable_goes_before_the_one_for_all(tmp_path: Path) -> None:
    environ = {"SMARTER_PASSPHRASE": "all", "SMARTER_PASSPHRASE_RELEASER": "own"}
    unlock = unlock_from("passphrase", tmp_path, environ=environ, ask=None)
    assert unlock.new("releaser", "").value == b"own"
    assert unlock.new("pes", "").value == b"all"


def test_auto_opens_an_existing_keystore_by_what_it_was_sealed_with(tmp_path: Path) -> None:
    filled(tmp_path, PassphraseUnlock(b"correct horse"))
    filled(tmp_path, KeyFileUnlock(tmp_path), "pes")
    prompts: list[str] = []

    def ask(prompt: str) -> str:
        prompts.append(prompt)
        return "correct horse"

    auto = unlock_from("auto", tmp_path, environ={}, ask=ask)
    assert Keystore.open(tmp_path, "releaser", auto).current("sign")
    assert Keystore.open(tmp_path, "pes", auto).current("sign")
    assert prompts == ["Passphrase for the keys of releaser: "]
    with pytest.raises(UsageError, match="nobody can be asked: set SMARTER_PASSPHRASE_RELEASER"):
        Keystore.open(tmp_path, "releaser", unlock_from("auto", tmp_path, environ={}, ask=None))
    with_passphrase = unlock_from("auto", tmp_path, environ={"SMARTER_PASSPHRASE": "x"}, ask=None)
    with pytest.raises(WrongPassphrase, match="by a key file, not by a passphrase: choose that, with SMARTER"):
        Keystore.open(tmp_path, "pes", with_passphrase)


def test_a_new_passphrase_is_asked_for_twice_and_may_not_be_empty(tmp_path: Path) -> None:
    def created(*answers: str) -> Keystore:
        typed = iter(answers)
        unlock = unlock_from("passphrase", tmp_path, environ={}, ask=lambda _prompt: next(typed))
        return Keystore.create(tmp_path, "mdms", unlock, cost=CHEAP)

    with pytest.raises(UsageError, match="differ"):
        created("one", "two")
    with pytest.raises(UsageError, match="empty passphrase"):
        created("")
    with pytest.raises(UsageError, match="empty passphrase"):
        unlock_from("auto", tmp_path, environ={"SMARTER_PASSPHRASE": ""}, ask=None).new("pes", "")
    assert list(tmp_path.iterdir()) == []
    created("gr\u00fcn", "gru\u0308n")  # composed or not, it is the same text
    Keystore.open(tmp_path, "mdms", PassphraseUnlock("gr\u00fcn".encode()))


def test_a_keyring_that_is_missing_or_useless_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for backend in (keyring.backends.fail.Keyring(), keyring.backends.null.Keyring()):
        with pytest.raises(Unavailable, match="use a key file or a passphrase instead"):
            Keystore.create(tmp_path, "pes", KeyringUnlock(backend=backend))
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(MissingExtra, match=r"smarter-metering\[keyring\]"):
        Keystore.create(tmp_path, "pes", unlock_from("keyring", tmp_path, environ={}, ask=None))
    assert list(tmp_path.iterdir()) == []


def test_a_lost_or_altered_keyring_entry_is_damage(tmp_path: Path) -> None:
    ring = FakeRing()
    filled(tmp_path, KeyringUnlock(backend=ring))
    with pytest.raises(DamagedKeys, match="keyring has no entry 'releaser-"):
        Keystore.open(tmp_path, "releaser", KeyringUnlock(backend=FakeRing()))
    ring.kept = dict.fromkeys(ring.kept, "no hexadecimal")
    with pytest.raises(DamagedKeys, match="was altered"):
        Keystore.open(tmp_path, "releaser", KeyringUnlock(backend=ring))


def test_the_keyring_library_is_loaded_only_when_a_keystore_asks_for_it() -> None:
    code = "import sys, smarter.keys.keystore, smarter.keys.unlock; sys.exit('keyring' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_fingerprints_are_short_for_people() -> None:
    assert fingerprint(b"") == hashlib.sha256(b"").hexdigest()[:32]
    assert short(fingerprint(b"")) == "e3b0c442…"


def test_hkdf_gives_the_okm_of_rfc_5869() -> None:
    with cryptography_vectors.open_vector_file("KDF/rfc-5869-HKDF-SHA256.txt", "r") as file:
        cases = file.read().split("COUNT = ")[1:]
    assert len(cases) == 3
    for case in cases:
        fields = dict(re.findall(r"^(\w+) *=[ ]?(.*)$", case, re.MULTILINE))
        salt, info = bytes.fromhex(fields["salt"]), bytes.fromhex(fields["info"])
        okm = derive(bytes.fromhex(fields["IKM"]), salt=salt, info=info, length=int(fields["L"]))
        assert okm.hex() == fields["OKM"]


def test_scrypt_gives_the_first_block_of_rfc_7914() -> None:
    """Section 12; PBKDF2's first 32 bytes do not depend on how many are asked for."""
    assert kdf.stretch(b"pleaseletmein", b"SodiumChloride", ScryptCost(16384, 8, 1)).hex() == (
        "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
    )
    assert kdf.stretch(b"password", b"NaCl", ScryptCost(1024, 8, 16)).hex() == (
        "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
    )


def test_signatures_are_those_of_the_published_ed25519_vectors() -> None:
    """A vector's message is a length, a context and a message of ours when its first byte fits."""
    with cryptography_vectors.open_vector_file("asymmetric/Ed25519/sign.input", "r") as file:
        lines = [line.split(":") for line in file.read().split()]
    fitting = 0
    for secret, public, text, signed, *_ in lines:
        private, message = bytes.fromhex(secret)[:32], bytes.fromhex(text)
        assert signing.public_of(private).hex() == public
        if message and 1 <= message[0] < len(message):
            context, rest = message[1 : 1 + message[0]], message[1 + message[0] :]
            signature = bytes.fromhex(signed)[:64]
            assert signing.sign(private, rest, context) == signature
            signing.verify(bytes.fromhex(public), rest, signature, context)
            fitting += 1
    assert (len(lines), fitting > 500) == (1024, True)


def test_a_signature_passes_for_no_other_message_context_or_key() -> None:
    public, private = signing.generate()
    other, _ = signing.generate()
    signature = signing.sign(private, b"message", b"context")
    signing.verify(public, b"message", signature, b"context")
    for key, message, signed, context in (
        (public, b"massage", signature, b"context"),
        (public, b"message", signature, b"contact"),
        (public, b"tmessage", signature, b"contex"),
        (other, b"message", signature, b"context"),
        (public, b"message", signature[:-1], b"context"),
        (public[:-1], b"message", signature, b"context"),
    ):
        with pytest.raises(AuthenticationFailed):
            signing.verify(key, message, signed, context)
    with pytest.raises(ValueError, match="1 to 255"):
        signing.sign(private, b"message", b"")
    with pytest.raises(DamagedKeys, match="32 bytes"):
        signing.sign(private[:-1], b"message", b"context")


def test_epoch_keys_are_hkdf_by_hand_and_differ_in_every_input() -> None:
    of = {"deployment": b"dep", "pseudonym": b"psn", "epoch": 7, "cipher_key_bytes": 32}
    base = epoch_keys(bytes(32), **of)
    prk = hmac.digest(bytes(32), bytes(32), "sha256")
    for key, label in ((base.seal, b"seal key"), (base.mac, b"billing-MAC key")):
        parts = (b"smarter epoch " + label + b", version 1", b"dep", b"psn", b"\0\0\0\7")
        info = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        assert key == hmac.digest(prk, info + b"\1", "sha256")
    others = [
        epoch_keys(b"\1" + bytes(31), **of),
        epoch_keys(bytes(32), **{**of, "deployment": b"de", "pseudonym": b"ppsn"}),
        epoch_keys(bytes(32), **{**of, "pseudonym": b"pso"}),
        epoch_keys(bytes(32), **{**of, "epoch": 8}),
    ]
    every = [key for keys in (base, *others) for key in (keys.seal, keys.mac)]
    assert len(set(every)) == len(every)
    assert len(epoch_keys(bytes(32), **{**of, "cipher_key_bytes": 64}).seal) == 64
    assert joined(b"a", b"bc") != joined(b"ab", b"c")


def test_an_epoch_beyond_four_bytes_or_a_short_secret_is_refused() -> None:
    with pytest.raises(OutOfBounds, match="key epoch 4294967296"):
        epoch_keys(bytes(32), deployment=b"", pseudonym=b"", epoch=2**32, cipher_key_bytes=32)
    with pytest.raises(KeyMismatch, match="32 bytes"):
        epoch_keys(bytes(16), deployment=b"", pseudonym=b"", epoch=1, cipher_key_bytes=32)
