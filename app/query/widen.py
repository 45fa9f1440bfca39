"""Words to search for beside those that were typed: of synonyms, and around single characters."""

from __future__ import annotations

from app.domain.query import MAX_QUERY_TERMS
from app.domain.reading import Reading
from app.snapshot.snapshot import Snapshot


def other_terms(reading: Reading, terms: tuple[str, ...], snapshot: Snapshot) -> tuple[str, ...]:
    """Return the distinct terms of the synonyms read that are none of the query's own."""
    analyzers = snapshot.documents.schema.analyzers
    own, found = frozenset(terms), dict[str, None]()
    for other in (other for synonym in reading.synonyms for other in synonym.others):
        found |= dict.fromkeys(snapshot.analyzer.query_terms(other, analyzers))
    return tuple(term for term in found if term not in own)[: MAX_QUERY_TERMS - len(terms)]
