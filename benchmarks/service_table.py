"""From phases to rows, what of them must be, and the samples that are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from picture import picture
from service_parts import STILL, SWAPPING, Plan, Taken
from service_site import LOCAL, NOTHING, REMOTE

Row = dict[str, Any]
MOST_ADDED_MS, MOST_SWAPPED = 1.5, 1.5


def equal_row(compared: int, different: int) -> Row:
    """Of `compared` scores `different` differ in some bit between the service and this process."""
    return {"case": "scores that differ", "ours": different, "peer": compared,
            "peer_name": "compared", "ratio": different / compared, "unit": "scores"}  # fmt: skip


def latency_rows(taken: Sequence[Taken], plan: Plan) -> list[Row]:
    """p50 and p99 of each way, the median over its phases, and what the ranker's process adds."""
    return _latencies(taken, "")


def alone_rows(taken: Sequence[Taken], plan: Plan) -> list[Row]:
    """The same of one request at a time."""
    return _latencies(taken, ", one at a time")


def capacity_rows(taken: Sequence[Taken], plan: Plan) -> list[Row]:
    """The highest rate that held, the median over climbs."""
    rows = []
    for arm in (LOCAL, REMOTE):
        climbs = [[t.phase for t in taken if (t.arm, t.turn) == (arm, i)] for i in _turns(taken)]
        best = [max((p.rate for p in climb[:-1]), default=0.0) for climb in climbs]
        rows.append(_row(f"capacity, {arm}, p99 <= {plan.limit_ms:.0f} ms", best, "requests/s"))
    return rows


def swaps_rows(taken: Sequence[Taken], plan: Plan) -> list[Row]:
    """p95 with swaps beside p95 without, pair by pair; what failed; how long a swap took."""
    with_, without = _over(taken, SWAPPING, 95), _over(taken, STILL, 95)
    ratios = np.divide(with_, without).tolist()
    swaps = [ms for t in taken for ms in t.swaps_ms]
    asked = sum(len(t.phase.latencies_ms) + len(t.phase.troubles) for t in taken)
    failed = [trouble for t in taken for trouble in t.phase.troubles]
    return [
        {**_row("p95 with swaps", with_), "peer": float(np.median(without)),
         "peer_name": "without", "ratio": float(np.median(ratios)),
         "low": min(ratios), "high": max(ratios)},
        {**_row("a swap to a new release, canary included", swaps), "swaps": len(swaps)},
        {"case": "failed or mixed answers", "ours": len(failed), "peer": asked,
         "peer_name": "requests", "ratio": len(failed) / asked, "unit": "answers",
         "troubles": failed[:5]},
    ]  # fmt: skip


def line(row: Row) -> str:
    spread = f"({row['low']:.2f} to {row['high']:.2f})" if "low" in row else ""
    beside = f"{row['peer']:,.1f} {row['peer_name']}, x {row['ratio']:.3f}" if row["peer"] else ""
    client = f"client {row['client_us']:.0f} µs of processor" if "client_us" in row else ""
    return f"{row['case']:<44} {row['ours']:>9,.2f} {row['unit']:<11} {spread} {beside} {client}"


def musts(rows: Sequence[Row]) -> list[str]:
    """Say of each thing that must be whether it is."""
    by_case = {row["case"]: row for row in rows}
    asked = (
        ("added by the ranker's process, p50", "ours", MOST_ADDED_MS, "ms"),
        ("added by the ranker's process, p50, one at a time", "ours", MOST_ADDED_MS, "ms"),
        ("scores that differ", "ours", 0, ""),
        ("p95 with swaps", "ratio", MOST_SWAPPED, "x without"),
        ("failed or mixed answers", "ours", 0, ""),
    )
    return [
        f"{case}: {by_case[case][key]:.2f}, must be <= {most} {unit}: "
        f"{'yes' if by_case[case][key] <= most else 'NO'}"
        for case, key, most, unit in asked
        if case in by_case
    ]


def samples(taken: Sequence[Taken]) -> list[dict[str, Any]]:
    """Lay phases out for keeping, 0.01 ms."""
    return [
        {"arm": t.arm, "turn": t.turn, "rate": t.phase.rate, "troubles": len(t.phase.troubles),
         "client_us": round(t.phase.client_us),
         "latencies_ms": np.round(t.phase.latencies_ms, 2).tolist(), "swaps_ms": t.swaps_ms}
        for t in taken
    ]  # fmt: skip


def plot(samples: Mapping[str, list[dict[str, Any]]], file: Path) -> None:
    """Draw each climb: p99 against the rate."""
    with picture(file) as axes:
        if axes is None:
            return
        for arm, colour in ((LOCAL, "C0"), (REMOTE, "C1")):
            climb = [
                s for s in samples.get("capacity", []) if s["arm"] == arm and s["latencies_ms"]
            ]
            for percent, marker in ((50, "."), (99, "^")):
                points = [(s["rate"], np.percentile(s["latencies_ms"], percent)) for s in climb]
                if points:
                    axes.scatter(*zip(*points, strict=True), color=colour, marker=marker,
                                 label=f"{arm}, p{percent}")  # fmt: skip
        axes.set(xlabel="requests a second", ylabel="ms from when a request was due", yscale="log")
        if axes.collections:
            axes.legend()


def _latencies(taken: Sequence[Taken], how: str) -> list[Row]:
    rows = [
        {
            **_row(f"p{percent}, {arm}{how}", _over(taken, arm, percent)),
            "client_us": _client(taken, arm),
        }
        for percent in (50, 99)
        for arm in (NOTHING, LOCAL, REMOTE)
    ]
    added = np.subtract(_over(taken, REMOTE, 50), _over(taken, LOCAL, 50)).tolist()
    return [*rows, _row(f"added by the ranker's process, p50{how}", added)]


def _row(case: str, values: Sequence[float], unit: str = "ms") -> Row:
    return {"case": case, "ours": float(np.median(values)), "low": min(values),
            "high": max(values), "peer": None, "peer_name": None, "ratio": None,
            "unit": unit}  # fmt: skip


def _over(taken: Sequence[Taken], arm: str, percent: float) -> list[float]:
    """Return a percentile of each phase of one arm, in order of turns."""
    mine = sorted((t for t in taken if t.arm == arm), key=lambda t: t.turn)
    return [t.phase.at(percent) for t in mine]


def _client(taken: Sequence[Taken], arm: str) -> float:
    return float(np.median([t.phase.client_us for t in taken if t.arm == arm]))


def _turns(taken: Sequence[Taken]) -> list[int]:
    return sorted({t.turn for t in taken})
