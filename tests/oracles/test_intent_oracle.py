"""What queries lead to, against plain loops over events; and what it never does."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.candidates import CandidateSet
from app.domain.events import Event
from app.features.catalog import CATALOG
from app.features.feature import FeatureSet
from app.features.inputs import gather
from app.offline.behaviour.build import learn
from app.offline.behaviour.config import EmbeddingConfig
from app.offline.behaviour.memory import QueryTerms
from app.snapshot.following import Following
from app.snapshot.following_tables import FollowingTables
from app.snapshot.intent import EVIDENCE, confidence, intents_of
from app.snapshot.tables import Tables, memory_key
from tests.builders import make_context, make_snapshot
from tests.builders.behaviour import event_columns
from tests.builders.changes import delete, entries, put
from tests.oracles.naive_tables import ANALYZER, CONFIG, DAY, NOW, TEXTS, Naive, random_log

FIELDS = ("category", "tags", "brand")
WHOLE = replace(CONFIG, remembered=100, embedding=EmbeddingConfig(enabled=False))
LOOK = Event("look", "impression", 1)  # for logs in which nobody chose anything
ROWS = [
    {"id": "d0", "title": "a", "category": "火锅", "tags": ["wifi", "停车"], "brand": "x"},
    {"id": "d1", "title": "b", "category": "火锅", "tags": ["wifi"]},
    {"id": "d2", "title": "c", "category": "咖啡", "tags": ["露台", "wifi", "24h"], "brand": "y"},
    {"id": "d3", "title": "d", "brand": "y"},
    {"id": "d4", "title": "e", "category": "咖啡", "tags": ["24h"]},
    {"id": "d5", "title": "f", "tags": ["停车"]},
    {"id": "never", "title": "g", "category": "酒店", "tags": ["泳池"], "brand": "z"},
]  # d6 and d7 of the logs are in no catalogue


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return make_snapshot(ROWS, tmp_path_factory.mktemp("intent") / "s")


def tables_of(events, snapshot, as_of_ms=NOW):
    read = event_columns([*events, LOOK])
    learned = learn(read, QueryTerms.of(read, ANALYZER, ("default",)), as_of_ms, WHOLE)
    facts = {"id": "t", "as_of_ms": as_of_ms, "event_seq": len(read)}
    return Tables.of(learned, facts, snapshot.documents)


def intents(events, snapshot, text, as_of_ms=NOW):
    terms = ANALYZER.query_terms(text, ("default",))
    return intents_of(tables_of(events, snapshot, as_of_ms), snapshot.documents, terms)


def named(intent, snapshot, field):
    names = snapshot.documents.keywords[field].names.strings
    return dict(zip((names[c] for c in intent.codes), intent.weights.tolist(), strict=True))


def naive_intent(naive, text, field, rows=ROWS):
    """The formula on top of app/snapshot/intent.py, a click at a time."""
    terms = ANALYZER.query_terms(text, ("default",))
    own, total = naive_parts(naive.queries.get(memory_key(terms), {}), field, rows)
    found = defaultdict(float)
    for value, gain in own.items():
        found[value] += gain / (total + EVIDENCE)
    for term in terms:
        parts, whole = naive_parts(naive.terms.get(term, {}), field, rows)
        for value, gain in parts.items():
            share = gain / (whole + EVIDENCE) / len(terms)
            found[value] += share * EVIDENCE / (total + EVIDENCE)
    return dict(found)


def naive_parts(gains, field, rows):
    parts, total = defaultdict(float), 0.0
    for row in rows:
        gain = gains.get(row["id"], 0.0)
        values = row.get(field, [])
        values = [values] if isinstance(values, str) else values
        total += gain
        for value in values if gain else ():
            parts[value] += gain / len(values)
    return parts, total


@pytest.mark.parametrize("seed", range(12))
def test_a_querys_intent_is_that_of_plain_loops(seed, snapshot):
    events = random_log(seed)
    naive = Naive(events, NOW, WHOLE)
    for text in (*TEXTS, "火锅 咖啡", "四川", "never typed", "四川 never"):
        found = intents(events, snapshot, text)
        for field in FIELDS:
            expected = naive_intent(naive, text, field)
            got = named(found[field], snapshot, field) if field in found else {}
            assert got == pytest.approx(expected, rel=1e-5), (text, field)
            assert (field in found) == bool(expected)


CLICKS = st.lists(
    st.tuples(
        st.sampled_from(["火锅", "coffee", "火锅 coffee", "茶"]),
        st.integers(0, 7),
        st.integers(1, 90),
        st.sampled_from(["click", "purchase", "add_to_cart"]),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(clicks=CLICKS, text=st.sampled_from(["火锅", "coffee", "火锅 coffee", "茶", "火锅 茶"]))
def test_probabilities_sum_to_at_most_one_and_confidence_describes_them(snapshot, clicks, text):
    events = [
        Event(f"e{i}", action, NOW - days * DAY, f"r{i}", user_id="u", object_id=f"d{d}", query=q)
        for i, (q, d, days, action) in enumerate(clicks)
    ]
    for intent in intents(events, snapshot, text).values():
        shares = intent.weights.astype(np.float64)
        assert (shares > 0).all()
        assert (np.diff(intent.codes) > 0).all()
        known, top, entropy = confidence(intent)
        assert known == pytest.approx(shares.sum(), rel=1e-6)
        assert known < 1 + 1e-6
        assert top == shares.max()
        normal = shares / shares.sum()
        assert entropy == pytest.approx(-(normal * np.log2(normal)).sum(), abs=1e-5)
        assert -1e-9 <= entropy <= math.log2(shares.size) + 1e-6


def clicked(text, *documents, ts_ms=NOW - DAY):
    return [
        Event(f"{text}{i}{d}", "click", ts_ms, f"{text}{i}", user_id=f"u{i}", object_id=d,
              query=text) for i, d in enumerate(documents)
    ]  # fmt: skip


def test_a_query_never_typed_is_guessed_from_its_terms_and_one_of_unknown_terms_not_at_all(
    snapshot,
):
    events = [*clicked("火锅", *["d0", "d1"] * 9), *clicked("coffee", "d2", "d4")]
    near = named(intents(events, snapshot, "火锅 火星")["category"], snapshot, "category")
    assert set(near) == {"火锅"}
    own = named(intents(events, snapshot, "火锅")["category"], snapshot, "category")["火锅"]
    assert 0.3 < near["火锅"] < 0.6 < own < 1.0
    assert intents(events, snapshot, "火星 车") == {}
    assert intents(events, snapshot, "") == {}
    assert intents([], snapshot, "火锅") == {}


def test_more_clicks_make_it_surer_and_old_ones_fade(snapshot):
    def share(*clicks):
        events = [
            Event(f"e{i}", "click", NOW - days * DAY, f"r{i}", object_id=document, query="火锅")
            for i, (days, document) in enumerate(clicks)
        ]
        return named(intents(events, snapshot, "火锅")["category"], snapshot, "category")

    one, many = share((1, "d0")), share(*[(1, "d0")] * 9)
    assert one["火锅"] < many["火锅"] < 1
    fresh, old = share((1, "d0"), (90, "d4")), share((90, "d0"), (1, "d4"))
    assert fresh["火锅"] > fresh["咖啡"]
    assert old["火锅"] < old["咖啡"]


def test_what_is_clicked_but_has_no_category_leaves_so_much_unknown(snapshot):
    alone = intents(clicked("火锅", *["d0"] * 6), snapshot, "火锅")["category"]
    beside = intents(clicked("火锅", *["d0", "d3"] * 3), snapshot, "火锅")["category"]
    assert beside.codes.tolist() == alone.codes.tolist()
    assert confidence(beside).known < 0.6 * confidence(alone).known


NAMES = tuple(
    f"{t.name}({field})"
    for t in CATALOG.templates.values()
    if t.name.startswith("intent")
    for field in FIELDS
)


def matrix(events, snapshot, text, as_of_ms=NOW, tables=None, rows=None):
    tables = tables or tables_of(events, snapshot, as_of_ms)
    ctx = make_context(snapshot, text, tables=tables)
    rows = np.arange(len(snapshot), dtype=np.int32) if rows is None else rows
    n = rows.size
    candidates = CandidateSet(
        rows, np.zeros(n, np.float32), (), np.empty((n, 0), np.float32), np.empty((n, 0), np.int16)
    )
    features = FeatureSet(CATALOG, NAMES)
    return features.matrix(gather(features.inputs, ctx, candidates), n)


def column(values, name):
    return values[:, NAMES.index(name)]


def test_features_give_each_candidate_the_probability_of_its_own_values(snapshot):
    events = random_log(1)
    values, naive = matrix(events, snapshot, "火锅"), Naive(events, NOW, WHOLE)
    for field in FIELDS:
        intent = naive_intent(naive, "火锅", field)
        top = max(intent.values())
        own = [
            sum(intent.get(v, 0.0) for v in ([held] if isinstance(held, str) else held))
            for row in ROWS
            for held in [row.get(field, [])]
        ]
        assert column(values, f"intent({field})").tolist() == pytest.approx(own, rel=1e-5)
        ratios = [one / top for one in own]
        assert column(values, f"intent_of_top({field})").tolist() == pytest.approx(ratios, rel=1e-5)
        highest = column(values, f"intent_top({field})")
        assert highest.tolist() == pytest.approx([top] * len(ROWS), rel=1e-5)
        known = column(values, f"intent_known({field})")
        assert known.tolist() == pytest.approx([sum(intent.values())] * len(ROWS), rel=1e-5)


def test_features_of_an_unknown_query_or_of_no_tables_are_missing(snapshot):
    assert np.isnan(matrix(random_log(1), snapshot, "火星")).all()
    assert np.isnan(matrix([], snapshot, "火锅")).all()
    nothing = Tables.empty(len(snapshot))
    assert np.isnan(matrix([], snapshot, "火锅", tables=nothing)).all()


def test_a_row_has_the_same_bits_in_any_slice(snapshot):
    tables = tables_of(random_log(2), snapshot)
    whole = matrix([], snapshot, "火锅", tables=tables)
    rng = random.Random(3)
    for _ in range(5):
        rows = np.array(rng.sample(range(len(ROWS)), 3), np.int32)
        part = matrix([], snapshot, "火锅", tables=tables, rows=rows)
        assert part.tobytes() == whole[rows].tobytes()


@pytest.mark.parametrize("seed", range(4))
def test_what_happens_later_changes_no_bit_of_a_feature(seed, snapshot):
    past = random_log(seed)
    cut = sorted(e.ts_ms for e in past)[len(past) // 2]
    before = [e for e in past if e.ts_ms < cut]
    later = [e for e in past if e.ts_ms >= cut] + clicked("火锅", *["never"] * 9, ts_ms=cut)
    for text in ("火锅", "coffee", "coffee 咖啡"):
        known = matrix(before, snapshot, text, cut)
        assert matrix([*later, *before], snapshot, text, cut).tobytes() == known.tobytes()
    assert matrix([*later, *before], snapshot, "火锅").tobytes() != matrix(
        before, snapshot, "火锅").tobytes()  # fmt: skip


def test_a_document_that_changed_its_category_takes_its_clicks_along(snapshot):
    events = clicked("火锅", *["d0"] * 5, *["d4"] * 3)
    following, follower = Following(snapshot), FollowingTables(tables_of(events, snapshot))
    following.take(entries([put({**ROWS[0], "category": "甜品", "tags": ["新"]}), delete("d4")]))
    view = following.at(2)
    found = intents_of(follower.at(view), view.documents, ("火锅",))
    names = view.documents.keywords["category"].names.strings
    assert [names[c] for c in found["category"].codes] == ["甜品"]
