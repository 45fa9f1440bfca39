"""Builds the world of a demo: its documents indexed, its people, and the places they return to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from app.domain.arrays import I64
from app.offline.demo.catalogue import Documents
from app.offline.demo.chance import Stream, pick_by_row, stream
from app.offline.demo.city import distance_km
from app.offline.demo.people import draw_people
from app.offline.demo.retrieval import Index
from app.offline.demo.utility import taste
from app.offline.demo.visits import World
from app.offline.demo.vocabulary import Vocabulary

_FAVOURITES = 8
_TRIED = 160  # documents that a person came across, of which the favourites are the best


def build_world(
    vocabulary: Vocabulary, documents: Documents, coins: int, users: int, seed: int
) -> World:
    kinds, items = len(vocabulary.kinds), len(vocabulary.items)
    index = Index.build(documents, kinds, coins, items)
    people = draw_people(vocabulary, users, seed)
    world = World(vocabulary, documents, index, people, np.zeros((users, 0), np.int64))
    return replace(world, favourites=_favourites(world, stream(seed, Stream.PEOPLE, 1)))


def _favourites(world: World, rng: np.random.Generator) -> I64:
    """Return (people, 8) rows: the tastiest near home among those that each came across."""
    people, documents = world.people, world.documents
    user = np.repeat(np.arange(len(people)), _TRIED)
    liked = world.vocabulary.share * np.exp(0.8 * people.kind_taste)
    kind = pick_by_row(rng, np.repeat(liked, _TRIED, axis=0))
    row = world.index.popular_of_kind(rng, kind)
    home = people.home[0][user], people.home[1][user]
    km = np.nan_to_num(distance_km(*home, documents.lat[row], documents.lon[row]))
    score = (taste(world, user, row) - 0.6 * np.log1p(km)).reshape(len(people), _TRIED)
    best = np.argsort(-score, axis=1, kind="stable")[:, :_FAVOURITES]
    return np.take_along_axis(row.reshape(len(people), _TRIED), best, axis=1)
