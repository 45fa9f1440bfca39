"""A view's columns, written out as a snapshot of their own: every row keeps its number.

What was changed in place is written in its place, dead rows are emptied, and what speaks of all
rows at once (frequencies, postings) is counted anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from app.corpus.chunk import invert, save_tokens
from app.corpus.documents import Documents, save_row_store
from app.corpus.ragged import Dictionary, Ragged, Strings, save_array
from app.domain.arrays import F32, F64, I64, Bools

NOTHING = b"{}"  # the payload of a dead row


def fold(view: Documents, path: Path) -> None:
    """Write the layout that Documents.open maps into the directory."""
    for folder in ("tokens", "numbers", "keywords"):
        (path / folder).mkdir(parents=True, exist_ok=True)
    dead = np.zeros(len(view), np.bool_) if view.dead is None else view.dead
    Dictionary.pack(_ids(view, dead)).save(path / "ids")
    Strings.pack(_payload(view, dead)).save(path / "payload")
    Dictionary.pack(list(view.terms.strings)).save(path / "terms")
    for name, column in view.tokens.items():
        tokens = emptied(column.tokens, dead)
        save_tokens(tokens, len(view.terms), path / "tokens", view.schema.slot(name))
    for name in view.numbers:
        slot = name if name in ("lat", "lon") else view.schema.slot(name)
        save_array(path / "numbers" / slot, _numbers(view, name, dead))
    for name in view.keywords:
        _fold_keywords(view, name, dead, path / "keywords" / view.schema.slot(name))
    if view.vectors is not None:
        save_array(path / "vectors", _vectors(view.vectors, dead))
    save_array(path / "versions", _versions(view, dead))
    if dead.any():
        save_array(path / "dead", dead)
    save_row_store(path, view.schema)


def emptied(entries: Ragged, dead: Bools) -> Ragged:
    """Return the column with nothing in dead rows."""
    lengths = np.where(dead, 0, entries.lengths)
    offsets = np.zeros(lengths.size + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return Ragged(offsets, entries.values[np.repeat(~dead, entries.lengths)])


def _ids(view: Documents, dead: Bools) -> list[str]:
    """Give dead rows names that no document can have: theirs may stand in another row."""
    return [f"\0{row}" if dead[row] else id_ for row, id_ in enumerate(view.ids.strings)]


def _payload(view: Documents, dead: Bools) -> Iterator[bytes]:
    for row in range(len(view)):
        yield NOTHING if dead[row] else view.shown(row)


def _numbers(view: Documents, name: str, dead: Bools) -> F64:
    values = view.numbers_of(name, np.arange(len(view), dtype=np.int32))
    values[dead] = np.nan
    return values


def _vectors(vectors: F32, dead: Bools) -> F32:
    kept: F32 = np.array(vectors)
    kept[dead] = 0
    return kept


def _versions(view: Documents, dead: Bools) -> I64:
    versions = np.zeros(len(view), np.int64) if view.versions is None else np.array(view.versions)
    if view.patches is not None:
        versions[view.patches.rows] = view.patches.seqs
    versions[dead] = 0
    return versions


def _fold_keywords(view: Documents, name: str, dead: Bools, path: Path) -> None:
    column = view.keywords[name]
    codes = emptied(column.codes, dead)
    codes.save(path.with_name(path.name + ".codes"))
    Dictionary.pack(list(column.names.strings)).save(path.with_name(path.name + ".names"))
    invert(codes, len(column.names)).save(path.with_name(path.name + ".postings"))


def dead_share(view: Documents) -> float:
    """Return the share of rows that are no documents any more."""
    return 1 - view.live_count / len(view) if len(view) else 0.0
