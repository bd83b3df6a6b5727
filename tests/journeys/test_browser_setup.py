"""The setup page in a real browser: copy buttons with JavaScript, all the rest without."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browsers import Complaints
from tests.journeys import pages
from tests.journeys.sites import Site

pytestmark = [pytest.mark.browser, pytest.mark.long]
PATH = "/operators/setup"


def as_operator(site: Site, page: Page) -> None:
    """Connect, become an operator as `flask operators add` does it, and open the page."""
    pages.connect(page, site.url)
    site.sql("UPDATE users SET operator_since = connected_at")
    page.goto(f"{site.url}{PATH}")
    pages.heading(page, "Setup checklist")


def test_a_press_copies_and_says_so_politely(simple: Site, open_page: Callable[..., Page]) -> None:
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    as_operator(simple, page)
    button = page.get_by_role("button", name="Copy (Redirect URI)")
    button.click()
    expect(page.locator('p.unseen[role="status"]')).to_have_text("Copied")
    expect(page.get_by_role("button", name="Copied (Redirect URI)")).to_be_visible()
    expect(button).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == simple.env["TIKTOK_REDIRECT_URI"]


@pytest.mark.parametrize("javascript", [True, False])
def test_the_button_asks_tiktok_with_and_without_javascript(
    simple: Site, open_page: Callable[..., Page], javascript: bool
) -> None:
    page = open_page(javascript=javascript)
    as_operator(simple, page)
    row = page.locator(".tasks li").filter(has_text="TikTok accepts the client key and secret")
    expect(row).to_contain_text("Not known yet")
    pages.press(page, "Check with TikTok")
    expect(row).to_contain_text("TikTok doesn't reject the client key and secret.")
    expect(row).to_contain_text("Done")
    pages.action(page, "Check again").wait_for()
    # Whichever of gunicorn's workers answers, the answer is the same.
    for _ in range(6):
        page.reload()
        expect(row).to_contain_text("Done")


def test_without_javascript_there_is_no_button_that_does_nothing(
    simple: Site, open_page: Callable[..., Page]
) -> None:
    page = open_page(javascript=False)
    as_operator(simple, page)
    assert page.locator("[data-copy]").count() > 4
    for button in page.locator("[data-copy]").all():
        expect(button).to_be_hidden()
    page.get_by_text("Settings that need no changes").click()
    expect(page.locator(".tasks li").filter(has_text="SESSION_DAYS")).to_be_visible()


@pytest.mark.parametrize("width", [320, 1280])
def test_the_page_fits_the_window_open_and_for_operators(
    simple: Site, open_page: Callable[..., Page], complaints: Complaints, width: int
) -> None:
    complaints.expect("status of 404")
    page = open_page(viewport={"width": width, "height": 800})
    answer = page.goto(f"{simple.url}{PATH}")
    # Another test of this site may have made someone an operator before.
    assert answer is not None
    if answer.status == 200:
        assert page.evaluate("document.documentElement.scrollWidth") == width
    as_operator(simple, page)
    page.locator("summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") == width
