"""The tree scorer beside LightGBM, ONNX Runtime and compiled C: the same trees, the same rows.

    pip install 'duolu[bench-rank]'     # the peers; what is not installed is left out, and said
    python benchmarks/rank.py [--quick] [--features 20,40 --out rank_grid [--keep]]

Trains a LambdaRank model for each number of features and leaves, cuts it to each number of trees,
and scores lists of each length with every scorer in turn, in an order drawn anew each round, on one
thread. Times are of the processor (the machine may have other work); a case's ratio is the median
over its rounds. Prints a table, writes results/rank.json with all samples, and a plot beside it.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import lightgbm
import numpy as np
import rank_peers
import typer
from picture import picture
from results_file import RESULTS, kept, write

from app.domain.arrays import F32, F64
from app.rank.trees.scorer import score
from app.rank.trees.tables import Tables, build
from app.rank.trees.text import read_trees

SEED = 7
ROWS, GROUP = 20_000, 50
FEATURES, LEAVES, TREES, CANDIDATES = (
    (20, 40, 100, 200), (15, 31, 63), (100, 300, 500, 1000), (50, 100, 200, 500, 1000),
)  # fmt: skip
QUICK = ((40,), (31,), (100, 300), (50, 100, 500, 1000))
MUST = {"headline": 15.0, "at 100": 10.0, "grid": 8.0}

Scorer = Callable[[F32], Any]


def main(
    quick: Annotated[bool, typer.Option(help="A small part of the grid: two minutes.")] = False,
    rounds: Annotated[int, typer.Option(help="Rounds of each case, the first dropped.")] = 12,
    out: Annotated[str, typer.Option(help="Name of the result files.")] = "rank",
    features: Annotated[str, typer.Option(help="Only models of so many features: 20,40.")] = "",
    keep: Annotated[bool, typer.Option(help="Keep the file's other cases: a part again.")] = False,
) -> None:
    """Measure, print the table, keep the samples."""
    logging.getLogger("onnxmltools").setLevel(logging.ERROR)
    grid = QUICK if quick else (FEATURES, LEAVES, TREES, CANDIDATES)
    wanted = [int(count) for count in features.split(",")] if features else grid[0]
    rows: list[dict[str, Any]] = []
    samples: dict[str, Any] = {}
    for count in wanted:
        for leaves in grid[1]:
            booster, x = train(count, leaves, max(grid[2]))
            for trees in grid[2]:
                rows += _cases(booster, x, trees, leaves, grid[3], rounds, samples)
    before, earlier = kept(out, {r["case"] for r in rows}) if keep else ([], {})
    rows, samples = before + rows, {**earlier, **samples}
    for line in _musts(rows):
        print(line)
    print(f"written: {write(out, rows, samples)}")
    _plot(rows, RESULTS / f"{out}.png")


def train(features: int, leaves: int, trees: int) -> tuple[Any, F32]:
    """Train on made up rows: some values missing, a few features that matter, noise."""
    rng = np.random.default_rng(SEED)
    x = rng.standard_normal((ROWS, features)).astype(np.float32)
    x[:, 5] = np.round(x[:, 5])
    x[rng.random(x.shape) < 0.05] = np.nan
    z = np.nan_to_num(x)
    y = z[:, 0] + z[:, 1] * z[:, 2] + 0.5 * z[:, 3] ** 2 + rng.standard_normal(ROWS)
    options = {
        "objective": "lambdarank", "num_leaves": leaves, "learning_rate": 0.05, "verbosity": -1,
        "min_data_in_leaf": 20, "num_threads": 2, "seed": SEED,
    }  # fmt: skip
    labels = np.clip(np.round(y), 0, 4).astype(int)
    data = lightgbm.Dataset(x, labels, group=[GROUP] * (ROWS // GROUP))
    return lightgbm.train(options, data, trees), x


def _cases(
    whole: Any, x: F32, trees: int, leaves: int, lengths: tuple[int, ...], rounds: int,
    samples: dict[str, Any],
) -> list[dict[str, Any]]:  # fmt: skip
    text = whole.model_to_string(num_iteration=trees)
    booster, tables = lightgbm.Booster(model_str=text), build(*read_trees(text))
    scorers = {
        "ours": _ours(tables),
        "LightGBM": lambda q: booster.predict(q, raw_score=True, num_threads=1),
        **rank_peers.installed(booster, x.shape[1]),
    }
    _refuse_if_unequal(scorers, x)
    rows = []
    for n in lengths:
        case = f"{n} x {x.shape[1]} x {trees} x {leaves}"
        taken = samples[case] = measure(scorers, x, n, rounds)
        for name in scorers:
            if name != "ours":
                rows.append(_row(case, name, taken))
                print(_line(rows[-1]), flush=True)
    return rows


def measure(scorers: Mapping[str, Scorer], x: F32, n: int, rounds: int) -> dict[str, list[float]]:
    """Microseconds of each scorer in each round, on rows that change with the round."""
    order, taken = random.Random(SEED), {name: list[float]() for name in scorers}
    for turn in range(rounds + 1):
        start = (turn * n) % (len(x) - n)
        names, rows = list(scorers), np.ascontiguousarray(x[start : start + n])
        order.shuffle(names)
        for name in names:
            started = time.process_time_ns()
            scorers[name](rows)
            if turn:
                taken[name].append((time.process_time_ns() - started) / 1e3)
    return taken


def _ours(tables: Tables) -> Scorer:
    def scores(q: F32) -> F64:
        return score(tables, q)

    return scores


def _refuse_if_unequal(scorers: Mapping[str, Scorer], x: F32) -> None:
    """A scorer that is fast and wrong is not measured: ours must give every bit of LightGBM's."""
    rows = np.ascontiguousarray(x[:2_000])
    expected = scorers["LightGBM"](rows)
    if not np.array_equal(scorers["ours"](rows), expected):
        raise ValueError("the tree scorer and LightGBM disagree")
    for name, scorer in scorers.items():
        if not np.allclose(np.asarray(scorer(rows)).ravel(), expected, rtol=1e-3, atol=1e-3):
            raise ValueError(f"{name} scores another model")


