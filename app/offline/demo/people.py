"""Users: where they live and work, what they like, what they pay, which devices they carry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.domain.arrays import F32, F64, I16, I64, Bools
from app.offline.demo import city
from app.offline.demo.catalogue import STYLE_DIM
from app.offline.demo.chance import Stream, stream
from app.offline.demo.vocabulary import Vocabulary

_COMMUNITIES = 24  # groups of people with like taste: what co-clicks are made of
_WITH_TWO_DEVICES = 0.3
_ANONYMOUS = 0.12  # known by one device only, never signed in
_READING_ENGLISH = 0.12


@dataclass(frozen=True, slots=True)
class People:
    """n users as columns; tastes have about unit variance."""

    activity: F64  # (n,) relative number of visits
    home_district: I16  # (n,)
    home: tuple[F64, F64]  # (n,) latitudes, (n,) longitudes in degrees
    work: tuple[F64, F64]
    kind_taste: F32  # (n, kinds)
    tag_taste: F32  # (n, tags)
    style: F32  # (n, STYLE_DIM) liking of the documents' hidden style
    budget: F32  # (n,) log of what they pay over the kind's median
    reads_english: Bools
    has_two_devices: Bools
    is_anonymous: Bools
    device: I64  # (n, 2) numbers of phone and desktop

    def __len__(self) -> int:
        return len(self.activity)

    def user_id(self, user: int) -> str:
        return f"u{user:06d}"

    def client_id(self, user: int, device: int) -> str:
        """Return the device's id: 0 is the phone, 1 the desktop. It does not tell whose it is."""
        return f"{('phone', 'desktop')[device]}-{int(self.device[user, device]):012x}"


def draw_people(vocabulary: Vocabulary, count: int, seed: int) -> People:
    rng = stream(seed, Stream.PEOPLE)
    community = rng.integers(_COMMUNITIES, size=count)
    kinds, tags = len(vocabulary.kinds), len(vocabulary.tags)
    home_district = city.district_of(rng, city.weights_of("homes"), count)
    anonymous = rng.random(count) < _ANONYMOUS
    return People(
        activity=rng.gamma(1.2, size=count) + 0.1,
        home_district=home_district,
        home=city.scatter(rng, home_district),
        work=city.scatter(rng, city.district_of(rng, city.weights_of("jobs"), count)),
        kind_taste=_tastes(rng, community, kinds),
        tag_taste=_tastes(rng, community, tags),
        style=_tastes(rng, community, STYLE_DIM),
        budget=rng.normal(0, 0.4, count).astype(np.float32),
        reads_english=rng.random(count) < _READING_ENGLISH,
        has_two_devices=~anonymous & (rng.random(count) < _WITH_TWO_DEVICES),
        is_anonymous=anonymous,
        device=_device_numbers(rng, count),
    )


def _tastes(rng: np.random.Generator, community: I64, dim: int) -> F32:
    """Return (people, dim) of unit variance, two thirds of it shared within a community."""
    shared = rng.standard_normal((_COMMUNITIES, dim), np.float32)[community]
    own = rng.standard_normal((len(community), dim), np.float32)
    mixed: F32 = np.sqrt(2 / 3) * shared + np.sqrt(1 / 3) * own
    return mixed.astype(np.float32)


def _device_numbers(rng: np.random.Generator, count: int) -> I64:
    """Return (count, 2) distinct numbers below 2^48, in no visible order.

    An odd factor maps the numbers below 2^48 one to one, so that none comes twice.
    """
    running = np.arange(2 * count, dtype=np.int64).reshape(count, 2)
    return (running * 0x9E3779B97F4B + rng.integers(1 << 48)) & ((1 << 48) - 1)
