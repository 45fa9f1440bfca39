"""Profile: what this person prefers, from long-term behaviour.

    score(d) = Σ_f weight(f) · Σ_v∈d value(f, v) / √|values of d in f| · popularity(d) · bands(d)

value(f, v) = affinity · ln(1 + n / df(v)), scaled to 1 for the strongest of the field, over the
`max_values` strongest: idf keeps a value that half the catalogue has from swamping the rest.
popularity in (0, 1] breaks the ties of equal matches. bands(d) = Π exp(−z² / 2), z = how many of
the person's own deviations d's price (or other number in `bands`) lies from their mean.

Rows are read by falling popularity, no further than any could be among the k best: that is exact.
Without a filter at most `HEAD` ranks and `LISTED` rows behind them are read, so a row that few
like may be missed in catalogues that are larger: of a million demo rows 0.7 % of the best 100 are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
from numba import njit

from app.corpus.documents import Documents
from app.corpus.lower_bound import lower_bound
from app.corpus.masks import rows_in
from app.domain.arrays import F32, F64, I32, Rows
from app.domain.candidates import ChannelHits
from app.domain.filters import RowMask
from app.domain.user import Preference
from app.recall.bands import Bands
from app.recall.best_heap import rows_of
from app.recall.channel import ChannelConfig
from app.recall.newer import Steady, floor_of, is_filtered, numbers_of
from app.recall.once import OncePerRow, of_loose_rows
from app.recall.options import read_options
from app.recall.popularity import Popularity
from app.recall.preference_index import PreferenceIndex, index_others, index_preferences
from app.recall.preference_scan import HEAD, best_for, best_scanned, score_all
from app.recall.preferences import Held, Person, weigh
from app.recall.topk import add_rows
from app.snapshot.context import SearchContext
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables

NAME = "profile"
ROW_COST = 32  # ranks looked at in the time of one row that is scored alone
EVERYTHING = np.empty(0, np.bool_)
NONE = Preference(np.empty(0, np.int32), np.empty(0, np.float32))


@dataclass(frozen=True, slots=True)
class ProfileOptions:
    fields: Mapping[str, float] = field(
        default_factory=lambda: {"tags": 1.0, "category": 0.3, "brand": 0.3}
    )  # weight of each keyword field
    max_values: int = 64  # strongest values of a field that are looked up
    bands: tuple[str, ...] = ("price", "year")  # number fields, where the catalogue has them
    popularity_power: float = 0.5  # 0 = matches alone
    prior_share: float = 0.25  # see app.recall.popularity


@dataclass(frozen=True, slots=True)
class ProfileChannel:
    options: ProfileOptions
    fields: tuple[str, ...]  # those of options.fields that the catalogue has and that weigh
    shares: F64  # (fields,) what the best value of each is worth
    prior: F32  # (n,) in (0, 1]
    index: PreferenceIndex
    bands: Bands
    places: F32  # (n, b) where the row of each rank lies on each band
    measure: Popularity
    scale: PriorScale
    steady: Steady  # the rows for which all this still holds
    newer: OncePerRow  # the prior of each row behind them and its bands, by its numbers as written
    loose: LooseRows | None = None  # all others

    @classmethod
    def build(cls, documents: Documents, part: Path, config: ChannelConfig) -> None:
        read_options(ProfileOptions, NAME, config)  # the index is made at opening, see there

    @classmethod
    def open(cls, snapshot: Snapshot, tables: Tables, part: Path, config: ChannelConfig) -> Self:
        options = read_options(ProfileOptions, NAME, config)
        documents, gain = snapshot.documents, tables.counters["gain"]
        measure = Popularity.of(documents, gain, options.prior_share)
        liked = measure.score(gain, documents.numbers)
        scale = PriorScale.of(liked, options.popularity_power)
        prior = scale.prior(liked)
        weighed = (f for f, weight in options.fields.items() if weight > 0)
        fields = tuple(f for f in weighed if f in documents.keywords)
        index = index_preferences([documents.keywords[f] for f in fields], prior)
        bands, steady = Bands.of(documents, options.bands), Steady(prior.size)
        places = bands.place(documents.numbers, prior.size)[index.rows]
        newer = OncePerRow.after(prior.size, (1 + len(bands.scales),))
        shares = np.array([options.fields[f] for f in fields], np.float64)
        channel = cls(
            options, fields, shares, prior, index, bands, places, measure, scale, steady, newer
        )
        if fields:  # what only newer rows and few allowed ones need compiles here, not in a search
            nobody = channel._person(channel._held({}), np.empty(0, np.int32))
            best_scanned(index, nobody, places, EVERYTHING, 1, 1, 0.0)
        return channel

    def follow(self, view: Snapshot, tables: Tables) -> Self:
        """Values of keywords that the snapshot does not know tell nothing until the next one."""
        if view.overlay is None:
            return replace(self, steady=Steady(self.prior.size), loose=None)
        work = partial(self._prior_and_bands, view, tables)
        newer = self.newer.follow(len(view), work)
        rows, told = of_loose_rows(view.overlay, newer, work)
        columns = [view.documents.keywords[f] for f in self.fields]
        index = index_others(self.index, columns, rows, told[:, 0].copy())
        bands = np.ascontiguousarray(told[index.rows, 1:])
        loose = LooseRows(rows, index, bands) if rows.size else None
        steady = Steady.of(view, self.prior.size)
        return replace(self, steady=steady, newer=newer, loose=loose)

    def _prior_and_bands(self, view: Snapshot, tables: Tables, rows: Rows) -> F32:
        """Return each row's prior, and behind it where it lies on each band. (m, 1 + b)"""
        numbers = numbers_of(view, rows, {*self.measure.known, *self.bands.scales})
        liked = self.measure.score(tables.counters["gain"][rows], numbers)
        bands = self.bands.place(numbers, rows.size)
        return np.concatenate([self.scale.prior(liked)[:, np.newaxis], bands], axis=1)

    def accepts(self, ctx: SearchContext) -> bool:
        held = ctx.user.preferences
        return ctx.user.is_known and any(
            f in held and held[f].codes.size > 0 for f in self.options.fields
        )

    def recall(self, ctx: SearchContext, k: int) -> ChannelHits:
        if not self.fields:
            return ChannelHits.nothing(NAME)
        user, mask = ctx.user, self.steady.mask(ctx)
        held = self._held(user.preferences)
        if self.loose is not None or self._are_few(mask):
            return ChannelHits(NAME, *self._apart(ctx, held, mask, k))
        best: tuple[Rows, F32] = best_for(
            self.index, held, user.rows, self.shares, self.options.max_values, self.places,
            EVERYTHING if mask is None else mask.allowed, k, self._head(ctx),
        )  # fmt: skip
        return ChannelHits(NAME, *best)

    def _held(self, preferences: Mapping[str, Preference]) -> Held:
        held = [preferences.get(f, NONE) for f in self.fields]
        return Held(tuple([p.codes for p in held]), tuple([p.weights for p in held]))

    def _are_few(self, mask: RowMask | None) -> bool:
        """Tell whether to score all that are allowed takes less than to scan."""
        return mask is not None and mask.count * ROW_COST <= self.prior.size

    def _head(self, ctx: SearchContext) -> int:
        """Return how many ranks are read; what only leaves out the dead is no filter."""
        return self.prior.size if self.steady.is_filtered(ctx) else HEAD

    def _apart(
        self, ctx: SearchContext, held: Held, mask: RowMask | None, k: int
    ) -> tuple[Rows, F32]:
        """Weigh the person once for the snapshot's own rows and once more for all others."""
        person = self._person(held, ctx.user.rows)
        rows, scores = self._own(ctx, person, mask, k)
        if self.loose is None:
            return rows, scores
        loose = self.loose.best(person, ctx, k, floor_of(scores, k))
        return add_rows(rows, scores, *loose, k)

    def _person(self, held: Held, acted_on: Rows) -> Person:
        index, most = self.index, self.options.max_values
        person: Person = weigh(
            held, index.idf, index.bases, self.shares, most, *self._bands_of(acted_on)
        )
        return person

    def _own(
        self, ctx: SearchContext, person: Person, mask: RowMask | None, k: int
    ) -> tuple[Rows, F32]:
        if mask is not None and self._are_few(mask):
            return rows_of(score_all(self.index, person, self.places, rows_in(mask.allowed), k))
        allowed, head = EVERYTHING if mask is None else mask.allowed, self._head(ctx)
        found: tuple[Rows, F32] = best_scanned(
            self.index, person, self.places, allowed, k, head, 0.0
        )
        return found

    def _bands_of(self, acted_on: Rows) -> tuple[F32, I32]:
        """Return bands, and where in them what was acted on stands. (m, b), (a,)"""
        if self.loose is None:
            return self.places, self.index.ranks[acted_on]
        own, loose = (self.index.ranks, self.places), (self.loose.index.ranks, self.loose.bands)
        read: F32 = _bands_of(acted_on, *own, self.loose.rows, *loose)
        return read, np.arange(acted_on.size, dtype=np.int32)


