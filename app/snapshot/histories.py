"""Who did what, as the tables keep it: each person's documents, and the ids that lead to them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.corpus.ragged import Dictionary, Ragged, open_array, save_array
from app.domain.arrays import F32, I32, I64


@dataclass(frozen=True, slots=True)
class Histories:
    """Who did what. Ids of one person's devices lead to one person."""

    aliases: Dictionary  # see domain.user.user_alias and client_alias
    people: I32  # (aliases,) person ordinal
    documents: Ragged  # int32 ordinals of each person, newest first, unique
    times_ms: I64  # last action on that document; aligned with documents.values
    gains: F32  # sum over the actions on that document, not decayed

    def save(self, path: Path) -> None:
        self.aliases.save(path / "aliases")
        save_array(path / "people", self.people)
        self.documents.save(path / "histories")
        save_array(path / "histories.times", self.times_ms)
        save_array(path / "histories.gains", self.gains)

    @classmethod
    def open(cls, path: Path) -> Histories:
        return cls(
            Dictionary.open(path / "aliases"),
            open_array(path / "people"),
            Ragged.open(path / "histories"),
            open_array(path / "histories.times"),
            open_array(path / "histories.gains"),
        )


@dataclass(frozen=True, slots=True)
class Persons:
    """The histories, and the way back from a person to all ids of theirs."""

    histories: Histories
    members: Ragged  # int32 ordinals of each person's aliases, ascending

    @classmethod
    def of(cls, histories: Histories) -> Persons:
        counts = np.bincount(histories.people, minlength=len(histories.documents))
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return cls(histories, Ragged(offsets, np.argsort(histories.people, kind="stable")))

    def find(self, alias: str) -> int:
        """Return the person of an alias, -1 where the tables know none."""
        at = self.histories.aliases.find(alias)
        return int(self.histories.people[at]) if at >= 0 else -1

    def aliases_of(self, person: int) -> tuple[str, ...]:
        """Return every id of a person, in the order of the tables."""
        names = self.histories.aliases.strings
        return tuple(names[i] for i in self.members[person].tolist())
