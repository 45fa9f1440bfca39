"""The shapes that callers send to rerank, which follows Cohere's with documents named by id."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from app.domain.query import GeoPoint
from app.online.forms import json_object, parse
from app.query.understand import SearchRequest, place

MAX_DOCUMENTS = 1_000


class RerankBody(BaseModel):
    """Documents to order for a query."""

    model_config = ConfigDict(extra="forbid", strict=True)

    query: str = Field(description="at most 512 characters")
    documents: list[str] = Field(min_length=1, max_length=MAX_DOCUMENTS, description="ids")
    top_n: int | None = Field(None, ge=1, description="results; all where left out")
    model: str | None = Field(None, description="release; the one that serves where left out")
    user_id: str | None = None
    client_id: str | None = None
    lat: float | None = Field(None, allow_inf_nan=False, description="-90 to 90")
    lon: float | None = Field(None, allow_inf_nan=False, description="-180 to 180")

    def origin(self) -> GeoPoint | None:
        return place(self.lat, self.lon)

    def search(self) -> SearchRequest:
        """Say the query as a search, which has the same limits."""
        return SearchRequest(
            text=self.query,
            user_id=self.user_id,
            client_id=self.client_id,
            origin=self.origin(),
            release=self.model,
        )


def rerank_of_body(body: bytes) -> RerankBody:
    """Read a body. Raises a 400 problem naming what is wrong."""
    return parse(RerankBody, json_object(body))
