"""What diversity, intent, quotas and rules cost: nDCG on a city's hidden grades, and time a search.

    python benchmarks/selection.py [--size 20000] [--queries 300] [--rounds 5]

Each query is recalled and ranked once; then its list is arranged in every way, in an order drawn
anew each round. Grades know single documents: they can only say what a varied page costs; `brands`
and `alike` say what it gives: distinct brands and mean likeness of two, among the first ten. Prints
a table and writes results/selection.json; docs/select.md has it.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import prerank_places as places
import typer
from results_file import write

from app.corpus.documents import Documents
from app.domain.arrays import F32, I64
from app.domain.candidates import CandidateSet
from app.offline.confidence import difference_interval
from app.offline.metrics import evaluate
from app.pipeline.diversity import Diversity, Quota
from app.pipeline.proportion import Proportion
from app.pipeline.rules import Action
from app.pipeline.select import AS_RANKED, Selection, select
from app.pipeline.written_rules import WrittenRule, rules_of
from app.snapshot.context import SearchContext
from app.snapshot.snapshot import Snapshot

SEED, PAGE = 7, 10
PLAIN = "as ranked"
FIELDS = ("category", "brand")


def main(
    size: Annotated[int, typer.Option(help="Documents of the city.")] = 20_000,
    queries: Annotated[int, typer.Option(help="To measure.")] = 300,
    rounds: Annotated[int, typer.Option(help="Times that each query is measured.")] = 5,
    work: Annotated[Path, typer.Option(help="Where cities are kept.")] = Path("data/bench/speed"),
) -> None:
    """Measure, print the table, keep the samples."""
    place = places.city(size, work, queries)
    with place.opened() as (replay, ranker):
        ways = ways_of(replay.serving.snapshot)
        ready: list[tuple[SearchContext, CandidateSet, F32]] = []
        for one in place.measured:
            ctx = replay.context(one.request, one.now_ms)
            candidates = replay.recall(ctx)
            ready.append((ctx, candidates, ranker.score(ctx, candidates)))
        took = timed(ways, ready, rounds)
        grades = {one.qid: one.grades for one in place.measured}
        runs = {name: [arranged(way, *one) for one in ready] for name, way in ways.items()}
        judged = {name: _ndcg(runs[name], ready, grades) for name in ways}
        rows = [_row(place.name, name, runs, ready, judged, took) for name in ways]
    samples = {"load": os.getloadavg(), "us": took, "ndcg": judged}
    print(f"written: {write('selection', rows, samples)}")


def ways_of(snapshot: Snapshot) -> dict[str, Selection]:
    """Every way that a list is arranged in."""
    brands = snapshot.documents.keywords["brand"].names.strings
    some = [brands[i] for i in range(min(10, len(brands)))]
    boosts = [
        WrittenRule(f"boost {brand}", Action.BOOST, {"brand": brand}, factor=1.2) for brand in some
    ]
    mmr = {
        f"diversity {s}": Selection(diversity=Diversity(s, 50, FIELDS))
        for s in (0.05, 0.1, 0.2, 0.3, 0.5)
    }
    return {
        PLAIN: AS_RANKED,
        **mmr,
        **{f"intent {s}": Selection(intent=Proportion("category", s, 50)) for s in (0.5, 1.0)},
        "2 of a brand in 10": Selection(quotas=(Quota("brand", 2, 10),)),
        "4 of a category in 10": Selection(quotas=(Quota("category", 4, 10),)),
        "10 boosting rules": Selection(rules_of(boosts, snapshot)),
    }


def arranged(way: Selection, ctx: SearchContext, candidates: CandidateSet, scores: F32) -> I64:
    return select(ctx, candidates.rows, scores, way).order


def timed(
    ways: Mapping[str, Selection],
    ready: Sequence[tuple[SearchContext, CandidateSet, F32]],
    rounds: int,
) -> dict[str, list[float]]:
    """Return µs of each way, a median a query over the rounds; the first round is not counted."""
    took = {name: [list[float]() for _ in ready] for name in ways}
    names, order = list(ways), random.Random(SEED)
    for turn in range(rounds + 1):
        for i, one in enumerate(ready):
            order.shuffle(names)
            for name in names:
                started = time.perf_counter()
                arranged(ways[name], *one)
                us = (time.perf_counter() - started) * 1e6
                took[name][i] += [us] if turn else []
    return {name: [round(float(np.median(us)), 2) for us in by] for name, by in took.items()}


def _ndcg(
    orders: Sequence[I64],
    ready: Sequence[tuple[SearchContext, CandidateSet, F32]],
    grades: Mapping[str, Mapping[str, int]],
) -> list[float]:
    run = {}
    for qid, order, (ctx, candidates, _) in zip(grades, orders, ready, strict=True):
        strings = ctx.snapshot.documents.ids.strings
        run[qid] = [strings[int(row)] for row in candidates.rows[order[:PAGE]]]
    values: list[float] = evaluate(run, grades, ("nDCG@10",)).values["nDCG@10"].tolist()
    return values


def _row(
    place: str, name: str, runs: Mapping[str, Sequence[I64]],
    ready: Sequence[tuple[SearchContext, CandidateSet, F32]],
    judged: Mapping[str, Sequence[float]], took: Mapping[str, Sequence[float]],
) -> dict[str, Any]:  # fmt: skip
    pages = [
        candidates.rows[order[:PAGE]]
        for order, (_, candidates, _) in zip(runs[name], ready, strict=True)
    ]
    documents = ready[0][0].snapshot.documents
    apart = difference_interval(np.array(judged[name]), np.array(judged[PLAIN]), SEED)
    ours, plain = (float(np.median(took[n])) for n in (name, PLAIN))
    row = {
        "case": f"{place}, {name}", "ours": ours, "peer": plain, "peer_name": PLAIN,
        "ratio": ours / plain, "unit": "us", "ndcg_difference": apart.mean, "low": apart.low,
        "high": apart.high, "brands": float(np.mean([_brands(documents, p) for p in pages])),
        "alike": float(np.mean([_alike(documents, p) for p in pages])),
    }  # fmt: skip
    print(
        f"  {name:<22} {ours:7.1f} us; nDCG@10 {apart}; {row['brands']:.2f} brands in ten, "
        f"alike {row['alike']:.3f}"
    )
    return row


def _brands(documents: Documents, page: np.ndarray) -> int:
    codes = documents.keywords["brand"].single(page)
    return len(set(codes[codes >= 0].tolist()))


def _alike(documents: Documents, page: np.ndarray) -> float:
    """Mean cosine of two results of a page, 0 where there are no two."""
    pairs = list(combinations(page.tolist(), 2))
    if not pairs or documents.vectors is None:
        return 0.0
    return float(np.mean([documents.vectors[a] @ documents.vectors[b] for a, b in pairs]))


if __name__ == "__main__":
    typer.run(main)
