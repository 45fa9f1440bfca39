"""Vectors of documents, queries and terms: who gets one, what changes them, how they are kept."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from app.corpus.event_columns import EventColumns
from app.corpus.event_log import EventLog
from app.domain.events import Event
from app.offline.behaviour.build import learn
from app.offline.behaviour.config import EmbeddingConfig, TableConfig
from app.offline.behaviour.memory import QueryTerms
from app.settings import Settings
from app.snapshot.embeddings import Embeddings, cosines, mean_direction
from app.snapshot.tables import Learned, Tables
from app.snapshot.towers import query_tower, taste_tower
from tests.builders import make_documents
from tests.builders.behaviour import state_of
from tests.oracles.naive_tables import ANALYZER, CONFIG, DAY, NOW, random_log

PARTS = ("sources", "targets", "queries", "terms")
EAGER = replace(CONFIG, embedding=EmbeddingConfig(dim=8, evidence=1))


def learned(
    events: Sequence[Event], tmp_path: Path, config: TableConfig = EAGER, as_of_ms: int = NOW
) -> Learned:
    log = EventLog.open(tmp_path / f"{len(list(tmp_path.iterdir()))}.db")
    log.append(events)
    read = EventColumns.load(log)
    log.close()
    return learn(read, QueryTerms.of(read, ANALYZER, ("default",)), as_of_ms, config)


def assert_same_bits(one: Learned, other: Learned) -> None:
    assert one.embeddings is not None
    assert other.embeddings is not None
    for part in PARTS:
        a, b = getattr(one.embeddings, part), getattr(other.embeddings, part)
        assert a.tobytes() == b.tobytes(), part


def clicks(*lines: str, person: str = "u") -> list[Event]:
    """One click a line: "time person document query"."""
    fields = [line.split(" ", 3) for line in lines]
    return [
        Event(f"e{i}", "click", int(t), f"r{i}", user_id=who, object_id=d, query=q or None)
        for i, (t, who, d, q) in enumerate(fields)
    ]


@pytest.mark.parametrize("seed", range(4))
def test_vectors_are_of_unit_length_or_unknown_and_stand_beside_their_texts(seed, tmp_path):
    tables = learned(random_log(seed), tmp_path)
    sizes = (len(tables.documents),) * 2 + (len(tables.queries.texts), len(tables.terms.texts))
    for part, size in zip(PARTS, sizes, strict=True):
        vectors = getattr(tables.embeddings, part)
        assert vectors.shape == (size, 8)
        lengths = np.linalg.norm(vectors, axis=1)
        assert ((abs(lengths - 1) < 1e-5) | np.isnan(vectors).all(axis=1)).all()
        assert not np.isnan(lengths).all()


@pytest.mark.parametrize("seed", range(4))
def test_later_events_change_no_bit(seed, tmp_path):
    past = random_log(seed)
    cut = sorted(e.ts_ms for e in past)[len(past) // 2]
    future = [
        Event("z1", "click", cut, "r1", "2", "1", "a-first", query="火锅 新词"),
        Event("z2", "click", cut + 1, "a-first", "9", "0", "zz", query="aaa"),
    ]
    known = learned([e for e in past if e.ts_ms < cut], tmp_path, as_of_ms=cut)
    assert_same_bits(known, learned([*future, *past], tmp_path, as_of_ms=cut))


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_arrival_changes_no_bit(seed, tmp_path):
    """Where nothing but the order among events of one time and request could tell them apart."""
    lines = [f"{NOW - DAY * (i % 4 + 1)} p{i % 3} d{i * 7 % 11} 火锅 {i % 2}" for i in range(40)]
    events = clicks(*lines)
    mixed = random.Random(seed).sample(events, len(events))
    assert_same_bits(learned(events, tmp_path), learned(mixed, tmp_path))


def test_what_was_seen_too_seldom_has_no_vector(tmp_path):
    few = replace(EAGER, embedding=replace(EAGER.embedding, evidence=2))
    events = clicks("1 u a 火锅", "2 u b 火锅", "3 v a 火锅", "4 w c 茶", "5 v b 咖啡")
    tables = learned(events, tmp_path, few)
    known = ~np.isnan(tables.embeddings.targets[:, 0])
    assert dict(zip(tables.documents.strings, known, strict=True)) == {
        "a": True, "b": True, "c": False,
    }  # fmt: skip
    whole = {t: not np.isnan(tables.embeddings.queries[i, 0])
             for i, t in enumerate(tables.queries.texts.strings)}  # fmt: skip
    assert whole == {"火锅": True, "茶": False, "咖啡": False}


def test_a_document_alone_in_its_sitting_leads_nowhere(tmp_path):
    tables = learned(clicks("1 u a ", "2 v b ", "3 v c "), tmp_path)
    alone = np.isnan(tables.embeddings.sources[:, 0])
    assert dict(zip(tables.documents.strings, alone, strict=True)) == {
        "a": True, "b": False, "c": False,
    }  # fmt: skip


def test_what_goes_together_comes_closer_than_what_does_not(tmp_path):
    """Two crowds, each with documents and a query of its own."""
    rng, lines = random.Random(1), []
    for person in range(60):
        side = "xy"[person % 2]
        for i, one in enumerate(rng.sample(range(6), 4)):
            query = {"x": "火锅", "y": "coffee shop"}[side]
            lines.append(f"{NOW - DAY + i} p{person} {side}{one} {query}")
    config = replace(EAGER, embedding=EmbeddingConfig(dim=8, epochs=30))
    built = learned(clicks(*lines), tmp_path, config)
    documents = make_documents(
        [{"id": f"{s}{i}", "title": "t"} for s in "xy" for i in range(6)], tmp_path / "documents"
    )
    tables = Tables.of(built, {"id": "t", "as_of_ms": NOW, "event_seq": 1}, documents)
    rows = np.arange(12, dtype=np.int32)
    is_x = np.array([documents.ids.strings[r].startswith("x") for r in rows])
    user = state_of(tables, "p0", None, documents, NOW)
    for tower in (
        query_tower(tables, ANALYZER.query_terms("火锅", ("default",))),
        query_tower(tables, ANALYZER.query_terms("火锅 unheard", ("default",))),  # by its term
        taste_tower(tables, user),
    ):
        assert tower is not None
        score = cosines(tables.embeddings.targets, tables.ordinal_of[rows], tower)
        assert score[is_x].min() > score[~is_x].max()
    assert query_tower(tables, ("unheard",)) is None
    assert query_tower(tables, ()) is None


def test_switched_off_they_are_not_there(tmp_path):
    off = replace(CONFIG, embedding=EmbeddingConfig(enabled=False))
    tables = learned(random_log(1), tmp_path, off)
    assert tables.embeddings is None
    (tmp_path / "kept").mkdir()
    tables.save(tmp_path / "kept")
    assert Learned.open(tmp_path / "kept").embeddings is None


def test_a_log_without_an_action_gives_empty_vectors(tmp_path):
    tables = learned([Event("1", "impression", 1, shown=("a", "b"))], tmp_path)
    assert np.isnan(tables.embeddings.targets).all()
    assert tables.embeddings.queries.shape == (0, 8)


def test_the_newest_actions_alone_are_read_where_there_are_too_many(tmp_path):
    events = clicks(*(f"{i} u{i // 2} d{i // 2}{i % 2} " for i in range(1, 21)))
    newest = replace(EAGER, embedding=replace(EAGER.embedding, actions=4))
    known = ~np.isnan(learned(events, tmp_path, newest).embeddings.sources[:, 0])
    assert known.sum() == 2  # 20 sits alone, 19 and 18 together, 17 alone


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_vectors_are_read_back_as_they_were_written(tmp_path_factory, data):
    numbers = st.floats(-1, 1, width=32) | st.just(float("nan"))
    shapes = st.tuples(st.integers(0, 5), st.just(4))
    kept = Embeddings(*(data.draw(arrays(np.float32, shapes, elements=numbers)) for _ in PARTS))
    folder = tmp_path_factory.mktemp("tables")
    kept.save(folder)
    for part in PARTS:
        back = getattr(Embeddings.open(folder), part)
        assert back.tobytes() == getattr(kept, part).tobytes()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 23), st.integers(0, 12), st.integers(0, 2**32))
def test_a_cosine_has_the_same_bits_whatever_is_measured_beside_it(n, size, seed):
    rng = np.random.default_rng(seed)
    targets = rng.normal(0, 1, (max(size, 1), 7)).astype(np.float32)
    targets[rng.random(len(targets)) < 0.2] = np.nan
    vector = rng.normal(0, 1, 7).astype(np.float32)
    ordinals = rng.integers(-1, len(targets), n).astype(np.int32)
    together = cosines(targets, ordinals, vector)
    for ordinal, score in zip(ordinals, together, strict=True):
        alone = cosines(targets, np.array([ordinal], np.int32), vector)[0]
        assert np.array_equal(alone, score, equal_nan=True)
        expected = np.nan if ordinal < 0 else float(targets[ordinal] @ vector)
        assert score == pytest.approx(expected, rel=1e-4, abs=1e-5, nan_ok=True)


def test_a_mean_of_opposites_or_of_strangers_has_no_direction():
    vectors = np.array([[1, 0], [-1, 0], [np.nan, np.nan]], np.float32)
    evenly = np.ones(2, np.float32)
    assert mean_direction(vectors, np.array([0, 1], np.int32), evenly).size == 0
    assert mean_direction(vectors, np.array([2, -1], np.int32), evenly).size == 0
    assert mean_direction(vectors, np.array([1, 2], np.int32), evenly).tolist() == [-1, 0]


def test_a_config_is_read_back_as_it_was_written_and_old_ones_had_no_vectors():
    assert TableConfig.from_json(EAGER.to_json()) == EAGER
    old = {k: v for k, v in EAGER.to_json().items() if k != "embedding"}
    assert not TableConfig.from_json(old).embedding.enabled


def test_they_are_learned_where_the_configuration_asks_for_them():
    for override, is_on in (("tables.embeddings=true", True), ("tables.embeddings=false", False)):
        given = Settings.load(Path("config/search.toml"), [override], environment={})
        assert TableConfig.of(given).embedding.enabled is is_on
