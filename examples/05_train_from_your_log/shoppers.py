"""People who search a running service and click what they like: the log that training learns from.

    python shoppers.py URL [SEARCHES]

They like one style and one brand each and look down the list. In your shop people do this for you.
"""

from __future__ import annotations

import random
import sys
import time

from app.client import Client

QUERIES = ("耳机", "wireless speaker", "轻便双肩包", "silent kettle", "台灯", "running shoes",
           "防水雨衣", "travel thermos", "键盘", "rice cooker", "tent", "瑜伽垫")  # fmt: skip
BRANDS = ("Lumo", "Northwind", "青禾", "Kestrel", "山石", "Aria")


def main() -> None:
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    searches, draw = int(sys.argv[2]) if len(sys.argv) > 2 else 400, random.Random(11)
    clicked = 0
    with Client(sys.argv[1]) as client:
        for _ in range(searches):
            user, brand = draw.choice([(f"v{i}", BRANDS[i % len(BRANDS)]) for i in range(30)])
            answer = client.search(f"{draw.choice(QUERIES)} {draw.choice(BRANDS)}", user_id=user)
            for result in answer.results:
                liked = 0.6 if result.document.get("brand") == brand else 0.08
                if draw.random() < liked / (1 + 0.3 * (result.rank - 1)):
                    client.click(answer.request_id, result.id, rank=result.rank, user_id=user)
                    clicked += 1
    time.sleep(2)  # the log is written behind the answers: each second, as example 02 serves
    print(f"{searches} searches, {clicked} clicks")


if __name__ == "__main__":
    main()
