"""Reading a JSON body into a shape; what does not fit is a problem that names the field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from app.online.problems import Problem, refused_field

Shape = TypeVar("Shape", bound=BaseModel)


def json_object(body: bytes, such_as: str = '{"query": "…"}') -> dict[str, Any]:
    """Read one JSON object. Raises a Problem, which gives an example where it is none."""
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem(
            400, "malformed-json", f"the body is not JSON: {error}", field="body", value=None,
            limit="one JSON object in UTF-8, no NaN", remedy="check quotes, commas and encoding",
        ) from None  # fmt: skip
    if not isinstance(fields, dict):
        raise refused_field("body", fields, "not an object", f"send one {such_as}")
    return fields


def parse(shape: type[Shape], fields: Mapping[str, Any]) -> Shape:
    try:
        return shape.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
    path = ".".join(str(step) for step in first["loc"])
    if first["type"] == "extra_forbidden":
        known = ", ".join(shape.model_fields)
        raise refused_field(path, first["input"], "unknown field", f"known here: {known}")
    value = None if first["type"] == "missing" else first["input"]
    raise refused_field(path, value, first["msg"].lower(), "GET /docs shows every field")
