"""The catalogue as numbers: brands, then blocks of documents whose text is rendered later."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np

from app.domain.arrays import F32, F64, I16, I32, I64, U64, Array, Bools
from app.offline.demo import city
from app.offline.demo.chance import Stream, pick, pick_word, stream, zipf_ranks
from app.offline.demo.vocabulary import Vocabulary

BLOCK = 10_000  # documents drawn at a time; part of the format, for each block has its own stream
STYLE_DIM = 8  # hidden taste directions: no field shows them, only behaviour does
DAY_MS = 86_400_000
ZH, EN, MIXED = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Brands:
    """Makers and chains; brand b is named by coined word b."""

    by_family: tuple[I32, ...]  # brand numbers of each family, the biggest first
    style: F32  # (brands, STYLE_DIM)
    quality: F32  # (brands,), standard normal
    price: F32  # (brands,), added to the price's logarithm
    script: I16  # (brands,), language of the name: ZH, EN or MIXED

    def __len__(self) -> int:
        return len(self.quality)


@dataclass(frozen=True, slots=True)
class Documents:
    """n documents as columns; numbers refer to the vocabulary, the coins and the districts."""

    kind: I16  # (n,)
    word: I32  # (n,) coined word in the name
    is_branded: Bools  # (n,) of a chain or maker: `word` is its brand
    script: I16  # (n,) language of the name
    district: I16  # (n,) −1 = a product
    lat: F64  # (n,) degrees, NaN = a product
    lon: F64
    items: I16  # (n, 3) −1 = none
    tags: I16  # (n, 3) −1 = none
    price: F64  # (n,) yuan
    rating: F64  # (n,) 1 to 5
    popularity: I64  # (n,) visits or sales
    published_ms: I64  # (n,) epoch ms
    in_stock: Bools
    style: F32  # (n, STYLE_DIM)
    dice: U64  # (n,) chooses templates and small attributes when rendered

    def __len__(self) -> int:
        return len(self.kind)


def brand_count(documents: int) -> int:
    """Brands grow like words: 3 n^0.6, 1,100 at 20,000 documents and 12,000 at 1M."""
    return max(60, int(3 * documents**0.6))


def draw_brands(vocabulary: Vocabulary, documents: int, seed: int) -> Brands:
    rng = stream(seed, Stream.BRANDS)
    count = brand_count(documents)
    shares = np.bincount(vocabulary.kind_family, vocabulary.share, len(vocabulary.families))
    family = pick(rng, shares, count)
    family[: len(shares)] = np.arange(len(shares))  # none stays without a brand
    return Brands(
        by_family=tuple(np.flatnonzero(family == f).astype(np.int32) for f in range(len(shares))),
        style=rng.standard_normal((count, STYLE_DIM), np.float32),
        quality=rng.standard_normal(count, np.float32),
        price=(rng.standard_normal(count) * 0.25).astype(np.float32),
        script=rng.choice([ZH, EN, MIXED], count, p=[0.62, 0.13, 0.25]).astype(np.int16),
    )


def draw_documents(
    vocabulary: Vocabulary, brands: Brands, coins: int, count: int, seed: int, until_ms: int
) -> Iterator[Documents]:
    """Yield `count` documents in blocks; `coins` is how many coined words there are."""
    for block, start in enumerate(range(0, count, BLOCK)):
        rng = stream(seed, Stream.CATALOGUE, block)
        size = min(BLOCK, count - start)
        yield _draw_block(rng, vocabulary, brands, coins, size, until_ms)


def together(blocks: list[Documents]) -> Documents:
    """Join blocks into one."""
    return Documents(
        **{f.name: np.concatenate([getattr(b, f.name) for b in blocks]) for f in fields(Documents)}
    )


def take(documents: Documents, rows: Array) -> Documents:
    """Return some documents, in the order of `rows`."""
    return Documents(**{f.name: getattr(documents, f.name)[rows] for f in fields(Documents)})


def _draw_block(
    rng: np.random.Generator, vocabulary: Vocabulary, brands: Brands, coins: int, n: int, now: int
) -> Documents:
    kind = pick(rng, vocabulary.share, n).astype(np.int16)
    is_place = vocabulary.is_place[kind]
    word, branded = _names(rng, vocabulary, brands, coins, kind)
    brand = np.where(branded, word, 0)
    district = np.where(is_place, city.district_of(rng, city.weights_of("shops"), n), -1)
    lat, lon = city.scatter(rng, np.maximum(district, 0))
    quality = _mix(rng, brands.quality[brand], branded)
    own_script = rng.choice([ZH, EN, MIXED], n, p=[0.74, 0.08, 0.18])
    return Documents(
        kind=kind,
        word=word,
        is_branded=branded,
        script=np.where(branded, brands.script[brand], own_script).astype(np.int16),
        district=district.astype(np.int16),
        lat=np.where(is_place, lat, np.nan),
        lon=np.where(is_place, lon, np.nan),
        items=_distinct_words(rng, vocabulary.kind_items, kind),
        tags=_distinct_words(rng, vocabulary.kind_tags, kind),
        price=_prices(rng, vocabulary, kind, np.where(branded, brands.price[brand], 0), quality),
        rating=_ratings(rng, quality),
        popularity=np.exp(
            rng.normal(3.0, 1.2, n) + 0.4 * quality + np.where(branded, 0.5, 0)
        ).astype(np.int64),
        published_ms=now
        - (rng.exponential(np.where(is_place, 700, 240)) * DAY_MS).astype(np.int64),
        in_stock=rng.random(n) < np.where(is_place, 0.99, 0.93),
        style=_mix(rng, brands.style[brand], branded),
        dice=rng.integers(1 << 62, size=n, dtype=np.uint64),
    )


def _names(
    rng: np.random.Generator, vocabulary: Vocabulary, brands: Brands, coins: int, kind: I16
) -> tuple[I32, Bools]:
    """Return each document's coined word, and if it is a brand: all goods, half the places."""
    branded = rng.random(len(kind)) < np.where(vocabulary.is_place[kind], 0.45, 1.0)
    # The coined words after the brands' own name single shops.
    word = len(brands) + zipf_ranks(rng, coins - len(brands), len(kind), 0.9)
    for family, members in enumerate(brands.by_family):
        of_family = np.flatnonzero(branded & (vocabulary.kind_family[kind] == family))
        word[of_family] = members[zipf_ranks(rng, len(members), len(of_family), 0.8)]
    return word.astype(np.int32), branded


