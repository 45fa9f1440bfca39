"""Who searches when, where and for what: the needs behind the queries, before any wording."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np

from app.domain.arrays import F64, I16, I32, I64, U64, Array, Bools
from app.offline.demo import city
from app.offline.demo.catalogue import DAY_MS, Documents
from app.offline.demo.chance import pick, pick_by_row, pick_word
from app.offline.demo.people import People
from app.offline.demo.retrieval import Index
from app.offline.demo.vocabulary import Vocabulary


class Intent(IntEnum):
    NAME = 0  # "鲸潮火锅": this very shop or product
    BRANCH = 1  # "鲸潮火锅 灯塔湾"
    WORD = 2  # a brand or the first part of a name
    KIND = 3  # "火锅"
    KIND_NEAR = 4  # "附近的火锅"
    ITEM = 5  # "毛肚"
    ITEM_NEAR = 6
    TAG_KIND = 7  # "亲子 酒店"
    DISTRICT_KIND = 8  # "灯塔湾咖啡馆"
    BROWSE = 9  # nothing typed


_SHARES = np.array([14, 5, 13, 16, 12, 11, 6, 9, 8, 6.0])
_NEAR = (Intent.KIND_NEAR, Intent.ITEM_NEAR)
# What people ask of products instead of what only places can answer.
_OF_GOODS = {
    Intent.BRANCH: Intent.NAME,
    Intent.KIND_NEAR: Intent.KIND,
    Intent.ITEM_NEAR: Intent.ITEM,
    Intent.DISTRICT_KIND: Intent.TAG_KIND,
}
# Visits by hour of the day in the city (UTC+8): lunch and evening peaks.
_HOURS = np.array([3, 1, 1, 1, 1, 1, 2, 4, 6, 6, 7, 10, 10, 7, 6, 6, 7, 10, 12, 11, 9, 8, 7, 5.0])
_ZONE_HOURS = 8


@dataclass(frozen=True, slots=True)
class Visits:
    """s searches in order of time; −1 = this part is not in the query."""

    user: I64  # (s,)
    ts_ms: I64  # (s,) epoch ms
    lat: F64  # (s,) where the person truly is, degrees
    lon: F64
    is_located: Bools  # the device says where
    device: I16  # 0 phone, 1 desktop
    is_signed_in: Bools
    intent: I16
    target: I64  # row the person had in mind; tells names and kinds, is not shown by force
    kind: I16  # kind in mind
    names_kind: Bools  # the query says so
    word: I32  # coined word in the query
    item: I16
    tag: I16
    district: I16
    is_near: Bools
    in_english: Bools
    dice: U64  # chooses the wording

    def __len__(self) -> int:
        return len(self.user)

    def take(self, rows: Array) -> Visits:
        return Visits(**{f.name: getattr(self, f.name)[rows] for f in fields(Visits)})


@dataclass(frozen=True, slots=True)
class World:
    """All that a visit depends on."""

    vocabulary: Vocabulary
    documents: Documents
    index: Index
    people: People
    favourites: I64  # (people, f) rows that each returns to


def draw_visits(
    rng: np.random.Generator, world: World, count: int, start_ms: int, days: int
) -> Visits:
    """Draw `count` visits in the `days` from `start_ms` on."""
    people, documents = world.people, world.documents
    user = pick(rng, people.activity, count)
    ts_ms = _moments(rng, count, start_ms, days)
    lat, lon = _places(rng, people, user, ts_ms)
    target = _targets(rng, world, user)
    kind = documents.kind[target]
    intent = _intents(rng, world.vocabulary.is_place[kind])
    english = rng.random(count) < np.where(people.reads_english[user], 0.8, 0.05)
    device = (rng.random(count) < np.where(people.has_two_devices[user], 0.45, 0)).astype(np.int16)
    signed_in = rng.random(count) < np.where(people.has_two_devices[user], 0.5, 1)
    return Visits(
        user=user,
        ts_ms=ts_ms,
        lat=lat,
        lon=lon,
        is_located=rng.random(count) < np.where(device == 1, 0.7, 0.95),
        device=device,
        is_signed_in=signed_in & ~people.is_anonymous[user],
        intent=intent.astype(np.int16),
        target=target,
        kind=kind,
        names_kind=np.isin(intent, _NAMING_KIND),
        word=np.where(np.isin(intent, _WITH_WORD), documents.word[target], -1).astype(np.int32),
        item=_items(rng, world, target, intent),
        tag=np.where(
            intent == Intent.TAG_KIND, pick_word(rng, world.vocabulary.kind_tags, kind), -1
        ).astype(np.int16),
        district=_districts(rng, world, user, target, intent),
        is_near=np.isin(intent, _NEAR),
        in_english=english,
        dice=rng.integers(1 << 40, size=count, dtype=np.uint64),
    )


_WITH_WORD = (Intent.NAME, Intent.BRANCH, Intent.WORD)
_WITH_ITEM = (Intent.ITEM, Intent.ITEM_NEAR)
_WITH_DISTRICT = (Intent.BRANCH, Intent.DISTRICT_KIND)
_NAMING_KIND = (
    Intent.NAME,
    Intent.BRANCH,
    Intent.KIND,
    Intent.KIND_NEAR,
    Intent.TAG_KIND,
    Intent.DISTRICT_KIND,
)


def _moments(rng: np.random.Generator, count: int, start_ms: int, days: int) -> I64:
    """Return sorted times, epoch ms: whole days, hours by the city's rhythm."""
    day = rng.integers(days, size=count)
    hour = (pick(rng, _HOURS, count) - _ZONE_HOURS) % 24
    within = rng.integers(3_600_000, size=count)
    return np.sort(start_ms + day * DAY_MS + hour * 3_600_000 + within)


