"""Is it worth cutting the candidates by a light model before the ranker sees them?

    python benchmarks/prerank.py [--sizes 20000,100000] [--sets msrd] [--queries 300] [--rounds 5]

A light model is distilled from the ranker: boosted on its order, reading only what channels said
and what documents are. It cuts the union of channels to a budget, and the ranker orders the rest.
Half of a city's queries teach, the others measure (of a real set: its training and its test part);
each is answered with and without the cut, in an order drawn anew each round. Everything favours the
cut: `list_*` inputs are those of the kept alone, and `free` says what ranking that cost nothing
would save. Prints a table and writes results/prerank.json. docs/adr says what followed from it.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import lightgbm
import numpy as np
import prerank_places as places
import typer
from results_file import write

from app.domain.arrays import F32
from app.domain.candidates import CandidateSet
from app.features.catalog import CATALOG
from app.features.feature import FeatureSet
from app.features.inputs import gather
from app.offline.confidence import difference_interval
from app.offline.judged import Judged
from app.offline.metrics import evaluate
from app.offline.replay import Replay
from app.pipeline.select import best_first
from app.rank.lightgbm_model import LightGbmModel
from app.rank.local import LocalRanker
from app.snapshot.context import SearchContext

SEED = 7
BUDGETS = (50, 100, 200)
FEATURES, TREES, LEAVES = 10, 40, 15
MUST_SAVE, EQUAL = 20.0, -0.005
"""Per cent of p50, and the lower end of the paired interval of nDCG@10 that counts as equal."""
CHEAP = ("hit_", "attr(", "doc_", "candidates", "query_length", "distance_log")
FULL = "ranker alone"


@dataclass(frozen=True, slots=True)
class Cut:
    """A light model in front of the ranker."""

    light: FeatureSet
    model: LightGbmModel
    ranker: LocalRanker
    budget: int

    def score(self, ctx: SearchContext, candidates: CandidateSet) -> F32:
        """(n,) the ranker's scores of those kept; -inf for the others."""
        if len(candidates) <= self.budget:
            return self.ranker.score(ctx, candidates)
        keep = self.kept(ctx, candidates)
        scores = np.full(len(candidates), -np.inf, np.float32)
        scores[keep] = self.ranker.score(ctx, candidates.take(keep))
        return scores

    def kept(self, ctx: SearchContext, candidates: CandidateSet) -> np.ndarray:
        """Places of the kept, in the order of candidates."""
        rough = self.model.predict(matrix_of(self.light, ctx, candidates))
        return np.sort(np.argpartition(-rough, self.budget - 1)[: self.budget])


def main(
    sizes: Annotated[str, typer.Option(help="Documents of each city; empty: none.")] = "20000",
    sets: Annotated[str, typer.Option(help="Real sets, of DUOLU_DATASETS.")] = "msrd",
    queries: Annotated[int, typer.Option(help="To measure; as many teach.")] = 300,
    rounds: Annotated[int, typer.Option(help="Times that each query is measured.")] = 5,
    work: Annotated[Path, typer.Option(help="Where cities are kept.")] = Path("data/bench/speed"),
    real: Annotated[Path, typer.Option(help="Where sets are kept.")] = Path("data/bench/prerank"),
) -> None:
    """Measure, print the table, keep the samples."""
    found = [places.city(int(size), work, queries) for size in sizes.split(",") if size]
    if os.environ.get("DUOLU_DATASETS"):
        found += [places.real(name, real, queries) for name in sets.split(",") if name]
    else:
        print("DUOLU_DATASETS is not set: real sets are left out")
    rows: list[dict[str, Any]] = []
    samples: dict[str, Any] = {"load": os.getloadavg()}
    for place in found:
        rows += measure(place, rounds, samples)
    print(f"written: {write('prerank', rows, samples)}")


def measure(place: places.Place, rounds: int, samples: dict[str, Any]) -> list[dict[str, Any]]:
    """Teach, then time and judge every budget."""
    with place.opened() as (replay, ranker):
        light, model = distil(replay, ranker, place.teaching)
        print(f"\n{place.name}: {model.booster.num_trees()} trees over {', '.join(light.names)}")
        cuts = {f"cut to {b}": Cut(light, model, ranker, b) for b in BUDGETS}
        ways = {FULL: ranker, **cuts}
        took = {name: [list[float]() for _ in place.measured] for name in ("front", *ways)}
        order = random.Random(SEED)
        for turn in range(rounds + 1):
            for i, one in enumerate(place.measured):
                _time(replay, one, ways, order, [took[n][i] for n in took] if turn else None)
        judged = judge(replay, place.measured, ways)
    samples[place.name] = {"ms": took, **judged}
    return [_row(place.name, name, took, judged) for name in cuts] + [_free(place.name, took)]


def _time(
    replay: Replay, one: Judged, ways: Mapping[str, Any], order: random.Random,
    into: Sequence[list[float]] | None,
) -> None:  # fmt: skip
    """Answer one query once: understanding, recall and merge, then every way of ranking."""
    started = time.perf_counter()
    ctx = replay.context(one.request, one.now_ms)
    candidates = replay.recall(ctx)
    taken = {"front": (time.perf_counter() - started) * 1e3}
    names = list(ways)
    order.shuffle(names)
    for name in names if len(candidates) else ():
        started = time.perf_counter()
        scores = ways[name].score(ctx, candidates)
        best_first(scores)
        taken[name] = (time.perf_counter() - started) * 1e3
    for name, list_ in zip(("front", *ways), into or (), strict=False):
        list_.append(round(taken.get(name, 0.0), 4))


