"""Search a running service and show what it found, and why.

python search.py QUERY [URL]
"""

from __future__ import annotations

import sys

from app.client import Client


def main() -> None:
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    with Client(*sys.argv[2:]) as client:
        answer = client.search(sys.argv[1], limit=5, facets=["category"])
        print(f"{answer.total} found in {answer.took_ms:.1f} ms; missing: {answer.degraded or '-'}")
        for result in answer.results:
            brought = ", ".join(f"{name} #{hit.rank}" for name, hit in result.channels.items())
            print(f"{result.rank}. {result.document['title']}  [{brought}]")
            print(f"   {' · '.join(result.reasons)}")
        if answer.results:  # tell the service what was clicked: it learns from it
            client.click(answer.request_id, answer.ids[0], rank=1, client_id="example")


if __name__ == "__main__":
    main()
