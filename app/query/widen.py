"""Words to search for beside those that were typed: of synonyms, and around single characters."""

from __future__ import annotations

from app.corpus.text import HAN_RUN
from app.domain.query import MAX_QUERY_TERMS
from app.domain.reading import Reading
from app.snapshot.snapshot import Snapshot


def other_terms(reading: Reading, terms: tuple[str, ...], snapshot: Snapshot) -> tuple[str, ...]:
    """Return the distinct terms, none of the query's own, of the synonyms read.

    A query of one Chinese character that is no term by itself is looked for in words that hold it.
    """
    found: list[str] = []
    for synonym in reading.synonyms:
        for other in synonym.others:
            found += snapshot.terms_of(other)
    if len(terms) == 1 and len(terms[0]) == 1 and HAN_RUN.fullmatch(terms[0]):
        found += _around(terms[0], snapshot)
    if not found:
        return ()
    others = [term for term in dict.fromkeys(found) if term not in terms]
    return tuple(others[: MAX_QUERY_TERMS - len(terms)])


def _around(character: str, snapshot: Snapshot) -> list[str]:
    documents = snapshot.documents
    if documents.terms.find(character) >= 0:
        return []
    return snapshot.around.find(character, documents)
