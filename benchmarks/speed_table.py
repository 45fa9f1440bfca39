"""Turns samples into the rows that are printed and kept: ours, the peer's, the ratio, the limit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from speed_builds import Builds
from speed_stages import FRAME, NAMED, OTHERS, Sample

TEXT, VECTOR = "channel lexical", "channel vector"


def row(
    case: str, ours: float, peer: float, peer_name: str, unit: str, limit: float | None, **more: Any
) -> dict[str, Any]:
    """One comparison. `limit`: the ratio that must not be passed."""
    ratio = more.pop("ratio", ours / peer if peer else float("nan"))
    return {
        "case": case, "ours": ours, "peer": peer, "peer_name": peer_name, "ratio": ratio,
        "unit": unit, "limit": limit, "holds": None if limit is None else bool(ratio <= limit),
        **more,
    }  # fmt: skip


def paired(
    case: str, samples: Sequence[Sample], ours: Sequence[str], peer: Sequence[str],
    peer_name: str, limit: float | None,
) -> dict[str, Any]:  # fmt: skip
    """Compare sums of stages query by query, where every stage of the peer was run."""
    both = [s for s in samples if all(p in s for p in peer)]
    a = np.array([sum(s.get(stage, 0.0) for stage in ours) for s in both])
    b = np.array([sum(s[stage] for stage in peer) for s in both])
    if not a.size:
        return row(case, float("nan"), float("nan"), peer_name, "µs", None, queries=0)
    ratios = a / b
    return row(
        case, float(np.median(a)), float(np.median(b)), peer_name, "µs", limit,
        ratio=float(np.median(ratios)), ratio_p90=float(np.percentile(ratios, 90)),
        ours_p90=float(np.percentile(a, 90)), peer_p90=float(np.percentile(b, 90)),
        queries=int(a.size),
    )  # fmt: skip


def stage_rows(size: int, samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """The musts of one catalogue."""
    rest = [stage for stage in OTHERS if stage != "others"] + ["others"]
    found = [
        paired(f"{size:,} text", samples, [TEXT], [f"bare {peer}"], peer, limit)
        for peer, limit in (("kernel", 1.1), ("tantivy", 1.1), ("tantivy, counting", None))
    ]
    found += [
        paired(f"{size:,} vector", samples, [VECTOR], ["bare faiss"], "faiss", 1.1),
        paired(f"{size:,} everything else", samples, rest, [TEXT, VECTOR], "text + vector", 1.0),
        paired(
            f"{size:,} everything else", samples, rest, ["bare tantivy", "bare faiss"],
            "tantivy + faiss", None,
        ),
        paired(
            f"{size:,} the frame alone", samples, FRAME, ["bare tantivy", "bare faiss"],
            "tantivy + faiss", None,
        ),
        paired(f"{size:,} fan-out", samples, ["fan-out"], ["bare threads"], "bare threads", None),
        unnamed_row(size, samples),
    ]  # fmt: skip
    return found


def unnamed_row(size: int, samples: Sequence[Sample]) -> dict[str, Any]:
    """What a search as served does beside all stages. Reported, held against nothing."""
    rest = [s["whole"] - sum(s[stage] for stage in NAMED) for s in samples]
    case, whole = f"{size:,} in no stage", float(np.median([s["whole"] for s in samples]))
    return row(case, float(np.median(rest)), whole, "the whole", "µs", None)


def compiled_row(size: int, samples: Sequence[Sample]) -> dict[str, Any]:
    """What everything else would take if Python took no time, and our threads no more than bare."""
    return paired(
        f"{size:,} everything else, compiled", samples, [*OTHERS, "bare threads"],
        ["bare tantivy", "bare faiss"], "tantivy + faiss", None,
    )  # fmt: skip


def spread(samples: Sequence[Sample]) -> dict[str, dict[str, float]]:
    """p50 and p90 of every stage over the queries that had it, in microseconds."""
    names = dict.fromkeys(name for s in samples for name in s)
    found = {}
    for name in names:
        values = np.array([s[name] for s in samples if name in s])
        found[name] = {
            "p50": float(np.median(values)), "p90": float(np.percentile(values, 90)),
            "mean": float(values.mean()), "queries": int(values.size),
        }  # fmt: skip
    return found


def growth_rows(samples: dict[int, list[Sample]], small: int, large: int) -> list[dict[str, Any]]:
    """p50 of the whole answer at two sizes, without the model: early stopping picks its trees."""
    found = []
    for case, left_out, limit in (("whole but the model", 1.0, 1.5), ("whole", 0.0, None)):
        p50 = {
            size: float(np.median([s["whole"] - left_out * s["model"] for s in samples[size]]))
            for size in (small, large)
        }
        found.append(
            row(f"{large:,} p50, {case}", p50[large], p50[small], f"at {small:,}", "µs", limit)
        )
    return found


def build_row(case: str, builds: Builds, peer_name: str, limit: float) -> dict[str, Any]:
    ratios = [a / b for a, b in zip(builds.ours, builds.peer, strict=True)]
    return row(
        case, float(np.median(builds.ours)), float(np.median(builds.peer)), peer_name, "s", limit,
        ratio=float(np.median(ratios)), turns=len(ratios),
    )  # fmt: skip


def memory_row(case: str, mib: float) -> dict[str, Any]:
    return row(case, mib, 4096.0, "4 GiB", "MiB", 1.0)


def line(r: dict[str, Any]) -> str:
    """One row for people."""
    mark = (
        "" if r["limit"] is None else f"   must ≤ {r['limit']:g}: {'yes' if r['holds'] else 'NO'}"
    )
    return (
        f"  {r['case']:<36} {r['ours']:>10,.1f} {r['unit']:<4} {r['peer']:>10,.1f} "
        f"{r['peer_name']:<18} × {r['ratio']:.2f}{mark}"
    )
