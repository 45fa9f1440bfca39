"""The client for ordinary programs: every call waits for its answer."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import httpx

from app.client import answers, calls
from app.client.calls import Call
from app.client.errors import CallFailed
from app.client.options import SearchOptions
from app.client.retrying import USUAL, Retries

T = TypeVar("T")
Json = Mapping[str, Any]

URL = "http://127.0.0.1:8000"
IDLE_S = 3.0
"""The service hangs up on idle connections after 5 s; we do so before."""


class Client:
    """One service. Threads may share it; close it, or use it as a context."""

    def __init__(
        self,
        url: str = URL,
        *,
        key: str | None = None,
        timeout_s: float = 10.0,
        retries: Retries = USUAL,
        trust_env: bool = True,
    ) -> None:
        """`key` is the service's DUOLU_KEY; `timeout_s` of each attempt. `trust_env`: proxies."""
        self._http = httpx.Client(**settings(url, key, timeout_s, trust_env=trust_env))
        self._retries = retries
        self._random = random.Random()

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()

    def search(self, query: str = "", **options: Unpack[SearchOptions]) -> answers.Answer:
        """Search. Every call raises one of `app.client.errors` where it does not succeed."""
        return self._ask(calls.search(query, options))

    def pages(self, query: str = "", **options: Unpack[SearchOptions]) -> Iterator[answers.Answer]:
        """Yield page after page of one search, as it stood at the first, while there are more.

        Of a relaxed search (`answer.query["relaxed"]`) the first alone: ask for others by `offset`.
        """
        page = self.search(query, **options)
        yield page
        while page.next_cursor is not None:
            page = self.search(query, **after(options, page.next_cursor))
            yield page

    def results(
        self, query: str = "", **options: Unpack[SearchOptions]
    ) -> Iterator[answers.Result]:
        """Yield the results of all pages; `limit` says how many a page has.

        Of a relaxed search those of the first alone, as `pages`.
        """
        for page in self.pages(query, **options):
            yield from page.results

    def explain(
        self,
        query: str,
        document_id: str,
        compare: str | None = None,
        **options: Unpack[SearchOptions],
    ) -> answers.Explained:
        """Say what became of a document in a search, and what sets it apart from another."""
        return self._ask(calls.explain(query, document_id, compare, options))

    def trace(self, request_id: str) -> Json:
        """Return what was recorded of a search."""
        return self._ask(calls.trace(request_id))

    def suggest(
        self,
        text: str = "",
        *,
        user_id: str | None = None,
        client_id: str | None = None,
        location: tuple[float, float] | None = None,
        limit: int | None = None,
    ) -> tuple[answers.Suggestion, ...]:
        """Complete what was typed so far; nothing typed: what is searched at this place."""
        given = {"user_id": user_id, "client_id": client_id, "limit": limit}
        return self._ask(calls.suggest(text, location, given))

    def trending(
        self,
        *,
        location: tuple[float, float] | None = None,
        category: str | None = None,
        limit: int | None = None,
    ) -> answers.Trending:
        """Return queries and documents that rise."""
        return self._ask(calls.trending(location, {"category": category, "limit": limit}))

    def get_document(self, document_id: str) -> answers.Stored:
        return self._ask(calls.get_document(document_id))

    def put_document(
        self,
        document_id: str,
        document: Json,
        *,
        if_match: str | None = None,
        must_be_new: bool = False,
    ) -> answers.Stored:
        """Write a whole document; it is on disk when this returns."""
        call = calls.put_document(document_id, document, if_match, must_be_new=must_be_new)
        return self._ask(call)

    def patch_document(
        self, document_id: str, keys: Json, *, if_match: str | None = None
    ) -> answers.Stored:
        """Replace some keys; None takes one away."""
        return self._ask(calls.patch_document(document_id, keys, if_match))

    def delete_document(self, document_id: str, *, if_match: str | None = None) -> answers.Stored:
        return self._ask(calls.delete_document(document_id, if_match))

    def put_documents(self, documents: Iterable[Json]) -> answers.Bulk:
        """Write many, each with its `id`, in bodies of a thousand; bad ones are named."""
        done, sent = answers.Bulk(), 0
        for lines, call in calls.put_documents(documents):
            done = done.and_then(self._ask(call), sent)
            sent += lines
        return done

    def add_events(self, events: Iterable[Json]) -> list[answers.Appended]:
        """Write what people did, UBI 1.3; what has no `event_id` gets one."""
        return [self._ask(call) for call in calls.add_events(events)]

    def click(
        self,
        request_id: str,
        document_id: str,
        *,
        rank: int | None = None,
        user_id: str | None = None,
        client_id: str | None = None,
    ) -> None:
        """Say that somebody opened a result of a search."""
        who = {"user_id": user_id, "client_id": client_id}
        self.add_events([calls.click(request_id, document_id, rank, now_ms(), who)])

    def forget(self, user_id: str) -> Json:
        """Forget somebody."""
        return self._ask(calls.forget(user_id))

    def releases(self) -> answers.Listed:
        return self._ask(calls.releases())

    def snapshots(self) -> answers.Listed:
        return self._ask(calls.snapshots())

    def activate(self, release_id: str, *, force: bool = False) -> Json:
        """Rank with this release from now on; `force` overrules the gate."""
        return self._ask(calls.activate(release_id, force=force))

    def health(self) -> answers.Health:
        """Say whether a verified snapshot serves."""
        return self._ask(calls.health())

    def _ask(self, call: Call[T]) -> T:
        attempt = 0
        while True:
            try:
                return self._send(call)
            except CallFailed as error:
                wait_s = self._retries.wait_s(attempt, error, self._random.random())
                if wait_s is None:
                    raise
            time.sleep(wait_s)
            attempt += 1

    def _send(self, call: Call[T]) -> T:
        try:
            response = self._http.request(
                call.method, call.path, params=call.params, content=call.body, headers=call.headers
            )
        except httpx.TransportError as error:
            raise calls.unanswered(error, str(self._http.base_url)) from error
        return calls.answered(call, response)


def settings(url: str, key: str | None, timeout_s: float, *, trust_env: bool) -> dict[str, Any]:
    """Return what httpx is told, here as there."""
    return {
        "base_url": url,
        "headers": {} if key is None else {"Authorization": f"Bearer {key}"},
        "timeout": timeout_s,
        "limits": httpx.Limits(keepalive_expiry=IDLE_S),
        "trust_env": trust_env,
    }


def after(options: SearchOptions, cursor: str) -> SearchOptions:
    """Return the options of the page behind: the cursor knows the offset."""
    rest: SearchOptions = {**options, "cursor": cursor}
    rest.pop("offset", None)
    return rest


def now_ms() -> int:
    return time.time_ns() // 1_000_000
