"""`duolu`: the command line. Thin: every command is one call into the offline or online plane."""

from __future__ import annotations

import errno
import sys
from typing import NoReturn

from app.commands.lasting import lasting

OF_THE_PLACE = frozenset((
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR,
    errno.EEXIST, errno.ENOSPC, errno.EDQUOT,
))  # fmt: skip
"""What the file system says of a folder that is not as it should be; all else is a bug of ours."""

INTERRUPTED, BY_HAND = "interrupted; nothing is half published", 130


def _fail(message: str, code: int) -> NoReturn:
    """End with one line. Needs nothing of what takes seconds to import."""
    sys.stderr.write(f"duolu: {message}\n")
    sys.exit(code)


try:
    with lasting():
        from app.commands.duolu import app
        from app.domain.errors import DuoluError, GateRefused
except KeyboardInterrupt:
    _fail(INTERRUPTED, BY_HAND)


def main() -> None:
    """Run a command. What was wrong is said in one line; 3 means that the gate refused a model."""
    try:
        app()
    except GateRefused as refusal:
        _fail(f"not published: {refusal}", 3)
    except DuoluError as error:
        _fail(str(error), 1)
    except OSError as error:
        if error.errno not in OF_THE_PLACE:
            raise
        where = "" if error.filename is None else f"{error.filename}: "
        _fail(f"{where}{error.strerror}; see --data and --models, and who may write there", 1)
    except KeyboardInterrupt:
        _fail(INTERRUPTED, BY_HAND)


if __name__ == "__main__":
    main()