def _row(case: str, peer: str, taken: Mapping[str, list[float]]) -> dict[str, Any]:
    ours, theirs = np.array(taken["ours"]), np.array(taken[peer])
    ratios = np.percentile(theirs / ours, [10, 50, 90])
    return {
        "case": case, "ours": float(np.median(ours)), "peer": float(np.median(theirs)),
        "peer_name": peer, "ratio": float(ratios[1]), "low": float(ratios[0]),
        "high": float(ratios[2]), "unit": "µs",
    }  # fmt: skip


def _line(row: Mapping[str, Any]) -> str:
    return (
        f"{row['case']:<24} ours {row['ours']:>8,.0f}  {row['peer_name']:<12} {row['peer']:>9,.0f}"
        f"  x {row['ratio']:>5.1f}  ({row['low']:.1f} to {row['high']:.1f})"
    )


def _musts(rows: list[dict[str, Any]]) -> list[str]:
    """Say of each thing that must be whether it is."""
    light = {r["case"]: r["ratio"] for r in rows if r["peer_name"] == "LightGBM"}
    long = [v for c, v in light.items() if int(c.split(" ")[0]) >= 100]
    others = [r for r in rows if r["peer_name"] != "LightGBM"]
    asked = {
        "500 x 40 x 300 x 31": (light.get("500 x 40 x 300 x 31", np.nan), MUST["headline"]),
        "100 x 40 x 300 x 31": (light.get("100 x 40 x 300 x 31", np.nan), MUST["at 100"]),
        "the worst from 100 candidates on": (min(long, default=np.nan), MUST["grid"]),
        "the worst against another peer": (min((r["ratio"] for r in others), default=np.nan), 1.0),
    }
    return [
        f"{what}: x {ratio:.1f}, must be >= {least}: {'yes' if ratio >= least else 'NO'}"
        for what, (ratio, least) in asked.items()
        if np.isfinite(ratio)
    ]


def _plot(rows: list[dict[str, Any]], file: Path) -> None:
    with picture(file) as axes:
        if axes is None:
            return
        for name in dict.fromkeys(r["peer_name"] for r in rows):
            points = [
                (int(r["case"].split(" ")[0]), r["ratio"]) for r in rows if r["peer_name"] == name
            ]
            lengths = sorted({n for n, _ in points})
            middle = [np.median([v for n, v in points if n == length]) for length in lengths]
            axes.plot(lengths, middle, marker="o", label=f"{name}, median over models")
            axes.scatter(*zip(*points, strict=True), s=8, alpha=0.3)
        axes.set(xscale="log", yscale="log", xlabel="candidates", ylabel="times as long as ours")
        axes.axhline(1, color="grey", linewidth=0.8)
        axes.legend()


if __name__ == "__main__":
    typer.run(main)
