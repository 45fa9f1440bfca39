"""The console, driven in a real browser over a real gateway."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from app.snapshot.opening import open_snapshot
from app.snapshot.store import ArtifactStore
from tests.builders.browsing import PHONE, browser, looking_at
from tests.builders.releases import make_release
from tests.builders.servers import SNAPSHOT_ID, gateway, publish_snapshot
from tests.builders.worlds import city_rows

KEY = "sesame"
RELEASE = "20260101T000001Z-dear"
FIRST_VIEW_BYTES = 300_000
INJECTED = '<img src=x onerror="window.harmed=1"><script>window.harmed=1</script>火锅'
HOSTILE = {
    "id": "<b>hostile</b>", "title": INJECTED, "text": INJECTED, "category": INJECTED,
    "tags": [INJECTED], "brand": INJECTED, "note": INJECTED, "price": 9999.0,
    "lat": 31.2, "lon": 121.4,
}  # fmt: skip


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> Iterator[str]:
    data = tmp_path_factory.mktemp("data")
    publish_snapshot([*city_rows(80), HOSTILE], data)
    store = ArtifactStore(data / "models" / "lambdarank", "release")
    make_release(open_snapshot(data / "snapshots" / SNAPSHOT_ID), store, RELEASE, "price")
    store.publish(RELEASE)
    with gateway(data, "service.timeout_ms=60000", key=KEY) as client:
        client.post("/v1/search", json={"query": "火锅"})  # compiles what is not compiled yet
        yield str(client.base_url)


@pytest.fixture(scope="module", name="chromium")
def _chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture
def looked(chromium, url):
    """The first view, which must not have complained or asked anybody else when the test ends."""
    with looking_at(chromium, url, key=KEY) as looked:
        yield looked
        assert looked.complaints == []
        assert looked.strangers == []


def results(page: Page):
    return page.locator(".result")


def search(page: Page, text: str) -> None:
    page.get_by_role("combobox", name="Search").fill(text)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"#search\?q="))
    expect(page.locator(".columns")).to_have_attribute("aria-busy", "false")


def scrolls_sideways(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))


def test_a_search_shows_results_with_their_channels(looked):
    search(looked.page, "火锅")
    expect(results(looked.page)).to_have_count(10)
    expect(results(looked.page).first.locator(".badge").first).to_be_visible()
    expect(looked.page.locator(".summary")).to_contain_text("results")
    looked.page.get_by_role("button", name="More results").click()
    expect(results(looked.page)).to_have_count(20)
    ids = looked.page.locator(".result .place").all_inner_texts()
    assert ids == [str(rank) for rank in range(1, 21)]


def test_why_opens_beside_the_results_and_escape_closes_it(looked):
    search(looked.page, "火锅")
    why = results(looked.page).first.get_by_role("button", name="Why")
    why.click()
    drawer = looked.page.get_by_role("dialog")
    expect(drawer).to_contain_text("attr(price)")
    expect(drawer.locator(".contributions .sum")).to_be_visible()
    looked.page.keyboard.press("Escape")
    expect(drawer).to_have_count(0)
    expect(why).to_be_focused()


def test_markup_in_titles_and_queries_is_shown_as_text(looked):
    search(looked.page, INJECTED)
    expect(results(looked.page).filter(has_text="onerror").first).to_be_visible()
    results(looked.page).filter(has_text="onerror").first.locator(".title").click()
    expect(looked.page.get_by_role("dialog").locator(".lead")).to_have_text(INJECTED)
    assert looked.page.evaluate("window.harmed") is None
    assert looked.page.locator("main img, main script, dialog img").count() == 0


def test_filters_narrow_and_stand_in_the_address(looked):
    search(looked.page, "tea")
    looked.page.get_by_role("group", name="category").get_by_label("川菜").check()
    expect(looked.page).to_have_url(re.compile("filters="))
    expect(looked.page.locator(".meta").first).to_contain_text("川菜")
    looked.page.reload()
    expect(looked.page.get_by_role("group", name="category").get_by_label("川菜")).to_be_checked()
    expect(looked.page.locator(".meta").first).to_contain_text("川菜")
    looked.page.go_back()
    expect(
        looked.page.get_by_role("group", name="category").get_by_label("川菜")
    ).not_to_be_checked()


def test_a_click_on_the_map_is_where_one_searches_from(looked):
    looked.page.locator(".map").click(position={"x": 150, "y": 100})
    expect(looked.page).to_have_url(re.compile(r"at=31\.\d+%2C121\.\d+"))
    expect(results(looked.page).first.locator(".meta")).to_contain_text(re.compile(r"\d k?m"))


def test_everything_is_reached_by_keys_alone(looked):
    page = looked.page
    expect(results(page).first).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("combobox", name="Search")).to_be_focused()
    page.keyboard.type("hotpot noodle")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("q=hotpot"))
    why = results(page).first.get_by_role("button", name="Why")
    for _ in range(80):
        page.keyboard.press("Tab")
        if why.evaluate("it => it === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()


def test_a_phone_needs_no_sideways_scrolling(chromium, url):
    with looking_at(chromium, f"{url}#search?q=tea", PHONE) as looked:
        expect(results(looked.page)).to_have_count(10)
        assert not scrolls_sideways(looked.page)
        for folded in looked.page.locator(".folded summary").all():
            folded.click()
        assert not scrolls_sideways(looked.page)
        looked.page.get_by_role("group", name="category").get_by_label("川菜").check()
        expect(looked.page.locator(".meta").first).to_contain_text("川菜")


def test_it_speaks_chinese_and_remembers_it(looked):
    looked.page.get_by_role("button", name="中文").click()
    expect(looked.page.get_by_role("button", name="搜索")).to_be_visible()
    looked.page.reload()
    expect(looked.page.get_by_role("button", name="搜索")).to_be_visible()
    assert looked.page.evaluate("document.documentElement.lang") == "zh"


def test_without_the_key_a_search_works_and_why_asks_for_it(chromium, url):
    with looking_at(chromium, f"{url}#search?q=火锅") as looked:
        results(looked.page).first.locator(".title").click()
        looked.page.get_by_role("button", name="Enter the key").click()
        looked.page.get_by_role("textbox", name="Service key").fill(KEY)
        looked.page.get_by_role("button", name="Keep").click()
        expect(looked.page.get_by_role("dialog")).to_contain_text("attr(price)")
        assert (
            looked.page.evaluate("localStorage.length && JSON.stringify(localStorage)").find(KEY)
            < 0
        )


def test_the_first_view_is_small_and_its_policy_strict(url):
    with httpx.Client(base_url=url, trust_env=False) as client:
        page = client.get("/")
        policy = page.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert not re.search(r"<script(?![^>]*src=)|<style| style=| on\w+=", page.text)
        wanted, seen, size = ["console/code/main.js"], set(), len(page.content)
        wanted += re.findall(r'href="(console/[^"]+)"', page.text)
        while wanted:
            path = wanted.pop()
            if path in seen:
                continue
            seen.add(path)
            file = client.get(f"/{path}")
            assert file.status_code == 200, path
            size += len(file.content)
            folder = httpx.URL(f"http://_/{path}")
            found = re.findall(r'from\s*"(\./[^"]+|\.\./[^"]+)"', file.text)
            wanted += [folder.join(name).path.lstrip("/") for name in found]
        assert size <= FIRST_VIEW_BYTES
        again = client.get("/", headers={"If-None-Match": page.headers["etag"]})
        assert again.status_code == 304
        assert client.get("/console/../main.py").status_code == 404
        assert client.get("/console/%2e%2e/settings.py").status_code == 404
