"""The shipped schemes: what they promise, what they refuse, and that they read each other."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
from dataclasses import replace
from importlib.util import find_spec
from types import FunctionType, ModuleType

import gmpy2
import pytest
from pydantic import ValidationError

from smarter.api import DamagedKeys, KeyPair, OutOfBounds, PublicKey, Scheme
from smarter.api.testing.schemes import SchemeConformance, SeededRandomness
from smarter_plugins.schemes import fixed_base, paillier, paillier_keys
from smarter_plugins.schemes.key_form import write_key
from smarter_plugins.schemes.key_size import KeySizeOptions
from smarter_plugins.schemes.lightphe import PaillierLightPhe
from smarter_plugins.schemes.paillier import Paillier, PaillierOptions
from smarter_plugins.schemes.paillier_keys import PaillierPublic, prime, private_material
from smarter_plugins.schemes.paillier_rust import PaillierRust
from smarter_plugins.schemes.phe import PaillierPhe, PheOptions
from smarter_plugins.schemes.plain import Plain, PlainOptions


class TestPaillier(SchemeConformance):
    plugin = Paillier
    options = {"key_bits": 512}


class TestPaillierExact(SchemeConformance):
    plugin = Paillier
    options = {"key_bits": 512, "blinding": "exact"}


class TestPaillierOfAnOddSize(SchemeConformance):
    plugin = Paillier
    options = {"key_bits": 517, "precompute": 20}


class TestPaillierExactOfAnOddSize(SchemeConformance):
    plugin = Paillier
    options = {"key_bits": 1027, "blinding": "exact"}


@pytest.mark.skipif(find_spec("paillier") is None, reason="the extra rust is not installed")
class TestPaillierRust(SchemeConformance):
    plugin = PaillierRust
    options = {"key_bits": 2048}
    injectable = False
    injectable_keys = True


class TestPaillierPhe(SchemeConformance):
    plugin = PaillierPhe
    options = {"key_bits": 512}
    injectable_keys = False


class TestPaillierLightPhe(SchemeConformance):
    plugin = PaillierLightPhe
    options = {"key_bits": 512}
    injectable = False


class TestPlain(SchemeConformance):
    plugin = Plain
    probabilistic = False


class TestPlainOfOneLane(SchemeConformance):
    plugin = Plain
    options = {"plaintext_bits": 67}
    probabilistic = False


class PlainByThreads(Plain):
    parallel_decrypt = True


class TestPlainByThreads(SchemeConformance):
    """The base class's own way to spread a batch."""

    plugin = PlainByThreads
    probabilistic = False


def paillier_of(bits: int, **options: object) -> Paillier:
    return Paillier(PaillierOptions.model_validate({"key_bits": bits, **options}))


@pytest.fixture(scope="module")
def keys() -> KeyPair:
    return paillier_of(512).generate()


def phe_pair(keys: KeyPair) -> KeyPair:
    """Our key as phe's: n, p and q in phe's byte forms."""
    material = keys.private.material
    n, p, q = (int(number) for number in (material.public.modulus, material.p, material.q))
    scheme = PaillierPhe(PheOptions(key_bits=512))
    return KeyPair(
        scheme.load_public(write_key("paillier-phe", "public", 512, [n], [64])),
        scheme.load_private(write_key("paillier-phe", "private", 512, [p, q, n], [64, 64, 64])),
    )


