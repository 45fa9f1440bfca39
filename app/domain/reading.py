"""What parts of a query say of the documents that it wants, beside the words to search for."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.filters import Range


@dataclass(frozen=True, slots=True)
class Mention:
    """A value of the catalogue's keyword fields that the query names."""

    text: str  # in normal form
    start: int  # of the query's characters in normal form
    end: int
    options: tuple[tuple[str, int], ...]  # field and code: a document needs one of them


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number field that the query gives bounds for."""

    range: Range
    start: int
    end: int
    is_hard: bool  # said as a must: documents outside are left out


@dataclass(frozen=True, slots=True)
class Synonym:
    """A phrase that others are searched for beside."""

    start: int
    end: int
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """The parts of one query, in reading order. Spans do not overlap."""

    rest: str = ""  # the text without quantities and place: what words are searched for
    mentions: tuple[Mention, ...] = ()
    quantities: tuple[Quantity, ...] = ()
    synonyms: tuple[Synonym, ...] = ()
    near_row: int | None = None  # the document that the query wants others near to

    def spans(self) -> list[tuple[int, int]]:
        """Return where it says what it names, bounds and takes synonyms for."""
        said = [(mention.start, mention.end) for mention in self.mentions]
        said += [(quantity.start, quantity.end) for quantity in self.quantities]
        return said + [(synonym.start, synonym.end) for synonym in self.synonyms]

    @property
    def parts(self) -> int:
        """How many things are asked for that a document either has or lacks."""
        return len(self.mentions) + len(self.quantities)


NOTHING_READ = Reading()
