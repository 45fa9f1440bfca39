"""Trains a click model: shown lists → hashed rows → three kinds compared → release → gate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from pydantic import ValidationError

from app.domain.arrays import F64, I32
from app.domain.errors import CorruptArtifact, GateRefused, InvalidInput, UnknownName
from app.domain.events import Session
from app.domain.query import Query
from app.offline.confidence import Interval
from app.offline.ctr.fit import FittedClicks, fit_clicks, predict_rows
from app.offline.ctr.measure import Measured, Resamples, loss_difference, measure
from app.offline.ctr.recipe import ClickRecipe
from app.offline.ctr.rows import ClickRows, hash_catalogue, query_of, rows_of
from app.offline.progress import Progress, Silent
from app.rank.factorization import OBJECTIVES, Objective
from app.rank.hashed_fields import check_fields
from app.snapshot.snapshot import Snapshot
from app.snapshot.store import ArtifactStore

POSITION = "position"
"""The baseline that sees no field: how often each position is clicked."""

SAMPLES = 8

SERVING = "serving"
"""The recipe of the release that serves, fitted on the same lists."""


@dataclass(frozen=True, slots=True)
class ClickParts:
    """Lists in order of time; hashes are the same for every kind of model."""

    fit: ClickRows
    valid: ClickRows
    test: ClickRows


class HashedLists(NamedTuple):
    """Shown lists and the catalogue, as one recipe sees them."""

    rows: ClickRows
    catalogue: I32  # (documents, document fields)


@dataclass(frozen=True, slots=True)
class TrainedClicks:
    """What one training gave."""

    fitted: FittedClicks  # on all lists, as it is released
    parts: ClickParts
    measured: Mapping[str, Measured]  # on the test lists: each kind, and what serves
    differences: Mapping[str, Interval]  # log-loss of the recipe's kind minus each other's
    reasons: tuple[str, ...]  # against publishing; empty: it may
    left_out: int  # shown documents that the snapshot lacks
    samples: tuple[Query, ...]  # of the newest lists, to check the release by

    @property
    def lists(self) -> dict[str, int]:
        p = self.parts
        return {"fit": len(p.fit), "valid": len(p.valid), "test": len(p.test)}


def train_clicks(
    sessions: Sequence[Session],
    snapshot: Snapshot,
    recipe: ClickRecipe,
    releases: ArtifactStore,
    progress: Progress | None = None,
) -> TrainedClicks:
    """Compare logistic regression and both factorization machines; fit the recipe's on all lists.

    Raises InvalidInput where the sessions teach nothing, or the recipe names an unknown field.
    """
    progress = progress or Silent()
    check_fields(recipe.fields.request, recipe.fields.document, snapshot.documents.schema)
    newest = sorted(sessions, key=lambda s: (s.ts_ms, s.request_id))[-recipe.sampling.max_lists :]
    with progress.stage("hash", len(newest), "lists") as advance:
        hashed = hash_lists(newest, snapshot, recipe)
        advance(len(newest))
    hashed.rows.refuse_if_one_sided()
    parts = cut_lists(hashed.rows, recipe)
    fits: dict[str, FittedClicks] = {}
    logits: dict[str, F64] = {}
    compared = _compared(recipe, releases, snapshot)
    with progress.stage("fit", len(compared), "models") as advance:
        for name, (one, objective) in compared.items():
            mine = hashed if one.sees_what(recipe) else hash_lists(newest, snapshot, one)
            fits[name], logits[name] = _fit(mine, one, objective)
            advance(1)
    with progress.stage("measure", len(compared), "models") as advance:
        measured, differences = _measure(parts.test, logits, fits, recipe)
        advance(len(compared))
    with progress.stage("refit", None, "epochs") as advance:
        shape, epochs = recipe.shape(recipe.objective), fits[recipe.objective].epochs
        fitted = fit_clicks(hashed.rows, hashed.catalogue, shape, recipe, epochs=epochs)
        advance(fitted.epochs)
    reasons = tuple(_reasons(parts.test, differences, recipe))
    left_out = sum(len(s.shown) for s in newest) - hashed.rows.shown.values.size
    samples = tuple(query_of(s, snapshot) for s in newest[-SAMPLES:])
    return TrainedClicks(fitted, parts, measured, differences, reasons, left_out, samples)


def hash_lists(sessions: Sequence[Session], snapshot: Snapshot, recipe: ClickRecipe) -> HashedLists:
    """Hash what a recipe sees, whatever its kind of model."""
    shape = recipe.shape(recipe.objective)
    return HashedLists(rows_of(sessions, snapshot, shape), hash_catalogue(snapshot, shape))


def publish_clicks(release_id: str, trained: TrainedClicks, releases: ArtifactStore) -> None:
    """Publish the candidate if the gate passes; raise GateRefused with every reason if not."""
    if trained.reasons:
        raise GateRefused(
            f"{'; '.join(trained.reasons)}; the candidate {release_id} stays unpublished"
        )
    releases.publish(release_id)


def cut_lists(rows: ClickRows, recipe: ClickRecipe) -> ClickParts:
    """Cut by time into fit, valid and test; refuse parts that teach or tell nothing."""
    n = len(rows)
    valid_from = int(n * (1 - recipe.split.valid - recipe.split.test))
    test_from = int(n * (1 - recipe.split.test))
    parts = ClickParts(
        rows.span(0, valid_from), rows.span(valid_from, test_from), rows.span(test_from, n)
    )
    for name, part in (("fit", parts.fit), ("valid", parts.valid), ("test", parts.test)):
        clicks, shown = int(part.clicked.sum()), part.clicked.size
        if clicks in (0, shown):
            raise InvalidInput(
                f"the {name} part, {len(part)} lists with {shown} documents, has {clicks} clicks; "
                "import more sessions, or change [split]"
            )
    return parts


def _compared(
    recipe: ClickRecipe, releases: ArtifactStore, snapshot: Snapshot
) -> dict[str, tuple[ClickRecipe, Objective]]:
    """Name every model that is fitted on the same lists: its recipe and its kind."""
    bare = recipe.model_copy(
        update={"fields": recipe.fields.model_copy(update={"request": (), "document": ()})}
    )
    compared: dict[str, tuple[ClickRecipe, Objective]] = {POSITION: (bare, "logistic")}
    compared |= {objective: (recipe, objective) for objective in OBJECTIVES}
    serving = _serving(recipe, releases, snapshot)
    if serving is not None and serving != recipe:
        compared[SERVING] = (serving, serving.objective)
    return compared


def _serving(
    recipe: ClickRecipe, releases: ArtifactStore, snapshot: Snapshot
) -> ClickRecipe | None:
    """Return the recipe of what serves; None where nothing does, or it cannot be fitted here."""
    current = releases.current_id()
    if current is None:
        return None
    try:
        serving = ClickRecipe.model_validate(releases.manifest(current)["recipe"])
        check_fields(serving.fields.request, serving.fields.document, snapshot.documents.schema)
    except (CorruptArtifact, ValidationError, InvalidInput, UnknownName, KeyError):
        return None
    same = {"split": recipe.split, "sampling": recipe.sampling, "gate": recipe.gate}
    return serving.model_copy(update=same)


def _fit(
    hashed: HashedLists, recipe: ClickRecipe, objective: Objective
) -> tuple[FittedClicks, F64]:
    """Fit on the oldest lists, stop by the next, predict the newest."""
    parts = cut_lists(hashed.rows, recipe)
    fitted = fit_clicks(parts.fit, hashed.catalogue, recipe.shape(objective), recipe, parts.valid)
    return fitted, predict_rows(fitted.model, parts.test, hashed.catalogue)


def _measure(
    test: ClickRows,
    logits: Mapping[str, F64],
    fits: Mapping[str, FittedClicks],
    recipe: ClickRecipe,
) -> tuple[dict[str, Measured], dict[str, Interval]]:
    draws = Resamples.draw(len(test), recipe.seed)
    measured = {n: measure(test, found, fits[n].epochs, draws) for n, found in logits.items()}
    differences = {
        name: loss_difference(test, logits[recipe.objective], found, draws)
        for name, found in logits.items()
        if name != recipe.objective
    }
    return measured, differences


def _reasons(
    test: ClickRows, differences: Mapping[str, Interval], recipe: ClickRecipe
) -> Iterator[str]:
    """Say what speaks against publishing."""
    lists = int(np.count_nonzero(np.add.reduceat(test.clicked, test.shown.offsets[:-1])))
    if lists < recipe.gate.min_clicked_lists:
        yield (
            f"{lists} held-out lists with a click, the gate wants {recipe.gate.min_clicked_lists}; "
            "import more sessions, or lower gate.min_clicked_lists"
        )
    for name in ("logistic", SERVING):
        if name in differences and not differences[name].high <= recipe.gate.max_difference:
            yield (
                f"log-loss against {name} is {differences[name]}; the gate wants the upper end at "
                f"or below {recipe.gate.max_difference}"
            )
