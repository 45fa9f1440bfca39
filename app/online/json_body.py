"""How every answer becomes JSON bytes."""

from __future__ import annotations

from typing import Any

import orjson

JSON = "application/json"


def to_json(value: Any) -> bytes:
    """Serialise; NaN and infinity become null, a float32 keeps its short form."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
