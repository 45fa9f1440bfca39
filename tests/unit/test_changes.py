"""Entries of the log become rows by one rule, the same for whoever follows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.corpus.changes import Resolver, merge, number_values, stays
from app.corpus.documents import Documents
from app.corpus.schema import FieldSpec, FieldType, Schema
from app.domain.changes import Entry, Op
from tests.builders import make_documents

NOW_MS = 1_760_000_000_000
ROWS = [
    {"id": "a", "title": "one", "price": 10, "in_stock": True, "url": "u1"},
    {"id": "b", "title": "two", "lat": 31.0, "lon": 121.0},
    {"id": "c", "title": "three"},
]
SCHEMA = Schema({
    name: FieldSpec(name, type_)
    for name, type_ in {
        "title": FieldType.TEXT, "price": FieldType.NUMBER, "in_stock": FieldType.BOOL,
        "published_at": FieldType.TIME, "tags": FieldType.KEYWORD, "location": FieldType.GEO,
    }.items()
})  # fmt: skip


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Documents:
    folder: Path = tmp_path_factory.mktemp("base")
    return make_documents(ROWS, folder)


def entry(seq: int, op: Op, id_: str, body: dict[str, Any] | None = None) -> Entry:
    return Entry(seq, op, id_, orjson.dumps(body) if body is not None else b"", NOW_MS + seq)


def test_a_put_is_a_new_row_and_the_row_before_is_dead(base: Documents) -> None:
    rows = Resolver(base)
    new = rows.apply(entry(1, Op.PUT, "x", {"id": "x", "title": "new"}))
    assert (new.added, new.died, new.document) == (3, None, {"id": "x", "title": "new"})
    again = rows.apply(entry(2, Op.PUT, "a", {"id": "a", "title": "one more"}))
    assert (again.added, again.died) == (4, 0)
    assert rows.apply(entry(3, Op.PUT, "a", {"id": "a", "title": "last"})).died == 4


def test_a_patch_of_numbers_changes_the_row_where_it_stands(base: Documents) -> None:
    rows = Resolver(base)
    effect = rows.apply(entry(1, Op.PATCH, "a", {"price": 12.5, "in_stock": None, "url": "u2"}))
    assert (effect.patched, effect.added, effect.died) == (0, None, None)
    assert effect.values == {"price": 12.5, "in_stock": None}
    assert effect.document == {"id": "a", "title": "one", "price": 12.5, "url": "u2"}
    assert rows.apply(entry(2, Op.PATCH, "a", {"in_stock": False})).values == {"in_stock": 0.0}


@pytest.mark.parametrize("keys", [{"title": "x"}, {"tags": ["t"]}, {"lat": None, "lon": None}])
def test_a_patch_of_what_is_indexed_is_a_put_of_the_merged_document(
    base: Documents, keys: dict[str, Any]
) -> None:
    effect = Resolver(base).apply(entry(1, Op.PATCH, "b", keys | {"price": 3}))
    assert (effect.added, effect.died, effect.patched) == (3, 1, None)
    kept = {k: v for k, v in (ROWS[1] | keys | {"price": 3}).items() if v is not None}
    assert effect.document == kept


def test_a_deleted_document_is_gone_until_it_is_put_again(base: Documents) -> None:
    rows = Resolver(base)
    assert rows.apply(entry(1, Op.DELETE, "a")).died == 0
    for op, body in ((Op.DELETE, None), (Op.PATCH, {"price": 1})):
        nothing = rows.apply(entry(2, op, "a", body))
        assert (nothing.added, nothing.died, nothing.patched) == (None, None, None)
    assert rows.apply(entry(3, Op.PUT, "a", {"id": "a", "title": "back"})).added == 3


def test_a_number_column_takes_numbers_alone() -> None:
    assert number_values({"price": "cheap", "title": "x"}, SCHEMA) == {"price": None}
    assert stays({"published_at": 5, "unheard_of": [1]}, SCHEMA)
    assert not stays({"location": "x"}, SCHEMA)


KEYS = st.fixed_dictionaries(
    {},
    optional={
        "title": st.sampled_from(["t", "u"]),
        "price": st.none() | st.integers(0, 9),
        "note": st.none() | st.just("n"),
    },
)
ASKED = st.lists(st.tuples(st.sampled_from(list(Op)), st.sampled_from("abcxy"), KEYS), max_size=30)


@given(asked=ASKED)
def test_any_log_gives_the_documents_that_a_plain_table_would_hold(
    base: Documents, asked: list[tuple[Op, str, dict[str, Any]]]
) -> None:
    entries = [
        entry(n, op, id_, keys if op is Op.PATCH else merge({"id": id_, "title": "t"}, keys))
        for n, (op, id_, keys) in enumerate(asked, 1)
    ]
    table = {row["id"]: row for row in ROWS}
    rows, added, alive = Resolver(base), [], {0, 1, 2}
    for e in entries:
        effect = rows.apply(e)
        alive -= {effect.died}
        if effect.added is not None:
            added.append(effect.added)
            alive.add(effect.added)
        if e.op is Op.PUT:
            table[e.id] = orjson.loads(e.body)
        elif e.op is Op.DELETE:
            table.pop(e.id, None)
        elif e.id in table:
            table[e.id] = merge(table[e.id], orjson.loads(e.body))
    assert added == list(range(3, 3 + len(added)))
    where = {id_: rows.row_of(id_) for id_ in "abcxy"}
    assert {id_: rows.document(row) for id_, row in where.items() if row >= 0} == table
    assert {row for row in where.values() if row >= 0} == alive
