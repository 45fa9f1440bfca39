"""`duolu`: the command line. Thin: every command is one call into the offline or online plane."""

from __future__ import annotations

import errno
import sys

from app.commands.lasting import lasting

OF_THE_PLACE = frozenset((
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR,
    errno.EEXIST, errno.ENOSPC, errno.EDQUOT,
))  # fmt: skip
"""What the file system says of a folder that is not as it should be; all else is a bug of ours."""

INTERRUPTED = "duolu: interrupted; nothing is half published"

try:
    with lasting():
        import typer

        from app.commands.duolu import app
        from app.domain.errors import DuoluError, GateRefused
except KeyboardInterrupt:  # these take seconds
    print(INTERRUPTED, file=sys.stderr)  # noqa: T201
    sys.exit(130)


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
        print(INTERRUPTED, file=sys.stderr)  # noqa: T201
        sys.exit(130)


def _fail(message: str, code: int) -> None:
    typer.echo(f"duolu: {message}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
