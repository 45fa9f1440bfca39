"""From the two logs to training rows: rows a second of join and features, logged or replayed.

    python scripts/parity_drive.py DIR     # a small city, its model, a log of real searches
    python benchmarks/join.py DIR

The driven log is copied many times over under other request ids, each list with a click or two, so
that it is long enough to measure; nothing else about it is made up. Cases, each from files to rows:

- logged: every feature of the recipe was logged.
- one in ten replayed: the release that served lacked every tenth feature.
- all replayed: fused order served; list_* come from the log.

Every case is read, joined, graded and made into rows from scratch, three times, in turns. Seconds
are those of the processor: the machine may have other work.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from results_file import write

from app.corpus.event_columns import EventColumns
from app.corpus.event_log import EventLog
from app.corpus.impression_log import read_impressions, write_impressions
from app.domain.events import CLICK, Event
from app.domain.impressions import Impression
from app.features.catalog import CATALOG
from app.features.feature import FeatureSet
from app.offline.backfill import Backfill
from app.offline.labelled import labelled_from_log
from app.offline.logged import with_tables
from app.offline.recipe import Recipe
from app.offline.workplace import Workplace
from app.settings import Settings

SEED = 7
REPEATS = 3
WANTED = 20_000  # rows a second
FILE = 2_000  # impressions a file, as a busy minute writes
CONFIG, RECIPE = Path("config/search.toml"), Path("models/lambdarank/recipe.toml")


def main(
    root: Annotated[Path, typer.Argument(help="Where scripts/parity_drive.py drove.")],
    lists: Annotated[int, typer.Option(help="Impressions to join.")] = 10_000,
    work: Annotated[Path, typer.Option()] = Path("data/bench/join"),
) -> None:
    """Run all cases in turns and write results/join.json."""
    place = Workplace(Settings.load(CONFIG), root / "data", root / "models")
    served = [i for i in read_impressions(place.stores.impressions) if i.feature_names]
    names = served[0].feature_names
    shutil.rmtree(work, ignore_errors=True)
    logs = {
        "logged": write_log(work / "logged", served, lists),
        "one in ten replayed": write_log(work / "tenth", [lacking(i) for i in served], lists),
        "all replayed": write_log(work / "fused", [fused(i) for i in served], lists),
    }
    events = write_events(work / "events.db", logs["logged"])
    samples: dict[str, list[dict[str, float]]] = {name: [] for name in logs}
    for _ in range(REPEATS):
        for name, log in logs.items():
            samples[name].append(measure(place, log, events, names))
    rows = [row(name, samples[name]) for name in logs]
    for one in rows:
        print(f"{one['case']:>20}  {one['ours']:>10,.0f} rows/s  {one['ratio']:.2f} × wanted")
    print(write("join", rows, samples))


def measure(
    place: Workplace, log: Path, events: EventColumns, names: Sequence[str]
) -> dict[str, float]:
    """Join one log with the events and make its rows. Returns seconds of each part, and rows."""
    recipe, features = Recipe.load(RECIPE), FeatureSet(CATALOG, names)
    now_ms = int(events.ts_ms.max()) + 1
    started = time.process_time()
    found = labelled_from_log(recipe, events, log, now_ms)
    judged = found.judged
    joined = time.process_time()
    with place.past(place.events(), place.snapshot()) as past:
        opened = time.process_time()
        backfill = Backfill(features, past)
        made = sum(len(part.labels) for part, _ in backfill.pieces(with_tables(log, judged)))
        ended = time.process_time()
    assert found.counts is not None
    assert found.counts.joined
    assert made == backfill.counts.rows
    return {
        "rows": made, "join_s": joined - started, "features_s": ended - opened,
        "lists": len(judged), "replayed": backfill.counts.values_replayed,
    }  # fmt: skip


def row(name: str, samples: Sequence[dict[str, float]]) -> dict[str, Any]:
    speed = float(np.median([s["rows"] / (s["join_s"] + s["features_s"]) for s in samples]))
    return {
        "case": name, "ours": round(speed), "peer": WANTED, "peer_name": "wanted",
        "ratio": round(speed / WANTED, 3), "unit": "rows/s",
    }  # fmt: skip


def write_log(folder: Path, served: Sequence[Impression], lists: int) -> Path:
    """Write copies of the served searches, each at its own moment, under ids of their own."""
    copies = (replace(served[i % len(served)], request_id=f"copy-{i:07d}") for i in range(lists))
    while some := [one for _, one in zip(range(FILE), copies, strict=False)]:
        write_impressions(folder, some)
    return folder


def write_events(file: Path, log: Path) -> EventColumns:
    """Click on one or two documents of each list."""
    rng = np.random.default_rng(SEED)

    def clicks() -> Iterator[Event]:
        for one in read_impressions(log, columns=("ids", "shown")):
            for document in rng.permutation(one.shown)[: 1 + rng.integers(2)]:
                yield Event(
                    f"{one.request_id}-{document}", CLICK, one.now_ms + 1000,
                    query_id=one.request_id, object_id=one.ids[document],
                )  # fmt: skip

    events = EventLog.open(file)
    try:
        events.append(clicks())
        return EventColumns.load(events)
    finally:
        events.close()


def lacking(impression: Impression) -> Impression:
    """As a release without every tenth feature would have logged it."""
    keep = [j for j in range(len(impression.feature_names)) if j % 10]
    return replace(
        impression,
        feature_names=tuple(impression.feature_names[j] for j in keep),
        features=np.ascontiguousarray(impression.features[:, keep]),
    )


def fused(impression: Impression) -> Impression:
    """As it would have been logged without a release."""
    m = len(impression.ids)
    return replace(
        impression, release_id=None, feature_names=(),
        features=np.empty((m, 0), np.float32), has_features=np.zeros(m, np.bool_),
    )  # fmt: skip


if __name__ == "__main__":
    typer.run(main)
