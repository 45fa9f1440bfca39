"""Which releases a release uses: models whose output is a feature of another.

A manifest says `"uses": {"ctr": RELEASE_ID}`; they lie side by side, models/NAME/VERSION, and may
use others themselves. A release that is used may be neither altered nor removed while its user is
kept, and none may use itself, however many stand between.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from app.domain.errors import CorruptArtifact, FeatureMismatch
from app.snapshot.artifact import read_manifest

MAX_RELEASES = 16
"""That one release may use, it included: each is computed for every candidate of every search."""

_INPUT = "pair_model["


def model_read(name: str) -> str | None:
    """Return the model that an input asks: `pair_model[ctr]` → ctr, None for other inputs."""
    return name[len(_INPUT) : -1] if name.startswith(_INPUT) else None


def models_read(inputs: Collection[str]) -> tuple[str, ...]:
    """Return the names of the models that these inputs ask, in order."""
    return tuple(model for name in sorted(inputs) if (model := model_read(name)) is not None)


def uses_of(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return what a release uses: model → release id."""
    return dict(manifest.get("uses", {}))


def beside(path: Path, model: str, release_id: str) -> Path:
    """Return where a release lies that the one at `path` uses. Raises FeatureMismatch."""
    if not all(Path(part).name == part for part in (model, release_id)):
        raise FeatureMismatch(f"{path} uses {model} {release_id}, which is no name of a release")
    return path.parent.parent / model / release_id


class Step(NamedTuple):
    """One release to open."""

    path: Path
    why: str  # "PATH uses NAME ID, which is refused: ", and "" for the first of all


def order(path: Path) -> list[Step]:
    """Return the release and all that it uses, each once and after what it uses itself.

    Manifests are read unverified: whoever opens verifies. Raises FeatureMismatch for a release that
    uses itself or more than MAX_RELEASES, CorruptArtifact for one that is not there.
    """
    done: dict[Path, Step] = {}
    open_: list[Path] = []

    def visit(step: Step) -> None:
        if step.path in done:
            return
        if step.path in open_:
            circle = [*open_[open_.index(step.path) :], step.path]
            told = " uses ".join(f"{p.parent.name} {p.name}" for p in circle)
            raise FeatureMismatch(f"{told}: no release may use itself; train {path} again")
        if len(done) + len(open_) == MAX_RELEASES:
            raise FeatureMismatch(f"{path} uses more than {MAX_RELEASES} releases; use fewer")
        open_.append(step.path)
        for model, used in sorted(_uses(step).items()):
            why = f"{step.path} uses {model} {used}, which is refused: "
            visit(Step(beside(step.path, model, used), why))
        done[open_.pop()] = step

    visit(Step(path, ""))
    return list(done.values())


def reachable(path: Path) -> Iterator[Path]:
    """Yield the release and all that it uses, each once, whether there or not."""
    waiting, known = [path], {path}
    while waiting:
        here = waiting.pop(0)
        yield here
        try:
            uses = uses_of(read_manifest(here, "release"))
        except CorruptArtifact:
            continue
        found = {beside(here, model, used) for model, used in uses.items()} - known
        waiting += sorted(found)
        known |= found


def _uses(step: Step) -> dict[str, str]:
    try:
        return uses_of(read_manifest(step.path, "release"))
    except CorruptArtifact as error:
        raise CorruptArtifact(f"{step.why}{error}") from None
