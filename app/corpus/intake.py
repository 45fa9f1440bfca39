"""What somebody sends becomes a change of a document, checked as catalogue rows are."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from app.corpus.reject import Reject
from app.corpus.rows import BadRow, RowRules, clean, clean_patch, encode
from app.corpus.schema import Schema
from app.domain.changes import Change, Op

PLACE_KEYS = ("lat", "lon")


def rules_of(schema: Schema, max_field_bytes: int) -> RowRules:
    """Rules that also hold the catalogue's attributes to the type that its columns have."""
    return RowRules({f.name: f.type for f in schema.fields.values()}, max_field_bytes)


def put_of(record: object, rules: RowRules) -> Change:
    """Raises BadRow for what cannot be indexed."""
    if isinstance(record, BadRow):
        raise record
    row = clean(record, rules)
    return Change(Op.PUT, row["id"], encode(row, rules))


def patch_of(id_: str, record: object, rules: RowRules, has: Callable[[str], bool]) -> Change:
    """Raises BadRow. A key that no column knows may be changed where the document `has` it."""
    keys = clean_patch(record, rules)
    for name, value in keys.items():
        if name not in rules.types and name not in PLACE_KEYS and not has(name):
            raise BadRow(
                name, value, "is no field of this catalogue, nor of this document",
                "correct its name, or PUT the whole document to add it",
            )  # fmt: skip
    return Change(Op.PATCH, id_, encode(keys, rules))


def sift(
    records: Iterable[tuple[int, object]], source: str, rules: RowRules
) -> tuple[list[Change], list[tuple[int, Change | Reject]]]:
    """Return the puts, in order, and what became of each line."""
    puts: list[Change] = []
    outcomes: list[tuple[int, Change | Reject]] = []
    for line, record in records:
        try:
            puts.append(put_of(record, rules))
            outcomes.append((line, puts[-1]))
        except BadRow as bad:
            outcomes.append((line, Reject.of(bad, source, line, record)))
    return puts, outcomes
