"""MovieLens ratings over the MSRD films: what each user would watch next, with no query typed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.offline.datasets.dataset import Dataset, Part, Split
from app.offline.datasets.source import copy_source, csv_rows, source_file
from app.offline.lines import fault, json_objects, required, write_objects
from app.offline.split import split_by_time
from app.offline.trec import Qrels, Topic, write_qrels, write_queries

LICENCE = "GroupLens: research use, no commercial use without permission (README.grouplens.txt)"
CITATION = (
    "F. Maxwell Harper and Joseph A. Konstan. 2015. The MovieLens Datasets: History and Context. "
    "ACM TiiS 5, 4: 19:1-19:19. https://doi.org/10.1145/2827872"
)
LIKED = 4.0  # stars from which a rating carries a gain


@dataclass(frozen=True, slots=True)
class Rating:
    """One user's rating of one film of the catalogue."""

    event_id: str
    user_id: str  # "ml-" + MovieLens userId
    doc_id: str
    ts_ms: int  # epoch ms
    stars: float  # 0.5..5


def convert(root: Path, out: Path) -> Dataset:
    """Write train events, and one empty query a user whose relevant documents are held out."""
    catalog = copy_source(root / "msrd", "catalog.jsonl", out)
    train, test = _split(read_ratings(root, catalog_ids(catalog)))
    learned = Part(events=out / "events.train.jsonl")
    judged = Part(out / "queries.test.jsonl", out / "qrels.test.txt", seen=out / "seen.test.txt")
    users = list(dict.fromkeys(rating.user_id for rating in test))
    write_objects(out / "events.train.jsonl", map(event, train))
    write_queries(out / "queries.test.jsonl", _topics(users, test))
    write_qrels(out / "qrels.test.txt", _documents(test, users))
    write_qrels(out / "seen.test.txt", _documents(train, users))
    return Dataset(
        name="ml_latest_small",
        licence=f"{LICENCE}; catalogue: CC BY-SA 4.0",
        attribution=f"{CITATION} Films: see msrd.",
        catalog=catalog,
        rule="test = each user's last fifth of ratings by time (ties by film id)",
        splits=(Split("last_fifth", learned, judged),),
        notes=(
            "take each user's films of seen.test.txt out of the answer before scoring",
            "now_ms is the time of the user's first held-out rating; other users' training "
            "events may be later",
        ),
    )


def catalog_ids(catalog: Path) -> set[str]:
    """Return the ids of a catalogue."""
    return {required(row, "id", str, catalog, number) for number, row in json_objects(catalog)}


def read_ratings(root: Path, known: set[str]) -> list[Rating]:
    """Return the ratings of known films by time; a film rated twice counts once, the first time.

    MovieLens has a few films under two ids; links.csv maps both to one TMDB id.
    """
    source = root / "ml_latest_small"
    films = _films(source_file(source, "links.csv"), known)
    path = source_file(source, "ratings.csv")
    columns = ("userId", "movieId", "rating", "timestamp")
    ratings = [
        _rating(row, films[row["movieId"]], path, number)
        for number, row in csv_rows(path, columns)
        if row["movieId"] in films
    ]
    ratings.sort(key=lambda rating: (rating.ts_ms, rating.user_id, rating.doc_id))
    return list({(r.user_id, r.doc_id): r for r in reversed(ratings)}.values())[::-1]


def event(rating: Rating) -> dict[str, Any]:
    """Return the rating as a click in the UBI schema; a liked film carries a gain."""
    attributes: dict[str, Any] = {
        "object": {"object_id": rating.doc_id},
        "rating": rating.stars,
    }
    if rating.stars >= LIKED:
        attributes["gain"] = 1.0
    return {
        "event_id": rating.event_id,
        "action_name": "click",
        "timestamp": _rfc3339(rating.ts_ms),
        "user_id": rating.user_id,
        "event_attributes": attributes,
    }


def _films(links: Path, known: set[str]) -> dict[str, str]:
    """Return MovieLens id -> catalogue id for the films of the catalogue."""
    rows = csv_rows(links, ("movieId", "tmdbId"))
    return {row["movieId"]: row["tmdbId"] for _, row in rows if row["tmdbId"] in known}


def _rating(row: dict[str, str], doc_id: str, path: Path, number: int) -> Rating:
    user = f"ml-{row['userId']}"
    try:
        ts_ms, stars = int(row["timestamp"]) * 1000, float(row["rating"])
    except ValueError:
        raise fault(path, number, f"rating or timestamp of {row} is not a number") from None
    return Rating(f"{user}-{row['movieId']}", user, doc_id, ts_ms, stars)


def _split(ratings: Iterable[Rating]) -> tuple[list[Rating], list[Rating]]:
    by_user: dict[str, list[Rating]] = defaultdict(list)
    for rating in ratings:
        by_user[rating.user_id].append(rating)
    train: list[Rating] = []
    test: list[Rating] = []
    for own in by_user.values():
        earlier, later = split_by_time(own, lambda rating: (rating.ts_ms, rating.doc_id))
        train += earlier
        test += later
    return sorted(train, key=lambda r: (r.ts_ms, r.event_id)), test


def _topics(users: Iterable[str], held_out: Iterable[Rating]) -> list[Topic]:
    first: dict[str, int] = {}
    for rating in held_out:
        first[rating.user_id] = min(rating.ts_ms, first.get(rating.user_id, rating.ts_ms))
    return [Topic(user, "", user_id=user, now_ms=first[user]) for user in users]


def _documents(ratings: Iterable[Rating], users: Iterable[str]) -> Qrels:
    films: Qrels = {user: {} for user in users}
    for rating in ratings:
        if rating.user_id in films:
            films[rating.user_id][rating.doc_id] = 1
    return films


def _rfc3339(ts_ms: int) -> str:
    moment = datetime.fromtimestamp(ts_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
