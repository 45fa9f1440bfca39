"""What a call ends with that did not succeed.

CallFailed
├── Unreachable          no answer came: nobody listens, or the connection was cut
│   └── TimedOut         none came in time; what was to be written may have been
└── Refused              the service answered with a problem (RFC 9457)
    ├── Invalid          400, 408, 413, 415, 422: mend the call; `field`, `limit`, `remedy` say how
    ├── Forbidden        401, 403: the key is missing or wrong
    ├── NotFound         404: no such document, release, user or trace
    ├── Conflict         409, 412: it changed meanwhile, or may not serve
    ├── Gone             410: a cursor or trace is too old; search again
    ├── Busy             503: try again after `retry_after_s`; the client did so already
    └── ServiceFailed    500, 507 and all others
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class CallFailed(Exception):
    """A call that did not succeed."""


class Unreachable(CallFailed):
    """No answer came."""


class TimedOut(Unreachable):
    """No answer came in time."""


class Refused(CallFailed):
    """The service answered with a problem."""

    def __init__(
        self, status: int, members: Mapping[str, Any], retry_after_s: float | None = None
    ) -> None:
        self.status = status
        self.members = members  # the whole body
        self.kind = str(members.get("type", "")).rpartition(":")[2]  # as docs/api.md lists them
        self.detail = str(members.get("detail", ""))
        self.field: str | None = members.get("field")
        self.value: Any = members.get("value")
        self.limit: str | None = members.get("limit")
        self.remedy: str | None = members.get("remedy")
        self.retry_after_s = retry_after_s
        super().__init__(f"{status} {self.kind}: {self.detail}")


class Invalid(Refused): ...


class Forbidden(Refused): ...


class NotFound(Refused): ...


class Conflict(Refused): ...


class Gone(Refused): ...


class Busy(Refused): ...


class ServiceFailed(Refused): ...


BY_STATUS: Mapping[int, type[Refused]] = {
    **dict.fromkeys((400, 405, 408, 413, 415, 422), Invalid),
    **dict.fromkeys((401, 403), Forbidden),
    404: NotFound,
    **dict.fromkeys((409, 412), Conflict),
    410: Gone,
    503: Busy,
}
"""Every other status is ServiceFailed."""
