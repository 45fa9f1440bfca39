"""What the console has to know of this service: what can be searched, narrowed by and drawn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import Any

import numpy as np

from app.corpus.documents import Documents
from app.corpus.schema import FieldType, Schema
from app.online.service import Service
from app.query.listing import MAX_FACETS

MAX_DOTS = 600
"""Places drawn behind the results instead of a map: enough to see a city's shape."""


def about_body(service: Service, calls: Iterable[str]) -> dict[str, Any]:
    """Lay out what the page asks for first. Nothing in it is secret; before a snapshot serves
    there is little in it. `calls`: the paths of this service, so that the page asks for no other.
    """
    engine = service.engine
    body: dict[str, Any] = {
        "version": version("duolu"),
        "calls": sorted(calls),
        "needs_key": service.key is not None,
        "channels": [name for name, c in engine.settings.channels.items() if c.enabled],
        "deepest": engine.settings.merge.max_candidates,
        "keywords": [], "numbers": [], "flags": [], "facets": [], "dots": [],
    }  # fmt: skip
    if engine.serving is not None:
        documents = engine.serving.snapshot.documents
        body |= _fields(documents.schema) | {"dots": list(_dots(documents))}
    return body


def _fields(schema: Schema) -> dict[str, Any]:
    """Name the fields that a search is narrowed by: those offered as facets, and numbers that
    people have words for; and of these as many as one search may count.
    """
    keywords = [f.name for f in schema.of_type(FieldType.KEYWORD) if f.facet]
    numbers = [f.name for f in schema.of_type(FieldType.NUMBER) if f.facet or f.words]
    return {
        "keywords": keywords,
        "numbers": numbers,
        "facets": [*keywords, *numbers][:MAX_FACETS],
        "flags": [f.name for f in schema.of_type(FieldType.BOOL)],
    }


def _dots(documents: Documents) -> Iterator[list[float]]:
    """Yield lat, lon (degrees) of documents spread evenly over the rows, at most MAX_DOTS."""
    if not documents.has_places:
        return
    step = max(1, len(documents) // MAX_DOTS)
    rows = np.arange(0, len(documents), step, dtype=np.int32)[:MAX_DOTS]
    if documents.dead is not None:
        rows = rows[~documents.dead[rows]]
    lat, lon = documents.numbers_of("lat", rows), documents.numbers_of("lon", rows)
    for i in np.flatnonzero(np.isfinite(lat) & np.isfinite(lon)).tolist():
        yield [round(float(lat[i]), 4), round(float(lon[i]), 4)]
