"""Catalogue rows to columns, a chunk at a time, so that many processes can share the work.

Each chunk has its own small vocabularies; merging renumbers them to one. Chunks merge in the
order given, so that the result does not depend on which process finished first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from app.corpus.cut_texts import Cutter
from app.corpus.documents import save_row_store
from app.corpus.ragged import Dictionary, Ragged, Strings, save_array
from app.corpus.schema import NUMERIC, FieldSpec, FieldType, Schema
from app.domain.arrays import F64, I32

CleanRow = Mapping[str, Any]
"""A validated catalogue row; bools are bools, times epoch ms, missing keys absent."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """The columns of some consecutive rows. Codes and term ids are local to the chunk."""

    ids: list[str]
    payload: Strings
    terms: list[str]  # local vocabulary
    tokens: dict[str, Ragged]  # by searched field
    numbers: dict[str, F64]  # by field; lat and lon where the schema has a place
    names: dict[str, list[str]]  # by keyword field, local codes
    codes: dict[str, Ragged]  # by keyword field


def columnise(rows: Sequence[CleanRow], schema: Schema, analyzer: Cutter) -> Chunk:
    """Analyse and split rows into columns."""
    vocabulary: dict[str, int] = {}
    tokens = {f.name: _tokens(rows, f, analyzer, vocabulary) for f in schema.searched}
    numbers = {f.name: _numbers(rows, f.name) for f in schema.of_type(*NUMERIC)}
    if schema.of_type(FieldType.GEO):
        numbers |= {name: _numbers(rows, name) for name in ("lat", "lon")}
    names: dict[str, list[str]] = {}
    codes: dict[str, Ragged] = {}
    for f in schema.of_type(FieldType.KEYWORD):
        names[f.name], codes[f.name] = _codes(rows, f.name)
    payload = Strings.pack(orjson.dumps(dict(row)) for row in rows)
    ids = [row["id"] for row in rows]
    return Chunk(ids, payload, list(vocabulary), tokens, numbers, names, codes)


def merge_chunks(chunks: Sequence[Chunk], schema: Schema, path: Path) -> None:
    """Write the layout that Documents.open maps (all but vectors.npy) into the directory."""
    for folder in ("tokens", "numbers", "keywords"):
        (path / folder).mkdir(parents=True, exist_ok=True)
    Dictionary.pack([i for c in chunks for i in c.ids]).save(path / "ids")
    payloads = _concatenate([Ragged(c.payload.offsets, c.payload.values) for c in chunks], np.uint8)
    payloads.save(path / "payload")
    terms, renumber = _union([c.terms for c in chunks])
    Dictionary.pack(terms).save(path / "terms")
    for f in schema.searched:
        columns = [
            Ragged(c.tokens[f.name].offsets, new[c.tokens[f.name].values])
            for c, new in zip(chunks, renumber, strict=True)
        ]
        save_tokens(
            _concatenate(columns, np.int32), len(terms), path / "tokens", schema.slot(f.name)
        )
    for f in schema.of_type(*NUMERIC):
        save_array(path / "numbers" / schema.slot(f.name), _stack(chunks, f.name))
    if schema.of_type(FieldType.GEO):
        for name in ("lat", "lon"):
            save_array(path / "numbers" / name, _stack(chunks, name))
    for f in schema.of_type(FieldType.KEYWORD):
        _save_keywords(chunks, f.name, path / "keywords" / schema.slot(f.name))
    save_row_store(path, schema)


def _tokens(
    rows: Sequence[CleanRow], spec: FieldSpec, analyzer: Cutter, vocabulary: dict[str, int]
) -> Ragged:
    @cache  # brands, categories and tags repeat
    def term_ids(text: str) -> list[int]:
        terms = analyzer.terms(text, spec.analyzer)
        return [vocabulary.setdefault(term, len(vocabulary)) for term in terms]

    entries = [[i for text in texts_of(row, spec) for i in term_ids(text)] for row in rows]
    return Ragged.pack(entries, np.int32)


def texts_of(row: CleanRow, spec: FieldSpec) -> list[str]:
    """Return what a row says in a searched field, one text a value."""
    value = row.get(spec.name)
    values = value if isinstance(value, list) else [] if value is None else [value]
    return [str(v) for v in values]


def _numbers(rows: Sequence[CleanRow], name: str) -> F64:
    return np.array([row.get(name, np.nan) for row in rows], np.float64)


def _codes(rows: Sequence[CleanRow], name: str) -> tuple[list[str], Ragged]:
    """Return the distinct values in order of appearance, and each row's codes."""
    names: dict[str, int] = {}
    entries = []
    for row in rows:
        value = row.get(name)
        values = value if isinstance(value, list) else [] if value is None else [value]
        distinct = dict.fromkeys(str(v) for v in values)
        entries.append([names.setdefault(v, len(names)) for v in distinct])
    return list(names), Ragged.pack(entries, np.int32)


