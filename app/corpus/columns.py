"""How somebody's files call our fields: [columns] of the configuration, applied as files are read.

A column that is named takes our name before anything else looks at the row, so that types, checks
and error files know one name alone. Documents that are sent over HTTP have our names already.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from app.corpus.column_names import as_options, listed, nearest, proposed, shown
from app.corpus.rows import PLACE, BadRow
from app.corpus.schema import FieldType
from app.domain.errors import InvalidInput

REQUIRED = ("id", "title")


@dataclass(frozen=True, slots=True)
class Columns:
    """Our name → theirs; columns that are not named keep their own name."""

    theirs: Mapping[str, str] = field(default_factory=dict)
    fields: Sequence[str] = REQUIRED  # ours: proposed where a file seems to have them

    @classmethod
    def of(cls, theirs: Mapping[str, str], types: Mapping[str, FieldType]) -> Columns:
        """Raises InvalidInput for a name of ours that nothing has, and for a column named twice."""
        places = PLACE if FieldType.GEO in types.values() else {}
        fields = list(dict.fromkeys([*REQUIRED, *types, *places]))
        fields = [name for name in fields if types.get(name) is not FieldType.GEO]
        for ours, column in theirs.items():
            _require_field(ours, column, fields, types)
        _require_once(theirs)
        return cls(dict(theirs), fields)

    def alike(self, found: Container[str], others: Sequence[str]) -> dict[str, str]:
        """Return fields that nothing has, each with the other column that may well be it."""
        return proposed((name for name in self.fields if name not in found), others)

    def absent(self, found: Container[str]) -> dict[str, str]:
        """Return the named fields that no row of any file has, each with the column it was to be.

        JSON rows leave keys out, so that this is known of all files together, not of one.
        """
        return {name: column for name, column in self.theirs.items() if name not in found}

    def header(self, source: str, names: Sequence[str]) -> list[str]:
        """Return the columns of a file as we call them.

        Raises InvalidInput where it lacks one that is named or required, or has a name twice.
        """
        self._require(source, names, tuple(self.theirs))
        if twice := [n for n in dict.fromkeys(names) if n and names.count(n) > 1]:
            raise InvalidInput(f"{source} has the column {shown(twice[0])} twice; rename one")
        ours = self._ours()
        for name in self.theirs:
            if name in names and name not in ours:
                raise InvalidInput(f"{source}: {self._taken(name)}")
        return [ours.get(name, name) for name in names]

    def renamed(self, record: Any | BadRow) -> Any | BadRow:
        """Return a record of JSON with our names; a BadRow where two values take one name."""
        if not self.theirs or not isinstance(record, dict):
            return record
        ours = self._ours()
        for name, column in self.theirs.items():
            both = record.get(name) is not None and record.get(column) is not None
            if both and name not in ours:
                return BadRow(name, record[name], f"stands beside {shown(column)}", _remedy(name))
        return {ours.get(key, key): v for key, v in record.items() if v is not None}

    def require_keys(self, source: str, lines: Iterable[bytes | None]) -> None:
        """Refuse JSON lines, the first of a file, whose names are others than those said.

        Where columns are named, some row has id and some has title; where none is, some row has
        either: the file speaks our names then, and a row that lacks one is a bad row like any
        other. What is no object is left to those who read rows.
        """
        wanted = {self.theirs.get(name, name) for name in REQUIRED}
        keys: dict[str, None] = {}
        for line in lines:
            keys |= dict.fromkeys(_keys(line))
            met = wanted & keys.keys()
            if met == wanted or (met and not self.theirs):
                return
        if keys:
            self._require(source, list(keys), [n for n in REQUIRED if n in self.theirs])

    def _require(self, source: str, names: Sequence[str], held: Sequence[str]) -> None:
        """Raise InvalidInput where columns lack one of the named that are held to, id or title."""
        for ours in held:
            column = self.theirs[ours]
            if column not in names:
                near = nearest(column, [n for n in names if n])
                meant = f"; did you mean {shown(near)}?" if near else ";"
                raise InvalidInput(
                    f"{source} has no column {shown(column)}, which is to be {ours}{meant} It has: "
                    f"{listed(names)}. Mend [columns] of the configuration, or --column"
                )
        missing = [n for n in REQUIRED if n not in self.theirs and n not in names]
        if missing:
            raise InvalidInput(self._proposal(source, missing, names))

    def _proposal(self, source: str, missing: Sequence[str], names: Sequence[str]) -> str:
        taken = {*self.theirs.values(), *self.fields}
        free = [n for n in names if n.isprintable() and n not in taken]
        absent = (n for n in self.fields if n not in names and n not in self.theirs)
        found = proposed(absent, free)
        wanted = {name: found.pop(name, "THEIRS") for name in missing} | found
        return (
            f"{source} has no column {' and no '.join(missing)}; it has: {listed(names)}. Say what "
            f"it calls ours: {as_options(wanted)} (or in [columns] of the configuration)"
        )

    def _ours(self) -> dict[str, str]:
        return {column: name for name, column in self.theirs.items()}

    def _taken(self, name: str) -> str:
        return f"{name} stands beside {shown(self.theirs[name])}, to be {name}; {_remedy(name)}"


def _require_field(
    ours: str, column: str, fields: Sequence[str], types: Mapping[str, FieldType]
) -> None:
    if types.get(ours) is FieldType.GEO:
        raise InvalidInput(f"columns.{ours}: a place is two columns; name lat and lon instead")
    if ours not in fields:
        near = nearest(ours, fields)
        meant = f"did you mean {near}? It has" if near else "it has"
        raise InvalidInput(
            f"columns.{shown(ours)}: the configuration has no such field; {meant} "
            f"{', '.join(fields)}; for another add [fields.{shown(ours)}]"
        )
    if not column:
        raise InvalidInput(f"columns.{ours} is empty; write what your files call it")


def _require_once(theirs: Mapping[str, str]) -> None:
    named: dict[str, str] = {}
    for ours, column in theirs.items():
        if column in named:
            raise InvalidInput(
                f"columns.{named[column]} and columns.{ours} both name {shown(column)}; a column "
                "can be one field: leave one out"
            )
        named[column] = ours


def _remedy(name: str) -> str:
    return f"leave one out, or give {name} another name: --column NAME={name} with [fields.NAME]"


def _keys(line: bytes | None) -> Iterable[str]:
    try:
        record = orjson.loads(line or b"null")
    except orjson.JSONDecodeError:
        return ()
    return record if isinstance(record, dict) else ()
