"""What the simulation of clicks is drawn from: film queries, judged pairs, features."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from app.features.catalog import CATALOG
from app.features.feature import FeatureSet
from app.offline.dataset import TrainingSet
from app.offline.datasets import convert
from app.offline.datasets.dataset import Dataset, Part
from app.offline.judged import from_qrels
from app.offline.recipe import Negatives
from app.offline.reindex import reindex
from app.offline.timeline import Timeline
from app.offline.trec import read_qrels, read_queries
from app.offline.workplace import Workplace
from app.settings import Settings

ROOT = Path(__file__).parents[1]
NOW_MS = 1_767_225_600_000  # 2026-01-01
FEATURES = (
    "bm25(title)", "bm25_of_best(title)", "bm25(text)", "idf_coverage(title)",
    "starts_with(title)", "cosine", "cosine_behind_best", "hit_score(lexical)",
    "hit_of_best(lexical)", "attr(popularity)", "attr(votes)", "attr(year)",
)  # fmt: skip
"""The best of the recipe by gain. All of them would take ten times as long and say the same."""


def judged_rows(source: Path, work: Path) -> tuple[TrainingSet, TrainingSet]:
    """Return the judged pairs of training and held-out queries, one group a query.

    They are kept under `work`: computed once.
    """
    file = work / "rows.npz"
    if not file.exists():
        _write(source, work, file)
    kept = np.load(file, allow_pickle=False)
    train, test = (
        TrainingSet.plain(*(kept[f"{side}_{n}"] for n in ("features", "labels", "sizes")),
                          tuple(kept[f"{side}_qids"].tolist()))
        for side in ("train", "test")
    )  # fmt: skip
    return train, test


def _write(source: Path, work: Path, file: Path) -> None:
    convert("msrd", source, work / "source")
    dataset = Dataset.open(work / "source")
    settings = Settings.load(ROOT / "config" / "search.toml", dataset.overrides)
    place = Workplace(settings, work / "data", work / "models")
    reindex([str(dataset.catalog)], settings, place.data, now_ms=NOW_MS)
    snapshot = place.snapshot()
    timeline = Timeline(settings, snapshot, place.tables(snapshot))
    (split,) = dataset.splits
    kept = {}
    for side, part in (("train", split.train), ("test", split.test)):
        rows = _assemble(timeline, part, work)
        kept |= {f"{side}_{n}": getattr(rows, n) for n in ("features", "labels", "sizes")}
        kept[f"{side}_qids"] = np.array(rows.qids)
    np.savez(file, **kept)


def _assemble(timeline: Timeline, part: Part, work: Path) -> TrainingSet:
    """Judged pairs alone: what a list of the simulation may show."""
    judged = from_qrels(read_queries(part.queries), read_qrels(part.qrels), NOW_MS)
    features = FeatureSet(CATALOG, FEATURES)
    return timeline.assemble(judged, features, Negatives(top=0, random=0), 7, lambda _: None, work)
