"""LightGBM's published ranking example: its own training from its own files, and ours."""

from __future__ import annotations

import gzip
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np

from app.offline.dataset import TrainingSet
from app.offline.fit import Fitted, fit, refit
from app.offline.recipe import Gate, Recipe

CUTOFF = 5
LEARNED = (
    "boosting_type", "learning_rate", "num_leaves", "tree_learner", "feature_fraction", "max_bin",
    "bagging_freq", "bagging_fraction", "min_data_in_leaf", "min_sum_hessian_in_leaf",
    "is_enable_sparse",
)  # fmt: skip
# What train.conf leaves at LightGBM's defaults, and a recipe's seed would otherwise replace.
SEEDS = {
    "data_random_seed": 1, "feature_fraction_seed": 2, "bagging_seed": 3, "drop_seed": 4,
    "objective_seed": 5, "extra_seed": 6,
}  # fmt: skip


def measure(example: Path) -> dict[str, float]:
    """Return nDCG@5 on rank.test after all trees of train.conf, LightGBM's and ours."""
    conf = read_conf(example / "train.conf")
    own = lightgbms_own(example, conf)
    train, test = (rows(example, part) for part in ("train", "test"))
    rounds = int(conf["num_trees"])
    recipe = Recipe(
        features=("cosine",), objective="lambdarank", rounds=rounds, early_stopping=rounds,
        min_rounds=1,
        parameters={**{k: v for k, v in conf.items() if k in LEARNED}, **SEEDS},
        gate=Gate(metric=f"nDCG@{CUTOFF}"),
    )  # fmt: skip
    fitted = fit(train, test, recipe, 1)
    every = refit([train], np.arange(train.features.shape[1]), recipe, all_trees(fitted, rounds), 1)
    scores = every.booster.predict(test.features, raw_score=True)
    return {
        f"lightgbm ndcg@{CUTOFF}": own[-1],
        f"ndcg@{CUTOFF}": ndcg(scores, test),
        f"lightgbm best ndcg@{CUTOFF}": max(own),
        f"best ndcg@{CUTOFF}": fitted.valid_ndcg,
        "trees": rounds,
        "test lists": len(test),
    }


def all_trees(fitted: Fitted, rounds: int) -> Fitted:
    """Ask for every round: `fit` keeps those up to the best."""
    return replace(fitted, rounds=rounds)


def lightgbms_own(example: Path, conf: dict[str, str]) -> list[float]:
    """Let LightGBM read its files, train, and measure by itself after each tree."""
    curve: dict[str, Any] = {}
    given = {k: v for k, v in conf.items() if k in (*LEARNED, "objective", "metric")}
    given |= {"verbosity": "-1", "eval_at": conf["ndcg_eval_at"]}
    with tempfile.TemporaryDirectory() as folder:
        for part in ("train", "test"):
            packed = (example / f"rank.{part}.gz").read_bytes()
            (Path(folder) / f"rank.{part}").write_bytes(gzip.decompress(packed))
            queries = (example / f"rank.{part}.query").read_bytes()
            (Path(folder) / f"rank.{part}.query").write_bytes(queries)
        train = lightgbm.Dataset(f"{folder}/rank.train", params=given)
        test = lightgbm.Dataset(f"{folder}/rank.test", params=given, reference=train)
        lightgbm.train(
            given, train, int(conf["num_trees"]), valid_sets=[test], valid_names=["test"],
            callbacks=[lightgbm.record_evaluation(curve)],
        )  # fmt: skip
    return list(curve["test"][f"ndcg@{CUTOFF}"])


def read_conf(file: Path) -> dict[str, str]:
    """Read `key = value` lines."""
    lines = (line.partition("#")[0] for line in file.read_text("utf-8").splitlines())
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {key.strip(): value.strip() for key, _, value in pairs}


def rows(example: Path, part: str, d: int = 301) -> TrainingSet:
    """Read a LIBSVM file: grade, then index:value of what is not 0."""
    lines = gzip.decompress((example / f"rank.{part}.gz").read_bytes()).decode().splitlines()
    features, labels = np.zeros((len(lines), d), np.float32), np.zeros(len(lines), np.int32)
    for row, line in enumerate(lines):
        grade, *cells = line.split()
        labels[row] = int(grade)
        for cell in cells:
            index, _, value = cell.partition(":")
            features[row, int(index)] = float(value)
    sizes = np.array((example / f"rank.{part}.query").read_text().split(), np.int64)
    return TrainingSet.plain(features, labels, sizes, tuple(map(str, range(len(sizes)))))


def ndcg(scores: Any, test: TrainingSet) -> float:
    """As LightGBM has it: gain 2^grade − 1, discount log2(1 + rank); 1 where all grades are 0."""
    found, start = [], 0
    for size in test.sizes:
        grades = test.labels[start : start + size].astype(np.float64)
        order = np.argsort(-scores[start : start + size], kind="stable")
        best = gain(np.sort(grades)[::-1])
        found.append(gain(grades[order]) / best if best else 1.0)
        start += size
    return float(np.mean(found))


def gain(grades: Any) -> float:
    top = grades[:CUTOFF]
    return float(((2.0**top - 1) / np.log2(2 + np.arange(len(top)))).sum())
