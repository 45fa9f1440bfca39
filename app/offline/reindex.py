"""A catalogue becomes a snapshot: read, check, analyse, encode, build, seal, publish.

Everything is built beside what serves. Until the last rename nothing that serves has changed, and
what an interrupted run left behind is removed by the next.
"""

from __future__ import annotations

import logging
import platform
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from app.corpus.analyzer import Analyzer
from app.corpus.attributes import Attributes, extended, infer
from app.corpus.chunk import merge_chunks
from app.corpus.documents import Documents
from app.corpus.impression_log import FOLDER
from app.corpus.rows import PLACE, RowRules
from app.corpus.schema import FieldType, Schema
from app.corpus.sources import resolve
from app.domain.errors import InvalidInput
from app.offline.build import (
    add_names,
    add_vectors,
    build_channels,
    declared_schema,
    enabled_channels,
    is_same_catalogue,
    reusable_encoder,
    serving_snapshot,
)
from app.offline.exclusive import exclusive
from app.offline.ingest import Catalogue, analyse, read_catalogue
from app.offline.progress import Progress, Silent, Timed
from app.offline.rejects import Rejects
from app.offline.retention import remove_old_snapshots
from app.settings import Settings
from app.snapshot.artifact import remove_directory, seal
from app.snapshot.snapshot import Snapshot
from app.snapshot.store import ArtifactStore, new_id

log = logging.getLogger(__name__)
_LIBRARIES = ("duolu", "numpy", "faiss-cpu", "numba", "rjieba")


@dataclass(frozen=True, slots=True)
class ReindexReport:
    """What a run made of the catalogue."""

    snapshot_id: str
    published: bool
    documents: int
    errors: int
    error_file: str | None  # JSON lines: source, line, id, field, value, reason, remedy
    unindexed: Mapping[str, str]  # attribute → why it is only shown
    analyzer_id: str
    encoder_id: str | None
    encoder_kept: bool  # the serving one, so that trained models go on fitting
    seconds: Mapping[str, float]  # by stage

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def reindex(
    sources: Sequence[str],
    settings: Settings,
    data: Path,
    *,
    now_ms: int,
    workers: int | None = None,
    publish: bool = True,
    max_errors: int | None = None,
    retrain_encoder: bool = False,
    incremental: bool = False,
    progress: Progress | None = None,
) -> ReindexReport:
    """Build a snapshot under data/snapshots and publish it.

    `workers` and `max_errors` are the settings' own where None. On any error nothing is
    published: InvalidInput for sources, too many bad rows, or another reindex at work.
    """
    if incremental:
        raise InvalidInput(
            "--incremental needs the document log, which this version does not have; "
            "run without it: a full reindex"
        )
    files = resolve(sources)
    store = ArtifactStore(data / "snapshots", "snapshot")
    with exclusive(store.root / ".reindex.lock", "reindex"):
        run = _Run(
            files, settings, store, new_id(now_ms), now_ms,
            settings.reindex.workers if workers is None else workers,
            settings.reindex.max_errors if max_errors is None else max_errors,
            retrain_encoder, Timed(progress or Silent()),
        )  # fmt: skip
        report = run.build(data / "errors", publish)
        if publish:
            store.publish(report.snapshot_id)
            _forget(store, settings.reindex.keep_snapshots, data / FOLDER)
    return report


