"""The recipe of an ensemble: models/NAME/recipe.toml with kind = "ensemble"."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from app.offline.recipe import Debias, Gate, Grades, Log, Recipe, Sampling, Split
from app.offline.recipe_file import Part, read_recipe


class EnsembleRecipe(Part):
    """Which releases, and how they are combined."""

    kind: Literal["ensemble"]
    name: str = Field("ensemble", pattern=r"^[a-z][a-z0-9_-]{0,63}$", description="under models/")
    combine: Literal["mean", "rank"] = Field("mean", description="app/rank/ensemble.py says how")
    members: dict[str, float] = Field(description="release, by any of its names → weight")
    scale_lists: int = Field(200, gt=0, description="whose candidates lay out the scales")
    seed: int = 7
    split: Split = Split()
    sampling: Sampling = Sampling()
    log: Log = Log()
    grades: Grades = Grades()
    debias: Debias = Debias()
    gate: Gate = Gate()

    @model_validator(mode="after")
    def _more_than_one(self) -> EnsembleRecipe:
        if len(self.members) < 2:
            raise ValueError("members: at least two, or it is no ensemble")
        if not all(0 < weight < 1e6 for weight in self.members.values()):
            raise ValueError("members: each weight is above 0")
        return self

    @classmethod
    def load(cls, path: Path) -> EnsembleRecipe:
        """Read a recipe; raise InvalidInput naming the key that is wrong."""
        return read_recipe(cls, path)

    def as_ranker(self, features: tuple[str, ...], max_groups: int | None) -> Recipe:
        """Say the same as a ranker's recipe: how lists are read, divided, and judged by."""
        told = Recipe(
            features=features, seed=self.seed, split=self.split, sampling=self.sampling,
            log=self.log, grades=self.grades, debias=self.debias, gate=self.gate,
        )  # fmt: skip
        return told.limited(max_groups)
