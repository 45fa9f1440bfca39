"""From samples to the table of engines, and what of it must be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import peers_lance
import peers_ours
import peers_qdrant
from peers_asked import Work
from peers_leg import BOTH, VECTOR, Leg
from picture import picture

from app.domain.arrays import F64

MUST = {peers_lance.NAME: 1.0, peers_qdrant.NAME: 1 / 1.5}
"""Its time with both legs, in times ours, at least."""

Row = dict[str, Any]


def rows(work: Work, legs: Sequence[Leg], size: int) -> list[Row]:
    """Say of each leg how good it is."""
    return [_quality(leg, leg.found(work), work, size) for leg in legs]


def _quality(leg: Leg, found: list[Sequence[int]], work: Work, size: int) -> Row:
    return {
        "case": f"{size:,} {leg.kind}",
        "kind": leg.kind,
        "name": leg.name,
        "peer_name": leg.engine,
        "parameters": leg.parameters,
        "ndcg_at_10": work.ndcg(found),
        "recall_at_100": work.recall(found) if leg.kind == VECTOR else None,
        "unit": "µs",
    }


def with_times(rows: Sequence[Row], samples: Mapping[str, list[list[float]]]) -> list[Row]:
    """Add each leg's median, and its ratio to ours query by query, each by its quietest round."""
    quietest = {name: np.array([min(q) for q in taken]) for name, taken in samples.items()}
    return [{**row, **_times(quietest, row)} for row in rows]


def _times(quietest: Mapping[str, F64], row: Row) -> Row:
    ours, theirs = quietest[f"{peers_ours.NAME}: {row['kind']}"], quietest[row["name"]]
    low, middle, high = np.percentile(theirs / ours, [10, 50, 90]).tolist()
    return {
        "ours": float(np.median(ours)), "peer": float(np.median(theirs)),
        "ratio": middle, "low": low, "high": high,
    }  # fmt: skip


def line(row: Row) -> str:
    recall = f"{row['recall_at_100']:.3f}" if row["recall_at_100"] is not None else "     "
    return (
        f"{row['case']:<15} {row['peer_name']:<16} {row['parameters']:<34} {row['peer']:>7,.0f} µs"
        f"  x {row['ratio']:>5.2f} ({row['low']:.2f} to {row['high']:.2f})"
        f"  nDCG@10 {row['ndcg_at_10']:.3f}  recall@100 {recall}"
    )


def musts(rows: Sequence[Row]) -> list[str]:
    """Say of each thing that must be whether it is."""
    both = {r["peer_name"]: r["ratio"] for r in rows if r["kind"] == BOTH}
    return [
        f"{name}, both legs: x {both[name]:.2f} of ours, must be >= {least:.2f}: "
        f"{'yes' if both[name] >= least else 'NO'}"
        for name, least in MUST.items()
        if name in both
    ]


def plot(rows: Sequence[Row], file: Path) -> None:
    """Draw quality against time, a point a leg."""
    with picture(file) as axes:
        if axes is None:
            return
        for row in rows:
            is_ours = row["peer_name"].startswith(peers_ours.NAME)
            axes.scatter(row["peer"], row["ndcg_at_10"], color="C1" if is_ours else "C0")
            place = row["peer"], row["ndcg_at_10"]
            axes.annotate(f" {row['name']}", place, fontsize=7, verticalalignment="center")
        axes.set(xscale="log", xlabel="µs a query", ylabel="nDCG@10 by hidden grades")
