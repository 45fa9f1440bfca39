"""One request, stage by stage, and the bare engine calls of the same work: all in this thread.

understand   limits, analysis, query vector, the person's state, filters
text, vector the channel's own `recall`
others       the sum of all other channels' `recall`, one after another
fan-out      the lanes with channels that answer at once, and the way on to ranking, which the last
             channel's thread begins, and back: threads, deadlines, wake-ups
merge        hits to candidates
features     LocalRanker.matrix
model        the model's predict: not counted among "everything else"
select       the page, the count and the ids
json         the answer as bytes
threads      (bare) as many threads woken by a queue; the last wakes the event loop
whole        Engine.search as served, channels side by side, and json
recall       of that, until the last channel had answered
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, cast

import uvloop
from speed_catalogue import Asked
from speed_peers import Bare, BareThreads

from app.bootstrap import Engine
from app.corpus import reader
from app.domain.arrays import F32
from app.domain.candidates import CandidateSet, ChannelHits
from app.domain.query import Deadline
from app.online.gateway.answer import answer_body
from app.online.json_body import to_json
from app.pipeline.select import select
from app.pipeline.serving import Answer, make_context
from app.pipeline.totals import count_matches
from app.query.understand import understand
from app.rank.local import LocalRanker
from app.recall.channel import RecallChannel
from app.recall.crew import Berth
from app.recall.fanout import Fanout, Hits, Then
from app.snapshot.context import SearchContext

PATIENCE_MS = 3_600_000.0  # an hour: contexts are made before the first round
OTHERS = ("understand", "others", "fan-out", "merge", "features", "select", "json")
"""Everything else but text, vector and the model."""

FRAME = ("understand", "fan-out", "merge", "select", "json")
"""What is left of them where no other channel is asked and no feature computed."""

NAMED = ("recall", "understand", "merge", "features", "model", "select", "json")
"""What of the whole is in some stage; the rest is reported beside them."""

ENGINES = ("channel lexical", "channel vector")
"""The two stages that the bare engine calls stand beside."""

Sample: TypeAlias = dict[str, float]
"""Stage → microseconds, of one query in one round."""

Step: TypeAlias = Callable[[], float]
"""Does one stage and returns its microseconds."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A channel that has its answer ready: what is left is the fan-out's own cost."""

    hits: ChannelHits
    is_asked: bool

    def accepts(self, ctx: SearchContext) -> bool:
        return self.is_asked

    def recall(self, ctx: SearchContext, k: int) -> ChannelHits:
        return self.hits


@dataclass(frozen=True, slots=True)
class Request:
    """One query with what each stage reads: the output of the stage before it."""

    asked: Asked
    ctx: SearchContext
    hits: tuple[ChannelHits, ...]
    candidates: CandidateSet
    ready: Fanout
    matrix: F32  # (n, d)
    scores: F32  # (n,)
    answer: Answer


