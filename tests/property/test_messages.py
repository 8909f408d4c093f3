"""Whatever bytes arrive: a message parses to what was sent, or to something else, or is refused as malformed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from itertools import pairwise
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smarter.errors import MalformedMessage
from smarter.model.messages import (
    Aggregate,
    CellTable,
    Delivery,
    EnrolmentAnswer,
    EnrolmentRequest,
    EpochKey,
    Frame,
    FrameHeader,
    RecordContent,
    RecordHeader,
    SealedRecord,
    Signed,
    Status,
    WrappedSealKey,
    decode_readings,
    encode_readings,
    reading_bytes,
    wire,
)
from smarter.model.messages.epoch import PURPOSES
from smarter.model.messages.granted import GrantDelivery, GrantHeader, WindowSums
from smarter.model.messages.statement import KINDS as KINDS_OF_STATEMENTS
from smarter.model.messages.statement import Kind, Statement
from smarter.model.views import View, acting

words = st.text(max_size=20)
blobs = st.binary(max_size=40)
moments = st.integers(-(1 << 40), 1 << 40)


def plain(message: Any) -> Any:
    """A message as values that compare."""
    if isinstance(message, np.ndarray):
        return message.shape, message.tolist()
    if is_dataclass(message):
        return [plain(getattr(message, field.name)) for field in fields(message)]
    if isinstance(message, tuple):
        return tuple(map(plain, message))
    return message


@st.composite
def frames(draw: Any) -> Frame:
    width, count = draw(st.sampled_from([4, 8])), draw(st.integers(1, 5))
    header = FrameHeader(
        draw(st.binary(min_size=16, max_size=16)),
        draw(st.binary(min_size=8, max_size=8)),
        draw(st.text("abcdefghijklmnopqrstuvwxyz-", max_size=30)),
        draw(st.integers(0, (1 << 32) - 1)),
        draw(st.integers(0, (1 << 64) - 1)),
        draw(st.integers(-(1 << 63), (1 << 63) - 1)),
        draw(st.integers(1, 86_400)),
        draw(st.integers(0, 86_399)),
        count,
        width,
    )
    sealed = draw(st.binary(min_size=count * width, max_size=count * width + 32))
    return Frame(header, sealed, draw(st.binary(min_size=32, max_size=32)))


@st.composite
def aggregates(draw: Any) -> Aggregate:
    kind = draw(st.sampled_from(["demand", "billing"]))
    meters = draw(st.lists(st.binary(min_size=8, max_size=8), max_size=4, unique=True))
    edges = np.cumsum(draw(st.lists(st.integers(1, 10_000), min_size=1, max_size=5)), dtype=np.int64)
    windows = len(edges) - 1
    lane_bytes = draw(st.integers(1, 8))
    bound = draw(st.integers(1, min((1 << (8 * lane_bytes - 1)) - 1, (1 << 62) - 1)))
    capacity = draw(st.integers(1, 6))
    lanes = windows * (len(meters) if kind == "billing" else 1)
    blobs_needed = -(-lanes // capacity)
    counts = draw(st.lists(st.integers(0, 500), min_size=windows * len(meters), max_size=windows * len(meters)))
    slots = draw(st.lists(st.integers(0, 500), min_size=windows, max_size=windows))
    absent = [draw(st.integers(0, each * len(meters) if kind == "demand" else 0)) for each in slots]
    return Aggregate(
        draw(st.binary(min_size=16, max_size=16)),
        kind,
        draw(words),
        tuple(meters),
        draw(st.integers(1, 3600)),
        draw(st.integers(1, 86_400)),
        edges[:-1],
        edges[1:],
        np.array(slots, np.int64),
        np.array(counts, np.int64).reshape(windows, len(meters)),
        np.array(absent, np.int64),
        draw(words),
        bound,
        lane_bytes,
        capacity,
        tuple(draw(st.lists(blobs, min_size=blobs_needed, max_size=blobs_needed))),
        np.array(draw(st.lists(st.booleans(), min_size=lanes, max_size=lanes)), np.bool_),
        tuple(draw(cell_tables(low, high, len(meters))) for low, high in pairwise(edges.tolist()))
        if kind == "billing"
        else (),
    )


@st.composite
def cell_tables(draw: Any, start: int, end: int, meters: int) -> CellTable:
    starts = sorted(draw(st.sets(st.integers(start, end - 1), max_size=4)))
    cells = draw(st.lists(st.integers(0, 7), min_size=meters * len(starts), max_size=meters * len(starts)))
    return CellTable(np.array(starts, np.int64), np.array(cells, np.uint8).reshape(meters, len(starts)))


@st.composite
def epoch_keys(draw: Any) -> EpochKey:
    deployment, pseudonym = draw(st.binary(min_size=16, max_size=16)), draw(st.binary(min_size=8, max_size=8))
    purposes = draw(st.sampled_from([(), ("billing",), ("demand",), PURPOSES]))
    of = draw(st.integers(1, (1 << 32) - 1)), draw(words)
    receiver, wrapped = (draw(words.filter(bool)), draw(blobs.filter(bool))) if purposes else ("", b"")
    return EpochKey(deployment, pseudonym, *of, receiver, wrapped, draw(moments), purposes)


@st.composite
def statements(draw: Any) -> Statement:
    texts = st.text(max_size=50)
    grants = st.binary(min_size=16, max_size=16).map(bytes.hex)
    start = draw(st.integers(0, 1 << 40))
    details: dict[Kind, st.SearchStrategy[dict[str, Any]]] = {
        "agree": st.fixed_dictionaries({"notice": st.integers(0, 99), "digest": st.binary(min_size=32, max_size=32)}),
        "grant": st.fixed_dictionaries(
            {
                "grant": grants,
                "grantee": texts,
                "plugin": texts,
                "key": blobs,
                "window": st.integers(1, 1 << 30) | st.just("month"),
                "start": st.just(start),
                "end": st.integers(start + 1, 1 << 41),
                "expires": st.integers(0, 1 << 41),
                "purpose": texts,
            }
        ),
        "revoke": st.fixed_dictionaries({"grant": grants}),
    }
    kind = draw(st.sampled_from(KINDS_OF_STATEMENTS))
    number, at = draw(st.integers(1, 1 << 30)), draw(st.integers(0, 1 << 40))
    return Statement(*(draw(name) for name in names), number, kind, at, draw(details.get(kind, st.just({}))))


@st.composite
def grant_headers(draw: Any) -> GrantHeader:
    window = draw(st.integers(1, 1 << 30) | st.just("month"))
    grant, number = draw(st.binary(min_size=16, max_size=16)).hex(), draw(st.integers(1, 1 << 30))
    start = draw(moments)
    end = start + draw(st.integers(1, 1 << 30))
    return GrantHeader(*(draw(name) for name in names), grant, number, draw(words), draw(words), window, start, end)


@st.composite
def window_sums(draw: Any) -> WindowSums:
    windows = draw(st.integers(1, 4))
    gaps = draw(st.lists(st.integers(0, 99), min_size=windows, max_size=windows))
    edges = np.cumsum([60 + gap for gap in gaps]) + draw(moments)
    expected = np.array(draw(st.lists(st.integers(0, 60), min_size=windows, max_size=windows)), np.int64)
    readings = np.array([draw(st.integers(0, most)) for most in expected.tolist()], np.int64)
    told = (readings > 0) & (2 * readings >= expected) & ((readings > 1) | (expected == 1))
    energies = [draw(moments) if one else 0 for one in told.tolist()]
    return WindowSums(edges - 60, edges, readings, expected, np.array(energies, np.int64))


names = (st.binary(min_size=16, max_size=16), st.binary(min_size=8, max_size=8))
keys = st.binary(min_size=32, max_size=32)
headers = st.builds(
    lambda start, length, *fields: RecordHeader(*fields, start, start + length),
    moments,
    st.integers(1, 1 << 30),
    blobs,
    st.sampled_from(["demand", "billing"]),
    *[words] * 3,
)
deliveries = st.builds(Delivery, blobs, words, st.lists(blobs, max_size=4).map(tuple))

KINDS: dict[str, tuple[st.SearchStrategy[Any], Callable[[bytes], Any]]] = {
    "frame": (frames(), Frame.decode),
    "signed": (st.builds(Signed, blobs, blobs), Signed.decode),
    "aggregate": (aggregates(), Aggregate.decode),
    "epoch-key": (epoch_keys(), EpochKey.decode),
    "statement": (statements(), Statement.decode),
    "enrolment-request": (st.builds(EnrolmentRequest, *names, words, blobs, keys, keys), EnrolmentRequest.decode),
    "enrolment-answer": (
        st.builds(EnrolmentAnswer, *names, words, keys, st.integers(0, (1 << 32) - 1), keys),
        EnrolmentAnswer.decode,
    ),
    "seal-key": (
        st.builds(WrappedSealKey, *names, st.integers(1, (1 << 32) - 1), words, words, blobs),
        WrappedSealKey.decode,
    ),
    "record-header": (headers, RecordHeader.decode),
    "sealed-record": (st.builds(SealedRecord, blobs, blobs, blobs, blobs), SealedRecord.decode),
    "delivery": (deliveries, Delivery.decode),
    "grant-header": (grant_headers(), GrantHeader.decode),
    "granted": (window_sums(), WindowSums.decode),
    "grant-delivery": (st.builds(GrantDelivery, blobs, words, blobs, blobs), GrantDelivery.decode),
}
each_kind = pytest.mark.parametrize("kind", KINDS)


@each_kind
@given(data=st.data())
def test_a_message_comes_out_as_it_went_in(kind: str, data: st.DataObject) -> None:
    strategy, decode = KINDS[kind]
    message = data.draw(strategy)
    assert plain(decode(message.encode())) == plain(message)
    assert decode(message.encode()).encode() == message.encode()


@each_kind
@given(data=st.data())
def test_a_flipped_bit_never_goes_unseen_and_never_crashes(kind: str, data: st.DataObject) -> None:
    strategy, decode = KINDS[kind]
    message = data.draw(strategy)
    encoded = bytearray(message.encode())
    bit = data.draw(st.integers(0, 8 * len(encoded) - 1))
    encoded[bit // 8] ^= 1 << bit % 8
    try:
        altered = decode(bytes(encoded))
    except MalformedMessage:
        return
    assert plain(altered) != plain(message)
    assert altered.encode() == bytes(encoded)


@each_kind
@given(data=st.data())
def test_a_message_that_is_cut_or_has_more_behind_it_is_refused(kind: str, data: st.DataObject) -> None:
    strategy, decode = KINDS[kind]
    message = data.draw(strategy)
    encoded = message.encode()
    cut = encoded[: data.draw(st.integers(0, len(encoded) - 1))]
    longer = encoded + data.draw(st.binary(min_size=1, max_size=20))
    for other in (cut, longer):
        try:
            altered = decode(other)
        except MalformedMessage:
            continue
        # A frame says only how many readings it has, not how much longer its cipher makes them.
        assert kind == "frame"
        assert plain(altered) != plain(message)


@each_kind
@given(junk=st.binary(max_size=200))
@example(junk=b"\xc1")
@example(junk=b"\xdd\xff\xff\xff\xff")
@example(junk=b"\x91" * 5000)
def test_bytes_that_are_no_message_are_refused_as_malformed(kind: str, junk: bytes) -> None:
    _, decode = KINDS[kind]
    with pytest.raises(MalformedMessage):
        decode(junk)


field_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 64) - 1) | st.floats() | words | blobs,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=2),
    max_leaves=5,
)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "frame"])
@given(data=st.data())
def test_fields_of_any_other_type_or_size_are_refused_as_malformed(kind: str, data: st.DataObject) -> None:
    """The envelope is right and a field is not: it parses only if it is written back the same."""
    strategy, decode = KINDS[kind]
    parts = msgpack.unpackb(data.draw(strategy).encode(), raw=False)
    place = data.draw(st.integers(0, len(parts) - 1))
    parts[place] = data.draw(field_values)
    encoded = msgpack.packb(parts)
    try:
        parsed = decode(encoded)
    except MalformedMessage:
        return
    assert parsed.encode() == encoded


def test_a_message_has_one_form_only() -> None:
    good = Delivery(b"d", "r", ()).encode()
    assert good == b"\x95\x01\xa8delivery\xc4\x01d\xa1r\x90"
    for other in (
        b"\x95\xc3" + good[2:],  # true for 1
        b"\x95\xcc\x01" + good[2:],  # a longer integer
        b"\xdc\x00\x05" + good[1:],  # a longer list
        good[:-3] + b"\xd9\x01r\x90",  # a longer text
        good[:11] + b"\xc5\x00\x01d" + good[-3:],  # longer bytes
    ):
        with pytest.raises(MalformedMessage):
            Delivery.decode(other)


@given(st.data())
def test_readings_come_out_of_a_frame_as_they_went_in(data: st.DataObject) -> None:
    largest = data.draw(st.sampled_from([1000, (1 << 31) - 1, 1 << 31, 1 << 60]))
    energies = np.array(data.draw(st.lists(st.integers(-largest, largest), min_size=1, max_size=20)), np.int64)
    header = data.draw(frames()).header._replace(count=len(energies), width=reading_bytes(largest))
    with acting(View()) as view:
        assert decode_readings(encode_readings(energies, header.width), header).tolist() == energies.tolist()
        with pytest.raises(MalformedMessage):
            decode_readings(encode_readings(energies, header.width) + b"\0", header)
    assert view.readings == 3 * len(energies)


contents = st.builds(
    RecordContent,
    st.sampled_from(list(Status)),
    st.integers(-(1 << 63), (1 << 63) - 1),
    *[st.integers(0, (1 << 32) - 1)] * 3,
    words,
)


@given(contents, st.sampled_from(["demand", "billing"]))
def test_a_record_says_what_was_put_into_it_and_its_reader_has_seen_the_total(
    content: RecordContent, kind: Any
) -> None:
    with acting(View()) as view:
        assert RecordContent.decode(content.encode(), kind) == content
    seen = view.household_totals if kind == "billing" else view.neighbourhood_totals
    assert seen == (content.status in (Status.COMPLETE, Status.INCOMPLETE))


@given(st.binary(max_size=60))
def test_an_opened_record_that_is_none_is_refused_as_malformed(plaintext: bytes) -> None:
    try:
        content = RecordContent.decode(plaintext, "billing")
    except MalformedMessage:
        return
    assert content.encode() == plaintext


def test_a_message_beyond_the_largest_is_refused_before_it_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    message = Signed(bytes(100), bytes(64)).encode()
    monkeypatch.setattr(wire, "LARGEST_MESSAGE", len(message) - 1)
    with pytest.raises(MalformedMessage, match="beyond"):
        Signed.decode(message)


def test_a_frame_counts_for_whoever_decodes_its_header() -> None:
    header = FrameHeader(bytes(16), bytes(8), "aes-gcm", 1, 0, 0, 60, 0, 1, 4)
    data = Frame(header, bytes(20), bytes(32)).encode()
    with acting(View()) as view:
        Frame.decode(data)
        with pytest.raises(MalformedMessage):
            Frame.decode(data[:10])
    assert (view.frames, view.bytes_sealed, view.readings) == (1, len(data), 0)


def an_aggregate() -> Aggregate:
    starts = np.array([0, 900], np.int64)
    meters = tuple(bytes([number]) * 8 for number in range(3))
    slots = np.array([15, 15], np.int64)
    counts = np.full((2, 3), 15, np.int64)
    return Aggregate(
        bytes(16),
        "demand",
        "lane",
        meters,
        60,
        900,
        starts,
        starts + 900,
        slots,
        counts,
        np.zeros(2, np.int64),
        "key",
        1000,
        2,
        8,
        (b"c",),
        np.zeros(2, np.bool_),
    )


def a_bill() -> Aggregate:
    """The same meters' bills over the first of these windows, with a demand window of five minutes in it."""
    table = CellTable(np.array([0, 300]), np.ones((3, 2), np.uint8))
    bill = {"kind": "billing", "starts": np.array([0]), "ends": np.array([900]), "slots": np.array([15])}
    bill |= {"counts": np.full((1, 3), 15), "absent": np.zeros(1, np.int64), "left_out": np.zeros(3, np.bool_)}
    return replace(an_aggregate(), **bill, tables=(table,))


