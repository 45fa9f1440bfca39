"""Keys that configuration does not name: what they hold is found out from the whole catalogue.

| values | becomes |
|---|---|
| all true or false | bool |
| all numbers | number |
| strings, lists of strings, or a mix with numbers and bools (as JSON writes them) | keyword |
| strings, over LONG_TEXT characters on average | text |
| mostly links; any nested object or list of numbers | shown with the document, not indexed |
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from app.corpus.rows import Row, as_keyword
from app.corpus.schema import FieldSpec, FieldType, Schema

LONG_TEXT = 64  # characters: nobody filters by longer values
MAX_KEYS = 10_000  # looked at in one catalogue; keys that are data would fill the memory
_LINKS = ("http://", "https://")


@dataclass(slots=True)
class KeyTally:
    """How many rows hold which kind of value under one key."""

    bools: int = 0
    numbers: int = 0
    texts: int = 0  # a string or a list of strings
    links: int = 0  # of them
    others: int = 0
    strings: int = 0  # in all texts
    characters: int = 0

    @property
    def rows(self) -> int:
        return self.bools + self.numbers + self.texts + self.others

    def count(self, value: object) -> None:
        if isinstance(value, bool):
            self.bools += 1
        elif isinstance(value, int | float):
            self.numbers += 1
        elif isinstance(value, str):
            self._count_text(1, len(value), value.startswith(_LINKS))
        elif isinstance(value, list) and all(isinstance(v, str) for v in value):
            if value:
                self._count_text(len(value), sum(map(len, value)), value[0].startswith(_LINKS))
        else:
            self.others += 1

    def _count_text(self, strings: int, characters: int, is_link: bool) -> None:
        self.texts += 1
        self.strings += strings
        self.characters += characters
        self.links += is_link

    def add(self, other: KeyTally) -> None:
        self.bools += other.bools
        self.numbers += other.numbers
        self.texts += other.texts
        self.links += other.links
        self.others += other.others
        self.strings += other.strings
        self.characters += other.characters


@dataclass(slots=True)
class Census:
    """The tallies of all undeclared keys of some rows. Adding is done in the rows' order."""

    declared: frozenset[str]  # keys that are not attributes
    tallies: dict[str, KeyTally] = field(default_factory=dict)
    found: set[str] = field(default_factory=set)  # of the declared

    def count(self, row: Row) -> None:
        for name, value in row.items():
            if name in self.declared:
                self.found.add(name)
            else:
                tally = self.tallies.get(name) or self._new(name)
                if tally:
                    tally.count(value)

    def add(self, other: Census) -> None:
        self.found |= other.found
        for name, tally in other.tallies.items():
            mine = self.tallies.get(name) or self._new(name)
            if mine:
                mine.add(tally)

    def _new(self, name: str) -> KeyTally | None:
        if len(self.tallies) >= MAX_KEYS:
            return None
        return self.tallies.setdefault(name, KeyTally())


@dataclass(frozen=True, slots=True)
class Attributes:
    """What became of the undeclared keys."""

    fields: tuple[FieldSpec, ...]  # most frequent first
    unindexed: Mapping[str, str]  # key → why


def infer(census: Census, weight: float, max_attributes: int) -> Attributes:
    """Decide the type of every key; equal frequencies by name."""
    ordered = sorted(census.tallies.items(), key=lambda item: (-item[1].rows, item[0]))
    fields: list[FieldSpec] = []
    unindexed: dict[str, str] = {}
    for name, tally in ordered:
        type_, why_not = _type_of(tally)
        if type_ is None:
            unindexed[name] = why_not
        elif len(fields) >= max_attributes:
            unindexed[name] = f"beyond attributes.max_attributes = {max_attributes}"
        else:
            is_words = type_ in (FieldType.KEYWORD, FieldType.TEXT)
            fields.append(FieldSpec(name, type_, weight if is_words else 0.0))
    return Attributes(tuple(fields), unindexed)


def _type_of(tally: KeyTally) -> tuple[FieldType | None, str]:
    if tally.others:
        return None, "holds objects or lists of other things than strings"
    if not tally.rows:
        return None, "holds empty lists only"
    if tally.bools == tally.rows:
        return FieldType.BOOL, ""
    if tally.numbers == tally.rows:
        return FieldType.NUMBER, ""
    if 2 * tally.links > tally.texts:
        return None, "holds links"
    is_long = tally.strings > 0 and tally.characters > LONG_TEXT * tally.strings
    return (FieldType.TEXT if is_long else FieldType.KEYWORD), ""


def conform(row: Row, attributes: Iterable[FieldSpec]) -> Row:
    """Return the row with mixed attributes as the words that they are filtered by."""
    changed = {
        spec.name: as_keyword(value)
        for spec in attributes
        if spec.type in (FieldType.KEYWORD, FieldType.TEXT)
        and (value := row.get(spec.name)) is not None
        and not isinstance(value, str | list)
    }
    return row | changed if changed else row


def extended(schema: Schema, attributes: Attributes) -> Schema:
    """Return the schema with the attributes behind the fields that configuration names."""
    return Schema({**schema.fields, **{f.name: f for f in attributes.fields}})
