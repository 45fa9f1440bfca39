"""Where the real data sets are: DUOLU_DATASETS (docs/datasets.md)."""

from __future__ import annotations

import os
from pathlib import Path


def real_sets() -> Path:
    """Return their folder. Ends the program, saying so, where the variable names none."""
    source = os.environ.get("DUOLU_DATASETS")
    if not source:
        raise SystemExit("DUOLU_DATASETS is not set: it names the folder of the real data sets")
    return Path(source)