@pytest.mark.parametrize(
    ("what", "change"),
    {
        "a window twice": {"starts": np.array([0, 0]), "ends": np.array([900, 900])},
        "windows that overlap": {"starts": np.array([0, 899])},
        "a window that ends before it starts": {"ends": np.array([-1, 1800])},
        "windows that run back": {"starts": np.array([900, 0]), "ends": np.array([1800, 900])},
        "a meter twice": {"meters": (bytes(8), bytes(8), b"12345678")},
        "a meter of no pseudonym": {"meters": (bytes(8), b"", b"12345678")},
        "fewer readings than none": {"counts": np.array([[15, 15, -15], [15, 15, 15]])},
        "fewer slots than none": {"slots": np.array([15, -1])},
        "more readings than a record can count": {"counts": np.full((2, 3), 1 << 31)},
        "more slots than a record can count": {"slots": np.array([1 << 31, 15])},
        "more readings that are not due than there are": {"absent": np.array([46, 0])},
        "fewer readings that are not due than none": {"absent": np.array([0, -1])},
        "a bill of which readings are not due": {"kind": "billing", "absent": np.array([15, 0])},
        "lanes wider than a total": {"lane_bytes": 9},
        "a bound that its lanes cannot hold": {"bound": 1 << 15},
        "a bound beyond 64 bits": {"bound": 1 << 62, "lane_bytes": 8},
        "more ciphertexts than lanes need": {"ciphertexts": (b"c", b"d")},
        "no ciphertext": {"ciphertexts": ()},
        "lanes of which it does not say whether they were left out": {"left_out": np.zeros(1, np.bool_)},
        "demand with a table": {"tables": (CellTable(np.array([0]), np.zeros((3, 1), np.uint8)),)},
    }.items(),
)
def test_an_aggregate_that_contradicts_itself_is_refused(what: str, change: dict[str, Any]) -> None:
    Aggregate.decode(an_aggregate().encode())
    with pytest.raises(MalformedMessage):
        Aggregate.decode(replace(an_aggregate(), **change).encode())


