"""A release's report.md: what was measured, on what, and which features carry it."""

from __future__ import annotations

from collections.abc import Mapping

from app.offline.evaluate import Comparison
from app.offline.fit import Fitted
from app.offline.recipe import Recipe
from app.offline.timeline import Timeline


def report(
    release_id: str,
    comparison: Comparison,
    gains: Mapping[str, float],
    groups: Mapping[str, int],
    varying: int,
    fitted: Fitted,
    recipe: Recipe,
    timeline: Timeline,
) -> str:
    """Return Markdown."""
    snapshot = timeline.snapshot
    head = [
        f"# Release {release_id}",
        "",
        f"{recipe.objective}, {fitted.rounds} trees, {len(gains)} features of {varying} that are "
        "not constant over the training rows; trained on snapshot "
        f"{snapshot.id} with tables {timeline.tables.id}.",
        f"Query groups: {', '.join(f'{n} {c}' for n, c in groups.items())}.",
        "",
        f"## Held-out queries ({comparison.queries}), 95 % intervals",
        "",
        "The measured model never saw the test groups. "
        + ("The released one was then trained on all groups." if recipe.split.refit else ""),
        "",
    ]
    return "\n".join(
        [*head, *metric_lines(comparison), "", "## Gain by feature", "", *_gains(gains), ""]
    )


def metric_lines(comparison: Comparison) -> list[str]:
    """Return a Markdown table of each variant, and of ranked against each other one."""
    lines = [
        f"| variant | {' | '.join(comparison.metrics)} |",
        f"|---|{'---|' * len(comparison.metrics)}",
    ]
    for variant in comparison.evaluations:
        cells = [str(comparison.interval(variant, m)) for m in comparison.metrics]
        lines.append(f"| {variant} | {' | '.join(cells)} |")
    for baseline in comparison.evaluations:
        if baseline != "ranked" and "ranked" in comparison.evaluations:
            cells = [str(comparison.against(baseline, metric=m)) for m in comparison.metrics]
            lines.append(f"| ranked − {baseline} (paired) | {' | '.join(cells)} |")
    return lines


def _gains(gains: Mapping[str, float]) -> list[str]:
    used = [f"| {name} | {share:.4f} |" for name, share in gains.items() if share > 0]
    unused = [name for name, share in gains.items() if share == 0]
    tail = ["", f"Never split on: {', '.join(unused)}."] if unused else []
    return ["| feature | share of gain |", "|---|---|", *used, *tail]
