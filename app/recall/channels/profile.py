"""Profile: what this person prefers, from long-term behaviour.

    score(d) = Σ_f weight(f) · Σ_v∈d value(f, v) / √|values of d in f| · popularity(d) · bands(d)

value(f, v) = affinity · ln(1 + n / df(v)), scaled to 1 for the strongest of the field, over the
`max_values` strongest: idf keeps a value that half the catalogue has from swamping the rest.
popularity in (0, 1] breaks the ties of equal matches. bands(d) = Π exp(−z² / 2), z = how many of
the person's own deviations d's price (or other number in `bands`) lies from their mean.

Exact without reading all: likely rows are scored first, and what their k-th best proves out of
reach, for a row of that popularity or with those values, is never read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np

from app.corpus.documents import Documents
from app.domain.arrays import F32, F64, Bools, Rows
from app.domain.candidates import ChannelHits
from app.domain.user import UserState
from app.recall.bands import Bands, Taste
from app.recall.channel import ChannelConfig
from app.recall.options import read_options
from app.recall.popularity import popularity
from app.recall.preference_scan import ROUNDING, FieldTaste, essential_worth
from app.recall.topk import top_rows
from app.snapshot.context import SearchContext
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables

NAME = "profile"
SEEDS = 4_096  # most popular rows, scored first
SEED_VALUES, SEED_ROWS = 8, 512  # and some rows of the values that tell most


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
class Person:
    """One person's preferences in the form that rows are scored by."""

    fields: tuple[FieldTaste, ...]
    bands: Taste


@dataclass(frozen=True, slots=True)
class ProfileChannel:
    documents: Documents
    options: ProfileOptions
    prior: F32  # (n,) in (0, 1]
    seeds: Rows  # the rows of the greatest prior, ascending
    bands: Bands

    @classmethod
    def build(cls, documents: Documents, part: Path, config: ChannelConfig) -> None:
        read_options(ProfileOptions, NAME, config)

    @classmethod
    def open(cls, snapshot: Snapshot, tables: Tables, part: Path, config: ChannelConfig) -> Self:
        options = read_options(ProfileOptions, NAME, config)
        documents = snapshot.documents
        liked = popularity(documents, tables.counters["gain"], options.prior_share)
        prior = popularity_prior(liked, options.popularity_power)
        everything = np.arange(prior.size, dtype=np.int32)
        seeds = np.sort(top_rows(everything, prior, SEEDS)[0])
        return cls(documents, options, prior, seeds, Bands.of(documents, options.bands))

    def accepts(self, ctx: SearchContext) -> bool:
        held = ctx.user.preferences
        return ctx.user.is_known and any(
            f in held and held[f].codes.size > 0 for f in self.options.fields
        )

    def recall(self, ctx: SearchContext, k: int) -> ChannelHits:
        person = self._person(ctx.user)
        if not person.fields:
            return ChannelHits.nothing(NAME)
        allowed = ctx.mask.allowed if ctx.mask is not None else None
        seeds = self._seeds(person, allowed)
        best = top_rows(*self._scored(person, seeds, 0.0), k)[1]
        floor = float(best[-1]) if best.size == k else 0.0
        rows = self._within_reach(person, floor, allowed)
        return ChannelHits(NAME, *top_rows(*self._scored(person, rows, floor), k))

    def _person(self, user: UserState) -> Person:
        columns, held = self.documents.keywords, user.preferences
        tastes = (
            FieldTaste.of(columns[name], held[name], self.options.max_values, weight)
            for name, weight in self.options.fields.items()
            if name in columns and name in held and weight > 0
        )
        told = tuple(taste for taste in tastes if taste.values.size)
        return Person(told, self.bands.taste(user.rows))

    def _seeds(self, person: Person, allowed: Bools | None) -> Rows:
        likely = (r for taste in person.fields for r in taste.best_rows(SEED_VALUES, SEED_ROWS))
        seeds = np.unique(np.concatenate([self.seeds, *likely]))
        return seeds if allowed is None else seeds[allowed[seeds]]

    def _within_reach(self, person: Person, floor: float, allowed: Bools | None) -> Rows:
        """Return the rows, ascending, that may score `floor` or more."""
        most = sum(taste.most_possible() for taste in person.fields) * ROUNDING
        reach = self.prior >= np.float32(floor / most)
        if allowed is not None:
            reach &= allowed
        worth = essential_worth(person.fields, floor)
        lists = [rows for taste in person.fields for rows in taste.postings(worth)]
        if sum(rows.size for rows in lists) < np.count_nonzero(reach):
            holds = np.zeros(reach.size, np.bool_)
            for rows in lists:
                holds[rows] = True
            reach &= holds
        return np.flatnonzero(reach).astype(np.int32)

    def _scored(self, person: Person, rows: Rows, floor: float) -> tuple[Rows, F32]:
        """Return the rows that match at all and may score `floor` or more, with their scores."""
        matches: F64 = np.zeros(rows.size, np.float64)
        for taste in person.fields:
            taste.add(rows, matches)
        matches *= self.prior[rows]
        kept = (matches > 0) & (matches.astype(np.float32) >= floor)  # bands only take away
        rows, matches = rows[kept], matches[kept]
        return rows, (matches * self.bands.fit(rows, person.bands)).astype(np.float32)


def popularity_prior(liked: F32, power: float) -> F32:
    """Return ((1 + popularity / mean) / its largest) ^ power: never 0, so that no match is lost."""
    mean = float(liked.mean(dtype=np.float64)) if liked.size else 0.0
    lifted = 1.0 + (liked / mean if mean > 0 else np.zeros_like(liked))
    return np.asarray((lifted / lifted.max(initial=1)) ** power, np.float32)
