"""Blindings made ahead and kept on disk, sealed; each is handed out once at most, whatever crash comes between.

``protocols`` fills and drains it for the PES. A file is a header, two marks that say how far blindings are used, and
the blindings, each sealed by itself. What is about to be handed out is marked as used first, durably.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import struct
from collections.abc import Sequence
from io import FileIO
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from smarter.api.randomness import SYSTEM_RANDOMNESS, Randomness
from smarter.errors import KeyMismatch
from smarter.keys.derive import derive, joined
from smarter.keys.files import read_private, remove_private, sync_folder, write_private

KEY_BYTES = 32
MOST_AT_ONCE = 1024
"""Blindings that one mark may use up: what an unreadable mark can have stood for above the other one."""
_MAGIC = b"smarter-blinding"
_VERSION = 1
_HEADER = struct.Struct(">16sHIQ64s")
"""Magic, version, bytes of a blinding, number of the first blinding in the file, fingerprint of the scheme's key."""
_MARK = struct.Struct(">Q32s")
"""Number of the first blinding that is not used, and a MAC over header and number."""
_BODY = _HEADER.size + 2 * _MARK.size
_NONCE_BYTES = 12
_TAG_BYTES = 16
_SEAL = b"smarter blinding seal key, version 1"
_MAC = b"smarter blinding mark key, version 1"
_REPLACED = "none of it is used, new ones take its place."


