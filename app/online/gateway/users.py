"""DELETE /v1/users/{id}: who somebody is, destroyed at once; the rest follows within a day."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Sequence

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.corpus.identity import digest_of
from app.corpus.people_store import PeopleStore
from app.domain.errors import StateUnavailable
from app.domain.user import client_alias, user_alias
from app.online.access import refuse_foreign_page, require_key
from app.online.gateway.behaviour import Behaviour
from app.online.json_body import JSON, to_json
from app.online.service import Service, service_of
from app.online.telemetry import note
from app.query.understand import SearchRequest, check_person
from app.snapshot.asking import devices_of
from app.snapshot.tables import Tables

log = logging.getLogger(__name__)

router = APIRouter(default_response_class=Response)


@router.delete("/v1/users/{user_id:path}")
async def forget_user(request: Request, user_id: str) -> Response:
    """Forget somebody and the devices known as theirs alone. Durable before the answer.

    Twice is once: who is not known is not known.
    """
    service = service_of(request)
    require_key(request, service.key)
    refuse_foreign_page(request, service.settings.service.cors_origins)
    check_person(SearchRequest(user_id=user_id))
    behaviour: Behaviour = request.app.state.behaviour
    gone = await _forget(service, behaviour, user_id)
    degraded = await behaviour.beside(_drop, behaviour.people, gone)
    note(request.scope, forgotten=len(gone), degraded=degraded)
    later = service.settings.retention.deletion_begins_after_minutes
    body = {"known": bool(gone), "degraded": degraded, "deletion_begins_after_minutes": later}
    return Response(to_json(body), media_type=JSON)


async def _forget(service: Service, behaviour: Behaviour, user_id: str) -> Sequence[str]:
    """Destroy the mapping; return the pseudonyms that are nobody's now."""
    door, names = service.door.pseudonyms, [user_alias(user_id)]
    found = await behaviour.beside(door.lookup, names)
    devices: list[str] = []
    if names[0] in found:
        serving = service.engine.serving
        tables = serving.tables if serving is not None else Tables.empty(0)
        devices = await devices_of(service.engine.people, tables, found[names[0]])
    gone: Sequence[str] = await behaviour.beside(
        door.forget, names, int(time.time() * 1e3), devices
    )
    return gone


def _drop(people: PeopleStore, gone: Sequence[str]) -> list[str]:
    """Destroy what is known of their last moments. What fails is deleted with the rest."""
    try:
        people.drop([alias for p in gone for alias in (user_alias(p), client_alias(p))])
    except StateUnavailable as error:
        log.warning("the last moments of somebody forgotten stay in Redis for now: %s", error)
        return ["state:unavailable"]
    return []


def follow(service: Service, behaviour: Behaviour) -> None:
    """Destroy here too the last moments of whoever was forgotten by another process."""

    def heard(digests: Collection[str]) -> None:
        pseudonyms = {alias.partition(":")[2] for alias in behaviour.people.aliases()}
        _drop(behaviour.people, [p for p in pseudonyms if digest_of(p) in digests])

    service.door.pseudonyms.heard = heard
