"""Frames that were cut, altered or made up: nothing but the intended error comes of them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvalidQuery
from app.rank.call import call_of, decode_call
from app.rank.json_call import decode_json_call
from app.rank.said import HEADER, QUERY
from app.rank.wire import CALL, REPLY
from tests.builders.frames import (
    JUNK,
    MANY,
    a_header,
    as_json,
    read_or_refuse,
    some_arrays,
    texts_of,
    with_texts,
)
from tests.builders.whole_frames import pack


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
