"""All commands under one name."""

from __future__ import annotations

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
