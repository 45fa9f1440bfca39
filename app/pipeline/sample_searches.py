"""Searches as somebody could make them of what was published, to be run before anybody asks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from app.corpus.documents import Documents
from app.corpus.encoder import reads_text
from app.corpus.encoding import query_vector
from app.corpus.masks import row_mask
from app.corpus.schema import NUMERIC, FieldType
from app.domain.arrays import F32
from app.domain.filters import Box, Filter, OneOf, Range, Within
from app.domain.live import Interaction
from app.domain.query import Deadline, GeoPoint, Query
from app.domain.reading import Mention, Quantity, Reading
from app.domain.user import UserState
from app.query.understand import SearchRequest, understand
from app.snapshot.asking import Person, long_term
from app.snapshot.context import SearchContext
from app.snapshot.people import tastes, user_state
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables

PATIENCE_MS = 300_000.0  # a machine that is busy and has compiled nothing yet takes a minute or two
RADIUS_KM = 50.0
TERMS = 3
LONGEST = 100  # characters of a title that are searched for


def samples(snapshot: Snapshot, tables: Tables) -> Iterator[SearchContext]:
    """Yield searches by somebody who liked the first document; none where there is no document.

    For its words, for its title, understood as if typed, and for that with a bound and a place,
    each among all documents and near it; and for what people searched for before.
    """
    if not len(snapshot):
        return
    user = _admirer_of_first(snapshot.documents, tables)
    deadline = Deadline.after_ms(PATIENCE_MS)
    place = place_of_first(snapshot.documents)
    near = row_mask(Within(place.lat, place.lon, RADIUS_KM), snapshot.documents)
    bound = _by_title(snapshot, tables)
    named = replace(bound, reading=Reading(bound.reading.rest, bound.reading.mentions))
    for query in (_by_words(snapshot, tables), named, bound):
        for mask in (None, near):
            yield SearchContext("warm", query, user, snapshot, tables, deadline, mask)
    for text in _remembered(tables):
        terms = tuple(text.split(" "))
        query = Query(text, terms, tables.as_of_ms, vector=_vector_of(snapshot, terms))
        yield SearchContext("warm", query, user, snapshot, tables, deadline)


def _by_words(snapshot: Snapshot, tables: Tables) -> Query:
    place, terms = place_of_first(snapshot.documents), _terms_of_first(snapshot.documents)
    vector = _vector_of(snapshot, terms)
    return Query(" ".join(terms), terms, tables.as_of_ms, origin=place, vector=vector)


def _by_title(snapshot: Snapshot, tables: Tables) -> Query:
    title = str(snapshot.documents.document(0).get("title", ""))[:LONGEST]
    query = understand(SearchRequest(title), snapshot, tables.as_of_ms, encodes=False)
    reading = replace(_all_of_first(snapshot.documents), rest=query.reading.rest)
    place = place_of_first(snapshot.documents)
    return replace(query, reading=reading, origin=place, vector=_vector_of(snapshot, query.terms))


def _all_of_first(documents: Documents) -> Reading:
    """Name a value, bound a number and want something near, as far as the catalogue has them."""
    keywords = [name for name, column in documents.keywords.items() if len(column.names)]
    numbers = [spec.name for spec in documents.schema.of_type(*NUMERIC)]
    return Reading(
        mentions=tuple(Mention(name, 0, 1, ((name, 0),)) for name in keywords[:1]),
        quantities=tuple(Quantity(Range(n, 0.0), 0, 1, is_hard=False) for n in numbers[:1]),
        near_row=0 if documents.has_places else None,
    )


def _remembered(tables: Tables) -> list[str]:
    """Return texts that were searched for: one that had clicks, one that was shown."""
    shown = tables.windows.counted if tables.windows is not None else None
    texts = [one.texts.strings for one in (tables.queries, shown) if one is not None]
    return list(dict.fromkeys(strings[0] for strings in texts if len(strings)))


def read_somebody(snapshot: Snapshot, tables: Tables) -> None:
    """Read one person's state as a search of theirs will, with what they did a moment ago."""
    lately = (Interaction(1, tables.as_of_ms, 1.0, snapshot.documents.ids.strings[0]),)
    person = Person("warm")
    if tables.persons is not None and len(tables.persons.histories.aliases):
        kind, _, name = tables.persons.histories.aliases.strings[0].partition(":")
        user, client = (name, None) if kind == "user" else (None, name)
        person = long_term(tables, user, client)
        user_state(person, tables, snapshot.documents, tables.as_of_ms)
    user_state(replace(person, lately=lately), tables, snapshot.documents, tables.as_of_ms)


def one_filter_of_each_kind(documents: Documents) -> Iterator[Filter]:
    schema = documents.schema
    for numeric in schema.of_type(*NUMERIC)[:1]:
        yield Range(numeric.name, 0.0)
    for keyword in schema.of_type(FieldType.KEYWORD)[:1]:
        names = documents.keywords[keyword.name].names.strings
        yield OneOf(keyword.name, tuple(names[i] for i in range(min(1, len(names)))))
    yield Box(-90.0, -180.0, 90.0, 180.0)


def place_of_first(documents: Documents) -> GeoPoint:
    """Return where the first document stands that has a place."""
    if documents.has_places:
        lats, lons = documents.numbers["lat"], documents.numbers["lon"]
        first = int(np.argmax(np.isfinite(lats) & np.isfinite(lons)))
        if np.isfinite(lats[first]) and np.isfinite(lons[first]):
            return GeoPoint(float(lats[first]), float(lons[first]))
    return GeoPoint(0.0, 0.0)


def _vector_of(snapshot: Snapshot, terms: Sequence[str]) -> F32 | None:
    """Return a query's vector; of an encoder of others any will do, for theirs may not answer."""
    if reads_text(snapshot.encoder):
        vectors = snapshot.documents.vectors
        return None if vectors is None else np.array(vectors[0])
    return query_vector(snapshot.encoder, "", terms)


def _terms_of_first(documents: Documents) -> tuple[str, ...]:
    columns = (column.tokens[0] for column in documents.tokens.values())
    ids = next((tokens for tokens in columns if tokens.size), ())
    return tuple(dict.fromkeys(documents.terms.strings[int(i)] for i in ids))[:TERMS]


def _admirer_of_first(documents: Documents, tables: Tables) -> UserState:
    rows, gains = np.zeros(1, np.int32), np.ones(1, np.float32)
    times_ms = np.full(1, tables.as_of_ms, np.int64)
    return UserState("warm", rows, times_ms, gains, *tastes(documents, rows, gains))
