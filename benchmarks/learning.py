"""How long a model takes to fit, and whether it is LightGBM's own: both against LightGBM itself.

    python benchmarks/learning.py --part fit
    DUOLU_DATASETS=DIR python benchmarks/learning.py --part letor

`fit`: one drawn matrix, read by both from the same files, in a process each and by turns, so that
what else the machine does falls on both. `letor`: the example that LightGBM publishes, by its
own train.conf. Prints a table and writes results/learning_PART.json.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import lightgbm
import numpy as np
import orjson
import typer
from learning_letor import measure
from real_sets import real_sets
from results_file import write

from app.offline.dataset import TrainingSet
from app.offline.fit import fit
from app.offline.recipe import Recipe
from app.offline.row_file import RowFile

MOST_OF_LIGHTGBM = 1.3  # how many times LightGBM's own time ours may take
LIKE_OURS = {
    "objective": "lambdarank", "num_leaves": 31, "learning_rate": 0.1, "min_data_in_leaf": 20,
    "feature_fraction": 0.7, "bagging_fraction": 0.8, "bagging_freq": 1, "lambda_l2": 1.0,
}  # fmt: skip


def main(
    part: Annotated[str, typer.Option(help="fit or letor.")] = "fit",
    groups: Annotated[int, typer.Option(help="Query groups of the drawn matrix.")] = 6000,
    rounds: Annotated[int, typer.Option(help="Trees.")] = 100,
    repeats: Annotated[int, typer.Option(help="Fits of each, in turn.")] = 3,
    threads: Annotated[int, typer.Option(help="LightGBM's.")] = os.cpu_count() or 1,
    one: Annotated[str | None, typer.Option(hidden=True)] = None,
    folder: Annotated[Path | None, typer.Option(hidden=True)] = None,
) -> None:
    """Measure one part."""
    if one and folder:
        print(orjson.dumps(fit_once(one, folder, rounds, threads)).decode())
    elif part == "fit":
        measure_fit(groups, rounds, repeats, threads)
    elif part == "letor":
        measure_letor()
    else:
        raise SystemExit(f"--part {part}: there are fit and letor")


def measure_fit(groups: int, rounds: int, repeats: int, threads: int) -> None:
    """Fit by turns, ours and LightGBM's own, and compare the times pair by pair."""
    samples: dict[str, list[dict[str, float]]] = {"ours": [], "lightgbm": []}
    with tempfile.TemporaryDirectory() as folder:
        shape = draw(Path(folder), groups)
        for repeat in range(repeats):
            order = ("ours", "lightgbm") if repeat % 2 else ("lightgbm", "ours")
            for name in order:
                samples[name].append(alone(name, folder, rounds, threads))
    of = {n: {k: float(np.median([s[k] for s in x])) for k in x[0]} for n, x in samples.items()}
    ratios = [a["seconds"] / b["seconds"] for a, b in zip(*samples.values(), strict=True)]
    row = {
        "rows": shape[0], "features": shape[1], "rounds": rounds, "threads": threads,
        "seconds": of["ours"]["seconds"], "lightgbm_seconds": of["lightgbm"]["seconds"],
        "ratio": float(np.median(ratios)), "at_most": MOST_OF_LIGHTGBM,
        "peak_mib": of["ours"]["peak_mib"], "lightgbm_peak_mib": of["lightgbm"]["peak_mib"],
    }  # fmt: skip
    for name, value in row.items():
        print(f"{name:>18}  {value:,.2f}" if isinstance(value, float) else f"{name:>18}  {value:,}")
    print(f"written: {write('learning_fit', [row], {**samples, 'ratios': ratios})}")


def draw(folder: Path, groups: int, size: int = 70, d: int = 150) -> tuple[int, int]:
    """Write a matrix like training's: counts, scores, a tenth missing; two clicks a list."""
    rng = np.random.default_rng(7)
    n = groups * size
    features = np.lib.format.open_memmap(folder / "f.npy", "w+", np.float32, (n, d))
    for start in range(0, n, size * 100):
        some = rng.gamma(1, 1, (min(size * 100, n - start), d)).astype(np.float32)
        some[:, : d // 3] = np.floor(some[:, : d // 3])
        some[rng.random(some.shape) < 0.1] = np.nan
        features[start : start + len(some)] = some
    worth = np.nan_to_num(features[:, :20]).sum(axis=1) + 4 * rng.normal(size=n)
    ranks = np.argsort(np.argsort(-worth.reshape(groups, size), axis=1), axis=1).ravel()
    np.savez(folder / "l.npz", labels=(ranks < 2).astype(np.int32), sizes=np.full(groups, size))
    return n, d


def alone(name: str, folder: str, rounds: int, threads: int) -> dict[str, float]:
    """Fit in a process of its own."""
    command = [sys.executable, __file__, "--one", name, "--folder", folder,
               "--rounds", str(rounds), "--threads", str(threads)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = orjson.loads(done.stdout)
    return found


def fit_once(name: str, folder: Path, rounds: int, threads: int) -> dict[str, float]:
    """Seconds and peak memory from the rows to the model, a twentieth of the lists to stop it."""
    with np.load(folder / "l.npz") as kept:
        labels, sizes = kept["labels"], kept["sizes"]
    features = np.load(folder / "f.npy", mmap_mode="r" if name == "ours" else None)
    first = len(sizes) * 19 // 20
    cut = int(sizes[:first].sum())
    cpu, started = time.process_time(), time.perf_counter()
    if name == "ours":
        rows = on_disk(folder, features[:cut], labels[:cut], sizes[:first])
        valid = on_disk(folder, features[cut:], labels[cut:], sizes[first:])
        cpu, started = time.process_time(), time.perf_counter()
        asked = {k: v for k, v in LIKE_OURS.items() if k != "objective"}
        recipe = Recipe(
            features=("cosine",), rounds=rounds, early_stopping=rounds, parameters=asked
        )
        fit(rows, valid, recipe, threads)
    else:
        parameters = {**LIKE_OURS, "metric": "ndcg", "eval_at": [10], "seed": 7,
                      "num_threads": threads, "verbosity": -1}  # fmt: skip
        train = lightgbm.Dataset(features[:cut], labels[:cut], group=sizes[:first])
        stop = lightgbm.Dataset(features[cut:], labels[cut:], group=sizes[first:], reference=train)
        lightgbm.train(
            parameters, train, rounds, valid_sets=[stop],
            callbacks=[lightgbm.early_stopping(rounds, verbose=False)],
        )  # fmt: skip
    return {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - cpu,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def on_disk(folder: Path, features: Any, labels: Any, sizes: Any) -> TrainingSet:
    """Put rows where training puts them."""
    file, ends = RowFile(folder, features.shape[1]), np.cumsum(sizes)
    for first in range(0, len(sizes), 50):
        some = sizes[first : first + 50]
        rows = slice(int(ends[first] - sizes[first]), int(ends[first + len(some) - 1]))
        qids = tuple(str(first + i) for i in range(len(some)))
        file.append(TrainingSet.plain(np.array(features[rows]), labels[rows], some, qids))
    return file.read()


def measure_letor() -> None:
    """Print both and keep them."""
    source = real_sets()
    row = measure(source / "letor_lightgbm_example")
    for name, value in row.items():
        print(f"{name:>18}  {value:.6g}")
    print(f"written: {write('learning_letor', [row], {})}")


if __name__ == "__main__":
    typer.run(main)
