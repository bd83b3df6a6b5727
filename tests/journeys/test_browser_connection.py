"""One connection in a real browser, over real HTTP: refreshed, tested, handed out, disconnected."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.journeys import pages
from tests.journeys.sites import Site
from tests.journeys.test_browser_operators import name_operator
from tests.servers import Sandbox

pytestmark = [pytest.mark.browser, pytest.mark.long]


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no-script"])
def test_an_operator_works_on_somebody_elses_connection(
    simple: Site, sandbox: Sandbox, open_page: Callable[..., Page], *, javascript: bool
) -> None:
    page = open_page(javascript=javascript, viewport={"width": 320, "height": 640})
    pages.connect(open_page(), simple.url, "jo", but=["video.list"])
    pages.connect(page, simple.url)
    name_operator(simple, "Mara Lindqvist")
    page.goto(f"{simple.url}/operators/tokens/{sandbox.open_id('jo')}")
    pages.heading(page, "Jo")
    refresh_and_fail(page, sandbox)
    try_with_tiktok(page, simple)
    disconnect(page, simple)


def refresh_and_fail(page: Page, sandbox: Sandbox) -> None:
    """A refresh that works, and one that does not: both in the timeline, with ms and log id."""
    timeline = page.locator(".timeline li")
    pages.press(page, "Refresh now")
    expect(page.get_by_role("status").first).to_contain_text("Access was refreshed. It works until")
    expect(timeline.first).to_contain_text("Refreshed by")
    expect(timeline.first).to_contain_text(" ms")
    sandbox.faults("token", "error200", error="server_error", times=1)
    pages.press(page, "Refresh now")
    told = page.get_by_role("status").first
    expect(told).to_contain_text("TikTok responded with server_error (log ")
    expect(told).to_contain_text("Access still works until")
    expect(timeline.first).to_contain_text("failed: TikTok responded with server_error")
    expect(timeline.first).to_contain_text(" ms")
    log_id = timeline.first.locator("code").inner_text()
    assert log_id in told.inner_text()
    expect(page.locator(".tag").first).to_have_text("Refresh failing")
    expect(page.get_by_text("backoff after 1 failure")).to_be_visible()


def try_with_tiktok(page: Page, site: Site) -> None:
    """TikTok's own answer and time; no token anywhere, and nothing wider than the window."""
    pages.press(page, "Test with TikTok")
    told = page.get_by_role("status").first
    expect(told).to_contain_text("ms: this is Jo. Access works.")
    expect(page.locator(".timeline li").first).to_contain_text("access works")
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    for held in site.rows():
        assert held["access_token"] not in page.content()
        assert held["refresh_token"] not in page.content()


def disconnect(page: Page, site: Site) -> None:
    """Asked first; then no button is left, and the page says why."""
    pages.press(page, "Disconnect…")
    pages.heading(page, "Disconnect Jo?")
    pages.press(page, "Stay connected")
    pages.press(page, "Disconnect…")
    pages.press(page, "Yes, disconnect")
    expect(page.get_by_role("status").first).to_have_text("Disconnected. TikTok confirmed it.")
    for words in ("Refresh now", "Test with TikTok", "Disconnect…"):
        expect(page.get_by_text(words, exact=True)).to_be_hidden()
    expect(page.locator(".state")).to_contain_text(
        "Disconnected. Only the person can reconnect: send them the reconnect link."
    )
    assert {row["status"] for row in site.rows()} == {"active", "revoked"}
