"""Pictures of what was measured, where matplotlib is installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any


@contextmanager
def picture(file: Path) -> Iterator[Any]:
    """Yield axes to draw on, None where there is nothing to draw with; then write the file."""
    if find_spec("matplotlib") is None:
        print("no picture: pip install 'duolu[report]'")
        yield None
        return
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.5))
    yield axes
    figure.tight_layout()
    figure.savefig(file, dpi=120, metadata={"Software": None})
    pyplot.close(figure)
