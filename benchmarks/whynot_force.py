"""What becomes of documents in a search, by brute force: every stage over the whole catalogue.

Channels are asked for all that they find and models for their scores; filters are evaluated on the
catalogue's own JSON, lists are merged, ordered, grouped and cut in plain Python.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from app.domain.candidates import CandidateSet, ChannelHits
from app.merge.convex import ConvexMerger
from app.pipeline.serving import Framed
from app.query.understand import SearchRequest
from app.rank.local import LocalRanker
from app.snapshot.context import SearchContext

Document = Mapping[str, Any]
MOST = 1_000
"""Would-be ranks are told up to here."""


@dataclass(frozen=True)
class Force:
    """One search and the catalogue as it is read by people: id → JSON."""

    framed: Framed
    request: SearchRequest
    catalogue: Mapping[str, Document]
    deleted: frozenset[str]

    @property
    def ctx(self) -> SearchContext:
        return self.framed.ctx

    def stage_of(self, id_: str) -> tuple[str | None, int | None]:
        """Return the first stage that drops the document, None for none, and its final rank."""
        if id_ in self.deleted:
            return "deleted", None
        if id_ not in self.catalogue:
            return "not_in_snapshot", None
        if not self._allows(self.catalogue[id_]):
            return "filtered", None
        rank = self.order.index(id_) + 1 if id_ in self.order else None
        if rank is not None:
            is_shown = rank <= self.request.offset + self.request.limit
            return (None if is_shown else "below_page"), rank
        if id_ in self.candidates:
            return "rule", None
        is_recalled = any(id_ in found[: self._ks[name]] for name, found in self.found.items())
        return ("cut_before_rank" if is_recalled or self._browses else "not_recalled"), None

    def would_be(self, channel: str, id_: str) -> int | None:
        """Return the document's rank in all that a channel finds, None where it is too far down."""
        found = self.found[channel]
        return found.index(id_) + 1 if id_ in found[:MOST] else None

    @cached_property
    def hits(self) -> dict[str, ChannelHits]:
        """Return all that each channel finds."""
        lanes = [e for e in self.framed.serving.search.fanout.lanes if e.channel.accepts(self.ctx)]
        return {e.name: e.channel.recall(self.ctx, len(self.ctx.snapshot)) for e in lanes}

    @cached_property
    def found(self) -> dict[str, list[str]]:
        """Return the same as ids, best first."""
        return {name: self._ids(hits.rows) for name, hits in self.hits.items()}

    @property
    def _ks(self) -> dict[str, int]:
        return {lane.name: lane.k for lane in self.framed.serving.search.fanout.lanes}

    @cached_property
    def merged(self) -> list[int]:
        """Return the rows of all lists by falling sum of weighed scores, see ConvexMerger."""
        merger = self.framed.serving.search.merger
        assert isinstance(merger, ConvexMerger)
        fused: dict[int, float] = {}
        for name, hits in self.hits.items():
            k = self._ks[name]
            weight = merger.weights.get(name, 1.0) * hits.certainty
            scores = [float(s) for s in hits.scores[:k]]
            low, high = min([0.0, *scores]), max(scores, default=0.0)
            for row, score in zip(hits.rows[:k].tolist(), scores, strict=True):
                share = (score - low) / (high - low) if high > low else 1.0
                fused[row] = fused.get(row, 0.0) + share * weight
        rows = sorted(fused, key=lambda row: (-float(np.float32(fused[row])), row))
        if self._browses:
            rest = [self.ctx.snapshot.documents.row_of(i) for i in self.catalogue
                    if self._allows(self.catalogue[i])]  # fmt: skip
            rows += sorted(set(rest) - set(rows))
        return rows

    @cached_property
    def candidates(self) -> list[str]:
        return self._ids(self.merged[: self.framed.serving.search.max_candidates])

    @cached_property
    def order(self) -> list[str]:
        """Return the final order, by the scores that the model gives the search's candidates."""
        given = self._given
        assert set(self._ids(given.rows)) == set(self.candidates), "merged otherwise than by force"
        scores = given.fused if self._ranker is None else self._ranker.score(self.ctx, given)
        places = sorted(range(len(given)), key=lambda i: -scores[i])  # stable: as merged
        ordered = [self._ids(given.rows)[i] for i in places]
        return ordered if self.request.group_by is None else self._first_of_each(ordered)

    def _first_of_each(self, ordered: Sequence[str]) -> list[str]:
        seen, kept = set(), []
        for id_ in ordered:
            value = self.catalogue[id_].get(self.request.group_by or "")
            if value is None or value not in seen:
                kept.append(id_)
            seen.add(value)
        return kept

    @property
    def _ranker(self) -> LocalRanker | None:
        ranker = self.framed.by.ranker
        assert ranker is None or isinstance(ranker, LocalRanker)
        return ranker

    @cached_property
    def _given(self) -> CandidateSet:
        """Return the search's own candidates: features read their order and their channels."""
        search = self.framed.serving.search
        hits = [
            self.hits[name]._replace(
                rows=self.hits[name].rows[:k], scores=self.hits[name].scores[:k]
            )
            if name in self.hits
            else ChannelHits.nothing(name)
            for name, k in self._ks.items()
        ]
        return search._merge(self.ctx, tuple(hits))

    @property
    def _browses(self) -> bool:
        return not self.ctx.query.terms and self.ctx.query.filters is not None

    def _ids(self, rows: Any) -> list[str]:
        strings = self.ctx.snapshot.documents.ids.strings
        return [strings[int(row)] for row in rows]

    def _allows(self, document: Document) -> bool:
        musts = [q.range for q in self.ctx.query.reading.quantities if q.is_hard]
        within = all(
            r.lower <= document.get(r.field, math.nan) <= r.upper for r in musts
        )  # bounds that queries say are closed
        return within and holds(self.request.filters or {}, document)


def holds(filters: Mapping[str, Any], document: Document) -> bool:
    """Evaluate filters as docs/api.md describes them: numbers, keywords, `or`, `not`."""
    return all(_holds(key, wanted, document) for key, wanted in filters.items())


def _holds(key: str, wanted: Any, document: Document) -> bool:
    if key == "or":
        return any(holds(part, document) for part in wanted)
    if key == "not":
        return not holds(wanted, document)
    value = document.get(key)
    if value is None:
        return False
    if isinstance(wanted, dict):
        signs = {"gte": value.__ge__, "gt": value.__gt__, "lte": value.__le__, "lt": value.__lt__}
        return all(signs[sign](bound) for sign, bound in wanted.items())
    held = value if isinstance(value, list) else [value]
    return bool(set(held) & set(wanted if isinstance(wanted, list) else [wanted]))
