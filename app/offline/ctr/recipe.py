"""The recipe of a click model: models/NAME/recipe.toml with kind = "ctr"."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from app.offline.recipe_file import Part, read_recipe
from app.rank.factorization import Objective, Shape


class Vectors(Part):
    """Length of one vector. A field-aware model has one for each field that a value meets."""

    fm: int = Field(8, ge=1, le=64)
    ffm: int = Field(4, ge=1, le=64)


class FieldNames(Part):
    """What the model sees; app/rank/hashed_fields.py says which there are."""

    request: tuple[str, ...] = ("query", "term", "term_count", "user", "hour", "origin")
    document: tuple[str, ...] = ("id", "category", "brand", "price")


class TimeSplit(Part):
    """Shares of the lists, in order of time: the newest are tested on."""

    valid: float = Field(0.15, gt=0, lt=0.5, description="stops the epochs")
    test: float = Field(0.15, gt=0, lt=0.5, description="measured once, reported")


class Bounds(Part):
    """How much of a large log is read: the newest."""

    max_lists: int = Field(200_000, gt=0)


class ClickGate(Part):
    """When a click model may be published."""

    max_difference: float = Field(
        0.001, description="upper end of the 95 % interval of log-loss against each baseline"
    )
    min_clicked_lists: int = Field(200, gt=0, description="held-out lists with a click")


class ClickRecipe(Part):
    """One click model."""

    kind: Literal["ctr"]
    name: str = Field("ctr", pattern="^[a-z0-9_]+$", description="released under models/NAME")
    objective: Objective = "ffm"
    seed: int = 7
    bits: int = Field(18, ge=8, le=26, description="2^bits hashes")
    learning_rate: float = Field(0.05, gt=0, le=10)
    l2: float = Field(2e-5, ge=0)
    spread: float = Field(0.05, gt=0, description="deviation of the vectors before training")
    epochs: int = Field(12, gt=0, le=1000, description="at most; fewer where valid gets worse")
    k: Vectors = Vectors()
    fields: FieldNames = FieldNames()
    split: TimeSplit = TimeSplit()
    sampling: Bounds = Bounds()
    gate: ClickGate = ClickGate()

    @classmethod
    def load(cls, path: Path) -> ClickRecipe:
        """Read a recipe; raise InvalidInput naming the key that is wrong."""
        return read_recipe(cls, path)

    def shape(self, objective: Objective) -> Shape:
        """Return what a model of this recipe is made of, were its objective another."""
        k = {"logistic": 0, "fm": self.k.fm, "ffm": self.k.ffm}[objective]
        return Shape(objective, self.fields.request, self.fields.document, self.bits, k)

    def limited(self, max_lists: int | None) -> ClickRecipe:
        """The same recipe on fewer lists: for a first look, or a demo."""
        if max_lists is None:
            return self
        return self.model_copy(update={"sampling": Bounds(max_lists=max_lists)})

    def sees_what(self, other: ClickRecipe) -> bool:
        """Tell whether both hash the same fields alike and cut the lists alike."""
        return (self.fields, self.bits, self.split) == (other.fields, other.bits, other.split)
