"""Any K of N shares give the secret back; fewer, mixed or damaged ones give nothing."""

from __future__ import annotations

import pytest
import shamir_mnemonic
from hypothesis import given, settings
from hypothesis import strategies as st

from smarter.errors import WrongShares
from smarter.keys.shares import WORDS, combine, mark_of, read_share, split

SECRETS = st.binary(min_size=32, max_size=32)
WORD = st.sampled_from(shamir_mnemonic.wordlist.WORDLIST)


@st.composite
def sharings(draw: st.DrawFn) -> tuple[int, int]:
    officers = draw(st.integers(2, 16))
    return draw(st.integers(2, officers)), officers


@settings(deadline=None, max_examples=40)
@given(secret=SECRETS, sharing=sharings(), mark=st.integers(0, 2**15 - 1), data=st.data())
def test_any_k_of_n_give_the_secret_and_one_fewer_none(
    secret: bytes, sharing: tuple[int, int], mark: int, data: st.DataObject
) -> None:
    threshold, officers = sharing
    shares = split(secret, threshold, officers, mark)
    assert [share.number for share in shares] == list(range(1, officers + 1))
    chosen = data.draw(st.permutations(shares))[:threshold]
    read = [read_share(share.words) for share in chosen]
    assert read == chosen
    assert {(share.threshold, share.mark) for share in read} == {(threshold, mark)}
    assert combine(read) == secret
    with pytest.raises(WrongShares):
        combine(read[1:])


@settings(deadline=None, max_examples=20)
@given(secrets=st.lists(SECRETS, min_size=2, max_size=2, unique=True), sharing=sharings(), same=st.booleans())
def test_shares_of_two_sets_do_not_mix_even_under_one_mark(
    secrets: list[bytes], sharing: tuple[int, int], same: bool
) -> None:
    threshold, officers = sharing
    one, two = (split(secret, threshold, officers, 1 if same else number) for number, secret in enumerate(secrets, 1))
    with pytest.raises(WrongShares):
        combine([*one[: threshold - 1], two[threshold - 1]])


@settings(deadline=None)
@given(secret=SECRETS, places=st.lists(st.integers(0, WORDS - 1), min_size=1, max_size=3, unique=True), data=st.data())
def test_up_to_three_wrong_words_are_always_noticed(secret: bytes, places: list[int], data: st.DataObject) -> None:
    words = split(secret, 2, 3, mark_of("identity"))[0].words.split()
    damaged = list(words)
    for place in places:
        damaged[place] = data.draw(WORD)
    if damaged != words:
        with pytest.raises(WrongShares, match="checksum"):
            read_share(" ".join(damaged))


@given(text=st.text() | st.lists(WORD, max_size=40).map(" ".join))
def test_whatever_is_typed_is_a_share_or_is_refused(text: str) -> None:
    with pytest.raises(WrongShares):
        read_share(text)
