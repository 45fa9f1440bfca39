"""What people typed often, as the tables that serve know it: what suggestions are made of."""

from __future__ import annotations

import logging
from pathlib import Path

from app.domain.errors import CorruptArtifact
from app.offline.behaviour.publish import tables_store
from app.snapshot.suggested import SuggestedQueries

log = logging.getLogger(__name__)


def typed_often(data: Path) -> dict[str, int]:
    """Return the queries that enough people typed and clicked after, with how many typed each.

    In normal form; nothing where there are no tables, or none that can be trusted.
    """
    store = tables_store(data)
    current = store.current_id()
    if current is None:
        return {}
    try:
        store.verify(current)
    except CorruptArtifact as damaged:
        log.warning("%s; what people type often is left out of the snapshot", damaged)
        return {}
    queries = SuggestedQueries.open(store.path(current) / "suggest")
    if queries is None:
        return {}
    counted = zip(queries.completions.texts, queries.people.tolist(), queries.clickers, strict=True)
    return {text: people for text, people, clickers in counted if clickers}
