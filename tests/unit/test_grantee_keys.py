"""A third party's files: its key, what it remembers of deliveries, and the grant document that it was handed."""

from __future__ import annotations

import base64
import json
import stat
from math import lcm
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateNumbers, RSAPublicNumbers, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
)
from gmpy2 import next_prime

from smarter.errors import AuthenticationFailed, DamagedKeys, DataError, SmarterError, UsageError, WrongPassphrase
from smarter.keys import grantee
from smarter.keys.grantee import is_encrypted, load_key_file, make_key_files, public_path
from smarter.keys.passwords import Pbkdf2Cost
from smarter.keys.public import read_public
from smarter.keys.received import ReceivedFile
from smarter.protocols.grant_document import GrantDocument
from smarter_plugins.keywraps.rsa_oaep import RsaOaep

CHEAP = Pbkdf2Cost(1_000)
GRANT = "ab" * 16


class TestKeyFiles:
    def test_are_a_locked_private_key_for_its_owner_alone_and_a_public_one(self, tmp_path: Path) -> None:
        path = tmp_path / "advice.pem"
        half = make_key_files(path, "plaid otter", bits=2048, cost=CHEAP)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert public_path(path) == tmp_path / "advice.pub.pem"
        assert read_public(public_path(path).read_bytes(), "file") == half
        assert is_encrypted(path)
        key = load_der_private_key(load_key_file(path, "plaid otter"), None)
        assert load_pem_private_key(path.read_bytes(), b"plaid otter").private_numbers() == key.private_numbers()  # type: ignore[union-attr]

    def test_have_the_documented_size_and_name_their_derivation_and_cipher(self, tmp_path: Path) -> None:
        assert (grantee.KEY_BITS, grantee.COST.rounds) == (3072, 1_000_000)
        make_key_files(tmp_path / "advice.pem", "plaid otter", bits=2048, cost=CHEAP)
        _, *lines, _ = (tmp_path / "advice.pem").read_text().splitlines()
        written = base64.b64decode("".join(lines))
        # PBKDF2 (RFC 8018), hmacWithSHA256 and aes256-CBC, as object identifiers; and the rounds.
        for part in ("2a864886f70d01050c", "2a864886f70d0209", "60864801650304012a", "020203e8"):
            assert bytes.fromhex(part) in written

    @pytest.mark.parametrize("passphrase", ["", "plaid otte", "plaid otter ", None])
    def test_do_not_open_by_another_passphrase(self, tmp_path: Path, passphrase: str | None) -> None:
        path = tmp_path / "advice.pem"
        make_key_files(path, "plaid otter", bits=2048, cost=CHEAP)
        with pytest.raises(WrongPassphrase, match=r"advice\.pem"):
            load_key_file(path, passphrase)

    @pytest.mark.parametrize("there", ["advice.pem", "advice.pub.pem"])
    def test_are_never_overwritten(self, tmp_path: Path, there: str) -> None:
        (tmp_path / there).write_text("mine")
        with pytest.raises(UsageError, match="there already"):
            make_key_files(tmp_path / "advice.pem", "plaid otter", bits=2048, cost=CHEAP)
        assert [path.name for path in tmp_path.iterdir()] == [there]

    @pytest.mark.parametrize(
        ("form", "locked"),
        [
            (PrivateFormat.PKCS8, NoEncryption()),
            (PrivateFormat.TraditionalOpenSSL, NoEncryption()),
            (PrivateFormat.PKCS8, BestAvailableEncryption(b"otter")),
        ],
    )
    def test_of_other_programs_are_read_too(
        self, tmp_path: Path, form: PrivateFormat, locked: KeySerializationEncryption
    ) -> None:
        key = generate_private_key(65_537, 2048)
        path = tmp_path / "other.pem"
        path.write_bytes(key.private_bytes(Encoding.PEM, form, locked))
        der = load_key_file(path, "otter" if is_encrypted(path) else None)
        assert load_der_private_key(der, None).private_numbers() == key.private_numbers()  # type: ignore[union-attr]

    def test_that_are_none_are_refused_with_their_name(self, tmp_path: Path) -> None:
        path = tmp_path / "other.pem"
        ec = generate_ec(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        small = generate_private_key(65_537, 1024).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        for content in (b"", b"x" * 100_000, ec, small, ec[:80], b"-----BEGIN PRIVATE KEY-----\nx"):
            path.write_bytes(content)
            with pytest.raises(DataError, match=r"other\.pem"):
                load_key_file(path, None)
        with pytest.raises(DataError, match="no file"):
            load_key_file(tmp_path / "nowhere.pem", None)

    def test_of_composite_factors_are_refused_and_only_a_keystores_own_are_not_tested_for_that(
        self, tmp_path: Path
    ) -> None:
        prime = int(next_prime(3 << 510))
        p = prime * int(next_prime(prime))
        q = int(next_prime(15 << 1020))
        assert (p * q).bit_length() == 2048
        d = pow(65_537, -1, lcm(p - 1, q - 1))
        public = RSAPublicNumbers(65_537, p * q)
        numbers = RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public)
        key = numbers.private_key(unsafe_skip_rsa_key_validation=True)
        path = tmp_path / "other.pem"
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        with pytest.raises(DataError, match="no private key as PEM, or was damaged"):
            load_key_file(path, None)
        kept = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        assert RsaOaep().load_private(kept).bits == 2048
        other = RSAPrivateNumbers(p, q, d, d % (p - 1) + 2, d % (q - 1), pow(q, -1, p), public)
        mixed = other.private_key(unsafe_skip_rsa_key_validation=True)
        with pytest.raises(DamagedKeys):
            RsaOaep().load_private(mixed.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))

    def test_with_any_byte_changed_do_not_open(self, tmp_path: Path) -> None:
        path = tmp_path / "advice.pem"
        make_key_files(path, "plaid otter", bits=2048, cost=CHEAP)
        whole = path.read_bytes()
        right = load_key_file(path, "plaid otter")
        for place in range(0, len(whole), 41):
            altered = bytearray(whole)
            altered[place] ^= 1
            path.write_bytes(altered)
            try:
                assert load_key_file(path, "plaid otter") == right  # a line's end does not matter
            except SmarterError:
                continue


