"""A cursor: the rest of a list, sealed into a token that any process of the service can go on from.

    body = header · ids of the versions · rows (int32) · scores (float32)
    token = base64url(body · HMAC-SHA-256(key, body), cut to 16 bytes)

It pins the versions and the order for five minutes. Rows keep their numbers while a snapshot is
written to and folded, so they mean the same documents then.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import itertools
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

import numpy as np

from app.domain.arrays import F32, Rows
from app.domain.errors import CursorGone, InvalidQuery

LIVES_MS = 300_000
MAX_TOKEN = 1 << 20
MAC = 16
_HEADER = struct.Struct("<BB16sqqqqqqIHHH")
_VERSION = 1
_URLSAFE = bytes.maketrans(b"+/", b"-_")

Key: TypeAlias = hmac.HMAC
"""A secret that tokens are sealed with, prepared."""


class Kind(IntEnum):
    """How a list goes on behind the pinned rows."""

    RANKED = 0  # it ends there
    BROWSED = 1  # with all other matches, by row; then `rows` are all that were ranked
    SORTED = 2  # with the next in the order of the fields


@dataclass(frozen=True, slots=True)
class Pinned:
    """A list and how far it was shown."""

    kind: Kind
    request: bytes  # (16,) what was asked, see request_digest
    now_ms: int  # of the first page
    expires_ms: int
    log_seq: int
    total: int
    offset: int  # results shown so far
    after_row: int  # BROWSED: the last one shown behind the ranked ones, -1 before
    snapshot_id: str
    tables_id: str | None
    release_id: str | None
    rows: Rows  # (n,) in their order: those behind the pages shown, or all where BROWSED
    scores: F32  # (n,)


def key_of(secret: bytes) -> Key:
    """Prepare what tokens are sealed with, once: each would take three times as long to."""
    return hmac.new(secret, digestmod="sha256")


def seal(pinned: Pinned, key: Key) -> str:
    ids = [(name or "").encode() for name in
           (pinned.snapshot_id, pinned.tables_id, pinned.release_id)]  # fmt: skip
    header = _HEADER.pack(
        _VERSION, pinned.kind, pinned.request, pinned.now_ms, pinned.expires_ms, pinned.log_seq,
        pinned.total, pinned.offset, pinned.after_row, pinned.rows.size, *map(len, ids),
    )  # fmt: skip
    rows = np.asarray(pinned.rows, np.int32).tobytes()
    body = b"".join([header, *ids, rows, np.asarray(pinned.scores, np.float32).tobytes()])
    token = binascii.b2a_base64(body + _mac(body, key), newline=False)
    return token.translate(_URLSAFE).decode().rstrip("=")


def unseal(token: str, key: Key, request: bytes, now_ms: int) -> Pinned:
    """Read a token that we sealed for the same request.

    Raises InvalidQuery for any other one, CursorGone for one that is too old.
    """
    body = _body(token, key)
    (version, kind, asked, began, expires, log_seq, total, offset, after, n, *lengths) = (
        _HEADER.unpack_from(body)
    )
    if version != _VERSION:
        raise _refused("of another version of the service")
    if not hmac.compare_digest(asked, request):
        raise _refused("of another search")
    if now_ms > expires:
        raise CursorGone("this cursor is older than five minutes; search again")
    ends = np.cumsum([_HEADER.size, *lengths]).tolist()
    ids = [body[a:b].decode() or None for a, b in itertools.pairwise(ends)]
    rows = np.frombuffer(body, np.int32, n, ends[-1]).copy()  # writable: kernels compile by type
    scores = np.frombuffer(body, np.float32, n, ends[-1] + 4 * n)
    return Pinned(
        Kind(kind), asked, began, expires, log_seq, total, offset, after,
        ids[0] or "", ids[1], ids[2], rows, scores,
    )  # fmt: skip


def request_digest(facts: bytes) -> bytes:
    """Name what was asked, without the page. (16,)"""
    return hashlib.blake2b(facts, digest_size=16).digest()


def _body(token: str, key: Key) -> bytes:
    if len(token) > MAX_TOKEN:
        raise _refused("longer than any that we gave")
    try:
        whole = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _refused("not one that we gave") from None
    body, mac = whole[:-MAC], whole[-MAC:]
    if len(body) < _HEADER.size or not hmac.compare_digest(_mac(body, key), mac):
        raise _refused("not one that we gave")
    return body


def _mac(body: bytes, key: Key) -> bytes:
    mac = key.copy()
    mac.update(body)
    return mac.digest()[:MAC]


def _refused(why: str) -> InvalidQuery:
    remedy = "send next_cursor of the page before, with the same search"
    return InvalidQuery("cursor", "the one given", why, remedy)
