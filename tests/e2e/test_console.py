"""The console, driven in a real browser over a real gateway."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from app.snapshot.opening import open_snapshot
from app.snapshot.store import ArtifactStore
from tests.builders.behaviour import make_sessions
from tests.builders.browsing import PHONE, browser, looking_at
from tests.builders.learned import publish_learned
from tests.builders.releases import make_release
from tests.builders.servers import SNAPSHOT_ID, gateway, publish_snapshot
from tests.builders.worlds import city_rows

KEY = "sesame"
DEAREST, CHEAPEST = "20260101T000001Z-dear", "20260101T000002Z-cheap"
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
    snapshot = open_snapshot(data / "snapshots" / SNAPSHOT_ID)
    publish_learned(data, snapshot, make_sessions(snapshot))
    make_release(snapshot, store, CHEAPEST, "price", -1.0)
    make_release(snapshot, store, DEAREST, "price")
    store.publish(CHEAPEST)
    store.publish(DEAREST)
    with gateway(data, key=KEY) as client:
        client.post("/v1/search", json={"query": "火锅"})  # both compile what is not compiled yet
        client.get("/v1/suggest", params={"q": "huo"})
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


def test_what_is_typed_is_completed_and_chosen_by_keys(looked):
    box = looked.page.get_by_role("combobox", name="Search")
    box.press_sequentially("huog")
    expect(looked.page.get_by_role("option").first).to_be_visible()
    looked.page.keyboard.press("Escape")
    expect(looked.page.get_by_role("option").first).to_be_hidden()
    expect(box).to_have_value("huog")
    looked.page.keyboard.press("ArrowDown")
    looked.page.keyboard.press("ArrowDown")
    chosen = looked.page.locator("[aria-selected=true] span").inner_text()
    looked.page.keyboard.press("Enter")
    expect(box).to_have_value(chosen)
    expect(results(looked.page).first).to_contain_text("火锅")


def test_why_says_what_people_who_typed_this_chose(looked):
    search(looked.page, "garden")
    results(looked.page).first.get_by_role("button", name="Why").click()
    meant = looked.page.get_by_role("dialog").locator("section", has_text="who typed this chose")
    expect(meant.locator("dt")).to_have_text(["category", "tags", "brand"])
    expect(meant.locator("dd").first).to_have_text(re.compile(r"^\S.* \d+ %( · \S.* \d+ %){4}$"))


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


def test_a_missing_document_is_told_where_it_was_dropped(looked):
    search(looked.page, "火锅")
    looked.page.get_by_label("Missing a document?").fill("<i>nobody</i>")
    looked.page.get_by_role("button", name="Why not?").click()
    drawer = looked.page.get_by_role("dialog", name="Why is it not here?")
    expect(drawer).to_contain_text("Searches know no such document")
    expect(drawer.locator(".lead")).to_have_text("<i>nobody</i>")


def test_two_results_are_set_against_each_other(looked):
    search(looked.page, "火锅")
    results(looked.page).nth(1).get_by_role("button", name="Why").click()
    drawer = looked.page.get_by_role("dialog")
    drawer.get_by_label("Beside another").select_option(index=1)
    expect(drawer.locator(".contributions")).to_have_count(2)
    expect(drawer).to_contain_text("points between the two")


def test_each_channel_has_a_column_of_its_own(looked):
    search(looked.page, "tea")
    looked.page.get_by_role("button", name="By channel").click()
    columns = looked.page.locator(".by-channel section")
    expect(columns).to_have_count(7)
    expect(columns.filter(has_text="lexical").locator("li")).to_have_count(10)


def test_two_releases_are_compared_on_one_query(looked, url):
    looked.page.goto(f"{url}#compare?q=tea")
    expect(looked.page.locator(".overlap")).to_have_text("The same results in the same order.")
    second = looked.page.get_by_role("region", name="B")
    second.get_by_label("Release").select_option(CHEAPEST)
    expect(looked.page.locator(".move").filter(has_text=re.compile("▲|new")).first).to_be_visible()
    second.get_by_label("vector").uncheck()
    expect(looked.page).to_have_url(re.compile("b=.*channels"))


def test_a_release_is_activated_only_after_a_word_and_rolled_back(looked, url):
    page = looked.page
    page.goto(f"{url}#releases")
    serving = page.locator("table.releases tr.serving")
    expect(serving).to_contain_text("dear")
    page.get_by_role("button", name="Activate cheap").click()
    page.get_by_role("button", name="Cancel").click()
    expect(serving).to_contain_text("dear")
    page.get_by_role("button", name="Activate cheap").click()
    page.get_by_role("dialog").get_by_role("button", name="Activate").click()
    expect(serving).to_contain_text("cheap")
    page.get_by_role("button", name="Roll back").click()
    page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
    expect(serving).to_contain_text("dear")


def test_health_says_what_serves_and_goes_on_asking(looked, url):
    looked.page.goto(f"{url}#health")
    expect(looked.page.get_by_role("status")).to_have_text("Ready")
    tiles = looked.page.locator(".tiles")
    expect(tiles).to_contain_text("81")
    expect(tiles).to_contain_text("dear")
    with looked.page.expect_response("**/metrics"):
        pass


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
