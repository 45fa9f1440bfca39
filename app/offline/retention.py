"""What may be deleted: artifacts that nothing serves, nobody goes back to and no log still names.

A logged impression can be replayed only from the very versions that answered it, so whatever an
unexpired one names stays, however old. What is built is never deleted to save it: only this does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.corpus.impression_log import read_impressions
from app.domain.errors import DuoluError, InvalidInput
from app.rank.dependencies import uses_of
from app.settings.kept import RetentionSettings
from app.snapshot.artifact import remove_directory
from app.snapshot.store import ArtifactStore

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Named:
    """The versions that unexpired impressions were answered from."""

    snapshots: frozenset[str] = frozenset()
    tables: frozenset[str] = frozenset()
    releases: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Fate:
    """One artifact, and why it stays."""

    kind: str
    path: Path
    bytes: int
    kept_because: str | None  # None: it goes

    @property
    def id(self) -> str:
        return self.path.name

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "id": self.id, "bytes": self.bytes, "kept": self.kept_because}


@dataclass(frozen=True, slots=True)
class Rule:
    """How much of one store stays without being asked for."""

    keep: int  # newest, and newest that served
    named: frozenset[str] = frozenset()
    since_ms: int | None = None  # what was built at or after this moment stays
    used: Mapping[str, str] = field(default_factory=dict)  # id → the release that reads it


def named_by(log: Path, since_ms: int = 0) -> Named:
    """Read which versions the impressions of the log name; it forgets expired ones itself.

    Raises InvalidInput where a file of the log cannot be read: what it names is unknown.
    """
    broken: list[str] = []
    fields = ("snapshot_id", "tables_id", "release_id")
    found = {
        (i.snapshot_id, i.tables_id, i.release_id)
        for i in read_impressions(
            log, since_ms, columns=fields, broken=lambda file, why: broken.append(f"{file}: {why}")
        )
    }
    if broken:
        raise InvalidInput(
            f"{broken[0]} ({len(broken)} such files); what they name is unknown, so nothing was "
            "deleted; move them out of the log"
        )
    columns = zip(*found, strict=True) if found else ((), (), ())
    snapshots, tables, releases = (frozenset(i for i in ids if i) for ids in columns)
    return Named(snapshots, tables, releases)


def fates(store: ArtifactStore, rule: Rule) -> list[Fate]:
    """Judge every finished artifact of a store, oldest first."""
    reasons = _reasons(store, rule)
    return [Fate(store.kind, store.root / i, _bytes(store, i), reasons.get(i)) for i in store.ids()]


def judge_snapshots(store: ArtifactStore, keep: int, named: Named) -> list[Fate]:
    return fates(store, Rule(keep, named.snapshots))


def judge_tables(store: ArtifactStore, keep: int, named: Named) -> list[Fate]:
    return fates(store, Rule(keep, named.tables))


def judge_releases(
    stores: Sequence[ArtifactStore], retention: RetentionSettings, named: Named, now_ms: int
) -> list[Fate]:
    """Judge the releases of all models together: one may be a feature of another."""
    since = now_ms - int(retention.release_days * DAY_MS)
    used: dict[str, str] = {}
    while True:
        rule = Rule(retention.releases, named.releases, since, used)
        judged = [fate for store in stores for fate in fates(store, rule)]
        kept = [fate for fate in judged if fate.kept_because is not None]
        found = {used_id: fate.id for fate in kept for used_id in _uses(fate)}
        if found.keys() <= used.keys():
            return judged
        used = {**found, **used}


def remove_old_snapshots(store: ArtifactStore, keep: int, log: Path) -> None:
    """Delete what nothing needs. The log is read only where something might go."""
    if not all(fate.kept_because for fate in judge_snapshots(store, keep, Named())):
        remove(judge_snapshots(store, keep, named_by(log)))


def release_stores(models: Path) -> list[ArtifactStore]:
    """One store a model: models/NAME/."""
    if not models.is_dir():
        return []
    return [ArtifactStore(p, "release") for p in sorted(models.iterdir()) if p.is_dir()]


def remove(judged: Sequence[Fate]) -> None:
    """Delete what has no reason to stay."""
    for fate in judged:
        if fate.kept_because is None:
            remove_directory(fate.path)


def _reasons(store: ArtifactStore, rule: Rule) -> dict[str, str]:
    """Map id → why it stays; the strongest reason is written last and wins."""
    ids, current = store.ids(), store.current_id()
    reasons = {i: f"among the newest {rule.keep}" for i in ids[-rule.keep :]}
    reasons |= dict.fromkeys(_young(store, ids, rule.since_ms), "built within release_days")
    reasons |= {i: f"among the last {rule.keep} that served" for i in store.history()[-rule.keep :]}
    reasons |= dict.fromkeys(rule.named, "named by impressions that have not expired")
    reasons |= {i: f"a feature of release {by}" for i, by in rule.used.items()}
    if current is not None:
        reasons[current] = "serves"
    return reasons


def _young(store: ArtifactStore, ids: Sequence[str], since_ms: int | None) -> Iterator[str]:
    if since_ms is None:
        return
    for i in ids:
        if _manifest(store, i).get("built_at_ms", 0) >= since_ms:
            yield i


def _uses(fate: Fate) -> list[str]:
    return list(uses_of(_manifest(ArtifactStore(fate.path.parent, fate.kind), fate.id)).values())


def _bytes(store: ArtifactStore, artifact_id: str) -> int:
    files = _manifest(store, artifact_id).get("files", {})
    return sum(int(fact["bytes"]) for fact in files.values())


def _manifest(store: ArtifactStore, artifact_id: str) -> Mapping[str, Any]:
    """Return the manifest; an empty one where it cannot be read: then nothing more is known."""
    try:
        return store.manifest(artifact_id)
    except DuoluError:
        return {}