def distil(
    replay: Replay, ranker: LocalRanker, teaching: Sequence[Judged]
) -> tuple[FeatureSet, LightGbmModel]:
    """Boost a few trees on the ranker's own order of what was recalled."""
    cheap = tuple(n for n in ranker.features.names if n.startswith(CHEAP))
    everything = FeatureSet(CATALOG, cheap)
    blocks, grades = [], []
    for one in teaching:
        ctx = replay.context(one.request, one.now_ms)
        candidates = replay.recall(ctx)
        if len(candidates) > min(BUDGETS):
            blocks.append(matrix_of(everything, ctx, candidates))
            grades.append(_grades(ranker.score(ctx, candidates)))
    first = _boost(blocks, grades, np.arange(len(cheap)))
    best = np.sort(np.argsort(-first.feature_importance("gain"), kind="stable")[:FEATURES])
    names = tuple(cheap[j] for j in best)
    return FeatureSet(CATALOG, names), LightGbmModel(_boost(blocks, grades, best), names)


def _grades(scores: F32) -> np.ndarray:
    """5 for the ranker's first three, 4 for its first ten, then 30, 100 and 200."""
    place = np.empty(scores.size, np.int64)
    place[best_first(scores)] = np.arange(scores.size)
    return 5 - np.searchsorted([3, 10, 30, 100, 200], place, side="right")


def _boost(blocks: Sequence[F32], grades: Sequence[np.ndarray], columns: np.ndarray) -> Any:
    options = {
        "objective": "lambdarank", "num_leaves": LEAVES, "learning_rate": 0.15, "verbosity": -1,
        "lambdarank_truncation_level": 100, "num_threads": 1, "seed": SEED, "deterministic": True,
    }  # fmt: skip
    rows = np.concatenate([b[:, columns] for b in blocks])
    data = lightgbm.Dataset(rows, np.concatenate(grades), group=[len(b) for b in blocks])
    return lightgbm.train(options, data, TREES)


def matrix_of(features: FeatureSet, ctx: SearchContext, candidates: CandidateSet) -> F32:
    return features.matrix(gather(features.inputs, ctx, candidates), len(candidates))


def judge(
    replay: Replay, measured: Sequence[Judged], ways: Mapping[str, Any]
) -> dict[str, dict[str, list[float]]]:
    """nDCG@10 of each way, and how many of the ranker's first ten each cut lost, by query."""
    runs: dict[str, dict[str, list[str]]] = {name: {} for name in ways}
    lost: dict[str, list[float]] = {name: [] for name in ways}
    for one in measured:
        ctx = replay.context(one.request, one.now_ms)
        candidates = replay.recall(ctx)
        ids = ctx.snapshot.documents.ids.strings
        ten = best_first(ways[FULL].score(ctx, candidates))[:10]
        for name, way in ways.items():
            scores = way.score(ctx, candidates)
            best = best_first(scores)[:10]
            runs[name][one.qid] = [ids[int(candidates.rows[i])] for i in best]
            lost[name].append(float(np.isneginf(scores[ten]).sum()))
    grades = {one.qid: one.grades for one in measured}
    ndcg = {
        n: evaluate(r, grades, ("nDCG@10",)).values["nDCG@10"].tolist() for n, r in runs.items()
    }
    return {"ndcg": ndcg, "lost": lost}


def _totals(took: Mapping[str, list[list[float]]], name: str) -> np.ndarray:
    """Each query's median of the whole way, in ms. (q,)"""
    return np.array(
        [np.median(np.add(f, r)) for f, r in zip(took["front"], took[name], strict=True)]
    )


def _row(
    place: str, name: str, took: Mapping[str, Any], judged: Mapping[str, Any]
) -> dict[str, Any]:
    full, cut = (float(np.median(_totals(took, n))) for n in (FULL, name))
    ndcg = judged["ndcg"]
    apart = difference_interval(np.array(ndcg[name]), np.array(ndcg[FULL]), SEED)
    lost = np.array(judged["lost"][name])
    saved = 100 * (1 - cut / full)
    row = {
        "case": f"{place}, {name}", "ours": cut, "peer": full, "peer_name": FULL,
        "ratio": full / cut, "unit": "ms", "saved_percent": saved,
        "ndcg_difference": apart.mean, "low": apart.low, "high": apart.high,
        "lost_of_first_ten": float(lost.mean()), "queries_that_lost": float((lost > 0).mean()),
        "worth_it": bool(saved >= MUST_SAVE and apart.low >= EQUAL),
    }  # fmt: skip
    print(
        f"  {name:<12} p50 {full:.2f} → {cut:.2f} ms: {saved:+.1f} % saved; nDCG@10 {apart}; loses "
        f"{lost.mean():.2f} of the first ten, some in {(lost > 0).mean():.0%} of queries: "
        + ("worth it" if row["worth_it"] else "not worth it")
    )
    return row


def _free(place: str, took: Mapping[str, Any]) -> dict[str, Any]:
    full = float(np.median(_totals(took, FULL)))
    front = float(np.median([np.median(f) for f in took["front"]]))
    print(f"  ranking for nothing would save {100 * (1 - front / full):.1f} %")
    return {
        "case": f"{place}, free", "ours": front, "peer": full, "peer_name": FULL,
        "ratio": full / front, "unit": "ms", "saved_percent": 100 * (1 - front / full),
    }  # fmt: skip


if __name__ == "__main__":
    typer.run(main)
