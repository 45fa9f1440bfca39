"""Documents that grow: rows behind the snapshot's own, made as reindexing makes them.

A row is analysed by the snapshot's analyzer, encoded by its encoder and laid out by the same code;
terms and keywords that the snapshot does not know are numbered in the order in which they come,
row by row, so that every process that reads the same log numbers them alike.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import orjson

from app.corpus.analyzer import Analyzer
from app.corpus.attributes import conform
from app.corpus.chunk import Chunk, columnise, texts_of
from app.corpus.cut_texts import CutTexts
from app.corpus.documents import Documents, KeywordColumn, TokenColumn, row_columns
from app.corpus.encoder import AnyEncoder, TextEncoder, reads_text
from app.corpus.encoding import text_of
from app.corpus.growing import Growing
from app.corpus.growing_columns import GrowingDictionary, GrowingRagged
from app.corpus.patches import Patches
from app.corpus.ragged import Dictionary, Ragged, Strings
from app.corpus.row_store import records_of
from app.corpus.rows import Row
from app.corpus.schema import NUMERIC, Schema
from app.domain.arrays import F32, I32, I64, Bools
from app.domain.errors import EncoderUnavailable
from app.domain.pause import Pause, go_on

log = logging.getLogger(__name__)


class GrowingDocuments:
    """The columns of one snapshot and of all rows that came since."""

    def __init__(self, own: Documents, analyzer: Analyzer, encoder: AnyEncoder | None) -> None:
        self._own = own
        self._texts = CutTexts(analyzer)
        self._encoder = encoder
        self._came = Growing(np.empty(0, np.int64))  # the seq of each newer row
        self._ids = GrowingDictionary(own.ids)
        self._payload = GrowingRagged(own.payload)
        self._terms = GrowingDictionary(own.terms)
        self._tokens = {name: GrowingRagged(c.tokens) for name, c in own.tokens.items()}
        self._df = {name: Growing(c.df) for name, c in own.tokens.items()}
        self._numbers = {name: Growing(column) for name, column in own.numbers.items()}
        self._codes = {name: GrowingRagged(c.codes) for name, c in own.keywords.items()}
        self._names = {name: GrowingDictionary(c.names) for name, c in own.keywords.items()}
        self._records = GrowingRagged(own.rows.records)
        self._side_by_side = Growing(own.rows.df)
        self._vectors = None if own.vectors is None else Growing(own.vectors)
        versions = np.zeros(len(own), np.int64) if own.versions is None else own.versions
        self._versions = Growing(versions)

    def append(self, rows: Sequence[Row], seqs: Sequence[int], pause: Pause = go_on) -> None:
        """Add clean rows, each as of its seq: ascending. Nothing of them shows before."""
        chunk = self._columns(rows, pause)
        terms = self._term_ids(chunk, seqs)
        pause()
        tokens = {n: Ragged(t.offsets, terms[t.values]) for n, t in chunk.tokens.items()}
        codes = {n: self._coded(n, chunk, seqs) for n in chunk.codes}
        for name, token_ids in tokens.items():
            self._tokens[name].append(token_ids)
        for name, values in codes.items():
            self._codes[name].append(values)
        for name, numbers in chunk.numbers.items():
            self._numbers[name].append(numbers)
        self._records.append(_records(self._own, tokens, chunk, codes))
        self._payload.append(Strings.pack(orjson.dumps(row) for row in rows))
        pause()
        if self._vectors is not None:
            self._vectors.append(self._encoded(chunk, terms, tokens, rows))
            pause()
        self._ids.add(chunk.ids, seqs)
        self._versions.append(np.array(seqs, np.int64))
        self._came.append(np.array(seqs, np.int64))

    def remove(self, id_: str, seq: int) -> None:
        """Let an id be unknown from this seq on."""
        self._ids.remove(id_, seq)

    def size(self, as_of: int) -> int:
        """Return how many rows there were."""
        return self._own.counted + int(np.searchsorted(self._came.view(), as_of, side="right"))

    def view(
        self, as_of: int, dead: Bools | None = None, patches: Patches | None = None
    ) -> Documents:
        """Return the table as it was at that point of the log; what died and was patched is told.

        dead: (size(as_of),)
        """
        n, own, terms = self.size(as_of), self._own, self._terms.view(as_of)
        return replace(
            own,
            ids=self._ids.view(as_of),
            payload=self._payload.strings(n),
            terms=terms,
            tokens={
                name: replace(
                    column, tokens=self._tokens[name].view(n), df=self._df[name].view(len(terms))
                )
                for name, column in own.tokens.items()
            },
            numbers={name: column.view(n) for name, column in self._numbers.items()},
            keywords={
                name: replace(
                    column, codes=self._codes[name].view(n), names=self._names[name].view(as_of)
                )
                for name, column in own.keywords.items()
            },
            rows=replace(
                own.rows, records=self._records.view(n), df=self._side_by_side.view(len(terms))
            ),
            vectors=None if self._vectors is None else self._vectors.view(n),
            dead=dead,
            versions=self._versions.view(n),
            patches=patches,
        )

    def _columns(self, rows: Sequence[Row], pause: Pause) -> Chunk:
        """Analyse rows, row by row: their terms are half of the work, and are there by then."""
        schema, fitting = self._own.schema, []
        for row in rows:
            fitting.append(_fitting(row, schema))
            for spec in schema.searched:
                for text in texts_of(fitting[-1], spec):
                    self._texts.terms(text, spec.analyzer)
            pause()
        return columnise(fitting, schema, self._texts)

    def _term_ids(self, chunk: Chunk, seqs: Sequence[int]) -> I32:
        """Return the term id of each term of the chunk; new terms are added."""
        ids = self._terms.find_all(chunk.terms)
        new, rows = _first_seen(chunk, np.flatnonzero(ids < 0))
        if new.size:
            first, fields = self._terms.size(seqs[-1]), self._side_by_side.view().shape[1]
            self._terms.add([chunk.terms[t] for t in new], [seqs[row] for row in rows])
            ids[new] = np.arange(first, first + new.size, dtype=np.int32)
            for df in self._df.values():
                df.append(np.zeros(new.size, np.int32))
            self._side_by_side.append(np.zeros((new.size, fields), np.int32))
        return ids

    def _coded(self, name: str, chunk: Chunk, seqs: Sequence[int]) -> Ragged:
        """Return the chunk's codes of one keyword field as the column's; new values are added."""
        known, values = self._names[name], chunk.names[name]
        local = chunk.codes[name]
        ids = known.find_all(values)
        new = np.flatnonzero(ids < 0)  # in order of appearance, as columnise numbers them
        if new.size:
            rows = np.repeat(np.arange(len(local)), local.lengths)
            _, first = np.unique(local.values, return_index=True)
            size = known.size(seqs[-1])
            known.add([values[v] for v in new], [seqs[rows[first[v]]] for v in new])
            ids[new] = np.arange(size, size + new.size, dtype=np.int32)
        return Ragged(local.offsets, ids[local.values])

    def _encoded(
        self, chunk: Chunk, terms: I32, tokens: Mapping[str, Ragged], rows: Sequence[Row]
    ) -> F32:
        """Encode the chunk as a catalogue of its own, whose terms stand in the order of ours.

        Sums over terms run in the order of their ids, so that order decides the last bits.
        """
        assert self._encoder is not None
        if reads_text(self._encoder):
            return _encoded_alone(self._encoder, [text_of(row, self._own.schema) for row in rows])
        order = np.argsort(terms)
        used = terms[order]
        alone = replace(
            self._own,
            ids=Dictionary.pack(chunk.ids),
            terms=Dictionary.pack_few([chunk.terms[i] for i in order.tolist()]),
            tokens={
                name: TokenColumn(
                    Ragged(t.offsets, np.searchsorted(used, t.values).astype(np.int32)),
                    np.zeros(used.size, np.int32), 0.0,
                )
                for name, t in tokens.items()
            },
        )  # fmt: skip
        return np.asarray(self._encoder.encode_documents(alone), np.float32)


def _encoded_alone(encoder: TextEncoder, texts: Sequence[str]) -> F32:
    """Encode one text at a time: how changes arrive together must show in no vector.

    Where there is no vector to be had, changes are shown without one until the next reindex.
    """
    vectors = np.zeros((len(texts), encoder.dim), np.float32)
    try:
        for place, text in enumerate(texts):
            vectors[place] = encoder.encode_texts([text], is_live=True)[0]
    except EncoderUnavailable as error:
        log.warning("%d changes have no vector: %s; reindex", len(texts) - place, error)
    return vectors


_NO_TERMS = np.empty(0, np.int32)


def _first_seen(chunk: Chunk, terms: I64) -> tuple[I64, I64]:
    """Return local terms in the order of first appearance, row by row, and that row."""
    wanted = np.zeros(len(chunk.terms), np.bool_)
    wanted[terms] = True
    seen = []
    for field, tokens in enumerate(chunk.tokens.values()):
        at = np.flatnonzero(wanted[tokens.values])
        rows = np.searchsorted(tokens.offsets, at, side="right") - 1
        seen.append(np.stack([rows, np.full(at.size, field), at, tokens.values[at]]))
    rows, fields, places, found = np.concatenate(seen or [np.empty((4, 0), np.int64)], axis=1)
    order = np.lexsort((places, fields, rows))
    new, first = np.unique(found[order], return_index=True)
    by_place = np.argsort(first)
    return new[by_place], rows[order][first[by_place]]


def _records(
    own: Documents, tokens: Mapping[str, Ragged], chunk: Chunk, codes: Mapping[str, Ragged]
) -> Ragged:
    keywords = {
        name: KeywordColumn(column, own.keywords[name].names, own.keywords[name].postings)
        for name, column in codes.items()
    }
    columns = {name: TokenColumn(t, _NO_TERMS, 0.0) for name, t in tokens.items()}
    return records_of(row_columns(columns, chunk.numbers, keywords))


def _fitting(row: Row, schema: Schema) -> Row:
    """Return the row without numbers that are none: an attribute's type is known by the catalogue.

    They are shown with the document, and indexed once a reindex has looked at all of them again.
    """
    fields = schema.fields.values()
    numeric = {f.name for f in fields if f.type in NUMERIC}
    fits = {k: v for k, v in row.items() if k not in numeric or isinstance(v, int | float)}
    return conform(fits, fields)
