"""Suggestions in process: how long a keystroke takes at a million texts, what building them takes.

    python benchmarks/suggest.py [--texts 1000000] [--calls 2000]

Draws texts (Chinese, English and mixed, popular by Zipf's law, typed in 400 areas), builds what the
tables would hold, maps it from disk, and types beginnings of them: by characters, pinyin, initials,
both mixed, with a slip, and nothing, with and without a place. Beside it, for beginnings of
letters alone, a sorted list with bisect and heapq.nlargest. Prints and writes results/suggest.json.
"""

from __future__ import annotations

import heapq
import random
import resource
import shutil
import tempfile
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from results_file import write

from app.corpus.completions import Completions
from app.corpus.pinyin import initials, keys
from app.corpus.ragged import Ragged
from app.domain.query import GeoPoint
from app.domain.user import UserState
from app.query.suggest import Asker, best_of, from_queries
from app.snapshot.suggested import MOST_HERE, SuggestedQueries, area_of

SEED = 7
LIMIT = 10
MUST_MS = 5.0  # at the 99th percentile
SIDE = 20  # areas from south to north, and from west to east
HAN = (
    "火锅海底捞川菜烧烤咖啡奶茶酒店手机无线耳机电脑运动鞋牛肉面日本料理亲子乐园温泉花"
    "园湖畔星光老灶重庆北京上海西湖公园超市水果蛋糕甜品宠物美发健身房书店"
)
WORDS = (
    "coffee", "garden", "hotel", "iphone", "wireless", "headphone", "noodle", "pizza",
    "starlight", "running", "shoes", "tea",
)  # fmt: skip
ALPHABET = "abcdefghijklmnopqrstuvwxyz"


def main(
    texts: Annotated[int, typer.Option(help="Texts that may be suggested.")] = 1_000_000,
    calls: Annotated[int, typer.Option(help="Calls of each kind.")] = 2_000,
) -> None:
    """Measure, print the table, keep the samples."""
    chance = random.Random(SEED)
    drawn = _draw(texts, chance)
    folder = Path(tempfile.mkdtemp())
    try:
        rows = _build(drawn, folder / "suggest")
        queries = SuggestedQueries.open(folder / "suggest")
        assert queries is not None
        found, samples = _ask(queries, drawn, calls, chance)
    finally:
        shutil.rmtree(folder)
    slowest = max(row["p99"] for row in found)
    print(f"p99 of the slowest kind {slowest:.2f} ms, must be <= {MUST_MS:g}: "
          + ("yes" if slowest <= MUST_MS else "NO"))  # fmt: skip
    print(f"written: {write('suggest', rows + found, samples)}")


def _draw(n: int, chance: random.Random) -> list[str]:
    texts: dict[str, None] = {}
    while len(texts) < n:
        han = "".join(chance.choices(HAN, k=chance.randint(2, 7)))
        word = chance.choice(WORDS) + "".join(chance.choices(ALPHABET, k=chance.randint(0, 4)))
        both = (han, f"{chance.choice(WORDS)} {word}", f"{han} {word}", word)
        texts[chance.choices(both, (6, 2, 1, 1))[0]] = None
    return list(texts)


def _build(texts: Sequence[str], path: Path) -> list[dict[str, Any]]:
    before, started = _peak_mib(), time.perf_counter()
    popularity = (1e5 / np.arange(1, len(texts) + 1)).astype(np.float32)
    weights = np.log1p(popularity) / np.log1p(popularity[0])
    completions = Completions.build(texts, texts, weights)
    areas, local = _areas(len(texts))
    worth = popularity[local.values] / (SIDE * SIDE) + 1
    totals = np.append(np.add.reduceat(worth, local.offsets[:-1]), popularity.sum())
    people = np.ceil(popularity).astype(np.int32)
    SuggestedQueries(
        completions, people, people, popularity, areas,
        totals.astype(np.float32), local, worth, Ragged.pack([[]], np.int32),
    ).save(path)  # fmt: skip
    seconds = time.perf_counter() - started
    size = sum(f.stat().st_size for f in path.rglob("*")) / 2**20
    found = (
        ("build", seconds, "s"), ("on disk", size, "MiB"),
        ("more memory while building", _peak_mib() - before, "MiB"),
        ("keys", float(completions.entries.size), "keys"),
    )  # fmt: skip
    for case, ours, unit in found:
        print(f"{case:<28} {ours:12,.1f} {unit}")
    return [{"case": case, "ours": ours, "unit": unit} for case, ours, unit in found]


