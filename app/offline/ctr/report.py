"""A click model's report.md: the kinds against each other, and how far to trust a probability."""

from __future__ import annotations

from app.offline.ctr.recipe import ClickRecipe
from app.offline.ctr.train import SERVING, TrainedClicks
from app.snapshot.snapshot import Snapshot

NAMES = {
    "position": "position alone",
    "logistic": "logistic regression",
    "fm": "factorization machine",
    "ffm": "field-aware FM",
    SERVING: "serving recipe",
}


def click_report(
    release_id: str, trained: TrainedClicks, recipe: ClickRecipe, snapshot: Snapshot
) -> str:
    """Return Markdown."""
    test = trained.parts.test
    lists = ", ".join(f"{name} {count:,}" for name, count in trained.lists.items())
    weights = trained.fitted.model.weights
    return "\n".join(
        [
            f"# Release {release_id}",
            "",
            f"{NAMES[recipe.objective]}, {trained.fitted.epochs} epochs over {lists} lists; "
            f"{weights.hashes.size:,} values have weights; snapshot {snapshot.id}. "
            f"{trained.left_out:,} shown documents were left out: this snapshot lacks them.",
            "",
            f"## The {len(test):,} newest lists, {test.clicked.size:,} shown documents, "
            f"{int(test.clicked.sum()):,} clicked",
            "",
            "Intervals: 95 %, bootstrap over lists. The measured models never saw these lists; the "
            "released one was then trained on all.",
            "",
            *click_lines(trained, recipe),
            "",
            f"## Calibration of {NAMES[recipe.objective]}",
            "",
            *_calibration(trained, recipe),
            "",
            "## Gate",
            "",
            *(f"- {reason}" for reason in trained.reasons or ("passed",)),
            "",
        ]
    )


def click_lines(trained: TrainedClicks, recipe: ClickRecipe) -> list[str]:
    """Return a Markdown table of every model, then of log-loss against each."""
    lines = ["| model | log-loss | AUC | ECE | epochs |", "|---|---|---|---|---|"]
    for name, m in trained.measured.items():
        lines.append(f"| {NAMES[name]} | {m.log_loss} | {m.auc} | {m.ece} | {m.epochs} |")
    ours = NAMES[recipe.objective]
    for name, difference in trained.differences.items():
        told = f"{difference.mean:+.5f} [{difference.low:+.5f}, {difference.high:+.5f}]"
        lines.append(f"| {ours} − {NAMES[name]} (paired) | {told} | | | |")
    return lines


def _calibration(trained: TrainedClicks, recipe: ClickRecipe) -> list[str]:
    bins = trained.measured[recipe.objective].bins
    rows = [f"| {b.rows:,} | {b.predicted:.4f} | {b.observed:.4f} |" for b in bins]
    return ["| shown documents | predicted | clicked |", "|---|---|---|", *rows]
