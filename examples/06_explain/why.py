"""Why is the first above the second, and why is another document missing?

python why.py QUERY [MISSING_ID [URL]]
"""

from __future__ import annotations

import sys

from app.client import Client


def main() -> None:
    if len(sys.argv) not in (2, 3, 4):
        sys.exit(__doc__)
    query, missing = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
    with Client(*sys.argv[3:]) as client:
        first, second = client.search(query, limit=2).ids
        told = client.explain(query, first, compare=second)
        print(f"{first} stands {told.score_difference:+.4f} above {second}:")
        for one in told.difference[:5]:
            print(f"  {one.difference:+.4f}  {one.name}: {one.value} against {one.other}")
        if missing is not None:
            told = client.explain(query, missing)
            place = f"it is result {told.rank}" if told.found else f"{told.stage}: {told.detail}"
            print(f"{missing}: {place}")


if __name__ == "__main__":
    main()