@dataclass(frozen=True, slots=True)
class PriorScale:
    """From popularity to a prior: ((1 + popularity / mean) / its largest) ^ power.

    Never 0, so that no match is lost; above 1 only for a newer row that is liked more than all.
    """

    mean: float
    largest: float
    power: float

    @classmethod
    def of(cls, liked: F32, power: float) -> Self:
        """Fit to the popularity of all rows. (n,)"""
        mean = float(liked.mean(dtype=np.float64)) if liked.size else 0.0
        lifted = _lifted(liked, mean)
        return cls(mean, float(lifted.max(initial=1)), power)

    def prior(self, liked: F32) -> F32:
        lifted = _lifted(liked, self.mean)
        return np.asarray((lifted / np.float32(self.largest)) ** self.power, np.float32)


def _lifted(liked: F32, mean: float) -> F32:
    return np.float32(1.0) + (liked / np.float32(mean) if mean > 0 else np.zeros_like(liked))


@dataclass(frozen=True, slots=True)
class LooseRows:
    """Rows that the index does not hold: newer than the snapshot, or with other numbers since."""

    rows: Rows  # (m,) ascending
    index: PreferenceIndex  # of the same by place
    bands: F32  # (m, b) by rank

    def best(self, person: Person, ctx: SearchContext, k: int, floor: float) -> tuple[Rows, F32]:
        """Return the best k that the request allows among those that score the floor."""
        allowed, m = EVERYTHING, self.rows.size
        if ctx.mask is not None and is_filtered(ctx):
            allowed = ctx.mask.allowed[self.rows]
        places, scores = best_scanned(self.index, person, self.bands, allowed, k, m, floor)
        return self.rows[places], scores


@njit(cache=True, nogil=True)
def _bands_of(rows: Rows, ranks: I32, own: F32, loose: Rows, loose_ranks: I32, theirs: F32) -> F32:
    """Return the bands of some rows, which stand by rank: of loose rows, ascending, elsewhere."""
    out = np.empty((rows.size, own.shape[1]), np.float32)
    for i in range(rows.size):
        at = lower_bound(loose, 0, loose.size, rows[i])
        is_loose = at < loose.size and loose[at] == rows[i]
        out[i] = theirs[loose_ranks[at]] if is_loose else own[ranks[rows[i]]]
    return out