def _mix(rng: np.random.Generator, of_brand: F32, branded: Bools) -> F32:
    """Return a unit-variance blend: a branch takes after its chain, a single shop after nobody."""
    own = rng.standard_normal(of_brand.shape, np.float32)
    pull = np.where(branded, np.float32(0.75), np.float32(0))
    pull = pull.reshape(-1, *[1] * (of_brand.ndim - 1))
    mixed: F32 = pull * of_brand + np.sqrt(1 - pull**2) * own
    return mixed.astype(np.float32)


def _prices(
    rng: np.random.Generator, vocabulary: Vocabulary, kind: I16, of_brand: F64, quality: F32
) -> F64:
    """Log-normal by kind: dearer with brand and quality; whole yuan from 20 on, else tenths."""
    spread = np.array([k.spread for k in vocabulary.kinds])[kind]
    log_price = vocabulary.log_price[kind] + of_brand + 0.1 * quality
    price = np.exp(log_price + spread * rng.standard_normal(len(kind)))
    return np.where(price < 20, np.round(np.maximum(price, 1), 1), np.round(price))


def _ratings(rng: np.random.Generator, quality: F32) -> F64:
    """Return 1 to 5 in tenths: what people say of the quality, with some noise."""
    heard: F64 = 4.05 + 0.4 * quality + rng.normal(0, 0.15, len(quality))
    bounded: F64 = np.minimum(np.maximum(heard, 1), 5)
    return np.round(bounded, 1)


def _distinct_words(rng: np.random.Generator, table: I16, kind: I16) -> I16:
    """Draw up to three different entries of each kind's list; a repeated draw becomes −1."""
    a, b, c = (pick_word(rng, table, kind) for _ in range(3))
    b = np.where(b == a, -1, b)
    c = np.where((c == a) | (c == b), -1, c)
    return np.stack([a, b, c], axis=1).astype(np.int16)
