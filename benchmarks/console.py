"""How soon the console can be used, and how many bytes it takes, in a real browser on this machine.

    make demo                                  # in another terminal, or any service that runs
    python benchmarks/console.py [--url http://127.0.0.1:8000] [--views 20]

Every view begins with an empty cache. Usable means that results stand on the page: style, modules
and the answer of a first search have come. Prints the medians and writes results/console.json.
"""

from __future__ import annotations

import shutil
import sys
from typing import Annotated, Any

import numpy as np
import typer
from playwright.sync_api import Browser, sync_playwright
from results_file import write

USABLE = "() => document.querySelector('.result') ? performance.now() : null"
BYTES = """() => ["navigation", "resource"].flatMap((kind) => performance.getEntriesByType(kind))
    .filter((it) => !it.name.includes("/v1/")).reduce((sum, it) => sum + it.transferSize, 0)"""


def main(
    url: Annotated[str, typer.Option(help="Of a service that runs.")] = "http://127.0.0.1:8000",
    views: Annotated[int, typer.Option(min=1, help="After one that is not counted.")] = 20,
) -> None:
    """Open the console again and again; print and keep what it took."""
    program = shutil.which("chromium")
    if program is None:
        sys.exit("no chromium is installed; Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        seen = [first_view(browser, url) for _ in range(views + 1)][1:]
        browser.close()
    times, sizes = [ms for ms, _ in seen], [size for _, size in seen]
    rows = [row("usable", times, "ms"), row("bytes of the page", sizes, "bytes")]
    typer.echo(f"written: {write('console', rows, {'usable': times, 'bytes': sizes})}")


def first_view(browser: Browser, url: str) -> tuple[float, float]:
    """Return milliseconds from the address to results, and the bytes of the page itself."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(url)
    usable = float(page.wait_for_function(USABLE).json_value())
    size = float(page.evaluate(BYTES))
    context.close()
    return usable, size


def row(case: str, values: list[float], unit: str) -> dict[str, Any]:
    middle, slow = float(np.median(values)), float(np.percentile(values, 95))
    typer.echo(f"  {case}: {middle:,.0f} {unit}; one of twenty is above {slow:,.0f}")
    return {
        "case": case, "ours": middle, "peer": None, "peer_name": None, "ratio": None, "unit": unit,
    }  # fmt: skip


if __name__ == "__main__":
    typer.run(main)
