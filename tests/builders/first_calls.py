"""A service's first call of every kind, and what still had to be compiled or loaded for it.

    python -m tests.builders.first_calls DATA [remote]

With `remote` a ranker service ranks, in the same process.

Prints one JSON object: of each call that was the first to use a compiled loop with such arguments,
which loops. A process of its own, for in one that did anything else before nothing is first.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import orjson
from numba.core.dispatcher import Dispatcher

from tests.builders.requests import NOW_MS
from tests.builders.servers import gateway, ranker
from tests.builders.waiting import until

CLICK = {"action_name": "click", "timestamp": NOW_MS, "user_id": "u1"}
PLACE = {"lat": 31.2, "lon": 121.45}
Call = Callable[[httpx.Client], httpx.Response]


def searching(**body: object) -> Call:
    return lambda client: client.post("/v1/search", json=body)


def changing(call: Call) -> Call:
    """Change something, and search for it once searches see it."""

    def change(client: httpx.Client) -> httpx.Response:
        seq = call(client).raise_for_status().json()["seq"]
        search = searching(query="火锅 tea", user_id="u1")
        until(lambda: search(client).json()["log_seq"] >= seq)
        return search(client)

    return change


def calls() -> Iterator[tuple[str, Call]]:
    yield "search", searching(query="火锅", user_id="u1", location=PLACE)
    yield "correct", searching(query="gadren 获锅 huoguo")
    yield "named and bound", searching(query="火锅 under 100", location=PLACE)
    yield "filter", searching(query="garden", filters={"price": {"lte": 100}, "category": ["火锅"]})
    yield "none of", searching(query="garden", filters={"not": {"category": ["火锅"]}})
    yield "facets", searching(query="火锅", facets=["category", "price", "in_stock"])
    yield "facets of all", searching(query="", facets=["category", "tags"])
    yield "sort", searching(query="garden", sort=["-price"])
    yield "sort by distance", searching(query="garden", sort=["distance"], location=PLACE)
    yield "group", searching(query="garden", group_by="category")
    yield "highlights", searching(query="garden", highlights=True)
    yield "why", searching(query="garden", explain=True)
    yield "why not", lambda c: c.post("/v1/explain", json={"query": "garden", "id": "d7"})
    yield "next page", searching(query="garden", offset=5)
    yield "nothing typed", searching(user_id="u1")
    yield "suggest", lambda c: c.get("/v1/suggest", params={"q": "hg", **PLACE})
    yield "trending", lambda c: c.get("/v1/trending")
    yield "event", lambda c: c.post("/v1/events", json=event("d7"))
    yield "after an event", searching(query="garden", user_id="u1")
    yield "put", changing(lambda c: c.put("/v1/documents/new", json={"title": "火锅 tea garden"}))
    yield "patch", changing(lambda c: c.patch("/v1/documents/d7", json={"price": 3.5}))
    yield "delete", changing(lambda c: c.delete("/v1/documents/d8"))
    yield "facets of changes", searching(query="", facets=["category", "price"])
    yield "group of changes", searching(query="garden", group_by="category")
    yield "sort of changes", searching(query="garden", sort=["-price"])
    yield "correct beside changes", searching(query="gadren under 100", location=PLACE)
    yield "why beside changes", searching(query="garden", explain=True)


def event(document: str) -> dict[str, object]:
    return CLICK | {"event_id": "first", "event_attributes": {"object": {"object_id": document}}}


def compiled() -> set[tuple[str, str]]:
    """Every loop that is ready, with the arguments it is ready for."""
    return {
        (f"{held.py_func.__module__}:{held.py_func.__qualname__}", str(arguments))
        for name, module in [*sys.modules.items()]
        if name.startswith("app.")
        for held in vars(module).values()
        if isinstance(held, Dispatcher)
        for arguments in held.signatures
    }


def main(data: Path, is_remote: bool) -> dict[str, list[tuple[str, str]]]:
    with ExitStack() as held:
        overrides = []
        if is_remote:
            service = held.enter_context(ranker(data))
            until(lambda: service.get("/readyz").is_success)
            overrides.append(f"rank.url=http://{service.base_url.netloc.decode()}")
        client = held.enter_context(gateway(data, *overrides))
        until(lambda: client.get("/readyz").is_success)
        return newly_compiled(client)


def newly_compiled(client: httpx.Client) -> dict[str, list[tuple[str, str]]]:
    found, before = {}, compiled()
    for name, call in calls():
        call(client).raise_for_status()
        now = compiled()
        if now - before:
            found[name] = sorted(now - before)
        before = now
    return found


if __name__ == "__main__":
    said = main(Path(sys.argv[1]), is_remote="remote" in sys.argv[2:])
    sys.stdout.buffer.write(orjson.dumps(said))