def _areas(n: int) -> tuple[Any, Ragged]:
    """Return areas around one point and what is typed in each: popular texts, and some others."""
    rng = np.random.default_rng(SEED)
    lat, lon = np.meshgrid(30 + 0.1 * np.arange(SIDE) + 0.05, 120 + 0.1 * np.arange(SIDE) + 0.05)
    areas = np.unique(area_of(lat.ravel(), lon.ravel()))
    most = min(MOST_HERE, n)
    lists = [np.unique((n * rng.random(most) ** 3).astype(np.int32)) for _ in areas]
    return areas, Ragged.pack([one.tolist() for one in lists], np.int32)


def _ask(
    queries: SuggestedQueries, texts: Sequence[str], calls: int, chance: random.Random
) -> tuple[list[dict[str, Any]], dict[str, list[float]]]:
    typed = _beginnings(texts, calls, chance)
    call = _caller(queries)
    plain = sorted(range(len(texts)), key=texts.__getitem__)
    ordered = [texts[i] for i in plain]
    work = [
        (kind, text, place)
        for kind, some in typed.items()
        for text in some
        for place in (None, GeoPoint(30 + 2 * chance.random(), 120 + 2 * chance.random()))
    ]
    chance.shuffle(work)
    samples: dict[str, list[float]] = {}
    for _, text, place in work[:200]:
        call(text, place)
    for kind, text, place in work:
        case = f"{kind}, placed" if place else kind
        started, worked = time.perf_counter_ns(), time.thread_time_ns()
        call(text, place)
        taken = time.perf_counter_ns() - started, time.thread_time_ns() - worked
        for name, ns in zip((case, f"{case}, cpu"), taken, strict=True):
            samples.setdefault(name, []).append(round(ns / 1e6, 4))
        if kind == "letters" and place is None:
            started = time.perf_counter_ns()
            _bisected(ordered, plain, text)
            taken = round((time.perf_counter_ns() - started) / 1e6, 4)
            samples.setdefault("bisect and nlargest", []).append(taken)
    peer = samples.pop("bisect and nlargest")
    rows = [
        _row(case, samples, peer if case == "letters" else None)
        for case in sorted(samples) if not case.endswith("cpu")
    ]  # fmt: skip
    return rows, {**samples, "bisect and nlargest": peer}


def _caller(queries: SuggestedQueries) -> Callable[[str, GeoPoint | None], Any]:
    def call(text: str, place: GeoPoint | None) -> Any:
        asker = Asker(UserState.stranger(None), (0,), place)
        return best_of(text, [from_queries(queries, asker)], LIMIT)

    return call


def _beginnings(texts: Sequence[str], calls: int, chance: random.Random) -> dict[str, list[str]]:
    """Return what is typed of texts drawn at random, one to six letters or characters."""
    han = [t for t in texts[: 20 * calls] if not t.isascii()]
    latin = [t for t in texts[: 40 * calls] if t.isascii()]

    def cut(text: str, least: int = 1) -> str:
        return text[: chance.randint(least, 6)]

    some = [chance.choice(han) for _ in range(calls)]
    words = [chance.choice(latin) for _ in range(calls)]
    return {
        "nothing": [""] * (calls // 10),
        "characters": [cut(t) for t in some],
        "pinyin": [cut(keys(t)[0]) for t in some],
        "initials": [cut(initials(t)[0]) for t in some],
        "mixed": [t[:1] + cut(keys(t[1:])[0]) for t in some],
        "letters": [cut(t) for t in words],
        "a slip": [_slipped(cut(t, 4), chance) for t in words],
    }


def _slipped(text: str, chance: random.Random) -> str:
    at = chance.randrange(len(text))
    return text[:at] + chance.choice(ALPHABET) + text[at + chance.randint(0, 1) :]


def _bisected(ordered: Sequence[str], ranks: Sequence[int], text: str) -> list[int]:
    """The same question answered with the standard library: places are ranks of popularity."""
    low, high = bisect_left(ordered, text), bisect_left(ordered, text + "\U0010ffff")
    return heapq.nsmallest(LIMIT, ranks[low:high])


def _row(
    case: str, samples: Mapping[str, Sequence[float]], peer: Sequence[float] | None
) -> dict[str, Any]:
    p50, p99, worst = np.percentile(samples[case], [50, 99, 100]).tolist()
    cpu = float(np.percentile(samples[f"{case}, cpu"], 99))
    print(
        f"{case:<28} p50 {p50:7.3f}   p99 {p99:7.3f}   max {worst:7.3f} ms   p99 of cpu {cpu:6.3f}"
    )
    row = {"case": case, "ours": p50, "p99": p99, "max": worst, "p99_cpu": cpu, "unit": "ms"}
    if peer is not None:
        theirs = np.percentile(peer, [50, 99]).tolist()
        print(f"{'  bisect and nlargest':<28} p50 {theirs[0]:7.3f}   p99 {theirs[1]:7.3f} ms")
        row |= {"peer": theirs[1], "peer_name": "bisect and heapq", "ratio": theirs[1] / p99}
    return row


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    typer.run(main)
