"""Film search with crowd judgements (MSRD), with MovieLens ratings as the users' histories."""

from __future__ import annotations

from pathlib import Path

from app.offline.datasets import movielens
from app.offline.datasets.dataset import Dataset, Part, Split, write_judged, write_text_split
from app.offline.datasets.source import copy_source, source_file
from app.offline.lines import write_objects
from app.offline.trec import read_qrels, read_queries

HELD_OUT = 1


def convert(root: Path, out: Path) -> Dataset:
    """Write catalogue, queries, qrels and, if ml_latest_small is there too, events."""
    source = root / "msrd"
    catalog = copy_source(source, "catalog.jsonl", out)
    topics = read_queries(source_file(source, "queries.jsonl"))
    qrels = read_qrels(source_file(source, "qrels.txt"))
    events, note = _events(root, catalog, out)
    whole = write_judged(out, topics, qrels)
    split = write_text_split(out, topics, qrels, HELD_OUT, f"fold{HELD_OUT}")
    train = Part(split.train.queries, split.train.qrels, events=events)
    return Dataset(
        name="msrd",
        licence="CC BY-SA 4.0" + (f"; events: {movielens.LICENCE}" if events else ""),
        attribution="MSRD by Metarank Labs, adapted by Elastic; film text from TMDB, tags from "
        "MovieLens. This product uses the TMDB API but is not endorsed or certified by TMDB.",
        catalog=catalog,
        rule=f"test = queries with int(sha1(text), 16) % 5 == {HELD_OUT}",
        splits=(Split(split.name, train, split.test),),
        whole=Part(whole.queries, whole.qrels, events=events),
        notes=(note,),
    )


def _events(root: Path, catalog: Path, out: Path) -> tuple[Path | None, str]:
    if not (root / "ml_latest_small").is_dir():
        return None, "no events: ml_latest_small is not beside msrd"
    ratings = movielens.read_ratings(root, movielens.catalog_ids(catalog))
    path = out / "events.jsonl"
    write_objects(path, map(movielens.event, ratings))
    return path, "events are MovieLens ratings of the same films; no query belongs to them"
