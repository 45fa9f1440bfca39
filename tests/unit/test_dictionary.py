"""Strings to ordinals and back, against a plain dict."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.corpus.ragged import Dictionary
from app.corpus.string_keys import first_from

hashes = st.lists(st.integers(0, 2**64 - 1), max_size=60)
crowded = st.lists(st.integers(2**40, 2**40 + 50), max_size=300)  # not spread at all


@settings(max_examples=100, deadline=None)
@given(known=st.lists(st.text(max_size=5), unique=True), asked=st.lists(st.text(max_size=5)))
def test_each_string_has_its_ordinal_and_others_have_none(
    known: list[str], asked: list[str]
) -> None:
    dictionary, ordinals = Dictionary.pack(known), {text: i for i, text in enumerate(known)}
    texts = [*known, *asked]
    assert dictionary.find_all(texts).tolist() == [ordinals.get(text, -1) for text in texts]
    assert [dictionary.find(text) for text in texts] == [ordinals.get(text, -1) for text in texts]
    assert all(dictionary.strings[i] == text for i, text in enumerate(known))
    backwards = np.arange(len(known), dtype=np.int32)[::-1]
    assert dictionary.strings.of(backwards) == tuple(known[::-1])
    few = Dictionary.pack_few(known)
    assert few.hashes.tobytes() == dictionary.hashes.tobytes()
    assert few.order.tobytes() == dictionary.order.tobytes()


@settings(max_examples=200, deadline=None)
@given(values=st.one_of(hashes, crowded), others=hashes)
def test_the_first_place_is_that_of_a_binary_search_however_hashes_are_spread(
    values: list[int], others: list[int]
) -> None:
    sorted_ = np.sort(np.array(values, np.uint64))
    for wanted in np.array([*values, *others, 0, 2**64 - 1], np.uint64):
        assert first_from(sorted_, wanted) == np.searchsorted(sorted_, wanted)