class TestKeys:
    @pytest.mark.parametrize("bits", [256, 257, 511, 512, 513, 1027])
    def test_the_modulus_has_exactly_the_bits_asked_for(self, bits: int) -> None:
        for _ in range(5):
            pair = paillier_of(bits).generate()
            assert pair.public.bits == pair.public.material.modulus.bit_length() == bits

    def test_primes_are_fit_for_short_exponent_blinding(self) -> None:
        for _ in range(10):
            material = paillier_of(256).generate().private.material
            p, q = material.p, material.q
            assert p % 4 == 3
            assert q % 4 == 3
            assert gmpy2.gcd(p - 1, q - 1) == 2
            assert gmpy2.is_prime(p, 60)
            assert gmpy2.is_prime(q, 60)

    def test_the_blinding_base_is_an_nth_residue_of_jacobi_symbol_one(self, keys: KeyPair) -> None:
        """h = -x² has Jacobi symbol 1 without being a square, since p and q are 3 mod 4."""
        material = keys.private.material
        residue, n = material.public.residue, material.public.modulus
        order = (material.p - 1) * (material.q - 1)
        assert gmpy2.powmod(residue, order, n * n) == 1
        assert gmpy2.jacobi(residue % n, n) == 1
        assert gmpy2.legendre(residue % material.p, material.p) == -1

    @pytest.mark.parametrize("scheme", [Paillier, PaillierPhe, PaillierLightPhe])
    def test_nothing_reachable_from_a_public_key_factors_the_modulus(self, scheme: type[Scheme]) -> None:
        plugin = scheme(scheme.Options.model_validate({"key_bits": 512}))
        pair = plugin.generate()
        modulus = modulus_of(pair.public)
        batch = plugin.encrypt(pair.public, [1] * 50)
        total = plugin.total(pair.public, batch)
        usage = paillier._usages.get(pair.public.fingerprint)
        numbers = reachable_integers(pair.public, batch, total, usage)
        assert modulus in numbers
        assert not [number for number in numbers if gives_away(number, modulus)]
        # The search itself works: from the private key it does find something.
        assert [number for number in reachable_integers(pair.private) if gives_away(number, modulus)]

    def test_a_private_key_with_a_foreign_blinding_base_is_refused(self, keys: KeyPair) -> None:

        material = keys.private.material
        n = material.public.modulus
        spoilt = replace(material, public=replace(material.public, residue=material.public.residue * (1 + n) % n**2))
        with pytest.raises(DamagedKeys, match="n-th residue"):
            paillier_keys.read_private(paillier_keys.write_private(spoilt))

    def test_a_private_key_of_composite_factors_is_refused(self) -> None:

        random = SeededRandomness("composite")
        p = prime(128, random) * prime(128, random)
        q = prime(256, random)
        n = p * q
        public = PaillierPublic(n, n * n, gmpy2.powmod(4, n, n * n))
        with pytest.raises(DamagedKeys, match="no primes fit"):
            paillier_keys.read_private(paillier_keys.write_private(private_material(public, p, q)))

    def test_keys_of_one_scheme_are_not_taken_for_another_schemes(self, keys: KeyPair) -> None:
        form = paillier_of(512).dump_public(keys.public)
        with pytest.raises(DamagedKeys, match="paillier-phe"):
            PaillierPhe(PheOptions(key_bits=512)).load_public(form)


def modulus_of(public: PublicKey) -> int:
    material = public.material
    if hasattr(material, "cs"):
        return int(material.cs.keys["public_key"]["n"])
    return int(getattr(material, "modulus", None) or material.n)


def gives_away(number: int, modulus: int) -> bool:
    """Whether ``number`` shares a factor with n, or is a multiple of its group's exponent."""
    return 1 < gmpy2.gcd(number, modulus) < modulus or bool(
        number % modulus and number > modulus // 4 and gmpy2.powmod(7, number, modulus) == 1
    )


def reachable_integers(*roots: object) -> set[int]:
    """Every integer above 1 that can be got at from ``roots`` through any reference."""
    seen: dict[int, object] = {}
    numbers: set[int] = set()
    pending: list[object] = list(roots)
    while pending:
        thing = pending.pop()
        if id(thing) in seen or isinstance(thing, type | ModuleType | FunctionType):
            continue
        seen[id(thing)] = thing
        if isinstance(thing, int | type(gmpy2.mpz())):
            numbers.add(int(thing))
        pending.extend(gc.get_referents(thing))
    return {number for number in numbers if number > 1}


