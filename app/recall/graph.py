"""An HNSW graph over unit vectors (Malkov and Yashunin 2016), by faiss.

faiss proposes positions; what they score is computed by the caller, in one way for all paths.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from app.domain.arrays import F32, Array, Bools
from app.domain.errors import CorruptArtifact

GRAPH_FILE = "hnsw.faiss"

_wrappers: Any = faiss
"""faiss as it is in Python: its type stubs lack keyword arguments, and an array as a bitmap."""


def build_graph(part: Path, vectors: F32, m: int, ef_construction: int) -> None:
    """Link the rows of `vectors` (n, dim) and write the file. Uses all cores.

    More than one thread inserts in an order of its own: two builds differ in some links.
    """
    index = faiss.IndexHNSWFlat(vectors.shape[1], m, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = ef_construction
    with threads(os.cpu_count() or 1):
        index.add(np.ascontiguousarray(vectors))
    faiss.write_index(index, str(part / GRAPH_FILE))


def extend_graph(before: Path, part: Path, vectors: F32) -> None:
    """Link more rows behind those of the graph under `before`, in a copy under `part`.

    By one thread: the same rows give the same graph.
    """
    index = faiss.read_index(str(before / GRAPH_FILE))
    if vectors.size:
        with threads(1):
            index.add(np.ascontiguousarray(vectors))
    faiss.write_index(index, str(part / GRAPH_FILE))


class Graph:
    """A graph opened for search. Thread-safe: a search changes nothing."""

    def __init__(self, index: Any) -> None:
        self._index = index
        storage: Any = faiss.downcast_index(index.storage)
        flat = faiss.rev_swig_ptr(storage.get_xb(), index.ntotal * index.d)
        self.vectors: F32 = flat.reshape(index.ntotal, index.d)
        self.vectors.flags.writeable = False  # the pages of the file

    @classmethod
    def open(cls, part: Path, n: int, dim: int) -> Graph:
        """Map the file, which the caller has verified, and check that it has n × dim."""
        index = faiss.read_index(str(part / GRAPH_FILE), faiss.IO_FLAG_MMAP_IFC)
        if (index.ntotal, index.d) != (n, dim):
            raise CorruptArtifact(
                f"{part / GRAPH_FILE} holds {index.ntotal} × {index.d}, the documents have "
                f"{n} × {dim}; run: duolu reindex"
            )
        return cls(index)

    def near(self, query: F32, width: int, allowed: Bools | None = None) -> Array:
        """Return the positions (width,) that a beam ends with; -1 behind them where it had fewer.

        `query` is (dim,) float32 and contiguous: faiss reads it where it lies, unasked.
        `allowed` (n,) keeps the others out of the answer, not out of the way to it.
        """
        parameters = _beam(width)
        if allowed is not None:  # both names must live until the search is over
            bits = np.packbits(allowed, bitorder="little")
            selector = _wrappers.IDSelectorBitmap(bits)
            parameters = _wrappers.SearchParametersHNSW(efSearch=width, sel=selector)
        near, cosines = np.empty(width, np.int64), np.empty(width, np.float32)
        self._index.search_c(  # one query is searched by one thread, this one
            1, faiss.swig_ptr(query), width, faiss.swig_ptr(cosines), faiss.swig_ptr(near),
            parameters,
        )  # fmt: skip
        return near


@lru_cache(maxsize=16)
def _beam(width: int) -> Any:
    """Return parameters that searches share: faiss reads them only."""
    return _wrappers.SearchParametersHNSW(efSearch=width)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let faiss use `count` threads in this block. OpenMP keeps the number for each caller."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(count)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
