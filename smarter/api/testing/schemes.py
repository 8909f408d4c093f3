"""What every scheme promises, as a suite that its author runs in three lines::

    from smarter.api.testing import SchemeConformance

    class TestMine(SchemeConformance):
        plugin = MyScheme
        options = {"key_bits": 512}

pytest runs it; the tests of the shipped schemes do so too.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import pytest

from smarter.api.keys import KeyPair
from smarter.api.scheme import Ciphertexts, Scheme
from smarter.errors import AuthenticationFailed, DamagedKeys, KeyMismatch, OutOfBounds, SmarterError
from smarter.model import views


class SeededRandomness:
    """A :class:`smarter.api.Randomness` that repeats itself, for tests and vectors alone.

    Its bytes are SHA-256(seed ‖ i) for i = 0, 1, 2, ... as eight bytes big-endian, in a row. ``below(b)`` takes
    whole bytes, keeps as many low bits as ``b - 1`` has, and draws again while the number is not below ``b``.
    """

    def __init__(self, seed: str) -> None:
        self._seed = seed.encode()
        self._block = 0
        self._rest = b""

    def bytes(self, count: int) -> bytes:
        parts = [self._rest]
        length = len(self._rest)
        while length < count:
            part = hashlib.sha256(self._seed + self._block.to_bytes(8, "big")).digest()
            self._block += 1
            parts.append(part)
            length += len(part)
        joined = b"".join(parts)
        self._rest = joined[count:]
        return joined[:count]

    def below(self, bound: int) -> int:
        bits = (bound - 1).bit_length()
        while True:
            number = int.from_bytes(self.bytes((bits + 7) // 8), "big") & ((1 << bits) - 1)
            if number < bound:
                return number


# By class and not by class-scoped fixtures, which pytest 10 wants as class methods and pytest 8 does not take.
_made: dict[tuple[type[SchemeConformance], str], KeyPair] = {}


class SchemeConformance:
    """Subclass it, set ``plugin``, and ``options`` if the defaults make slow keys.

    Attributes:
        plugin: the scheme under test.
        options: what a scenario would say, as a mapping.
        probabilistic: whether encrypting twice gives two ciphertexts. Only a yardstick may say False.
        injectable: whether keys and ciphertexts repeat under the same ``random``; False when the library draws
            its own.
        injectable_keys: likewise for keys alone; None: as ``injectable``.
    """

    plugin: ClassVar[type[Scheme]]
    options: ClassVar[Mapping[str, Any]] = {}
    probabilistic: ClassVar[bool] = True
    injectable: ClassVar[bool] = True
    injectable_keys: ClassVar[bool | None] = None

    @pytest.fixture
    def scheme(self) -> Scheme:
        return self.plugin(self.plugin.Options.model_validate(dict(self.options)))

    @pytest.fixture
    def keys(self, scheme: Scheme) -> KeyPair:
        return self._once("keys", scheme)

    @pytest.fixture
    def other(self, scheme: Scheme) -> KeyPair:
        return self._once("other", scheme)

    def _once(self, which: str, scheme: Scheme) -> KeyPair:
        place = (type(self), which)
        if place not in _made:
            _made[place] = scheme.generate()
        return _made[place]

    @pytest.fixture
    def bound(self, scheme: Scheme, keys: KeyPair) -> int:
        """Plaintexts m satisfy -bound <= m < bound."""
        return 1 << (scheme.plaintext_bits(keys.public) - 1)

    def test_a_key_pair_has_one_fingerprint(self, scheme: Scheme, keys: KeyPair, other: KeyPair) -> None:
        digest = hashlib.sha256(scheme.dump_public(keys.public)).hexdigest()[:32]
        assert keys.public.fingerprint == keys.private.fingerprint == digest
        assert keys.public.fingerprint != other.public.fingerprint

    def test_extremes_come_back(self, scheme: Scheme, keys: KeyPair, bound: int) -> None:
        plaintexts = [0, 1, -1, 255, -256, bound - 1, -bound, bound // 3, -(bound // 3)]
        batch = scheme.encrypt(keys.public, plaintexts)
        assert len(batch) == len(plaintexts)
        assert scheme.decrypt(keys.private, batch) == plaintexts

    @pytest.mark.parametrize("count", [0, 1, 3, 100])
    def test_batches_may_be_empty_one_or_many(self, scheme: Scheme, keys: KeyPair, count: int) -> None:
        plaintexts = [(-1) ** i * i * 1_000_003 for i in range(count)]
        batch = scheme.encrypt(keys.public, plaintexts)
        batch = scheme.add(keys.public, batch, batch)
        batch = scheme.rerandomise(keys.public, batch)
        if scheme.scalable:
            batch = scheme.scale(keys.public, batch, [3] * count)
        batch = scheme.load(keys.public, scheme.dump(keys.public, batch))
        expected = 6 if scheme.scalable else 2
        assert scheme.decrypt(keys.private, batch) == [expected * plaintext for plaintext in plaintexts]

    def test_a_sum_decrypts_to_the_sum(self, scheme: Scheme, keys: KeyPair, bound: int) -> None:
        left = [5, -5, bound - 1, -bound, bound // 2, -1]
        right = [7, -7, -bound, bound - 1, bound // 2 - 1, -bound + 1]
        total = scheme.add(keys.public, scheme.encrypt(keys.public, left), scheme.encrypt(keys.public, right))
        assert scheme.decrypt(keys.private, total) == [one + two for one, two in zip(left, right, strict=True)]

    def test_a_total_decrypts_to_the_total(self, scheme: Scheme, keys: KeyPair, bound: int) -> None:
        plaintexts = [bound - 1, -bound, 17, -1_000_000, 0, 3]
        batch = scheme.encrypt(keys.public, plaintexts)
        assert scheme.decrypt(keys.private, scheme.total(keys.public, batch)) == [sum(plaintexts)]
        assert scheme.decrypt(keys.private, scheme.total(keys.public, batch[2])) == [17]
        with pytest.raises(ValueError, match="no total"):
            scheme.total(keys.public, batch[:0])

    def test_sums_leave_their_addends_as_they_were(self, scheme: Scheme, keys: KeyPair) -> None:
        batch = scheme.encrypt(keys.public, [1, 2])
        before = scheme.dump(keys.public, batch)
        scheme.add(keys.public, batch, batch)
        scheme.total(keys.public, batch)
        assert scheme.dump(keys.public, batch) == before

    def test_scaling_multiplies_negative_and_zero_factors_too(self, scheme: Scheme, keys: KeyPair, bound: int) -> None:
        if not scheme.scalable:
            pytest.skip(f"{scheme.name} does not scale")
        plaintexts = [6, 6, -6, 6, bound - 1, bound // 8, 0]
        factors = [7, -7, -7, 0, -1, 7, -9]
        scaled = scheme.scale(keys.public, scheme.encrypt(keys.public, plaintexts), factors)
        expected = [plaintext * factor for plaintext, factor in zip(plaintexts, factors, strict=True)]
        assert scheme.decrypt(keys.private, scaled) == expected

    def test_rerandomising_changes_the_bytes_and_not_the_plaintext(
        self, scheme: Scheme, keys: KeyPair, bound: int
    ) -> None:
        plaintexts = [0, -1, bound - 1, -bound]
        batch = scheme.encrypt(keys.public, plaintexts)
        fresh = scheme.rerandomise(keys.public, batch)
        assert scheme.decrypt(keys.private, fresh) == plaintexts
        if self.probabilistic:
            blobs = scheme.dump(keys.public, batch) + scheme.dump(keys.public, fresh)
            assert len(set(blobs)) == 2 * len(plaintexts)

    def test_encrypting_the_same_again_gives_other_bytes(self, scheme: Scheme, keys: KeyPair) -> None:
        if not self.probabilistic:
            pytest.skip(f"{scheme.name} hides nothing")
        batches = [scheme.encrypt(keys.public, [7] * 20) for _ in range(3)]
        blobs = {blob for batch in batches for blob in scheme.dump(keys.public, batch)}
        assert len(blobs) == 60

    def test_ciphertexts_survive_their_byte_form(self, scheme: Scheme, keys: KeyPair, bound: int) -> None:
        plaintexts = [0, 1, -1, bound - 1, -bound]
        blobs = scheme.dump(keys.public, scheme.encrypt(keys.public, plaintexts))
        assert len({len(blob) for blob in blobs}) == 1
        loaded = scheme.load(keys.public, blobs)
        assert scheme.dump(keys.public, loaded) == blobs
        assert scheme.decrypt(keys.private, loaded) == plaintexts

    def test_a_ciphertexts_bytes_stay_the_same_until_it_is_rerandomised(self, scheme: Scheme, keys: KeyPair) -> None:
        batch = scheme.encrypt(keys.public, [1, 2])
        total = scheme.total(keys.public, batch)
        assert scheme.dump(keys.public, total) == scheme.dump(keys.public, total)

    def test_bytes_of_another_length_are_refused(self, scheme: Scheme, keys: KeyPair) -> None:
        (blob,) = scheme.dump(keys.public, scheme.encrypt(keys.public, [1]))
        for rubbish in (b"", blob[:-1], blob + b"\0", b"\0" + blob):
            with pytest.raises(AuthenticationFailed):
                scheme.load(keys.public, [blob, rubbish])

    def test_numbers_that_are_no_ciphertext_are_refused(self, scheme: Scheme, keys: KeyPair) -> None:
        if not self.probabilistic:
            pytest.skip(f"every number is a ciphertext of {scheme.name}")
        (blob,) = scheme.dump(keys.public, scheme.encrypt(keys.public, [1]))
        for rubbish in (bytes(len(blob)), b"\xff" * len(blob)):
            with pytest.raises(AuthenticationFailed):
                scheme.load(keys.public, [rubbish])

    def test_keys_survive_their_byte_form(self, scheme: Scheme, keys: KeyPair) -> None:
        public = scheme.load_public(scheme.dump_public(keys.public))
        private = scheme.load_private(scheme.dump_private(keys.private))
        assert public.fingerprint == private.fingerprint == keys.public.fingerprint
        assert public.bits == private.bits == keys.public.bits
        assert scheme.dump_private(private) == scheme.dump_private(keys.private)
        assert scheme.decrypt(private, scheme.encrypt(public, [-12])) == [-12]

    def test_damaged_keys_are_refused(self, scheme: Scheme, keys: KeyPair) -> None:
        public, private = scheme.dump_public(keys.public), scheme.dump_private(keys.private)
        for load, form in ((scheme.load_public, public), (scheme.load_private, private)):
            for damaged in (b"", b"rubbish", form[:-1], form + b"\0", bytes([form[0] ^ 1]) + form[1:]):
                with pytest.raises(DamagedKeys):
                    load(damaged)

    def test_a_key_with_a_changed_header_never_passes_for_itself(self, scheme: Scheme, keys: KeyPair) -> None:
        form = scheme.dump_public(keys.public)
        for place in range(16):
            changed = form[:place] + bytes([form[place] ^ 1]) + form[place + 1 :]
            try:
                loaded = scheme.load_public(changed)
            except DamagedKeys:
                continue
            assert loaded.fingerprint != keys.public.fingerprint

    def test_ciphertexts_under_another_key_are_refused(self, scheme: Scheme, keys: KeyPair, other: KeyPair) -> None:
        mine, theirs = scheme.encrypt(keys.public, [1]), scheme.encrypt(other.public, [1])
        attempts: list[Callable[[], object]] = [
            lambda: scheme.add(keys.public, mine, theirs),
            lambda: scheme.add(keys.public, theirs, mine),
            lambda: scheme.add(keys.public, theirs, theirs),
            lambda: scheme.total(keys.public, theirs),
            lambda: scheme.rerandomise(keys.public, theirs),
            lambda: scheme.scale(keys.public, theirs, [2]),
            lambda: scheme.dump(keys.public, theirs),
        ]
        for attempt in attempts:
            with pytest.raises(KeyMismatch):
                attempt()
        with pytest.raises(KeyMismatch):
            scheme.decrypt(keys.private, theirs)

    def test_plaintexts_out_of_bounds_are_refused(self, scheme: Scheme, keys: KeyPair, bound: int) -> None:
        for plaintext in (bound, -bound - 1, 4 * bound):
            with pytest.raises(OutOfBounds):
                scheme.encrypt(keys.public, [0, plaintext])

    def test_batches_of_two_lengths_are_refused(self, scheme: Scheme, keys: KeyPair) -> None:
        batch = scheme.encrypt(keys.public, [1, 2])
        with pytest.raises(ValueError, match="cannot be added"):
            scheme.add(keys.public, batch, batch[:1])
        with pytest.raises(ValueError, match="cannot be scaled"):
            scheme.scale(keys.public, batch, [1])

    def test_the_holder_of_the_private_key_encrypts_as_well(self, scheme: Scheme, keys: KeyPair, bound: int) -> None:
        plaintexts = [0, -1, bound - 1, -bound]
        batch = scheme.encrypt_as_holder(keys, plaintexts)
        assert scheme.decrypt(keys.private, batch) == plaintexts
        assert scheme.decrypt(keys.private, scheme.add(keys.public, batch[:1], scheme.encrypt(keys.public, [5]))) == [5]
        if self.probabilistic:
            assert set(scheme.dump(keys.public, batch)).isdisjoint(
                scheme.dump(keys.public, scheme.encrypt_as_holder(keys, plaintexts))
            )

    def test_a_holder_of_another_key_is_refused_and_plaintexts_have_the_same_bounds(
        self, scheme: Scheme, keys: KeyPair, other: KeyPair, bound: int
    ) -> None:
        with pytest.raises(KeyMismatch):
            scheme.encrypt_as_holder(KeyPair(keys.public, other.private), [1])
        with pytest.raises(OutOfBounds):
            scheme.encrypt_as_holder(keys, [0, bound])

    @pytest.mark.parametrize("count", [0, 1, 7])
    def test_threads_decrypt_the_same_in_the_same_order_and_count_it_once(
        self, scheme: Scheme, keys: KeyPair, count: int
    ) -> None:
        plaintexts = [(-1) ** i * (i + 1) * 1_000_003 for i in range(count)]
        batch = scheme.encrypt(keys.public, plaintexts)
        for threads in (1, 2, 3):
            view = views.View()
            with views.acting(view):
                assert scheme.decrypt(keys.private, batch, threads=threads) == plaintexts
            assert view.decrypted == count

    def test_what_is_prepared_serves_another_process_with_this_key_and_with_no_other(
        self, scheme: Scheme, keys: KeyPair, other: KeyPair
    ) -> None:
        scheme.prepare(keys.public, 1000)
        pieces = scheme.prepared(keys.public)
        if pieces is None:
            pytest.skip(f"{scheme.name} hands nothing over")
        made = b"".join(pieces)
        scheme.take_prepared(keys.public, memoryview(made))
        assert scheme.decrypt(keys.private, scheme.encrypt(keys.public, [3, -4])) == [3, -4]
        for public, data in ((other.public, made), (keys.public, made[:-1]), (keys.public, b"")):
            with pytest.raises(SmarterError):
                scheme.take_prepared(public, data)
        assert scheme.decrypt(other.private, scheme.encrypt(other.public, [5])) == [5]

    def test_as_many_blindings_are_kept_as_the_options_say(self, scheme: Scheme) -> None:
        assert scheme.precompute == dict(self.options).get("precompute", 0)

    def test_the_same_randomness_gives_the_same_ciphertexts(self, scheme: Scheme, keys: KeyPair) -> None:
        if not (self.injectable and self.probabilistic):
            pytest.skip(f"{scheme.name} draws its own randomness, or none")

        def made(seed: str) -> list[bytes]:
            batch = scheme.encrypt(keys.public, [1, -2], random=SeededRandomness(seed))
            fresh = scheme.rerandomise(keys.public, batch, random=SeededRandomness(seed + "'"))
            held = scheme.encrypt_as_holder(keys, [1, -2], random=SeededRandomness(seed + "''"))
            return [blob for made in (batch, fresh, held) for blob in scheme.dump(keys.public, made)]

        assert made("one") == made("one")
        assert set(made("one")).isdisjoint(made("two"))

    def test_the_same_randomness_gives_the_same_key(self, scheme: Scheme) -> None:
        if not (self.injectable if self.injectable_keys is None else self.injectable_keys):
            pytest.skip(f"{scheme.name} draws its own randomness")
        one, same, two = (
            scheme.dump_private(scheme.generate(random=SeededRandomness(seed)).private)
            for seed in ("one", "one", "two")
        )
        assert one == same != two

    def test_the_private_key_shows_nothing_of_itself(self, scheme: Scheme, keys: KeyPair) -> None:
        shown = repr(keys) + repr(keys.private) + str(keys.private) + f"{keys.private}"
        assert "material" not in repr(keys.private)
        if self.probabilistic:
            body = int.from_bytes(scheme.dump_private(keys.private)[-64:], "big")
            assert str(body) not in shown
        assert repr(keys.private) == f"PrivateKey(of {keys.public.fingerprint}, {keys.public.bits} bits)"

    def test_public_keys_and_ciphertexts_reach_a_worker_process(self, scheme: Scheme, keys: KeyPair) -> None:
        public = pickle.loads(pickle.dumps(keys.public))  # noqa: S301 - what a process pool does
        batch: Ciphertexts = pickle.loads(pickle.dumps(scheme.encrypt(public, [3])))  # noqa: S301
        assert scheme.decrypt(keys.private, scheme.add(public, batch, batch)) == [6]
