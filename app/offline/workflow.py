"""What the learning commands do, from files to a release: arguments in, one report out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from app.corpus.event_columns import EventColumns
from app.domain.errors import InvalidInput
from app.offline.behaviour.config import TableConfig
from app.offline.behaviour.publish import publish_tables
from app.offline.elsewhere import open_elsewhere
from app.offline.forgetting import sweep
from app.offline.import_events import Imported, import_events, import_sessions
from app.offline.impression_events import tell
from app.offline.join import JoinCounts
from app.offline.judged import Judged
from app.offline.labelled import JudgedBy, Labelled, read_labelled
from app.offline.parity import Parity, chosen, compare
from app.offline.progress import Progress, Silent
from app.offline.recipe import Recipe
from app.offline.retention import release_stores
from app.offline.timeline import Logged, Timeline
from app.offline.train import Trained, prepare, train
from app.offline.training_files import Written, write_rows
from app.offline.tune import require_optuna
from app.offline.used import open_used
from app.offline.workplace import Workplace
from app.snapshot.snapshot import Snapshot


def import_log(
    place: Workplace,
    events: Sequence[str],
    sessions: Sequence[str],
    now_ms: int,
    progress: Progress | None = None,
) -> Imported:
    """Append files to the event log, their people by pseudonyms."""
    errors = place.data / "errors" / "events.jsonl"
    log = place.open_events()
    try:
        with (
            place.door() as door,
            (progress or Silent()).stage("import", None, "lines") as advance,
        ):
            done = [
                import_files(files, log, door.of_events, now_ms, advance, errors)
                for import_files, files in ((import_events, events), (import_sessions, sessions))
                if files
            ]
    finally:
        log.close()
    return Imported(
        sum(d.lines for d in done),
        sum(d.accepted for d in done),
        sum(d.duplicates for d in done),
        sum(d.refused for d in done),
        tuple(first for d in done for first in d.first_refused),
    )


def refresh_tables(
    place: Workplace, snapshot: Snapshot, now_ms: int, progress: Progress | None = None
) -> str | None:
    """Build and publish tables from the whole event log. None where there is no event.

    The log is first told what our own service showed, and rid of whoever asked to be forgotten.
    """
    sweep(place, now_ms)
    impressions = place.stores.impressions
    if not place.has_event_log and not impressions.is_dir():
        return None
    log = place.open_events()
    try:
        tell(impressions, log)
        if not log.last_seq():
            return None
        with (progress or Silent()).stage("tables"):
            return publish_tables(
                log, place.data, now_ms, now_ms, snapshot.analyzer,
                snapshot.documents.schema.analyzers, TableConfig.of(place.settings),
            )  # fmt: skip
    finally:
        log.close()


def follow_log(
    place: Workplace, snapshot: Snapshot, now_ms: int, progress: Progress | None = None
) -> None:
    """Tell the event log what was shown, and build the tables again if anything happened."""
    if _has_news(place):
        refresh_tables(place, snapshot, now_ms, progress)


def take_in(
    place: Workplace,
    labels: JudgedBy,
    snapshot: Snapshot,
    now_ms: int,
    progress: Progress | None = None,
) -> EventColumns | None:
    """Import sessions, or follow the log, whichever labels come from; return all events.

    Whoever asked to be forgotten is gone from them first.
    """
    sweep(place, now_ms)
    if labels.sessions is not None:
        import_log(place, (), (str(labels.sessions),), now_ms, progress)
        refresh_tables(place, snapshot, now_ms, progress)
    elif labels.is_the_log:
        follow_log(place, snapshot, now_ms, progress)
    return place.events()


def read_lists(
    place: Workplace, labels: JudgedBy, recipe: Recipe, events: EventColumns | None, now_ms: int
) -> Labelled:
    """Read judged lists as the recipe grades them."""
    impressions = place.stores.impressions
    with place.door() as door:
        return read_labelled(labels, recipe, events, impressions, door.of_known, now_ms)


def train_model(
    place: Workplace,
    recipe_file: Path,
    labels: JudgedBy,
    *,
    now_ms: int,
    max_groups: int | None = None,
    progress: Progress | None = None,
    trials: int = 0,
    all_families: bool = False,
    model: Path | None = None,
) -> Trained:
    """Train from the labels and write a release. Publishing is a step of its own: offline.gate.

    `model`: LightGBM's text of one that was trained elsewhere, to measure and release instead.
    """
    if trials:
        require_optuna()  # before anything that takes long
    elsewhere = open_elsewhere(model) if model else None
    recipe = Recipe.load(recipe_file).limited(max_groups)
    with _lists(place, recipe, labels, now_ms, progress) as lists:
        found = lists.found
        trained = train(
            lists.judged, lists.timeline, recipe, place.settings, place.stores.releases,
            now_ms=now_ms, recipe_file=recipe_file, progress=progress, debias=found.debias,
            trials=trials, all_families=all_families,
            relabel=lists.relabel if all_families and found.debias else None,
            elsewhere=elsewhere,
        )  # fmt: skip
    left_out = trained.log["left_out"]
    if seen := len(found.judged) - len(lists.judged):
        left_out = {**left_out, "lists_seen_by_models_that_features_ask": seen}
    log = {**trained.log, "left_out": left_out, **_log_facts(found.counts, lists.timeline)}
    return replace(trained, log=log)


def write_training_rows(
    place: Workplace,
    recipe_file: Path,
    labels: JudgedBy,
    folder: Path,
    *,
    now_ms: int,
    max_groups: int | None = None,
    progress: Progress | None = None,
) -> tuple[tuple[str, ...], tuple[Written, ...]]:
    """Write the rows that training would fit and stop on; return the features' names and files."""
    recipe = Recipe.load(recipe_file).limited(max_groups)
    with _lists(place, recipe, labels, now_ms, progress) as lists:
        schema, timeline = lists.timeline.snapshot.documents.schema, lists.timeline
        names, scratch = recipe.feature_names(schema, timeline.channels), place.stores.releases.root
        _, rows = prepare(lists.judged, timeline, names, recipe, scratch, progress or Silent())
        return names, write_rows(folder, names, rows)


