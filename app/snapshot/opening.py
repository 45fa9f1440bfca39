"""Open what the manifest vouches for: verify every byte, then map."""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from app.corpus.analyzer import Analyzer
from app.corpus.around import Around
from app.corpus.documents import Documents
from app.corpus.encoder import AnyEncoder
from app.corpus.lexicon import Lexicon
from app.corpus.quantities import Quantities
from app.corpus.reader import Reader
from app.corpus.schema import Schema
from app.corpus.spelling import Spelling
from app.corpus.suggested_names import SuggestedNames
from app.domain.dotted import load
from app.domain.errors import CorruptArtifact, InvalidInput
from app.domain.filters import RowMask
from app.snapshot.artifact import verify
from app.snapshot.overlay import Overlay
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables

PHRASES = 1 << 14
"""Synonyms whose terms are remembered."""


def open_snapshot(path: Path) -> Snapshot:
    """Verify and map one snapshot. Raises CorruptArtifact naming what is wrong or missing here."""
    manifest = verify(path, "snapshot")
    documents = Documents.open(path / "documents", Schema.from_json(manifest["schema"]))
    analyzer = Analyzer.open(path / "analyzer")
    if analyzer.id != manifest["analyzer_id"]:
        raise CorruptArtifact(
            f"{path} was built with analyzer {manifest['analyzer_id']}, this build is "
            f"{analyzer.id}; run: duolu reindex"
        )
    for part in ("lexicon/synonyms.json", "spelling/english.offsets.npy"):
        if not (path / part).is_file():
            raise CorruptArtifact(f"{path} is of an earlier version: no {part}; run: duolu reindex")
    lexicon, analyzers = Lexicon.open(path / "lexicon", documents), documents.schema.analyzers
    return Snapshot(
        id=manifest["id"],
        path=path,
        documents=documents,
        analyzer=analyzer,
        reader=Reader(lexicon, Quantities.of(documents.schema)),
        spelling=Spelling.open(path / "spelling", lexicon),
        around=Around.open(path / "spelling"),
        encoder=_open_encoder(path / "encoder", manifest["encoder"]),
        log_seq=manifest["log_seq"],
        manifest=manifest,
        terms_of=lru_cache(PHRASES)(partial(analyzer.query_terms, analyzers=analyzers)),
        names=SuggestedNames.open(path / "suggest"),
        overlay=_standing(documents),
    )


def open_tables(path: Path, documents: Documents) -> Tables:
    """Verify and map the tables onto the rows of `documents`."""
    return Tables.open(path, verify(path, "tables"), documents)


def _standing(documents: Documents) -> Overlay | None:
    """Return the view in which only the dead rows of the snapshot itself are left out."""
    if documents.dead is None:
        return None
    nothing = np.empty(0, np.int32)
    return Overlay(
        first_row=len(documents),
        rows=nothing,
        dead=np.flatnonzero(documents.dead).astype(np.int32),
        patched=nothing,
        values=np.empty((len(documents.numbers), 0)),
        alive=RowMask(~documents.dead, documents.live_count),
    )


def _open_encoder(path: Path, fact: dict[str, Any] | None) -> AnyEncoder | None:
    if fact is None:
        return None
    try:
        encoder: AnyEncoder = load(fact["kind"]).open(path)
    except InvalidInput as error:  # nobody who searches can set its key or install its package
        raise CorruptArtifact(f"{path} cannot be opened here: {error}") from None
    return encoder
