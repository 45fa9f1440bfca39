"""All configuration, read once and frozen. Only bootstrap and the entry points import it.

Order: config/search.toml, then environment (DUOLU_SECTION__KEY), then --set KEY=VALUE. Unknown
keys are refused, so that a misspelt setting never passes in silence.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.corpus.columns import Columns
from app.corpus.schema import FieldType
from app.domain.errors import InvalidInput
from app.settings.kept import ImpressionSettings, RetentionSettings, TraceSettings
from app.settings.section import Section
from app.settings.select import RuleSettings, SelectSettings
from app.settings.service import ServiceSettings, StateSettings, StoreSettings

RESERVED_ENV = {"DUOLU_DATA", "DUOLU_MODELS", "DUOLU_CONFIG", "DUOLU_KEY", "DUOLU_DATASETS"}


class FieldSettings(Section):
    """One field of the catalogue."""

    type: Literal["text", "keyword", "number", "bool", "time", "geo"] = Field(
        description="text is analysed; keyword is exact, one value or many"
    )
    weight: float = Field(0.0, ge=0, description="of its BM25; 0 = not searched")
    analyzer: Literal["default", "whitespace"] = Field(
        "default", description="of text; whitespace splits what was tokenised beforehand"
    )
    facet: bool = Field(
        False, description="offered for narrowing a search; any field may be asked for in `facets`"
    )
    words: tuple[str, ...] = Field(
        (), description="of a number: what people call it in a query, beside its name"
    )
    units: dict[str, float] = Field(
        {}, description="of a number: unit → how much one of it is in the field's own unit"
    )
    values: dict[str, float] = Field(
        {}, description="of a number: word → the value it stands for, as free is 0"
    )


class AttributeSettings(Section):
    """Keys that the catalogue has and [fields] does not name."""

    weight: float = Field(0.3, ge=0, description="of attributes that hold words; 0 = not searched")
    max_attributes: int = Field(64, ge=0, le=512, description="further keys are only shown")


class ChannelSettings(BaseModel):
    """One recall channel. Further keys are the channel's own and go to its build and open."""

    model_config = ConfigDict(frozen=True, extra="allow")

    kind: str = Field(description="dotted path, e.g. app.recall.channels.geo:GeoChannel")
    enabled: bool = Field(True, description="false: neither built nor asked")
    k: int = Field(200, gt=0, le=1000, description="hits asked for")
    timeout_ms: float = Field(100.0, gt=0, description="then the answer goes without it")
    weight: float = Field(1.0, ge=0, description="in the merge; 0 = only adds candidates")
    threads: int = Field(
        2, gt=0, le=64, description="of its calls at once; nobody else waits for its places"
    )

    @property
    def own(self) -> dict[str, Any]:
        """The channel's own keys."""
        return dict(self.model_extra or {})


class EncoderSettings(Section):
    """What makes vectors: learned from the catalogue at reindex, or elsewhere. docs/encoders.md."""

    enabled: bool = Field(True, description="false: no vectors, and the vector channel is silent")
    kind: str = Field("app.corpus.svd:SvdEncoder", description="dotted path of the encoder")
    dim: int = Field(64, ge=8, le=1024, description="length of a vector that is learned here")
    seed: int = Field(7, description="of the training's random numbers")
    options: dict[str, Any] = Field({}, description="the encoder's own keys; docs/encoders.md")


class MergeSettings(Section):
    """Which merger turns the channels' hits into candidates."""

    kind: str = Field("app.merge.convex:ConvexMerger", description="dotted path of the merger")
    max_candidates: int = Field(500, gt=0, le=5000, description="kept for ranking")
    options: dict[str, Any] = Field({}, description="the merger's own keys, see below")


class RankSettings(Section):
    """Which model ranks, and where."""

    model: str = Field("lambdarank", description="folder under models/")
    url: str | None = Field(None, description="ranker service; unset ranks in process")
    timeout_ms: float = Field(200.0, gt=0, description="of the service; then fused order")
    shadow: str | None = Field(
        None, description="release that scores what was served, beside the answer, for the log"
    )
    shadow_queue: int = Field(
        64, gt=0, le=10_000, description="searches waiting for the shadow; more go without"
    )


class ExperimentSettings(Section):
    """One experiment: some people's searches are ranked by other releases."""

    releases: dict[str, float] = Field(
        description='release → share of people, by a hash; "current" is what serves'
    )
    salt: str | None = Field(None, description="another draws people anew; unset: the name")
    enabled: bool = Field(True, description="false: nobody is in it")


class DocumentSettings(Section):
    """Changes of documents while serving, and how they are folded into new snapshots."""

    compact_rows: int = Field(
        10_000,
        gt=0,
        description="documents put or deleted since the snapshot that start a compaction; "
        "20 patches weigh as one",
    )
    compact_minutes: float = Field(
        1440.0, gt=0, description="age of the oldest change since that starts one"
    )
    rebuild_share: float = Field(
        0.2, gt=0, le=1, description="of rows that are dead: more are cleared away by a full build"
    )
    key_hours: float = Field(24.0, gt=0, description="that an Idempotency-Key is remembered")


