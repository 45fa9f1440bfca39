"""A real browser (Debian's chromium) looking at a page, and everything that it complains of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.builders.databases import required

DESK = (1280, 900)
PHONE = (360, 740)
PATIENCE_MS = 60_000  # of a busy machine; nothing waits so long where all is well


@dataclass(frozen=True, slots=True)
class Looked:
    """One page that is open, what it complained of, and which other hosts it asked."""

    page: Page
    context: BrowserContext
    complaints: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)


@contextmanager
def browser() -> Iterator[Browser]:
    """Start chromium; skip where it is not installed, fail under DUOLU_REQUIRE_SERVERS=1."""
    program = required("chromium", "chromium")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield started
        finally:
            started.close()


@contextmanager
def looking_at(
    browser: Browser, url: str, size: tuple[int, int] = DESK, key: str | None = None
) -> Iterator[Looked]:
    """Open a page, and write down errors of any kind and requests to any other host."""
    width, height = size
    context = browser.new_context(viewport={"width": width, "height": height}, locale="en-GB")
    if key is not None:
        context.add_init_script(f"sessionStorage.setItem('duolu.key', '{key}')")
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    looked, home = Looked(page, context), urlsplit(url).netloc
    page.on(
        "console",
        lambda said: (
            said.type == "error" and looked.complaints.append(f"{said.text} {said.location}")
        ),
    )
    page.on("pageerror", lambda error: looked.complaints.append(str(error)))
    page.on(
        "request",
        lambda asked: urlsplit(asked.url).netloc != home and looked.strangers.append(asked.url),
    )
    page.goto(url)
    try:
        yield looked
    finally:
        context.close()
