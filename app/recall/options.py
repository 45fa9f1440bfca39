"""A channel's own keys of config/search.toml, read into a dataclass of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from app.domain.options import IsDataclass, read_own

T = TypeVar("T", bound=IsDataclass)


def read_options(kind: type[T], channel: str, config: Mapping[str, Any]) -> T:
    """Return `kind(**config)`. Raises InvalidInput naming the key."""
    return read_own(kind, f"channels.{channel}", config)
