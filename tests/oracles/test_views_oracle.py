"""Views against a dict of documents, and against a reindex of what the log comes to."""

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.corpus.row_filter import allows
from app.domain.filters import AllOf, AnyOf, Box, Not, OneOf, Range, Within
from app.snapshot.following import Following
from app.snapshot.visible import visible_rows
from tests.builders import city_rows, make_snapshot
from tests.builders.changes import delete, entries, final_state, patch, put, random_changes

ROWS = city_rows(60)
MORE = city_rows(90, seed=8)
FILTERS = [
    Range("price", 30.0, 80.0),
    OneOf("category", ("火锅", "酒店")),
    OneOf("brand", ("brand3", "brand17", "brand40")),
    Not(Range("rating", 0.0)),
    AllOf((Range("in_stock", 1.0, 1.0), Not(OneOf("tags", ("wifi",))))),
    AnyOf((OneOf("id", ("d3", "new1")), Within(31.2, 121.45, 8.0))),
    Box(31.1, 121.4, 31.3, 121.6),
]


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return make_snapshot(ROWS, tmp_path_factory.mktemp("views") / "s")


def view_of(snapshot, log):
    following = Following(snapshot)
    following.take(log)
    return following.at(log[-1].seq)


def alive(view):
    mask = visible_rows(None, view)
    return np.arange(len(view)) if mask is None else np.flatnonzero(mask.allowed)


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 80))
def test_a_view_reads_as_a_dict_of_documents_would(snapshot, seed, count):
    log = entries(random_changes(MORE, count, seed))
    view, state = view_of(snapshot, log), final_state(ROWS, log)
    ids = view.documents.ids
    rows = alive(view)
    assert {ids.strings[r]: orjson.loads(view.documents.shown(r)) for r in rows} == state
    assert [ids.find(ids.strings[r]) for r in rows] == rows.tolist()
    gone = {e.id for e in log} - state.keys()
    assert all(ids.find(id_) == -1 for id_ in gone)
    for name in ("price", "rating", "in_stock"):
        found = view.documents.numbers_of(name, rows.astype(np.int32))
        wanted = [state[ids.strings[r]].get(name, np.nan) for r in rows]
        np.testing.assert_array_equal(found, np.array(wanted, np.float64))


@settings(max_examples=12)
@given(st.integers(0, 10**6))
def test_filters_on_a_view_allow_what_they_allow_after_a_reindex(snapshot, tmp_path_factory, seed):
    log = entries(random_changes(MORE, 40, seed))
    view, state = view_of(snapshot, log), final_state(ROWS, log)
    fresh = make_snapshot(list(state.values()), tmp_path_factory.mktemp("fresh"), channels=())
    for tree in FILTERS:
        masks = [(s, visible_rows(tree, s)) for s in (view, fresh)]
        found, wanted = (
            {s.documents.ids.strings[r] for r in np.flatnonzero(m.allowed)} for s, m in masks
        )
        assert found == wanted
        assert masks[0][1].count == masks[1][1].count == len(wanted)
        rows = alive(view).astype(np.int32)
        assert (allows(tree, view.documents, rows) == masks[0][1].allowed[rows]).all()


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.lists(st.integers(1, 59), max_size=4))
def test_a_view_is_the_same_however_the_log_was_read(snapshot, seed, cuts):
    log = entries(random_changes(MORE, 60, seed))
    pieces, whole = Following(snapshot), Following(snapshot)
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), 60], strict=True):
        pieces.take(log[start:end])
    whole.take(log)
    for seq in (1, 17, 60):
        same_bits(pieces.at(seq), whole.at(seq))


def test_a_view_asked_for_while_more_is_being_read_is_whole(snapshot):
    log = entries(random_changes(MORE, 60, 5))
    following, before, asked = Following(snapshot), view_of(snapshot, log[:30]), []

    def pause():
        asked.append(following.seq)
        same_bits(following.at(30), before)

    following.take(log[:30])
    following.take(log[30:], pause)
    same_bits(following.at(60), view_of(snapshot, log))
    assert asked == [30] * len(asked)  # nobody was shown half of it
    assert len(asked) > 5


