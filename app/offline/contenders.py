"""Who a new model is held against: the release that serves, and those of the last weeks.

Each is opened as a service would open it and ranks the same held-out lists again; figures stored
with it are of other lists and are never compared. It is judged only by lists that it was not
trained on: itself where it has seen none of them, else its twin (offline.seen).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.domain.arrays import Bools
from app.domain.errors import DuoluError
from app.features.lookup import PairModel
from app.offline.gate import Baseline
from app.offline.judged import Judged
from app.offline.recipe import Gate
from app.offline.seen import Seen, unseen, untouched
from app.rank.graph import ReleasedModel, as_inputs
from app.rank.ranker import Model
from app.rank.release import RankingModel, Release, open_release, open_twin, refuse_if_foreign
from app.snapshot.snapshot import Snapshot
from app.snapshot.store import ArtifactStore, built_ms

DAY_MS = 86_400_000
SERVING = "serving"


@dataclass(frozen=True, slots=True)
class Contender:
    """A release that the candidate is held against."""

    role: str  # "serving" or "best of N days"
    release_id: str
    model: Model
    may_judge: Bools  # (t,) held-out lists that it was not trained on
    models: Mapping[str, PairModel]  # that its features ask

    @property
    def asks_rankers(self) -> bool:
        """Its features ask ranking releases, perhaps others than the candidate's of that name."""
        return any(isinstance(model, ReleasedModel) for model in self.models.values())

    @property
    def name(self) -> str:
        """Of the variant that it is in the comparison."""
        return SERVING if self.role == SERVING else f"release {self.release_id}"


def contenders(
    releases: ArtifactStore, snapshot: Snapshot, test: Sequence[Judged], gate: Gate, now_ms: int
) -> tuple[list[Contender], list[Baseline]]:
    """Return who takes part, and who was left out and why."""
    taking_part: list[Contender] = []
    left_out: list[Baseline] = []
    for role, release_id in _asked(releases, gate, now_ms):
        try:
            release = open_release(releases.path(release_id))
            refuse_if_foreign(release, snapshot)
            model, may_judge = fairest(release, releases.path(release_id), test)
        except DuoluError as error:
            left_out.append(Baseline(role, release_id, 0, None, str(error)))
            continue
        lists = int(may_judge.sum())
        if lists < gate.min_paired_queries:
            why = (
                f"of {len(test)} held-out lists it was trained on all but {lists}; "
                f"gate.min_paired_queries wants {gate.min_paired_queries} that it has not seen"
            )
            left_out.append(Baseline(role, release_id, lists, None, why))
            continue
        taking_part.append(Contender(role, release_id, model, may_judge, as_inputs(release.uses)))
    return taking_part, left_out


def _asked(releases: ArtifactStore, gate: Gate, now_ms: int) -> Iterator[tuple[str, str]]:
    """The release that serves, then those that served and are young enough."""
    serving = releases.current_id()
    if serving is not None:
        yield SERVING, serving
    since = now_ms - gate.best_of_days * DAY_MS
    for release_id in releases.history():
        if release_id != serving and built_ms(release_id) >= since:
            yield f"best of {gate.best_of_days} days", release_id


def fairest(release: Release, path: Path, test: Sequence[Judged]) -> tuple[RankingModel, Bools]:
    """The release itself or its twin, whichever has seen fewer of these lists."""
    seen = Seen.open(path)
    if seen is None:
        return release.model, untouched(path, _built_at_ms(release), test)
    itself = unseen(test, seen.released)
    twin = unseen(test, seen.held_out)
    measured = open_twin(path, release.manifest) if twin.sum() > itself.sum() else None
    return (release.model, itself) if measured is None else (measured, twin)


def _built_at_ms(release: Release) -> int:
    return int(release.manifest.get("built_at_ms", 0)) or built_ms(release.id)
