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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np

from app.corpus.documents import Documents
from app.domain.arrays import F32
from app.domain.candidates import ChannelHits
from app.domain.user import UserState
from app.recall.bands import Bands
from app.recall.channel import ChannelConfig
from app.recall.options import read_options
from app.recall.popularity import popularity
from app.recall.preference_index import PreferenceIndex, index_preferences
from app.recall.preference_scan import (
    Person,
    join,
    rows_of,
    scan,
    score_all,
    tell,
)
from app.snapshot.context import SearchContext
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables

NAME = "profile"
ROW_COST = 32  # ranks looked at in the time of one row that is scored alone
EVERYTHING = np.empty(0, np.bool_)


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
    prior: F32  # (n,) in (0, 1]
    index: PreferenceIndex
    bands: Bands

    @classmethod
    def build(cls, documents: Documents, part: Path, config: ChannelConfig) -> None:
        read_options(ProfileOptions, NAME, config)  # the index is made at opening, see there

    @classmethod
    def open(cls, snapshot: Snapshot, tables: Tables, part: Path, config: ChannelConfig) -> Self:
        options = read_options(ProfileOptions, NAME, config)
        documents = snapshot.documents
        liked = popularity(documents, tables.counters["gain"], options.prior_share)
        prior = popularity_prior(liked, options.popularity_power)
        weighed = (f for f, weight in options.fields.items() if weight > 0)
        fields = tuple(f for f in weighed if f in documents.keywords)
        index = index_preferences([documents.keywords[f] for f in fields], prior)
        return cls(options, fields, prior, index, Bands.of(documents, options.bands))

    def accepts(self, ctx: SearchContext) -> bool:
        held = ctx.user.preferences
        return ctx.user.is_known and any(
            f in held and held[f].codes.size > 0 for f in self.options.fields
        )

    def recall(self, ctx: SearchContext, k: int) -> ChannelHits:
        person, bands, mask = self._person(ctx.user), self.bands.values, ctx.mask
        if not person.values.size:
            return ChannelHits.nothing(NAME)
        if mask is not None and mask.count * ROW_COST <= self.prior.size:
            rows = np.flatnonzero(mask.allowed).astype(np.int32)
            return ChannelHits(NAME, *rows_of(score_all(self.index, person, bands, rows, k)))
        allowed = EVERYTHING if mask is None else mask.allowed
        return ChannelHits(NAME, *rows_of(scan(self.index, person, bands, allowed, k)))

    def _person(self, user: UserState) -> Person:
        """Weigh the values that tell most of a person, at most `max_values` a field."""
        options, index, told = self.options, self.index, []
        for field_, base in zip(self.fields, index.bases.tolist(), strict=False):
            held = user.preferences.get(field_)
            if held is not None and held.codes.size:
                weight = options.fields[field_]
                told.append(
                    tell(held.codes, held.weights, index.idf, base, options.max_values, weight)
                )
        return join(told, index.idf.size, self.bands.taste(user.rows))


def popularity_prior(liked: F32, power: float) -> F32:
    """Return ((1 + popularity / mean) / its largest) ^ power: never 0, so that no match is lost."""
    mean = float(liked.mean(dtype=np.float64)) if liked.size else 0.0
    lifted = 1.0 + (liked / mean if mean > 0 else np.zeros_like(liked))
    return np.asarray((lifted / lifted.max(initial=1)) ** power, np.float32)
