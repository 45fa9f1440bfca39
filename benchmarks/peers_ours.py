"""Our own legs: the channels and the merger that serve, in one thread and as they serve."""

from __future__ import annotations

import asyncio
from typing import Any

import uvloop
from peers_asked import K, Work
from peers_leg import BOTH, TEXT, VECTOR, Leg

from app.bootstrap import Serving
from app.recall.graph import GRAPH_FILE

NAME = "ours"
SERVED = "ours, as served"


def legs(work: Work, serving: Serving, runner: asyncio.Runner) -> list[Leg]:
    """Text, vector and both one after another, and both side by side on the lanes' threads."""
    lanes = {lane.name: lane for lane in serving.search.fanout.lanes}
    text, vector = lanes["lexical"].channel, lanes["vector"].channel
    merger = serving.search.merger
    contexts = [question.ctx for question in work.questions]

    def both(i: int) -> Any:
        return merger.merge((text.recall(contexts[i], K), vector.recall(contexts[i], K)), K)

    def served(i: int) -> Any:
        return runner.run(serving.search.candidates(contexts[i], ("lexical", "vector")))[1]

    how = _width(serving)
    lanes_k = f"k {lanes['lexical'].k} and {lanes['vector'].k}, on the crew"
    return [
        Leg(NAME, TEXT, "BM25F, phrases, count", lambda i: text.recall(contexts[i], K), _rows),
        Leg(NAME, VECTOR, how, lambda i: vector.recall(contexts[i], K), _rows),
        Leg(NAME, BOTH, f"{how}, convex", both, _rows),
        Leg(SERVED, BOTH, lanes_k, served, _rows),
    ]  # fmt: skip


def _width(serving: Serving) -> str:
    part, settings = serving.snapshot.part("vector"), serving.snapshot.manifest["settings"]
    has_graph = (part / GRAPH_FILE).exists()
    return f"HNSW ef {settings['channels']['vector']['ef_search']}" if has_graph else "scan"


def event_loop() -> asyncio.Runner:
    """Make the loop that the service runs on."""
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


def _rows(answer: Any) -> list[int]:
    rows: list[int] = answer.rows.tolist()
    return rows
