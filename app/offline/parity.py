"""Parity: logged impressions computed once more, from logs and artifacts, compared bit by bit.

Tables are built again from the event log and the request is understood again from its text: nothing
that serving computed is trusted, except what was recalled (`hit_*`) and what the whole list said
(`list_*`), which are logged facts.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from app.corpus.impression_log import read_impressions
from app.corpus.string_keys import hash64
from app.domain.arrays import F32, Bools
from app.domain.errors import DuoluError, InvalidInput, UnknownName
from app.domain.impressions import Impression
from app.features.lookup import PairModel
from app.offline.logged import Restored, restore
from app.offline.past import Past
from app.rank.graph import as_inputs
from app.rank.release import Goldens, Release, open_release, refuse_if_foreign
from app.snapshot.snapshot import Snapshot
from app.snapshot.store import ArtifactStore

SCORE, TERMS = "score", "query terms"
MAX_NOT_COMPARABLE = 0.01


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that came out otherwise."""

    request_id: str
    document_id: str
    logged: float
    computed: float

    def __str__(self) -> str:
        return (
            f"logged {self.logged!r}, computed {self.computed!r}: document {self.document_id} "
            f"of request {self.request_id}"
        )


@dataclass(slots=True)
class Parity:
    """What was compared and how it came out."""

    impressions: int = 0
    rows: int = 0
    values: int = 0  # features and scores
    differing: Counter[str] = field(default_factory=Counter)  # feature, or SCORE → values
    examples: dict[str, Difference] = field(default_factory=dict)  # the first of each
    unlike: Counter[str] = field(default_factory=Counter)  # why rows could not be compared → rows
    fused: int = 0  # impressions served in fused order: nothing was ranked
    without_features: int = 0  # rows whose features the log lacks: their scores are compared

    @property
    def not_comparable(self) -> int:
        return sum(self.unlike.values())

    @property
    def holds(self) -> bool:
        """No value differs, and next to nothing was left out."""
        total = self.rows + self.not_comparable
        return not self.differing and self.not_comparable <= MAX_NOT_COMPARABLE * total

    def to_json(self) -> dict[str, Any]:
        return {
            "holds": self.holds, "impressions": self.impressions, "rows": self.rows,
            "values": self.values, "differing": dict(self.differing.most_common()),
            "examples": {name: str(one) for name, one in self.examples.items()},
            "not_comparable": dict(self.unlike.most_common()), "fused": self.fused,
            "without_features": self.without_features,
        }  # fmt: skip

    def lines(self) -> list[str]:
        """For people: what differs, worst first."""
        lines = [
            f"{self.values:,} values of {self.rows:,} rows of {self.impressions:,} impressions "
            f"compared, {sum(self.differing.values()):,} differ"
        ]
        lines += [
            f"{count:>12,}  {name}: {self.examples[name]}"
            for name, count in self.differing.most_common()
        ]
        if self.fused:
            lines.append(f"{self.fused:>12,}  impressions in fused order: no model ranked")
        if self.without_features:
            lines.append(f"{self.without_features:>12,}  rows logged without features: score alone")
        lines += [f"{n:>12,}  rows not comparable: {why}" for why, n in self.unlike.most_common()]
        return lines


@dataclass(frozen=True, slots=True)
class Opened:
    """A release, and the models that its features ask."""

    release: Release
    models: Mapping[str, PairModel]


