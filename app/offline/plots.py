"""Pictures of a release, as SVG files beside its report.md: the same figures, the same bytes.

SVG keeps text as text, so that field names in any script are shown in the reader's own fonts.
Margins follow from the labels' length, for the fonts here may not have those letters.
"""

from __future__ import annotations

import unicodedata
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

from app.offline.calibration import Calibration
from app.offline.exam import CANDIDATE, Exam

IMPORTANCE, SLICES = "importance.svg", "slices.svg"
CALIBRATION, POSITIONS = "calibration.svg", "positions.svg"
REMEDY = "the plots need matplotlib: pip install 'duolu[report]'"

Position: TypeAlias = tuple[int, float, float, float]
"""Position from 1, propensity relative to the first, low and high end of its interval."""

OURS, THEIRS, BAND = "#1f5fa8", "#8a8a8a", "#c9dcf2"
_MOST = 20  # features in one picture
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "duolu",
    "font.family": ["DejaVu Sans"],  # comes with matplotlib: margins do not depend on the machine
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "axes.axisbelow": True,
}
_NO_DATE = {"Date": None, "Creator": "Duolu"}


def can_draw() -> bool:
    return find_spec("matplotlib") is not None


def draw_all(
    built: Path,
    exam: Exam,
    gains: Mapping[str, float],
    enough: int,
    positions: Sequence[Position] = (),
) -> tuple[str, ...]:
    """Write what there is data for into `built`, and return the names of the files.

    Nothing is drawn where matplotlib is not installed; the report says so.
    """
    if not can_draw():
        return ()
    drawn: dict[str, Callable[[], Any]] = {IMPORTANCE: lambda: importance(gains)}
    if exam.slices:
        drawn[SLICES] = lambda: slices(exam, enough)
    if exam.calibration is not None:
        found = exam.calibration
        drawn[CALIBRATION] = lambda: calibration(found)
    if positions:
        drawn[POSITIONS] = lambda: position_bias(positions)
    for name, draw in drawn.items():
        write_svg(draw, built / name)
    return tuple(drawn)


def write_svg(draw: Callable[[], Any], file: Path) -> None:
    """Draw in our style."""
    with style():
        draw().savefig(file, format="svg", metadata=_NO_DATE)


def importance(gains: Mapping[str, float]) -> Any:
    """Share of the gain of the strongest features."""
    some = [(name, share) for name, share in gains.items() if share > 0][:_MOST][::-1]
    figure, axes = empty_figure(0.6 + 0.2 * max(len(some), 1), [name for name, _ in some])
    axes.barh(range(len(some)), [share for _, share in some], 0.7, color=OURS)
    axes.set_yticks(range(len(some)), [name for name, _ in some])
    axes.set_ylim(-0.6, len(some) - 0.4)
    axes.set_xlabel("share of the gain")
    axes.grid(axis="y", visible=False)
    return figure


def slices(exam: Exam, enough: int) -> Any:
    """The first metric by slice, with intervals, beside what it is held against."""
    comparison, metric = exam.comparison, exam.comparison.metrics[0]
    baseline = exam.baseline
    counts = {name: int(places.sum()) for name, places in exam.slices.items()}
    labels = [
        f"{name} ({n})" if n >= enough else f"{name} ({n}: too few)" for name, n in counts.items()
    ]
    figure, axes = empty_figure(1.0 + 0.36 * len(labels), labels)
    for variant, colour, shift in ((baseline, THEIRS, 0.13), (CANDIDATE, OURS, -0.13)):
        at = [i for i, n in enumerate(counts.values()) if n >= enough]
        found = [comparison.interval(variant, metric, list(exam.slices.values())[i]) for i in at]
        lower = [x.mean - x.low for x in found]
        upper = [x.high - x.mean for x in found]
        axes.errorbar(
            [x.mean for x in found], [i + shift for i in at], xerr=[lower, upper],
            fmt="o", color=colour, markersize=4, linewidth=1.2, label=variant,
        )  # fmt: skip
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)  # the first slice on top
    axes.set_xlim(left=0)
    axes.set_xlabel(f"{metric}, 95 % intervals")
    axes.grid(axis="y", visible=False)
    _legend(axes)
    return figure


def calibration(found: Calibration) -> Any:
    """What was done with documents, by the tenth of their score."""
    figure, axes = empty_figure(3.2, ["0.00"])
    tenths = range(1, len(found.scores) + 1)
    axes.plot(tenths, found.relevant, "o-", color=OURS, label="share relevant (clicked)")
    if not (found.grades == found.relevant).all():
        axes.plot(tenths, found.grades, "s--", color=THEIRS, label="mean grade")
    axes.set_xticks(tenths, [f"{score:.2f}" for score in found.scores], fontsize=8)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(f"mean score of each tenth of {found.rows:,} judged documents")
    _legend(axes)
    return figure


def position_bias(positions: Sequence[Position]) -> Any:
    """How likely each position is looked at, relative to the first."""
    places, value, low, high = zip(*positions, strict=True)
    figure, axes = empty_figure(3.0, ["0.00"])
    axes.fill_between(places, low, high, color=BAND, label="95 % interval")
    axes.plot(places, value, "o-", color=OURS, markersize=4, label="propensity")
    axes.set_xticks(places if len(places) <= 20 else places[:: len(places) // 10])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("position; the last stands for all below")
    _legend(axes)
    return figure


def empty_figure(height: float, labels: Sequence[str]) -> tuple[Any, Any]:
    """An empty picture whose left margin, in inches, has room for the labels."""
    from matplotlib.figure import Figure

    left = 0.35 + 0.078 * max(map(_columns, labels), default=0)
    width, bottom, top = left + 5.0, 0.5, 0.12
    figure = Figure(figsize=(width, height + bottom + top))
    tall = figure.get_figheight()
    axes = figure.add_axes((left / width, bottom / tall, 4.85 / width, height / tall))
    return figure, axes


def _columns(label: str) -> int:
    """Width in letters: Chinese takes two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in label)


def _legend(axes: Any) -> None:
    axes.legend(loc="best", frameon=False, fontsize=8)


@contextmanager
def style() -> Iterator[None]:
    """Our style, for the time of drawing."""
    from matplotlib import rc_context

    with rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # the reader has them
        yield
