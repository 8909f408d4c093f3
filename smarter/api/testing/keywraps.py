"""What every keywrap promises, as a suite that its author runs in three lines::

    from smarter.api.testing import KeywrapConformance

    class TestMine(KeywrapConformance):
        plugin = MyKeywrap

pytest runs it; the tests of the shipped keywraps do so too.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import pytest

from smarter.api.keys import KeyPair
from smarter.api.keywrap import CONTENT_KEY_BYTES, Keywrap
from smarter.errors import AuthenticationFailed, DamagedKeys, KeyMismatch
from smarter.model import views

CONTEXT = b"smarter conformance"
SECRET = bytes(range(32))

# By class and not by class-scoped fixtures, which pytest 10 wants as class methods and pytest 8 does not take.
_made: dict[tuple[type[KeywrapConformance], str], KeyPair] = {}


class _Counting:
    """A :class:`smarter.api.Randomness` that gives one byte after the other, and remembers what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def bytes(self, count: int) -> bytes:
        self.asked.append(count)
        return bytes(index % 256 for index in range(count))

    def below(self, bound: int) -> int:
        return bound // 2


class KeywrapConformance:
    """Subclass it, set ``plugin``, and ``options`` if the defaults make slow keys.

    Attributes:
        plugin: the keywrap under test.
        options: what a scenario would say, as a mapping. Keys must have room for 64 bytes.
    """

    plugin: ClassVar[type[Keywrap]]
    options: ClassVar[Mapping[str, Any]] = {}

    @pytest.fixture
    def keywrap(self) -> Keywrap:
        return self.plugin(self.plugin.Options.model_validate(dict(self.options)))

    @pytest.fixture
    def keys(self, keywrap: Keywrap) -> KeyPair:
        return self._once("keys", keywrap)

    @pytest.fixture
    def other(self, keywrap: Keywrap) -> KeyPair:
        return self._once("other", keywrap)

    def _once(self, which: str, keywrap: Keywrap) -> KeyPair:
        place = (type(self), which)
        if place not in _made:
            _made[place] = keywrap.generate()
        return _made[place]

    def test_it_has_a_name_and_a_summary(self) -> None:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.plugin.name)
        assert self.plugin.summary
        assert self.plugin.capabilities()["hybrid"]

    def test_a_key_pair_has_one_fingerprint(self, keys: KeyPair, other: KeyPair) -> None:
        assert re.fullmatch(r"[0-9a-f]{32}", keys.public.fingerprint)
        assert keys.public.fingerprint == keys.private.fingerprint
        assert keys.public.bits == keys.private.bits > 0
        assert keys.public.fingerprint != other.public.fingerprint

    @pytest.mark.parametrize("length", [0, 1, 16, 32, 48, 64])
    def test_what_is_wrapped_unwraps(self, keywrap: Keywrap, keys: KeyPair, length: int) -> None:
        for context in (b"", CONTEXT, bytes(300)):
            wrapped = keywrap.wrap(keys.public, bytes(range(length)), context=context)
            assert keywrap.unwrap(keys.private, wrapped, context=context) == bytes(range(length))

    def test_wrapping_twice_gives_two_texts_that_hide_the_secret(self, keywrap: Keywrap, keys: KeyPair) -> None:
        wrapped = {keywrap.wrap(keys.public, SECRET, context=CONTEXT) for _ in range(10)}
        assert len(wrapped) == 10
        assert all(SECRET[:8] not in text and SECRET[-8:] not in text for text in wrapped)

    def test_another_key_is_refused(self, keywrap: Keywrap, keys: KeyPair, other: KeyPair) -> None:
        wrapped = keywrap.wrap(keys.public, SECRET, context=CONTEXT)
        with pytest.raises(AuthenticationFailed):
            keywrap.unwrap(other.private, wrapped, context=CONTEXT)

    def test_another_context_is_refused(self, keywrap: Keywrap, keys: KeyPair) -> None:
        wrapped = keywrap.wrap(keys.public, SECRET, context=CONTEXT)
        for context in (b"", CONTEXT[:-1], CONTEXT + b"\0", CONTEXT.upper()):
            with pytest.raises(AuthenticationFailed):
                keywrap.unwrap(keys.private, wrapped, context=context)

    def test_damaged_texts_are_refused_in_one_way(self, keywrap: Keywrap, keys: KeyPair) -> None:
        wrapped = keywrap.wrap(keys.public, SECRET, context=CONTEXT)
        damaged = [b"", wrapped[:-1], wrapped[1:], wrapped + b"\0", b"\0" + wrapped, wrapped + wrapped]
        damaged += [bytes(len(wrapped)), b"\xff" * len(wrapped), bytes(len(wrapped) - 1) + b"\1"]
        for place in range(0, len(wrapped), max(1, len(wrapped) // 16)):
            damaged.append(wrapped[:place] + bytes([wrapped[place] ^ 1]) + wrapped[place + 1 :])
        told = set()
        for text in damaged:
            with pytest.raises(AuthenticationFailed) as refused:
                keywrap.unwrap(keys.private, text, context=CONTEXT)
            told.add(str(refused.value))
        assert len(told) == 1

    def test_content_is_sealed_under_a_fresh_wrapped_key(self, keywrap: Keywrap, keys: KeyPair) -> None:
        records = [bytes([count]) * 100 for count in range(5)]
        wrapped, sealer = keywrap.sealer(keys.public, context=CONTEXT)
        again, second = keywrap.sealer(keys.public, context=CONTEXT)
        nonces = [count.to_bytes(12, "big") for count in range(len(records))]
        sealed = [sealer.seal(nonce, record, b"aad") for nonce, record in zip(nonces, records, strict=True)]
        opener = keywrap.opener(keys.private, wrapped, context=CONTEXT)
        assert [opener.open(nonce, text, b"aad") for nonce, text in zip(nonces, sealed, strict=True)] == records
        assert wrapped != again
        assert second.seal(nonces[0], records[0], b"aad") != sealed[0]
        with pytest.raises(AuthenticationFailed):
            keywrap.opener(keys.private, again, context=CONTEXT).open(nonces[0], sealed[0], b"aad")
        with pytest.raises(AuthenticationFailed):
            opener.open(nonces[0], sealed[0], b"another")

    def test_content_goes_under_aes_256_gcm_with_the_key_that_is_drawn(self, keywrap: Keywrap, keys: KeyPair) -> None:
        random = _Counting()
        wrapped, sealer = keywrap.sealer(keys.public, context=CONTEXT, random=random)
        assert random.asked == [CONTENT_KEY_BYTES]
        assert keywrap.unwrap(keys.private, wrapped, context=CONTEXT) == bytes(range(CONTENT_KEY_BYTES))
        # AES-256-GCM of "content" under 00 01 .. 1f and a nonce of zeros, from another implementation.
        assert sealer.seal(bytes(12), b"content", b"aad").hex() == "6dd3dbaad042f7ef9cbdb0df718db5ac926347fc24715d"

    def test_a_content_key_of_another_length_is_refused(self, keywrap: Keywrap, keys: KeyPair) -> None:
        wrapped = keywrap.wrap(keys.public, SECRET[:16], context=CONTEXT)
        with pytest.raises(KeyMismatch):
            keywrap.opener(keys.private, wrapped, context=CONTEXT)

    def test_unwrapping_counts_in_the_view_and_refusals_do_not(self, keywrap: Keywrap, keys: KeyPair) -> None:
        with views.acting(views.View()) as view:
            wrapped = keywrap.wrap(keys.public, SECRET, context=CONTEXT)
            with pytest.raises(AuthenticationFailed):
                keywrap.unwrap(keys.private, wrapped, context=b"another")
            assert view.unwrapped == 0
            keywrap.unwrap(keys.private, wrapped, context=CONTEXT)
            keywrap.opener(keys.private, wrapped, context=CONTEXT)
            assert view.unwrapped == 2

    def test_keys_survive_their_byte_form(self, keywrap: Keywrap, keys: KeyPair) -> None:
        form = keywrap.dump_public(keys.public)
        assert form.startswith(b"-----BEGIN PUBLIC KEY-----\n")
        public, private = keywrap.load_public(form), keywrap.load_private(keywrap.dump_private(keys.private))
        assert public.fingerprint == private.fingerprint == keys.public.fingerprint
        assert public.bits == private.bits == keys.public.bits
        assert keywrap.dump_public(public) == form
        assert keywrap.dump_private(private) == keywrap.dump_private(keys.private)
        wrapped = keywrap.wrap(public, SECRET, context=CONTEXT)
        assert keywrap.unwrap(private, wrapped, context=CONTEXT) == SECRET

    def test_damaged_keys_are_refused(self, keywrap: Keywrap, keys: KeyPair) -> None:
        public, private = keywrap.dump_public(keys.public), keywrap.dump_private(keys.private)
        for form in (b"", b"rubbish", b"\x30\x80", public[: len(public) // 2], public[:-30], private):
            with pytest.raises(DamagedKeys):
                keywrap.load_public(form)
        for form in (b"", b"rubbish", b"\x30\x80", private[:-1], private + b"\0", b"\0" + private, public):
            with pytest.raises(DamagedKeys):
                keywrap.load_private(form)

    def test_a_changed_key_never_passes_for_itself(self, keywrap: Keywrap, keys: KeyPair) -> None:
        def reloaded(load: Callable[[bytes], Any], dump: Callable[[Any], bytes], form: bytes, steps: int) -> None:
            for place in range(0, len(form), max(1, len(form) // steps)):
                changed = form[:place] + bytes([form[place] ^ 1]) + form[place + 1 :]
                try:
                    loaded = load(changed)
                except DamagedKeys:
                    continue
                # White space in a PEM may change and leave the key as it was; nothing else may.
                same = dump(loaded) == form
                assert same or loaded.fingerprint != keys.public.fingerprint, f"byte {place} of {len(form)}"

        reloaded(keywrap.load_public, keywrap.dump_public, keywrap.dump_public(keys.public), 60)
        reloaded(keywrap.load_private, keywrap.dump_private, keywrap.dump_private(keys.private), 24)

    def test_the_private_key_shows_nothing_of_itself(self, keys: KeyPair) -> None:
        assert repr(keys.private) == f"PrivateKey(of {keys.public.fingerprint}, {keys.public.bits} bits)"
        assert str(keys.private) == f"{keys.private}" == repr(keys.private)

    def test_a_public_key_reaches_a_worker_process_with_nothing_of_the_private_one(
        self, keywrap: Keywrap, keys: KeyPair
    ) -> None:
        public = pickle.loads(pickle.dumps(keys.public))  # noqa: S301 - what a process pool does
        assert public == keys.public
        wrapped = keywrap.wrap(public, SECRET, context=CONTEXT)
        assert keywrap.unwrap(keys.private, wrapped, context=CONTEXT) == SECRET
        assert keywrap.dump_private(keys.private)[-64:] not in pickle.dumps(keys.public)
