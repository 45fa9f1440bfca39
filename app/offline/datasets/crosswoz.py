"""Beijing hotels, restaurants and sights (CrossWOZ): requests as people type them in a dialogue."""

from __future__ import annotations

from pathlib import Path

from app.offline.datasets.dataset import Dataset, write_judged, write_text_split
from app.offline.datasets.source import copy_source, source_file
from app.offline.trec import read_qrels, read_queries

FOLDS = 5


def convert(root: Path, out: Path) -> Dataset:
    """Write catalogue, queries, qrels, and five folds, each held out once."""
    source = root / "crosswoz"
    catalog = copy_source(source, "catalog.jsonl", out)
    topics = read_queries(source_file(source, "queries.jsonl"))
    qrels = read_qrels(source_file(source, "qrels.txt"))
    return Dataset(
        name="crosswoz",
        licence="Apache-2.0",
        attribution="CrossWOZ by Qi Zhu et al., TACL 2020, https://github.com/thu-coai/CrossWOZ",
        catalog=catalog,
        rule="fold = int(sha1(text), 16) % 5, each held out once",
        splits=tuple(
            write_text_split(out / f"fold{fold}", topics, qrels, fold, f"fold{fold}")
            for fold in range(FOLDS)
        ),
        whole=write_judged(out, topics, qrels),
        notes=("relevant = every entity that meets the constraints annotated in the turn",),
    )
