"""The rank call's frame: what was said is what is read, and whatever else is sent is refused."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from app.domain.candidates import CandidateSet
from app.domain.errors import InvalidQuery
from app.domain.filters import Range
from app.domain.query import GeoPoint, Query
from app.domain.reading import NOTHING_READ, Mention, Quantity, Reading
from app.domain.user import Preference, UserState
from app.rank.call import HEADER, QUERY, RankCall, call_of, decode_call
from app.rank.json_call import decode_json_call
from app.rank.parts import MAX_CANDIDATES
from app.rank.read_query import reading_said
from app.rank.reply import RankReply, decode_reply, encode_reply
from app.rank.wire import CALL, DTYPES, REPLY, pack, unpack

ARRAYS = hnp.array_shapes(max_dims=2, min_side=0, max_side=7).flatmap(
    lambda shape: st.sampled_from(list(DTYPES.values())).flatmap(
        lambda dtype: hnp.arrays(dtype, shape)
    )
)
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
MANY = settings(max_examples=300, deadline=None)


def a_header(**changed: Any) -> dict[str, Any]:
    return {
        "request_id": "r1", "snapshot_id": "s1", "log_seq": 4, "tables_id": None,
        "release_id": "m1", "now_ms": 1_760_000_000_000, "timeout_ms": 150.5,
        "query": {
            "text": "老灶 tea", "terms": ["老灶", "tea"], "limit": 10, "offset": 0,
            "user_id": "u1", "client_id": None, "origin": {"lat": 31.25, "lon": 121.5},
        },
        "user": {"id": "u1", "preferences": {"category": 2}},
        "channels": ["lexical", "geo"],
        **changed,
    }  # fmt: skip


def some_arrays(**changed: Any) -> dict[str, Any]:
    return {
        "rows": np.array([7, 2, 5], np.int32),
        "fused": np.array([0.9, 0.5, 0.1], np.float32),
        "scores": np.array([[1.5, np.nan], [np.nan, 2], [0, 1]], np.float32),
        "ranks": np.array([[1, 0], [0, 1], [3, 2]], np.int16),
        "query.vector": np.array([0.6, 0.8], np.float32),
        "user.rows": np.array([2, 9], np.int32),
        "user.times_ms": np.array([1_750_000_000_000, 7], np.int64),
        "user.weights": np.array([1, 0.5], np.float32),
        "user.log_price": np.array([4.25, np.nan]),
        "preferences.codes": np.array([1, 4], np.int32),
        "preferences.weights": np.array([0.25, 0.75], np.float32),
        **changed,
    }


def as_json(header: dict[str, Any], arrays: dict[str, Any]) -> bytes:
    return orjson.dumps({**header, "arrays": arrays}, option=orjson.OPT_SERIALIZE_NUMPY)


def same(a: Any, b: Any) -> bool:
    """Equal to the bit, through dataclasses of arrays."""
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if hasattr(a, "__slots__") and not isinstance(a, str):
        return all(same(getattr(a, s), getattr(b, s)) for s in a.__slots__)
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    return bool(a == b)


def the_call() -> RankCall:
    arrays = some_arrays()
    query = Query(
        "老灶 tea", ("老灶", "tea"), 1_760_000_000_000, user_id="u1",
        origin=GeoPoint(31.25, 121.5), vector=arrays["query.vector"],
    )  # fmt: skip
    tastes = {
        "category": Preference(np.array([1, 4], np.int32), np.array([0.25, 0.75], np.float32))
    }
    user = UserState(
        "u1", arrays["user.rows"], arrays["user.times_ms"], arrays["user.weights"], tastes,
        arrays["user.log_price"],
    )  # fmt: skip
    candidates = CandidateSet(
        arrays["rows"], arrays["fused"], ("lexical", "geo"), arrays["scores"], arrays["ranks"]
    )
    return RankCall("r1", "s1", 4, None, "m1", 150.5, query, user, candidates)


@MANY
@given(st.dictionaries(TEXT, ARRAYS, max_size=4), st.dictionaries(TEXT, JUNK, max_size=4))
def test_arrays_and_header_come_out_as_they_went_in(arrays, header):
    for ours in ("arrays", "shapes"):
        header.pop(ours, None)
    told, given_back = unpack(pack(CALL, header, arrays), CALL)
    assert told == header
    assert list(given_back) == list(arrays)
    for name, array in arrays.items():
        assert same(array, given_back[name])
        assert given_back[name].flags.writeable
        assert given_back[name].flags.c_contiguous


def test_a_call_says_the_same_in_bytes_and_in_json():
    assert same(decode_call(pack(CALL, a_header(), some_arrays())), the_call())
    assert same(decode_json_call(as_json(a_header(), some_arrays())), the_call())


def test_only_rows_and_versions_are_needed():
    header = {k: a_header()[k] for k in ("request_id", "snapshot_id", "log_seq", "now_ms")}
    call = decode_json_call(as_json(header, {"rows": [4, 1]}))
    assert call.candidates.rows.tolist() == [4, 1]
    assert call.candidates.fused.tolist() == [0, 0]
    assert call.candidates.scores.shape == call.candidates.ranks.shape == (2, 0)
    assert not call.user.is_known
    assert call.query.vector is None


def test_a_reply_comes_back_as_it_was():
    reply = RankReply(
        "r1", "s1", 4, "t1", "m1", 1.25, np.array([3, 1], np.float32), ("bm25(title)", "cosine"),
        np.array([1]), np.array([[0.5, np.nan]], np.float32),
    )  # fmt: skip
    assert same(decode_reply(encode_reply(reply)), reply)


def test_what_was_read_in_a_query_comes_back_as_ranking_needs_it():
    mentions = (
        Mention("茶", 3, 4, (("category", 4), ("tags", 0))),
        Mention("b", 0, 1, (("tags", 9),)),
    )
    bounds = Range("price", upper=49.95), Range("rating", 4.0, 4.5), Range("open", lower=0.1 + 0.2)
    quantities = tuple(Quantity(b, 0, 1, is_hard=False) for b in bounds)
    said = reading_said(Reading("tea", mentions, quantities, near_row=7))
    call = decode_json_call(as_json(a_header(query={"text": "茶", "reading": said}), some_arrays()))
    assert call.is_read
    assert [m.options for m in call.query.reading.mentions] == [m.options for m in mentions]
    assert [q.range for q in call.query.reading.quantities] == list(bounds)
    for nothing in (NOTHING_READ, Reading("tea", near_row=7)):
        call = decode_call(
            pack(CALL, a_header(query={"reading": reading_said(nothing)}), some_arrays())
        )
        assert call.is_read
        assert not call.query.reading.parts


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"rows": np.array([1, 1, 2], np.int32)}, "arrays.rows"),
        ({"rows": np.array([1, -1, 2], np.int32)}, "arrays.rows"),
        ({"rows": np.array([1, 0, 2], np.int64)}, "arrays.rows"),
        ({"rows": np.arange(MAX_CANDIDATES + 1, dtype=np.int32)}, "arrays.rows"),
        ({"fused": np.array([1, np.nan, 0], np.float32)}, "arrays.fused"),
        ({"fused": np.array([1, 0], np.float32)}, "arrays.fused"),
        ({"scores": np.full((3, 2), np.inf, np.float32)}, "arrays.scores"),
        ({"scores": np.zeros((2, 3), np.float32)}, "arrays.scores"),
        ({"ranks": np.full((3, 2), -1, np.int16)}, "arrays.ranks"),
        ({"ranks": np.zeros(3, np.int16)}, "arrays.ranks"),
        ({"query.vector": np.array([np.nan, 0], np.float32)}, "arrays.query.vector"),
        ({"user.rows": np.array([2, 2], np.int32)}, "arrays.user.rows"),
        ({"user.rows": np.arange(MAX_CANDIDATES + 1, dtype=np.int32)}, "arrays.user.rows"),
        ({"user.weights": np.zeros(3, np.float32)}, "arrays.user.weights"),
        ({"user.log_price": np.zeros(3)}, "arrays.user.log_price"),
        ({"preferences.codes": np.array([4, 1], np.int32)}, "arrays.preferences.codes"),
        ({"preferences.codes": np.array([4, 1, 2], np.int32)}, "arrays.preferences.codes"),
        ({"preferences.weights": np.zeros(3, np.float32)}, "arrays.preferences.weights"),
        ({"colour": np.zeros(2, np.float32)}, "arrays"),
    ],
)  # fmt: skip
def test_arrays_that_native_code_must_never_see_are_refused_by_name(changed, field):
    arrays = some_arrays(**changed)
    for decode, body in (
        (decode_call, pack(CALL, a_header(), arrays)),
        (decode_json_call, as_json(a_header(), arrays)),
    ):
        if decode is decode_json_call and changed.keys() & {"fused", "scores", "query.vector"}:
            continue  # JSON has no NaN and no infinity
        if decode is decode_json_call and getattr(changed.get("rows"), "dtype", None) == np.int64:
            continue  # nor widths
        with pytest.raises(InvalidQuery) as refused:
            decode(body)
        assert field in refused.value.field


@pytest.mark.parametrize(
    "changed",
    [
        {"log_seq": -1}, {"log_seq": 1.0}, {"log_seq": True}, {"request_id": None},
        {"snapshot_id": 5}, {"now_ms": 2**60}, {"timeout_ms": -1}, {"timeout_ms": "5"},
        {"query": []}, {"query": {"terms": ["a"] * 2}}, {"query": {"terms": 65 * [""]}},
        {"query": {"origin": {"lat": 91, "lon": 0}}}, {"query": {"origin": {"lat": 1}}},
        {"query": {"colour": 1}}, {"query": {"reading": []}}, {"query": {"reading": {"near": 1}}},
        {"query": {"reading": {"mentions": [[]]}}}, {"query": {"reading": {"mentions": [4]}}},
        {"query": {"reading": {"mentions": [[["tags", -1]]]}}},
        {"query": {"reading": {"mentions": [[["tags", 2**31]]]}}},
        {"query": {"reading": {"mentions": [[["tags", True]]]}}},
        {"query": {"reading": {"mentions": [[[["tags"], 1]]]}}},
        {"query": {"reading": {"mentions": 600 * [[["tags", 1]]]}}},
        {"query": {"reading": {"quantities": [["price", 1]]}}},
        {"query": {"reading": {"quantities": [["price", "1", 2]]}}},
        {"query": {"reading": {"quantities": [[5, 1, 2]]}}},
        {"channels": ["a", "a"]},
        {"user": {"id": "x" * 300, "preferences": {"category": 2}}},
        {"user": {"preferences": {"tags": -1}}}, {"user": {"preferences": {"tags": 2.0}}},
        {"user": {"preferences": [2]}}, {"user": {"preferences": {"tags": 2**60}}},
        {"features": -1}, {"rows": [1.5]}, {"colour": "red"},
    ],
)  # fmt: skip
def test_header_fields_of_another_form_are_refused(changed):
    with pytest.raises(InvalidQuery) as refused:
        decode_call(pack(CALL, a_header(**changed), some_arrays()))
    assert refused.value.field.split(".")[0] in changed


def test_a_reply_is_no_call_and_another_version_is_neither():
    body = pack(REPLY, a_header(), some_arrays())
    with pytest.raises(InvalidQuery, match="kind"):
        decode_call(body)
    newer = bytearray(pack(CALL, a_header(), some_arrays()))
    newer[4] += 1
    with pytest.raises(InvalidQuery, match="version"):
        decode_call(bytes(newer))


@pytest.mark.parametrize("at", [8, 12])
def test_a_text_that_ends_outside_the_body_is_refused(at):
    body = pack(CALL, a_header(), some_arrays())
    for length in (b"\xff\xff\xff\xff", len(body).to_bytes(4, "little")):
        with pytest.raises(InvalidQuery, match="inside the body"):
            decode_call(body[:at] + length + body[at + 4 :])


def test_a_form_is_known_again_by_every_byte_of_it():
    """What is remembered of one call must not answer for another."""
    calls = [
        decode_call(pack(CALL, a_header(**changed), some_arrays()))
        for changed in ({}, {"log_seq": 5}, {"release_id": "m2"}, {"channels": ["geo", "a"]}, {})
    ]
    assert [c.log_seq for c in calls] == [4, 5, 4, 4, 4]
    assert [c.release_id for c in calls] == ["m1", "m1", "m2", "m1", "m1"]
    assert [c.candidates.channels[0] for c in calls] == ["lexical"] * 3 + ["geo", "lexical"]


@pytest.mark.parametrize(
    "shapes", [None, [], [3] * 12, [3.0] * 13, [True] * 13, [-1] * 13, [2**31] * 13, {"rows": 3}]
)
def test_lengths_that_are_none_are_refused(shapes):
    whole = pack(CALL, a_header(), some_arrays())
    form, said = texts_of(whole)
    header = orjson.loads(said)
    assert len(header["shapes"]) == 13
    read = orjson.dumps(header | {"shapes": shapes})
    with pytest.raises(InvalidQuery, match=r"shapes|arrays\.|by its header"):
        decode_call(with_texts(whole, form, read))


def texts_of(frame: bytes) -> tuple[bytes, bytes]:
    """Form and header of a frame."""
    of_form, of_header = np.frombuffer(frame, "<u4", 2, 8).tolist()
    begins = 16 + of_form
    return frame[16:begins], frame[begins : begins + of_header]


def with_texts(frame: bytes, form: bytes, header: bytes) -> bytes:
    """The same frame with other texts."""
    before = sum(map(len, texts_of(frame))) + 16
    lengths = b"".join(len(text).to_bytes(4, "little") for text in (form, header))

    return frame[:8] + lengths + form + header + frame[before:]


def read_or_refuse(decode: Any, body: Any) -> None:
    """Only InvalidQuery may leave a decoder."""
    with suppress(InvalidQuery):
        decode(body)


def test_a_call_cut_anywhere_or_longer_than_it_says_is_refused():
    body = pack(CALL, a_header(), some_arrays())
    for cut in (*(body[:end] for end in range(len(body))), body + b"\0"):
        with pytest.raises(InvalidQuery):
            decode_call(cut)


def test_any_one_altered_byte_raises_the_intended_error_and_no_other():
    body = pack(CALL, a_header(), some_arrays())
    for at in range(len(body)):
        for change in (1, 0x80, 0xFF):
            altered = bytearray(body)
            altered[at] ^= change
            read_or_refuse(decode_call, bytes(altered))


@MANY
@given(st.sampled_from([*HEADER, "arrays", *(f"query.{name}" for name in QUERY)]), JUNK)
def test_junk_in_any_field_raises_the_intended_error_and_no_other(name, junk):
    header = a_header()
    parent, _, child = name.partition(".")
    header[parent] = {**header[parent], child: junk} if child else junk
    arrays = some_arrays()
    read_or_refuse(lambda h: call_of(h, arrays), {k: v for k, v in header.items() if k != "arrays"})
    read_or_refuse(decode_json_call, orjson.dumps({"arrays": {"rows": [1]}, **header}))


@MANY
@given(st.sampled_from(sorted(some_arrays())), JUNK)
def test_junk_in_any_json_array_raises_the_intended_error_and_no_other(name, junk):
    arrays: dict[str, Any] = some_arrays()
    read_or_refuse(decode_json_call, as_json(a_header(), {**arrays, name: junk}))


@MANY
@given(JUNK, st.binary(max_size=64))
def test_junk_among_the_array_descriptions_raises_the_intended_error(junk, tail):
    whole = pack(CALL, {**a_header()}, {})
    form, said = texts_of(whole)
    described = orjson.dumps(orjson.loads(form) | {"arrays": junk})
    read_or_refuse(decode_call, with_texts(whole, described, said) + tail)


def test_calls_that_differ_in_one_field_are_not_the_same():
    """Shows that `same`, which the tests above trust, looks into every field."""
    call = the_call()
    assert not same(call, replace(call, log_seq=5))
    assert not same(call, replace(call, candidates=call.candidates.take([0, 1])))
