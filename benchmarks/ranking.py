"""Ranking as served, features and all, beside LightGBM's predict on the matrix made ready for it.

    python benchmarks/ranking.py [--size 20000] [--queries 40] [--rounds 9]

A synthetic city as in speed.py; of its released model the 40 features that gained most, and a model
of 300 trees with 31 leaves of them. Then, for queries of 500 candidates: LocalRanker.ranking, which
looks up every input, computes the features and scores them; its features alone; the scores alone;
and Booster.predict with one thread on the same matrix. All in turn, in an order drawn anew each
round, in time of the processor. Prints ratios and writes results/ranking.json with every sample.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import lightgbm
import numpy as np
import typer
from results_file import write
from speed import patient
from speed_catalogue import prepare
from speed_peers import Bare
from speed_stages import Request, Stages

from app.bootstrap import Engine
from app.features.catalog import CATALOG
from app.features.feature import FeatureSet
from app.rank.lightgbm_model import LightGbmModel
from app.rank.local import LocalRanker

SEED = 7
CANDIDATES, FEATURES, TREES, LEAVES = 500, 40, 300, 31
MOST = 0.12  # of LightGBM's predict


def main(
    size: Annotated[int, typer.Option(help="Documents of the city.")] = 20_000,
    queries: Annotated[int, typer.Option(help="Of the city's own.")] = 40,
    rounds: Annotated[int, typer.Option(help="Of each query, the first dropped.")] = 9,
    work: Annotated[Path, typer.Option(help="Where cities are kept.")] = Path("data/bench/speed"),
) -> None:
    """Measure, print the table, keep the samples."""
    city = prepare(size, work, False)
    engine = Engine(patient(city.settings), city.place.data, city.place.models)
    engine.refresh()
    try:
        with Stages(engine, Bare.beside(engine.acquire(), city.root / "tantivy")) as stages:
            asked = [stages.prepare(a) for a in city.queries(queries)]
        full = [r for r in asked if len(r.candidates) == CANDIDATES]
        ranker = ranker_of(stages.ranker, full)
        samples = measure(ranker, full, rounds)
    finally:
        engine.close()
    rows = [_row(case, samples) for case in ("ranking", "features", "scores")]
    for row in rows:
        print(_line(row))
    held = rows[0]["ratio"] <= MOST
    print(
        f"{CANDIDATES} x {FEATURES} x {TREES} x {LEAVES}, features included, of {size:,} documents:"
        f" x {rows[0]['ratio']:.3f}, must be <= {MOST}: {'yes' if held else 'NO'}"
    )
    print(f"written: {write('ranking', rows, samples)}")


def ranker_of(released: LocalRanker, requests: list[Request]) -> LocalRanker:
    """Train the timed model: on features that matter, of labels that follow some of them."""
    features = FeatureSet(CATALOG, _best(released))
    columns = [released.features.names.index(name) for name in features.names]
    matrices = [released.matrix(r.ctx, r.candidates) for r in requests]
    rows = np.concatenate(matrices)[:, columns]
    rng = np.random.default_rng(SEED)
    z = np.nan_to_num(rows, posinf=0, neginf=0)
    z = (z - z.mean(axis=0)) / np.maximum(z.std(axis=0), 1e-6)
    labels = z[:, :20] @ rng.standard_normal(20) + rng.standard_normal(len(z))
    options = {
        "objective": "regression", "num_leaves": LEAVES, "learning_rate": 0.05, "verbosity": -1,
        "num_threads": 1, "seed": SEED, "min_data_in_leaf": 5,
    }  # fmt: skip
    booster = lightgbm.train(options, lightgbm.Dataset(rows, labels), TREES)
    return LocalRanker(features, LightGbmModel(booster, features.names), released.threads)


def _best(released: LocalRanker) -> tuple[str, ...]:
    if not isinstance(released.model, LightGbmModel):
        raise TypeError("the city's release is no LightGBM model; give --work of another one")
    gains = released.model.booster.feature_importance("gain")
    return tuple(released.features.names[i] for i in np.argsort(-gains, kind="stable")[:FEATURES])


def measure(ranker: LocalRanker, requests: list[Request], rounds: int) -> dict[str, Any]:
    """Microseconds of each case: query → its rounds."""
    order = random.Random(SEED)
    taken: dict[str, list[list[float]]] = {}
    for turn in range(rounds + 1):
        for at, request in enumerate(requests):
            cases = list(_cases(ranker, request).items())
            order.shuffle(cases)
            for name, call in cases:
                started = time.thread_time_ns()
                call()
                us = (time.thread_time_ns() - started) / 1e3
                of_query = taken.setdefault(name, [[] for _ in requests])[at]
                of_query += [us] if turn else []
    return taken


def _cases(ranker: LocalRanker, request: Request) -> dict[str, Callable[[], Any]]:
    ctx, candidates = request.ctx, request.candidates
    matrix, model = ranker.matrix(ctx, candidates), ranker.model
    assert isinstance(model, LightGbmModel)
    if not np.array_equal(
        ranker.ranking(ctx, candidates).scores,
        model.booster.predict(matrix, raw_score=True, num_threads=1).astype(np.float32),
    ):
        raise ValueError("the ranker and LightGBM disagree")
    return {
        "ranking": lambda: ranker.ranking(ctx, candidates),
        "features": lambda: ranker.matrix(ctx, candidates),
        "scores": lambda: model.predict(matrix),
        "LightGBM": lambda: model.booster.predict(matrix, raw_score=True, num_threads=1),
    }


def _row(case: str, samples: dict[str, Any]) -> dict[str, Any]:
    """A query's figure is its quietest round; ratios are taken query by query."""
    ours, theirs = (np.array([min(q) for q in samples[name]]) for name in (case, "LightGBM"))
    ratios = np.percentile(ours / theirs, [10, 50, 90])
    return {
        "case": case, "ours": float(np.median(ours)), "peer": float(np.median(theirs)),
        "peer_name": "LightGBM's predict", "ratio": float(ratios[1]), "low": float(ratios[0]),
        "high": float(ratios[2]), "unit": "µs", "limit": MOST if case == "ranking" else None,
    }  # fmt: skip


def _line(row: dict[str, Any]) -> str:
    return (
        f"{row['case']:<10} ours {row['ours']:>7,.0f} µs   {row['peer_name']} {row['peer']:>7,.0f}"
        f"   x {row['ratio']:.3f}  ({row['low']:.3f} to {row['high']:.3f})"
    )


if __name__ == "__main__":
    typer.run(main)
