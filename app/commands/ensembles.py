"""train, for the recipe of an ensemble: what it prints."""

from __future__ import annotations

from pathlib import Path

from app.commands import options as o
from app.domain.errors import GateRefused
from app.offline.ensemble.train import TrainedEnsemble, train_ensemble
from app.offline.gate import publish as publish_passed
from app.offline.labelled import JudgedBy
from app.offline.report import metric_lines, verdict_lines
from app.offline.workplace import Workplace


def train_ensemble_and_show(
    place: Workplace,
    recipe: Path,
    labels: JudgedBy,
    *,
    now_ms: int,
    publish: bool,
    max_groups: int | None,
    as_json: bool,
) -> None:
    """Combine, publish if asked, and print how good it is. Raises GateRefused after the figures."""
    done = train_ensemble(
        place, recipe, labels, now_ms=now_ms, max_groups=max_groups, progress=o.progress()
    )
    refused = _publish(place, done) if publish else None
    published = publish and refused is None
    name, release_id = done.recipe.name, done.release_id
    result = {
        "release_id": release_id, "published": published,
        "members": {m.name: {"release_id": m.release.id, "weight": m.weight} for m in done.members},
        "queries": done.exam.comparison.queries, "metrics": done.exam.comparison.to_json(),
        "gate": done.verdict.to_json(),
    }  # fmt: skip
    lines = [
        *(f"{m.weight:6.1%}  {m.name}  {m.model}/{m.release.id}" for m in done.members),
        *metric_lines(done.exam.comparison),
        *verdict_lines(done.verdict),
        f"release {release_id} of {name}"
        + (", published" if published else f": duolu publish {release_id} --model {name}")
        + f"; serve it: --set rank.model={name}",
    ]
    o.show(result, as_json, lines)
    if refused is not None:
        raise refused


def _publish(place: Workplace, done: TrainedEnsemble) -> GateRefused | None:
    try:
        publish_passed(done.release_id, done.verdict, place.releases_of(done.recipe.name))
    except GateRefused as refused:
        return refused
    return None
