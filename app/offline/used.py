"""Released models that a recipe's features ask: as serving asks them, and as training may.

What a model learned from a list is in what it says of that list, so that a ranker trained on both
would trust it too much. A click model is fitted again as of each moment. A ranking release stays as
it is, and only lists that it has not seen may be trained on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from app.corpus.event_columns import EventColumns
from app.domain.errors import InvalidInput
from app.features.lookup import PairModel
from app.offline.ctr.as_of import ClicksAsOf
from app.offline.judged import Judged
from app.offline.seen import untouched
from app.rank.click_release import KIND, ClickRelease, open_click_release
from app.rank.dependencies import order
from app.rank.graph import as_inputs
from app.rank.release import Release, Uses, refuse_if_foreign
from app.rank.release import open_release as open_ranking_release
from app.snapshot.snapshot import Snapshot
from app.snapshot.store import ArtifactStore, built_ms


class UsedModels:
    """Some released models, and the log that their click models were learned from."""

    def __init__(
        self,
        releases: Uses,
        snapshot: Snapshot,
        events: EventColumns | None = None,
        paths: Mapping[str, Path] | None = None,
    ) -> None:
        """`paths`: where the ranking releases lie, by name."""
        self.uses = {name: release.id for name, release in releases.items()}
        self.rankers = frozenset(n for n, r in releases.items() if isinstance(r, Release))
        self.released = as_inputs(releases)
        self._releases = releases
        self._paths = paths or {}
        self._as_of = {
            click.id: ClicksAsOf(click, snapshot, events) for click in _clicks(releases.values())
        }

    def before(self, moment_ms: int) -> Mapping[str, PairModel]:
        """Return the models as events before the moment make them, to the hour."""
        return as_inputs(self._releases, lambda click: self._as_of[click.id].before(moment_ms))

    def unseen(self, judged: Sequence[Judged]) -> list[Judged]:
        """Return the lists that no ranking release among them was trained on.

        Raises InvalidInput where that leaves none.
        """
        may = np.ones(len(judged), np.bool_)
        for name in sorted(self.rankers):
            for path in self._rankers_below(name):
                may &= untouched(path, built_ms(path.name), judged)
        useful = np.array([one.is_useful for one in judged], np.bool_)
        if useful.any() and not (useful & may).any():
            told = ", ".join(f"{name} {self.uses[name]}" for name in sorted(self.rankers))
            raise InvalidInput(
                f"each of the {useful.sum():,} lists was trained on by {told}, whose output is a "
                "feature here; wait for newer lists, or train it with split.refit = false"
            )
        return [one for one, yes in zip(judged, may, strict=True) if yes]

    def _rankers_below(self, name: str) -> Iterator[Path]:
        for step in order(self._paths[name]):
            store = ArtifactStore(step.path.parent, "release")
            if store.manifest(step.path.name).get("model_kind") != KIND:
                yield step.path


def open_used(
    names: Iterable[str],
    models: Path,
    versions: Mapping[str, str],
    snapshot: Snapshot,
    events: EventColumns | None,
) -> UsedModels:
    """Open the release of each name that `versions` says, or else the one that is published.

    Raises InvalidInput where there is none, CorruptArtifact or FeatureMismatch where it is refused.
    """
    stores = {name: ArtifactStore(models / name, "release") for name in names}
    paths = {name: store.path(_version(store, versions)) for name, store in stores.items()}
    opened = {name: _open(path, snapshot) for name, path in paths.items()}
    return UsedModels(opened, snapshot, events, paths)


def _version(store: ArtifactStore, versions: Mapping[str, str]) -> str:
    name = store.root.name
    release_id = versions.get(name) or store.current_id()
    if release_id is None:
        raise InvalidInput(
            f"feature model({name}) asks a release of {store.root}, and none is published; "
            f"run: duolu train models/{name}/recipe.toml --publish"
        )
    return release_id


def _open(path: Path, snapshot: Snapshot) -> Release | ClickRelease:
    """Open a release of either kind that fits the snapshot's analyzer."""
    name = path.parent.name
    manifest = ArtifactStore(path.parent, "release").manifest(path.name)
    if manifest.get("model_kind") != KIND:
        release = open_ranking_release(path)
        refuse_if_foreign(release, snapshot)
        return release
    if manifest["analyzer_id"] != snapshot.analyzer.id:
        raise InvalidInput(
            f"{name} {path.name} was trained with analyzer {manifest['analyzer_id']}, "
            f"this snapshot has {snapshot.analyzer.id}; "
            f"run: duolu train models/{name}/recipe.toml --publish"
        )
    return open_click_release(path)


def _clicks(releases: Iterable[Release | ClickRelease]) -> Iterator[ClickRelease]:
    """Yield every click model of a graph, a shared one perhaps more than once."""
    for release in releases:
        if isinstance(release, Release):
            yield from _clicks(release.uses.values())
        else:
            yield release