def test_a_view_of_the_past_does_not_see_what_came_later(snapshot):
    log = entries(random_changes(MORE, 60, 3))
    later = Following(snapshot)
    later.take(log)
    for seq in (1, 20, 59):
        same_bits(later.at(seq), view_of(snapshot, log[:seq]))


def same_bits(one, other):
    a, b = one.documents, other.documents
    assert one.log_seq == other.log_seq
    assert list(a.ids.strings) == list(b.ids.strings)
    assert list(a.terms.strings) == list(b.terms.strings)
    assert [a.payload[i] for i in range(len(a))] == [b.payload[i] for i in range(len(b))]
    for left, right in (
        *((a.tokens[f].tokens.values, b.tokens[f].tokens.values) for f in a.tokens),
        *((a.keywords[f].codes.values, b.keywords[f].codes.values) for f in a.keywords),
        *((a.numbers[f], b.numbers[f]) for f in a.numbers),
        (a.rows.records.values, b.rows.records.values),
        (a.rows.records.offsets, b.rows.records.offsets),
        (a.rows.df, b.rows.df),
        (a.vectors, b.vectors),
    ):
        assert left.tobytes() == right.tobytes()
    assert (one.overlay is None) == (other.overlay is None)
    if one.overlay and other.overlay:
        for name in ("rows", "dead", "patched", "values"):
            np.testing.assert_array_equal(getattr(one.overlay, name), getattr(other.overlay, name))


def test_a_row_that_came_by_the_log_is_the_row_that_reindex_writes(tmp_path):
    rows = city_rows(80)
    whole = make_snapshot(rows, tmp_path / "whole", channels=())
    part = make_snapshot(rows[:80], tmp_path / "again", channels=())
    moved = [{**row, "id": f"again{i}"} for i, row in enumerate(rows[:30])]
    view = view_of(part, entries([put(row) for row in moved]))
    for i in range(30):
        records, own = view.documents.rows.records, whole.documents.rows.records
        assert records[80 + i].tobytes() == own[i].tobytes()
        assert view.documents.vectors[80 + i].tobytes() == whole.documents.vectors[i].tobytes()


def test_a_patch_of_words_is_a_new_row_and_keeps_patched_numbers(snapshot):
    log = entries([patch("d3", price=5.0), patch("d3", title="夜宵 摊"), patch("d3", price=6.5)])
    view = view_of(snapshot, log)
    row = view.documents.ids.find("d3")
    assert row == len(ROWS)
    assert view.overlay.dead.tolist() == [3]
    shown = orjson.loads(view.documents.shown(row))
    assert (shown["title"], shown["price"]) == ("夜宵 摊", 6.5)
    at_second = Following(snapshot)
    at_second.take(log)
    assert at_second.at(1).documents.ids.find("d3") == 3
    assert orjson.loads(at_second.at(1).documents.shown(3))["price"] == 5.0


def test_a_key_that_is_only_shown_changes_in_place(snapshot):
    view = view_of(snapshot, entries([patch("d3", url="https://x"), patch("d3", price=2.0)]))
    assert view.documents.ids.find("d3") == 3
    assert not view.overlay.rows.size
    shown = view.documents.document(3)
    assert (shown["url"], shown["price"], view.documents.version(3)) == ("https://x", 2.0, 2)


def test_what_is_not_there_is_neither_patched_nor_deleted(snapshot):
    view = view_of(snapshot, entries([patch("nobody", price=1.0), delete("nobody")]))
    assert view.overlay is None
    assert view.log_seq == 2
    assert len(view) == len(ROWS)


def test_a_number_of_the_wrong_kind_is_shown_and_not_indexed(snapshot):
    odd = {"id": "odd", "title": "odd", "price": "cheap", "views": {"a": 1}}
    view = view_of(snapshot, entries([put(odd)]))
    row = view.documents.ids.find("odd")
    assert orjson.loads(view.documents.shown(row)) == odd
    assert np.isnan(view.documents.numbers["price"][row])
