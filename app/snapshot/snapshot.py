"""One immutable, versioned view of the catalogue. A request pins exactly one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.corpus.analyzer import Analyzer
from app.corpus.around import Around
from app.corpus.documents import Documents
from app.corpus.encoder import AnyEncoder
from app.corpus.reader import Reader
from app.corpus.spelling import Spelling
from app.corpus.suggested_names import SuggestedNames
from app.snapshot.overlay import Overlay


@dataclass(frozen=True, slots=True)
class Snapshot:
    id: str  # e.g. "20260131T040000Z-9f3c21aa"; sorts by time
    path: Path  # each channel owns the sub-directory of its own name
    documents: Documents
    analyzer: Analyzer  # the very object that indexed analyses the query
    reader: Reader  # what a query says in this catalogue's own names and numbers
    spelling: Spelling  # what somebody meant who typed a name by its sound or with a slip
    around: Around  # the words that hold a character which is none by itself
    encoder: AnyEncoder | None
    log_seq: int  # the document log up to which it speaks
    manifest: Mapping[str, Any]
    terms_of: Callable[[str], tuple[str, ...]]  # of the catalogue's own phrases: remembered
    names: SuggestedNames | None = None  # what may be suggested; None: built before there was any
    overlay: Overlay | None = None  # a view: what is newer than the snapshot, up to log_seq

    def __len__(self) -> int:
        return len(self.documents)

    def part(self, channel: str) -> Path:
        return self.path / channel
