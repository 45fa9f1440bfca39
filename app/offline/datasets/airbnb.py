"""Inside Airbnb listings of Beijing and Shanghai: places and prices, with nobody asking."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.offline.datasets.dataset import Dataset
from app.offline.datasets.source import csv_rows, source_file
from app.offline.lines import fault, write_objects

CITIES = {"beijing": "北京", "shanghai": "上海"}
WORDS = ("room_id", "neighbourhood", "name", "room_type", "instant_bookable")
NUMBERS = ("accommodates", "bedrooms", "beds", "number_of_reviews")
COLUMNS = (*WORDS, *NUMBERS, "latitude", "longitude", "price", "review_scores_rating")

SPOKEN = (
    'fields.bedrooms={"type": "number", "words": ["卧室", "bedroom"], '
    '"units": {"居": 1, "居室": 1, "室": 1, "间卧室": 1, "bedrooms": 1, "bedroom": 1, "br": 1}}',
    'fields.accommodates={"type": "number", "words": ["可住", "入住", "住", "sleeps", "guests"], '
    '"units": {"人": 1, "位": 1, "guests": 1, "people": 1, "persons": 1}}',
    'fields.beds={"type": "number", "words": ["床位", "beds"], '
    '"units": {"张床": 1, "beds": 1, "bed": 1}}',
)
"""How people speak of the listings' own numbers; the default file speaks of price and rating."""


def convert(root: Path, out: Path) -> Dataset:
    """Write the catalogue; listings without a name cannot be documents and are left out."""
    rows = list(_rows(root / "airbnb_bj_sh"))
    named = [row for row in rows if row["title"]]
    catalog = out / "catalog.jsonl.gz"
    write_objects(catalog, named)
    return Dataset(
        name="airbnb_bj_sh",
        licence="CC BY 4.0",
        attribution="Inside Airbnb, http://insideairbnb.com",
        catalog=catalog,
        rule="no queries: a catalogue only",
        overrides=SPOKEN,
        notes=(
            f"{len(rows) - len(named)} listings without a name were left out",
            "price in the currency of the upstream file, which does not name it",
        ),
    )


def _rows(source: Path) -> Iterator[dict[str, Any]]:
    for city, name in CITIES.items():
        path = source_file(source, f"{city}_room.csv")
        for number, row in csv_rows(path, COLUMNS):
            yield _document(row, name, path, number)


def _document(row: dict[str, str], city: str, path: Path, number: int) -> dict[str, Any]:
    def value(column: str) -> float | None:
        return _number(row[column], column, path, number)

    stars = value("review_scores_rating")
    document = {
        "id": row["room_id"],
        "title": row["name"].strip(),
        "category": row["room_type"],
        "tags": [row["neighbourhood"]] if row["neighbourhood"] else None,
        "city": city,
        "lat": value("latitude"),
        "lon": value("longitude"),
        "price": value("price"),
        "rating": None if stars is None else stars / 20,  # percent -> 0..5
        "popularity": value("number_of_reviews"),
        "instant_bookable": row["instant_bookable"] == "t",
        **{column: value(column) for column in NUMBERS},
    }
    return {key: known for key, known in document.items() if known is not None}


def _number(text: str, column: str, path: Path, number: int) -> float | None:
    if not text.strip():
        return None
    try:
        return float(text)
    except ValueError:
        raise fault(path, number, f"{column} {text!r} is not a number") from None
