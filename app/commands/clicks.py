"""train, for the recipe of a click model: what it prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from app.commands import options as o
from app.offline.ctr.report import click_lines
from app.offline.ctr.workflow import ClickTraining, train_click_model
from app.offline.labelled import JudgedBy
from app.offline.workplace import Workplace


def train_clicks_and_show(
    place: Workplace,
    recipe: Path,
    labels: JudgedBy,
    *,
    now_ms: int,
    publish: bool,
    max_groups: int | None,
    as_json: bool,
) -> None:
    """Train, publish if asked, and print how good it is."""
    done = train_click_model(
        place, recipe, labels,
        now_ms=now_ms, publish_it=publish, max_lists=max_groups, progress=o.progress(),
    )  # fmt: skip
    told = f"{done.recipe.name} {done.release_id}: {done.recipe.objective}, "
    told += f"{done.trained.fitted.epochs} epochs" + (", published" if publish else "")
    if not publish:
        told += f"; to use it: duolu publish {done.release_id} --model {done.recipe.name}"
    o.show(_json(done, publish), as_json, [*click_lines(done.trained, done.recipe), told])


def _json(done: ClickTraining, published: bool) -> dict[str, Any]:
    trained = done.trained
    return {
        "release_id": done.release_id,
        "published": published,
        "objective": done.recipe.objective,
        "groups": trained.lists,
        "epochs": trained.fitted.epochs,
        "metrics": {name: m.to_json() for name, m in trained.measured.items()},
        "differences": {n: [d.mean, d.low, d.high] for n, d in trained.differences.items()},
        "gate": list(trained.reasons),
    }
