"""What the ranker does for a call, start to end, on a thread of the ranking pool."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np

from app.bootstrap import Engine
from app.domain.arrays import F32, I64
from app.domain.candidates import CandidateSet
from app.domain.errors import InvalidQuery, NothingServes, UnknownName, VersionUnknown
from app.domain.query import Deadline
from app.online.ranker.schemas import RerankBody
from app.pipeline.select import best_first
from app.pipeline.serving import make_context
from app.query.understand import SearchRequest, understand
from app.rank.call import RankCall, place
from app.rank.drawing import handed_back, seed_of
from app.rank.explanation import explain
from app.rank.local import LocalRanker
from app.rank.ranker import Ranking
from app.rank.reply import RankReply
from app.rank.sound import places_of
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables

NOWHERE: I64 = np.empty(0, np.int64)


class NotOpen(Exception):
    """A release must be opened first, which would hold up a thread that ranks."""

    def __init__(self, release_id: str, snapshot: Snapshot, tables: Tables) -> None:
        self.release_id = release_id
        self.snapshot = snapshot
        self.tables = tables
        super().__init__(release_id)


async def open_missing(engine: Engine, missing: NotOpen, deadline: Deadline) -> None:
    """Open what a call lacked. Raises VersionUnknown where it does not exist."""
    try:
        await engine.shelf.opened(missing.release_id, missing.snapshot, missing.tables, deadline)
    except UnknownName as error:
        raise VersionUnknown(str(error), "release_id", missing.release_id, error.known) from None


def rank_in_time(engine: Engine, call: RankCall, until: Deadline) -> RankReply:
    """Do as `rank` does, until then or until the caller stops waiting, whichever is sooner."""
    sooner = Deadline(min(until.at_ns, Deadline.after_ms(call.timeout_ms).at_ns))
    return rank(engine, call, sooner)


def rank(engine: Engine, call: RankCall, deadline: Deadline) -> RankReply:
    """Score a call's candidates by the versions that it names.

    Raises VersionUnknown for versions that are not here, InvalidQuery for rows that are not,
    TimeoutError when the caller has stopped waiting, NotOpen before anything was computed.
    """
    started = time.perf_counter()
    if deadline.has_passed():
        raise TimeoutError("the caller stopped waiting before a thread was free")
    snapshot, tables = engine.version(call.snapshot_id, call.log_seq, call.tables_id)
    release_id, ranker = _ranker(engine, snapshot, tables, call.release_id)
    ctx = place(call, snapshot, tables, deadline, release_id)
    ranking = ranker.ranking(ctx, call.candidates)
    took_ms = (time.perf_counter() - started) * 1e3
    versions = (call.request_id, snapshot.id, snapshot.log_seq, tables.id, release_id)
    places, features = _handed_back(call, ranking)
    if not places.size:
        return RankReply(*versions, took_ms, ranking.scores)
    reply = RankReply(
        *versions, took_ms, ranking.scores, ranking.feature_names, places, features, ranking.lists
    )
    return _explained(call, ranker, ranking, reply) if call.explain else reply


def _explained(
    call: RankCall, ranker: LocalRanker, ranking: Ranking, reply: RankReply
) -> RankReply:
    """Add what each feature of the rows that were asked for adds to their scores."""
    against = np.flatnonzero(call.candidates.rows == call.against)
    if call.against is not None and not against.size:
        limit = "one of the candidates' rows"
        raise InvalidQuery("against", call.against, limit, "name a candidate")
    other = int(against[0]) if against.size else None
    why = explain(ranker.model, ranking.features, reply.places, other)
    return replace(
        reply, base_score=why.base_score, contributions=why.contributions,
        differences=why.differences,
    )  # fmt: skip


def rerank(
    engine: Engine, asked: RerankBody, search: SearchRequest, now_ms: int, deadline: Deadline
) -> dict[str, Any]:
    """Order documents by the release that serves; no channel is asked, so hit_* are missing.

    `search` is what was asked, people by pseudonyms.
    """
    serving = engine.acquire()
    snapshot = serving.snapshot
    named = engine.choosing.names.resolve(asked.model) if asked.model else None
    release_id, ranker = _ranker(engine, snapshot, serving.tables, named)
    query = understand(search, snapshot, now_ms)
    ctx = make_context(serving, query, deadline, release_id)
    rows, which = np.unique(_rows(snapshot, asked.documents), return_inverse=True)
    scores = ranker.score(ctx, _unrecalled(rows))[which]
    order = best_first(scores)[: asked.top_n]
    return {
        "id": ctx.request_id,
        "results": [{"index": int(i), "relevance_score": scores[i]} for i in order],
        "snapshot_id": snapshot.id,
        "log_seq": snapshot.log_seq,
        "tables_id": serving.tables.id,
        "release_id": release_id,
    }


def _ranker(
    engine: Engine, snapshot: Snapshot, tables: Tables, release_id: str | None
) -> tuple[str, LocalRanker]:
    release_id = release_id or (engine.serving.release_id if engine.serving else None)
    if release_id is None:
        raise NothingServes("no release is published; run: duolu train RECIPE --publish")
    held = engine.shelf.find(release_id, snapshot)
    if held is None:
        raise NotOpen(release_id, snapshot, tables)
    return release_id, held.ranker


def _handed_back(call: RankCall, ranking: Ranking) -> tuple[I64, F32]:
    """Choose whose features are wanted: the best, then the drawn, then the named. (k,), (k, d)"""
    if not (call.features or call.drawn or call.rows):
        return NOWHERE, ranking.features[:0]
    chosen: tuple[I64, F32] = handed_back(
        ranking.scores, ranking.features, call.features, seed_of(call.request_id), call.drawn,
        _named(call),
    )  # fmt: skip
    return chosen


def _named(call: RankCall) -> I64:
    if not call.rows:
        return NOWHERE
    rows = np.array(call.rows, np.int64)
    named: I64 = places_of(call.candidates.rows, rows)
    if named.size and named.min() < 0:
        missing = int(rows[named.argmin()])
        raise InvalidQuery("rows", missing, "one of the candidates' rows", "name a candidate")
    return named


def _rows(snapshot: Snapshot, ids: list[str]) -> I64:
    rows = np.array([snapshot.documents.ids.find(i) for i in ids], np.int64)
    if (rows < 0).any():
        at = int(np.argmin(rows))
        raise InvalidQuery(
            f"documents.{at}", ids[at], f"not in snapshot {snapshot.id}", "leave it out"
        )
    return rows


def _unrecalled(rows: I64) -> CandidateSet:
    """Candidates that no channel brought."""
    n = rows.size
    return CandidateSet(
        rows.astype(np.int32), np.zeros(n, np.float32), (),
        np.empty((n, 0), np.float32), np.empty((n, 0), np.int16),
    )  # fmt: skip
