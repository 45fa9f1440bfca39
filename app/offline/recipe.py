"""A recipe: what a model is trained from and how. models/NAME/recipe.toml, committed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import Field

from app.corpus.schema import NUMERIC, Schema
from app.domain.user import PREFERENCE_FIELDS
from app.features.catalog import CATALOG
from app.features.feature import FeatureSet
from app.offline.recipe_file import Part, read_recipe
from app.rank.dependencies import models_read
from app.snapshot.counters import WINDOWS

Objective: TypeAlias = Literal["binary", "regression", "pairwise", "lambdarank", "rank_xendcg"]
"""What is learned: app/offline/objectives.py says which is of which family."""


class Negatives(Part):
    """Unjudged candidates enter as grade 0: what serving ranks is mostly unjudged."""

    top: int = Field(30, ge=0, description="best by fused order")
    random: int = Field(30, ge=0, description="of the rest, drawn by seed")


class Split(Part):
    """Shares of the query groups, by hash of the query text, or by time for sessions."""

    valid: float = Field(0.15, gt=0, lt=0.5, description="stops the boosting")
    test: float = Field(0.15, gt=0, lt=0.5, description="measured once, reported")
    refit: bool = Field(True, description="train again on all groups with the rounds found")


class Sampling(Part):
    """Bounds on a large log, always by whole query groups."""

    max_groups: int = Field(10_000, gt=0)
    time_blocks: int = Field(6, ge=2, description="tables are rebuilt before each block")


class Log(Part):
    """How logged impressions and events find each other."""

    window_minutes: float = Field(30.0, gt=0, description="actions after it are late: counted")

    @property
    def window_ms(self) -> int:
        return round(self.window_minutes * 60_000)


class Grades(Part):
    """Labels of what was done with a shown document: the highest that applies."""

    clicked: int = Field(1, ge=0)
    satisfied_s: float = Field(0.0, ge=0, description="shorter stays, where known, are bounces")
    bounced: int = Field(0, ge=0, description="a click with a shorter stay")
    carted: int = Field(2, ge=0)
    purchased: int = Field(3, ge=0)
    unclicked: Literal["negative", "skip_above"] = Field(
        "negative", description="skip_above: what stood below the lowest click is left out"
    )
    explored: Literal["leave_out", "keep"] = Field(
        "leave_out", description="documents that exploration drew; keep: like any other result"
    )


class Debias(Part):
    """How clicks are corrected for the position that they fell on."""

    method: Literal["none", "propensity", "randomised", "unbiased_lambdarank"] = "none"
    max_position: int = Field(50, ge=2, le=1000, description="all below share its propensity")
    clip: float = Field(50.0, ge=1, description="no click weighs more")
    min_clicks: int = Field(200, ge=1, description="to learn propensities from")
    resamples: int = Field(200, ge=1, description="of the bootstrap, for the intervals")


class Gate(Part):
    """When a trained model may be published."""

    metric: str = Field("nDCG@10", description="what is compared, as ir-measures writes it")
    min_difference: float = Field(-0.005, description="lower end of each paired 95 % interval")
    best_of_days: int = Field(30, ge=0, description="held against the best release of so long")
    min_clicked_lists: int = Field(2000, gt=0, description="shown lists with a click, from a log")
    min_judged_queries: int = Field(200, gt=0, description="judged queries, without a log")
    min_paired_queries: int = Field(50, gt=0, description="below, a slice or release says nothing")
    max_rank_ms: float = Field(100.0, gt=0, description="95th percentile of ranking one query")


class Recipe(Part):
    """One model."""

    objective: Objective = "lambdarank"
    seed: int = 7
    rounds: int = Field(600, gt=0)
    early_stopping: int = Field(30, gt=0, description="rounds without a better valid part")
    min_rounds: int = Field(50, gt=0, description="from here on the valid part is listened to")
    features: tuple[str, ...]
    parameters: dict[str, Any] = Field({}, description="LightGBM's own")
    tune: dict[str, tuple[bool | int | float | str, ...]] = Field(
        {}, description="for --tune: [low, high], or three choices and more, by parameter"
    )
    uses: dict[str, str] = Field({}, description="model(NAME) → release; else what is published")
    negatives: Negatives = Negatives()
    split: Split = Split()
    sampling: Sampling = Sampling()
    log: Log = Log()
    grades: Grades = Grades()
    debias: Debias = Debias()
    gate: Gate = Gate()

    @classmethod
    def load(cls, path: Path) -> Recipe:
        """Read a recipe; raise InvalidInput naming the key that is wrong."""
        recipe = read_recipe(cls, path)
        CATALOG.expand(recipe.features, {})
        return recipe

    def limited(self, max_groups: int | None) -> Recipe:
        """The same recipe on fewer lists: for a first look, or a demo."""
        if max_groups is None:
            return self
        sampling = self.sampling.model_copy(update={"max_groups": max_groups})
        return self.model_copy(update={"sampling": sampling})

    @property
    def models(self) -> tuple[str, ...]:
        """The models that its features ask."""
        named = CATALOG.expand(self.features, {"model": list(self.uses)})
        return models_read(FeatureSet(CATALOG, named).inputs)

    def feature_names(self, schema: Schema, channels: tuple[str, ...]) -> tuple[str, ...]:
        """Expand `template(*)` over the fields of this catalogue."""
        numbers = [f.name for f in schema.of_type(*NUMERIC) if f.name != "published_at"]
        return CATALOG.expand(
            self.features,
            {
                "text": [f.name for f in schema.searched],
                "number": numbers,
                "preference": [f for f in PREFERENCE_FIELDS if f in schema.fields],
                "channel": list(channels),
                "window": WINDOWS,
                "model": list(self.uses),
            },
        )
