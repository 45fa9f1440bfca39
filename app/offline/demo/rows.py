"""Documents as catalogue rows: from columns of numbers to the JSON objects of catalog.jsonl."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.domain.arrays import I64
from app.offline.demo import names, sentences
from app.offline.demo.catalogue import Documents
from app.offline.demo.city import DISTRICTS
from app.offline.demo.coinage import Coins
from app.offline.demo.hard import Distortion
from app.offline.demo.names import Draft
from app.offline.demo.vocabulary import Vocabulary

_HOURS = ("10:00-22:00", "11:00-14:00,17:00-21:30", "07:00-20:00", "17:00-02:00", "00:00-24:00")
_ORIGINS = ("鲸湾", "北汐", "月屿", "松涛山", "进口")
_HARD_IN = 64  # one row in so many is written in a hard way


@dataclass(frozen=True, slots=True)
class Renderer:
    """Turns documents into words."""

    vocabulary: Vocabulary
    coins: Coins
    distortion: Distortion

    def drafts(self, documents: Documents) -> Iterator[Draft]:
        kinds, items, tags = self.vocabulary.kinds, self.vocabulary.items, self.vocabulary.tags
        columns = (
            documents.kind, documents.word, documents.is_branded, documents.script,
            documents.district, documents.items, documents.tags, documents.dice,
        )  # fmt: skip
        for kind, word, branded, script, district, its, tgs, dice in zip(
            *(c.tolist() for c in columns), strict=True
        ):
            yield Draft(
                kind=kinds[kind],
                zh=self.coins.zh[word],
                en=self.coins.en[word],
                is_branded=branded,
                script=script,
                district=district,
                items=tuple(items[i] for i in its if i >= 0),
                tags=tuple(tags[t] for t in tgs if t >= 0),
                dice=dice,
            )

    def rows(self, documents: Documents, first: int) -> Iterator[dict[str, Any]]:
        """Yield the catalogue rows; `first` is the number of the first of them."""
        moments = documents.published_ms.astype("datetime64[ms]")
        columns = (
            ids(documents, first), documents.lat.tolist(), documents.lon.tolist(),
            documents.price.tolist(), documents.rating.tolist(), documents.popularity.tolist(),
            np.datetime_as_string(moments, unit="s").tolist(), documents.in_stock.tolist(),
        )  # fmt: skip
        for draft, *facts in zip(self.drafts(documents), *columns, strict=True):
            row = _row(draft, *facts)
            if (draft.dice >> 50) % _HARD_IN == 0:
                self.distortion.of_row(row, draft.dice >> 56)
            yield row


def ids(documents: Documents, first: int = 0) -> list[str]:
    """Return p… for a place and g… for goods, with the number in the catalogue."""
    places: list[bool] = (documents.district >= 0).tolist()
    return [f"{'p' if is_place else 'g'}{n:07d}" for n, is_place in enumerate(places, first)]


def id_of(documents: Documents, rows: I64) -> list[str]:
    """Return the ids of some rows."""
    places: list[bool] = (documents.district[rows] >= 0).tolist()
    numbers: list[int] = rows.tolist()
    return [f"{'p' if p else 'g'}{n:07d}" for n, p in zip(numbers, places, strict=True)]


def _row(
    draft: Draft,
    doc_id: str,
    lat: float,
    lon: float,
    price: float,
    rating: float,
    popularity: int,
    published: str,
    in_stock: bool,
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": doc_id,
        "title": names.title(draft),
        "text": sentences.text(draft),
        "category": draft.kind.term.zh,
        "tags": [t.zh for t in draft.tags],
    }
    if brand := names.brand(draft):
        row["brand"] = brand
    if draft.kind.is_place:
        row |= {"lat": lat, "lon": lon}
    row |= {
        "price": price,
        "rating": rating,
        "popularity": popularity,
        "published_at": f"{published}Z",
        "in_stock": in_stock,
    }
    row.update(_attributes(draft))
    return row


def _attributes(draft: Draft) -> dict[str, Any]:
    if not draft.kind.is_place:
        return {"origin": _ORIGINS[draft.roll(8, 5)], **_guarantee(draft)}
    more: dict[str, Any] = {
        "district": DISTRICTS[draft.district].name.zh,
        "hours": _HOURS[draft.roll(8, 5)],
    }
    if draft.kind.group == "dining":
        more["seats"] = 8 + draft.roll(18, 120)
    return more


def _guarantee(draft: Draft) -> dict[str, Any]:
    if draft.kind.family in ("snacks", "tea leaves"):
        return {"shelf_life_days": 90 * (1 + draft.roll(18, 6))}
    if draft.kind.family in ("electronics", "home goods"):
        return {"warranty_months": 6 * (1 + draft.roll(18, 4))}
    return {}
