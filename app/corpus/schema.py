"""Which fields the catalogue has and what each is for. Kept in the snapshot's manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any


class FieldType(StrEnum):
    TEXT = "text"  # analysed and searched
    KEYWORD = "keyword"  # one or many exact values: filter, facet, preference
    NUMBER = "number"
    BOOL = "bool"  # stored as 0 and 1
    TIME = "time"  # stored as epoch ms
    GEO = "geo"  # stored as the number columns lat and lon, degrees


NUMERIC = (FieldType.NUMBER, FieldType.BOOL, FieldType.TIME)


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field. It is searched when its weight is above 0."""

    name: str
    type: FieldType
    weight: float = 0.0  # of its BM25 in the lexical channel
    analyzer: str = "default"  # or "whitespace" for text that is already tokens
    facet: bool = False
    words: tuple[str, ...] = ()  # what people call the field in a query, beside its name
    units: Mapping[str, float] = field(default_factory=dict)  # unit → how much one of it is
    values: Mapping[str, float] = field(default_factory=dict)  # word → the value it stands for

    @property
    def is_searched(self) -> bool:
        return self.weight > 0 and self.type in (FieldType.TEXT, FieldType.KEYWORD)


@dataclass(frozen=True)  # no slots: every query asks for what is computed once here
class Schema:
    """All fields by name, in configuration order, attributes last."""

    fields: Mapping[str, FieldSpec]

    def of_type(self, *types: FieldType) -> tuple[FieldSpec, ...]:
        return tuple(f for f in self.fields.values() if f.type in types)

    @cached_property
    def searched(self) -> tuple[FieldSpec, ...]:
        return tuple(f for f in self.fields.values() if f.is_searched)

    @cached_property
    def analyzers(self) -> tuple[str, ...]:
        """The distinct analyzers that searched fields use; a query goes through each."""
        return tuple(dict.fromkeys(f.analyzer for f in self.searched))

    def slot(self, name: str) -> str:
        """Return the file name of the field's columns, e.g. "f003"."""
        return f"f{list(self.fields).index(name):03d}"

    def to_json(self) -> list[dict[str, Any]]:
        return [asdict(f) for f in self.fields.values()]

    @classmethod
    def from_json(cls, fields: list[dict[str, Any]]) -> Schema:
        specs = (
            FieldSpec(**{**f, "type": FieldType(f["type"]), "words": tuple(f.get("words", ()))})
            for f in fields
        )
        return cls({f.name: f for f in specs})
