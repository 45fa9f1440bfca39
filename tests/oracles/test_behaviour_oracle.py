"""Behaviour recall against its formula in plain Python."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from app.corpus.ragged import Dictionary, Ragged
from app.domain.filters import RowMask
from app.domain.user import UserState
from app.recall.channels.behaviour import BehaviourChannel
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Memory, Neighbours, Tables, memory_key
from tests.builders import NOW_MS, city_rows, make_context, make_snapshot

N, ORDINALS, DAY = 150, 120, 86_400_000
TEXTS = ("火锅", "north garden", "牛肉 火锅", "tea")


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory) -> Snapshot:
    return make_snapshot(city_rows(N), tmp_path_factory.mktemp("behaviour") / "s", channels=())


def lists(count: int, rng: np.random.Generator) -> Neighbours:
    entries = [rng.choice(ORDINALS, rng.integers(0, 12), replace=False) for _ in range(count)]
    scores = [np.sort(rng.integers(1, 50, len(e)) / 8)[::-1] for e in entries]
    return Neighbours(
        Ragged.pack([e.tolist() for e in entries], np.int32),
        np.concatenate(scores).astype(np.float32),
    )


@pytest.fixture(scope="module")
def tables(snapshot) -> Tables:
    """Random tables; every ninth document of theirs is gone from the catalogue."""
    rng = np.random.default_rng(2)
    row_of = rng.choice(N, ORDINALS, replace=False).astype(np.int32)
    row_of[::9] = -1
    ordinal_of = np.full(N, -1, np.int32)
    ordinal_of[row_of[row_of >= 0]] = np.flatnonzero(row_of >= 0)
    analysed = [snapshot.analyzer.query_terms(t, snapshot.documents.schema.analyzers)
                for t in TEXTS]  # fmt: skip
    keys = [memory_key(terms) for terms in analysed]
    terms = sorted({t for terms in analysed for t in terms})
    return replace(
        Tables.empty(N),
        row_of=row_of,
        ordinal_of=ordinal_of,
        neighbours=lists(ORDINALS, rng),
        queries=Memory(Dictionary.pack(keys[:3]), lists(3, rng)),
        terms=Memory(Dictionary.pack(terms), lists(len(terms), rng)),
    )


def person(size: int, seed: int = 4) -> UserState:
    rng = np.random.default_rng(seed)
    times = NOW_MS - np.sort(rng.integers(0, 400 * DAY, size))
    rows = rng.choice(N, size, replace=False).astype(np.int32)
    return UserState("u", rows, times, rng.integers(1, 4, size).astype(np.float32))


def shares(memory: Memory, text: str) -> list[tuple[int, float]]:
    ordinals, gains = memory.find(text)
    whole = sum(map(float, gains)) + 1
    return [(int(o), float(g) / whole) for o, g in zip(ordinals, gains, strict=True)]


def naive(tables: Tables, terms: tuple[str, ...], user: UserState) -> dict[int, float]:
    score: dict[int, float] = defaultdict(float)
    if terms:
        for o, share in shares(tables.queries, " ".join(terms)):
            score[o] += share
        for term in terms:
            for o, share in shares(tables.terms, term):
                score[o] += 0.3 * share / len(terms)
    weights = []
    for i, (time, gain) in enumerate(zip(user.times_ms, user.weights, strict=True)):
        age = (NOW_MS - int(time)) / DAY
        weights.append(float(gain) * (0.3 + 0.7 * 2 ** (-age / 30)) / math.sqrt(i + 1))
    for row, weight in zip(user.rows, weights, strict=True):
        ordinal = int(tables.ordinal_of[row])
        if ordinal >= 0:
            for o, s in zip(*tables.neighbours.of(ordinal), strict=True):
                score[int(o)] += (0.1 if terms else 1) * weight / sum(weights) * float(s)
    return {int(tables.row_of[o]): s for o, s in score.items() if tables.row_of[o] >= 0}


@pytest.mark.parametrize("text", ["", "never typed 茶", *TEXTS])
@pytest.mark.parametrize("size", [0, 1, 60])
@pytest.mark.parametrize("share", [None, 0.2])
def test_behaviour_is_its_formula(snapshot, tables, tmp_path, text, size, share):
    channel = BehaviourChannel.open(snapshot, tables, tmp_path, {})
    context = make_context(snapshot, text, tables=tables, user=person(size))
    expected = naive(tables, context.query.terms, context.user)
    if share is not None:
        allowed = np.random.default_rng(8).random(N) < share
        context = replace(context, mask=RowMask(allowed, int(allowed.sum())))
        expected = {row: s for row, s in expected.items() if allowed[row]}
    hits = channel.recall(context, 1000)
    assert set(hits.rows.tolist()) == set(expected)
    assert hits.scores == pytest.approx([expected[r] for r in hits.rows.tolist()], rel=1e-6)
    assert list(zip(-hits.scores, hits.rows, strict=True)) == sorted(
        zip(-hits.scores, hits.rows, strict=True)
    )
    assert channel.recall(context, 7).rows.tolist() == hits.rows[:7].tolist()


def test_what_was_seen_is_left_out_where_asked(snapshot, tables, tmp_path):
    context = make_context(snapshot, tables=tables, user=person(60))
    everything = BehaviourChannel.open(snapshot, tables, tmp_path, {}).recall(context, 1000)
    unseen = BehaviourChannel.open(snapshot, tables, tmp_path, {"exclude_seen": True})
    seen = set(context.user.rows.tolist())
    assert seen & set(everything.rows.tolist())
    assert unseen.recall(context, 1000).rows.tolist() == [
        r for r in everything.rows.tolist() if r not in seen
    ]


def test_a_history_older_than_float32_can_halve_still_counts(snapshot, tables, tmp_path):
    old = replace(person(20), times_ms=np.full(20, NOW_MS - 40 * 365 * DAY))
    context = make_context(snapshot, tables=tables, user=old)
    channel = BehaviourChannel.open(snapshot, tables, tmp_path, {"long_term": 0.1})
    assert channel.recall(context, 10).rows.size == 10


def test_it_is_asked_only_where_something_is_known(snapshot, tables, tmp_path):
    known = BehaviourChannel.open(snapshot, tables, tmp_path, {})
    empty = BehaviourChannel.open(snapshot, Tables.empty(N), tmp_path, {})
    for channel, text, user, is_asked in (
        (known, "tea", UserState.stranger(), True),
        (known, "", UserState.stranger(), False),
        (known, "", person(3), True),
        (empty, "tea", person(3), False),
    ):
        assert channel.accepts(make_context(snapshot, text, user=user)) is is_asked