class Precomputed:
    """Encryptions of zero under one public key, as bytes of one length, numbered from the first ever made.

    A blinding that is known, or used twice, can be stripped off its ciphertext. So each is sealed by AES-256-GCM with a
    random nonce (SP 800-38D, section 8.2.2: at most 2³² under a key) and its number as AAD, under a key drawn from the
    caller's for this format and this public key. Nonces are not the numbers: after a crash or a file put back another
    blinding may get the same number. One process at a time has it open; the caller holds the state's lock.

    Attributes:
        problem: what was found wrong with the file, and what became of it; None: nothing.
    """

    def __init__(self, path: Path, key: bytes, fingerprint: str, at_least: int, random: Randomness) -> None:
        if len(key) != KEY_BYTES:
            raise KeyMismatch(f"a key that seals blindings has {KEY_BYTES} bytes, this one {len(key)}.")
        self.problem: str | None = None
        self._path = path
        self._fingerprint = fingerprint.encode()
        self._cipher = AESGCM(derive(key, info=joined(_SEAL, self._fingerprint), length=32))
        self._mac_key = derive(key, info=joined(_MAC, self._fingerprint), length=32)
        self._random = random
        self._load(at_least)

    @classmethod
    def open(
        cls,
        path: Path,
        key: bytes,
        fingerprint: str,
        *,
        at_least: int = 0,
        random: Randomness = SYSTEM_RANDOMNESS,
    ) -> Precomputed:
        """What ``path`` holds for the scheme's key ``fingerprint``; nothing, where there is no such file.

        A file for another scheme key, sealed under another ``key``, or damaged in its head is destroyed: blindings can
        be made again.

        Args:
            path: the file.
            key: 32 random bytes that seal it.
            fingerprint: of the public key under which the blindings are made.
            at_least: a :attr:`mark` kept elsewhere. All before it are used, even if an older file was put back.
            random: where nonces come from.

        Raises:
            KeyMismatch: ``key`` is not 32 bytes.
        """
        return cls(path, key, fingerprint, at_least, random)

    @staticmethod
    def destroy(path: Path) -> None:
        """Remove the file; it need not exist."""
        remove_private(path)

    @property
    def mark(self) -> int:
        """How many have ever been taken, lost ones included; it never falls while the caller passes it on."""
        return max(self._marks)

    @property
    def left(self) -> int:
        """How many can still be taken."""
        return max(0, self._end - self.mark)

    def extend(self, blobs: Sequence[bytes]) -> None:
        """Keep freshly made blindings durably. If this raises, they must be forgotten: they may be in the file.

        Raises:
            ValueError: they are not all as long as each other and as those that are left.
        """
        if self._file is None:
            self._load(self.mark)  # none yet, or one that a failing disk did not let be taken up again
        lengths = {len(blob) for blob in blobs}
        if len(lengths | ({self._length} if self.left else set())) > 1:
            raise ValueError(f"the blindings in {self._path} are of one length, these have {sorted(lengths)} bytes.")
        if not blobs:
            return
        first = self.mark + self.left
        sealed = b"".join(self._seal(number, blob) for number, blob in enumerate(blobs, first))
        if self.left <= self.mark - self._base:
            # More is used than left: what is used goes, so that the file does not grow for ever.
            self._replace(lengths.pop(), sealed)
            return
        file = self._opened()
        try:
            self._write(self._at(first), sealed)
            os.fsync(file.fileno())
        except BaseException:
            with contextlib.suppress(OSError):
                file.truncate(self._at(first))
            raise
        self._end += len(blobs)

    def take(self, count: int) -> list[bytes]:
        """The next ``count`` blindings, fewer where there are no more; on disk they are used before this returns."""
        taken: list[bytes] = []
        while len(taken) < count and self.left:
            first, step = self.mark, min(count - len(taken), self.left, MOST_AT_ONCE)
            blobs = self._unsealed(first, step)
            self._note(self._marks.index(min(self._marks)), first + step)
            with contextlib.suppress(OSError):  # they count as used anyway
                self._write(self._at(first), bytes(step * self._stride))
            whole = [blob for blob in blobs if blob is not None]
            if len(whole) < step:
                self.problem = f"{self._path} is damaged: {step - len(whole)} of its blindings were left out."
            taken += whole
        return taken

    def close(self) -> None:
        """Give the file back."""
        if self._file is not None:
            self._file.close()

    def _load(self, at_least: int) -> None:
        """Take up the file that is there, or begin with none; all before ``at_least`` are used."""
        self._file: FileIO | None = None
        self._length = 0
        self._base = self._end = at_least
        self._marks = [at_least, at_least]
        try:
            head = read_private(self._path, _BODY)[:_BODY]
        except FileNotFoundError:
            return
        # Killed in _replace, a file's name may not be durable: the one before must not come back once this is used.
        sync_folder(self._path.parent)
        header, marks = head[: _HEADER.size], self._read_marks(head)
        if not marks:
            if not self._is_for_another_key(header):
                self.problem = f"{self._path} is damaged, or sealed under another key: {_REPLACED}"
            self.destroy(self._path)
            return
        self._header = header
        _, _, self._length, self._base, _ = _HEADER.unpack(header)
        self._file = self._path.open("r+b", buffering=0)
        mark = max(marks)
        if len(marks) < 2:
            # Torn before it counted, or rotten since: then it stood for so much at most.
            mark += MOST_AT_ONCE
            self.problem = f"{self._path} has a mark that does not read back: up to {MOST_AT_ONCE} blindings were lost."
        if mark < at_least:
            mark = at_least
            self.problem = f"{self._path} is an older copy: what is known to have been used since is left out."
        self._marks = [mark, mark] if len(marks) < 2 else marks
        if mark > max(marks):
            for slot in range(2):
                self._note(slot, mark)
        self._end = self._base + max(0, self._path.stat().st_size - _BODY) // self._stride
        # What a crash tore off an extend is at the end.
        while self.left and self._unsealed(self._end - 1, 1) == [None]:
            self._end -= 1

    def _replace(self, length: int, sealed: bytes) -> None:
        """Put a file in place of this one that has what is left, as it is, and what is new."""
        mark = self.mark
        kept = self._read(mark, self.left) if self.left else b""
        header = _HEADER.pack(_MAGIC, _VERSION, length, mark, self._fingerprint)
        self.close()
        try:
            write_private(self._path, header + 2 * self._mark_bytes(header, mark) + kept + sealed)
        finally:
            self._load(mark)  # the old one or the new one, whichever is there

    def _is_for_another_key(self, header: bytes) -> bool:
        if len(header) < _HEADER.size:
            return False
        magic, version, _, _, fingerprint = _HEADER.unpack(header)
        return (magic, version) == (_MAGIC, _VERSION) and fingerprint.rstrip(b"\0") != self._fingerprint

    def _read_marks(self, head: bytes) -> list[int]:
        """Those marks that are whole and were made with this header."""
        found = []
        for at in (_HEADER.size, _HEADER.size + _MARK.size):
            number = int.from_bytes(head[at : at + 8], "big")
            if hmac.compare_digest(self._mark_bytes(head[: _HEADER.size], number), head[at : at + _MARK.size]):
                found.append(number)
        return found

    def _mark_bytes(self, header: bytes, number: int) -> bytes:
        return _MARK.pack(number, hmac.digest(self._mac_key, header + number.to_bytes(8, "big"), hashlib.sha256))

    def _note(self, slot: int, mark: int) -> None:
        """Make ``mark`` durable. Until then the other slot stands, so that a retry writes the same one again."""
        self._write(_HEADER.size + slot * _MARK.size, self._mark_bytes(self._header, mark))
        os.fsync(self._opened().fileno())
        self._marks[slot] = mark

    @property
    def _stride(self) -> int:
        return _NONCE_BYTES + self._length + _TAG_BYTES

    def _at(self, number: int) -> int:
        return _BODY + (number - self._base) * self._stride

    def _seal(self, number: int, blob: bytes) -> bytes:
        nonce = self._random.bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, blob, number.to_bytes(8, "big"))

    def _unsealed(self, first: int, count: int) -> list[bytes | None]:
        """Blindings by number; None for one that was altered or never wholly written."""
        data, opened = self._read(first, count), list[bytes | None]()
        for number, at in enumerate(range(0, count * self._stride, self._stride), first):
            sealed = data[at : at + self._stride]
            try:
                nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
                opened.append(self._cipher.decrypt(nonce, ciphertext, number.to_bytes(8, "big")))
            except (InvalidTag, ValueError):
                opened.append(None)
        return opened

    def _opened(self) -> FileIO:
        assert self._file is not None, "what is left lies in a file"
        return self._file

    def _read(self, first: int, count: int) -> bytes:
        file = self._opened()
        file.seek(self._at(first))
        return file.read(count * self._stride)

    def _write(self, at: int, data: bytes) -> None:
        file = self._opened()
        file.seek(at)
        while data:
            data = data[file.write(data) :]
