"""The door of a service: ids come in, and only pseudonyms go into what is asked, told and kept.

Experiments alone draw by the id itself (`SearchRequest.unit`): two processes that meet a stranger
at once, or that share no store, know them by two pseudonyms.

A search never waits long for who somebody is. Where the store does not say, the searcher counts as
a stranger and nothing of them is logged by any name; the answer says so in `degraded`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from app.corpus.pseudonyms import Pseudonyms, names_of, renamed
from app.domain.errors import ServerError
from app.query.understand import SearchRequest, check_person

log = logging.getLogger(__name__)

PATIENCE_S = 0.25
THREADS = 2
MISSING = "identity:unavailable"

Find = Callable[[Sequence[str]], Mapping[str, str]]


class Door:
    """One process's way from ids to pseudonyms. Lives as long as the service."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self.pseudonyms = pseudonyms
        self._threads = ThreadPoolExecutor(THREADS, "door")

    def start(self) -> None:
        self.pseudonyms.start()

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.pseudonyms.close()

    async def searcher(
        self, asked: SearchRequest, is_logged: bool
    ) -> tuple[SearchRequest, tuple[str, ...]]:
        """Return the search by pseudonyms, and what is missing from it.

        A stranger whose search will be logged is given a pseudonym. Raises InvalidQuery.
        """
        check_person(asked)
        names = names_of(asked.user_id, asked.client_id)
        if not names:
            return asked, ()
        asked = replace(asked, unit=names[0])  # each process may know them by another pseudonym
        found: Mapping[str, str] | None = self.pseudonyms.recall(names)
        if found is None:
            found = await self._ask(
                self.pseudonyms.meet if is_logged else self.pseudonyms.lookup, names
            )
        if found is None:
            return replace(asked, user_id=None, client_id=None), (MISSING,)
        return renamed(asked, found), ()

    async def _ask(self, find: Find, names: Sequence[str]) -> Mapping[str, str] | None:
        """Ask the store on a thread; None where it does not answer in time."""
        if not self.pseudonyms.is_current:
            return None  # it was down half a second ago: no search waits to hear so again
        call = asyncio.get_running_loop().run_in_executor(self._threads, find, names)
        try:
            return await asyncio.wait_for(call, PATIENCE_S)
        except (TimeoutError, ServerError) as error:
            log.warning("a searcher counts as a stranger: %s", error or "no answer in time")
            return None
