"""A released click model on disk, and open as an input of another model.

models/NAME/VERSION/
  manifest.json       sha256 of every file; objective, fields, bits, k; what it was trained on
  weights/*.npy       see factorization.Weights
  golden/N.npz        a request as it was hashed, documents' weights and logits, replayed at load
  golden/N.json       the request itself, hashed again at load
  recipe.toml  report.md
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from app.corpus.documents import Documents
from app.domain.arrays import F32, I32, I64, Rows
from app.domain.errors import CorruptArtifact, FeatureMismatch
from app.domain.query import GeoPoint, Query
from app.features.lookup import Inputs
from app.rank.factorization import OBJECTIVES, FactorizationModel, Places, Shape, Weights
from app.rank.golden import RELATIVE_TOLERANCE
from app.rank.hashed_fields import REQUEST_FIELDS, Hashed, hash_request
from app.snapshot.artifact import verify
from app.snapshot.snapshot import Snapshot

KIND = "ctr"
KEPT_SNAPSHOTS = 2  # documents are looked up once a snapshot; the one before may still serve


class ClickModel:
    """A FactorizationModel as an input: it knows the documents of the snapshots that serve."""

    def __init__(self, model: FactorizationModel) -> None:
        self.model = model
        self._lock = threading.Lock()
        self._known: list[tuple[Path, Places]] = []  # of which snapshot, newest last

    def predict(self, lookup: Inputs) -> F32:
        """(n,) log odds that each row is clicked, standing first."""
        ctx, rows = lookup.ctx, lookup.rows
        places = self._places(ctx.snapshot)
        changed = _changed(ctx.snapshot, rows, len(places.own))
        if changed.size:
            places = self._with(places, ctx.snapshot.documents, rows, changed)
            rows = np.arange(rows.size, dtype=np.int32)
        return self.model.logits(ctx.query, places, rows)

    def _with(self, places: Places, documents: Documents, rows: Rows, changed: I64) -> Places:
        """Look up rows alone, and those of them anew that the snapshot knows not, or otherwise."""
        own = np.minimum(rows, len(places.own) - 1)
        here = Places(places.slots.take(own, axis=0), places.own.take(own))
        here.slots[changed], here.own[changed] = self.model.places_of(documents, rows[changed])
        return here

    def _places(self, snapshot: Snapshot) -> Places:
        """Look up the rows of a snapshot as they were written, once: its views share them."""
        for known, places in self._known:
            if known == snapshot.path:
                return places
        with self._lock:
            for known, places in self._known:
                if known == snapshot.path:
                    return places
            as_written = replace(snapshot.documents, patches=None)
            found = self.model.places(as_written)
            self._known = [*self._known, (snapshot.path, found)][-KEPT_SNAPSHOTS:]
            return found


def _changed(snapshot: Snapshot, rows: Rows, n: int) -> I64:
    """Return which of the rows are newer than the snapshot or were patched since. Places in rows"""
    if snapshot.overlay is None:
        return np.empty(0, np.int64)
    return np.flatnonzero((rows >= n) | (snapshot.overlay.place_of(rows) >= 0))


@dataclass(frozen=True, slots=True)
class ClickRelease:
    """A verified click model whose golden rows were replayed in this process."""

    id: str
    model: FactorizationModel
    manifest: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ClickGolden:
    """One request of training with n of its documents."""

    query: Query  # terms, person, place and time; nothing else is read
    asked: Hashed  # (r,)
    slots: I32  # (n, document fields)
    logits: F32  # (n,)

    def save(self, folder: Path, number: int) -> None:
        q = self.query
        request = {
            "terms": q.terms, "now_ms": q.now_ms, "user_id": q.user_id, "client_id": q.client_id,
            "origin": None if q.origin is None else [q.origin.lat, q.origin.lon],
        }  # fmt: skip
        (folder / f"{number}.json").write_bytes(orjson.dumps(request))
        np.savez(
            folder / f"{number}.npz",
            slots=self.slots, logits=self.logits, **self.asked._asdict(),
        )  # fmt: skip

    @classmethod
    def open(cls, file: Path) -> ClickGolden:
        raw = orjson.loads(file.with_suffix(".json").read_bytes())
        origin = None if raw["origin"] is None else GeoPoint(*raw["origin"])
        query = Query(
            "", tuple(raw["terms"]), raw["now_ms"],
            user_id=raw["user_id"], client_id=raw["client_id"], origin=origin,
        )  # fmt: skip
        with np.load(file, allow_pickle=False) as stored:
            asked = Hashed(stored["hashes"], stored["fields"], stored["values"])
            return cls(query, asked, stored["slots"], stored["logits"])


def open_click_release(path: Path) -> ClickRelease:
    """Verify, load and replay. Raises CorruptArtifact or FeatureMismatch saying what is wrong."""
    manifest = verify(path, "release")
    shape = _shape(path, manifest)
    model = FactorizationModel(shape, Weights.open(path / "weights", shape))
    goldens = [ClickGolden.open(file) for file in sorted((path / "golden").glob("*.npz"))]
    if not goldens:
        raise FeatureMismatch(f"{path} has no golden rows to check it by; train again")
    for golden in goldens:
        _replay(golden, model, path)
    return ClickRelease(manifest["id"], model, manifest)


def shape_facts(shape: Shape) -> dict[str, Any]:
    """Return what the manifest says of the shape."""
    return {"model_kind": KIND, "shape": asdict(shape)}


def _shape(path: Path, manifest: Mapping[str, Any]) -> Shape:
    if manifest.get("model_kind") != KIND:
        raise CorruptArtifact(f"{path} is no click model; name a release of models/ctr")
    raw = manifest["shape"]
    shape = Shape(
        raw["objective"], tuple(raw["request"]), tuple(raw["document"]), raw["bits"], raw["k"]
    )
    unknown = set(shape.request) - REQUEST_FIELDS.keys()
    if shape.objective not in OBJECTIVES or unknown or not 1 <= shape.bits <= 30:
        raise FeatureMismatch(
            f"{path} is {shape.objective} of {shape.bits} bits over {', '.join(shape.request)}, "
            "which this build does not know; train again with this build"
        )
    return shape


def _replay(golden: ClickGolden, model: FactorizationModel, path: Path) -> None:
    shape = model.shape
    here = hash_request(golden.query, shape.request, shape.bits)
    if not all(np.array_equal(a, b) for a, b in zip(here, golden.asked, strict=True)):
        raise FeatureMismatch(
            f"{path}: a request is hashed otherwise here than when it was trained; train again"
        )
    rows = np.arange(golden.logits.size, dtype=np.int32)
    if golden.slots.size and golden.slots.max() >= model.weights.hashes.size:
        raise CorruptArtifact(f"{path}: a golden row names weights that there are not; train again")
    places = Places(golden.slots, model.own(golden.slots))
    found = model.logits(golden.query, places, rows)
    if not np.allclose(found, golden.logits, rtol=RELATIVE_TOLERANCE, atol=1e-5):
        raise FeatureMismatch(f"{path}: other logits than when it was trained; train again")
