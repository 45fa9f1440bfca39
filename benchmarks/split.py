"""From how many candidates it pays to score them on several threads (app/rank/spare.py).

    python benchmarks/split.py [--turns 200]

300 trees of 31 leaves over 40 features, as in bench-rank; a batch whole and cut in two, in turns.
Prints the medians and writes results/split.json. Cut here also while the machine is busy, when the
service does not.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated, Any

import lightgbm
import numpy as np
import typer
from results_file import write

from app.domain.arrays import F32
from app.rank import spare
from app.rank.lightgbm_model import LightGbmModel
from app.rank.spare import SpareThreads

FEATURES, TREES, LEAVES, SEED = 40, 300, 31, 7
SIZES = (500, 1_000, 2_000, 4_096, 6_000, 10_000)


def main(turns: Annotated[int, typer.Option(help="Of each size.")] = 200) -> None:
    """Score batches of each size both ways, print and keep what it took."""
    rng = np.random.default_rng(SEED)
    model, crew = a_model(rng), SpareThreads(1, is_busy=lambda: False)
    spare.FROM_ROWS = min(SIZES)
    rows, samples = [], {}
    for n in SIZES:
        features = rng.normal(size=(n, FEATURES)).astype(np.float32)
        whole, cut = in_turns(features, model, crew, turns)
        samples[str(n)] = {"ours": cut, "peer": whole}
        rows.append(row(n, cut, whole))
    typer.echo(f"written: {write('split', rows, samples)}")


def a_model(rng: np.random.Generator) -> LightGbmModel:
    x = rng.normal(size=(5_000, FEATURES)).astype(np.float32)
    options = {"objective": "regression", "num_leaves": LEAVES, "verbosity": -1, "num_threads": 1}
    booster = lightgbm.train(options, lightgbm.Dataset(x, x[:, 0] + rng.normal(size=5_000)), TREES)
    return LightGbmModel(booster, tuple(f"f{i}" for i in range(FEATURES)))


def in_turns(
    features: F32, model: LightGbmModel, crew: SpareThreads, turns: int
) -> tuple[list[float], list[float]]:
    """Return milliseconds of each turn, whole and cut, after one turn to warm up."""
    ways: tuple[Callable[[], F32], ...] = (
        lambda: model.predict(features),
        lambda: crew.predict(model, features),
    )
    took: tuple[list[float], list[float]] = ([], [])
    for turn in range(turns + 1):
        for way, times in zip(ways, took, strict=True):
            started = time.perf_counter()
            way()
            if turn:
                times.append((time.perf_counter() - started) * 1e3)
    return took


def row(n: int, cut: list[float], whole: list[float]) -> dict[str, Any]:
    ours, peer = float(np.median(cut)), float(np.median(whole))
    typer.echo(f"  {n:>6} candidates  cut {ours:.3f} ms  whole {peer:.3f} ms  {ours / peer:.2f} ×")
    return {
        "case": f"{n} candidates", "ours": ours, "peer": peer, "peer_name": "one thread",
        "ratio": ours / peer, "unit": "ms",
    }  # fmt: skip


if __name__ == "__main__":
    typer.run(main)
