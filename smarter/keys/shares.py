"""A secret in shares, one an officer: any K of them give it back, K − 1 tell nothing of it (Shamir, CACM 1979).

Shares are word lists after SLIP-39 with a checksum each, by its reference implementation (extra ``officers``, imported
when it is needed). :mod:`smarter.keys.officers` hands them out and asks for them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from smarter.api.plugin import need
from smarter.errors import UsageError, WrongShares
from smarter.keys.secret import SECRET_BYTES

LEAST_THRESHOLD = 2
MOST_OFFICERS = 16
WORDS = 33
"""Of a share: of 10 bits each, 26 for 32 bytes, 4 that say of which set and officer, 3 of checksum."""


@dataclass(frozen=True)
class Share:
    """One officer's share.

    Attributes:
        number: of the officer, from 1.
        threshold: how many officers' shares give the secret.
        mark: of the set that it is of, as :func:`mark_of` gives it.
        words: the share itself.
    """

    number: int
    threshold: int
    mark: int
    words: str = field(repr=False)


def mark_of(identity: str) -> int:
    """The 15 bits by which shares tell which keystore they open: of the hash of its random name."""
    return int.from_bytes(hashlib.sha256(identity.encode()).digest()[:2], "big") >> 1


def check_numbers(threshold: int, officers: int) -> None:
    """Raise :class:`UsageError` unless ``threshold`` of ``officers`` can share a secret."""
    if not LEAST_THRESHOLD <= threshold <= officers <= MOST_OFFICERS:
        raise UsageError(
            f"a secret cannot be shared so that {threshold} of {officers} officers open it: it takes "
            f"{LEAST_THRESHOLD} at least, of {MOST_OFFICERS} at most."
        )


def split(secret: bytes, threshold: int, officers: int, mark: int) -> tuple[Share, ...]:
    """Split 32 bytes among ``officers``, of whom any ``threshold`` give them back.

    Raises:
        MissingExtra: the library is not installed.
        UsageError: there are no such sets of shares.
    """
    check_numbers(threshold, officers)
    library = _library()
    # SLIP-39 would stretch a passphrase of its own; a random secret needs none.
    whole = library.EncryptedMasterSecret.from_master_secret(secret, b"", mark, True, 0)
    (group,) = library.split_ems(1, [(threshold, officers)], whole)
    return tuple(_share(share) for share in group)


def read_share(text: str) -> Share:
    """A share as an officer types it; case and spaces do not matter.

    Raises:
        MissingExtra: the library is not installed.
        WrongShares: it has a typo, or is no share. What was typed is not repeated.
    """
    library = _library()
    words = text.lower().split()
    if len(words) != WORDS:
        raise WrongShares(f"a share has {WORDS} words, this one {len(words)}")
    known = library.wordlist.WORD_INDEX_MAP
    for place, word in enumerate(words, 1):
        if word not in known:
            raise WrongShares(f"its word {place} is in no share")
    try:
        share = library.Share.from_mnemonic(" ".join(words))
    except library.MnemonicError as error:
        raise WrongShares("its checksum does not fit, a word is wrong or two are exchanged") from error
    if (share.group_count, share.iteration_exponent, len(share.value)) != (1, 0, SECRET_BYTES):
        raise WrongShares("it is a share of something else than a keystore")
    return _share(share)


def combine(shares: Sequence[Share]) -> bytes:
    """The secret of as many shares of one set, of different officers, as it takes.

    Raises:
        MissingExtra: the library is not installed.
        WrongShares: they are not of one set, or too few.
    """
    library = _library()
    try:
        return bytes(library.combine_mnemonics([share.words for share in shares]))
    except library.MnemonicError as error:
        raise WrongShares("the shares are not of one set: bring those that were handed out together.") from error


def _share(share: Any) -> Share:
    return Share(share.index + 1, share.member_threshold, share.identifier, share.mnemonic())


def _library() -> Any:
    return need("shamir_mnemonic", "officers")