class TestBlinding:
    def test_exact_and_djn_decrypt_each_other_under_one_key(self, keys: KeyPair) -> None:
        djn, exact = paillier_of(512), paillier_of(512, blinding="exact")
        total = djn.add(keys.public, djn.encrypt(keys.public, [40]), exact.encrypt(keys.public, [-42]))
        assert exact.decrypt(keys.private, total) == [-2]

    def test_no_blinding_repeats_in_a_thousand(self, keys: KeyPair) -> None:
        scheme = paillier_of(512)
        zeros = scheme.encrypt(keys.public, [0] * 500)
        again = scheme.rerandomise(keys.public, scheme.load(keys.public, scheme.dump(keys.public, zeros)))
        assert len({*scheme.dump(keys.public, zeros), *scheme.dump(keys.public, again)}) == 1000

    def test_a_batch_with_a_table_equals_the_same_without(self) -> None:
        scheme = paillier_of(512)
        pair = scheme.generate()
        plain = [scheme.encrypt(pair.public, [i], random=SeededRandomness(f"r{i}")) for i in range(3)]
        assert paillier._usages[pair.public.fingerprint].table is None
        scheme.prepare(pair.public, 5000)
        assert paillier._usages[pair.public.fingerprint].table is not None
        tabled = [scheme.encrypt(pair.public, [i], random=SeededRandomness(f"r{i}")) for i in range(3)]
        assert [scheme.dump(pair.public, one) for one in plain] == [scheme.dump(pair.public, one) for one in tabled]

    def test_a_table_that_another_process_made_gives_the_same_and_is_kept(self) -> None:
        scheme = paillier_of(513)
        pair = scheme.generate()
        scheme.prepare(pair.public, 3000)
        before = scheme.encrypt(pair.public, [1, -2], random=SeededRandomness("r"))
        made = b"".join(scheme.prepared(pair.public) or ())
        paillier._usages.clear()
        assert scheme.prepared(pair.public) is None
        scheme.take_prepared(pair.public, made)
        table = paillier._usages[pair.public.fingerprint].table
        assert table is not None
        after = scheme.encrypt(pair.public, [1, -2], random=SeededRandomness("r"))
        assert scheme.dump(pair.public, before) == scheme.dump(pair.public, after)
        for _ in range(10):
            scheme.encrypt(pair.public, [0] * 1000)
        assert paillier._usages[pair.public.fingerprint].table is table
        scheme.prepare(pair.public, 10**9)
        larger = paillier._usages[pair.public.fingerprint].table
        assert larger is not None
        assert larger.window > table.window

    def test_exact_blinding_neither_hands_over_a_table_nor_takes_one(self, keys: KeyPair) -> None:
        djn, exact = paillier_of(512), paillier_of(512, blinding="exact")
        djn.prepare(keys.public, 3000)
        made = b"".join(djn.prepared(keys.public) or ())
        assert exact.prepared(keys.public) is None
        paillier._usages.clear()
        exact.take_prepared(keys.public, made)
        assert not paillier._usages

    def test_one_ciphertext_is_decrypted_by_two_threads(self, keys: KeyPair, monkeypatch: pytest.MonkeyPatch) -> None:
        scheme, meeting, threads = paillier_of(512), threading.Barrier(2, timeout=30), []
        powers = gmpy2.powmod_base_list

        def at_the_same_time(*arguments: object) -> object:
            meeting.wait()
            threads.append(threading.get_ident())
            return powers(*arguments)

        monkeypatch.setattr(gmpy2, "powmod_base_list", at_the_same_time)
        assert scheme.decrypt(keys.private, scheme.encrypt(keys.public, [-7]), threads=2) == [-7]
        assert len(set(threads)) == 2

    def test_the_table_grows_with_use_and_stays_within_its_budget(self) -> None:
        scheme = paillier_of(512, table_mb=1)
        pair = scheme.generate()
        windows = []
        for _ in range(12):
            scheme.encrypt(pair.public, [0] * 100)
            table = paillier._usages[pair.public.fingerprint].table
            windows.append(table.window if table else 0)
        assert windows == sorted(windows)
        assert windows[-1] > windows[0] > 0
        scheme.prepare(pair.public, 10**9)
        table = paillier._usages[pair.public.fingerprint].table
        assert table is not None
        assert fixed_base.table_bytes(512, 256, table.window) <= 1 << 20
        assert fixed_base.table_bytes(512, 256, table.window + 1) > 1 << 20

    def test_a_hand_of_encryptions_does_not_pay_for_a_table(self) -> None:
        assert fixed_base.best_window(3072, 1536, 3, 128 << 20) is None
        assert fixed_base.best_window(3072, 1536, 40, 128 << 20) is not None

    @pytest.mark.parametrize(("megabytes", "window"), [(PaillierOptions().table_mb, 8), (128, 10)])
    def test_a_budget_holds_so_many_bits_a_step_at_the_default_size(self, megabytes: int, window: int) -> None:
        assert fixed_base.best_window(PaillierOptions().key_bits, 1536, 10**9, megabytes << 20) == window

    def test_tables_of_no_more_than_a_few_keys_are_kept(self) -> None:
        scheme = paillier_of(256)
        for _ in range(paillier.TABLES_KEPT + 2):
            scheme.encrypt(scheme.generate().public, [1] * 50)
        assert len(paillier._usages) == paillier.TABLES_KEPT


