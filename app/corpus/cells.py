"""CSV cells are text: give each the type that its field has, or that it looks like."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.corpus.rows import PLACE, BadRow
from app.corpus.schema import FieldType

_NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d{1,17})?([eE][+-]?\d{1,2})?", re.ASCII)
_WHOLE = re.compile(r"-?\d{1,18}", re.ASCII)
_BOOLS = {"true": True, "false": False, "yes": True, "no": False, "1": True, "0": False}
_SEPARATORS = re.compile(r"[|;]")


def typed(cells: Mapping[str, str], types: Mapping[str, FieldType]) -> dict[str, Any]:
    """Return a record as JSON would have given it. Empty cells are missing.

    An attribute's cell is a number only where JSON would write it so and no digit is lost:
    "007" and a 20-digit code stay strings.
    """
    return {
        name: _reader(name, types)(name, cell)
        for name, cell in cells.items()
        if name and cell.strip()
    }


def _reader(name: str, types: Mapping[str, FieldType]) -> Callable[[str, str], Any]:
    if name in ("id", "title"):
        return _as_text
    return _number if name in PLACE else _READERS[types.get(name)]


def _as_text(name: str, cell: str) -> str:
    return cell


def _keywords(name: str, cell: str) -> str | list[str]:
    """Several values are separated by | or ;."""
    parts: Sequence[str] = [part.strip() for part in _SEPARATORS.split(cell)]
    return parts[0] if len(parts) == 1 else [part for part in parts if part]


def _number(name: str, cell: str) -> int | float:
    text = cell.strip()
    try:
        return int(text) if _WHOLE.fullmatch(text) else float(text)
    except ValueError:
        raise BadRow(name, cell, "is not a number", "write it with a decimal point") from None


def _bool(name: str, cell: str) -> bool:
    value = _BOOLS.get(cell.strip().lower())
    if value is None:
        raise BadRow(name, cell, "is not a bool", "write true or false")
    return value


def _time(name: str, cell: str) -> int | str:
    text = cell.strip()
    return int(text) if _WHOLE.fullmatch(text) else text


def _attribute(name: str, cell: str) -> Any:
    text = cell.strip()
    if _NUMBER.fullmatch(text):
        return _number(name, text)
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    return _keywords(name, cell) if "|" in cell else cell


_READERS: Mapping[FieldType | None, Callable[[str, str], Any]] = {
    FieldType.TEXT: _as_text,
    FieldType.KEYWORD: _keywords,
    FieldType.NUMBER: _number,
    FieldType.BOOL: _bool,
    FieldType.TIME: _time,
    FieldType.GEO: _as_text,
    None: _attribute,
}
