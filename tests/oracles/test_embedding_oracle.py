"""Embedding recall and its features against plain sums over every document."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from app.corpus.ragged import Dictionary, Ragged
from app.domain.candidates import CandidateSet
from app.domain.filters import RowMask
from app.domain.user import UserState
from app.features.inputs import gather
from app.recall.channels.embedding import EmbeddingChannel
from app.snapshot.embeddings import Embeddings
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Memory, Neighbours, Tables, memory_key
from tests.builders import NOW_MS, city_rows, make_context, make_snapshot

N, ORDINALS, DIM = 150, 120, 8
TYPED, TYPED_ONCE, UNHEARD = "老灶 火锅", "咖啡", "garden"


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory) -> Snapshot:
    return make_snapshot(city_rows(N), tmp_path_factory.mktemp("embedding") / "s", channels=())


@pytest.fixture(scope="module")
def tables(snapshot) -> Tables:
    """Random vectors, some unknown; every ninth document of theirs is gone from the catalogue."""
    rng = np.random.default_rng(2)
    row_of = rng.choice(N, ORDINALS, replace=False).astype(np.int32)
    row_of[::9] = -1
    ordinal_of = np.full(N, -1, np.int32)
    ordinal_of[row_of[row_of >= 0]] = np.flatnonzero(row_of >= 0)
    terms = analysed(snapshot, TYPED)
    keys = [memory_key(terms), memory_key(analysed(snapshot, TYPED_ONCE))]
    queries, words = units(2, rng, 0), units(len(terms), rng, 0)
    queries[1] = np.nan  # typed too seldom
    return replace(
        Tables.empty(N),
        row_of=row_of,
        ordinal_of=ordinal_of,
        queries=Memory(Dictionary.pack(keys), nothing(2)),
        terms=Memory(Dictionary.pack(list(terms)), nothing(len(terms))),
        embeddings=Embeddings(units(ORDINALS, rng), units(ORDINALS, rng), queries, words),
    )


def analysed(snapshot: Snapshot, text: str) -> tuple[str, ...]:
    return tuple(snapshot.analyzer.query_terms(text, snapshot.documents.schema.analyzers))


def units(n: int, rng: np.random.Generator, unknown: float = 0.2) -> np.ndarray:
    out = rng.normal(0, 1, (n, DIM))
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    out[rng.random(n) < unknown] = np.nan
    return out.astype(np.float32)


def nothing(n: int) -> Neighbours:
    return Neighbours(Ragged(np.zeros(n + 1, np.int64), np.empty(0, np.int32)), np.empty(0, "f4"))


def person(size: int) -> UserState:
    rng = np.random.default_rng(4)
    times = NOW_MS - np.sort(rng.integers(0, 10**9, size))
    rows = rng.choice(N, size, replace=False).astype(np.int32)
    return UserState("u", rows, times, rng.integers(1, 4, size).astype(np.float32))


def mean(parts: list[tuple[float, np.ndarray]]) -> np.ndarray | None:
    known = [weight * vector.astype(float) for weight, vector in parts if not np.isnan(vector[0])]
    return sum(known) / np.linalg.norm(sum(known)) if known else None


def naive_query(tables: Tables, terms: tuple[str, ...]) -> np.ndarray | None:
    at = tables.queries.texts.find(memory_key(terms))
    if at >= 0 and not np.isnan(tables.embeddings.queries[at, 0]):
        return tables.embeddings.queries[at]
    places = [tables.terms.texts.find(t) for t in terms]
    return mean([(1.0, tables.embeddings.terms[p]) for p in places if p >= 0])


def naive_taste(tables: Tables, user: UserState) -> np.ndarray | None:
    lately = list(zip(user.rows.tolist(), user.weights.tolist(), strict=True))[:10]
    return mean(
        [
            (gain / math.sqrt(i + 1), tables.embeddings.sources[tables.ordinal_of[row]])
            for i, (row, gain) in enumerate(lately)
            if tables.ordinal_of[row] >= 0
        ]
    )


def naive_scores(tables: Tables, vector: np.ndarray | None) -> dict[int, float]:
    if vector is None:
        return {}
    return {
        int(row): float(tables.embeddings.targets[o].astype(float) @ vector)
        for row, o in enumerate(tables.ordinal_of)
        if o >= 0 and not np.isnan(tables.embeddings.targets[o, 0])
    }


@pytest.mark.parametrize("text", ["", TYPED, TYPED_ONCE, UNHEARD, f"{TYPED} {UNHEARD}"])
@pytest.mark.parametrize("size", [0, 1, 60])
@pytest.mark.parametrize("share", [None, 0.2])
def test_embedding_is_its_formula(snapshot, tables, tmp_path, text, size, share):
    channel = EmbeddingChannel.open(snapshot, tables, tmp_path, {})
    ctx = make_context(snapshot, text, tables=tables, user=person(size))
    asked, taste = naive_query(tables, ctx.query.terms), naive_taste(tables, ctx.user)
    expected = naive_scores(tables, asked if ctx.query.terms else taste)
    if share is not None:
        allowed = np.random.default_rng(8).random(N) < share
        ctx = replace(ctx, mask=RowMask(allowed, int(allowed.sum())))
        expected = {row: s for row, s in expected.items() if allowed[row]}
    hits = channel.recall(ctx, 1000)
    assert set(hits.rows.tolist()) == set(expected)
    assert hits.scores == pytest.approx([expected[r] for r in hits.rows.tolist()], abs=1e-6)
    order = list(zip((-hits.scores).tolist(), hits.rows.tolist(), strict=True))
    assert order == sorted(order)
    assert channel.recall(ctx, 7).rows.tolist() == hits.rows[:7].tolist()


@pytest.mark.parametrize("text", ["", TYPED, UNHEARD])
@pytest.mark.parametrize("size", [0, 60])
def test_the_features_are_the_same_cosines(snapshot, tables, text, size):
    ctx = make_context(snapshot, text, tables=tables, user=person(size))
    rows = np.random.default_rng(9).permutation(N).astype(np.int32)
    none = np.empty((N, 0), np.float32)
    candidates = CandidateSet(rows, np.zeros(N, np.float32), (), none, none.astype(np.int16))
    found = gather(("pair_clicked_cosine", "pair_taste_cosine"), ctx, candidates)
    for name, vector in (
        ("pair_clicked_cosine", naive_query(tables, ctx.query.terms) if text else None),
        ("pair_taste_cosine", naive_taste(tables, ctx.user)),
    ):
        expected = naive_scores(tables, vector)
        got = np.broadcast_to(found[name], N)
        assert got == pytest.approx(
            [expected.get(row, math.nan) for row in rows.tolist()], abs=1e-6, nan_ok=True
        )


def test_it_is_asked_only_where_something_is_known(snapshot, tables, tmp_path):
    known = EmbeddingChannel.open(snapshot, tables, tmp_path, {})
    empty = EmbeddingChannel.open(snapshot, Tables.empty(N), tmp_path, {})
    for channel, text, user, is_asked in (
        (known, "tea", UserState.stranger(), True),
        (known, "", UserState.stranger(), False),
        (known, "", person(3), True),
        (empty, "tea", person(3), False),
    ):
        assert channel.accepts(make_context(snapshot, text, user=user)) is is_asked
