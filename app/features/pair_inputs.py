"""pair_*: query × document and person × document, for every candidate whoever found it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from app.domain.errors import InvalidInput
from app.features.embedding_inputs import clicked_cosine, taste_cosine
from app.features.lookup import NAN, Inputs, unknown
from app.features.memory_pass import REMEMBERED
from app.features.text_match import FIELD_MATCHES

_MATCH = {name: place for place, name in enumerate(FIELD_MATCHES)}
_REMEMBERED = {name: place for place, name in enumerate(REMEMBERED)}


def pair_input(lookup: Inputs, base: str, field: str) -> Any:
    name = base.removeprefix("pair_")
    if name in _MATCH:
        return _text(lookup, name, field)
    if name == "model":
        return _model(lookup, field)
    if name == "affinity":
        return _affinity(lookup, field)
    if name in _REMEMBERED and not field:
        return lookup.memory.sums[_REMEMBERED[name]]
    if name in _SOURCES and not field:
        return _SOURCES[name](lookup)
    raise unknown(base, field)


def _text(lookup: Inputs, name: str, field: str) -> Any:
    place = lookup.ctx.snapshot.documents.rows.text_fields.get(field)
    if place is None or not lookup.ctx.query.terms:
        return NAN
    return lookup.records.text[:, place, _MATCH[name]]


def _model(lookup: Inputs, field: str) -> Any:
    """What another released model says."""
    if field not in lookup.models:
        raise InvalidInput(
            f"model({field}) asks a model that is not open; open: {', '.join(lookup.models)}"
        )
    return lookup.ask(lookup.models[field])


def _any_coverage(lookup: Inputs) -> Any:
    """The best of all fields."""
    return lookup.records.any_coverage if lookup.ctx.query.terms else NAN


def _affinity(lookup: Inputs, field: str) -> Any:
    place = lookup.ctx.snapshot.documents.rows.code_fields.get(field)
    preference = lookup.ctx.user.preferences.get(field)
    if place is None or preference is None or not preference.codes.size:
        return NAN
    return lookup.records.affinities[:, place]


_SOURCES: Mapping[str, Callable[[Inputs], Any]] = {
    "any_coverage": _any_coverage,
    "cosine": lambda lookup: NAN if lookup.cosines is None else lookup.cosines.of,
    "distance_km": lambda lookup: NAN if lookup.nearness is None else lookup.nearness.km,
    "user_time_ms": lambda lookup: lookup.memory.times_ms,
    "clicked_cosine": clicked_cosine,
    "taste_cosine": taste_cosine,
}
