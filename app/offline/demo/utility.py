"""How well a document truly serves a visit: the hidden truth that clicks and grades come from.

utility = 4.5 (match − 1) − distance + taste + quality − price misfit − out of stock
          + favourite + had in mind

A ranker sees what goes into it through fields, the query, the place and the click log, but for
the hidden style, which only co-clicks betray.
"""

from __future__ import annotations

import numpy as np

from app.domain.arrays import F32, F64, I64
from app.offline.demo.catalogue import STYLE_DIM
from app.offline.demo.city import distance_km
from app.offline.demo.visits import Intent, Visits, World

_BIAS = 0.7  # utility at which a document that was looked at is clicked every second time
_SLOPE = 1.7
_BROWSING = -1.2  # nothing was asked for, so nothing fits as well as an answer would


def attractiveness(utility: F64) -> F32:
    """P(click | examined) = σ(1.7 (utility − 0.7))."""
    chance: F64 = 1 / (1 + np.exp(-_SLOPE * (utility - _BIAS)))
    return chance.astype(np.float32)


def utility(world: World, visits: Visits, visit: I64, row: I64) -> F64:
    """Return the true utility of document `row[i]` for visit `visit[i]`, both (pairs,)."""
    user = visits.user[visit]
    total = 4.5 * (match(world, visits, visit, row) - 1)
    total += np.where(visits.intent[visit] == Intent.BROWSE, _BROWSING, 0)
    total -= _distance_cost(world, visits, visit, row)
    total += taste(world, user, row)
    total += 1.4 * (world.favourites[user] == row[:, None]).any(axis=1)
    total += 1.5 * ((visits.word[visit] >= 0) & (visits.target[visit] == row))
    return total


def taste(world: World, user: I64, row: I64) -> F64:
    """What does not depend on the query: likings, quality, price, stock; (pairs,)."""
    people, documents = world.people, world.documents
    kind = documents.kind[row]
    likes = 0.35 * people.kind_taste[user, kind]
    likes += 0.55 * (people.style[user] * documents.style[row]).sum(axis=1) / np.sqrt(STYLE_DIM)
    tags = documents.tags[row]
    likes += 0.4 * np.where(tags >= 0, people.tag_taste[user[:, None], tags], 0).sum(axis=1)
    quality = 0.7 * (documents.rating[row] - 4.05) / 0.4
    relative = np.log(documents.price[row]) - world.vocabulary.log_price[kind]
    misfit = 0.9 * np.abs(relative - people.budget[user])
    return likes + quality - misfit - 1.2 * ~documents.in_stock[row]


def match(world: World, visits: Visits, visit: I64, row: I64) -> F64:
    """Return the weighted share of what the query names that it has; 1 if it names nothing."""
    documents = world.documents
    asked_and_met = (
        (1.0, visits.word[visit], documents.word[row]),
        (0.5, visits.district[visit], documents.district[row]),
        (0.8, np.where(visits.names_kind[visit], visits.kind[visit], -1), documents.kind[row]),
        (0.8, visits.item[visit], documents.items[row]),
        (0.4, visits.tag[visit], documents.tags[row]),
    )
    met, asked = np.zeros(len(row)), np.zeros(len(row))
    for weight, wanted, has in asked_and_met:
        hit = has == wanted if has.ndim == 1 else (has == wanted[:, None]).any(axis=1)
        asked += weight * (wanted >= 0)
        met += weight * (hit & (wanted >= 0))
    return np.divide(met, asked, out=np.ones(len(row)), where=asked > 0)


def _distance_cost(world: World, visits: Visits, visit: I64, row: I64) -> F64:
    """0.75 ln(1 + km), a third more if near is asked for; 0 for goods or in a named district."""
    documents = world.documents
    km = distance_km(visits.lat[visit], visits.lon[visit], documents.lat[row], documents.lon[row])
    weight = np.where(visits.is_near[visit], 1.0, 0.75) * (visits.district[visit] < 0)
    return np.where(documents.district[row] >= 0, weight * np.log1p(km), 0.0)