def _places(rng: np.random.Generator, people: People, user: I64, ts_ms: I64) -> tuple[F64, F64]:
    """Near work from 9 to 18 on weekdays, else near home; one in ten is out and about."""
    local = ts_ms + _ZONE_HOURS * 3_600_000
    weekday = (local // DAY_MS + 3) % 7  # 0 = Monday
    at_work = (weekday < 5) & (local // 3_600_000 % 24 >= 9) & (local // 3_600_000 % 24 < 18)
    out = rng.random(len(user)) < 0.1
    somewhere = city.scatter(rng, city.district_of(rng, city.weights_of("shops"), len(user)))
    lat, lon = (
        np.where(out, elsewhere, np.where(at_work, work[user], home[user]))
        + rng.normal(0, 0.004, len(user))
        for elsewhere, work, home in zip(somewhere, people.work, people.home, strict=True)
    )
    return np.round(lat, 5), np.round(lon, 5)


def _targets(rng: np.random.Generator, world: World, user: I64) -> I64:
    """A favourite in one visit of three, else something popular of a kind the person likes."""
    liked = world.vocabulary.share * np.exp(0.8 * world.people.kind_taste[user])
    popular = world.index.popular_of_kind(rng, pick_by_row(rng, liked))
    favourite = world.favourites[user, rng.integers(world.favourites.shape[1], size=len(user))]
    return np.where(rng.random(len(user)) < 0.35, favourite, popular)


def _intents(rng: np.random.Generator, is_place: Bools) -> I64:
    intent = pick(rng, _SHARES, len(is_place))
    for asked, instead in _OF_GOODS.items():
        intent[~is_place & (intent == asked)] = instead
    return intent


def _items(rng: np.random.Generator, world: World, target: I64, intent: I64) -> I16:
    """A dish by its fame or of the shop in mind; the name of a product tells what it is."""
    own = world.documents.items[target, 0]
    famous = pick_word(rng, world.vocabulary.kind_items, world.documents.kind[target])
    item = np.where(rng.random(len(target)) < 0.5, own, famous)
    named = (intent == Intent.NAME) & ~world.vocabulary.is_place[world.documents.kind[target]]
    return np.where(named, own, np.where(np.isin(intent, _WITH_ITEM), item, -1)).astype(np.int16)


def _districts(rng: np.random.Generator, world: World, user: I64, target: I64, intent: I64) -> I16:
    of_target = world.documents.district[target]
    home = world.people.home_district[user]
    is_home = (intent == Intent.DISTRICT_KIND) & (rng.random(len(user)) < 0.4)
    return np.where(np.isin(intent, _WITH_DISTRICT), np.where(is_home, home, of_target), -1).astype(
        np.int16
    )
