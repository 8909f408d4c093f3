"""Kind ``scheme``: an additively homomorphic cryptosystem over batches of integers.

The public methods are final: they check bounds and keys and count views for every plugin alike; a
plugin implements the underscored ones.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

from smarter.api.floor import Floor
from smarter.api.keys import KeyPair, PrivateKey, PublicKey
from smarter.api.plugin import Plugin
from smarter.api.randomness import SYSTEM_RANDOMNESS, Randomness
from smarter.errors import KeyMismatch, OutOfBounds
from smarter.model import views


@dataclass(frozen=True)
class Ciphertexts:
    """A batch of ciphertexts under one key. ``values`` belong to the plugin alone."""

    key: str
    values: Sequence[Any]

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: int | slice) -> Ciphertexts:
        """One ciphertext or a run of them, as a batch."""
        return Ciphertexts(self.key, self.values[index] if isinstance(index, slice) else [self.values[index]])


class Scheme(Plugin, ABC):
    """Additively homomorphic encryption of signed integers.

    A plaintext ``m`` and every sum of plaintexts must satisfy ``-2^(b-1) <= m < 2^(b-1)`` with ``b`` =
    :meth:`plaintext_bits`. Batches may be empty.

    Attributes:
        additive: sums of ciphertexts decrypt to sums of plaintexts.
        scalable: a ciphertext can be multiplied by a known integer.
        threshold: decryption can be shared among key holders.
        embeds: a plaintext can be made a ciphertext without blinding, so that blindings can be made ahead.
        parallel_decrypt: decrypting lets other threads of the process run meanwhile, so that more of them are faster.
    """

    kind = "scheme"
    additive: ClassVar[bool] = True
    scalable: ClassVar[bool] = True
    threshold: ClassVar[bool] = False
    embeds: ClassVar[bool] = False
    parallel_decrypt: ClassVar[bool] = False

    @property
    def precompute(self) -> int:
        """How many encryptions of zero the options ask to be kept ready on disk."""
        return 0

    @classmethod
    def capabilities(cls) -> Mapping[str, object]:
        return {
            "additive": cls.additive,
            "scalable": cls.scalable,
            "threshold": cls.threshold,
            "embeds": cls.embeds,
            "insecure_demo": cls.insecure_demo,
        }

    # What a plugin implements.

    @abstractmethod
    def generate(self, *, random: Randomness = SYSTEM_RANDOMNESS) -> KeyPair:
        """A fresh key pair of the size that the options ask for.

        A plugin whose library draws its own randomness may ignore ``random`` and says so.
        """

    @abstractmethod
    def plaintext_bits(self, public: PublicKey) -> int:
        """``b``: how many bits a signed plaintext has under this key."""

    @abstractmethod
    def _encrypt(self, public: PublicKey, plaintexts: Sequence[int], random: Randomness) -> Sequence[Any]:
        """Encrypt each; bounds have been checked."""

    @abstractmethod
    def _add(self, public: PublicKey, left: Sequence[Any], right: Sequence[Any]) -> Sequence[Any]:
        """Add two batches of the same length, one by one; keys have been checked."""

    @abstractmethod
    def _scale(self, public: PublicKey, values: Sequence[Any], factors: Sequence[int]) -> Sequence[Any]:
        """Multiply each by its signed factor; keys have been checked."""

    @abstractmethod
    def _rerandomise(self, public: PublicKey, values: Sequence[Any], random: Randomness) -> Sequence[Any]:
        """The same plaintexts under fresh blinding; keys have been checked."""

    @abstractmethod
    def _decrypt(self, private: PrivateKey, values: Sequence[Any]) -> list[int]:
        """Signed plaintexts; keys have been checked."""

    @abstractmethod
    def _dump(self, public: PublicKey, value: Any) -> bytes:
        """One ciphertext as bytes, of the same length for every ciphertext under a key."""

    @abstractmethod
    def _load(self, public: PublicKey, data: bytes) -> Any:
        """The reverse of :meth:`_dump`; :class:`AuthenticationFailed` if it is no ciphertext of this key."""

    @abstractmethod
    def dump_public(self, public: PublicKey) -> bytes:
        """A byte form with a format version in it."""

    @abstractmethod
    def load_public(self, data: bytes) -> PublicKey:
        """The reverse of :meth:`dump_public`; raises :class:`DamagedKeys`."""

    @abstractmethod
    def dump_private(self, private: PrivateKey) -> bytes:
        """A byte form with a format version in it, not encrypted: only a keystore may hold it."""

    @abstractmethod
    def load_private(self, data: bytes) -> PrivateKey:
        """The reverse of :meth:`dump_private`; raises :class:`DamagedKeys`."""

    def _embed(self, public: PublicKey, plaintexts: Sequence[int]) -> Sequence[Any]:
        """Ciphertexts without blinding, which anybody can read; only a scheme that ``embeds`` has them."""
        raise NotImplementedError(f"{self.name} does not embed")

    def _encrypt_as_holder(self, pair: KeyPair, plaintexts: Sequence[int], random: Randomness) -> Sequence[Any]:
        """As :meth:`_encrypt`; override where the private key makes it faster or asks for fewer assumptions."""
        return self._encrypt(pair.public, plaintexts, random)

    def _decrypt_by(self, threads: int, private: PrivateKey, values: Sequence[Any]) -> list[int]:
        """As :meth:`_decrypt` by two or more threads; values are one or more, and the class has ``parallel_decrypt``.

        Override where one ciphertext can be split too.
        """
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(threads) as pool:
            return [plaintext for (plaintext,) in pool.map(lambda value: self._decrypt(private, [value]), values)]

    def prepare(self, public: PublicKey, encryptions: int) -> None:
        """About how many encryptions are to come under ``public``: a scheme may make tables for them."""

    def prepared(self, public: PublicKey) -> Iterable[bytes] | None:
        """What :meth:`prepare` has made for this key in this process, for other processes; None: nothing.

        It comes piece by piece, since it may be large: joined, the pieces are what others take.

        It depends on the public key alone and is no secret. But who can alter it can undo the blinding of whoever
        takes it: it belongs where nobody else writes.
        """
        return None

    def take_prepared(self, public: PublicKey, data: memoryview | bytes) -> None:
        """Use what another process has :meth:`prepared` for this key.

        ``data``, a memory-mapped file perhaps, stays readable as long as the process lives: it may not be copied.

        Raises:
            DamagedKeys: the bytes are not for this key, or damaged.
        """

    def floors(self, public: PublicKey, encryptions: int) -> Sequence[Floor]:
        """The raw work that so many encryptions need, counted in more than one way perhaps; empty: it is not known."""
        return ()

    def _total(self, public: PublicKey, values: Sequence[Any]) -> Any:
        """The sum of one or more ciphertexts. Override where a library adds faster in one go."""
        total = values[0]
        for value in values[1:]:
            (total,) = self._add(public, [total], [value])
        return total

    # What everybody calls.

    @final
    def encrypt(
        self, public: PublicKey, plaintexts: Sequence[int], *, random: Randomness = SYSTEM_RANDOMNESS
    ) -> Ciphertexts:
        """Encrypt signed integers, each with fresh randomness.

        Raises:
            OutOfBounds: a plaintext beyond :meth:`plaintext_bits`; nothing has been encrypted then.
        """
        self._within_bounds(public, plaintexts)
        return Ciphertexts(public.fingerprint, self._encrypt(public, plaintexts, random))

    @final
    def encrypt_as_holder(
        self, pair: KeyPair, plaintexts: Sequence[int], *, random: Randomness = SYSTEM_RANDOMNESS
    ) -> Ciphertexts:
        """Encrypt as :meth:`encrypt` does, with the private key at hand, which may be faster or assume less.

        Raises:
            OutOfBounds: a plaintext beyond :meth:`plaintext_bits`; nothing has been encrypted then.
            KeyMismatch: the two halves are not of one key.
        """
        if pair.private.fingerprint != pair.public.fingerprint:
            raise KeyMismatch(
                f"public key {pair.public.fingerprint[:8]} and private key {pair.private.fingerprint[:8]} are no pair."
            )
        self._within_bounds(pair.public, plaintexts)
        return Ciphertexts(pair.public.fingerprint, self._encrypt_as_holder(pair, plaintexts, random))

    @final
    def encrypt_with(self, public: PublicKey, plaintexts: Sequence[int], blindings: Ciphertexts) -> Ciphertexts:
        """Encrypt signed integers with blindings made ahead: encryptions of zero, one each, never used again.

        Raises:
            OutOfBounds: a plaintext beyond :meth:`plaintext_bits`; nothing has been encrypted then.
            KeyMismatch: blindings under another key.
        """
        self._same_key(public.fingerprint, blindings)
        if len(blindings) != len(plaintexts):
            raise ValueError(f"{len(plaintexts)} plaintexts cannot be encrypted with {len(blindings)} blindings.")
        self._within_bounds(public, plaintexts)
        embedded = self._embed(public, plaintexts)
        return Ciphertexts(public.fingerprint, self._add(public, embedded, blindings.values))

    @final
    def add(self, public: PublicKey, left: Ciphertexts, right: Ciphertexts) -> Ciphertexts:
        """Add two batches of one length, one by one.

        Raises:
            KeyMismatch: the two are not both under ``public``.
        """
        self._same_key(public.fingerprint, left, right)
        if len(left) != len(right):
            raise ValueError(f"batches of {len(left)} and {len(right)} ciphertexts cannot be added.")
        return Ciphertexts(public.fingerprint, self._add(public, left.values, right.values))

    @final
    def total(self, public: PublicKey, batch: Ciphertexts) -> Ciphertexts:
        """The sum of all of a batch (at least one), as a batch of one."""
        self._same_key(public.fingerprint, batch)
        if not len(batch):
            raise ValueError("a batch of no ciphertexts has no total.")
        return Ciphertexts(public.fingerprint, [self._total(public, batch.values)])

    @final
    def scale(self, public: PublicKey, batch: Ciphertexts, factors: Sequence[int]) -> Ciphertexts:
        """Multiply each ciphertext by its signed integer factor."""
        self._same_key(public.fingerprint, batch)
        if len(batch) != len(factors):
            raise ValueError(f"{len(batch)} ciphertexts cannot be scaled by {len(factors)} factors.")
        return Ciphertexts(public.fingerprint, self._scale(public, batch.values, factors))

    @final
    def rerandomise(
        self, public: PublicKey, batch: Ciphertexts, *, random: Randomness = SYSTEM_RANDOMNESS
    ) -> Ciphertexts:
        """The same plaintexts, unlinkable to the ciphertexts they came from."""
        self._same_key(public.fingerprint, batch)
        return Ciphertexts(public.fingerprint, self._rerandomise(public, batch.values, random))

    @final
    def decrypt(self, private: PrivateKey, batch: Ciphertexts, *, threads: int = 1) -> list[int]:
        """Signed plaintexts; counted in the view of the party that does it.

        Args:
            private: the key.
            batch: ciphertexts under it.
            threads: over how many threads to spread them, where the scheme has ``parallel_decrypt``.

        Raises:
            KeyMismatch: the batch is under another key.
        """
        self._same_key(private.fingerprint, batch)
        if self.parallel_decrypt and threads > 1 and len(batch):
            plaintexts = self._decrypt_by(threads, private, batch.values)
        else:
            plaintexts = self._decrypt(private, batch.values)
        views.current().decrypted += len(plaintexts)
        return plaintexts

    @final
    def dump(self, public: PublicKey, batch: Ciphertexts) -> list[bytes]:
        """Each ciphertext as bytes of one length."""
        self._same_key(public.fingerprint, batch)
        return [self._dump(public, value) for value in batch.values]

    @final
    def load(self, public: PublicKey, blobs: Sequence[bytes]) -> Ciphertexts:
        """The reverse of :meth:`dump`.

        Raises:
            AuthenticationFailed: bytes that are no ciphertext under this key.
        """
        return Ciphertexts(public.fingerprint, [self._load(public, blob) for blob in blobs])

    def _within_bounds(self, public: PublicKey, plaintexts: Sequence[int]) -> None:
        bits = self.plaintext_bits(public)
        bound = 1 << (bits - 1)
        for plaintext in plaintexts:
            if not -bound <= plaintext < bound:
                raise OutOfBounds(
                    f"a plaintext of {plaintext.bit_length() + 1} bits does not fit the {bits} bits of a "
                    f"{self.name} plaintext."
                )

    def _same_key(self, fingerprint: str, *batches: Ciphertexts) -> None:
        for batch in batches:
            if batch.key != fingerprint:
                raise KeyMismatch(f"ciphertexts under key {batch.key[:8]} cannot be used with key {fingerprint[:8]}.")
