"""Vector: the documents whose meaning is closest to the query's, by cosine.

Few rows are measured one by one, many are found through an HNSW graph. A filter acts inside the
search: it narrows the scan, or keeps rows out of a beam that is widened to make up for them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numba import njit, types

from app.corpus.documents import Documents
from app.corpus.masks import rows_in
from app.corpus.ragged import open_array, save_array
from app.domain.arrays import F32, I64, Array, Bools, Rows
from app.domain.candidates import ChannelHits
from app.domain.filters import RowMask
from app.recall.channel import ChannelConfig
from app.recall.graph import GRAPH_FILE, Graph, build_graph, extend_graph
from app.recall.newer import NO_ROWS, base_part, floor_of
from app.recall.newer_vectors import NewerVectors
from app.recall.options import read_options
from app.recall.topk import add_keys, key_of, top_keys
from app.snapshot.context import SearchContext
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables

NAME = "vector"
MOSTLY, SPARE = 0.9, 1.05  # share of rows that are mostly all; how much wider a beam is for them
WIDEST = 5  # × ef_search: the beam for those who ask for more than the usual one finds


@dataclass(frozen=True, slots=True)
class VectorOptions:
    m: int = 16  # links of a node
    ef_construction: int = 160  # width of the beam that finds the links of a new node
    ef_search: int = 120  # width of the beam; recall against milliseconds
    exact_below: int = 20_000  # up to so many rows are measured one by one
    scans_per_beam: int = 64  # rows measured in the time that a beam takes by unit of its width


@dataclass(frozen=True, slots=True)
class VectorChannel:
    """The score is the cosine, always above 0: what points elsewhere is no match.

    A position counts the rows that have a vector; it is the row itself where all have one.
    """

    vectors: F32  # (p, dim) unit length, by position
    rows: Rows  # (p,) ascending
    graph: Graph | None  # None where the catalogue is small
    options: VectorOptions
    n: int  # rows of the snapshot
    newer: NewerVectors | None = None  # None where the catalogue has no vectors

    @classmethod
    def build(cls, documents: Documents, part: Path, config: ChannelConfig) -> None:
        options = read_options(VectorOptions, NAME, config)
        if documents.vectors is None:
            return
        rows = np.flatnonzero(documents.vectors.any(axis=1)).astype(np.int32)
        save_array(part / "rows", rows)
        if rows.size > options.exact_below:
            vectors = _at(documents.vectors, rows)
            build_graph(part, vectors, options.m, options.ef_construction)

    @classmethod
    def extend(
        cls, documents: Documents, part: Path, config: ChannelConfig, before: Path, first_row: int
    ) -> None:
        """Link the rows from first_row on into a copy of the graph, where there is one.

        Rows that died since stay on the way to others; the mask keeps them out of answers.
        """
        if documents.vectors is None or not (before / GRAPH_FILE).exists():
            cls.build(documents, part, config)
            return
        new = np.flatnonzero(documents.vectors[first_row:].any(axis=1)).astype(np.int32)
        rows = np.append(open_array(before / "rows"), new + np.int32(first_row))
        save_array(part / "rows", rows)
        extend_graph(before, part, documents.vectors[first_row:][new])

    @classmethod
    def open(cls, snapshot: Snapshot, tables: Tables, part: Path, config: ChannelConfig) -> Self:
        options = read_options(VectorOptions, NAME, config)
        vectors, n = snapshot.documents.vectors, len(snapshot)
        if vectors is None:
            nothing = np.empty((0, 0), np.float32)
            return cls(nothing, np.empty(0, np.int32), None, options, n)
        rows, newer = open_array(part / "rows"), NewerVectors.behind(vectors)
        if not (part / GRAPH_FILE).exists():
            return cls(_at(vectors, rows), rows, None, options, n, newer)
        graph = Graph.open(part, rows.size, vectors.shape[1])
        return cls(graph.vectors, rows, graph, options, n, newer)

    def follow(self, view: Snapshot, tables: Tables) -> Self:
        vectors = view.documents.vectors
        if vectors is None or self.newer is None:
            return self
        return replace(self, newer=self.newer.follow(view, vectors))

    def accepts(self, ctx: SearchContext) -> bool:
        return ctx.query.vector is not None and self._knows_any()

    def _knows_any(self) -> bool:
        return self.rows.size > 0 or (self.newer is not None and self.newer.rows.size > 0)

    def recall(self, ctx: SearchContext, k: int) -> ChannelHits:
        query = ctx.query.vector
        if query is None or not self._knows_any():
            return ChannelHits.nothing(NAME)
        query = np.ascontiguousarray(query, np.float32)
        rows, scores = self._near(query, base_part(ctx.mask, self.n), k)
        if self.newer is not None and self.newer.rows.size:
            newer = self.newer.near(query, ctx, floor_of(scores, k))
            keys = cosine_keys(self.newer.vectors, newer, NO_ROWS, query)
            rows, scores = add_keys(rows, scores, keys, k)
        if scores.size and scores[-1] <= 0:  # scores fall; 0 is no match
            matching = int(np.searchsorted(-scores, 0.0))
            rows, scores = rows[:matching], scores[:matching]
        return ChannelHits(NAME, rows, scores)

    def _near(self, query: F32, mask: RowMask | None, k: int) -> tuple[Rows, F32]:
        """Find the nearest of the snapshot's own rows."""
        if not self.rows.size:
            return NO_ROWS, np.empty(0, np.float32)
        if query.shape != self.vectors.shape[1:]:
            raise ValueError(f"vector of {query.shape}, documents have {self.vectors.shape[1:]}")
        allowed, count = self._allowed(mask)
        width = beam_width(self.options.ef_search, count, self.rows.size)
        if self.graph is None or self._is_scanned(count, width):
            positions = np.arange(count) if allowed is None else rows_in(allowed)
            return self._ranked(query, positions, k)
        return self._from_graph(self.graph, query, width, allowed, count, k)

    def _is_scanned(self, count: int, width: int) -> bool:
        """Tell whether measuring `count` rows is exact at no higher cost than the beam."""
        return count <= max(self.options.exact_below, self.options.scans_per_beam * width)

    def _from_graph(
        self, graph: Graph, query: F32, width: int, allowed: Bools | None, count: int, k: int
    ) -> tuple[Rows, F32]:
        """Rank all that the beam found, so that a smaller k gives a prefix of a larger one.

        Who asks for more gets the rest from a wider beam, or from all rows where that is cheaper,
        behind the last of the usual one.
        """
        wide = min(WIDEST * width, self.rows.size)
        near = self._beam(graph, query, width, allowed, count)
        if allowed is not None and near[-1] < 0:
            return self._astray(graph, query, wide, allowed, count, k)
        rows, scores = self._ranked(query, near, width)
        if k <= rows.size or not rows.size or scores[-1] <= 0:
            return rows[:k], scores[:k]
        if allowed is not None and self._is_scanned(count, wide):
            near = rows_in(allowed)
        else:
            near = graph.near(query, wide, allowed)
        more, lower = self._ranked(query, near, near.size)
        behind = (lower < scores[-1]) | ((lower == scores[-1]) & (more > rows[-1]))
        rows, scores = np.append(rows, more[behind]), np.append(scores, lower[behind])
        return rows[:k], scores[:k]

    def _beam(
        self, graph: Graph, query: F32, width: int, allowed: Bools | None, count: int
    ) -> Array:
        """Return what a beam ends with, -1 behind it where it had fewer than it should.

        Where few rows are left out, as the dead are, a beam that is wide enough to lose some is
        quicker than one that asks of every row whether it is allowed.
        """
        if allowed is not None and count >= MOSTLY * self.rows.size:
            enough = self.options.ef_search
            near = graph.near(query, int(SPARE * enough * self.rows.size / count) + 1)
            near = near[near >= 0]
            near = near[allowed[near]]
            if near.size >= enough:
                return near
        return graph.near(query, width, allowed)

    def _astray(
        self, graph: Graph, query: F32, wide: int, allowed: Bools, count: int, k: int
    ) -> tuple[Rows, F32]:
        """Rank for a filter that forbids what is closest: a beam ends there, and is not full.

        What it passed on its way is not what is closest among the allowed: of a circle elsewhere it
        is next to nothing. A wider one may come through; else all that are allowed are measured.
        """
        if not self._is_scanned(count, wide):
            near = graph.near(query, wide, allowed)
            if near[-1] >= 0:
                return self._ranked(query, near, k)
        return self._ranked(query, rows_in(allowed), k)

    def _allowed(self, mask: RowMask | None) -> tuple[Bools | None, int]:
        """Return the mask by position and how many positions it allows."""
        if mask is None:
            return None, self.rows.size
        if self.rows.size == self.n:
            return mask.allowed, mask.count
        allowed = mask.allowed[self.rows]
        return allowed, int(np.count_nonzero(allowed))

    def _ranked(self, query: F32, positions: Array, k: int) -> tuple[Rows, F32]:
        """Measure positions, but for -1, and return the best k rows with their cosines."""
        at = positions.astype(np.int64, copy=False)
        return top_keys(cosine_keys(self.vectors, at, self.rows, query), k)


