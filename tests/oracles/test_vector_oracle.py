"""Vector recall against measuring every document."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from app.domain.errors import CorruptArtifact, InvalidInput
from app.domain.filters import RowMask
from app.recall.channels.vector import VectorChannel, VectorOptions, beam_width

N, DIM, K = 6_000, 24, 100
CONFIG = {"m": 12, "ef_construction": 60, "ef_search": 150, "exact_below": 300}
CONFIG |= {"scans_per_beam": 1}  # so that the beam answers wherever the scan need not
SELECTIVITIES = [1.0, 0.5, 0.3, 0.1, 0.01, 0.001]


def unit(x: np.ndarray) -> np.ndarray:
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def catalogue() -> np.ndarray:
    """Subjects of very different sizes, documents that are equal, and some without a vector."""
    rng = np.random.default_rng(5)
    subjects = rng.standard_normal((300, DIM)) * np.linspace(1, 0.3, DIM)
    of = np.minimum((rng.pareto(1.0, (N, 3)) * 10).astype(int), 299)
    vectors = unit(subjects[of].sum(axis=1) + 0.2 * rng.standard_normal((N, DIM)))
    vectors[2000:2040] = vectors[10]
    vectors[rng.choice(N, 200, replace=False)] = 0
    return vectors


VECTORS = catalogue()
NEAR = VECTORS[np.random.default_rng(6).choice(N, 40)]
QUERIES = unit(NEAR + 0.05 * np.random.default_rng(7).standard_normal(NEAR.shape))


class Rows:
    """What the channel reads of a snapshot."""

    def __init__(self, vectors):
        self.documents = SimpleNamespace(vectors=vectors)

    def __len__(self):
        return 0 if self.documents.vectors is None else len(self.documents.vectors)


def channel(path, vectors, **config) -> VectorChannel:
    config = CONFIG | config
    snapshot = Rows(vectors)
    VectorChannel.build(snapshot.documents, path, config)
    return VectorChannel.open(snapshot, None, path, config)


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    return channel(tmp_path_factory.mktemp("graph"), VECTORS)


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    return channel(tmp_path_factory.mktemp("scan"), VECTORS, exact_below=N)


def request(vector, allowed=None) -> SimpleNamespace:
    mask = None if allowed is None else RowMask(allowed, int(allowed.sum()))
    return SimpleNamespace(query=SimpleNamespace(vector=vector), mask=mask)


def mask_of(share, seed=8):
    return None if share == 1.0 else np.random.default_rng(seed).random(N) < share


def by_measuring_all(query, allowed, k=K) -> list[int]:
    scores = (VECTORS.astype(np.float64) @ query).round(6)
    matching = scores > 0 if allowed is None else (scores > 0) & allowed
    rows = np.flatnonzero(matching)
    return rows[np.lexsort((rows, -scores[rows]))][:k].tolist()


@pytest.mark.parametrize("share", SELECTIVITIES)
def test_a_scan_finds_exactly_the_closest(scan, share):
    allowed = mask_of(share)
    for query in QUERIES[:10]:
        hits = scan.recall(request(query, allowed), K)
        expected = by_measuring_all(query, allowed)
        # by score, since float32 may order what float64 calls equal
        assert np.allclose(hits.scores, VECTORS[expected] @ query, atol=1e-6)
        assert len(hits.rows) == len(expected)


@pytest.mark.parametrize("share", SELECTIVITIES)
def test_recall_at_100_is_at_least_95_percent_at_any_selectivity(graph, share):
    allowed = mask_of(share)
    found = []
    for query in QUERIES:
        expected = by_measuring_all(query, allowed)
        hits = graph.recall(request(query, allowed), K)
        assert allowed is None or allowed[hits.rows].all()
        worst = (VECTORS[expected] @ query).min() - 1e-6 if expected else np.inf
        found.append((hits.scores >= worst).sum() / len(expected) if expected else 1.0)
    assert graph.graph is not None  # equal documents stand in for each other above
    assert np.mean(found) >= 0.95


@pytest.mark.parametrize(
    ("scans_per_beam", "least"),
    [(1, 0.75), (64, 0.95)],  # 1: by the beam alone wherever it goes on
)
@pytest.mark.parametrize("forbidden", [0.05, 0.3, 0.6])
def test_a_filter_that_forbids_what_is_closest_finds_what_is_next(
    graph, forbidden, scans_per_beam, least
):
    own = replace(graph, options=replace(graph.options, scans_per_beam=scans_per_beam))
    found = []
    for query in QUERIES:
        scores = VECTORS @ query
        allowed = scores < np.quantile(scores, 1 - forbidden)
        expected = by_measuring_all(query, allowed)
        hits = own.recall(request(query, allowed), K)
        worst = (VECTORS[expected] @ query).min() - 1e-6 if expected else np.inf
        found.append((hits.scores >= worst).sum() / len(expected) if expected else 1.0)
        assert own.recall(request(query, allowed), 7).rows.tolist() == hits.rows[:7].tolist()
    assert np.mean(found) >= least


def test_by_default_a_filter_that_leaves_few_rows_is_answered_exactly(graph):
    usual = replace(graph, options=VectorOptions())
    allowed = mask_of(0.3)
    for query in QUERIES[:10]:
        hits = usual.recall(request(query, allowed), K)
        expected = by_measuring_all(query, allowed)
        assert np.allclose(hits.scores, VECTORS[expected] @ query, atol=1e-6)


@pytest.mark.parametrize("share", [1.0, 0.5, 0.01])
def test_a_smaller_k_gives_a_prefix_of_a_larger_one(graph, share):
    allowed = mask_of(share)
    for query in (*QUERIES[:8], VECTORS[10]):  # the last has 41 equal answers
        longest = graph.recall(request(query, allowed), 1000)
        for k in (1, 7, 30, 100, 150, 151, 400):
            hits = graph.recall(request(query, allowed), k)
            assert hits.rows.tolist() == longest.rows[:k].tolist()
            assert hits.scores.tolist() == longest.scores[:k].tolist()


def test_who_asks_for_more_than_the_beam_holds_gets_more(graph):
    hits = graph.recall(request(QUERIES[0]), 600)
    assert hits.rows.size > 2 * CONFIG["ef_search"]
    assert np.unique(hits.rows).size == hits.rows.size
    assert (np.diff(hits.scores) <= 0).all()


def test_equal_documents_come_by_row(scan):
    hits = scan.recall(request(VECTORS[10]), 41)
    same = [r for r in range(N) if (VECTORS[r] == VECTORS[10]).all()]
    assert hits.rows[: len(same)].tolist() == same


def test_graph_and_scan_give_a_row_the_same_score_to_the_bit(graph, scan):
    for query in QUERIES[:10]:
        exact = scan.recall(request(query), 1000)
        score_of = dict(zip(exact.rows.tolist(), exact.scores.tolist(), strict=True))
        hits = graph.recall(request(query), 50)
        assert all(score_of[r] == s for r, s in zip(hits.rows, hits.scores.tolist(), strict=True))


@pytest.mark.parametrize("kind", ["graph", "scan"])
def test_only_documents_with_a_vector_that_points_the_same_way_are_hits(kind, request):
    found = request.getfixturevalue(kind)
    for query in (QUERIES[0], -QUERIES[0]):
        hits = found.recall(SimpleNamespace(query=SimpleNamespace(vector=query), mask=None), 1000)
        assert (hits.scores > 0).all()
        assert VECTORS[hits.rows].any(axis=1).all()


def test_a_mask_that_allows_nothing_gives_no_hits(graph):
    assert graph.recall(request(QUERIES[0], np.zeros(N, np.bool_)), K).rows.size == 0


def test_a_query_vector_that_cannot_be_written_to_is_read_all_the_same(graph):
    frozen = QUERIES[0].copy()
    frozen.flags.writeable = False
    assert graph.recall(request(frozen), 5).rows.size == 5


def test_a_vector_of_another_length_never_reaches_native_code(graph):
    with pytest.raises(ValueError, match="24"):
        graph.recall(request(np.ones(DIM + 1, np.float32)), K)


def test_threads_find_what_one_thread_finds(graph):
    alone = [graph.recall(request(q, mask_of(0.5)), K).rows.tolist() for q in QUERIES]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda q: graph.recall(request(q, mask_of(0.5)), K), QUERIES))
    assert [hits.rows.tolist() for hits in together] == alone


@pytest.mark.parametrize("vectors", [None, np.zeros((3, 4), np.float32)])
def test_a_catalogue_without_vectors_accepts_no_query(vectors, tmp_path):
    empty = channel(tmp_path, vectors)
    ctx = request(np.ones(4, np.float32))
    assert not empty.accepts(ctx)
    assert empty.recall(ctx, K).rows.size == 0


def test_only_a_query_with_a_vector_is_accepted(graph):
    assert graph.accepts(request(QUERIES[0]))
    assert not graph.accepts(request(None))


def test_a_graph_of_other_documents_is_refused_by_name(tmp_path):
    channel(tmp_path, VECTORS)
    fewer = np.load(tmp_path / "rows.npy")[:-1]
    np.save(tmp_path / "rows.npy", fewer)
    with pytest.raises(CorruptArtifact, match=r"hnsw\.faiss"):
        VectorChannel.open(Rows(VECTORS), None, tmp_path, CONFIG)


def test_a_misspelt_key_is_refused_by_name(tmp_path):
    with pytest.raises(InvalidInput, match="ef_serach"):
        channel(tmp_path, VECTORS, ef_serach=5)


def test_the_beam_widens_as_the_filter_narrows():
    assert beam_width(200, 10_000, 10_000) == 200
    assert beam_width(200, 625, 10_000) == 1_600
    assert beam_width(200, 0, 10_000) == 200_000
