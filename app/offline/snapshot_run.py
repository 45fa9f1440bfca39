"""One snapshot built from catalogue files: read, check, analyse, encode, build, seal."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.corpus.analyzer import Analyzer
from app.corpus.attributes import Attributes, extended, infer
from app.corpus.chunk import merge_chunks
from app.corpus.columns import Columns
from app.corpus.documents import Documents
from app.corpus.ragged import save_array
from app.corpus.rows import PLACE, RowRules
from app.corpus.schema import FieldType, Schema
from app.corpus.typed import may_be_words
from app.domain.errors import InvalidInput
from app.offline.build import (
    add_names,
    add_vectors,
    build_channels,
    configured_synonyms,
    declared_schema,
    enabled_channels,
    is_same_catalogue,
    reusable_encoder,
    serving_snapshot,
)
from app.offline.ingest import Catalogue, analyse, read_catalogue
from app.offline.progress import Timed
from app.offline.rejects import Rejects
from app.offline.snapshot_facts import Origin, snapshot_facts
from app.settings import Settings
from app.snapshot.artifact import remove_directory, seal
from app.snapshot.snapshot import Snapshot
from app.snapshot.store import ArtifactStore


@dataclass(frozen=True, slots=True)
class ReindexReport:
    """What a run made of the catalogue."""

    snapshot_id: str
    published: bool
    documents: int
    errors: int
    error_file: str | None  # JSON lines: source, line, id, field, value, reason, remedy
    unindexed: Mapping[str, str]  # attribute → why it is only shown
    absent: Mapping[str, str]  # field that no row has → the column that was named for it
    alike: Mapping[str, str]  # field that no row has → the attribute that may be it
    analyzer_id: str
    encoder_id: str | None
    encoder_kept: bool  # the serving one, so that trained models go on fitting
    seconds: Mapping[str, float]  # by stage

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class SnapshotRun:
    """One build under way."""

    files: Sequence[str]
    columns: Columns  # how the files call our fields
    origin: Origin
    settings: Settings
    store: ArtifactStore
    snapshot_id: str
    now_ms: int
    workers: int
    max_errors: int
    retrain_encoder: bool
    progress: Timed
    typed: Mapping[str, int]  # what people type often, and how many do

    def build(self, error_directory: Path, publish: bool) -> ReindexReport:
        """Write, seal and name the snapshot. It does not serve yet."""
        channels, synonyms = enabled_channels(self.settings), configured_synonyms(self.settings)
        rejects = Rejects(error_directory / f"{self.snapshot_id}.jsonl", self.max_errors)
        with build_directories(self.store, self.snapshot_id) as (directory, spill):
            catalogue = self._read(spill, rejects)
            serving = self._serving(catalogue)
            analyzer = self._analyzer(serving, catalogue, directory)
            schema, attributes = self._schema(catalogue)
            documents = self._documents(catalogue, schema, attributes, directory)
            kept, encoder_id = None, None
            if self.settings.encoder.enabled:
                kept = reusable_encoder(serving, analyzer, schema, self.settings.encoder)
                with self.progress.stage("encode", len(documents)) as advance:
                    encoder = add_vectors(
                        documents, kept, self.settings.encoder, directory, advance
                    )
                encoder_id = encoder.id
                documents = Documents.open(directory / "documents", schema)
            with self.progress.stage("names"):
                add_names(documents, directory, synonyms, self.typed)
            build_channels(channels, documents, directory, self.progress)
            facts = snapshot_facts(
                self.snapshot_id, self.now_ms, self.origin, documents, analyzer.id,
                {"kind": self.settings.encoder.kind, "id": encoder_id} if encoder_id else None,
                list(channels), self.settings, rejects.count,
            )  # fmt: skip
            with self.progress.stage("seal"):
                seal(directory, "snapshot", facts)
            self.store.finish(directory, self.snapshot_id)
        return ReindexReport(
            self.snapshot_id, publish, len(documents), rejects.count,
            str(rejects.file) if rejects.count else None, attributes.unindexed,
            self.columns.absent(catalogue.census.found),
            self.columns.alike(catalogue.census.found, list(catalogue.census.tallies)),
            analyzer.id, encoder_id, kept is not None, self.progress.seconds,
        )  # fmt: skip

    def _read(self, spill: Path, rejects: Rejects) -> Catalogue:
        fields = declared_schema(self.settings)
        types = {f.name: f.type for f in fields.fields.values()}
        rules = RowRules(types, self.settings.reindex.max_field_bytes)
        declared = frozenset(types) | {"id"} | (PLACE.keys() if _has_places(fields) else set())
        with self.progress.stage("read") as advance:
            catalogue = read_catalogue(
                self.files, self.columns, rules, declared, spill, rejects, self.workers, advance,
                may_be_words(self.typed),
            )  # fmt: skip
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
            if self.origin.versions:
                versions = [self.origin.versions.get(i, 0) for c in chunks for i in c.ids]
                save_array(directory / "documents" / "versions", np.array(versions, np.int64))
        return Documents.open(directory / "documents", schema)


@contextmanager
def build_directories(store: ArtifactStore, snapshot_id: str) -> Iterator[tuple[Path, Path]]:
    """Yield where to build and where to put rows for a while; both are gone afterwards."""
    directory = store.building(snapshot_id)
    spill = directory.with_name(f"{directory.name}.rows")
    spill.mkdir()
    try:
        yield directory, spill
    finally:
        shutil.rmtree(spill, ignore_errors=True)
        remove_directory(directory)  # not there any more where the build was finished


def _has_places(schema: Schema) -> bool:
    return bool(schema.of_type(FieldType.GEO))
