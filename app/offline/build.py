"""The parts of a snapshot: analyzer, columns, encoder with its vectors, and each channel's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from app.corpus.analyzer import Analyzer
from app.corpus.around import Around
from app.corpus.documents import Documents
from app.corpus.encoder import AnyEncoder, TextEncoder
from app.corpus.encoding import document_vectors
from app.corpus.lexicon import Lexicon
from app.corpus.names import Names
from app.corpus.ragged import save_array
from app.corpus.schema import FieldSpec, FieldType, Schema
from app.corpus.spelling import Spelling
from app.corpus.suggested_names import SuggestedNames
from app.corpus.synonyms import Synonyms
from app.corpus.title_words import TitleWords
from app.corpus.typed import Typed
from app.domain.dotted import load
from app.domain.errors import CorruptArtifact, InvalidInput, ServerError, UnknownName
from app.offline.lines import numbered_lines
from app.offline.progress import Advance, Progress
from app.recall.channel import ExtendingChannel
from app.settings import ChannelSettings, EncoderSettings, Settings
from app.snapshot.opening import open_snapshot
from app.snapshot.snapshot import Snapshot
from app.snapshot.store import ArtifactStore

PARTS = ("documents", "analyzer", "encoder", "lexicon", "spelling", "suggest")
SAMPLE = 10_000  # ids looked up to tell whether two catalogues are one
_NAME = re.compile(r"[a-z][a-z0-9_]*")


def declared_schema(settings: Settings) -> Schema:
    """The fields that configuration names."""
    return Schema(
        {
            name: FieldSpec(
                name, FieldType(f.type), f.weight, f.analyzer, f.facet, f.words, f.units, f.values
            )
            for name, f in settings.fields.items()
        }
    )


def enabled_channels(settings: Settings) -> dict[str, tuple[type[Any], ChannelSettings]]:
    """Load every enabled channel's class before any work is done, so that a misspelt one is cheap.

    A channel's name is a directory beside the snapshot's own parts.
    """
    found = {}
    for name, channel in settings.channels.items():
        if not channel.enabled:
            continue
        if name in PARTS or not _NAME.fullmatch(name):
            raise InvalidInput(
                f"channels.{name}: a channel's name is lower-case letters, digits and _, "
                f"and none of {', '.join(PARTS)}"
            )
        found[name] = (load(channel.kind), channel)
    return found


def serving_snapshot(store: ArtifactStore) -> Snapshot | None:
    """Open what serves now; None where nothing does or where it can no longer be trusted."""
    current = store.current_id()
    try:
        return open_snapshot(store.path(current)) if current else None
    except (CorruptArtifact, UnknownName, InvalidInput):
        return None


def is_same_catalogue(serving: Snapshot, ids: dict[str, int]) -> bool:
    """Tell whether at least half of the serving documents are still there, judged by a sample.

    Then its analyzer and encoder are kept: new ones would turn the terms and vectors under every
    model that was trained on them. Another catalogue needs its own.
    """
    known = serving.documents.ids.strings
    sample = range(0, len(known), max(1, len(known) // SAMPLE))
    return 2 * sum(known[i] in ids for i in sample) >= len(sample)


def reusable_encoder(
    serving: Snapshot | None, analyzer: Analyzer, schema: Schema, settings: EncoderSettings
) -> AnyEncoder | None:
    """Return the serving encoder where it reads the same terms and was asked for alike."""
    if serving is None or serving.encoder is None or serving.analyzer.id != analyzer.id:
        return None
    built_with = serving.manifest.get("settings", {}).get("encoder")
    is_alike = built_with == settings.model_dump(mode="json")
    reads_alike = serving.documents.schema.analyzers == schema.analyzers
    return serving.encoder if is_alike and reads_alike else None


def add_vectors(
    documents: Documents,
    kept: AnyEncoder | None,
    settings: EncoderSettings,
    directory: Path,
    advance: Advance,
) -> AnyEncoder:
    """Write encoder/ and documents/vectors.npy, with the kept encoder or a new one."""
    encoder = kept or new_encoder(documents, settings)
    vectors = np.asarray(document_vectors(encoder, documents, advance), np.float32)
    if vectors.shape != (len(documents), encoder.dim) or not np.isfinite(vectors).all():
        raise ServerError(
            f"{settings.kind} gave vectors {vectors.shape} with "
            f"{np.count_nonzero(~np.isfinite(vectors))} NaN or infinite; "
            f"wanted {(len(documents), encoder.dim)}, all finite"
        )
    encoder.save(directory / "encoder")
    save_array(directory / "documents" / "vectors", vectors)
    return encoder


def new_encoder(documents: Documents, settings: EncoderSettings) -> AnyEncoder:
    """Learn an encoder from the documents, or open one that was learned elsewhere."""
    kind = load(settings.kind)
    if hasattr(kind, "configure"):
        given: TextEncoder = kind.configure(settings.options)
        return given
    if settings.options:
        raise InvalidInput(f"encoder.options: {settings.kind} has none; remove them")
    trained: AnyEncoder = kind.train(documents, settings.dim, settings.seed)
    return trained


def add_names(
    documents: Documents, directory: Path, synonyms: Synonyms, typed: Mapping[str, int]
) -> None:
    """Write lexicon/, spelling/ and suggest/: what queries are read, put right and begun by.

    `typed` holds what people type often and how many do, see `typed_often`.
    """
    names = Names.read(documents)
    SuggestedNames.build(names, documents).save(directory / "suggest")
    names.share(synonyms.others)  # nobody need be told what they may also be called
    lexicon = Lexicon.build(names, synonyms)
    lexicon.save(directory / "lexicon")
    titles = TitleWords.build(documents, names.owners)
    Spelling.build(names, lexicon, Typed.of(typed), titles).save(directory / "spelling")
    Around.build(documents).save(directory / "spelling")


def configured_synonyms(settings: Settings) -> Synonyms:
    """Read the file that the configuration names. Raises InvalidInput."""
    path = settings.query.synonyms
    if path is None:
        return Synonyms()
    return Synonyms.parse((line for _, line in numbered_lines(path)), str(path))


def build_channels(
    channels: dict[str, tuple[type[Any], ChannelSettings]],
    documents: Documents,
    directory: Path,
    progress: Progress,
    base: Snapshot | None = None,
) -> None:
    """Write each channel's part into the directory of its name.

    Where the first rows are those of `base`, a channel that can goes on from its part there.
    """
    for name, (kind, channel) in channels.items():
        part = directory / name
        part.mkdir()
        with progress.stage(f"channel {name}"):
            if base and issubclass(kind, ExtendingChannel) and base.part(name).exists():
                kind.extend(documents, part, channel.own, base.part(name), len(base))
            else:
                kind.build(documents, part, channel.own)
