"""Engines of one leg: tantivy and bm25s for text, faiss for vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from peers_asked import K, Work
from peers_leg import TEXT, VECTOR, Leg
from speed_peers import Tantivy, faiss_of

from app.bootstrap import Serving


def tantivy_leg(work: Work, folder: Path) -> Leg:
    """One segment, a field for each of ours boosted by its weight, frequencies, no positions."""
    if not folder.exists():
        Tantivy.build(work.documents, folder)
    index = Tantivy.open(work.documents, folder)
    queries = [index.query(question.terms) for question in work.questions]
    return Leg(
        "tantivy", TEXT, "BM25 a field, boosted, no count",
        lambda i: index.search(queries[i], K, count=False), list,
    )  # fmt: skip


def bm25s_leg(work: Work) -> Leg:
    """Scores of all documents from a sparse matrix; its Numba backend, one thread."""
    import bm25s

    words: dict[str, int] = {}
    corpus = [[words.setdefault(w, len(words)) for w in text.split()] for text in work.texts]
    index = bm25s.BM25(k1=1.2, b=0.75, backend="numba")
    index.index(bm25s.tokenization.Tokenized(corpus, words), show_progress=False)
    known = [[t for t in question.terms if t in words] for question in work.questions]

    def ask(i: int) -> Any:
        return index.retrieve([known[i]], k=K, n_threads=0, show_progress=False)[0]

    return Leg("bm25s", TEXT, "BM25 (lucene), numba", ask, lambda rows: rows[0].tolist())


def faiss_leg(work: Work, serving: Serving) -> Leg:
    """The very graph that serves, with the beam that serves; a scan where ours is one."""
    index, parameters = faiss_of(serving)
    queries = [np.ascontiguousarray(question.vector[np.newaxis]) for question in work.questions]
    return Leg(
        "faiss", VECTOR, f"our graph, ef {parameters.efSearch}" if parameters else "scan",
        lambda i: index.search(queries[i], K, params=parameters)[1], lambda rows: rows[0].tolist(),
    )  # fmt: skip
