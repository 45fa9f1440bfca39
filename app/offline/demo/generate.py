"""Makes a demo: draws the city, lets people search in it, writes the files. Read this first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np

from app.domain.arrays import F32, I64
from app.domain.errors import InvalidInput
from app.offline.demo import catalogue, clicks, files, grades, queries, sessions, shown
from app.offline.demo.catalogue import DAY_MS, Documents
from app.offline.demo.chance import Stream, stream
from app.offline.demo.coinage import coin, vocabulary_size
from app.offline.demo.hard import Distortion
from app.offline.demo.rows import Renderer, id_of
from app.offline.demo.utility import attractiveness, utility
from app.offline.demo.visits import Visits, World, draw_visits
from app.offline.demo.vocabulary import Vocabulary
from app.offline.demo.world import build_world

_BLOCK = 5_000  # sessions rendered at a time


class Progress(Protocol):
    """Is told how far a stage came: (stage, done, total)."""

    def __call__(self, stage: str, done: int, total: int) -> None: ...


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """Everything that the files depend on: equal options give equal bytes."""

    documents: int = 20_000
    users: int = 2_000
    sessions: int = 50_000  # 0: no sessions.jsonl and no events.jsonl
    queries: int = 1_000  # held out; 0: no queries.jsonl and no qrels.txt
    days: int = 60
    until: datetime = datetime(2026, 11, 1, tzinfo=UTC)
    seed: int = 7

    def __post_init__(self) -> None:
        least = {"documents": 100, "users": 1, "sessions": 0, "queries": 0, "days": 1, "seed": 0}
        for name, lowest in least.items():
            if (value := getattr(self, name)) < lowest:
                raise InvalidInput(f"{name} is {value}; give at least {lowest}")
        if self.until.tzinfo is None:
            raise InvalidInput(f"until is {self.until} without a time zone; add one, as in …Z")

    @property
    def until_ms(self) -> int:
        return int(self.until.timestamp() * 1000)


@dataclass(frozen=True, slots=True)
class DemoReport:
    """What was written: lines of each file, and what the click model did."""

    lines: dict[str, int]
    click_rate_at: tuple[float, ...] = ()  # share of the pages clicked at each position

    def __str__(self) -> str:
        lines = "".join(f"{count:>10,}  {name}\n" for name, count in self.lines.items())
        if not self.click_rate_at:
            return lines
        rates = " ".join(f"{rate:.3f}" for rate in self.click_rate_at)
        return f"{lines}\nclicks by position: {rates}\n"


@dataclass(frozen=True, slots=True)
class Log:
    """The sessions as numbers; pages are (sessions, positions)."""

    visits: Visits
    shown: I64
    attractiveness: F32


def write_demo(options: DemoOptions, out: Path, progress: Progress) -> DemoReport:
    """Write the demo's files into the directory `out`, the catalogue last."""
    files.prepare(out)
    renderer = _renderer(options)
    lines = {"catalog.jsonl": options.documents}
    rates: tuple[float, ...] = ()
    with files.whole_file(out / "catalog.jsonl") as catalog:
        documents = _write_catalogue(catalog, options, renderer, progress)
        if documents is not None:
            coins = len(renderer.coins)
            world = build_world(renderer.vocabulary, documents, coins, options.users, options.seed)
            if options.sessions:
                rates, written = _write_log(out, options, renderer, world, progress)
                lines |= written
            if options.queries:
                lines |= _write_judged(out, options, renderer, world, progress)
    report = DemoReport(lines, rates)
    files.write_notice(out, f"{options}\n\n{report}")
    return report


def draw_log(options: DemoOptions, world: World) -> Log:
    """Let people search for `options.days`: what they needed, saw, and how much they wanted it."""
    rng = stream(options.seed, Stream.SESSIONS)
    start = options.until_ms - options.days * DAY_MS
    visits = draw_visits(rng, world, options.sessions, start, options.days)
    pages = shown.pages(world, visits, options.seed)
    visit = np.repeat(np.arange(len(visits)), shown.PAGE)
    wanted = attractiveness(utility(world, visits, visit, pages.ravel()))
    return Log(visits, pages, wanted.reshape(pages.shape))