class ReindexSettings(Section):
    """How a catalogue becomes a snapshot."""

    max_errors: int = Field(100, ge=0, description="bad rows left out; more publish nothing")
    max_field_bytes: int = Field(1_000_000, gt=0, description="of one value; longer is a bad row")
    workers: int = Field(0, ge=0, description="processes; 0 = one a core")
    keep_snapshots: int = Field(3, ge=2, description="newest that served, for rollback")


class QuerySettings(Section):
    """How queries are read. docs/understanding.md."""

    synonyms: Path | None = Field(
        None,
        description="file of words that mean the same, looked for beside this file, then in the "
        "working folder; taken up by the next reindex",
    )

    def beside(self, folder: Path) -> QuerySettings:
        """Return the same with the file as it is found from here."""
        if self.synonyms is None or not (folder / self.synonyms).exists():
            return self
        return QuerySettings(synonyms=folder / self.synonyms)


class TablesSettings(Section):
    """What the event log teaches, each time that tables are built."""

    embeddings: bool = Field(
        False,
        description="learn vectors: for the features cosine_* and [channels.embedding]",
    )
    suggest_people: int = Field(3, ge=1, description="who typed a query before others are told it")


class Settings(Section):
    """The whole tree."""

    fields: dict[str, FieldSettings]
    attributes: AttributeSettings = AttributeSettings()
    columns: dict[str, str] = Field(
        {},
        description="How catalogue files call our fields, id, title, lat and lon: our name = "
        '"theirs", as title = "product_name". docs/catalogue.md.',
    )
    channels: dict[str, ChannelSettings]
    encoder: EncoderSettings = EncoderSettings()
    merge: MergeSettings = MergeSettings()
    rank: RankSettings = RankSettings()
    query: QuerySettings = QuerySettings()
    select: SelectSettings = SelectSettings()
    rules: tuple[RuleSettings, ...] = ()
    experiments: dict[str, ExperimentSettings] = Field({})
    service: ServiceSettings = ServiceSettings()
    reindex: ReindexSettings = ReindexSettings()
    tables: TablesSettings = TablesSettings()
    store: StoreSettings = StoreSettings()
    documents: DocumentSettings = DocumentSettings()
    state: StateSettings = StateSettings()
    impressions: ImpressionSettings = ImpressionSettings()
    retention: RetentionSettings = RetentionSettings()
    trace: TraceSettings = TraceSettings()

    @classmethod
    def load(
        cls,
        path: Path,
        overrides: Iterable[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> Settings:
        """Read the file, apply environment and `KEY=VALUE` overrides, refuse what is unknown."""
        environment = os.environ if environment is None else environment
        try:
            tree = tomllib.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            raise InvalidInput(f"no configuration at {path}; pass --config FILE") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InvalidInput(f"{path} is not TOML: {error}") from None
        for steps, value in _from_environment(environment):
            _put(tree, steps, value)
        for override in overrides:
            key, sign, value = override.partition("=")
            if not sign:
                raise InvalidInput(f"--set {override}: write KEY=VALUE, e.g. channels.geo.k=100")
            _put(tree, key.strip().split("."), value)
        settings = cls.parse(tree, str(path))
        settings.naming()
        return settings.model_copy(update={"query": settings.query.beside(path.parent)})

    def naming(self) -> Columns:
        """Return how catalogue files call our fields. Raises InvalidInput for a wrong name."""
        return Columns.of(self.columns, {n: FieldType(f.type) for n, f in self.fields.items()})

    def calling(self, columns: Iterable[str]) -> Settings:
        """Return the same with `OURS=THEIRS` over what [columns] says. Raises InvalidInput."""
        given: dict[str, str] = {}
        for column in columns:
            ours, _, theirs = (part.strip() for part in column.partition("="))
            if not theirs or ours in given:
                why = "is named twice" if ours in given else "is not OURS=THEIRS"
                raise InvalidInput(f"--column {column}: {why}; write e.g. title=product_name")
            given[ours] = theirs
        settings = self.model_copy(update={"columns": {**self.columns, **given}})
        settings.naming()
        return settings

    @classmethod
    def parse(cls, tree: Mapping[str, Any], source: str) -> Settings:
        try:
            return cls.model_validate(tree)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise InvalidInput(
                f"{source}: {where} = {first['input']!r}: {first['msg'].lower()}; "
                "see docs/configuration.md"
            ) from None


def _from_environment(environment: Mapping[str, str]) -> list[tuple[list[str], str]]:
    return [
        (name.removeprefix("DUOLU_").lower().split("__"), value)
        for name, value in sorted(environment.items())
        if name.startswith("DUOLU_") and name not in RESERVED_ENV and "__" in name
    ]


def _put(tree: dict[str, Any], path: list[str], text: str) -> None:
    """Set one leaf. The value is read as JSON where it is JSON, else as a string."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        value = text
    node = tree
    for step in path[:-1]:
        node = node.setdefault(step, {})
        if not isinstance(node, dict):
            raise InvalidInput(f"{'.'.join(path)}: {step} is a value and has no keys below it")
    node[path[-1]] = value
