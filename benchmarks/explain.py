"""What it takes to say why: contributions and differences of the rows of a page.

    python benchmarks/explain.py [--rounds 30]

Trains the ranking models that `benchmarks/rank.py` trains, and explains pages of them on one
thread, in an order drawn anew each round, beside LightGBM's own `pred_contrib`. Times are of the
processor. Prints a table and writes results/explain.json.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import numpy as np
import typer
from rank import train
from results_file import write

from app.rank.lightgbm_model import LightGbmModel

SEED = 7
MODELS = ((40, 31, 100), (40, 31, 300), (100, 31, 300), (40, 63, 500))
PAGES = (1, 10, 50)
MUST_MS = 50.0
"""Of one query: a page of ten."""


def main(
    rounds: Annotated[int, typer.Option(help="Rounds of each case, the first dropped.")] = 30,
    out: Annotated[str, typer.Option(help="Name of the result file.")] = "explain",
) -> None:
    """Measure, print the table, keep the samples."""
    rows: list[dict[str, Any]] = []
    samples: dict[str, Any] = {}
    for features, leaves, trees in MODELS:
        booster, x = train(features, leaves, trees)
        model = LightGbmModel.of(booster, tuple(f"f{j}" for j in range(features)), trees)
        model.differences(x[:1], x[1])  # reads the trees once
        model.contributions(x[:1])
        work: dict[str, Callable[[], Any]] = {}
        for n in PAGES:
            work[f"why {n}"] = lambda m=model, q=x, n=n: m.contributions(q[:n])
            work[f"LightGBM {n}"] = lambda m=model, q=x, n=n: m.booster.predict(
                q[:n], pred_contrib=True, num_threads=1
            )
            work[f"apart {n}"] = lambda m=model, q=x, n=n: m.differences(q[:n], q[n])
        case = f"{features} x {trees} x {leaves}"
        samples[case] = taken = _measure(work, rounds)
        rows += [_row(case, name, taken) for name in work if not name.startswith("LightGBM")]
    pages = [row["ours"] for row in rows if row["case"].endswith("why 10")]
    print(f"a page of ten takes at most {max(pages):.1f} ms, must be <= {MUST_MS:g}: "
          + ("yes" if max(pages) <= MUST_MS else "NO"))  # fmt: skip
    print(f"written: {write(out, rows, samples)}")


def _measure(work: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    order, taken = random.Random(SEED), {name: list[float]() for name in work}
    for turn in range(rounds + 1):
        names = list(work)
        order.shuffle(names)
        for name in names:
            started = time.process_time_ns()
            work[name]()
            if turn:
                taken[name].append(round((time.process_time_ns() - started) / 1e6, 4))
    return taken


def _row(case: str, name: str, taken: Mapping[str, list[float]]) -> dict[str, Any]:
    peer = f"LightGBM {name.split()[1]}"
    ours, theirs = np.array(taken[name]), np.array(taken[peer])
    low, ratio, high = np.percentile(theirs / ours, [10, 50, 90])
    print(
        f"{case:<14} {name:<9} {np.median(ours):8.2f} ms   {peer:<12} {np.median(theirs):8.2f} ms  "
        f"x {ratio:.1f} ({low:.1f} to {high:.1f})"
    )
    return {
        "case": f"{case}, {name}", "ours": float(np.median(ours)), "peer": float(np.median(theirs)),
        "peer_name": "LightGBM pred_contrib", "ratio": float(ratio), "low": float(low),
        "high": float(high), "unit": "ms",
    }  # fmt: skip


if __name__ == "__main__":
    typer.run(main)
