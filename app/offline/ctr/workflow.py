"""What `duolu train models/ctr/recipe.toml` does, from the event log to a release."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.domain.errors import InvalidInput
from app.offline.ctr.recipe import ClickRecipe
from app.offline.ctr.release import write_click_release
from app.offline.ctr.train import TrainedClicks, publish_clicks, train_clicks
from app.offline.forgetting import sweep
from app.offline.labelled import JudgedBy
from app.offline.progress import Progress
from app.offline.sessions import sessions_of
from app.offline.workflow import follow_log, import_log, refresh_tables
from app.offline.workplace import Workplace


@dataclass(frozen=True, slots=True)
class ClickTraining:
    """A finished training and the release that it wrote."""

    release_id: str
    recipe: ClickRecipe
    trained: TrainedClicks


def train_click_model(
    place: Workplace,
    recipe_file: Path,
    labels: JudgedBy,
    *,
    now_ms: int,
    publish_it: bool,
    max_lists: int | None = None,
    progress: Progress | None = None,
) -> ClickTraining:
    """Train from sessions or the event log; publish if asked and the gate passes."""
    if labels.queries is not None or labels.qrels is not None:
        raise InvalidInput(
            "a click model learns from what was shown and clicked, and judgements say neither; "
            "give --sessions F, or nothing to learn from the event log"
        )
    recipe = ClickRecipe.load(recipe_file).limited(max_lists)
    sweep(place, now_ms)
    snapshot = place.snapshot()
    if labels.sessions is not None:
        import_log(place, (), (str(labels.sessions),), now_ms, progress)
        refresh_tables(place, snapshot, now_ms, progress)
    else:
        follow_log(place, snapshot, now_ms, progress)
    events = place.events()
    if events is None:
        raise InvalidInput(
            "nothing to learn clicks from: the event log is empty; give --sessions F, or run: "
            "duolu import-events F"
        )
    releases = place.releases_of(recipe.name)
    trained = train_clicks(list(sessions_of(events)), snapshot, recipe, releases, progress)
    release_id = write_click_release(
        releases, trained, recipe, snapshot, recipe_file=recipe_file, now_ms=now_ms
    )
    if publish_it:
        publish_clicks(release_id, trained, releases)
    return ClickTraining(release_id, recipe, trained)
