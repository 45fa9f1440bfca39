"""What one service allows itself, and which stores it shares with others."""

from __future__ import annotations

from pydantic import Field, SecretStr

from app.domain.live import NEWEST
from app.settings.section import Section


class ServiceSettings(Section):
    """Limits of one gateway process."""

    timeout_ms: float = Field(1000.0, gt=0, le=60_000, description="deadline of a search")
    max_concurrent: int = Field(
        64, gt=0, description="requests at once, fewer while late; more get 503"
    )
    cors_origins: tuple[str, ...] = Field((), description="web pages that may ask from a browser")


class StoreSettings(Section):
    """Where changes of documents and events are kept."""

    url: SecretStr | None = Field(
        None,
        description="postgresql://USER:PASSWORD@HOST/NAME, for several machines; unset: SQLite "
        "files in the data folder",
    )

    @property
    def address(self) -> str | None:
        """The URL with its password; unset in the text that manifests keep."""
        return self.url.get_secret_value() if self.url else None


class StateSettings(Section):
    """What people did lately, beyond the tables. docs/events.md."""

    url: SecretStr | None = Field(
        None, description="redis://HOST:6379/0, for several machines; unset: in each process"
    )
    prefix: str = Field("duolu", min_length=1, description="of the keys in Redis: one event log's")
    newest: int = Field(NEWEST, ge=1, le=1000, description="interactions kept of a person")
    timeout_ms: float = Field(50.0, gt=0, description="of Redis; then the answer goes without it")

    @property
    def address(self) -> str | None:
        """The URL with its password."""
        return self.url.get_secret_value() if self.url else None
