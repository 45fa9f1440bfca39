"""The lexical channel against a dense table of BM25F over the snapshot's own tokens."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from app.domain.errors import InvalidInput
from app.domain.filters import OneOf, Range
from app.recall.channels.lexical import PHRASE_WINDOW, LexicalChannel
from app.recall.indexing import WeightedField
from app.recall.postings import GRAIN
from app.settings import Settings
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables
from tests.builders import city_rows, make_context, make_snapshot
from tests.builders.snapshots import CONFIG
from tests.oracles.naive_bm25 import impact_table, naive_best_rows

N = 1500
OWN = Settings.load(CONFIG, environment={}).channels["lexical"].own
PLAIN = OWN | {"phrase_boost": 0.0}
TEXTS = [
    "老灶",
    "noodle garden",
    "湖畔 火锅 停车 wifi",
    "phone brand3 nowhere",
    "北京 牛肉 星光 tea 亲子",
]


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory) -> Snapshot:
    rows = city_rows(N)
    for row in rows[::7]:
        del row["text"], row["brand"]
    for row in rows[::5]:
        row["title"] += " garden noodle tea 海景 tea"
    return make_snapshot(rows, tmp_path_factory.mktemp("lexical") / "s", channels=["lexical"])


def channel(snapshot: Snapshot, **options) -> LexicalChannel:
    part = snapshot.part("lexical")
    return LexicalChannel.open(snapshot, Tables.empty(N), part, PLAIN | options)


@pytest.fixture(scope="module")
def table(snapshot) -> np.ndarray:
    documents = snapshot.documents
    fields = [
        WeightedField(documents.tokens[f.name], f.weight, OWN["field_b"].get(f.name, OWN["b"]))
        for f in documents.schema.searched
    ]
    return impact_table(N, len(documents.terms), fields, OWN["k1"])


def known(snapshot: Snapshot, text: str) -> list[int]:
    terms = make_context(snapshot, text).query.terms
    return [t for t in snapshot.documents.terms.find_all(terms).tolist() if t >= 0]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("share", [0.0, 0.4, 0.7, 1.0])
@pytest.mark.parametrize("filters", [None, Range("price", upper=40.0), Range("price", upper=9.0)])
def test_hits_are_the_dense_tables_best(snapshot, table, text, share, filters) -> None:
    terms = known(snapshot, text)
    ctx = make_context(snapshot, text, filters=filters)
    allowed = ctx.mask.allowed if ctx.mask else None
    expected = naive_best_rows(table, terms, max(1, int(len(terms) * share)), N, allowed)
    asked = channel(snapshot, minimum_should_match=share)
    hits = asked.recall(ctx, 1000)
    assert hits.total == expected.total
    assert asked.has_match(ctx) == (expected.total > 0)
    assert hits.rows.size == min(1000, expected.total)
    rounding = GRAIN * len(terms)
    np.testing.assert_allclose(hits.scores, expected.scores[:1000], atol=rounding)
    score_of = dict(zip(expected.rows.tolist(), expected.scores.tolist(), strict=True))
    own = [score_of[row] for row in hits.rows.tolist()]
    np.testing.assert_allclose(hits.scores, own, atol=rounding)


@pytest.mark.parametrize("share", [0.0, 1.0])
@pytest.mark.parametrize("text", ["garden", "noodle garden"])
def test_whether_anything_matches_is_known_of_every_single_row(snapshot, text, share) -> None:
    asked = channel(snapshot, minimum_should_match=share)
    ids = snapshot.documents.ids.strings
    for row in range(0, N, 50):
        ctx = make_context(snapshot, text, filters=OneOf("id", (ids[row],)))
        assert asked.has_match(ctx) == asked.matching(ctx).any()


def naive_bonus(snapshot: Snapshot, row: int, terms: list[int], df: list[int]) -> float:
    """Adjacent pairs of the query that stand in a field, told token by token."""
    total = 0.0
    for pair in range(len(terms) - 1):
        first, second = terms[pair], terms[pair + 1]
        tf = 0.0
        for field in snapshot.documents.schema.searched:
            tokens = snapshot.documents.tokens[field.name].tokens[row].tolist()
            if (first, second) in pairwise(tokens):
                tf += field.weight
        rarer = max(df[pair], df[pair + 1])
        total += np.log(1 + (N - rarer + 0.5) / (rarer + 0.5)) * tf / (OWN["k1"] + tf)
    return total


@pytest.mark.parametrize("text", ["noodle garden", "garden tea noodle 海景", "nowhere tea noodle"])
def test_words_side_by_side_lift_a_row_by_what_the_pair_is_worth(snapshot, table, text) -> None:
    ctx = make_context(snapshot, text)
    terms = snapshot.documents.terms.find_all(ctx.query.terms).tolist()
    df = [int((table[:, t] > 0).sum()) if t >= 0 else 0 for t in terms]
    plain = channel(snapshot).recall(ctx, 1000)
    lifted = channel(snapshot, phrase_boost=0.5).recall(ctx, 1000)
    before = dict(zip(plain.rows.tolist(), plain.scores.tolist(), strict=True))
    window = plain.rows[:PHRASE_WINDOW] if plain.total > 1000 else plain.rows
    expected = {row: before[row] + 0.5 * naive_bonus(snapshot, row, terms, df) for row in window}
    after = dict(zip(lifted.rows.tolist(), lifted.scores.tolist(), strict=True))
    assert {row: after[row] for row in window} == pytest.approx(expected, rel=1e-5)
    assert any(after[row] > before[row] for row in window)
    assert lifted.total == plain.total
    order = list(zip((-lifted.scores).tolist(), lifted.rows.tolist(), strict=True))
    assert order == sorted(order)


@pytest.mark.parametrize("text", ["noodle garden 亲子", "tea wifi brand3"])
def test_the_phrase_window_does_not_move_with_k(snapshot, text) -> None:
    lexical, ctx = channel(snapshot, phrase_boost=0.5), make_context(snapshot, text)
    longest = lexical.recall(ctx, 1000)
    for k in (1, 60, PHRASE_WINDOW - 1, PHRASE_WINDOW + 1, 700):
        hits = lexical.recall(ctx, k)
        assert hits.rows.tolist() == longest.rows[:k].tolist()
        assert hits.scores.tolist() == longest.scores[:k].tolist()
        assert hits.total == longest.total


def test_an_unknown_word_is_not_asked_for_by_minimum_should_match(snapshot) -> None:
    both = channel(snapshot, minimum_should_match=1.0)
    with_unknown = both.recall(make_context(snapshot, "noodle xyzzy garden"), 10)
    assert with_unknown.total == both.recall(make_context(snapshot, "noodle garden"), 10).total > 0


def test_only_unknown_words_find_nothing(snapshot) -> None:
    hits = channel(snapshot).recall(make_context(snapshot, "xyzzy"), 10)
    assert (hits.rows.size, hits.total) == (0, 0)


def test_a_catalogue_without_a_searched_field_finds_nothing(tmp_path) -> None:
    nothing = {n: {"type": "text", "weight": 0.0} for n in ("title", "text")}
    labels = {n: {"type": "keyword", "weight": 0.0} for n in ("category", "tags", "brand")}
    rows = city_rows(20)
    silent = make_snapshot(rows, tmp_path / "s", nothing | labels, channels=["lexical"])
    opened = LexicalChannel.open(silent, Tables.empty(20), silent.part("lexical"), OWN)
    assert opened.recall(make_context(silent, "noodle"), 10).rows.size == 0


def test_a_misspelt_key_is_refused(snapshot) -> None:
    with pytest.raises(InvalidInput, match="phrase_bost"):
        channel(snapshot, phrase_bost=1.0)
