"""One call of the box that people type into: who asks, then what they may be about to type."""

from __future__ import annotations

import time
from dataclasses import dataclass

from app.domain.errors import InvalidQuery
from app.domain.live import LivePeople
from app.pipeline.serving import Serving
from app.query.suggest import Asker, Suggestion, suggest
from app.query.understand import SearchRequest, check_person, check_place, check_text
from app.snapshot.asking import who_asks
from app.snapshot.people import user_state

MOST = 50


@dataclass(frozen=True, slots=True)
class Suggested:
    """An answer, with the versions that gave it."""

    suggestions: list[Suggestion]
    snapshot_id: str
    tables_id: str | None
    missing: tuple[str, ...]  # what could not be found out about who asks
    took_ms: float


def check_suggest(request: SearchRequest) -> None:
    """Check every limit of a call by its text, person, place and limit. Raises InvalidQuery."""
    check_text(request)
    check_person(request)
    check_place(request)
    if not 1 <= request.limit <= MOST:
        raise InvalidQuery("limit", request.limit, f"between 1 and {MOST}", "ask for fewer")


async def answer_suggest(
    request: SearchRequest,
    serving: Serving,
    live: LivePeople | None,
    newest: int,
    now_ms: int,
    missing: tuple[str, ...] = (),
) -> Suggested:
    """Answer one call, by pseudonyms. `newest` interactions of a person count. A millisecond."""
    started = time.perf_counter()
    check_suggest(request)
    snapshot, tables = serving.snapshot, serving.tables
    person, lacking = await who_asks(live, tables, request.user_id, request.client_id, newest)
    user = user_state(person, tables, snapshot.documents, now_ms)
    asker = Asker(user, person.known, request.origin)
    found = suggest(request.text, asker, snapshot, tables, request.limit)
    took_ms = (time.perf_counter() - started) * 1e3
    return Suggested(found, snapshot.id, tables.id, (*missing, *lacking), took_ms)
