"""What is kept of searches, people and artifacts, and for how long."""

from __future__ import annotations

from pydantic import Field

from app.settings.section import Section


class ImpressionSettings(Section):
    """The log of what was shown, which training reads. docs/impressions.md."""

    enabled: bool = Field(True, description="false: nothing is logged, nothing is learned from it")
    sample: float = Field(1.0, ge=0, le=1, description="share of searches, chosen by request_id")
    unshown: int = Field(10, ge=0, le=100, description="candidates logged beside those shown")
    retention_days: int = Field(90, ge=1, description="whole days older than that are deleted")
    flush_seconds: float = Field(
        30.0, gt=0, le=3600, description="between files; a crash loses so much"
    )
    max_queue: int = Field(
        1000, gt=0, le=100_000, description="searches waiting to be logged; more are dropped"
    )


class RetentionSettings(Section):
    """What is kept of tables and releases, beside all that unexpired impressions name."""

    tables: int = Field(3, ge=2, description="newest, and newest that served")
    releases: int = Field(5, ge=2, description="of each model: newest, and newest that served")
    release_days: float = Field(30.0, ge=0, description="younger releases stay in any case")
    deletion_begins_after_minutes: float = Field(
        60.0, ge=10, le=1440, description="of what is left of somebody, after they were forgotten"
    )


class TraceSettings(Section):
    """Searches that are kept stage by stage, for GET /v1/trace. docs/explain.md."""

    share: float = Field(
        0.01, ge=0, le=1, description="of searches, beside those that ask to be kept"
    )
    keep: int = Field(1000, ge=1, le=100_000, description="newest; older ones are deleted")
    keep_minutes: float = Field(
        60.0, gt=0, le=1440, description="then a trace is deleted, with what it says of people"
    )
