"""What to ask instead of a search that nothing matches, and why nothing does.

First a bound said as a must is taken for a wish (必须100元以下 → 100元以下); else, where a document
must hold several words, the one that says least goes. What changes is the text: whoever reads it
later, from the log or in another process, reads the same.
"""

from __future__ import annotations

from typing import NamedTuple

from app.corpus.quantities import MUST
from app.domain.query import Query
from app.snapshot.context import SearchContext
from app.snapshot.snapshot import Snapshot


class Less(NamedTuple):
    text: str  # to search for instead
    left_out: str  # of what was asked


def relax(query: Query, snapshot: Snapshot) -> Less | None:
    """Return the search with its least part left out; None where nothing can be."""
    return _as_wish(query) or _without_a_word(query, snapshot)


def _as_wish(query: Query) -> Less | None:
    hard = [q for q in query.reading.quantities if q.is_hard]
    must = MUST.search(query.text, 0, hard[0].start) if hard else None
    if must is None:
        return None
    start, end = must.span(1)
    text = " ".join(f"{query.text[:start]} {query.text[end:]}".split())
    return Less(text, query.text[start : hard[0].end])


def _without_a_word(query: Query, snapshot: Snapshot) -> Less | None:
    """Leave out the known word that most documents hold, while another one is known."""
    known = snapshot.documents.terms.find_all(query.terms)
    held = {
        term: sum(int(column.df[i]) for column in snapshot.documents.tokens.values())
        for term, i in zip(query.terms, known.tolist(), strict=True)
        if i >= 0
    }
    spans = [s for s in snapshot.analyzer.spans(query.text) if s[0] in held]
    if len(held) < 2 or not spans:
        return None
    _, start, end = max(spans, key=lambda span: (held[span[0]], span[1] - span[2]))
    rest = " ".join(f"{query.text[:start]} {query.text[end:]}".split())
    return Less(rest, query.text[start:end]) if any(c.isalnum() for c in rest) else None


def why_empty(ctx: SearchContext) -> str:
    """Name what keeps a search from matching anything: a code of docs/api.md."""
    query, documents = ctx.query, ctx.snapshot.documents
    nothing_allowed = ctx.mask is not None and not ctx.mask.count
    if not documents.live_count or (nothing_allowed and query.filters is None):
        return "no_documents"  # or rules remove them all
    if nothing_allowed:
        is_bounded = any(q.is_hard for q in query.reading.quantities)
        return "bounds_allow_nothing" if is_bounded else "filters_allow_nothing"
    words = (*query.terms, *query.also)
    if not (documents.terms.find_all(words) >= 0).any():
        return "words_unknown"
    return "words_not_together" if query.filters is None else "words_not_among_allowed"
