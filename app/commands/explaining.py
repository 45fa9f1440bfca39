"""explain: why a document is here, why it is missing, why one is above another."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

import orjson
import typer

from app.bootstrap import Engine
from app.commands import options as o
from app.commands.asking import EXPLAINED, read_filters, serving_engine
from app.domain.user import user_alias
from app.pipeline.relaxed import frame_or_relax
from app.pipeline.verdicts import laid_out
from app.pipeline.whynot import explain_documents, history_of
from app.query.understand import SearchRequest, place


def register(app: typer.Typer) -> None:
    app.command("explain")(explain_command)


def explain_command(
    query: Annotated[str, typer.Argument(help="What is looked for; empty browses.")],
    document: Annotated[str, typer.Argument(help="Whose place is to be explained: its id.")],
    other: Annotated[str | None, typer.Argument(help="Another, to set beside it.")] = None,
    user: Annotated[str | None, typer.Option(help="Who asks.")] = None,
    lat: Annotated[float | None, typer.Option(help="Where, degrees.")] = None,
    lon: Annotated[float | None, typer.Option(help="Where, degrees.")] = None,
    limit: Annotated[int, typer.Option(help="Results of the page.")] = 10,
    filters: Annotated[str | None, typer.Option(help='JSON: {"price": {"lte": 100}}.')] = None,
    data: o.Data = o.DATA,
    models: o.Models = o.MODELS,
    config: o.Config = o.CONFIG,
    overrides: o.Override = None,
    as_json: o.Json = False,
) -> None:
    """Say which channels and features placed a document, or which stage dropped it."""
    request = SearchRequest(
        text=query, user_id=user, unit=user and user_alias(user), origin=place(lat, lon),
        limit=limit, filters=read_filters(filters),
    )  # fmt: skip
    working = o.workplace(data, models, config, overrides)
    with working.door() as door:
        [request] = door.of_known([request])
    ids = (document,) if other is None else (document, other)
    with serving_engine(working) as engine:
        told = orjson.loads(asyncio.run(_explained(engine, request, ids)))
    o.show(told, as_json, _lines(told))


async def _explained(engine: Engine, request: SearchRequest, ids: tuple[str, ...]) -> bytes:
    started = time.perf_counter()
    try:
        frame = partial(engine.frame, now_ms=int(time.time() * 1e3))
        history = history_of(engine.document_log)
        framed = await frame_or_relax(frame, request)
        told = await explain_documents(framed, request.channels, ids, history)
    finally:
        await engine.disconnect()
    body = laid_out(told, (time.perf_counter() - started) * 1e3)
    return orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)


def _lines(told: Mapping[str, Any]) -> list[str]:
    left_out = told["query"].get("relaxed", ())
    lines = [f"nothing matches all of it; left out: {what}" for what in left_out]
    lines += _of_document(told)
    if "compare" in told:
        lines += _of_document(told["compare"])
        lines += _of_difference(told)
    return [*lines, *(f"degraded: {what}" for what in told["degraded"])]


def _of_document(told: Mapping[str, Any]) -> list[str]:
    where = f"rank {told['rank']}" if told["found"] else f"{told['stage']}: {told['detail']}"
    score = "" if told["score"] is None else f"  score {told['score']:.6g}"
    lines = [f"{told['id']}  {where}{score}"]
    for name, c in told["channels"].items():
        rank = "" if c["rank"] is None else f"  rank {c['rank']} of {c['k']}"
        own = "" if c["score"] is None else f"  score {c['score']:.6g}"
        lines.append(f"     {name:<12} {c['status'].replace('_', ' ')}{rank}{own}")
    return lines + _moved(told["features"], told["base_score"])


def _moved(features: list[Mapping[str, Any]], base_score: float | None) -> list[str]:
    """Say what moved the score most, a line each."""
    if base_score is None:
        return []
    lines = [
        f"     {f['contribution']:+8.3f}  {f['name']} = {_value(f['value'])}"
        for f in features[:EXPLAINED]
    ]
    rest = sum(f["contribution"] for f in features[EXPLAINED:])
    return [*lines, f"     {rest:+8.3f}  all others", f"     {base_score:+8.3f}  to begin with"]


def _of_difference(told: Mapping[str, Any]) -> list[str]:
    apart = told["score_difference"]
    if apart is None:
        return ["not both were ranked: their scores cannot be compared"]
    lines = [f"{told['id']} scores {apart:+.6g} against {told['compare']['id']}"]
    return lines + [
        f"     {f['difference']:+8.3f}  {f['name']}: {_value(f['value'])} | {_value(f['other'])}"
        for f in told["difference"][:EXPLAINED]
    ]


def _value(value: float | None) -> str:
    return "missing" if value is None else f"{value:g}"
