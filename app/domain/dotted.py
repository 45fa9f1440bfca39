"""Load a class named in configuration, so that a new channel or encoder needs no registry."""

from __future__ import annotations

import importlib
from typing import Any

from app.domain.errors import InvalidInput


def load(kind: str) -> Any:
    """Return the object that "package.module:Name" names, or raise InvalidInput saying why not."""
    module_name, _, attribute = kind.partition(":")
    try:
        return getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise InvalidInput(
            f"kind = {kind!r} cannot be loaded ({error}); "
            "write package.module:ClassName of an importable class"
        ) from None