def _union(vocabularies: Sequence[list[str]]) -> tuple[list[str], list[I32]]:
    """Return all strings in order of first appearance, and each old ordinal's new one."""
    union: dict[str, int] = {}
    renumber = [
        np.fromiter((union.setdefault(s, len(union)) for s in strings), np.int32, len(strings))
        for strings in vocabularies
    ]
    return list(union), renumber


def _concatenate(columns: Sequence[Ragged], dtype: type[np.generic]) -> Ragged:
    lengths = np.concatenate([c.lengths for c in columns]) if columns else np.empty(0, np.int64)
    offsets = np.zeros(lengths.size + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    values = [c.values.astype(dtype, copy=False) for c in columns]
    return Ragged(offsets, np.concatenate(values) if values else np.empty(0, dtype))


def _stack(chunks: Sequence[Chunk], name: str) -> F64:
    return np.concatenate([c.numbers[name] for c in chunks]) if chunks else np.empty(0)


def save_tokens(tokens: Ragged, n_terms: int, folder: Path, slot: str) -> None:
    """Write a field's term ids and in how many rows each term occurs."""
    tokens.save(folder / slot)
    save_array(folder / f"{slot}.df", document_frequency(tokens, n_terms))


def document_frequency(tokens: Ragged, n_terms: int) -> I32:
    """Count the rows in which each term occurs. (terms,)"""
    df = np.zeros(n_terms, np.int32)
    step = 1 << 16  # rows at a time, so that the sort stays small
    for start in range(0, len(tokens), step):
        offsets = tokens.offsets[start : start + step + 1]
        values = tokens.values[offsets[0] : offsets[-1]].astype(np.int64)
        rows = np.repeat(np.arange(offsets.size - 1), np.diff(offsets))
        pairs = np.sort(rows * n_terms + values)  # np.unique would hash: 10 × slower here
        is_first = np.diff(pairs, prepend=-1) > 0
        df += np.bincount(pairs[is_first] % max(n_terms, 1), minlength=n_terms).astype(np.int32)
    return df


def _save_keywords(chunks: Sequence[Chunk], name: str, path: Path) -> None:
    names, renumber = _union([c.names[name] for c in chunks])
    codes = _concatenate(
        [
            Ragged(c.codes[name].offsets, new[c.codes[name].values])
            for c, new in zip(chunks, renumber, strict=True)
        ],
        np.int32,
    )
    codes.save(path.with_name(path.name + ".codes"))
    Dictionary.pack(names).save(path.with_name(path.name + ".names"))
    invert(codes, len(names)).save(path.with_name(path.name + ".postings"))


def invert(codes: Ragged, n_codes: int) -> Ragged:
    """Return the rows of each code, ascending."""
    rows = np.repeat(np.arange(len(codes), dtype=np.int32), codes.lengths)
    order = np.argsort(codes.values, kind="stable")
    offsets = np.zeros(n_codes + 1, np.int64)
    np.cumsum(np.bincount(codes.values, minlength=n_codes), out=offsets[1:])
    return Ragged(offsets, rows[order])
