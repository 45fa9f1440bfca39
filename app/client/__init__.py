"""The Python client of the HTTP API: `Client` and `AsyncClient`. See docs/client.md."""

from app.client.answers import (
    Answer,
    Bulk,
    Explained,
    Health,
    Listed,
    Refusal,
    Result,
    Stored,
    Suggestion,
    Trending,
)
from app.client.asynchronous import AsyncClient
from app.client.blocking import Client
from app.client.errors import (
    Busy,
    CallFailed,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    Refused,
    ServiceFailed,
    TimedOut,
    Unreachable,
)
from app.client.options import SearchOptions
from app.client.retrying import Retries

__all__ = [
    "Answer",
    "AsyncClient",
    "Bulk",
    "Busy",
    "CallFailed",
    "Client",
    "Conflict",
    "Explained",
    "Forbidden",
    "Gone",
    "Health",
    "Invalid",
    "Listed",
    "NotFound",
    "Refusal",
    "Refused",
    "Result",
    "Retries",
    "SearchOptions",
    "ServiceFailed",
    "Stored",
    "Suggestion",
    "TimedOut",
    "Trending",
    "Unreachable",
]
