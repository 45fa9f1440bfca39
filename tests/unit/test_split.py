"""Division by text and by time: no text on both sides, nothing held out that is not the last."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from app.offline.split import split_by_text, split_by_time, text_fold


@given(st.text(st.characters(codec="utf-8")), st.integers(1, 9))
def test_the_fold_of_a_text_is_that_of_its_sha1(text, folds):
    assert text_fold(text, folds) == int(hashlib.sha1(text.encode()).hexdigest(), 16) % folds


def test_known_texts_stay_in_their_folds():
    assert [text_fold(text) for text in ("insidious 2 netflix", "火锅", "")] == [3, 2, 0]


@given(st.lists(st.sampled_from(["a", "b", "c", "火锅", "hot pot"])), st.integers(0, 4))
def test_one_text_never_stands_on_both_sides(texts, held_out):
    items = list(enumerate(texts))
    train, test = split_by_text(items, lambda item: item[1], held_out)
    assert not {text for _, text in train} & {text for _, text in test}
    assert sorted(train + test) == items
    assert train == sorted(train)
    assert test == sorted(test)


@given(st.lists(st.tuples(st.integers(0, 5), st.text(max_size=2))), st.integers(1, 6))
def test_what_is_held_out_by_time_is_the_last_part_whatever_the_row_order(items, parts):
    train, test = split_by_time(items, lambda item: item, parts)
    assert train + test == sorted(items)
    assert len(test) == len(items) // parts
    assert split_by_time(reversed(items), lambda item: item, parts) == (train, test)
