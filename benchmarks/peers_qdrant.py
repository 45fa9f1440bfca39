"""Qdrant Edge: BM25 as sparse vectors with its idf, an HNSW graph, fused by RRF, in one shard."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from peers_asked import K, Work
from peers_leg import BEAMS, BOTH, TEXT, VECTOR, Leg, narrowest

NAME = "qdrant-edge"
M, EF_CONSTRUCTION = 16, 160  # as ours
BATCH = 1_000
RRF_K = 60


def legs(work: Work, folder: Path, recall: float) -> list[Leg]:
    """Build or open the shard. The beam is the narrowest that finds as much as `recall`."""
    import qdrant_edge as edge

    bm25 = _bm25(edge, work)
    shard = _open(edge, work, bm25, folder)
    words = [
        edge.Query.Nearest(bm25.embed_query(" ".join(question.terms)), using="text")
        for question in work.questions
    ]
    near = [
        edge.Query.Nearest(question.vector.tolist(), using="vector") for question in work.questions
    ]
    beam, vector = narrowest(_vector_legs(edge, shard, near), work, recall)
    width = edge.SearchParams(hnsw_ef=beam)
    plain = [edge.QueryRequest(limit=K, query=query) for query in words]
    fused = [
        edge.QueryRequest(
            limit=K,
            query=edge.Fusion.Rrf(k=RRF_K),
            prefetches=[
                edge.Prefetch(limit=K, query=text),
                edge.Prefetch(limit=K, query=close, params=width),
            ],
        )
        for text, close in zip(words, near, strict=True)
    ]
    return [
        Leg(NAME, TEXT, "sparse BM25, idf", lambda i: shard.query(plain[i]), _rows),
        vector,
        Leg(NAME, BOTH, f"ef {beam}, RRF", lambda i: shard.query(fused[i]), _rows),
    ]


def _vector_legs(edge: Any, shard: Any, near: list[Any]) -> Iterator[tuple[int, Leg]]:
    for beam in BEAMS:
        width = edge.SearchParams(hnsw_ef=beam)
        requests = [edge.QueryRequest(limit=K, query=query, params=width) for query in near]
        yield beam, Leg(NAME, VECTOR, f"HNSW ef {beam}", _asker(shard, requests), _rows)


def _asker(shard: Any, requests: list[Any]) -> Any:
    return lambda i: shard.query(requests[i])


def _bm25(edge: Any, work: Work) -> Any:
    """Its own BM25 over our tokens: split at blanks, no stemming and no stop words once more."""
    return edge.Bm25(
        edge.Bm25Config(
            k=1.2, b=0.75, avg_len=work.mean_tokens, tokenizer=edge.TokenizerType.Whitespace,
            lowercase=False, stopwords=edge.StopwordsSet(custom=set()),
            stemmer=edge.DisabledStemmer(),
        )
    )  # fmt: skip


def _open(edge: Any, work: Work, bm25: Any, folder: Path) -> Any:
    done = folder / "done"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _build(edge, work, bm25, folder / "shard")
        done.touch()
    return edge.EdgeShard.load(str(folder / "shard"), _config(edge, work.vectors.shape[1]))


def _build(edge: Any, work: Work, bm25: Any, folder: Path) -> None:
    """One segment, optimised: everything is in the graph and in the sparse index."""
    folder.mkdir()
    shard = edge.EdgeShard.create(str(folder), _config(edge, work.vectors.shape[1]))
    for first in range(0, len(work.texts), BATCH):
        points = [
            edge.Point(
                id=row,
                vector={
                    "vector": work.vectors[row].tolist(),
                    "text": bm25.embed_document(work.texts[row]),
                },
            )
            for row in range(first, min(first + BATCH, len(work.texts)))
        ]
        shard.update(edge.UpdateOperation.upsert_points(points))
    shard.optimize()
    if shard.info().indexed_vectors_count < 2 * len(work.texts):
        raise ValueError(f"{NAME} did not index everything: {shard.info()}")
    shard.flush()
    shard.close()


def _config(edge: Any, dim: int) -> Any:
    return edge.EdgeConfig(
        vectors={"vector": edge.EdgeVectorParams(size=dim, distance=edge.Distance.Dot)},
        sparse_vectors={"text": edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf)},
        hnsw_config=edge.HnswIndexConfig(m=M, ef_construct=EF_CONSTRUCTION, full_scan_threshold=0),
        optimizers=edge.EdgeOptimizersConfig(
            default_segment_number=1, indexing_threshold=1, max_segment_size=10_000_000
        ),
        max_search_threads=1,
        wal_enabled=False,
    )


def _rows(answer: Any) -> list[int]:
    return [point.id for point in answer]
