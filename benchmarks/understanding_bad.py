"""Input that no person types, and what it costs."""

from __future__ import annotations

import time
from contextlib import suppress

from app.bootstrap import Engine
from app.domain.errors import InvalidQuery
from app.query.understand import SearchRequest

LONGEST = 512
BAD = (
    "😀🎉👩‍👩‍👧‍👦" * 20,
    "مطعم قريب من هنا" * 10,
    "\u202e火锅\u202c",
    "火\u200d锅\u200b店",
    "\ud800火锅",
    *(letter * LONGEST for letter in "a1锅é☃'-.元"),
    "a1" * 256,
    "1a-" * 170,
    "1-" * 256,
    "1.1-" * 128,
    "' OR 1=1; DROP TABLE documents; --",
    'title:"x" AND (*:* OR _exists_:id)~5^100 [1 TO *]',
    "((((" * 128,
    "\x00\x01\x02",
    "%s%n{{7*7}}${jndi:ldap://x}",
    "必须100元以下 必须200元以上 的火锅",
    "100-1元" * 60,
    "至少" * 256,
    "九" * LONGEST,
    "9" * 300 + "元以下",
    "huoguo " * 73,
    "hg " * 170,
    "获锅" * 256,
    "aeiou" * 100,
    " ".join("qwertyuiop"[i % 10] * 6 for i in range(70)),
    "附近" * 256,
    "near " * 100,
    "一二三四五六七八九十百千万" * 39,
    "ﷺ" * LONGEST,
)


async def busiest_ms(engine: Engine, now_ms: int) -> tuple[float, str]:
    """Return the most time of one core that any of them took, best of three, and which."""
    worst = 0.0, ""
    for text in BAD:
        took = min([await _cpu_ms(engine, text, now_ms) for _ in range(3)])
        worst = max(worst, (took, text))
    return worst[0], worst[1].encode(errors="replace").decode()


async def _cpu_ms(engine: Engine, text: str, now_ms: int) -> float:
    started = time.process_time()
    with suppress(InvalidQuery):  # said by name
        await engine.search(SearchRequest(text), now_ms, rank=False)
    return (time.process_time() - started) * 1e3