class Stages:
    """All stages of one engine. A context manager: it holds an event loop."""

    def __init__(self, engine: Engine, bare: Bare | None) -> None:
        reader.SHORT = 0  # each query is read as if for the first time
        self.engine, self.bare = engine, bare
        self.serving = engine.acquire()
        self.search = self.serving.search
        if not isinstance(self.serving.ranker, LocalRanker):
            raise TypeError("speed is measured with a ranker in this process; publish a release")
        self.ranker = self.serving.ranker
        self.go_on: Then[None] = Then(_do_nothing, cast(Berth, self.ranker.threads))
        self.threads = BareThreads(len(self.search.fanout.lanes))
        self.window = engine.settings.merge.max_candidates
        self.recalled_us = 0.0  # of the whole that was measured last
        self.runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)  # as uvicorn does

    def __enter__(self) -> Stages:
        return self

    def __exit__(self, *_: object) -> None:
        self.runner.close()

    def prepare(self, asked: Asked) -> Request:
        ctx = self._context(asked)
        hits, candidates = self.runner.run(self.search.candidates(ctx))
        late = [h.channel for h in hits if h.is_missing]
        if late:
            raise TimeoutError(f"{', '.join(late)} gave no answer to {asked.request.text!r}")
        lanes = [
            replace(lane, channel=cast(RecallChannel, Prepared(h, lane.channel.accepts(ctx))))
            for lane, h in zip(self.search.fanout.lanes, hits, strict=True)
        ]
        matrix = self.ranker.matrix(ctx, candidates)
        answer = self.runner.run(self.engine.search(asked.request, asked.now_ms))
        scores = self.ranker.model.predict(matrix)
        return Request(asked, ctx, hits, candidates, Fanout(lanes), matrix, scores, answer)

    def measure(self, request: Request, order: random.Random) -> Sample:
        """Time every stage and every bare call of one query once, in an order drawn anew."""
        steps = list(self.steps(request).items())
        order.shuffle(steps)
        sample = {name: step() for name, step in steps}
        sample["recall"] = self.recalled_us
        sample["others"] = sum(
            us for name, us in sample.items() if name.startswith("channel ") and name not in ENGINES
        )
        return sample

    def steps(self, request: Request) -> dict[str, Step]:
        """Return every stage and every bare call of one query."""
        return {**self._ours(request), **self._bare(request)}

    def _ours(self, request: Request) -> dict[str, Step]:
        ctx, candidates, asked = request.ctx, request.candidates, request.asked
        lanes = [lane for lane in self.search.fanout.lanes if lane.channel.accepts(ctx)]
        return {
            **{
                f"channel {lane.name}": _clocked(lane.channel.recall, ctx, lane.k) for lane in lanes
            },
            "understand": _clocked(self._context, asked),
            "fan-out": self._awaited(request.ready.run, ctx, None, self.go_on),
            "merge": _clocked(self.search.merger.merge, request.hits, self.window),
            "features": _clocked(self.ranker.matrix, ctx, candidates),
            "model": _clocked(self.ranker.model.predict, request.matrix),
            "select": _clocked(self._select, request),
            "json": _clocked(_body, request.answer),
            "whole": self._awaited(self._whole, asked),
        }

    def _bare(self, request: Request) -> dict[str, Step]:
        if self.bare is None:
            return {}
        query, k = request.ctx.query, {lane.name: lane.k for lane in self.search.fanout.lanes}
        calls = {
            **self.bare.text(query.terms, k["lexical"]),
            **self.bare.vector(query.vector, k["vector"]),
        }
        lanes = len(
            [lane for lane in self.search.fanout.lanes if lane.channel.accepts(request.ctx)]
        )
        return {
            **{f"bare {name}": _clocked(call) for name, call in calls.items()},
            "bare threads": self._awaited(self.threads.all_answer, lanes),
        }

    def _context(self, asked: Asked) -> SearchContext:
        query = understand(asked.request, self.serving.snapshot, asked.now_ms, self.window)
        deadline = Deadline.after_ms(PATIENCE_MS)
        return make_context(self.serving, query, deadline, self.serving.release_id)

    def _select(self, request: Request) -> None:
        query, candidates = request.ctx.query, request.candidates
        order = select(request.ctx, candidates.rows, request.scores).order
        rows = candidates.rows[order[: query.limit]]
        count_matches(request.ctx, request.hits, len(candidates))
        request.ctx.snapshot.documents.ids.strings.of(rows)

    async def _whole(self, asked: Asked) -> None:
        answer = await self.engine.search(asked.request, asked.now_ms)
        _body(answer)
        self.recalled_us = answer.timings_ms["recall"] * 1e3

    def _awaited(self, call: Callable[..., Any], *arguments: Any) -> Step:
        """Time a call inside the event loop: a server's is already running."""

        async def timed() -> float:
            started = time.perf_counter_ns()
            await call(*arguments)
            return (time.perf_counter_ns() - started) / 1e3

        return lambda: self.runner.run(timed())


def sample_all(
    stages: Stages, asked: Sequence[Asked], rounds: int, seed: int
) -> list[list[Sample]]:
    """Return for each query its samples, one a round. The first round is warm-up and not kept."""
    order = random.Random(seed)
    requests = [stages.prepare(a) for a in asked]
    samples: list[list[Sample]] = [[] for _ in requests]
    for turn in range(rounds + 1):
        places = list(range(len(requests)))
        order.shuffle(places)
        for at in places:
            sample = stages.measure(requests[at], order)
            if turn:
                samples[at].append(sample)
    return samples


def per_query(samples: Sequence[Sequence[Sample]]) -> list[Sample]:
    """Each query's stages in their quietest round: what the work takes, and no neighbour's."""
    return [{stage: min(s[stage] for s in q) for stage in q[0]} for q in samples]


def by_stage(samples: Sequence[Sequence[Sample]]) -> dict[str, list[list[float]]]:
    """Lay samples out for keeping: stage → query → rounds, 0.1 µs; no rounds where not asked."""
    stages = dict.fromkeys(stage for q in samples for stage in q[0])
    return {
        stage: [[round(s[stage], 1) for s in q if stage in s] for q in samples] for stage in stages
    }


def _clocked(call: Callable[..., Any], *arguments: Any) -> Step:
    def timed() -> float:
        started = time.perf_counter_ns()
        call(*arguments)
        return (time.perf_counter_ns() - started) / 1e3

    return timed


def _body(answer: Answer) -> bytes:
    return to_json(answer_body(answer))


def _do_nothing(hits: Hits) -> None:
    return None