@dataclass(frozen=True, slots=True)
class _Run:
    """One build under way."""

    files: Sequence[str]
    settings: Settings
    store: ArtifactStore
    snapshot_id: str
    now_ms: int
    workers: int
    max_errors: int
    retrain_encoder: bool
    progress: Timed

    def build(self, error_directory: Path, publish: bool) -> ReindexReport:
        """Write, seal and name the snapshot. It does not serve yet."""
        channels = enabled_channels(self.settings)
        rejects = Rejects(error_directory / f"{self.snapshot_id}.jsonl", self.max_errors)
        with self._directories() as (directory, spill):
            catalogue = self._read(spill, rejects)
            serving = self._serving(catalogue)
            analyzer = self._analyzer(serving, catalogue, directory)
            schema, attributes = self._schema(catalogue)
            documents = self._documents(catalogue, schema, attributes, directory)
            kept, encoder_id = None, None
            if self.settings.encoder.enabled:
                kept = reusable_encoder(serving, analyzer, schema, self.settings.encoder)
                with self.progress.stage("encode"):
                    encoder = add_vectors(documents, kept, self.settings.encoder, directory)
                encoder_id = encoder.id
                documents = Documents.open(directory / "documents", schema)
            with self.progress.stage("names"):
                add_names(documents, directory)
            build_channels(channels, documents, directory, self.progress)
            facts = self._facts(documents, analyzer.id, encoder_id, list(channels), rejects.count)
            with self.progress.stage("seal"):
                seal(directory, "snapshot", facts)
            self.store.finish(directory, self.snapshot_id)
        return ReindexReport(
            self.snapshot_id, publish, len(documents), rejects.count,
            str(rejects.file) if rejects.count else None, attributes.unindexed,
            analyzer.id, encoder_id, kept is not None, self.progress.seconds,
        )  # fmt: skip

    @contextmanager
    def _directories(self) -> Iterator[tuple[Path, Path]]:
        """Yield where to build and where to put rows for a while; both are gone afterwards."""
        directory = self.store.building(self.snapshot_id)
        spill = directory.with_name(f"{directory.name}.rows")
        spill.mkdir()
        try:
            yield directory, spill
        finally:
            shutil.rmtree(spill, ignore_errors=True)
            remove_directory(directory)  # not there any more where the build was finished

    def _read(self, spill: Path, rejects: Rejects) -> Catalogue:
        fields = declared_schema(self.settings)
        types = {f.name: f.type for f in fields.fields.values()}
        rules = RowRules(types, self.settings.reindex.max_field_bytes)
        declared = frozenset(types) | {"id"} | (PLACE.keys() if _has_places(fields) else set())
        with self.progress.stage("read") as advance:
            catalogue = read_catalogue(
                self.files, rules, declared, spill, rejects, self.workers, advance
            )
        if not catalogue.ids:
            raise InvalidInput(
                f"no valid row in {', '.join(self.files)} ({rejects.count} bad ones"
                + (f", see {rejects.file}" if rejects.count else "")
                + "); nothing was published"
            )
        return catalogue

    def _serving(self, catalogue: Catalogue) -> Snapshot | None:
        """Return the snapshot whose analyzer and encoder go on, if there is one."""
        if self.retrain_encoder:
            return None
        serving = serving_snapshot(self.store)
        return serving if serving and is_same_catalogue(serving, catalogue.ids) else None

    def _analyzer(
        self, serving: Snapshot | None, catalogue: Catalogue, directory: Path
    ) -> Analyzer:
        analyzer = serving.analyzer if serving else Analyzer.build(catalogue.names.elements())
        analyzer.save(directory / "analyzer")
        return analyzer

    def _schema(self, catalogue: Catalogue) -> tuple[Schema, Attributes]:
        limits = self.settings.attributes
        attributes = infer(catalogue.census, limits.weight, limits.max_attributes)
        return extended(declared_schema(self.settings), attributes), attributes

    def _documents(
        self, catalogue: Catalogue, schema: Schema, attributes: Attributes, directory: Path
    ) -> Documents:
        with self.progress.stage("analyse", len(catalogue.ids)) as advance:
            chunks = analyse(
                catalogue.chunks, schema, attributes, directory / "analyzer", self.workers, advance
            )
        with self.progress.stage("columns"):
            merge_chunks(chunks, schema, directory / "documents")
        return Documents.open(directory / "documents", schema)

    def _facts(
        self,
        documents: Documents,
        analyzer_id: str,
        encoder_id: str | None,
        channels: list[str],
        errors: int,
    ) -> dict[str, Any]:
        encoder = {"kind": self.settings.encoder.kind, "id": encoder_id} if encoder_id else None
        return {
            "id": self.snapshot_id,
            "built_at_ms": self.now_ms,
            "sources": list(self.files),
            "documents": len(documents),
            "errors": errors,
            "schema": documents.schema.to_json(),
            "analyzer_id": analyzer_id,
            "encoder": encoder,
            "channels": channels,
            "log_seq": 0,
            "settings": self.settings.model_dump(mode="json"),
            "versions": _versions(),
        }


def _forget(store: ArtifactStore, keep: int, log_folder: Path) -> None:
    """Delete old snapshots. The new one serves already: what is in the way is for `duolu gc`."""
    try:
        remove_old_snapshots(store, keep, log_folder)
    except InvalidInput as error:
        log.warning("old snapshots stay: %s", error)


def _has_places(schema: Schema) -> bool:
    return bool(schema.of_type(FieldType.GEO))


def _versions() -> dict[str, str]:
    return {"python": platform.python_version()} | {name: _version(name) for name in _LIBRARIES}


def _version(name: str) -> str:
    try:
        return version(name)
    except ImportError:
        return "not installed"
