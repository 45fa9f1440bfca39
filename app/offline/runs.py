"""The whole pipeline over a file of queries: a TREC run, or metrics with intervals."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from app.domain.errors import InvalidInput, UnknownName
from app.offline.confidence import Interval, mean_interval
from app.offline.judged import request_of
from app.offline.metrics import evaluate
from app.offline.progress import Progress
from app.offline.replay import Replay
from app.offline.trec import Topic, read_qrels, read_queries, write_run
from app.offline.workplace import Workplace
from app.pipeline.search import SearchResult
from app.query.understand import SearchRequest
from app.rank.local import LocalRanker
from app.rank.names import ReleaseNames
from app.rank.release import open_release, refuse_if_foreign
from app.snapshot.snapshot import Snapshot

DEPTH = 1000
SEED = 7


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """Means over queries with 95 % intervals."""

    intervals: Mapping[str, Interval]
    queries: int
    left_out: int  # without any relevant document
    release_id: str | None

    def to_json(self) -> dict[str, Any]:
        return {
            "metrics": {
                name: {"value": i.mean, "low": i.low, "high": i.high}
                for name, i in self.intervals.items()
            },
            "queries": self.queries,
            "left_out": self.left_out,
            "release_id": self.release_id,
        }


class Pipeline:
    """The published snapshot, tables and (if wanted) a release, ready to answer offline."""

    def __init__(
        self,
        place: Workplace,
        replay: Replay,
        ranker: LocalRanker | None,
        release_id: str | None,
        channels: tuple[str, ...] | None,
        threads: ThreadPoolExecutor,
    ) -> None:
        self._place = place
        self.replay = replay
        self.ranker = ranker
        self.release_id = release_id
        self.channels = channels
        self._threads = threads

    @classmethod
    def open(
        cls, place: Workplace, channels: str | None, rank: bool, release_id: str | None
    ) -> Self:
        """Open what is published. Raises UnknownName for a channel or release that is not there."""
        snapshot = place.snapshot()
        only = _channels(place, channels)
        threads = ThreadPoolExecutor(1, "rank")
        names = ReleaseNames(place.models, place.settings.rank.model)
        named = names.resolve(release_id) if release_id else place.stores.releases.current_id()
        wanted = named if rank else None
        ranker = open_ranker(place, wanted, snapshot, threads) if wanted else None
        replay = Replay(place.settings, snapshot, place.tables(snapshot))
        return cls(place, replay, ranker, wanted, only, threads)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.replay.__exit__(kind, error, trace)
        self._threads.shutdown()

    def answer(self, request: SearchRequest, now_ms: int) -> SearchResult:
        return self.replay.search(request, now_ms, self.ranker, self.channels)

    def requests(self, topics: Sequence[Topic]) -> list[SearchRequest]:
        """What the topics ask, people by the pseudonyms that they have."""
        with self._place.door() as door:
            return door.of_known([request_of(topic) for topic in topics])


def write_topics_run(
    pipeline: Pipeline, queries: Path, out: Path, limit: int, progress: Progress
) -> int:
    """Write a TREC run and return its lines."""
    run = {
        topic.qid: list(zip(result.ids, result.scores.tolist(), strict=True))
        for topic, result in _answers(pipeline, read_queries(queries), limit, progress)
    }
    return write_run(out, run)


def evaluate_run(
    pipeline: Pipeline, queries: Path, qrels: Path, metrics: Sequence[str], progress: Progress
) -> EvaluationReport:
    """Answer every query and score the answers."""
    topics, grades = read_queries(queries), read_qrels(qrels)
    evaluate({}, {}, metrics)  # an unknown metric is refused before the work
    depth = min(DEPTH, pipeline.replay.serving.search.max_candidates)
    run = {t.qid: list(r.ids) for t, r in _answers(pipeline, topics, depth, progress)}
    scored = evaluate(run, grades, metrics, [t.qid for t in topics])
    return EvaluationReport(
        {name: mean_interval(values, SEED) for name, values in scored.values.items()},
        len(scored.qids),
        scored.without_relevant,
        pipeline.release_id,
    )


def _answers(
    pipeline: Pipeline, topics: Sequence[Topic], limit: int, progress: Progress
) -> Iterator[tuple[Topic, SearchResult]]:
    now_ms = int(time.time() * 1e3)
    with progress.stage("search", len(topics), "queries") as advance:
        for topic, request in zip(topics, pipeline.requests(topics), strict=True):
            at = now_ms if topic.now_ms is None else topic.now_ms
            yield topic, pipeline.answer(replace(request, limit=limit), at)
            advance(1)


def _channels(place: Workplace, names: str | None) -> tuple[str, ...] | None:
    if names is None:
        return None
    asked = tuple(n.strip() for n in names.split(",") if n.strip())
    known = [n for n, c in place.settings.channels.items() if c.enabled]
    for name in asked:
        if name not in known:
            raise UnknownName("channel", name, f"known: {', '.join(known)}")
    if not asked:
        raise InvalidInput("--channels names none; write e.g. --channels lexical,geo")
    return asked


def open_ranker(
    place: Workplace, release_id: str, snapshot: Snapshot, threads: ThreadPoolExecutor
) -> LocalRanker:
    names = ReleaseNames(place.models, place.settings.rank.model)
    release = open_release(names.owner(release_id).path(release_id))
    refuse_if_foreign(release, snapshot)
    return LocalRanker.of(release, threads)
