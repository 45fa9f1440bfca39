"""How a page is chosen from what was ranked: diversity, intent, quotas, exploration and rules."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime, Field

from app.settings.section import Section


class DiversitySettings(Section):
    """Results unlike those above them. docs/select.md."""

    strength: float = Field(0.0, ge=0, le=1, description="0: none; 1: unlikeness alone counts")
    depth: int = Field(50, ge=2, le=500, description="best results that are put in a new order")
    fields: tuple[str, ...] = Field(
        ("category", "brand"), description="keyword fields whose equal values make results alike"
    )


class IntentSettings(Section):
    """Places kept for the values that the click log says a query leads to. docs/select.md."""

    strength: float = Field(0.0, ge=0, le=1, description="0: none; 1: places as is the probability")
    depth: int = Field(50, ge=2, le=500, description="best results that are put in a new order")
    field: Literal["category", "tags", "brand"] = Field(
        "category", description="keyword field whose values have places"
    )


class QuotaSettings(Section):
    """At most so many of one value side by side."""

    field: str = Field(description="a keyword field")
    most: int = Field(ge=1, le=100, description="results of one value in any window")
    window: int = Field(10, ge=2, le=100, description="results one after another")


class ExplorationSettings(Section):
    """A place on some first pages for documents that hardly anybody has seen."""

    share: float = Field(0.0, ge=0, le=1, description="of first pages, by request_id")
    position: int = Field(5, ge=1, le=100, description="where it stands, pinned ones not counted")
    max_impressions: float = Field(20.0, ge=0, description="a document shown more often is known")
    within: int = Field(100, ge=2, le=5000, description="best results among which it is drawn")


class SelectSettings(Section):
    """From the ranked list to the page."""

    diversity: DiversitySettings = DiversitySettings()
    intent: IntentSettings = IntentSettings()
    quotas: tuple[QuotaSettings, ...] = ()
    exploration: ExplorationSettings = ExplorationSettings()


class NearSettings(Section):
    """A circle on the ground."""

    lat: float = Field(ge=-90, le=90, description="degrees, WGS84")
    lon: float = Field(ge=-180, le=180, description="degrees, WGS84")
    km: float = Field(gt=0, le=20_038, description="radius")


class WhenSettings(Section):
    """When a rule holds: all that is named must be so."""

    query: tuple[str, ...] = Field((), description='the whole query is one of these; "" browses')
    words: tuple[str, ...] = Field((), description="the query has all words of one of these")
    mentions: dict[str, tuple[str, ...]] = Field(
        {}, description="field → values, one of which the query names"
    )
    near: NearSettings | None = Field(None, description="the search is from within this circle")
    since: AwareDatetime | None = Field(None, description="with an offset from UTC")
    until: AwareDatetime | None = Field(None, description="first moment when it no longer holds")


class RuleSettings(Section):
    """One business rule. docs/select.md."""

    name: str = Field(min_length=1, max_length=64, description="in answers, traces and the log")
    action: Literal["pin", "boost", "bury", "remove"] = Field(
        description="to a position; by a factor; below all others; out of the list"
    )
    documents: dict[str, Any] = Field(
        description='filters as in a search; of pin {"id": [..]}, in that order'
    )
    when: WhenSettings = WhenSettings()
    position: int = Field(1, ge=1, le=1000, description="of pin: where the first stands")
    factor: float | None = Field(None, gt=0, le=1000, description="of boost; below 1 demotes")
    enabled: bool = Field(True, description="false: as if it were not there")
