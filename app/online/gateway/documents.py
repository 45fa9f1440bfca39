"""The calls that read and change documents: durable before the answer, and numbered."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.bootstrap import Engine
from app.corpus.document_writes import Key, NoSuchDocument, Write
from app.corpus.intake import patch_of, put_of, rules_of
from app.corpus.rows import BadRow, RowRules, check_id
from app.domain.changes import Change, Op
from app.domain.errors import StoreUnavailable
from app.online.access import JSON_TYPES, media_type, refuse_foreign_page, require_key
from app.online.forms import json_object
from app.online.gateway.bulk import array_parts, line_parts, write_all
from app.online.gateway.standing import Current, condition, read_current
from app.online.gateway.writing import DocumentWriter
from app.online.json_body import JSON, to_json
from app.online.limits import MAX_BULK_BYTES, BodyTooLarge, plain
from app.online.problems import Problem, refused_field
from app.online.service import Service, service_of
from app.online.telemetry import note
from app.snapshot.snapshot import Snapshot

router = APIRouter(default_response_class=Response)

PATCH_TYPES = ("application/json", "application/merge-patch+json")
MAX_KEY = 200  # characters of an Idempotency-Key
_TAG = re.compile(r'"([^"]*)"')


def _body(*types: str) -> dict[str, Any]:
    """Describe a body for /docs."""
    example = {"title": "老灶火锅", "price": 86}
    return {"requestBody": {"content": {type_: {"example": example} for type_ in types}}}


@router.post("/v1/documents", openapi_extra=_body(*JSON_TYPES))
async def put_documents(request: Request) -> Response:
    """Put many documents: a JSON array, or one a line (NDJSON). Each line has its own result."""
    service, writer = _admit(request, JSON_TYPES)
    _require_length_below(request, MAX_BULK_BYTES)
    rules = _rules(service, _snapshot(service.engine))
    is_json = media_type(request) == JSON
    parts = array_parts(plain(request)) if is_json else line_parts(plain(request))
    with writer.bulks.enter():
        report = await write_all(parts, writer, rules, _key(request), _now_ms())
    note(request.scope, accepted=report.accepted, refused=report.refused, seq=report.seq)
    if not report.accepted:
        raise Problem(
            400, "nothing-accepted", f"none of {report.refused} documents could be taken",
            **report.to_json(),
        )  # fmt: skip
    return Response(to_json(report.to_json()), media_type=JSON)


@router.put("/v1/documents/{document_id:path}", openapi_extra=_body(JSON_TYPES[0]))
async def put_document(request: Request, document_id: str) -> Response:
    """Put one document: new, or in place of the one before."""
    service, writer = _admit(request, JSON_TYPES[:1])
    rules = _rules(service, _snapshot(service.engine))
    record = json_object(await service.incoming.read(plain(request)), '{"title": "…"}')
    if record.setdefault("id", document_id) != document_id:
        raise BadRow("id", record["id"], "differs from the path's", "leave it out of the body")
    return await _write(request, writer, put_of(record, rules))


@router.patch("/v1/documents/{document_id:path}", openapi_extra=_body(*PATCH_TYPES))
async def patch_document(request: Request, document_id: str) -> Response:
    """Change some keys of a document; null takes one away."""
    service, writer = _admit(request, PATCH_TYPES)
    snapshot = _snapshot(service.engine)
    rules = _rules(service, snapshot)
    keys = json_object(await service.incoming.read(plain(request)), '{"price": 79}')
    check_id(document_id)
    current: Current | None = None
    if not keys.keys() <= rules.types.keys():  # some may be known to the document alone
        current = await asyncio.to_thread(read_current, writer.log, snapshot, document_id)
        if current is None:
            raise NoSuchDocument(document_id)
    own = current.document if current else {}
    change = patch_of(document_id, keys, rules, own.__contains__)
    return await _write(request, writer, change, must_exist=True)


@router.delete("/v1/documents/{document_id:path}")
async def delete_document(request: Request, document_id: str) -> Response:
    """Delete one document."""
    _, writer = _admit(request)
    change = Change(Op.DELETE, check_id(document_id), b"")
    return await _write(request, writer, change, must_exist=True)


@router.get("/v1/documents/{document_id:path}")
async def show_document(request: Request, document_id: str) -> Response:
    """Show one document as it was last written, whether searches see that yet or not.

    While the store is down it is shown as searches see it, and `degraded` says so.
    """
    service = service_of(request)
    snapshot, log = _snapshot(service.engine), _writer(request).log
    degraded: tuple[str, ...] = ()
    try:
        current = await asyncio.to_thread(read_current, log, snapshot, check_id(document_id))
    except StoreUnavailable:
        current, degraded = _as_searched(service.engine, document_id), ("store",)
    if current is None:
        raise NoSuchDocument(document_id)
    body = {
        "id": document_id,
        "snapshot_id": snapshot.id,
        "log_seq": snapshot.log_seq,
        "document": current.document,
        "degraded": degraded,
    }
    return Response(to_json(body), headers=_tag(current.tag), media_type=JSON)


async def _write(
    request: Request, writer: DocumentWriter, change: Change, *, must_exist: bool = False
) -> Response:
    snapshot = _snapshot(service_of(request).engine)
    asked = None
    if must_exist or "if-match" in request.headers or "if-none-match" in request.headers:
        if_match, is_new = _if_match(request), _if_none_match(request)
        asked = condition(
            snapshot, change.id, if_match, must_be_new=is_new,
            must_exist=must_exist or request.headers.get("if-match") == "*",
        )  # fmt: skip
    name = _key(request)
    write = Write([change], _now_ms(), Key(name) if name else None, asked)
    seq = (await writer.write(write)).first_seq
    note(request.scope, seq=seq)
    return Response(to_json({"id": change.id, "seq": seq}), headers=_tag(str(seq)), media_type=JSON)


def _admit(request: Request, types: Sequence[str] = ()) -> tuple[Service, DocumentWriter]:
    """Let in who may write, with a body of one of these types."""
    service = service_of(request)
    require_key(request, service.key)
    refuse_foreign_page(request, service.settings.service.cors_origins, tuple(types) or JSON_TYPES)
    if types and not media_type(request):
        raise Problem(
            415, "unsupported-media-type", "the body's type is not said", field="Content-Type",
            value=None, limit=" or ".join(types), remedy=f"send {types[0]}",
        )  # fmt: skip
    return service, _writer(request)


def _writer(request: Request) -> DocumentWriter:
    writer: DocumentWriter = request.app.state.documents
    return writer


def _snapshot(engine: Engine) -> Snapshot:
    """Return the snapshot upon which the log is read."""
    return engine.acquire().snapshot


def _as_searched(engine: Engine, id_: str) -> Current | None:
    documents = engine.acquire().snapshot.documents
    row = documents.row_of(id_)
    return Current(documents.document(row), "") if row >= 0 else None


def _rules(service: Service, snapshot: Snapshot) -> RowRules:
    return rules_of(snapshot.documents.schema, service.settings.reindex.max_field_bytes)


def _key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not 0 < len(key) <= MAX_KEY:
        raise refused_field(
            "Idempotency-Key", key, f"1 to {MAX_KEY} characters", "send a random one, e.g. a UUID"
        )
    return key


def _if_match(request: Request) -> str | None:
    given = request.headers.get("if-match", "*").strip()
    if given == "*":
        return None
    tag = _TAG.fullmatch(given)
    if tag is None:
        raise refused_field(
            "If-Match", given, "one ETag in quotes, or *", "send the ETag of GET as it came"
        )
    return tag[1]


def _if_none_match(request: Request) -> bool:
    given = request.headers.get("if-none-match")
    if given not in (None, "*"):
        raise refused_field("If-None-Match", given, "* alone", "send If-Match for a version")
    return given == "*"


def _require_length_below(request: Request, limit: int) -> None:
    """Refuse what says that it is too long before any of it is written."""
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        raise BodyTooLarge(limit)


def _tag(version: str) -> dict[str, str]:
    return {"ETag": f'"{quote(version)}"'} if version else {}


def _now_ms() -> int:
    return int(time.time() * 1e3)
