"""What is measured: latency at a quiet rate, the highest rate that holds, and swaps under load."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import orjson
from service_load import Phase, arrivals, in_turn, load, post
from service_releases import LIFT, floor_of, lifted
from service_site import LOCAL, NOTHING, REMOTE, Site
from speed_catalogue import Asked

from app.snapshot.stores import Stores

STEP = 1.2  # a rate to the next higher one
SWAPPING, STILL = "with swaps", "without"


@dataclass(frozen=True, slots=True)
class Plan:
    """How long everything takes."""

    compared: int  # queries whose scores are compared to the bit
    warm: int  # requests to each service before anything is timed
    rounds: int  # of latency phases, each service once a round
    seconds: float  # of such a phase
    climbs: int  # to each service's capacity
    step_s: float  # at each rate on the way up
    pairs: int  # of phases with swaps and without
    swaps: int  # in a phase
    requests: int  # in a phase
    rate: float = 0.0
    swap_rate: float = 0.0
    limit_ms: float = 0.0

    def at(self, rate: float, swap_rate: float, limit_ms: float) -> Plan:
        return replace(self, rate=rate, swap_rate=swap_rate, limit_ms=limit_ms)


WHOLE = Plan(200, 300, 9, 10.0, 3, 5.0, 5, 20, 4_000)
QUICK = Plan(20, 60, 2, 3.0, 1, 2.0, 1, 3, 150)


@dataclass(frozen=True, slots=True)
class Taken:
    """One phase, whose it was, and what was done meanwhile."""

    arm: str
    turn: int
    phase: Phase
    swaps_ms: tuple[float, ...] = ()


class Bench:
    """Running services and what to ask them."""

    def __init__(
        self, site: Site, plan: Plan, asked: Sequence[bytes], order: random.Random
    ) -> None:
        self.site, self.plan, self.asked, self.order = site, plan, asked, order

    async def warm(self) -> None:
        for arm in (LOCAL, REMOTE, NOTHING):
            await self._phase(arm, self.plan.warm, self.plan.rate)

    async def latency(self) -> list[Taken]:
        """Each service once a round, in an order drawn anew."""
        taken = []
        for turn in range(self.plan.rounds):
            for arm in self.order.sample((LOCAL, REMOTE, NOTHING), 3):
                count = int(self.plan.rate * self.plan.seconds)
                taken.append(Taken(arm, turn, await self._phase(arm, count, self.plan.rate)))
        return taken

    async def alone(self) -> list[Taken]:
        """As latency, but one request at a time: nothing waits, and no processor grows cold."""
        taken = []
        for turn in range(self.plan.rounds):
            for arm in self.order.sample((LOCAL, REMOTE, NOTHING), 3):
                requests = self.order.choices(self.asked, k=int(self.plan.rate * self.plan.seconds))
                check = _only_status if arm == NOTHING else trouble_with
                phase = await in_turn(self.site.ports[arm], requests, check)
                taken.append(Taken(arm, turn, phase))
        return taken

    async def capacity(self) -> list[Taken]:
        """Climb until p99 is above the limit or a request fails; each service once a turn."""
        taken = []
        for turn in range(self.plan.climbs):
            for arm in self.order.sample((LOCAL, REMOTE), 2):
                taken += await self._climb(arm, turn)
        return taken

    async def swaps(self) -> list[Taken]:
        """Phases with swaps and without take turns; each swap is to a release never seen before."""
        store = Stores.under(self.site.data, self.site.models, "lambdarank").releases
        current = store.current_id()
        assert current is not None
        waiting = lifted(store, current, self.plan.pairs * self.plan.swaps)
        taken = []
        for turn in range(self.plan.pairs):
            for arm in self.order.sample((SWAPPING, STILL), 2):
                mine = [waiting.pop() for _ in range(self.plan.swaps if arm == SWAPPING else 0)]
                taken.append(await self._swapped(arm, turn, mine))
        return taken

    async def _climb(self, arm: str, turn: int) -> list[Taken]:
        taken, rate = [], self.plan.rate
        while True:
            phase = await self._phase(arm, int(rate * self.plan.step_s), rate)
            taken.append(Taken(arm, turn, phase))
            if phase.troubles or phase.at(99) > self.plan.limit_ms:
                return taken
            rate *= STEP

    async def _swapped(self, arm: str, turn: int, releases: Sequence[str]) -> Taken:
        rate, count = self.plan.swap_rate, self.plan.requests
        asking = asyncio.create_task(self._phase(REMOTE, count, rate))
        lasts, swaps_ms = count / rate, list[float]()
        started = time.monotonic()
        for number, release_id in enumerate(releases):
            due = started + lasts * (number + 0.5) / len(releases)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            swaps_ms.append(await self._activate(release_id))
        return Taken(arm, turn, await asking, tuple(swaps_ms))

    async def _activate(self, release_id: str) -> float:
        request = post(f"/v1/releases/{release_id}/activate?force=true", {})
        port = self.site.ports[REMOTE]
        phase = await load(port, [request], np.zeros(1), 1.0, _only_status)
        if phase.troubles:
            raise RuntimeError(f"{release_id} was not activated: {phase.troubles[0]}")
        return phase.latencies_ms[0]

    async def _phase(self, arm: str, count: int, rate: float) -> Phase:
        requests = self.order.choices(self.asked, k=count)
        check = _only_status if arm == NOTHING else trouble_with
        due = arrivals(count, rate, self.order)
        return await load(self.site.ports[arm], requests, due, rate, check)


def bodies(asked: Sequence[Asked]) -> list[bytes]:
    """Write searches out as they go over the wire."""
    return [post("/v1/search", _body(one)) for one in asked]


def _body(one: Asked) -> dict[str, Any]:
    request = one.request
    body: dict[str, Any] = {"query": request.text, "user_id": request.user_id}
    if request.origin is not None:
        body["location"] = {"lat": request.origin.lat, "lon": request.origin.lon}
    return body


def _only_status(status: int, body: bytes) -> str | None:
    return None if status == 200 else f"{status} {body[:200].decode('utf-8', 'replace')}"


def trouble_with(status: int, body: bytes) -> str | None:
    """Say what is wrong with an answer: an error, a part missing, scores of two releases."""
    if status != 200:
        return _only_status(status, body)
    answer = orjson.loads(body)
    if answer["degraded"] or answer["release_id"] is None:
        return f"degraded {answer['degraded']}, release {answer['release_id']}"
    floor = floor_of(answer["release_id"])
    strange = [r["score"] for r in answer["results"] if abs(r["score"] - floor) > LIFT / 2]
    return f"release {answer['release_id']} and scores {strange[:3]}" if strange else None
