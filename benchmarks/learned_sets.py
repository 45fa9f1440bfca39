"""Sets whose click log teaches tables: lists to train on, held-out lists, and rows of both.

- demo: the synthetic city's sessions, newest lists held out by time.
- msrd: queries of the training part become lists of clicks on their relevant films, after the
  MovieLens ratings; held-out queries are msrd's own, of other words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import typer
from relevance import NOW_MS, RECIPE, SEED, load_events

from app.corpus.string_keys import hash64
from app.features.catalog import CATALOG
from app.features.feature import FeatureSet
from app.offline.confidence import Interval
from app.offline.dataset import TrainingSet
from app.offline.datasets import convert
from app.offline.datasets.dataset import Dataset
from app.offline.folds import cut
from app.offline.judged import Judged
from app.offline.labelled import JudgedBy, read_judged, read_labelled
from app.offline.recipe import Recipe
from app.offline.reindex import reindex
from app.offline.timeline import Timeline
from app.offline.trec import Qrels, Topic, read_qrels, read_queries
from app.offline.workflow import import_log, refresh_tables
from app.offline.workplace import Workplace
from app.settings import Settings

CONFIG = Path(__file__).parents[1] / "config" / "search.toml"
DAY_MS = 86_400_000
LISTS = 2500  # trained and tested on: the newest of a log


@dataclass(frozen=True, slots=True)
class LearnedSet:
    """A catalogue that is indexed, and the log that is learned from."""

    place: Workplace
    events: Path | None
    sessions: Path
    asked: list[Judged] | None  # held-out queries; None: the newest lists of the log
    now_ms: int


@dataclass(frozen=True, slots=True)
class Assembled:
    """Rows to fit and to stop on, and the lists to measure on."""

    timeline: Timeline
    recipe: Recipe
    names: tuple[str, ...]  # the recipe's own features
    features: FeatureSet  # those and the chosen ones
    rows: list[TrainingSet]
    test: Sequence[Judged]


def demo_set(city: Path, work: Path, overrides: Sequence[str]) -> LearnedSet:
    """Index the synthetic city. Held-out lists are seen with the tables of their own moment."""
    place = Workplace(Settings.load(CONFIG, overrides), work / "demo/data", work / "demo/models")
    reindex([str(city / "catalog.jsonl")], place.settings, place.data, now_ms=NOW_MS)
    sessions = city / "sessions.jsonl"
    now_ms = 1 + max(s["ts"] for s in map(orjson.loads, sessions.open("rb")))
    return LearnedSet(place, city / "events.jsonl", sessions, None, now_ms)


def msrd_set(source: Path, work: Path, overrides: Sequence[str]) -> LearnedSet:
    """Clicks are what the training part's judges chose; the test part's judges decide."""
    convert("msrd", source, work / "msrd" / "source")
    dataset = Dataset.open(work / "msrd" / "source")
    chosen = Settings.load(CONFIG, [*dataset.overrides, *overrides])
    place = Workplace(chosen, work / "msrd" / "data", work / "msrd" / "models")
    reindex([str(dataset.catalog)], place.settings, place.data, now_ms=NOW_MS)
    part, test = dataset.splits[0].train, dataset.splits[0].test
    sessions = work / "msrd" / "sessions.jsonl"
    _write_sessions(read_queries(part.queries), read_qrels(part.qrels), sessions)
    with place.door() as door:
        asked = read_judged(test.queries, test.qrels, door.of_known, NOW_MS)
    some = sorted(asked, key=lambda j: hash64(j.qid))[:800]
    return LearnedSet(place, part.events, sessions, some, NOW_MS)


def assemble(one: LearnedSet, chosen: Sequence[str], lists: int = LISTS) -> Assembled:
    """Compute the recipe's features and the chosen ones of every training list, as of its time."""
    place, now_ms = one.place, one.now_ms
    import_log(place, [str(one.events)] if one.events else [], [str(one.sessions)], now_ms)
    snapshot = place.snapshot()
    refresh_tables(place, snapshot, now_ms)
    recipe = Recipe.load(RECIPE).limited(lists)
    recipe = recipe.model_copy(update={"split": recipe.split.model_copy(update={"test": 0.2})})
    log = load_events(place)
    timeline = Timeline(
        place.settings, snapshot, place.tables(snapshot), log, recipe.sampling.time_blocks
    )
    with place.door() as door:
        labelled = read_labelled(JudgedBy(one.sessions), recipe, log, None, door.of_known, now_ms)
    parts = cut(labelled.judged, recipe)
    names = recipe.feature_names(snapshot.documents.schema, timeline.channels)
    features = FeatureSet(CATALOG, tuple(dict.fromkeys([*names, *chosen])))
    place.models.mkdir(parents=True, exist_ok=True)
    rows = [
        timeline.assemble(p, features, recipe.negatives, SEED, lambda _: None, place.models)
        for p in parts.fitting
    ]
    return Assembled(timeline, recipe, names, features, rows, one.asked or parts.test)


def _write_sessions(topics: Sequence[Topic], qrels: Qrels, to: Path) -> None:
    """One list a query, spread evenly over the year before NOW_MS, in an order of chance."""
    mixed = sorted(topics, key=lambda t: hash64(t.qid))
    with to.open("wb") as out:
        for i, topic in enumerate(mixed):
            grades = qrels.get(topic.qid, {})
            if not grades:
                continue
            line = {
                "request_id": topic.qid, "query": topic.text, "shown": sorted(grades),
                "ts": NOW_MS - 365 * DAY_MS * (len(mixed) - i) // len(mixed) - 1,
                "clicked": sorted(d for d, g in grades.items() if g > 0),
                "positions_known": False,
            }  # fmt: skip
            out.write(orjson.dumps(line) + b"\n")


def row(name: str, variant: str, metric: str, i: Interval, queries: int) -> dict[str, Any]:
    """Print a figure with its interval, and lay it out for keeping."""
    typer.echo(f"{name:<6} {variant:<46} {metric:<8} {i}")
    return {
        "set": name, "variant": variant, "metric": metric, "value": i.mean, "low": i.low,
        "high": i.high, "queries": queries,
    }  # fmt: skip
