"""The mediocre engine whose pages were shown: words and popularity, hardly place, no taste."""

from __future__ import annotations

import numpy as np

from app.domain.arrays import F32, F64, I64
from app.offline.demo.chance import Stream, stream
from app.offline.demo.city import distance_km
from app.offline.demo.utility import match
from app.offline.demo.visits import Intent, Visits, World

PAGE = 10
_TOP, _LUCKY = 250, 150  # shortlist: the best by its own score, and others by chance
_FILL = 40  # below so many answers, popular documents of the same kind fill up
_NOISE, _SHUFFLE = 0.15, 3.0  # of its scores; one page in twelve is all but shuffled
_SHUFFLED = 1 / 12
_CELLS = 400_000  # visits × shortlist at a time


def pages(world: World, visits: Visits, seed: int) -> I64:
    """Return (visits, PAGE) rows in display order."""
    rng = stream(seed, Stream.SHOWN)
    log_popularity = np.log1p(world.documents.popularity)
    fame = (log_popularity - log_popularity.mean()) / (log_popularity.std() + 1e-9)
    out = np.empty((len(visits), PAGE), np.int64)
    for members in _same_need(visits):
        shortlist, score = _shortlist(rng, world, visits, int(members[0]), fame)
        for start in range(0, len(members), step := max(1, _CELLS // len(shortlist))):
            some = members[start : start + step]
            noisy = score + _wobble(rng, world, visits, some, shortlist)
            out[some] = shortlist[_best(noisy)]
    return out


def _same_need(visits: Visits) -> list[I64]:
    """Group the visits (numbers) that ask for the same, whatever the wording and the person."""
    parts = (  # with a bound on the number of values; all together stay below 2^63
        (visits.kind, 256),
        (visits.names_kind, 4),
        (visits.item, 4096),
        (visits.tag, 1024),
        (visits.district, 256),
    )
    key = visits.word.astype(np.int64) + 1
    for part, bound in parts:
        key = key * bound + part + 1
    key[visits.intent == Intent.BROWSE] = 0  # who asks for nothing asks for the same
    _, group = np.unique(key, return_inverse=True)
    order = np.argsort(group, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(group[order])) + 1)


def _shortlist(
    rng: np.random.Generator, world: World, visits: Visits, visit: int, fame: F64
) -> tuple[I64, F64]:
    """Return the documents that the engine considers for a need, and its scores of them."""
    index, kind = world.index, int(visits.kind[visit])
    browsing = visits.intent[visit] == Intent.BROWSE
    rows = index.answers(int(visits.word[visit]), int(visits.item[visit]), kind, bool(browsing))
    if len(rows) < _FILL:
        rows = np.concatenate([rows, index.kinds.of(kind)[:_FILL]])
        rows = np.unique(rows if len(rows) >= 2 * _FILL else np.append(rows, index.popular[:_FILL]))
    found = rows.astype(np.int64)
    score = match(world, visits, np.full(len(found), visit), found) + 0.12 * fame[found]
    if len(found) > _TOP + _LUCKY:
        order = np.argsort(-score, kind="stable")
        lucky = rng.integers(_TOP, len(order), size=_LUCKY)
        keep = np.concatenate([order[:_TOP], np.unique(order[lucky])])
        found, score = found[keep], score[keep]
    return found, score


def _wobble(rng: np.random.Generator, world: World, visits: Visits, some: I64, rows: I64) -> F32:
    """Return (some, rows): noise, and a little nearness where that was asked for."""
    shuffled = rng.random(len(some)) < _SHUFFLED
    noise = rng.standard_normal((len(some), len(rows)), np.float32)
    noise *= np.where(shuffled, _SHUFFLE, _NOISE).astype(np.float32)[:, None]
    if (visits.is_near[some]).any():
        documents = world.documents
        km = distance_km(
            visits.lat[some, None], visits.lon[some, None], documents.lat[rows], documents.lon[rows]
        )
        noise -= np.where(visits.is_near[some, None], 0.15 * np.log1p(np.nan_to_num(km)), 0)
    return noise


def _best(score: F64) -> I64:
    """Return the positions of the PAGE highest of each row, best first."""
    top = np.argpartition(-score, PAGE - 1, axis=1)[:, :PAGE]
    order = np.argsort(-np.take_along_axis(score, top, axis=1), axis=1, kind="stable")
    return np.take_along_axis(top, order, axis=1)
