"""Typed reads from a JSON object that a stranger sent; what does not fit is named."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from app.domain.errors import InvalidQuery

MAX_SAFE = 2**53  # whole numbers up to here are exact in JSON


@dataclass(frozen=True, slots=True)
class Fields:
    """One object and where it stands, e.g. "query."."""

    values: dict[str, Any]
    at: str = ""

    def only(self, known: Collection[str]) -> Fields:
        """Refuse names that nobody reads."""
        if unknown := self.values.keys() - known:
            name, limit = min(unknown), f"known here: {', '.join(known)}"
            raise InvalidQuery(f"{self.at}{name}"[:80], self.values[name], limit, "leave it out")
        return self

    def child(self, name: str) -> Fields:
        """Return the object under a name, an empty one where there is none."""
        value = self.values.get(name)
        if not isinstance(value, dict | None):
            raise self.wrong(name, "an object")
        return Fields(value or {}, f"{self.at}{name}.")

    def text(self, name: str, longest: int) -> str:
        value = self.values.get(name)
        if not isinstance(value, str) or len(value) > longest:
            raise self.wrong(name, f"text of at most {longest} characters")
        return value

    def text_or_none(self, name: str, longest: int) -> str | None:
        return None if self.values.get(name) is None else self.text(name, longest)

    def texts(self, name: str, most: int, longest: int) -> tuple[str, ...]:
        """Read a list of different texts, empty where there is none."""
        value = self.values.get(name, [])
        fits = (
            isinstance(value, list)
            and len(value) <= most
            and {str}.issuperset(map(type, value))
            and max(map(len, value), default=0) <= longest
            and len(set(value)) == len(value)
        )
        if not fits:
            raise self.wrong(name, f"a list of at most {most} different texts")
        return tuple(value)

    def whole(self, name: str, default: int | None = None, most: int = MAX_SAFE) -> int:
        """Read a whole number of at least 0."""
        value = self.values.get(name, default)
        if type(value) is not int or not 0 <= value <= most:
            raise self.wrong(name, f"a whole number of 0 to {most}")
        return value

    def wholes(self, name: str, most: int) -> tuple[int, ...]:
        value = self.values.get(name, [])
        fits = isinstance(value, list) and len(value) <= most
        are_whole = fits and {int}.issuperset(map(type, value))
        if not are_whole or not 0 <= min(value, default=0) <= max(value, default=0) <= MAX_SAFE:
            raise self.wrong(name, f"a list of at most {most} whole numbers")
        return tuple(value)

    def number(self, name: str, low: float, high: float, default: float | None = None) -> float:
        value: Any = self.values.get(name, default)
        if type(value) not in (int, float) or not math.isfinite(value) or not low <= value <= high:
            raise self.wrong(name, f"a number of {low:g} to {high:g}")
        return float(value)

    def wrong(self, name: str, limit: str) -> InvalidQuery:
        return InvalidQuery(f"{self.at}{name}", self.values.get(name), limit, "see docs/api.md")
