"""How behaviour is weighed. Kept in the manifest of the tables that were built with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from app.domain.events import GAINS
from app.domain.user import MAX_HISTORY
from app.settings import Settings

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class EmbeddingConfig:
    """How vectors are learned; each value and what it was chosen over: docs/embeddings.md."""

    enabled: bool = True
    dim: int = 32  # length of a vector
    window: int = 10  # actions on each side that one foretells
    negatives: int = 2  # documents drawn against each pair
    epochs: int = 10  # times that each action is read
    rate: float = 0.1  # of learning, at the start
    power: float = 0.75  # of a document's count, for its share of the negatives
    evidence: int = 2  # actions below which there is no vector
    actions: int = 1_000_000  # newest that are read: what bounds the time
    seed: int = 7


@dataclass(frozen=True, slots=True)
class TableConfig:
    gains: Mapping[str, float] = field(
        default_factory=lambda: dict(GAINS)
    )  # what an action is worth; others are not learned from
    half_life_days: float = 30.0  # after which a gain counts half
    counter_half_life_days: float = 7.0  # after which an impression or click counts half
    remembered: int = 100  # documents a query or term
    history: int = MAX_HISTORY  # newest documents kept of a person
    neighbours: int = 100  # of a document
    neighbour_history: int = 500  # newest documents of a person that vote: pairs are quadratic
    near_days: float = 1.0  # between two actions, after which the nearness of a pair counts half
    shrinkage: float = 1.0  # people that a similarity needs to count half
    suggest_people: int = 3  # who typed a query before it is suggested
    suggest_half_life_days: float = 14.0  # after which a query typed counts half
    embedding: EmbeddingConfig = field(default_factory=EmbeddingConfig)

    @property
    def half_life_ms(self) -> float:
        return self.half_life_days * DAY_MS

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "gains": dict(sorted(self.gains.items()))}

    @classmethod
    def of(cls, settings: Settings) -> TableConfig:
        """Return what the configuration asks for."""
        return cls(
            suggest_people=settings.tables.suggest_people,
            embedding=EmbeddingConfig(enabled=settings.tables.embeddings),
        )

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> TableConfig:
        """Read what to_json wrote; TypeError for keys unknown. Old tables had no embedding."""
        embedding = EmbeddingConfig(**facts.get("embedding", {"enabled": False}))
        return cls(**{**facts, "embedding": embedding})
