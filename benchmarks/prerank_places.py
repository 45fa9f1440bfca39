"""Where the pre-rank benchmark measures: a synthetic city, or a real set with its own split."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from speed_catalogue import prepare

from app.offline.datasets import convert
from app.offline.datasets.dataset import Dataset
from app.offline.judged import Judged, from_qrels
from app.offline.labelled import JudgedBy
from app.offline.reindex import reindex
from app.offline.replay import Replay
from app.offline.trec import read_qrels, read_queries
from app.offline.workflow import import_log, refresh_tables, train_model
from app.offline.workplace import Workplace
from app.rank.local import LocalRanker
from app.rank.release import open_release
from app.settings import Settings

ROOT = Path(__file__).parents[1]
RECIPE = ROOT / "models" / "lambdarank" / "recipe.toml"
NOW_MS = 1_767_225_600_000  # 2026-01-01: queries without a time are asked then


@dataclass(frozen=True, slots=True)
class Place:
    """A snapshot, its tables and its release, and who asks there."""

    name: str
    work: Workplace
    teaching: Sequence[Judged]
    measured: Sequence[Judged]

    @contextmanager
    def opened(self) -> Iterator[tuple[Replay, LocalRanker]]:
        snapshot = self.work.snapshot()
        releases = self.work.stores.releases
        release = open_release(releases.path(releases.require_current()))
        with (
            ThreadPoolExecutor(1) as threads,
            Replay(self.work.settings, snapshot, self.work.tables(snapshot)) as replay,
        ):
            yield replay, LocalRanker.of(release, threads)


def city(size: int, work: Path, queries: int) -> Place:
    """A city of the speed benchmark; its even queries teach and its odd ones measure."""
    there = prepare(size, work, rebuild=False)
    source = there.root / "source"
    judged = _judged(source / "queries.jsonl", source / "qrels.txt")
    return Place(f"city {size:,}", there.place, judged[::2][:queries], judged[1::2][:queries])


def real(name: str, work: Path, queries: int) -> Place:
    """A published set, indexed and trained on its training part where that is not done yet."""
    folder = work / name
    if not (folder / "source" / "dataset.json").exists():
        convert(name, Path(os.environ["DUOLU_DATASETS"]), folder / "source")
    dataset = Dataset.open(folder / "source")
    settings = Settings.load(ROOT / "config" / "search.toml", dataset.overrides)
    place = Workplace(settings, folder / "data", folder / "models")
    train, test = dataset.splits[0].train, dataset.splits[0].test
    if train.queries is None or train.qrels is None or test.queries is None or test.qrels is None:
        raise SystemExit(f"{name} has no judged queries on both sides of its split")
    if place.stores.releases.current_id() is None:
        _build(place, dataset, train.events, JudgedBy(None, train.queries, train.qrels))
    taught = _judged(train.queries, train.qrels)[:queries]
    return Place(name, place, taught, _judged(test.queries, test.qrels)[:queries])


def _build(place: Workplace, dataset: Dataset, events: Path | None, labels: JudgedBy) -> None:
    reindex([str(dataset.catalog)], place.settings, place.data, now_ms=NOW_MS)
    if events is not None:
        import_log(place, [str(events)], [], NOW_MS)
        refresh_tables(place, place.snapshot(), NOW_MS)
    trained = train_model(place, RECIPE, labels, now_ms=NOW_MS)
    place.stores.releases.publish(trained.release_id)  # no gate: it is timed


def _judged(queries: Path, qrels: Path) -> list[Judged]:
    return [j for j in from_qrels(read_queries(queries), read_qrels(qrels), NOW_MS) if j.is_useful]
