"""Where live behaviour is kept: in this process, or in Redis for several gateways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from app.corpus.own_people import OwnPeople
from app.domain.errors import InvalidInput
from app.domain.live import Action, LivePeople, Position


class PeopleStore(LivePeople, Protocol):
    """OwnPeople or SharedPeople, as a follower of the event log fills it."""

    def position(self) -> Position | None: ...
    def restart(self, since: int) -> None: ...
    def add(self, actions: Sequence[Action], after: int, seq: int) -> None: ...
    def forget(self, up_to: int) -> None: ...
    def clear(self) -> None: ...
    def drop(self, aliases: Sequence[str]) -> None: ...
    def aliases(self) -> list[str]: ...


def people_store(url: str | None, prefix: str, newest: int, timeout_ms: float) -> PeopleStore:
    """Make the store of a Redis URL, or one in memory. Raises InvalidInput."""
    if url is None:
        return OwnPeople(newest)
    try:
        from app.corpus.shared_people import SharedPeople
    except ImportError:
        raise InvalidInput(
            "state.url needs redis; run: pip install 'duolu[redis]', or leave it out"
        ) from None
    return SharedPeople(url, prefix, newest, timeout_ms / 1e3)
