"""One result file a benchmark: what machine, which versions, the table, and the raw samples."""

from __future__ import annotations

import os
import platform
from collections.abc import Collection, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson

RESULTS = Path(__file__).parent / "results"
LIBRARIES = ("numpy", "numba", "faiss-cpu", "lightgbm", "tantivy", "rjieba", "duolu")


def write(name: str, rows: Sequence[Mapping[str, Any]], samples: Mapping[str, Any]) -> Path:
    """Write results/NAME.json and return its path."""
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{name}.json"
    found = {
        "machine": {"cpu": _cpu(), "cores": os.cpu_count(), "python": platform.python_version()},
        "versions": {library: _version(library) for library in LIBRARIES},
        "rows": list(rows),
        "samples": dict(samples),
    }
    file.write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY))
    return file


def kept(name: str, cases: Collection[str]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return rows and samples of an earlier run, without the cases that were measured again."""
    file = RESULTS / f"{name}.json"
    found = orjson.loads(file.read_bytes()) if file.exists() else {}
    rows = [row for row in found.get("rows", []) if row["case"] not in cases]
    return rows, found.get("samples", {})


def kept_sets(name: str, sets: Collection[str]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return rows and samples of an earlier run, without the sets that are measured again."""
    file = RESULTS / f"{name}.json"
    found = orjson.loads(file.read_bytes()) if file.exists() else {}
    rows = [row for row in found.get("rows", []) if row["set"] not in sets]
    return rows, {k: v for k, v in found.get("samples", {}).items() if k not in sets}


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), "unknown")


def _version(library: str) -> str | None:
    try:
        return version(library)
    except Exception:
        return None
