"""A document log by hand: entries as the durable log gives them, and what they come to."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from app.domain.changes import Entry, Op


def put(row: Mapping[str, Any]) -> tuple[Op, str, bytes]:
    return Op.PUT, str(row["id"]), orjson.dumps(row)


def patch(id_: str, **keys: Any) -> tuple[Op, str, bytes]:
    return Op.PATCH, id_, orjson.dumps(keys)


def delete(id_: str) -> tuple[Op, str, bytes]:
    return Op.DELETE, id_, b""


def entries(changes: Iterable[tuple[Op, str, bytes]], after: int = 0) -> list[Entry]:
    """Number changes as the log does, from after + 1."""
    return [Entry(seq, op, id_, body, 0) for seq, (op, id_, body) in enumerate(changes, after + 1)]


def final_state(
    rows: Sequence[Mapping[str, Any]], log: Iterable[Entry]
) -> dict[str, dict[str, Any]]:
    """What the catalogue reads after the log: a dict of documents and nothing clever."""
    state = {str(row["id"]): dict(row) for row in rows}
    for entry in log:
        if entry.op is Op.PUT:
            state[entry.id] = orjson.loads(entry.body)
        elif entry.op is Op.DELETE:
            state.pop(entry.id, None)
        elif entry.id in state:
            merged = {**state[entry.id], **orjson.loads(entry.body)}
            state[entry.id] = {k: v for k, v in merged.items() if v is not None}
    return state


def random_changes(
    rows: Sequence[Mapping[str, Any]], count: int, seed: int
) -> list[tuple[Op, str, bytes]]:
    """Puts of old and new ids, patches of numbers and of words, deletes; some of nothing."""
    rng = random.Random(seed)
    made = []
    for i in range(count):
        body = dict(rng.choice(rows))
        id_ = rng.choice([body["id"], f"new{rng.randrange(20)}"])
        made.append(
            rng.choice(
                [
                    put({**body, "id": id_, "title": f"老灶 word{i % 9} garden"}),
                    patch(id_, price=round(rng.uniform(1, 200), 2), in_stock=rng.random() < 0.5),
                    patch(id_, rating=None),
                    patch(id_, title=f"星光 tea{i % 5}", brand=f"brand{i}"),
                    delete(id_),
                ]
            )
        )
    return made
