"""What somebody may be about to type: queries of others, and the catalogue's own names.

A query counts by how many people typed it lately, here more than elsewhere, and more where this
person typed it before; a name by how many documents bear it, how near it lies, and this person's
tastes. What begins as typed goes before what begins so with one slip.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from app.corpus.completion_keys import WORTH
from app.corpus.completions import Completion, Completions, covered
from app.corpus.geometry import haversine_km
from app.corpus.suggested_names import CATEGORY, TITLE, SuggestedNames
from app.corpus.text import HAN_RUN, normalise, traced
from app.domain.arrays import I32
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
    typed = normalise(text)
    sources: list[_Source] = []
    if tables.suggested is not None and len(tables.suggested.completions):
        sources.append(_queries(tables.suggested, asker))
    if snapshot.names is not None and (typed or not sources):
        sources.append(_names(snapshot.names, asker, snapshot))
    best: dict[str, Suggestion] = {}
    for slipped in (False, True):
        for source in sources if len(best) < limit else ():
            for suggestion in source.suggest(typed, slipped):
                _keep(best, suggestion)
    ranked = sorted(best.values(), key=lambda s: (-s.score, s.text))
    return [_marked(s, typed) for s in ranked[:limit]]


@dataclass(frozen=True, slots=True)
class _Source:
    """Texts, those that this asker in this place may want beside the popular, and their worth."""

    completions: Completions
    besides: I32
    told: Callable[[list[Completion]], Iterator[Suggestion]]

    def suggest(self, typed: str, slipped: bool) -> Iterator[Suggestion]:
        find = self.completions.find_slipped if slipped else self.completions.find
        is_mixed = HAN_RUN.search(typed) is not None and not slipped
        for ranges in find(typed):
            found = [*self.completions.best(ranges, POOL)]
            found += self.completions.among(ranges, self.besides)
            for one in self.told(list(dict.fromkeys(found))):
                if not is_mixed or covered(normalise(one.text), typed) is not None:
                    worth = SLIPPED if slipped else 1.0
                    yield Suggestion(one.text, one.kind, one.score * worth, one.count, None)


def _queries(queries: SuggestedQueries, asker: Asker) -> _Source:
    here = queries.near(asker.origin.lat, asker.origin.lon) if asker.origin else None
    nothing = np.empty(0, np.int32)
    own = np.unique(np.concatenate([nothing, *(queries.of_person(p) for p in asker.known)]))
    most = math.log1p(float(queries.popularity.max()))

    def told(found: list[Completion]) -> Iterator[Suggestion]:
        entries = np.array([c.entry for c in found], np.int32)
        popularity = queries.popularity[entries]
        worth = popularity + OWN * np.isin(entries, own)
        if here is not None:
            worth = worth * here.factors(entries, popularity)
        for c, score in zip(found, (np.log1p(worth) / most).tolist(), strict=True):
            text = queries.completions.texts[c.entry]
            count = int(queries.people[c.entry])
            yield Suggestion(text, QUERY, score * WORTH[c.kind], count, None)

    besides = own if here is None else np.union1d(own, here.queries)
    return _Source(queries.completions, besides.astype(np.int32), told)


def _names(names: SuggestedNames, asker: Asker, snapshot: Snapshot) -> _Source:
    def told(found: list[Completion]) -> Iterator[Suggestion]:
        for c in found:
            field, code = int(names.fields[c.entry]), int(names.codes[c.entry])
            count = int(names.counts[c.entry])
            if field == TITLE and count == 1 and _is_gone(snapshot, code):
                continue
            kind = CATEGORY_KIND if field == CATEGORY else ENTITY
            factor = _nearness(snapshot, code, asker) if field == TITLE else 1.0
            taste = _taste(asker.user, field, code)
            score = c.weight * factor * (1.0 + taste)
            yield Suggestion(names.completions.texts[c.entry], kind, score, count, None)

    return _Source(names.completions, np.empty(0, np.int32), told)


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


def _nearness(snapshot: Snapshot, row: int, asker: Asker) -> float:
    documents = snapshot.documents
    if asker.origin is None or not documents.has_places:
        return 1.0
    lat, lon = (documents.numbers[name][row : row + 1] for name in ("lat", "lon"))
    km = float(haversine_km(asker.origin.lat, asker.origin.lon, lat, lon)[0])
    return 1.0 + math.exp(-km / NEAR_KM) if math.isfinite(km) else 1.0


def _taste(user: UserState, field: int, code: int) -> float:
    """Return the share of what this person did that went to a value, 0 of titles."""
    preference = user.preferences.get(PREFERENCE_FIELDS[field]) if field != TITLE else None
    if preference is None:
        return 0.0
    found = np.flatnonzero(preference.codes == code)
    return float(preference.weights[found[0]]) if found.size else 0.0