def beam_width(ef_search: int, count: int, n: int) -> int:
    """Return how wide a beam finds, among `count` allowed of n, what ef_search finds among all.

    Rows that are not allowed fill the beam too. This power of their share keeps recall at or above
    where it is without a filter down to 1 in 10, measured at 10⁵ and 10⁶ rows; below that the scan
    is cheaper anyway.
    """
    return int(np.ceil(ef_search * (n / max(count, 1)) ** 0.75))


@njit(
    (
        types.Array(types.float32, 2, "C", readonly=True),
        types.Array(types.int64, 1, "C", readonly=True),
        types.Array(types.int32, 1, "C", readonly=True),
        types.Array(types.float32, 1, "C", readonly=True),
    ),
    cache=True,
    nogil=True,
    fastmath={"reassoc", "contract"},
)
def cosine_keys(vectors: F32, positions: Array, rows: Rows, query: F32) -> I64:
    """Return a key of row and cosine for each position that is not negative: topk.top_keys.

    `rows` are those of the positions; without any a position is the row itself. One vector at a
    time, so that a row's score is the same bits whatever is scored beside it.
    """
    keys, m = np.empty(positions.size, np.int64), 0
    for i in range(positions.size):
        at = positions[i]
        if at < 0:
            continue
        total = np.float32(0)
        for j in range(query.size):
            total += vectors[at, j] * query[j]
        keys[m] = key_of(total, rows[at] if rows.size else at)
        m += 1
    return keys[:m]


def _at(vectors: F32, rows: Rows) -> F32:
    """Return these rows' vectors, uncopied where they are all."""
    return vectors if rows.size == len(vectors) else vectors[rows]
