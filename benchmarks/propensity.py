"""Propensities: our estimator against plain EM on a known bias, and what real logs say.

    [DUOLU_DATASETS=DIR] python benchmarks/propensity.py

The Open Bandit logs (Saito et al., 2020; ZOZOTOWN's men's campaign) have three positions side by
side, not below one another, and a policy that draws at random. Without DUOLU_DATASETS they are left
out. Prints tables and writes results/propensity.json.
"""

from __future__ import annotations

import csv
import gzip
import os
from pathlib import Path
from typing import Any

import numpy as np
import typer
from results_file import write

from app.domain.arrays import F64, I64
from app.domain.events import Session
from app.offline.clicks.displays import Displays
from app.offline.clicks.propensity import learn
from app.offline.clicks.strategies import STRATEGIES
from app.offline.recipe import Debias

POSITIONS = 10
LISTS = 60_000
SEEDS = 3
BANDIT = Debias(max_position=3, min_clicks=1, resamples=2000)
SEED = 7


def main() -> None:
    """Print what is found and write it down."""
    rows, samples = against_em()
    source = os.environ.get("DUOLU_DATASETS")
    if source:
        found = open_bandit(Path(source) / "open_bandit_men")
        rows, samples = [*rows, *found], {**samples, "open_bandit": found}
    else:
        typer.echo("open_bandit_men left out: DUOLU_DATASETS is not set")
    typer.echo(f"written: {write('propensity', rows, samples)}")


def against_em() -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Mean relative error over positions, with ever fewer lists of each query."""
    truth = 1.0 / np.arange(1, POSITIONS + 1)
    rows, samples = [], {}
    for queries in (60, 600, 6000, 20_000):
        drawn = [simulated(truth, LISTS, queries, seed) for seed in range(SEEDS)]
        ours = [error(learn(d, Debias(resamples=1), SEED).value, truth) for d in drawn]
        peers = [error(plain_em(d), truth) for d in drawn]
        case = f"{LISTS // queries} lists a query"
        typer.echo(f"{case:>22}: conditional {np.mean(ours):.3f}, EM by pair {np.mean(peers):.3f}")
        rows.append(
            {"case": case, "ours": float(np.mean(ours)), "peer": float(np.mean(peers)),
             "peer_name": "EM, attractiveness by pair",
             "ratio": float(np.mean(peers) / np.mean(ours)), "unit": "relative error"}
        )  # fmt: skip
        samples[case] = {"ours": ours, "peer": peers}
    return rows, samples


def error(learned: F64, truth: F64) -> float:
    return float(np.abs(learned / truth - 1).mean())


def simulated(examined: F64, lists: int, queries: int, seed: int) -> Displays:
    """Displays of ten documents a query, ordered by a ranker that wavers."""
    rng = np.random.default_rng([seed, queries])
    k = examined.size
    attractive = rng.beta(1, 4, (queries, k)) * 0.9
    query = rng.integers(queries, size=lists)
    taste = attractive[query] + rng.normal(0, 0.3, (lists, k))
    shown = np.argsort(-taste, axis=1)
    clicked = rng.random((lists, k)) < examined * np.take_along_axis(attractive[query], shown, 1)
    position = np.tile(np.arange(1, k + 1, dtype=np.int32), lists)
    pair: I64 = (query[:, None] * k + shown).ravel()
    return Displays.count(pair, position, clicked.ravel(), lists)


def plain_em(displays: Displays, rounds: int = 500) -> F64:
    """EM of the position-based model, a parameter for each pair (Chuklin et al. 2015, 3.1.3)."""
    _, pair = np.unique(displays.pair, return_inverse=True)
    position = displays.position - 1
    shown, chosen = displays.shown, displays.chosen
    examined = 1.0 / np.sqrt(np.arange(1, displays.positions + 1))
    attractive = np.full(pair.max() + 1, 0.3)
    for _ in range(rounds):
        attractive = np.minimum(attractive, 1 - 1e-9)  # else 0 / 0 where both are certain
        e, a = examined[position], attractive[pair]
        seen = chosen + (shown - chosen) * e * (1 - a) / (1 - e * a)
        examined = np.bincount(position, seen) / np.bincount(position, shown)
        liked = chosen + (shown - chosen) * a * (1 - e) / (1 - e * a)
        attractive = np.bincount(pair, liked) / np.bincount(pair, shown)
    return np.asarray(examined / examined[0], np.float64)


def open_bandit(folder: Path) -> list[dict[str, Any]]:
    """Both policies' logs, each by the strategy that fits it."""
    found = []
    for policy, method in (
        ("random", "randomised"),
        ("random", "propensity"),
        ("bts", "propensity"),
    ):
        sessions = bandit_sessions(folder / f"{policy}_men_men.csv.gz", policy == "random")
        report = STRATEGIES[method](sessions, BANDIT, SEED).report
        clicks = sum(len(s.clicked) for s in sessions)
        typer.echo(
            f"open_bandit_men {policy}, {method}: {report.lists:,} displays, {clicks} clicks"
        )
        for position, value, low, high in report.rows():
            typer.echo(f"  position {position}: {value:.3f} [{low:.3f}, {high:.3f}]")
            found.append(
                {"case": f"open_bandit_men {policy} {method} position {position}",
                 "value": value, "low": low, "high": high, "unit": "relative to position 1",
                 "clicks": clicks}
            )  # fmt: skip
    return found


def bandit_sessions(file: Path, is_random: bool) -> list[Session]:
    """One display a line: a list of one document, at the position that it stood at."""
    with gzip.open(file, "rt", encoding="utf-8", newline="") as stream:
        return [
            Session(
                request_id=row[""],
                ts_ms=0,
                query="",
                shown=(row["item_id"],),
                clicked=(row["item_id"],) if row["click"] == "1" else (),
                offset=int(row["position"]) - 1,
                is_random=is_random,
            )
            for row in csv.DictReader(stream)
        ]


if __name__ == "__main__":
    typer.run(main)