class TestPhe:
    def test_phe_and_ours_decrypt_each_others_ciphertexts_under_one_key(self, keys: KeyPair) -> None:
        ours, theirs = paillier_of(512), PaillierPhe(PheOptions(key_bits=512))
        pair = phe_pair(keys)
        bound = 1 << (ours.plaintext_bits(keys.public) - 1)
        plaintexts = [0, 1, -1, bound - 1, -bound]
        to_phe = theirs.load(pair.public, ours.dump(keys.public, ours.encrypt(keys.public, plaintexts)))
        assert theirs.decrypt(pair.private, to_phe) == plaintexts
        to_ours = ours.load(keys.public, theirs.dump(pair.public, theirs.encrypt(pair.public, plaintexts)))
        assert ours.decrypt(keys.private, to_ours) == plaintexts

    def test_phe_itself_reads_what_we_encrypt(self, keys: KeyPair) -> None:
        scheme = paillier_of(512)
        (blob,) = scheme.dump(keys.public, scheme.encrypt(keys.public, [123_456_789]))
        private = phe_pair(keys).private.material
        assert private.raw_decrypt(int.from_bytes(blob, "big")) == 123_456_789

    def test_a_sum_leaves_blinded_even_when_nobody_rerandomised_it(self, keys: KeyPair) -> None:
        scheme, pair = PaillierPhe(PheOptions(key_bits=512)), phe_pair(keys)
        batch = scheme.encrypt(pair.public, [1, 2])
        one, two = (int.from_bytes(blob, "big") for blob in scheme.dump(pair.public, batch))
        (blob,) = scheme.dump(pair.public, scheme.total(pair.public, batch))
        assert int.from_bytes(blob, "big") != one * two % pair.public.material.nsquare
        assert scheme.decrypt(pair.private, scheme.load(pair.public, [blob])) == [3]

    def test_a_factor_beyond_phes_range_is_refused(self, keys: KeyPair) -> None:
        scheme, pair = PaillierPhe(PheOptions(key_bits=512)), phe_pair(keys)
        batch = scheme.encrypt(pair.public, [0])
        with pytest.raises(OutOfBounds, match="n/3"):
            scheme.scale(pair.public, batch, [pair.public.material.n // 2])


class TestOptions:
    @pytest.mark.parametrize("options", [PaillierOptions, PheOptions, KeySizeOptions, PlainOptions])
    def test_sizes_that_are_no_keys_are_refused(self, options: type[KeySizeOptions]) -> None:
        for bits in (0, 255, 1 << 20):
            with pytest.raises(ValidationError):
                options(key_bits=bits)

    def test_phe_refuses_odd_sizes_since_it_would_never_end(self) -> None:
        with pytest.raises(ValidationError, match="even number of bits, not 2049; take 2050"):
            PheOptions(key_bits=2049)

    @pytest.mark.parametrize(("bits", "sound"), [(2047, False), (2048, True), (3072, True)])
    def test_small_keys_are_for_demonstrations(self, bits: int, sound: bool) -> None:
        assert (paillier_of(bits).demo_reason() is None) is sound

    def test_plain_and_lightphe_are_for_demonstrations_at_any_size(self) -> None:
        assert Plain().demo_reason()
        assert PaillierLightPhe().demo_reason()

    def test_plain_holds_as_many_lanes_as_paillier_of_the_same_key_bits(self, keys: KeyPair) -> None:
        plain = Plain(PlainOptions(key_bits=512))
        assert plain.plaintext_bits(plain.generate().public) == paillier_of(512).plaintext_bits(keys.public)


def test_a_sum_of_plain_beyond_its_bits_is_refused() -> None:
    scheme = Plain(PlainOptions(plaintext_bits=128))
    public = scheme.generate().public
    top = scheme.encrypt(public, [(1 << 127) - 1])
    with pytest.raises(OutOfBounds, match="128 bits"):
        scheme.dump(public, scheme.add(public, top, top))


def test_registering_the_schemes_loads_no_library_that_they_wrap() -> None:
    code = (
        "import sys; from smarter_plugins.schemes import register_schemes; found = [];"
        "register_schemes(found.append);"
        "names = ['paillier', 'paillier-rust', 'paillier-phe', 'paillier-lightphe', 'plain'];"
        "assert [s.name for s in found] == names, found;"
        "assert not {'phe', 'lightphe', 'paillier', 'gmpy2', 'sympy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("bits", [2049, 3071])
def test_a_key_of_an_odd_sound_size_works_by_every_path(bits: int) -> None:
    djn, exact = paillier_of(bits), paillier_of(bits, blinding="exact")
    pair = djn.generate()
    assert pair.public.bits == bits
    extremes = [-(1 << (bits - 2)), (1 << (bits - 2)) - 1, -1]
    djn.prepare(pair.public, 200)
    made = b"".join(djn.prepared(pair.public) or ())
    djn.take_prepared(pair.public, made)
    for batch in (
        djn.encrypt(pair.public, extremes),
        exact.encrypt(pair.public, extremes),
        djn.encrypt_as_holder(pair, extremes),
    ):
        loaded = djn.load(pair.public, djn.dump(pair.public, batch))
        assert djn.decrypt(pair.private, loaded, threads=2) == extremes


@pytest.mark.slow
def test_a_key_of_the_default_size_is_made_soon_and_works() -> None:
    scheme = Paillier()
    start = time.process_time()
    pair = scheme.generate()
    assert time.process_time() - start < 15
    assert pair.public.bits == 3072
    assert scheme.plaintext_bits(pair.public) == 3071
    extremes = [-(1 << 3070), (1 << 3070) - 1, 0]
    batch = scheme.encrypt(pair.public, extremes)
    assert scheme.decrypt(pair.private, batch) == extremes
    assert {len(blob) for blob in scheme.dump(pair.public, batch)} == {768}
