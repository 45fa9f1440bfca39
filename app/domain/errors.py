"""Every error we raise on purpose. No HTTP here: the gateway owns that table.

DuoluError
├── ClientError              the caller can fix it
│   ├── InvalidQuery         a search breaks a stated limit; names field, value, limit, remedy
│   ├── InvalidInput         a file or option given by the operator cannot be used
│   │   └── InvalidField     a field of a record; names field, value, remedy
│   ├── CursorGone           a cursor is too old, or what it pins is no longer there
│   └── UnknownName          a channel, release, snapshot or document that is not there
└── ServerError              we can fix it
    ├── NothingServes        no snapshot is published, or every channel is down
    ├── CorruptArtifact      a file of a snapshot, tables or release is not what its manifest says
    ├── EncoderUnavailable   a text encoder gives no vector, or none that can be used
    ├── RankerUnavailable    the ranker service is down, refuses, or answers nonsense
    ├── RankerBusy           the ranker service is alive and has more work than it takes on
    ├── VersionUnknown       the ranker does not hold the snapshot or release that the rows refer to
    ├── FeatureMismatch      the model was trained on other features than this build computes
    ├── GateRefused          a trained model is not good enough to publish
    ├── StoreUnavailable     the store of documents and events does not answer
    ├── StoreFull            the store has no space left to write
    ├── StateUnavailable     what people did lately cannot be read: Redis does not answer
    └── LogTrimmed           what was asked of the log is gone; newer snapshots hold it
"""


class DuoluError(Exception):
    """Base of all errors raised on purpose. `str(error)` says what, which value, what to do."""


class ClientError(DuoluError):
    """The caller can fix it."""


class InvalidQuery(ClientError):
    """A search breaks a stated limit."""

    def __init__(self, field: str, value: object, limit: str, remedy: str) -> None:
        self.field = field
        self.value = _short(value)
        self.limit = limit
        self.remedy = remedy
        super().__init__(f"{field} = {self.value}: {limit}; {remedy}")


class InvalidInput(ClientError):
    """A file or option given by the operator cannot be used."""


class InvalidField(InvalidInput):
    """A field of a record holds what it may not; names field, value and what to write instead."""

    def __init__(self, field: str, value: object, remedy: str, wrong: str = "") -> None:
        self.field = field
        self.value = None if value is None else _short(value)
        self.remedy = remedy
        what = " ".join(part for part in (field, self.value and f"= {self.value}", wrong) if part)
        super().__init__(f"{what}: {remedy}")


class UnknownName(ClientError):
    """A channel, release, snapshot or document that is not there."""

    def __init__(self, kind: str, name: str, known: str) -> None:
        self.kind = kind
        self.name = _short(name)
        self.known = known
        super().__init__(f"unknown {kind} {self.name}; {known}")


class CursorGone(ClientError):
    """A cursor is too old, or what it pins is no longer there."""


class ServerError(DuoluError):
    """We can fix it."""


class NothingServes(ServerError):
    """No snapshot is published, or every channel is down."""


class CorruptArtifact(ServerError):
    """A file of an artifact is not what its manifest says."""


class EncoderUnavailable(ServerError):
    """A text encoder gives no vector, or none that can be used."""


class RankerUnavailable(ServerError):
    """The ranker service cannot be reached, refuses, or answers what is no answer."""


class RankerBusy(ServerError):
    """The ranker service is alive, and turns this call away because of all the others."""


class VersionUnknown(ServerError):
    """The ranker does not hold the snapshot or release that the rows refer to."""

    def __init__(
        self, message: str, field: str = "snapshot_id", value: object = None, held: str = ""
    ) -> None:
        self.field = field
        self.value = _short(value)
        self.limit = f"held here: {held or 'nothing yet'}"
        self.remedy = "ask again in a second: what is published is taken up within one"
        super().__init__(message)


class FeatureMismatch(ServerError):
    """The model was trained on other features than this build computes."""


class GateRefused(ServerError):
    """A trained model is not good enough to publish."""


class StoreUnavailable(ServerError):
    """The store of documents and events does not answer; nothing is known to be written."""


class StoreFull(ServerError):
    """The store has no space left; nothing was written, and reading goes on."""


class StateUnavailable(ServerError):
    """What people did lately cannot be read; answers go without it and say so."""


class LogTrimmed(ServerError):
    """The log no longer holds what was asked; a newer snapshot does."""


def _short(value: object) -> str:
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # lists a thousand deep, integers of 4,300 digits
        text = f"a {type(value).__name__}"
    return text if len(text) <= 80 else text[:77] + "..."
