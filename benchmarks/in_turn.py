"""Services asked the same searches in turn, a block each in an order drawn anew, by one caller."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
from served import Service, client_of

from app.offline.trec import Topic

SEED = 7
BLOCK = 100
WARM = 100
QUIET_S = 0.5
"""Between blocks: what the one before left to be written is not charged to the next."""


def linked(data: Path, folder: Path) -> Path:
    """The same artifacts under a folder that has no log yet."""
    folder.mkdir()
    for kind in ("snapshots", "tables"):
        (folder / kind).symlink_to((data / kind).resolve())
    return folder


def ask_in_turn(
    services: Mapping[str, Service], topics: Sequence[Topic], rounds: int
) -> tuple[dict[str, list[list[float]]], dict[str, list[float]]]:
    """Milliseconds waited for each request, by gateway and block, and processor time of a block.

    The same queries in the same block.
    """
    rng = random.Random(SEED)
    taken: dict[str, list[list[float]]] = {name: [] for name in services}
    spent: dict[str, list[float]] = {name: [] for name in services}
    with ExitStack() as stack:
        clients = {n: stack.enter_context(client_of(s.url)) for n, s in services.items()}
        for client in clients.values():
            _ask(client, rng.choices(topics, k=WARM))
        time.sleep(QUIET_S)
        for _ in range(rounds):
            block = rng.choices(topics, k=BLOCK)
            for name in rng.sample(sorted(services), k=len(services)):
                before = services[name].spent_ms()
                taken[name].append(_ask(clients[name], block))
                time.sleep(QUIET_S)
                spent[name].append(services[name].spent_ms() - before)
    return taken, spent


def _ask(client: httpx.Client, topics: Sequence[Topic]) -> list[float]:
    taken = []
    for topic in topics:
        asked: dict[str, Any] = {"q": topic.text, "limit": 10}
        if topic.user_id is not None:
            asked["user_id"] = topic.user_id
        started = time.perf_counter()
        answer = client.get("/v1/search", params=asked)
        taken.append((time.perf_counter() - started) * 1e3)
        answer.raise_for_status()
        if answer.json()["release_id"] is None:
            raise SystemExit("fused order was served: publish a release first, see duolu doctor")
    return taken
