"""A gateway that takes one document and one event, and ends: to be watched from outside.

python -m tests.builders.one_write DATA
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.builders.servers import gateway

if __name__ == "__main__":
    with gateway(Path(sys.argv[1])) as client:
        for name in ("warm", "traced"):
            client.put(f"/v1/documents/{name}", json={"title": name}).raise_for_status()
        for name in ("warm", "traced"):
            event = {"event_id": f"{name}-event", "action_name": "search", "timestamp": 1}
            client.post("/v1/events", json=event).raise_for_status()
