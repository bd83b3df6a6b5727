"""Looking back at what happened, and signing other browsers out, in real browsers."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.journeys import pages
from tests.journeys.sites import Site

pytestmark = [pytest.mark.browser, pytest.mark.long]
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
NARROW = {"width": 320, "height": 640}


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no-script"])
def test_one_looks_back_and_signs_the_others_out(
    simple: Site, open_page: Callable[..., Page], *, javascript: bool
) -> None:
    here = open_page(javascript=javascript, user_agent=FIREFOX, viewport=NARROW)
    phone, library = open_page(javascript=javascript), open_page(javascript=javascript)
    for page in (phone, library, here):
        pages.connect(page, simple.url)
    _looks_back(here, simple)
    here.locator(".crumbs a").click()
    pages.press(here, "Manage all 3 devices or sign them out")
    pages.heading(here, "Signed-in devices")
    first, *others = here.locator(".tasks li").all()
    expect(first).to_contain_text("Firefox on Linux")
    expect(first).to_contain_text("This device")
    assert len(others) == 2
    assert here.evaluate("document.documentElement.scrollWidth") == NARROW["width"]
    others[0].get_by_role("button").click()
    expect(here.get_by_role("status")).to_have_text("That device is signed out.")
    pages.press(here, "Sign out all other devices")
    expect(here.get_by_role("status")).to_have_text("All other devices are signed out.")
    expect(here.get_by_text("You aren't signed in on any other device.")).to_be_visible()
    for page in (phone, library):
        page.goto(f"{simple.url}/account")
        assert page.url == f"{simple.url}/"
    here.locator(".tasks").get_by_role("button").click()
    pages.heading(here, "Connect your TikTok to Coatcheck")
    assert simple.rows("browser_sessions") == []


def _looks_back(page: Page, site: Site) -> None:
    """Refresh until there is more than one page of it, and walk there and back."""
    page.goto(f"{site.url}/account")
    for _ in range(25):
        # Not by the button: ten presses a minute are enough for people.
        assert page.request.get(f"{site.url}/account/export").ok
    page.reload()
    pages.press(page, "All activity")
    pages.heading(page, "Your activity")
    lines = page.locator(".timeline > li")
    expect(lines).to_have_count(1)
    expect(lines.first).to_contain_text("You downloaded your data.")
    expect(lines.first).to_contain_text("25 times")
    assert page.evaluate("document.documentElement.scrollWidth") == NARROW["width"]
    pages.press(page, "Next")
    expect(lines.last).to_contain_text("You connected TikTok.")
    expect(lines.last).to_contain_text("Your public videos")
    pages.press(page, "First")
    expect(lines).to_have_count(1)
