"""Unlocking by K of N officers, so that none of them can alone: their shares of one secret, which is kept nowhere.

:func:`smarter.keys.unlock.unlock_from` asks for shares here; :mod:`smarter.protocols.locking` hands new ones out.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from pathlib import Path

from smarter.api.randomness import SYSTEM_RANDOMNESS, Randomness
from smarter.errors import UsageError, WrongShares
from smarter.keys.files import read_private
from smarter.keys.secret import SECRET_BYTES, SHARES_VARIABLE, Secret
from smarter.keys.shares import Share, check_numbers, combine, mark_of, read_share, split

KIND = "officers"
TRIES = 5
"""So often in a row a share is asked for again."""
_LONGEST = 4_096


class Officers:
    """Locks a keystore under a fresh secret that only the officers' shares give back.

    ``handing`` is given the shares before the keystore is locked: when it raises, nothing has changed. Raises
    :class:`UsageError` for numbers of officers that cannot be.
    """

    def __init__(
        self,
        threshold: int,
        officers: int,
        handing: Callable[[Sequence[Share]], None],
        random: Randomness = SYSTEM_RANDOMNESS,
    ) -> None:
        check_numbers(threshold, officers)
        self._threshold = threshold
        self._officers = officers
        self._handing = handing
        self._random = random

    def new(self, party: str, identity: str) -> Secret:
        value = self._random.bytes(SECRET_BYTES)
        shares = split(value, self._threshold, self._officers, mark_of(identity))
        # Were it otherwise, nobody would ever open the keystore again.
        assert hmac.compare_digest(combine(shares[-self._threshold :]), value), "shares give their secret back"
        self._handing(shares)
        return Secret(KIND, value)


class GivenShares:
    """Gathers officers' shares: from files where some are given, otherwise typed, one after the other.

    What they gave is asked for once.
    """

    def __init__(self, files: Sequence[Path], ask: Callable[[str], str] | None) -> None:
        self._files = files
        self._ask = ask
        self._opened: dict[str, Secret] = {}

    def existing(self, party: str, identity: str) -> Secret:
        """The secret of a keystore that its officers locked.

        Raises:
            WrongShares: too few, or one of another set, twice the same, or damaged.
            UsageError: nobody can be asked.
        """
        if identity not in self._opened:
            shares = (self._read if self._files else self._asked)(party, mark_of(identity))
            self._opened[identity] = Secret(KIND, combine(shares))
        return self._opened[identity]

    def _read(self, party: str, mark: int) -> list[Share]:
        given: dict[int, Share] = {}
        for path in self._files:
            try:
                _take(given, read_private(path, _LONGEST).decode(errors="replace"), mark)
            except (FileNotFoundError, IsADirectoryError) as error:
                raise UsageError(f"{path}: no file with a share is there; it holds one share.") from error
            except WrongShares as error:
                raise WrongShares(
                    f"{path}: {error}; bring each officer's own, of those handed out last for the keys of {party}."
                ) from error
        if len(given) < _threshold(given):
            raise _too_few(party, given)
        return list(given.values())[: _threshold(given)]

    def _asked(self, party: str, mark: int) -> list[Share]:
        if self._ask is None:
            raise UsageError(
                f"the keys of {party} take its officers' shares and nobody can be asked: set {SHARES_VARIABLE} to "
                "the files that hold them, or give each with --shares."
            )
        given: dict[int, Share] = {}
        complaint, wrong = "", 0
        while not given or len(given) < _threshold(given):
            which = f"Share {len(given) + 1}" + (f" of {_threshold(given)}" if given else "")
            text = self._ask(f"{complaint}{which} for the keys of {party}: ")
            if not text.strip():
                raise _too_few(party, given)
            try:
                _take(given, text, mark)
            except WrongShares as error:
                wrong += 1
                if wrong == TRIES:
                    raise WrongShares(f"{which} for the keys of {party}: {error}; {TRIES} times in a row.") from error
                complaint = f"{which}: {error}. Type it again.\n"
            else:
                complaint, wrong = "", 0
        return list(given.values())


def _take(given: dict[int, Share], text: str, mark: int) -> None:
    share = read_share(text)
    if share.mark != mark:
        raise WrongShares("it is of another set, of another keystore or from before this one was locked anew")
    if share.number in given:
        raise WrongShares(f"the share of officer {share.number} has been given already")
    if given and share.threshold != _threshold(given):
        raise WrongShares("it is of another set than those before it")
    given[share.number] = share


def _threshold(given: dict[int, Share]) -> int:
    return next(iter(given.values())).threshold


def _too_few(party: str, given: dict[int, Share]) -> WrongShares:
    if not given:
        return WrongShares(f"the keys of {party} take the shares of its officers and none was given: they stay locked.")
    return WrongShares(
        f"the keys of {party} take the shares of {_threshold(given)} officers and {len(given)} came: they stay locked "
        "until the others bring theirs."
    )
