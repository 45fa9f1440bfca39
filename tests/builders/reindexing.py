"""A reindex as tests run it: the default configuration, with columns alone unless asked."""

from pathlib import Path

import orjson

from app.offline.reindex import reindex
from app.settings import Settings
from app.snapshot.opening import open_snapshot
from app.snapshot.store import ArtifactStore
from tests.builders import NOW_MS

CONFIG = Path(__file__).parents[2] / "config" / "search.toml"
COLUMNS_ONLY = ["encoder.enabled=false", *(
    f"channels.{name}.enabled=false" for name in Settings.load(CONFIG, environment={}).channels
)]  # fmt: skip


def settings(*overrides):
    return Settings.load(CONFIG, [*COLUMNS_ONLY, *overrides], environment={})


def run(source, data, *overrides, **options):
    options = {"now_ms": NOW_MS, "workers": 1} | options
    return reindex([str(source)], settings(*overrides), data, **options)


def serving(data):
    store = ArtifactStore(data / "snapshots", "snapshot")
    return open_snapshot(store.path(store.require_current()))


def write(path, rows):
    lines = [row if isinstance(row, bytes) else orjson.dumps(row) for row in rows]
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def documents_of(data, snapshot_id):
    folder = data / "snapshots" / snapshot_id / "documents"
    return {f.relative_to(folder): f.read_bytes() for f in folder.rglob("*") if f.is_file()}
