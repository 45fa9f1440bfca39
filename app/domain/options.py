"""The own keys of a channel or an encoder in config/search.toml, read into a dataclass of theirs.

A misspelt key is refused here as everywhere else, and so is a value of another type.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, ClassVar, Protocol, TypeVar

from app.domain.errors import InvalidInput


class IsDataclass(Protocol):
    """What `dataclasses.fields` takes."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


T = TypeVar("T", bound=IsDataclass)


def read_own(kind: type[T], table: str, config: Mapping[str, Any]) -> T:
    """Return `kind(**config)`: every field of the dataclass has a default, which gives its type.

    `table` is where they stand, "channels.geo". Raises InvalidInput naming the key.
    Numbers must be finite and not negative.
    """
    known = {f.name: getattr(kind(), f.name) for f in fields(kind)}
    for key, value in config.items():
        where = f"{table}.{key}"
        if key not in known:
            raise InvalidInput(f"{where}: no such key; known: {', '.join(known) or 'none'}")
        _check(where, value, known[key])
    return kind(**{k: _like(known[k], v) for k, v in config.items()})


def _check(where: str, value: Any, default: Any) -> None:
    if not _is_like(value, default):
        raise InvalidInput(f"{where} = {value!r}: write a value like {_shown(default)}")
    numbers = value.values() if isinstance(value, Mapping) else [value]
    for number in numbers:
        if isinstance(number, int | float) and not 0 <= number < math.inf:
            raise InvalidInput(f"{where} = {value!r}: write a finite number from 0 up")


def _is_like(value: Any, default: Any) -> bool:
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, str):
        return isinstance(value, str)
    if isinstance(default, Mapping):
        return isinstance(value, Mapping) and all(_is_like(v, 1.0) for v in value.values())
    if isinstance(default, tuple):
        return isinstance(value, list | tuple) and all(isinstance(v, str) for v in value)
    return isinstance(value, int if isinstance(default, int) else int | float)


def _like(default: Any, value: Any) -> Any:
    return tuple(value) if isinstance(default, tuple) else value


def _shown(default: Any) -> str:
    return repr(list(default)) if isinstance(default, tuple) else repr(default)