class TestWhatIsRemembered:
    def test_is_the_key_that_signed_and_the_last_delivery(self, tmp_path: Path) -> None:
        path = tmp_path / "advice.received.json"
        file = ReceivedFile(path)
        assert file.verify_key(GRANT) is None
        file.check(GRANT, b"key", [b"one"])
        file.remember(GRANT, b"key", [b"one", b"two"])
        file.save()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        again = ReceivedFile.beside(tmp_path / "advice.pem")
        assert again.verify_key(GRANT) == b"key"
        for right in ([b"one", b"two"], [b"one", b"two", b"three"]):
            again.check(GRANT, b"key", right)
        for wrong in ([], [b"one"], [b"one", b"other"], [b"one", b"other", b"three"]):
            with pytest.raises(AuthenticationFailed, match="received before"):
                again.check(GRANT, b"key", wrong)
        with pytest.raises(AuthenticationFailed, match="another key"):
            again.check(GRANT, b"kez", [b"one", b"two"])

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "smarter-received", "version": 2, "grants": {}}'])
    def test_that_does_not_read_back_is_said_to(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "x.json").write_text(text)
        with pytest.raises(DataError, match=r"x\.json"):
            ReceivedFile(tmp_path / "x.json")


class TestGrantDocument:
    DOCUMENT = GrantDocument(
        "00" * 16, "11" * 8, "22" * 32, GRANT, "Énergie", "33" * 16, "1h", "UTC", "a", "b", "c", "why"
    )

    def test_reads_back(self) -> None:
        assert GrantDocument.read(self.DOCUMENT.text().encode(), "file") == self.DOCUMENT

    @pytest.mark.parametrize(
        "change",
        [
            {"format": "other"},
            {"version": 2},
            {"meter": "11"},
            {"verify_key": "zz" * 32},
            {"grant": 7},
            {"more": "x"},
            {"purpose": None},
        ],
        ids=str,
    )
    def test_that_was_altered_is_none(self, change: dict[str, object]) -> None:
        text = json.dumps(json.loads(self.DOCUMENT.text()) | change)
        with pytest.raises(DataError, match=r"grant\.json is no grant document"):
            GrantDocument.read(text.encode(), "grant.json")

    @pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b"{}", b"[" * 50_000, b" " * 70_000])
    def test_anything_else_is_none(self, data: bytes) -> None:
        with pytest.raises(DataError):
            GrantDocument.read(data, "grant.json")
