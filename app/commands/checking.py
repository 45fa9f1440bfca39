"""parity, shadow: what serving computed, computed once more, and what it might have served."""

from __future__ import annotations

import re
import time
from typing import Annotated, TypeAlias

import typer

from app.commands import options as o
from app.corpus.ubi import timestamp_ms
from app.domain.errors import InvalidInput
from app.offline.shadows import compare_shadow
from app.offline.workflow import check_parity

UNITS_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
_AGO = re.compile(r"(\d{1,6})([mhd])")


Since: TypeAlias = Annotated[
    str | None, typer.Option(help="7d, 12h, 30m ago, or a moment in RFC 3339. Default: all.")
]


def register(app: typer.Typer) -> None:
    app.command("parity")(parity_command)
    app.command("shadow")(shadow_command)


def parity_command(
    since: Since = None,
    sample: Annotated[
        int | None, typer.Option(min=1, help="So many impressions, the same each time.")
    ] = None,
    data: o.Data = o.DATA,
    models: o.Models = o.MODELS,
    config: o.Config = o.CONFIG,
    overrides: o.Override = None,
    as_json: o.Json = False,
) -> None:
    """Compute logged impressions once more and compare to the bit; exit 1 if any value differs."""
    place = o.workplace(data, models, config, overrides)
    since_ms = moment_ms(since, int(time.time() * 1e3)) if since else 0
    parity = check_parity(place, since_ms, sample, o.progress())
    o.show(parity.to_json(), as_json, parity.lines())
    if not parity.holds:
        raise typer.Exit(1)


def shadow_command(
    release: Annotated[
        str | None, typer.Option(help="The shadow's release. Default: the last that scored.")
    ] = None,
    since: Since = None,
    data: o.Data = o.DATA,
    models: o.Models = o.MODELS,
    config: o.Config = o.CONFIG,
    overrides: o.Override = None,
    as_json: o.Json = False,
) -> None:
    """Compare the shadow (rank.shadow) with what was served: agreement, and nDCG on clicks."""
    place, now_ms = o.workplace(data, models, config, overrides), int(time.time() * 1e3)
    since_ms = moment_ms(since, now_ms) if since else 0
    log = place.stores.impressions
    report = compare_shadow(log, place.events(), now_ms, since_ms, release)
    o.show(report.to_json(), as_json, report.lines())


def moment_ms(text: str, now_ms: int) -> int:
    """Read `7d` (that long ago), epoch ms or RFC 3339. Raises InvalidInput."""
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return now_ms - int(ago[1]) * UNITS_MS[ago[2]]
    try:
        return timestamp_ms(int(text) if text.isdigit() else text, "--since", now_ms)
    except InvalidInput as error:
        raise InvalidInput(f"{error}; or how long ago: 30m, 12h, 7d") from None
