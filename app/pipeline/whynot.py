"""Why a document stands where it stands in an answer, why it is missing, and what sets two apart.

The search is run once more, whole, and all that is said is read from that run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from app.corpus.document_log import DocumentLog
from app.domain.arrays import I64
from app.domain.changes import Entry
from app.pipeline.dropped import Dropped, absent, dropped, filtered
from app.pipeline.explain import explain_places
from app.pipeline.fused import explain_fused
from app.pipeline.serving import Framed
from app.pipeline.whole import Whole, run_whole
from app.pipeline.would_be import InChannel, in_channels
from app.rank.explanation import Explanation

History = Callable[[str], Sequence[Entry]]
"""What the document log holds of a document: its newest put or delete, and patches behind it."""


def history_of(log: DocumentLog) -> History:
    """Look documents up in a log, which may not have begun. Blocking; raises StoreUnavailable."""
    return lambda id_: log.of_document(id_, 0) if log.has_begun() else ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one document."""

    id: str
    rank: int | None  # from 1 in the whole list; None where it is not in it
    score: float | None  # of the ranking; None where it was not ranked
    dropped: Dropped | None  # None: it is on the page that was asked for, or before it
    channels: tuple[InChannel, ...]  # empty where searches may not see it, or asked none
    place: int | None  # among the candidates

    @property
    def found(self) -> bool:
        return self.dropped is None


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What became of the documents that were asked about, and what their scores are made of."""

    whole: Whole
    documents: tuple[Verdict, ...]  # as asked for: one, or the two that are compared
    explanation: Explanation | None  # of those that were ranked, in that order
    degraded: tuple[str, ...]

    def explained(self, verdict: Verdict) -> int | None:
        """Return the document's row of the explanation, None where it has none."""
        if self.explanation is None or verdict.place is None:
            return None
        return int(np.flatnonzero(self.explanation.places == verdict.place)[0])


async def explain_documents(
    framed: Framed, only: Collection[str] | None, ids: Sequence[str], history: History
) -> Verdicts:
    """Say what became of one document, or of two. Raises as `Search.run` does.

    `only` names the channels to ask, None asks all.
    """
    whole = await run_whole(framed, only)
    rows = [whole.ctx.snapshot.documents.row_of(id_) for id_ in ids]
    kept_out = [
        filtered(whole, row)
        if row >= 0
        else absent(id_, whole.ctx.snapshot, await asyncio.to_thread(history, id_))
        for id_, row in zip(ids, rows, strict=True)
    ]
    seen = [row for row, out in zip(rows, kept_out, strict=True) if out is None]
    told = iter(await in_channels(whole.fanout, whole.ctx, whole.result.hits, seen))
    verdicts = [
        await _verdict(whole, id_, row, next(told)) if out is None else _kept_out(id_, out)
        for id_, row, out in zip(ids, rows, kept_out, strict=True)
    ]
    places = [v.place for v in verdicts if v.place is not None]
    against = places[1] if len(places) == 2 else None
    why, trouble = await _explained(framed, whole, np.array(places, np.int64), against)
    return Verdicts(whole, tuple(verdicts), why, (*whole.result.degraded, *trouble))


async def _explained(
    framed: Framed, whole: Whole, places: I64, against: int | None
) -> tuple[Explanation | None, tuple[str, ...]]:
    """Say what scores are made of: by the model's features, or where none ranked by channels."""
    if whole.result.release_id is None:
        return explain_fused(whole.merger, whole.result, places, against), ()
    return await explain_places(whole.ctx, whole.result, framed.by.ranker, places, against)


async def _verdict(whole: Whole, id_: str, row: int, channels: tuple[InChannel, ...]) -> Verdict:
    rank, place = whole.rank_of(row), whole.place_of(row)
    is_scored = place is not None and not whole.ctx.query.sort
    score = float(whole.result.ranking.scores[place]) if is_scored else None
    return Verdict(id_, rank, score, await dropped(whole, row, channels), channels, place)


def _kept_out(id_: str, out: Dropped) -> Verdict:
    return Verdict(id_, None, None, out, (), None)