@pytest.mark.parametrize(
    "change",
    [
        {"deployment": bytes(15)},
        {"pseudonym": bytes(9)},
        {"epoch": 0},
        {"epoch": 1 << 32},
        {"epoch": -1},
        {"purposes": ("billing", "billing")},
        {"purposes": ("demand", "billing")},
        {"purposes": ("marketing",)},
        {"purposes": ()},
        {"wrapped": b""},
        {"receiver": ""},
    ],
    ids=str,
)
def test_a_key_epoch_that_cannot_be_is_refused(change: dict[str, Any]) -> None:
    good = EpochKey(bytes(16), bytes(8), 1, "aes-gcm", "key", b"wrapped")
    assert EpochKey.decode(good.encode()) == good
    with pytest.raises(MalformedMessage):
        EpochKey.decode(replace(good, **change).encode())


@pytest.mark.parametrize(
    ("what", "tables"),
    {
        "no table": (),
        "two tables of one window": (CellTable(np.array([0]), np.zeros((3, 1), np.uint8)),) * 2,
        "a demand window behind the bill": (CellTable(np.array([900]), np.zeros((3, 1), np.uint8)),),
        "a demand window twice": (CellTable(np.array([0, 0]), np.zeros((3, 2), np.uint8)),),
        "a flag that is none": (CellTable(np.array([0]), np.full((3, 1), 8, np.uint8)),),
        "a meter too many": (CellTable(np.array([0]), np.zeros((4, 1), np.uint8)),),
    }.items(),
)
def test_bills_with_a_table_that_cannot_be_are_refused(what: str, tables: tuple[CellTable, ...]) -> None:
    Aggregate.decode(a_bill().encode())
    with pytest.raises(MalformedMessage):
        Aggregate.decode(replace(a_bill(), tables=tables).encode())