@dataclass(frozen=True, slots=True)
class _Lists:
    """Judged lists, and what answers them as of their moments."""

    found: Labelled
    judged: list[Judged]  # those found that no model among the features was trained on
    timeline: Timeline
    relabel: Callable[[Recipe], Sequence[Judged]]  # the same lists as another recipe grades them


@contextmanager
def _lists(
    place: Workplace, recipe: Recipe, labels: JudgedBy, now_ms: int, progress: Progress | None
) -> Iterator[_Lists]:
    """Take the labels in, and open what replays them."""
    labels.check()
    snapshot = place.snapshot()
    events = take_in(place, labels, snapshot, now_ms, progress)

    def read(recipe: Recipe) -> Labelled:
        return read_lists(place, labels, recipe, events, now_ms)

    found = read(recipe)

    def relabel(other: Recipe) -> Sequence[Judged]:
        return used.unseen(read(other).judged)

    used = open_used(recipe.models, place.models, recipe.uses, snapshot, events)
    judged = used.unseen(found.judged)
    with place.past(events, snapshot) as past:
        timeline = Timeline(
            place.settings, snapshot, place.tables(snapshot), events,
            recipe.sampling.time_blocks, Logged(place.stores.impressions, past), used,
        )  # fmt: skip
        yield _Lists(found, judged, timeline, relabel)


def check_parity(
    place: Workplace, since_ms: int, sample: int | None, progress: Progress | None = None
) -> Parity:
    """Compute the logged impressions since then once more, or `sample` of them."""
    stores = place.stores
    with (
        place.past(place.events()) as past,
        (progress or Silent()).stage("parity", sample, "impressions") as advance,
    ):
        impressions = chosen(stores.impressions, since_ms, sample)
        parity = compare(impressions, past, release_stores(place.models), advance)
    if not parity.rows and not parity.not_comparable:
        raise InvalidInput(
            f"nothing to compare: {parity.fused} impressions under {stores.impressions}, none "
            "ranked by a release; search a service that has one, or name an earlier --since"
        )
    return parity


def _has_news(place: Workplace) -> bool:
    """Tell whether anything was shown or done since the tables were built."""
    if not place.has_event_log and not place.stores.impressions.is_dir():
        return False
    log = place.open_events()
    try:
        tell(place.stores.impressions, log)
        current = place.stores.tables.current_id()
        known = place.stores.tables.manifest(current)["event_seq"] if current else 0
        return log.last_seq() > int(known)
    finally:
        log.close()


def _log_facts(counts: JoinCounts | None, timeline: Timeline) -> dict[str, dict[str, int]]:
    """Say how impressions and events met, and where the rows' values came from."""
    if counts is None:
        return {}
    rows: Counter[str] = Counter()
    for part in timeline.backfilled:
        rows.update(part.to_json())
    stand_ins = timeline.logged.past.stand_ins if timeline.logged else {}
    return {"join": counts.to_json(), "rows": dict(rows), "stand_ins": dict(stand_ins)}
