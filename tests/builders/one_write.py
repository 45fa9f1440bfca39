"""A gateway that takes one write and ends: to be watched from outside.

python -m tests.builders.one_write DATA
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.builders.servers import gateway

if __name__ == "__main__":
    with gateway(Path(sys.argv[1])) as client:
        client.put("/v1/documents/warm", json={"title": "warm"}).raise_for_status()
        client.put("/v1/documents/traced", json={"title": "traced"}).raise_for_status()
