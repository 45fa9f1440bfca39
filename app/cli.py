"""`duolu`: the command line. Thin: every command is one call into the offline or online plane."""

from __future__ import annotations

import sys

import typer

from app.commands import (
    administration,
    asking,
    catalogue,
    channels,
    checking,
    explaining,
    keeping,
    learning,
    serving,
)
from app.domain.errors import DuoluError, GateRefused

app = typer.Typer(
    name="duolu",
    help="Search through many recall channels at once, ranked by a model that learns from its log.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for part in (
    catalogue, learning, asking, explaining, channels, administration, keeping, checking, serving,
):  # fmt: skip
    part.register(app)


def main() -> None:
    """Run a command. What was wrong is said in one line; 3 means that the gate refused a model."""
    try:
        app()
    except GateRefused as refusal:
        _fail(f"not published: {refusal}", 3)
    except DuoluError as error:
        _fail(str(error), 1)
    except KeyboardInterrupt:
        _fail("interrupted; nothing was published", 130)


def _fail(message: str, code: int) -> None:
    typer.echo(f"duolu: {message}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
