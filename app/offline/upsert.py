"""A catalogue's rows as changes in the document log: each is put, and nothing else is touched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.corpus.blocks import Block
from app.corpus.columns import Columns
from app.corpus.document_log import DocumentLog
from app.corpus.document_writes import Write
from app.corpus.intake import rules_of, sift
from app.corpus.reject import Reject
from app.corpus.rows import RowRules
from app.corpus.sources import read_blocks, resolve
from app.domain.changes import Change
from app.domain.errors import InvalidInput
from app.offline.progress import Progress, Silent
from app.offline.rejects import Rejects
from app.settings import Settings
from app.snapshot.opening import open_snapshot
from app.snapshot.store import ArtifactStore, new_id

AT_ONCE = 1_000  # changes in one transaction: a gateway's writes come in between


@dataclass(frozen=True, slots=True)
class UpsertReport:
    """What a run wrote."""

    documents: int
    errors: int
    error_file: str | None
    seq: int  # of the last change in the log

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def upsert(
    sources: Sequence[str],
    settings: Settings,
    data: Path,
    *,
    now_ms: int,
    max_errors: int | None = None,
    progress: Progress | None = None,
) -> UpsertReport:
    """Put every row into the log, durably; services show them within a second.

    Rows are held to the columns of the snapshot that serves. Raises InvalidInput for sources, and
    for more bad rows than `max_errors`: what was written until then stays. Running it again puts
    the same rows again. Raises NothingServes before the first full reindex, StoreUnavailable,
    StoreFull.
    """
    files, columns = resolve(sources), settings.naming()
    store = ArtifactStore(data / "snapshots", "snapshot")
    snapshot = open_snapshot(store.path(store.require_current()))
    rules = rules_of(snapshot.documents.schema, settings.reindex.max_field_bytes)
    most = settings.reindex.max_errors if max_errors is None else max_errors
    rejects = Rejects(data / "errors" / f"{new_id(now_ms)}.jsonl", most)
    log, written = DocumentLog.open(data, settings.store.address), 0
    try:
        with (progress or Silent()).stage("write") as advance:
            for block in _blocks(files, columns, rules.max_field_bytes):
                for puts in _puts(block, rules, rejects):
                    log.append([Write(puts, now_ms)], floor=snapshot.log_seq)
                    written += len(puts)
                    advance(len(puts))
        return UpsertReport(
            written, rejects.count, str(rejects.file) if rejects.count else None, log.last_seq()
        )
    except InvalidInput as error:
        raise InvalidInput(f"{error}; {written:,} rows before were written and stay") from None
    finally:
        log.close()


def _blocks(files: Sequence[str], columns: Columns, max_field_bytes: int) -> Iterator[Block]:
    return (b for file in files for b in read_blocks(file, max_field_bytes, columns=columns))


def _puts(block: Block, rules: RowRules, rejects: Rejects) -> Iterator[Sequence[Change]]:
    """Yield the block's good rows, some at a time; the bad ones go to the error file first."""
    puts, outcomes = sift(block.records(rules.types), block.source, rules)
    rejects.add(outcome for _, outcome in outcomes if isinstance(outcome, Reject))
    for start in range(0, len(puts), AT_ONCE):
        yield puts[start : start + AT_ONCE]
