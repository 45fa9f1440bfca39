"""A model that was trained elsewhere: its text becomes a candidate, measured and released as ours.

Nobody sealed the text, and LightGBM trusts every number of it: it is checked as text, then opened
and asked for scores in a process that may die of it, and only then read here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from app.domain.errors import CorruptArtifact, InvalidInput
from app.offline.fit import Fitted
from app.offline.recipe import Recipe
from app.rank.cage import Cage
from app.rank.lightgbm_model import LightGbmModel
from app.rank.trees.whole import Broken, refuse_broken

UNCHECKED = re.compile(r"^\s*(num_cat|is_linear)\s*=(?!0$)", re.MULTILINE)
"""Trees with indices that `refuse_broken` does not look at, and LightGBM reads by."""
WITHOUT = {
    "num_cat": ("it has categorical splits", "train it on the columns as numbers"),
    "is_linear": ("it has linear trees", "train it without linear_tree"),
}
UNKNOWN_TOLD = 5  # names that an error lists
MAY_HAVE_SEEN = (
    "The model was trained elsewhere: whoever trained it may have seen the held-out queries, "
    "and then these figures are too good."
)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A model whose text was tried."""

    fitted: Fitted
    written: tuple[str, ...]  # its features, as LightGBM wrote their names

    def features(self, known: Sequence[str]) -> tuple[str, ...]:
        """Return its features' names in its order, of those that the recipe asks for.

        Raises InvalidInput naming those that the recipe does not.
        """
        by_written = {name.replace(" ", "_"): name for name in known}  # so LightGBM writes blanks
        unknown = [name for name in self.written if name not in by_written]
        if unknown:
            told = ", ".join(unknown[:UNKNOWN_TOLD]) + (", …" if unknown[UNKNOWN_TOLD:] else "")
            raise InvalidInput(
                f"{self.fitted.elsewhere} reads {len(unknown)} of {len(self.written)} features "
                f"that the recipe does not ask for: {told}; name its columns as the files of "
                "duolu train --rows do (feature_name of lightgbm.Dataset), or add them to the "
                "recipe's features"
            )
        return tuple(by_written[name] for name in self.written)


def open_elsewhere(file: Path) -> Elsewhere:
    """Try and load LightGBM's text. Raises InvalidInput for what is no model that can rank."""
    text = _read(file)
    model = _opened(file, text)
    booster, names = model.booster, model.feature_names
    if booster.num_model_per_iteration() != 1:
        raise _refused(file, "it gives more than one score a row", "train it with one output")
    if len(set(names)) != len(names):
        raise _refused(file, "two of its features have one name", "name each column once")
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    told = f"{file.name} (sha256 {sha256[:16]}…)"
    rounds: Any = booster.current_iteration()
    return Elsewhere(Fitted(booster, int(rounds), float("nan"), told), names)


def as_it_is(recipe: Recipe) -> Recipe:
    """The same recipe, as it is used for a model that is not trained again on all lists."""
    split = recipe.split.model_copy(update={"refit": False})
    return recipe.model_copy(update={"split": split})


def _read(file: Path) -> str:
    try:
        text = file.read_text("utf-8")
        refuse_broken(text)
    except OSError as error:
        raise InvalidInput(f"cannot read {file}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise _refused(file, f"it is not UTF-8 at byte {error.start}") from None
    except Broken as error:
        raise _refused(file, str(error)) from None
    if unchecked := UNCHECKED.search(text):
        raise _refused(file, *WITHOUT[unchecked[1]])
    return text


def _opened(file: Path, text: str) -> LightGbmModel:
    """Open a copy, so that what is read here is what was tried."""
    with TemporaryDirectory() as folder, closing(Cage()) as cage:
        copy = Path(folder) / file.name
        copy.write_text(text, "utf-8")
        try:
            verdict = cage.ask(copy)
            if verdict["ok"]:
                return LightGbmModel.open(copy)
            reason = str(verdict["reason"])
        except CorruptArtifact as error:
            reason = str(error)
    raise _refused(file, reason)


def _refused(
    file: Path, why: str, remedy: str = "write it with Booster.save_model and copy it again"
) -> InvalidInput:
    return InvalidInput(f"{file} is no LightGBM model that can rank: {why}; {remedy}")
