"""The one place where inputs are looked up. Both planes call it; neither has its own.

    query_*  user_*   scalars of the request
    doc_*             columns of the documents; doc_FIELD is a number field of the catalogue
    pair_*            query × document and person × document, for every candidate alike
    hit_*             what a channel said; NaN or 0 where it did not return the row
    list_*            scalars of the whole candidate list, the only way rows know of each other

`name[field]` asks for one field, channel, preference or window (counter_inputs.py). A row's value
depends on no other row but through list_*, so that any slice of the candidates gives the same bits;
a slice is given the whole list's list_* values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from app.domain.arrays import F32, F64
from app.domain.candidates import CandidateSet
from app.domain.lazy import Lazy
from app.features.asked_inputs import ASKED_INPUTS, asked_input
from app.features.cosines import Cosines, cosines_of
from app.features.counter_inputs import COUNTER_INPUTS, counter_input
from app.features.document_inputs import document_input
from app.features.hit_inputs import hit_input
from app.features.hit_pass import Said, said_of
from app.features.intent_inputs import INTENT_INPUTS, intent_input
from app.features.list_inputs import list_input
from app.features.lookup import Inputs, PairModel
from app.features.memory_pass import MemoryInputs, read_memory
from app.features.mentions import NOTHING_NAMED, Named, named_of
from app.features.nearness import Nearness, nearness_of
from app.features.pair_inputs import pair_input
from app.features.request_inputs import query_input, user_input
from app.features.row_pass import RowInputs, read_affinities, read_rows
from app.features.side_by_side import Gathered
from app.snapshot.context import SearchContext

Source = Callable[[Inputs, str, str], Any]
"""Takes the lookup, the input's name and the field in its brackets ("" without)."""

_SCOPES: Mapping[str, Source] = {
    "query": query_input,
    "user": user_input,
    "doc": document_input,
    "pair": pair_input,
    "hit": hit_input,
    "list": list_input,
}


class Lookup:
    """The inputs of one request's candidates, each computed once."""

    def __init__(
        self,
        ctx: SearchContext,
        candidates: CandidateSet,
        list_values: Mapping[str, Any] | None = None,
        models: Mapping[str, PairModel] | None = None,
    ) -> None:
        self.ctx = ctx
        self.candidates = candidates
        self.rows = candidates.rows
        self.models = models or {}
        self.is_slice = list_values is not None
        self.memo: dict[str, Any] = dict(list_values or {})

    @Lazy
    def records(self) -> RowInputs:
        documents = self.ctx.snapshot.documents
        ids = self.get("query_term_ids")
        named = NOTHING_NAMED if self.named is None else self.named
        return read_rows(documents.rows, self.rows, ids, documents.counted, self.ctx.user, named)

    @Lazy
    def named(self) -> Named | None:
        query, store = self.ctx.query, self.ctx.snapshot.documents.rows
        return named_of(query.reading.mentions, store.code_fields)

    @Lazy
    def intents(self) -> F32:
        store = self.ctx.snapshot.documents.rows
        return read_affinities(store, self.rows, self.get("query_intents"))

    @Lazy
    def memory(self) -> MemoryInputs:
        return read_memory(self.ctx, self.rows)

    @Lazy
    def cosines(self) -> Cosines | None:
        vectors, vector = self.ctx.snapshot.documents.vectors, self.ctx.query.vector
        if vectors is None or vector is None:
            return None
        return cosines_of(vectors, self.rows, vector)

    @Lazy
    def nearness(self) -> Nearness | None:
        documents, origin = self.ctx.snapshot.documents, self.ctx.query.origin
        if origin is None or not documents.has_places:
            return None
        at, records = documents.rows.number_fields, self.records
        return nearness_of(origin, records.numbers, at["lat"], at["lon"], records.any_coverage)

    @property
    def heads(self) -> tuple[F64, F32]:
        return self.records.numbers, self.records.lengths.T

    @Lazy
    def said(self) -> Said:
        return said_of(self.candidates.scores, self.candidates.ranks)

    def get(self, name: str) -> Any:
        """Return a scalar or an (n,) column; a scalar NaN where no candidate has it."""
        if name not in self.memo:
            source, base, field = _source(name)
            self.memo[name] = source(self, base, field)
        return self.memo[name]

    def ask(self, model: PairModel) -> F32:
        """Return what another model says of the candidates, (n,), asked once whoever reads it."""
        name = f"model {id(model)}"
        if name not in self.memo:
            self.memo[name] = model.predict(self)
        answer: F32 = self.memo[name]
        return answer


def gather(
    names: Iterable[str],
    ctx: SearchContext,
    candidates: CandidateSet,
    list_values: Mapping[str, Any] | None = None,
    models: Mapping[str, PairModel] | None = None,
) -> Gathered:
    """Look up each named input.

    `list_values`: of the whole list, when `candidates` is a slice. `models`: those that
    `pair_model[NAME]` may ask, by name.
    """
    return Gathered(tuple(names), Lookup(ctx, candidates, list_values, models))


@lru_cache(4096)
def _source(name: str) -> tuple[Source, str, str]:
    """Take `pair_bm25[title]` apart: who knows it, "pair_bm25" and "title"."""
    base, _, field = name.removesuffix("]").partition("[")
    if base in COUNTER_INPUTS:
        return counter_input, base, field
    if base in ASKED_INPUTS:
        return asked_input, base, field
    if base in INTENT_INPUTS:
        return intent_input, base, field
    return _SCOPES[base.partition("_")[0]], base, field
