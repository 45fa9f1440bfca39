"""search: one question from the shell."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import orjson
import typer

from app.bootstrap import Engine
from app.commands import options as o
from app.domain.errors import InvalidInput
from app.domain.user import user_alias
from app.offline.workplace import Workplace
from app.pipeline.explain import features_told, told
from app.pipeline.serving import Answer
from app.query.understand import SearchRequest, place

EXPLAINED = 8
"""Features shown of each result; --json has them all."""


def register(app: typer.Typer) -> None:
    app.command("search")(search_command)


def search_command(
    query: Annotated[str, typer.Argument(help="What to look for; empty browses.")] = "",
    user: Annotated[str | None, typer.Option(help="Who asks.")] = None,
    lat: Annotated[float | None, typer.Option(help="Where, degrees.")] = None,
    lon: Annotated[float | None, typer.Option(help="Where, degrees.")] = None,
    limit: Annotated[int, typer.Option(help="Results.")] = 10,
    filters: Annotated[str | None, typer.Option(help='JSON: {"price": {"lte": 100}}.')] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what each feature adds to a score.")
    ] = False,
    rank: Annotated[bool, typer.Option("--rank/--no-rank", help="By the model, or fused.")] = True,
    data: o.Data = o.DATA,
    models: o.Models = o.MODELS,
    config: o.Config = o.CONFIG,
    overrides: o.Override = None,
    as_json: o.Json = False,
) -> None:
    """Search once, without a service. Says which channels brought each result."""
    request = SearchRequest(
        text=query, user_id=user, unit=user and user_alias(user), origin=place(lat, lon),
        limit=limit, filters=read_filters(filters), explain=explain,
    )  # fmt: skip
    working = o.workplace(data, models, config, overrides)
    with working.door() as door:
        [request] = door.of_known([request])
    with serving_engine(working) as engine:
        answer = asyncio.run(_ask(engine, request, rank))
    o.show(_result(answer), as_json, _lines(answer))


@contextmanager
def serving_engine(working: Workplace) -> Iterator[Engine]:
    """Open what is published, as a service would. Raises NothingServes where nothing is."""
    key = os.environ.get("DUOLU_KEY") or None
    engine = Engine(working.settings, working.data, working.models, key)
    try:
        engine.refresh()
        if engine.serving is None and not engine.attempts.problems:
            working.stores.snapshots.require_current()
        yield engine
    finally:
        engine.close()


async def _ask(engine: Engine, request: SearchRequest, rank: bool) -> Answer:
    try:
        return await engine.search(request, rank=rank)
    finally:
        await engine.disconnect()


def read_filters(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"--filters {text}: not JSON: {error}") from None
    if not isinstance(value, dict):
        raise InvalidInput(f'--filters {text}: write an object, e.g. {{"price": {{"lte": 100}}}}')
    return value


def _result(answer: Answer) -> dict[str, Any]:
    result = answer.result
    return {
        "snapshot_id": answer.ctx.snapshot.id,
        "tables_id": answer.ctx.tables.id,
        "release_id": result.release_id,
        "degraded": list(result.degraded),
        "total": result.total,
        "total_relation": result.total_relation,
        "took_ms": round(answer.took_ms, 2),
        "results": [
            {
                "id": i,
                "rank": rank,
                "score": float(score),
                "channels": channels_of(answer, at),
                **moved_by(answer, at),
                **_why(answer, rank - 1),
            }
            for rank, (i, score, at) in enumerate(
                zip(result.ids, result.scores, result.picked, strict=True), 1
            )
        ],
    }


def _why(answer: Answer, i: int) -> dict[str, Any]:
    """What each feature adds to the score of result i, where it was asked for."""
    why = answer.explanation
    return {} if why is None or i >= why.places.size else {"explain": told(why, i)}


def _why_lines(answer: Answer, i: int) -> list[str]:
    """The features that move result i most, a line each."""
    why = answer.explanation
    if why is None or i >= why.places.size:
        return []
    largest = list(features_told(why, i))[:EXPLAINED]
    rest = float(why.contributions[i].sum()) - sum(float(f["contribution"]) for f in largest)
    lines = [f"     {f['contribution']:+8.3f}  {f['name']} = {f['value']:g}" for f in largest]
    return [*lines, f"     {rest:+8.3f}  all others", f"     {why.base_score:+8.3f}  to begin with"]


def channels_of(answer: Answer, at: int) -> dict[str, dict[str, float]]:
    """Which channels returned the candidate, at which rank and score."""
    c = answer.result.candidates
    return {
        name: {"rank": int(c.ranks[at, j]), "score": float(c.scores[at, j])}
        for j, name in enumerate(c.channels)
        if c.ranks[at, j]
    }


def moved_by(answer: Answer, at: int) -> dict[str, str]:
    """Which rule moved the candidate, if one did."""
    rule = answer.result.moved.get(int(at))
    return {} if rule is None else {"rule": rule}


def _lines(answer: Answer) -> list[str]:
    result, documents = answer.result, answer.ctx.snapshot.documents
    lines = []
    for rank, (row, score, at) in enumerate(
        zip(result.rows, result.scores, result.picked, strict=True), 1
    ):
        document = orjson.loads(documents.shown(int(row)))
        channels = " ".join(f"{n}#{h['rank']}" for n, h in channels_of(answer, int(at)).items())
        found = f"{rank:>3}  {score:8.3f}  {document['title']}  [{document['id']}]  {channels}"
        lines.append(found + "".join(f"  rule {name}" for name in moved_by(answer, at).values()))
        lines += _why_lines(answer, rank - 1)
    order = f"release {result.release_id}" if result.release_id else "fused order, no model"
    count = f"{result.total:,}" + ("" if result.total_relation == "eq" else " or more")
    lines.append(f"{count} matches in {answer.took_ms:.1f} ms; {order}")
    lines += [f"degraded: {what}" for what in result.degraded]
    return lines
