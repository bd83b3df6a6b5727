"""A service sends someone and gets them back, by their own press; with and without JavaScript."""

from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from tests.browsers import Complaints
from tests.journeys import pages
from tests.journeys.sites import Site
from tests.servers import Sandbox

pytestmark = [pytest.mark.browser, pytest.mark.long]

THERE = "https://studio.example/app/done?of=mara&part=2#end"
BACK = "Back to Example Studio"


@pytest.fixture(params=[True, False], ids=["script", "no script"])
def page(request: pytest.FixtureRequest, open_page: Callable[..., Page]) -> Page:
    """A page beside which the service answers."""
    made = open_page(javascript=request.param)
    studio = "<!doctype html><title>Example Studio</title><h1>Welcome back</h1>"
    made.route(
        "https://studio.example/**",
        lambda route: route.fulfill(body=studio, content_type="text/html"),
    )
    return made


def come(page: Page, site: Site, path: str = "/", **more: str) -> None:
    """Follow the service's link."""
    page.goto(f"{site.url}{path}?{urlencode({'next': THERE} | more)}")


def go_back(page: Page) -> None:
    """Press the way back, and see that it ends exactly there."""
    pages.press(page, BACK)
    expect(page).to_have_title("Example Studio")
    assert page.url == THERE


def test_the_whole_way_there_and_back(choosing: Site, page: Page) -> None:
    come(page, choosing)
    pages.heading(page, "Connect your TikTok to Example Studio")
    pages.press(page, pages.CONTINUE)
    pages.press(page, pages.CONTINUE)
    pages.allow(page)
    pages.heading(page, "Connected")
    expect(page.locator("main .primary")).to_have_text(BACK)
    page.reload()
    go_back(page)


def test_a_permission_that_the_service_asks_for_and_back(choosing: Site, page: Page) -> None:
    pages.connect(page, choosing.url)
    come(page, choosing, "/connect", add="video.list")
    expect(page.get_by_label("Your public videos")).to_be_checked()
    pages.press(page, pages.CONTINUE)
    pages.allow(page)
    pages.heading(page, "Connected")
    expect(page.get_by_text("“Your public videos” is now allowed.")).to_be_visible()
    go_back(page)


def test_whoever_is_connected_already_needs_one_press(choosing: Site, page: Page) -> None:
    pages.connect(page, choosing.url)
    come(page, choosing)
    expect(page.get_by_text("You're already connected")).to_be_visible()
    go_back(page)


def test_whoever_says_no_can_go_back_too(choosing: Site, page: Page) -> None:
    come(page, choosing, "/connect")
    pages.press(page, pages.CONTINUE)
    pages.press(page, "Cancel")
    pages.heading(page, "You chose not to connect")
    go_back(page)


def test_whoever_was_refused_and_tries_again_still_finds_the_way_back(
    choosing: Site, sandbox: Sandbox, page: Page, complaints: Complaints
) -> None:
    come(page, choosing, "/connect")
    pages.press(page, pages.CONTINUE)
    complaints.expect("status of 403")
    pages.allow(page, but=["user.info.basic"])
    pages.heading(page, "A required permission is missing")
    pages.press(page, "Connect again")
    pages.press(page, pages.CONTINUE)
    pages.allow(page)
    pages.heading(page, "Connected")
    go_back(page)