class Checker:
    """Compares impressions, one after another."""

    def __init__(self, past: Past, releases: Sequence[ArtifactStore]) -> None:
        self.parity = Parity()
        self._past = past
        self._stores = releases
        self._releases: dict[str, Opened] = {}

    def check(self, impression: Impression) -> None:
        """Compute it once more and note what differs. Never raises for what the log holds."""
        if impression.release_id is None:
            self.parity.fused += 1
            return
        try:
            opened = self._release(impression.release_id)
            replay = self._past.replay_of(impression)
            refuse_if_foreign(opened.release, replay.serving.snapshot)
            _refuse_if_newer(impression, replay.serving.snapshot)
            self._compare(impression, restore(impression, replay), opened)
        except DuoluError as error:
            self.parity.unlike[str(error)] += len(impression.ids)

    def _compare(self, impression: Impression, restored: Restored, opened: Opened) -> None:
        release, kept, parity = opened.release, restored.kept, self.parity
        names = release.features.names
        gone = len(impression.ids) - kept.size
        if gone:
            parity.unlike[f"documents that snapshot {impression.snapshot_id} lacks"] += gone
        computed = restored.matrix(release.features, models=opened.models)
        scores = release.model.predict(computed)
        parity.impressions += 1
        parity.rows += kept.size
        if restored.ctx.query.terms != impression.terms:
            self._note(impression, TERMS, np.nan, np.nan, kept[:1])
        has = _has_features(impression, names)[kept]
        parity.without_features += int((~has).sum())
        wrong = differ(impression.features[kept[has]], computed[has]) if has.any() else None
        parity.values += int(has.sum()) * len(names) + kept.size
        if wrong is not None and wrong.any():
            self._note_columns(impression, wrong, computed[has], kept[has], names)
        unlike = differ(impression.scores[kept], scores)
        for i in np.flatnonzero(unlike):
            self._note(impression, SCORE, impression.scores[kept[i]], scores[i], kept[i : i + 1])

    def _note_columns(
        self, impression: Impression, wrong: Bools, computed: F32, kept: Any, names: Sequence[str]
    ) -> None:
        for i, j in np.argwhere(wrong):
            logged = impression.features[kept[i], j]
            self._note(impression, names[j], logged, computed[i, j], kept[i : i + 1])

    def _note(
        self, impression: Impression, name: str, logged: float, computed: float, at: Any
    ) -> None:
        self.parity.differing[name] += 1
        document = impression.ids[int(at[0])] if len(at) else ""
        self.parity.examples.setdefault(
            name, Difference(impression.request_id, document, float(logged), float(computed))
        )

    def _release(self, release_id: str) -> Opened:
        """Open a release of any model, without its golden rows: they would hide what differs."""
        if release_id not in self._releases:
            store = next((s for s in self._stores if release_id in s.ids()), None)
            if store is None:
                known = ", ".join(str(s.root) for s in self._stores) or "no model"
                raise UnknownName("release", release_id, f"looked under: {known}")
            release = open_release(store.path(release_id), Goldens.NONE)
            self._releases[release_id] = Opened(release, as_inputs(release.uses))
        return self._releases[release_id]


def _refuse_if_newer(impression: Impression, snapshot: Snapshot) -> None:
    """What came after the snapshot was built is in no file that could be opened again."""
    if impression.log_seq != snapshot.log_seq:
        raise InvalidInput(
            f"answered at {impression.log_seq} of the document log, snapshot {snapshot.id} "
            f"ends at {snapshot.log_seq}"
        )


def _has_features(impression: Impression, names: Sequence[str]) -> Bools:
    """Tell which rows were logged with the release's features. (m,)"""
    if impression.feature_names != names:
        return np.zeros(len(impression.ids), np.bool_)
    return impression.has_features


def differ(logged: F32, computed: F32) -> Bools:
    """Tell which values are not the same bits; a NaN is a NaN whatever its bits."""
    is_same = np.asarray(logged, np.float32).view(np.uint32) == computed.view(np.uint32)
    return np.asarray(~is_same & ~(np.isnan(logged) & np.isnan(computed)))


def chosen(log: Path, since_ms: int, sample: int | None) -> Iterator[Impression]:
    """Yield the impressions to compare: all, or `sample` of them, the same ones each time.

    Those of the lowest hash of their id: a sample of a sample is a sample.
    """
    if sample is None:
        yield from read_impressions(log, since_ms)
        return
    ids = (i.request_id for i in read_impressions(log, since_ms, columns=()))
    lowest = set(heapq.nsmallest(sample, ids, key=lambda i: (hash64(i), i)))
    for impression in read_impressions(log, since_ms):
        if impression.request_id in lowest:
            yield impression


def compare(
    impressions: Iterator[Impression],
    past: Past,
    releases: Sequence[ArtifactStore],
    advance: Callable[[int], object] = lambda _: None,
) -> Parity:
    """Compare every impression and return what came of it."""
    checker = Checker(past, releases)
    for impression in impressions:
        checker.check(impression)
        advance(1)
    return checker.parity
