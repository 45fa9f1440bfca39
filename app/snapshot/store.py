"""Where artifacts of one kind live. Publishing is one rename; nobody ever reads half of one.

root/
  CURRENT          the id that serves, one line
  HISTORY          ids that served, oldest first, perhaps with a note: `rollback` follows it back
  ID/              immutable once CURRENT has named it
  .building-ID/    being written; never opened, removed by the next build
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.domain.errors import InvalidInput, NothingServes, UnknownName
from app.snapshot.artifact import (
    MANIFEST,
    publish_directory,
    read_manifest,
    remove_directory,
    verify,
    write_pointer,
)


def new_id(now_ms: int) -> str:
    """An id that sorts by time, e.g. "20260131T040000Z-9f3c21aa"."""
    moment = datetime.fromtimestamp(now_ms / 1e3, UTC)
    return f"{moment:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


def built_ms(artifact_id: str) -> int:
    """Return when this id was made, epoch milliseconds; 0 where it begins with no time."""
    try:
        moment = datetime.strptime(artifact_id[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return 0
    return int(moment.timestamp() * 1e3)


@dataclass(frozen=True, slots=True)
class ArtifactStore:
    """Snapshots, tables, or the releases of one model."""

    root: Path
    kind: str  # "snapshot", "tables" or "release"

    def ids(self) -> list[str]:
        """Return finished artifacts, oldest first."""
        if not self.root.is_dir():
            return []
        return sorted(
            p.name for p in self.root.iterdir()
            if not p.name.startswith(".") and (p / MANIFEST).is_file()
        )  # fmt: skip

    def current_id(self) -> str | None:
        """Return the id that serves, None when nothing was published yet."""
        try:
            return (self.root / "CURRENT").read_text("utf-8").strip() or None
        except FileNotFoundError:
            return None

    def require_current(self) -> str:
        current = self.current_id()
        if current is None:
            raise NothingServes(f"no {self.kind} published under {self.root}; {_first(self.kind)}")
        return current

    def path(self, artifact_id: str) -> Path:
        """Return the directory of a finished artifact."""
        if artifact_id not in self.ids():
            known = ", ".join(self.ids()[-5:]) or "none"
            raise UnknownName(self.kind, artifact_id, f"newest under {self.root}: {known}")
        return self.root / artifact_id

    def manifest(self, artifact_id: str) -> dict[str, Any]:
        return read_manifest(self.path(artifact_id), self.kind)

    def verify(self, artifact_id: str) -> dict[str, Any]:
        """Read every file through; raise CorruptArtifact naming the one that is wrong."""
        return verify(self.path(artifact_id), self.kind)

    def building(self, artifact_id: str) -> Path:
        """Make an empty directory to build in; what interrupted builds left is removed."""
        self.root.mkdir(parents=True, exist_ok=True)
        for left in self.root.glob(".building-*"):
            remove_directory(left)
        directory = self.root / f".building-{artifact_id}"
        directory.mkdir()
        return directory

    def finish(self, built: Path, artifact_id: str) -> Path:
        """Give a sealed directory its name. It does not serve yet."""
        final = self.root / artifact_id
        publish_directory(built, final)
        return final

    def publish(self, artifact_id: str, note: str = "") -> None:
        """Point CURRENT at a finished artifact. A note, one line, stays with it in HISTORY."""
        self.path(artifact_id)
        notes = self.notes()
        before = notes.pop(artifact_id, "")
        notes[artifact_id] = " ".join(note.split()) or before
        lines = [f"{served} {said}".strip() for served, said in notes.items()]
        write_pointer(self.root / "HISTORY", "\n".join(lines))
        write_pointer(self.root / "CURRENT", artifact_id)

    def remove(self, artifact_id: str) -> None:
        """Delete an artifact. Where it served, nothing is published until the next is."""
        if self.current_id() == artifact_id:
            (self.root / "CURRENT").unlink()
        remove_directory(self.root / artifact_id)

    def history(self) -> list[str]:
        """Return ids that served and still exist, oldest first."""
        return list(self.notes())

    def notes(self) -> dict[str, str]:
        """Return what was noted of each id that served and still exists, oldest first."""
        try:
            lines = (self.root / "HISTORY").read_text("utf-8").splitlines()
        except FileNotFoundError:
            return {}
        alive = set(self.ids())
        said = (line.partition(" ") for line in lines)
        return {served: note for served, _, note in said if served in alive}

    def before(self) -> str | None:
        """Return the id that served before the current, None where there is none."""
        current, history = self.current_id(), self.history()
        earlier = history[: history.index(current)] if current in history else history
        return earlier[-1] if earlier else None

    def rollback(self, artifact_id: str | None = None) -> str:
        """Serve the given id again, or the one that served before the current. Returns it."""
        if artifact_id is None:
            artifact_id = self.before()
            if artifact_id is None:
                raise InvalidInput(f"no earlier {self.kind} under {self.root} to go back to")
            write_pointer(self.root / "CURRENT", artifact_id)
        else:
            self.publish(artifact_id)
        return artifact_id


def _first(kind: str) -> str:
    return {
        "snapshot": "run: duolu reindex CATALOGUE",
        "release": "run: duolu train models/lambdarank/recipe.toml --publish",
    }.get(kind, "build one first")
