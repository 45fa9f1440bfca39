"""A search that follows the document log, and a rehearsal of it before anything has changed.

What only views need is compiled when a snapshot is opened: the first change of the day costs nobody
a deadline.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import orjson

from app.corpus.schema import NUMERIC
from app.domain.changes import Entry, Op
from app.domain.pause import Pause, go_on
from app.pipeline.search import Search
from app.pipeline.warm import warm, warm_ranker
from app.rank.local import LocalRanker
from app.recall.fanout import Fanout
from app.recall.following import follow_lanes
from app.snapshot.following import Following
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables
from app.snapshot.views import Views


def follow(before: Search, view: Snapshot, tables: Tables, pause: Pause = go_on) -> Search:
    """Return the search of a later view, or the same one where nothing is newer."""
    if view.overlay is None:
        return before
    lanes = follow_lanes(before.fanout.lanes, view, tables, pause)
    return Search(Fanout(lanes), before.merger, before.max_candidates, before.selection)


def rehearse(search: Search, views: Views) -> None:
    """Search a made-up view once."""
    made = _made_up_view(views.following.own, views.own_tables)
    if made is None:
        return
    view, tables = made
    warm(follow(search, view, tables), view, tables)
    rows = np.arange(len(view), dtype=np.int32)[-2:]
    view.documents.heads(rows)
    rows.flags.writeable = False  # as rows that came over the wire are
    view.documents.heads(rows)


def rehearse_ranker(
    ranker: LocalRanker, own: Snapshot, own_tables: Tables, channels: Sequence[str]
) -> None:
    """Rank documents of the snapshot, and of a made-up view of it."""
    warm_ranker(ranker, own, own_tables, channels)
    made = _made_up_view(own, own_tables)
    if made is not None:
        warm_ranker(ranker, *made, channels)


def _made_up_view(own: Snapshot, own_tables: Tables) -> tuple[Snapshot, Tables] | None:
    """Follow three made-up changes in a copy that nobody sees; None where no document lives."""
    alive = own.documents.dead is None or not own.documents.dead.all()
    if not len(own) or not alive:
        return None
    copy = Views(Following(own), own_tables)
    copy.following.take(_made_up(own))
    return copy.at(copy.following.seq)


def _made_up(own: Snapshot) -> list[Entry]:
    """Put the first living document twice, and patch a number of the second."""
    dead = own.documents.dead
    document = own.documents.document(0 if dead is None else int(np.argmin(dead)))
    numbers = {f.name: 1.0 for f in own.documents.schema.of_type(*NUMERIC)[:1]}
    other = {**document, "id": f"{document['id']}'"}
    changes = (
        (Op.PUT, document["id"], document), (Op.PUT, other["id"], other),
        (Op.PATCH, other["id"], numbers),
    )  # fmt: skip
    return [
        Entry(seq, op, id_, orjson.dumps(body), 0)
        for seq, (op, id_, body) in enumerate(changes, own.log_seq + 1)
    ]
