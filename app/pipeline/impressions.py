"""From a served search to the record of it: what was shown, and a sample of what was not.

A search hands over references (`Seen`); the record is made later, on the log's own thread.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np

from app.corpus.documents import Documents
from app.corpus.schema import NUMERIC
from app.domain.arrays import F32, I64, Bools
from app.domain.candidates import CandidateSet
from app.domain.impressions import Impression
from app.domain.user import PREFERENCE_FIELDS
from app.features.catalog import CATALOG
from app.features.inputs import gather
from app.pipeline.search import SearchResult
from app.pipeline.select import best_first
from app.rank.ranker import Keep, Ranking
from app.rank.shadow import ShadowScores
from app.snapshot.context import SearchContext


@dataclass(frozen=True, slots=True)
class Seen:
    """What a search leaves behind: all of it read only, none of it copied."""

    ctx: SearchContext  # without its mask: a bit a document would be held for nothing
    candidates: CandidateSet  # (n,)
    ranking: Ranking  # of the n candidates
    picked: I64  # (m,) places of the page among them
    release_id: str | None
    degraded: tuple[str, ...]
    radius_km: float | None
    filters: Mapping[str, Any] | None
    experiment: str | None = None  # that chose the release
    moved: Mapping[int, str] = field(default_factory=dict)  # place → the rule that moved it
    drawn: Mapping[int, float] = field(default_factory=dict)  # place → chance of being shown
    shadow: ShadowScores | None = None  # what another release says of the candidates

    @property
    def nbytes(self) -> int:
        """What holding it keeps in memory, beside the snapshot that is mapped."""
        c, r = self.candidates, self.ranking
        arrays = (c.rows, c.fused, c.scores, c.ranks, r.scores, r.features)
        return sum(a.nbytes for a in arrays) + 2_000


def seen_of(
    ctx: SearchContext,
    result: SearchResult,
    radius_km: float | None,
    filters: Mapping[str, Any] | None,
    experiment: str | None = None,
) -> Seen:
    """Hand over a search that was answered. A few microseconds: the caller is still waiting."""
    return Seen(
        ctx if ctx.mask is None else replace(ctx, mask=None),
        result.candidates, result.ranking, result.picked, result.release_id, result.degraded,
        radius_km, filters, experiment, result.moved, result.drawn,
    )  # fmt: skip


def impression_of(seen: Seen, keep: Keep, unshown: int) -> Impression:
    """Write down the page and `unshown` other candidates, each as it was ranked."""
    ctx, query, candidates = seen.ctx, seen.ctx.query, seen.candidates
    places = np.concatenate([seen.picked, _unshown(seen, keep, unshown)])
    features, has_features = _features(seen.ranking, places)
    ids = ctx.snapshot.documents.ids.strings
    return Impression(
        request_id=ctx.request_id,
        now_ms=query.now_ms,
        text=query.text,
        terms=query.terms,
        user_id=query.user_id,
        client_id=query.client_id,
        origin=query.origin,
        radius_km=seen.radius_km,
        filters=seen.filters,
        limit=query.limit,
        offset=query.offset,
        snapshot_id=ctx.snapshot.id,
        tables_id=ctx.tables.id,
        release_id=seen.release_id,
        experiment=seen.experiment,
        log_seq=ctx.snapshot.log_seq,
        event_seq=ctx.event_seq,
        degraded=seen.degraded,
        ids=tuple(ids[row] for row in candidates.rows[places].tolist()),
        shown=seen.picked.size,
        fused=candidates.fused[places],
        scores=seen.ranking.scores[places],
        channels=candidates.channels,
        hit_scores=candidates.scores[places],
        hit_ranks=candidates.ranks[places],
        lists=list_values(ctx, candidates, seen.ranking.lists),
        feature_names=seen.ranking.feature_names,
        features=features,
        has_features=has_features,
        **_shadow(seen, places),
        **_moved(seen),
    )


def _moved(seen: Seen) -> dict[str, Any]:
    """Say of the page what stands where it stands for another reason than its score."""
    picked = seen.picked.tolist()
    told: dict[str, Any] = {}
    if any(place in seen.moved for place in picked):
        told["moved_by"] = tuple(seen.moved.get(place, "") for place in picked)
    if any(place in seen.drawn for place in picked):
        told["drawn"] = np.array([seen.drawn.get(p, np.nan) for p in picked], np.float32)
    return told


def _shadow(seen: Seen, places: I64) -> dict[str, Any]:
    """What the shadow says of these places, and where each stands in its order of all."""
    shadow = seen.shadow
    if shadow is None:
        return {}
    order = best_first(shadow.scores)
    ranks = np.empty(order.size, np.int32)
    ranks[order] = np.arange(1, order.size + 1)
    return {
        "shadow_release_id": shadow.release_id,
        "shadow_scores": shadow.scores[places],
        "shadow_ranks": ranks[places],
    }


def list_values(
    ctx: SearchContext, candidates: CandidateSet, known: Mapping[str, float]
) -> dict[str, float]:
    """Every list_* input that some feature of the catalogue reads, of the whole list.

    `known` are those that the ranking read; the others are computed here.
    """
    if not len(candidates):
        return {}
    names = _list_names(_fields(ctx.snapshot.documents), candidates.channels)
    values = {**known, **gather([n for n in names if n not in known], ctx, candidates)}
    return {name: float(values[name]) for name in names}


def _unshown(seen: Seen, keep: Keep, count: int) -> I64:
    """The first of the drawn that are not on the page, in the order of candidates."""
    shown = set(seen.picked.tolist())
    drawn = keep.draw(seen.ctx.request_id, len(seen.candidates))
    return np.array(sorted([place for place in drawn if place not in shown][:count]), np.int64)


def _features(ranking: Ranking, places: I64) -> tuple[F32, Bools]:
    """Return (m, d) features of these places, and of which they are known."""
    at = np.full(ranking.scores.size, -1, np.int64)
    at[ranking.places] = np.arange(ranking.places.size)
    found = at[places]
    known = found >= 0
    features = np.full((places.size, len(ranking.feature_names)), np.nan, np.float32)
    if known.any():
        features[known] = ranking.features[found[known]]
    return features, known


Fields = tuple[tuple[str, tuple[str, ...]], ...]


def _fields(documents: Documents) -> Fields:
    """The fields that each kind of template may be asked for."""
    schema = documents.schema
    return (
        ("text", tuple(f.name for f in schema.searched)),
        ("number", tuple(f.name for f in schema.of_type(*NUMERIC))),
        ("preference", tuple(f for f in PREFERENCE_FIELDS if f in schema.fields)),
    )


@lru_cache(64)
def _list_names(fields: Fields, channels: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({name for name in _inputs(dict(fields) | {"channel": channels})}))


def _inputs(fields: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    features = [
        *CATALOG.features.values(),
        *(t.of(f) for t in CATALOG.templates.values() for f in fields.get(t.over, ())),
    ]
    for feature in features:
        yield from (name for name in feature.inputs if name.startswith("list_"))
