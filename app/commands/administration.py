"""releases, publish, rollback, snapshots, doctor: what serves, and going back."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from app.commands import options as o
from app.offline.doctor import diagnose
from app.offline.examination import NOT_EXAMINED, examine
from app.offline.workplace import Workplace
from app.rank.click_release import KIND, ClickRelease, open_click_release
from app.rank.proofs import Proofs
from app.rank.release import Release, open_release, publish_by_hand
from app.snapshot.facts import facts_of
from app.snapshot.store import ArtifactStore

Model = Annotated[
    str | None, typer.Option("--model", help="Releases of models/NAME; default: rank.model.")
]


def register(app: typer.Typer) -> None:
    app.command("releases")(releases_command)
    app.command("snapshots")(snapshots_command)
    app.command("publish")(publish_command)
    app.command("rollback")(rollback_command)
    app.command("doctor")(doctor_command)


def releases_command(
    model: Model = None,
    data: o.Data = o.DATA,
    models: o.Models = o.MODELS,
    config: o.Config = o.CONFIG,
    overrides: o.Override = None,
    as_json: o.Json = False,
) -> None:
    """List the releases of a model, oldest first; * serves, or is used by the next training."""
    _list(_releases(o.workplace(data, models, config, overrides), model), as_json)


def snapshots_command(
    data: o.Data = o.DATA,
    models: o.Models = o.MODELS,
    config: o.Config = o.CONFIG,
    overrides: o.Override = None,
    as_json: o.Json = False,
) -> None:
    """List the snapshots of the catalogue, oldest first; * serves."""
    _list(o.workplace(data, models, config, overrides).stores.snapshots, as_json)


def publish_command(
    artifact_id: Annotated[str, typer.Argument(help="A release, or a snapshot with --snapshots.")],
    snapshots: Annotated[bool, typer.Option("--snapshots", help="Publish a snapshot.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also a release that the gate kept back.")
    ] = False,
    model: Model = None,
    data: o.Data = o.DATA,
    models: o.Models = o.MODELS,
    config: o.Config = o.CONFIG,
    overrides: o.Override = None,
    as_json: o.Json = False,
) -> None:
    """Serve a release (or a snapshot). Running services take it up within a second.

    A release is opened first as a service opens it; one that the gate kept back needs --force.
    """
    place = o.workplace(data, models, config, overrides)
    if snapshots:
        place.stores.snapshots.verify(artifact_id)
        place.stores.snapshots.publish(artifact_id)
        note = ""
    else:
        releases = _releases(place, model)
        release = _open(releases, artifact_id)
        named = f" --model {model}" if model else ""
        remedy = f"to overrule it: duolu publish {artifact_id}{named} --force"
        note = publish_by_hand(releases, release, force=force, remedy=remedy)
    kind = "snapshot" if snapshots else "release"
    said = f"{kind} {artifact_id} serves" + (f" ({note})" if note else "")
    o.show({"published": artifact_id, "note": note or None}, as_json, [said])


def rollback_command(
    artifact_id: Annotated[
        str | None, typer.Argument(help="Where to; default: what served before.")
    ] = None,
    snapshots: Annotated[bool, typer.Option("--snapshots", help="Roll a snapshot back.")] = False,
    model: Model = None,
    data: o.Data = o.DATA,
    models: o.Models = o.MODELS,
    config: o.Config = o.CONFIG,
    overrides: o.Override = None,
    as_json: o.Json = False,
) -> None:
    """Go back to the release (or snapshot) that served before."""
    place = o.workplace(data, models, config, overrides)
    store = place.stores.snapshots if snapshots else _releases(place, model)
    back = store.rollback(artifact_id)
    o.show({"published": back}, as_json, [f"{store.kind} {back} serves again"])


def doctor_command(
    port: Annotated[int, typer.Option(help="The port that serve would take.")] = 8000,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read all logs and artifacts through; takes its time.")
    ] = False,
    data: o.Data = o.DATA,
    models: o.Models = o.MODELS,
    config: o.Config = o.CONFIG,
    overrides: o.Override = None,
    as_json: o.Json = False,
) -> None:
    """Check configuration, snapshot, tables, release, event log, disk and port; say what to do."""
    place = o.workplace(data, models, config, overrides)
    findings = diagnose(place, port, int(time.time() * 1e3))
    findings += examine(place, o.progress()) if deep else [NOT_EXAMINED]
    mark = {"ok": "ok  ", "note": "note", "wrong": "FAIL"}
    lines = [
        f"{mark[f.state]}  {f.what}: {f.detail}" + (f" → {f.remedy}" if f.remedy else "")
        for f in findings
    ]
    o.show({"findings": [f.to_json() for f in findings]}, as_json, lines)
    if any(f.state == "wrong" for f in findings):
        raise typer.Exit(1)


def _releases(place: Workplace, model: str | None) -> ArtifactStore:
    return place.stores.releases if model is None else place.releases_of(model)


def _open(releases: ArtifactStore, release_id: str) -> Release | ClickRelease:
    """Open a release as whoever uses it will."""
    path = releases.path(release_id)
    if releases.manifest(release_id).get("model_kind") == KIND:
        return open_click_release(path)
    Proofs(releases).require(release_id)
    return open_release(path)


def _list(store: ArtifactStore, as_json: bool) -> None:
    current, notes = store.current_id(), store.notes()
    facts = [_fact(store, artifact_id, current, notes) for artifact_id in store.ids()]
    o.show({f"{store.kind}s": facts, "current": current}, as_json, _table(store, facts))


def _fact(
    store: ArtifactStore, artifact_id: str, current: str | None, notes: Mapping[str, str]
) -> dict[str, Any]:
    return {
        "id": artifact_id,
        "serves": artifact_id == current,
        "served": artifact_id in notes,
        "note": notes.get(artifact_id) or None,
        **facts_of(store, artifact_id),
    }


def _table(store: ArtifactStore, facts: Sequence[dict[str, Any]]) -> list[str]:
    lines = []
    for fact in facts:
        built = datetime.fromtimestamp(fact.get("built_at_ms", 0) / 1e3, UTC)
        told = f"{fact['documents']:,} documents" if "documents" in fact else _told(fact)
        mark = "*" if fact["serves"] else " "
        lines.append(f"{mark} {fact['id']}  {built:%Y-%m-%d %H:%M}  {told}".rstrip())
        if not fact.get("gate", {}).get("passed", True):
            lines += [f"    {reason}" for reason in fact["gate"]["reasons"]]
    return lines or [f"no {store.kind} under {store.root}"]


def _told(release: Mapping[str, Any]) -> str:
    """A release's metrics, its verdict, what was noted of it."""
    ranked = release.get("metrics", {}).get("ranked", {})
    told = [" ".join(f"{name} {value[0]:.4f}" for name, value in ranked.items())]
    if "gate" in release:
        told.append("gate: passed" if release["gate"]["passed"] else "gate: kept back")
    if release["note"]:
        told.append(release["note"])
    return "  ".join(part for part in told if part)
