"""Administration: what is published, and which release ranks. Needs the key where one is set."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.bootstrap import Engine
from app.domain.errors import DuoluError
from app.online.access import refuse_foreign_page, require_key
from app.online.json_body import JSON, to_json
from app.online.service import service_of
from app.rank.release import publish_by_hand
from app.snapshot.facts import facts_of
from app.snapshot.store import ArtifactStore

router = APIRouter(default_response_class=Response)


@router.get("/v1/snapshots")
async def snapshots(request: Request) -> Response:
    """List snapshots, newest first, and say which one serves."""
    service = service_of(request)
    require_key(request, service.key)
    engine = service.engine
    serving = engine.serving.snapshot.id if engine.serving else None
    body = await asyncio.to_thread(_listing, engine, engine.stores.snapshots, serving)
    return Response(to_json(body), media_type=JSON)


@router.get("/v1/releases")
async def releases(request: Request) -> Response:
    """List releases of the model that ranks, newest first, and say which one serves."""
    service = service_of(request)
    require_key(request, service.key)
    engine = service.engine
    serving = engine.serving.release_id if engine.serving else None
    body = await asyncio.to_thread(_listing, engine, engine.stores.releases, serving)
    for entry in body["releases"]:
        entry["ready"] = engine.is_ready(entry["id"])
    body["standby"] = [
        {"name": n, "id": s.release_id, "ready": s.problem is None, "problem": s.problem}
        for n, s in engine.choosing.standby.states.items()
    ]
    return Response(to_json(body), media_type=JSON)


@router.get("/v1/releases/{release_id}")
async def release(request: Request, release_id: str) -> Response:
    """Tell of one release, with the report of its training as Markdown."""
    service = service_of(request)
    require_key(request, service.key)
    engine = service.engine
    serving = engine.serving.release_id if engine.serving else None
    body = await asyncio.to_thread(_release, engine, release_id, serving)
    return Response(to_json(body), media_type=JSON)


@router.post("/v1/releases/{release_id}/activate")
async def activate(request: Request, release_id: str, force: bool = False) -> Response:
    """Rank with this release from now on, in every process that follows the same models.

    One that the gate kept back needs `force`.
    """
    service = service_of(request)
    require_key(request, service.key)
    refuse_foreign_page(request, service.settings.service.cors_origins)
    try:
        body = await asyncio.to_thread(activate_release, service.engine, release_id, force)
    finally:
        service.describe()
    return Response(to_json(body), media_type=JSON)


def _listing(engine: Engine, store: ArtifactStore, serving: str | None) -> dict[str, Any]:
    """`published` is what the store points at; it differs from `serving` when refused."""
    entries = [_entry(engine, store, artifact_id, serving) for artifact_id in reversed(store.ids())]
    return {
        "serving": serving,
        "published": store.current_id(),
        "before": store.before(),
        f"{store.kind}s": entries,
    }


def _entry(
    engine: Engine, store: ArtifactStore, artifact_id: str, serving: str | None
) -> dict[str, Any]:
    """Tell of one artifact; a manifest that cannot be read is its problem, not the listing's."""
    problem = engine.attempts.problem_of(artifact_id)
    try:
        facts = facts_of(store, artifact_id)
    except DuoluError as error:
        facts, problem = {}, problem or str(error)
    return {"id": artifact_id, "serving": artifact_id == serving, "problem": problem, **facts}


def _release(engine: Engine, release_id: str, serving: str | None) -> dict[str, Any]:
    store = engine.stores.releases
    path = store.path(release_id)
    report = path / "report.md"
    return {
        **_entry(engine, store, release_id, serving),
        "ready": engine.is_ready(release_id),
        "report": report.read_text("utf-8") if report.is_file() else None,
    }


def activate_release(engine: Engine, release_id: str, force: bool) -> dict[str, Any]:
    """Open it first: a release that cannot serve is never pointed at, and says why."""
    store, serving = engine.stores.releases, engine.acquire()
    before = store.current_id()
    engine.choosing.names.owner(release_id)  # what nobody made is not remembered as refused
    engine.attempts.forget(release_id)
    held = engine.shelf.ready(release_id, serving.snapshot, serving.tables)
    publish_by_hand(store, held.release, force=force, remedy="to overrule it: ?force=true")
    engine.follow_release()
    return {
        "release_id": release_id,
        "previous_id": before,
        "snapshot_id": serving.snapshot.id,
        "serving": engine.acquire().release_id,  # the one before while the ranker is not ready
    }
