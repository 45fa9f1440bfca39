"""Benchmarks are run by hand, rarely: what they import must still be there when they are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"
IMPORT_ALL = """
import importlib, sys
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except Exception as error:
        print(f"{name}: {error}")
"""


def test_every_benchmark_can_be_imported() -> None:
    names = sorted(file.stem for file in BENCHMARKS.glob("*.py"))
    assert names
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, *names],
        capture_output=True, text=True, check=False, cwd=BENCHMARKS,
        env={"PYTHONPATH": str(BENCHMARKS), "PATH": ""},  # as when one is started by its name
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr
