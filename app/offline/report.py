"""A release's report.md: what was measured, on what, and which features carry it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.offline.clicks.correction import DebiasReport
from app.offline.elsewhere import MAY_HAVE_SEEN
from app.offline.evaluate import Comparison
from app.offline.exam import CANDIDATE, Exam
from app.offline.fit import Fitted
from app.offline.gate import Verdict
from app.offline.plots import (
    CALIBRATION,
    IMPORTANCE,
    POSITIONS,
    REMEDY,
    SLICES,
    Position,
    can_draw,
)
from app.offline.recipe import Recipe
from app.offline.timeline import Timeline


def report(
    release_id: str,
    exam: Exam,
    verdict: Verdict,
    gains: Mapping[str, float],
    groups: Mapping[str, int],
    varying: int,
    fitted: Fitted,
    recipe: Recipe,
    timeline: Timeline,
    drawn: Sequence[str],
    positions: Sequence[Position],
    debias: DebiasReport | None = None,
    beside: Sequence[str] = (),
) -> str:
    """Return Markdown. `drawn`: the pictures that lie beside it, of those in offline.plots.

    `beside`: lines on what was measured beside the recipe's own (--compare).
    """
    snapshot, comparison = timeline.snapshot, exam.comparison
    head = [
        f"# Release {release_id}",
        "",
        f"{fitted.elsewhere or recipe.objective}, {fitted.rounds} trees, {len(gains)} features of "
        f"{varying} that are not constant over the training rows; "
        f"{'measured' if fitted.elsewhere else 'trained'} on snapshot {snapshot.id} "
        f"with tables {timeline.tables.id}.",
        f"Query groups: {', '.join(f'{n} {c}' for n, c in groups.items())}.",
        "",
        f"## Held-out queries ({comparison.queries}), 95 % intervals",
        "",
        _who_saw_them(fitted, recipe),
        "",
    ]
    parts = (
        *head,
        *metric_lines(comparison),
        "",
        "## Gate",
        "",
        *verdict_lines(verdict),
        *report_lines(exam, gains, recipe.gate.min_paired_queries, drawn, positions, debias),
        *(("", "## Compared", "", *beside) if beside else ()),
    )
    return "\n".join(parts) + "\n"


def _who_saw_them(fitted: Fitted, recipe: Recipe) -> str:
    if fitted.elsewhere:
        return MAY_HAVE_SEEN
    again = "The released one was then trained on all groups." if recipe.split.refit else ""
    return f"The measured model never saw the test groups. {again}"


def report_lines(
    exam: Exam,
    gains: Mapping[str, float],
    enough: int,
    drawn: Sequence[str],
    positions: Sequence[Position],
    debias: DebiasReport | None = None,
) -> list[str]:
    """Return the sections that have a picture, as lines of Markdown."""
    sections = (
        ("Slices", SLICES, bool(exam.slices), slice_lines(exam, enough)),
        ("Calibration", CALIBRATION, exam.calibration is not None, _calibration(exam)),
        ("Position bias", POSITIONS, bool(positions), [*_debias(debias), *_positions(positions)]),
        ("Gain by feature", IMPORTANCE, True, _gains(gains)),
    )
    return [
        line
        for title, file, has_data, lines in sections
        for line in ("", f"## {title}", "", *(_picture(file, drawn) if has_data else ()), *lines)
    ]


def _picture(name: str, drawn: Sequence[str]) -> list[str]:
    """The picture, or why there is none."""
    if name in drawn:
        return [f"![{name.removesuffix('.svg')}]({name})", ""]
    return [] if can_draw() else [f"*No picture: {REMEDY}.*", ""]


def _calibration(exam: Exam) -> list[str]:
    found = exam.calibration
    if found is None:
        return ["Too few judged documents among the candidates of held-out lists."]
    rows = zip(found.scores, found.relevant, found.grades, strict=True)
    return [
        f"{found.rows:,} judged documents of the held-out lists, in tenths of the score.",
        "",
        "| mean score | share relevant (clicked) | mean grade |",
        "|---|---|---|",
        *(f"| {score:.3f} | {relevant:.4f} | {grade:.4f} |" for score, relevant, grade in rows),
    ]


def _debias(debias: DebiasReport | None) -> list[str]:
    """How clicks were corrected, and of how many lists they could not be."""
    return [line for said in debias.lines() for line in (said, "")] if debias else []


def _positions(positions: Sequence[Position]) -> list[str]:
    if not positions:
        return ["Not estimated: clicks count as they are (`[debias]` in the recipe)."]
    return [
        "| position | propensity, 95 % interval |",
        "|---|---|",
        *(f"| {at} | {value:.4f} [{low:.4f}, {high:.4f}] |" for at, value, low, high in positions),
    ]


def metric_lines(comparison: Comparison) -> list[str]:
    """Return a Markdown table of each variant, and of ranked against each other one.

    A variant that some lists do not count for says how many do.
    """
    lines = [
        f"| variant | {' | '.join(comparison.metrics)} |",
        f"|---|{'---|' * len(comparison.metrics)}",
    ]
    for variant in comparison.evaluations:
        cells = [str(comparison.interval(variant, m)) for m in comparison.metrics]
        lines.append(f"| {_named(comparison, variant)} | {' | '.join(cells)} |")
    for baseline in comparison.evaluations:
        if baseline != CANDIDATE and CANDIDATE in comparison.evaluations:
            cells = [str(comparison.against(baseline, metric=m)) for m in comparison.metrics]
            name = _named(comparison, baseline)
            lines.append(f"| ranked − {name} (paired) | {' | '.join(cells)} |")
    return lines


def slice_lines(exam: Exam, enough: int) -> list[str]:
    """Return a Markdown table: each slice in the first metric, against what matters most.

    A slice of few lists is shown with its count and not judged.
    """
    comparison = exam.comparison
    metric, baseline = comparison.metrics[0], exam.baseline
    lines = [f"| slice | lists | {metric} | ranked − {baseline} (paired) |", "|---|---|---|---|"]
    for name, places in exam.slices.items():
        count = int(places.sum())
        if count < enough:
            lines.append(f"| {name} | {count} | too few | |")
            continue
        value = comparison.interval(CANDIDATE, metric, places)
        difference = comparison.against(baseline, among=places)
        lines.append(f"| {name} | {count} | {value} | {difference} |")
    return lines


def verdict_lines(verdict: Verdict) -> list[str]:
    """Say whether it passed, what it was held against, and every reason against it."""
    said = "passed" if verdict.passed else "not passed"
    return [
        f"The gate is {said}.",
        "",
        *(f"- {reason}" for reason in verdict.reasons),
        *(f"- held against {baseline}" for baseline in verdict.baselines),
    ]


def _named(comparison: Comparison, variant: str) -> str:
    counted = int(comparison.places(variant).sum())
    return variant if counted == comparison.queries else f"{variant} (on {counted} lists)"


def _gains(gains: Mapping[str, float]) -> list[str]:
    used = [f"| {name} | {share:.4f} |" for name, share in gains.items() if share > 0]
    unused = [name for name, share in gains.items() if share == 0]
    tail = ["", f"Never split on: {', '.join(unused)}."] if unused else []
    return ["| feature | share of gain |", "|---|---|", *used, *tail]
