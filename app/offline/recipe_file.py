"""Reads models/NAME/recipe.toml into the kind of recipe that it is, and says which key is wrong."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from app.domain.errors import InvalidInput


class Part(BaseModel):
    """One table of a recipe: no key but those that are named, and nothing changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def kind_of(path: Path) -> str | None:
    """Return a recipe's `kind`, None for a ranker's, and for what whoever loads it will refuse."""
    try:
        kind = read_toml(path).get("kind")
    except InvalidInput:
        return None
    return kind if isinstance(kind, str) else None


M = TypeVar("M", bound=Part)


def read_toml(path: Path) -> dict[str, Any]:
    """Return the file's tables. Raises InvalidInput where there is no such file, or no TOML."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise InvalidInput(
            f"no recipe at {path}; see models/lambdarank/recipe.toml and models/ctr/recipe.toml"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} is not TOML: {error}") from None


def read_recipe(kind: type[M], path: Path) -> M:
    """Return a recipe. Raises InvalidInput naming the key that is wrong."""
    try:
        return kind.model_validate(read_toml(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"{path}: {where}: {first['msg'].lower()}") from None
