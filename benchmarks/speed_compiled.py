"""What would be left of everything else if Python took no time: the compiled calls, where they are.

Each compiled function that a module of ours holds by its name is put behind a clock, once all that
is asked has been compiled. Dispatch is counted with the call, and the clock adds 0.1 µs. Stages run
in turn with each other and with the bare engines, as those of speed_stages.py do.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from numba.core.registry import CPUDispatcher
from speed_stages import ENGINES, OTHERS, Request, Sample, Stages

BARE = ("bare threads", "bare tantivy", "bare faiss")


@dataclass(slots=True)
class Clock:
    """What calls took since it was last read."""

    ns: int = 0

    def read_us(self) -> float:
        us, self.ns = self.ns / 1e3, 0
        return us


@dataclass(frozen=True, slots=True)
class Clocked:
    """A compiled function that is called from Python. Other compiled code calls it without."""

    function: CPUDispatcher
    clock: Clock

    def __call__(self, *arguments: Any) -> Any:
        started = time.perf_counter_ns()
        result = self.function(*arguments)
        self.clock.ns += time.perf_counter_ns() - started
        return result


@contextmanager
def behind(clock: Clock) -> Iterator[None]:
    """Clock this process's compiled calls meanwhile."""
    held = [
        (module, name, value)
        for module in list(sys.modules.values())
        if getattr(module, "__name__", "").startswith("app.")
        for name, value in list(vars(module).items())
        if isinstance(value, CPUDispatcher)
    ]
    for module, name, value in held:
        setattr(module, name, Clocked(value, clock))
    try:
        yield
    finally:
        for module, name, value in held:
            setattr(module, name, value)


def sample_compiled(
    stages: Stages, requests: Sequence[Request], rounds: int, seed: int
) -> list[list[Sample]]:
    """Return for each query its samples: of each stage what was compiled, of the bare calls all."""
    order = random.Random(seed)
    for request in requests:
        stages.measure(request, order)  # so that nothing is left to compile
    clock = Clock()
    samples: list[list[Sample]] = [[] for _ in requests]
    with behind(clock):
        for _ in range(rounds):
            places = list(range(len(requests)))
            order.shuffle(places)
            for at in places:
                samples[at].append(_measured(stages, requests[at], clock, order))
    return samples


def _measured(stages: Stages, request: Request, clock: Clock, order: random.Random) -> Sample:
    steps = list(stages.steps(request).items())
    order.shuffle(steps)
    sample: Sample = {}
    for name, step in steps:
        clock.read_us()
        whole = step()
        sample[name] = whole if name.startswith("bare ") else clock.read_us()
    sample["others"] = sum(
        us for name, us in sample.items() if name.startswith("channel ") and name not in ENGINES
    )
    return {name: us for name, us in sample.items() if name in (*OTHERS, *BARE)}
