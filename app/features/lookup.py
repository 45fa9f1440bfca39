"""What an input's source may read, as the sources see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from app.domain.arrays import F32, F64, Rows
from app.domain.candidates import CandidateSet
from app.domain.errors import InvalidInput
from app.features.cosines import Cosines
from app.features.hit_pass import Said
from app.features.memory_pass import MemoryInputs
from app.features.mentions import Named
from app.features.nearness import Nearness
from app.features.row_pass import RowInputs
from app.snapshot.context import SearchContext

NAN = float("nan")
"""Missing for every candidate alike."""


class PairModel(Protocol):
    """A released model whose output is an input of another."""

    def predict(self, lookup: Inputs) -> F32:
        """(n,) scores of the lookup's rows, each row for itself. Thread-safe."""
        ...


class Inputs(Protocol):
    """The inputs of one request's candidates (see inputs.Lookup)."""

    ctx: SearchContext
    candidates: CandidateSet
    rows: Rows  # (n,)
    memo: dict[str, Any]
    is_slice: bool  # of a longer list, whose list_* values were given
    models: Mapping[str, PairModel]  # by name

    @property
    def heads(self) -> tuple[F64, F32]:
        """Numbers (m, n) and lengths (fields, n), see RowStore.heads."""
        ...

    @property
    def records(self) -> RowInputs: ...

    @property
    def named(self) -> Named | None:
        """What the query names, None where records do not hold one of its fields."""
        ...

    @property
    def intents(self) -> F32:
        """What the click log says that the query means, of each row's values. (n, fields)"""
        ...

    @property
    def memory(self) -> MemoryInputs: ...

    @property
    def cosines(self) -> Cosines | None:
        """None where there are no vectors."""
        ...

    @property
    def nearness(self) -> Nearness | None:
        """None where nobody knows where the person is, or where any document is."""
        ...

    @property
    def said(self) -> Said: ...

    def get(self, name: str) -> Any: ...

    def ask(self, model: PairModel) -> F32: ...


def unknown(base: str, field: str) -> InvalidInput:
    name = f"{base}[{field}]" if field else base
    return InvalidInput(f"no source for input {name}; see the head of app/features/inputs.py")
