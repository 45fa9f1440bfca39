"""What somebody may be about to type: queries of others, and the catalogue's own names.

A query counts by how many people typed it lately, here more than elsewhere, and more where this
person typed it before; a name by how many documents bear it, how near it lies, and this person's
tastes. What begins as typed goes before what begins so with one slip.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from app.corpus.completion_keys import WORTH
from app.corpus.completion_search import Ranges
from app.corpus.completions import Completions, Found, covered
from app.corpus.geometry import haversine_km
from app.corpus.suggested_names import CATEGORY, TITLE, SuggestedNames
from app.corpus.text import HAN_RUN, normalise, traced
from app.domain.arrays import F64, I8, I32
from app.domain.query import GeoPoint
from app.domain.user import PREFERENCE_FIELDS, UserState
from app.snapshot.snapshot import Snapshot
from app.snapshot.suggested import SuggestedQueries
from app.snapshot.tables import Tables

QUERY, ENTITY, CATEGORY_KIND = "query", "entity", "category"
KINDS = (QUERY, ENTITY, CATEGORY_KIND)
POOL = 64  # of each source, from which the place and the person choose
OWN = 4.0  # people more that a person counts for in their own list
SLIPPED = 0.3  # of its score is left to what begins so but for a slip
NEAR_KM = 10.0
"""A name so near counts 1 + 1/e times: twice at the spot, once far away."""
_WORTH = np.array(WORTH)
_LEAST = 1e-9  # popularity: all that is left may be decayed to 0


@dataclass(frozen=True, slots=True)
class Suggestion:
    text: str  # as shown
    kind: str  # one of KINDS
    score: float
    count: int  # people who typed it, or documents that bear it
    covers: tuple[int, int] | None  # characters of `text` that were typed; None: cannot be told


@dataclass(frozen=True, slots=True)
class Asker:
    """For whom and where."""

    user: UserState
    known: tuple[int, ...]  # persons of the tables
    origin: GeoPoint | None


def suggest(
    text: str, asker: Asker, snapshot: Snapshot, tables: Tables, limit: int
) -> list[Suggestion]:
    """Return at most `limit` suggestions for a text as typed, best first, each text once."""
    sources: list[Source] = []
    if tables.suggested is not None and len(tables.suggested.completions):
        sources.append(from_queries(tables.suggested, asker))
    if snapshot.names is not None:
        sources.append(_names(snapshot.names, asker, snapshot))
    return best_of(text, sources, limit)


def best_of(text: str, sources: Sequence[Source], limit: int) -> list[Suggestion]:
    """Return at most `limit` of what the sources have for a text, as `suggest` does."""
    typed = normalise(text)
    best: dict[str, Suggestion] = {}
    for stage in _STAGES:
        looks = len(best) < limit
        for source in sources:
            if looks and (typed or len(best) < limit):
                for suggestion in source.suggest(typed, stage):
                    _keep(best, suggestion)
    # before anything is typed names only fill up where queries are few
    ranked = sorted(best.values(), key=lambda s: (not typed and s.kind != QUERY, -s.score, s.text))
    return [_marked(s, typed) for s in ranked[:limit]]


class _Stage(NamedTuple):
    """One way to look, taken where those before found too few."""

    find: Callable[[Completions, str], Iterator[Ranges]]
    worth: float
    checks: Callable[[str], bool]  # whether what is found for a text has to be looked at again


_STAGES = (
    _Stage(Completions.find, 1.0, lambda typed: HAN_RUN.search(typed) is not None),
    _Stage(Completions.find_abbreviated, 1.0, lambda typed: True),
    _Stage(Completions.find_slipped, SLIPPED, lambda typed: False),
)


@dataclass(frozen=True, slots=True)
class Source:
    """Texts, those that this asker in this place may want beside the popular, and their worth."""

    completions: Completions
    besides: I32
    scored: Callable[[Found], F64]
    told: Callable[[int, float], Suggestion]  # an entry with its score
    is_there: Callable[[int], bool]

    def suggest(self, typed: str, stage: _Stage) -> Iterator[Suggestion]:
        checks = stage.checks(typed)
        for ranges in stage.find(self.completions, typed):
            for entry, score in self._best(ranges):
                one = self.told(entry, score * stage.worth)
                if not checks or covered(normalise(one.text), typed) is not None:
                    yield one

    def _best(self, ranges: Ranges) -> Iterator[tuple[int, float]]:
        """Score the heaviest and what stands beside; yield the POOL best that are there."""
        found = self.completions.best(ranges, POOL)
        if self.besides.size:
            found = found.joined(self.completions.among(ranges, self.besides))
        scores = self.scored(found)
        order = np.argsort(-scores, kind="stable")[:POOL]
        for entry, score in zip(found.entries[order].tolist(), scores[order].tolist(), strict=True):
            if self.is_there(entry):
                yield entry, score


def from_queries(queries: SuggestedQueries, asker: Asker) -> Source:
    """Make a source of what people typed, worth more where the asker is and where they typed it."""
    here = queries.near(asker.origin.lat, asker.origin.lon) if asker.origin else None
    own = [queries.of_person(person) for person in asker.known]
    besides = np.concatenate(
        [np.empty(0, np.int32), *own, *([] if here is None else [here.queries])]
    )
    mine = np.concatenate([besides[:0], *own])
    most = math.log1p(float(queries.popularity.max(initial=_LEAST)))

    def scored(found: Found) -> F64:
        popularity = queries.popularity[found.entries]
        worth = popularity + OWN * np.isin(found.entries, mine) if mine.size else popularity
        if here is not None:
            worth = worth * here.factors(found.entries, popularity)
        return np.asarray(np.log1p(worth) / most * _WORTH[found.kinds], np.float64)

    def told(entry: int, score: float) -> Suggestion:
        text, count = queries.completions.texts[entry], int(queries.people[entry])
        return Suggestion(text, QUERY, score, count, None)

    return Source(queries.completions, besides, scored, told, lambda entry: True)


def _names(names: SuggestedNames, asker: Asker, snapshot: Snapshot) -> Source:
    def scored(found: Found) -> F64:
        fields, codes = names.fields[found.entries], names.codes[found.entries]
        factors = 1.0 + _tastes(asker.user, fields, codes)
        is_title = np.flatnonzero(fields == TITLE)
        factors[is_title] += _nearness(snapshot, codes[is_title], asker.origin)
        return np.asarray(found.weights * factors, np.float64)

    def told(entry: int, score: float) -> Suggestion:
        kind = CATEGORY_KIND if int(names.fields[entry]) == CATEGORY else ENTITY
        text, count = names.completions.texts[entry], int(names.counts[entry])
        return Suggestion(text, kind, score, count, None)

    def is_there(entry: int) -> bool:
        """Tell whether a document bears the name yet; of several some may."""
        is_only = int(names.fields[entry]) == TITLE and int(names.counts[entry]) == 1
        return not (is_only and _is_gone(snapshot, int(names.codes[entry])))

    return Source(names.completions, np.empty(0, np.int32), scored, told, is_there)


def warm(snapshot: Snapshot, tables: Tables, origin: GeoPoint) -> None:
    """Have every kernel compiled, and the first pages read."""
    asker, first = Asker(UserState.stranger(None), (), origin), np.zeros(1, np.int32)
    for text in ("", "abcd"):
        suggest(text, asker, snapshot, tables, 1)
    held = [snapshot.names, tables.suggested]
    for completions in [one.completions for one in held if one is not None]:
        if len(completions):
            for ranges in completions.find(""):
                completions.among(ranges, first)


def _keep(best: dict[str, Suggestion], new: Suggestion) -> None:
    """Keep each text once: by its best score, as a name rather than as a query."""
    key = new.text.casefold()  # normal forms of hundreds would take a millisecond
    old = best.get(key)
    if old is None:
        best[key] = new
    elif new.score > old.score or KINDS.index(new.kind) > KINDS.index(old.kind):
        name = max(old, new, key=lambda s: KINDS.index(s.kind))
        score = max(old.score, new.score)
        best[key] = Suggestion(name.text, name.kind, score, name.count, None)


def _marked(one: Suggestion, typed: str) -> Suggestion:
    """Say which characters were typed, as places in the text as shown."""
    normal, places = traced(one.text)
    found = covered(normal, typed) if typed else None
    if found is None or found[0] == found[1]:
        return one
    covers = places[found[0]], places[found[1] - 1] + 1
    return Suggestion(one.text, one.kind, one.score, one.count, covers)


def _is_gone(snapshot: Snapshot, row: int) -> bool:
    if snapshot.overlay is None:
        return False
    dead = snapshot.overlay.dead
    at = int(np.searchsorted(dead, row))
    return at < dead.size and int(dead[at]) == row


def _nearness(snapshot: Snapshot, rows: I32, origin: GeoPoint | None) -> F64:
    """Return 1 at the spot, 0 far away or where no place is known. (n,)"""
    documents = snapshot.documents
    if origin is None or not documents.has_places:
        return np.zeros(rows.size)
    lats, lons = (documents.numbers[name][rows] for name in ("lat", "lon"))
    km = haversine_km(origin.lat, origin.lon, lats, lons)
    return np.nan_to_num(np.exp(-km / NEAR_KM))


def _tastes(user: UserState, fields: I8, codes: I32) -> F64:
    """Return the share of what this person did that went to each value, 0 of titles. (n,)"""
    shares = np.zeros(fields.size)
    for place, name in enumerate(PREFERENCE_FIELDS):
        preference = user.preferences.get(name)
        if preference is None or not preference.codes.size:
            continue
        at = np.minimum(np.searchsorted(preference.codes, codes), preference.codes.size - 1)
        is_theirs = (fields == place) & (preference.codes[at] == codes)
        shares[is_theirs] = preference.weights[at[is_theirs]]
    return shares