def _renderer(options: DemoOptions) -> Renderer:
    coins = coin(vocabulary_size(options.documents), options.seed)
    return Renderer(Vocabulary.standard(), coins, Distortion())


def draw_world(options: DemoOptions) -> World:
    """The world of these options without writing anything."""
    renderer = _renderer(options)
    documents = catalogue.together(list(_blocks(options, renderer)))
    coins = len(renderer.coins)
    return build_world(renderer.vocabulary, documents, coins, options.users, options.seed)


def _blocks(options: DemoOptions, renderer: Renderer) -> Iterator[Documents]:
    brands = catalogue.draw_brands(renderer.vocabulary, options.documents, options.seed)
    return catalogue.draw_documents(
        renderer.vocabulary,
        brands,
        len(renderer.coins),
        options.documents,
        options.seed,
        options.until_ms,
    )


def _write_catalogue(
    out: BinaryIO, options: DemoOptions, renderer: Renderer, progress: Progress
) -> Documents | None:
    """Stream the rows; return the columns only if something later needs them."""
    kept: list[Documents] = []
    done = 0
    for block in _blocks(options, renderer):
        out.write(files.json_lines(renderer.rows(block, done)))
        done += len(block)
        progress("catalogue", done, options.documents)
        if options.sessions or options.queries:
            kept.append(block)
    return catalogue.together(kept) if kept else None


def _write_log(
    out: Path, options: DemoOptions, renderer: Renderer, world: World, progress: Progress
) -> tuple[tuple[float, ...], dict[str, int]]:
    log = draw_log(options, world)
    rng = stream(options.seed, Stream.CLICKS)
    clicked = clicks.draw_clicks(rng, log.attractiveness)
    bought = clicks.draw_purchases(rng, clicked, log.attractiveness)
    texts = list(queries.texts(renderer, world, log.visits))
    rows = sessions.session_rows(world, log.visits, texts, log.shown, clicked, bought, options.seed)
    with files.whole_file(out / "sessions.jsonl") as file:
        for done in range(0, options.sessions, _BLOCK):
            file.write(files.json_lines(islice(rows, _BLOCK)))
            progress("sessions", min(done + _BLOCK, options.sessions), options.sessions)
    start = options.until_ms - options.days * DAY_MS
    links = list(sessions.link_rows(world.people, start, options.days, options.seed))
    with files.whole_file(out / "events.jsonl") as file:
        file.write(files.json_lines(links))
    rates = tuple(clicked.mean(axis=0).tolist())
    return rates, {"sessions.jsonl": options.sessions, "events.jsonl": len(links)}


def _write_judged(
    out: Path, options: DemoOptions, renderer: Renderer, world: World, progress: Progress
) -> dict[str, int]:
    """Write queries of the day after the sessions and the grades of what answers them."""
    rng = stream(options.seed, Stream.JUDGED)
    visits = draw_visits(rng, world, options.queries, options.until_ms, 1)
    texts = list(queries.texts(renderer, world, visits))
    rows = list(sessions.query_rows(world, visits, texts))
    judgements = 0
    with files.whole_file(out / "qrels.txt") as file:
        for done, (row, (docs, grade)) in enumerate(
            zip(rows, grades.judged(world, visits), strict=True), 1
        ):
            judgements += len(docs)
            named = zip(id_of(world.documents, docs), grade.tolist(), strict=True)
            file.write("".join(f"{row['qid']} 0 {doc} {g}\n" for doc, g in named).encode())
            progress("judged queries", done, options.queries)
    with files.whole_file(out / "queries.jsonl") as file:
        file.write(files.json_lines(rows))
    return {"queries.jsonl": options.queries, "qrels.txt": judgements}
