"""The rank call's frame: what was said is what is read, and whatever else is sent is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from app.domain.candidates import CandidateSet
from app.domain.errors import InvalidQuery
from app.domain.filters import Range
from app.domain.query import GeoPoint, Query
from app.domain.reading import NOTHING_READ, Mention, Quantity, Reading
from app.domain.user import Preference, UserState
from app.rank.call import RankCall, decode_call
from app.rank.json_call import decode_json_call
from app.rank.parts import MAX_CANDIDATES, MAX_PREFERENCES
from app.rank.read_query import reading_said
from app.rank.reply import RankReply, decode_reply, encode_reply
from app.rank.wire import CALL, DTYPES, REPLY, frame
from tests.builders.frames import JUNK, MANY, TEXT, a_header, as_json, some_arrays
from tests.builders.whole_frames import pack, unpack

ARRAYS = hnp.array_shapes(max_dims=2, min_side=0, max_side=7).flatmap(
    lambda shape: st.sampled_from(list(DTYPES.values())).flatmap(
        lambda dtype: hnp.arrays(dtype, shape)
    )
)


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


@MANY
@given(st.floats(-90, 90), st.floats(-180, 180), st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_of_the_header_come_back_to_the_bit(lat, lon, bound):
    reading = {"quantities": [["price", bound, None]]}
    query = {"origin": {"lat": lat, "lon": lon}, "reading": reading}
    read = decode_call(pack(CALL, a_header(query=query), some_arrays())).query
    assert read.origin == GeoPoint(lat, lon)
    assert read.reading.quantities[0].range == Range("price", lower=bound)


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


@pytest.mark.parametrize("missing", ["preferences.codes", "preferences.weights"])
def test_preferences_that_are_only_counted_are_never_made_up(missing):
    """A count of 10¹⁵ took as much memory."""
    header = a_header(user={"preferences": {"category": 2, "tags": 0}})
    arrays = {name: array for name, array in some_arrays().items() if name != missing}
    with pytest.raises(InvalidQuery) as refused:
        decode_call(pack(CALL, header, arrays))
    assert missing in refused.value.field


def test_more_preferences_than_a_person_can_have_are_refused():
    """Codes may be chosen so that they collide: looking them up costs the square of their number"""
    count = MAX_PREFERENCES + 1
    arrays = some_arrays(
        **{
            "preferences.codes": np.arange(count, dtype=np.int32),
            "preferences.weights": np.ones(count, np.float32),
        }
    )
    header = a_header(user={"preferences": {"category": count}})
    with pytest.raises(InvalidQuery, match="send the strongest"):
        decode_call(pack(CALL, header, arrays))


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
        {"query": {"reading": {"mentions": 6 * [400 * [["tags", 1]]]}}},
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


@pytest.mark.parametrize(
    ("changed", "field", "value"),
    [
        ({"now_ms": -5}, "now_ms", "-5"),
        ({"query": {"origin": {"lat": 91.5, "lon": 0}}}, "query.origin.lat", "91.5"),
        ({"query": {"reading": {"mentions": [[["tags", "x"]]]}}}, "query.reading.mentions", "tags"),
        ({"query": {"colour": "red"}}, "query.colour", "red"),
        ({"user": {"preferences": {"a.b`c": -1}}}, "user.preferences", "-1"),
        ({"channels": [7]}, "channels", "7"),
    ],
)
def test_a_refusal_says_which_field_it_is_and_what_it_holds(changed, field, value):
    with pytest.raises(InvalidQuery) as refused:
        decode_call(pack(CALL, a_header(**changed), some_arrays()))
    assert refused.value.field == field
    assert value in str(refused.value.value)
    assert "docs/api.md" in refused.value.remedy


def test_a_form_is_known_again_by_every_byte_of_it():
    """What is remembered of one call must not answer for another."""
    calls = [
        decode_call(pack(CALL, a_header(**changed), some_arrays()))
        for changed in ({}, {"log_seq": 5}, {"release_id": "m2"}, {"channels": ["geo", "a"]}, {})
    ]
    assert [c.log_seq for c in calls] == [4, 5, 4, 4, 4]
    assert [c.release_id for c in calls] == ["m1", "m1", "m2", "m1", "m1"]
    assert [c.candidates.channels[0] for c in calls] == ["lexical"] * 3 + ["geo", "lexical"]


def test_a_frame_leaves_its_header_as_it_was():
    header = {"request_id": "r"}
    framed = [frame(REPLY, b"{}", header, [np.zeros(n)]) for n in (1, 2)]
    assert header == {"request_id": "r"}
    assert framed[0] != framed[1]


def test_calls_that_differ_in_one_field_are_not_the_same():
    """Shows that `same`, which the tests above trust, looks into every field."""
    call = the_call()
    assert not same(call, replace(call, log_seq=5))
    assert not same(call, replace(call, candidates=call.candidates.take([0, 1])))
