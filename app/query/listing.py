"""What a caller wants of the list beside its order by relevance: facets, sorting, groups."""

from __future__ import annotations

from typing import Any

from app.corpus.schema import NUMERIC, FieldSpec, FieldType, Schema
from app.domain.errors import InvalidQuery
from app.domain.query import DISTANCE, GeoPoint, SortKey

MAX_FACETS = 16
MAX_SORT_KEYS = 4


def parse_facets(asked: Any, schema: Schema) -> tuple[str, ...]:
    """Return the fields to count by. Raises InvalidQuery naming the one that cannot be."""
    names = _texts("facets", asked, MAX_FACETS)
    for name in names:
        _spec("facets", name, schema, FieldType.KEYWORD, *NUMERIC)
    return names


def parse_highlights(asked: Any, schema: Schema) -> tuple[str, ...]:
    """Return the fields whose matches shall be marked; true stands for all that are searched."""
    if asked is None or asked is False:
        return ()
    if asked is True:
        return tuple(f.name for f in schema.searched)
    names = _texts("highlights", asked, MAX_FACETS)
    for name in names:
        _spec("highlights", name, schema, FieldType.TEXT, FieldType.KEYWORD)
    return names


def parse_group(asked: str | None, schema: Schema) -> str | None:
    """Return the keyword field of whose values only the best document is wanted each."""
    if asked is not None:
        _spec("group_by", asked, schema, FieldType.KEYWORD)
    return asked


def parse_sort(asked: Any, schema: Schema, origin: GeoPoint | None) -> tuple[SortKey, ...]:
    """Read "price", "-price" or "distance", one or several, the first counting most."""
    names = _texts("sort", asked, MAX_SORT_KEYS)
    return tuple([_key(name, schema, origin) for name in names]) if names else ()


def _key(text: str, schema: Schema, origin: GeoPoint | None) -> SortKey:
    name = text.removeprefix("-")
    if name == DISTANCE:
        if origin is None:
            raise InvalidQuery("sort", text, "needs a place", "give lat and lon as well")
    else:
        _spec("sort", name, schema, *NUMERIC)
    return SortKey(name, is_descending=text.startswith("-"))


def _spec(what: str, name: str, schema: Schema, *types: FieldType) -> FieldSpec:
    spec = schema.fields.get(name)
    if spec is None or spec.type not in types:
        known = ", ".join(f.name for f in schema.of_type(*types)) or "none"
        limit = "no such field" if spec is None else f"not by a {spec.type} field"
        raise InvalidQuery(what, name, limit, f"fields that serve: {known}")
    return spec


def _texts(what: str, asked: Any, most: int) -> tuple[str, ...]:
    """Return one text or a list of them as a tuple, each once."""
    if asked is None:
        return ()
    texts = [asked] if isinstance(asked, str) else asked
    if not isinstance(texts, list | tuple) or not all(isinstance(t, str) and t for t in texts):
        raise InvalidQuery(what, asked, "a field's name or a list of them", 'write ["price"]')
    if len(texts) > most:
        raise InvalidQuery(what, f"{len(texts)} names", f"at most {most}", "ask for fewer")
    return tuple(dict.fromkeys(texts))
