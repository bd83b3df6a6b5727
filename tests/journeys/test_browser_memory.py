"""What the browser remembers: after sign-out, Back shows nothing private.

Chromium itself forgets a `no-store` page once its HttpOnly cookie changes; our line of script
covers a session that ended elsewhere, and browsers that do not forget.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import browsers
from tests.journeys import pages
from tests.journeys.sites import Site

pytestmark = [pytest.mark.browser, pytest.mark.long]

PRIVATE = ("Mara Lindqvist", "Your account")
#: The ticket on the home page is nobody's.
SAMPLE = "ct_8F2K-91QD"


@pytest.fixture(scope="module")
def remembering(browser: Browser) -> Iterator[Browser]:
    """Chromium with its back/forward cache, which Playwright switches off unless told."""
    running = browser.browser_type.launch(
        executable_path=browsers.find_chromium(),
        args=list(browsers.ARGS),
        ignore_default_args=["--disable-back-forward-cache"],
    )
    yield running
    running.close()


@pytest.fixture
def open_page(
    remembering: Browser, complaints: browsers.Complaints
) -> Iterator[Callable[..., Page]]:
    with ExitStack() as stack:

        def open_one(**options: Any) -> Page:
            return stack.enter_context(browsers.watched_page(remembering, complaints, **options))

        yield open_one
    assert not complaints.unexpected()


def without_script(page: Page, complaints: browsers.Complaints) -> None:
    """Keep our script from coming, while the browser itself could run one."""
    page.route("**/app.js*", lambda route: route.abort())
    complaints.expect("net::ERR_FAILED")


def shows_nothing_private(page: Page) -> None:
    """Insist on the front page, and that nothing of the account is in it."""
    pages.heading(page, "Connect your TikTok to Coatcheck")
    told = page.content().replace(SAMPLE, "")
    assert not [word for word in (*PRIVATE, "ct_") if word in told]


@pytest.mark.parametrize("javascript", [True, False])
def test_back_after_sign_out_shows_nothing_private(
    simple: Site, open_page: Callable[..., Page], javascript: bool
) -> None:
    page = open_page(javascript=javascript)
    pages.connect(page, simple.url)
    pages.press(page, "Go to your account")
    pages.heading(page, "Your account")
    pages.press(page, "Sign out")
    pages.heading(page, "Connect your TikTok to Coatcheck")
    for _ in range(2):
        page.go_back(wait_until="commit")
        shows_nothing_private(page)


#: Every page that only the person, or only an operator, may see.
OWN_PAGES = ("account", "account/activity", "account/sessions")
OPERATORS_PAGES = (
    *("operators/tokens", "operators/health", "operators/audit", "operators/keys"),
    *("operators/bulk", "operators/setup", "operators/tokens/{open_id}"),
)


@pytest.mark.parametrize("javascript", [True, False])
def test_back_through_every_page_shows_nothing_private_after_sign_out(
    simple: Site, open_page: Callable[..., Page], complaints: browsers.Complaints, javascript: bool
) -> None:
    page = open_page(javascript=javascript)
    pages.connect(page, simple.url)
    simple.sql("UPDATE users SET operator_since = connected_at")
    (row,) = simple.rows()
    for path in (*OWN_PAGES, *OPERATORS_PAGES):
        page.goto(f"{simple.url}/{path.format(open_id=row['open_id'])}")
        assert "Sign out" in page.content(), path
    pages.press(page, "Sign out")
    pages.heading(page, "Connect your TikTok to Coatcheck")
    complaints.expect("status of 404")
    for _ in (*OPERATORS_PAGES, *OWN_PAGES):
        page.go_back(wait_until="commit")
        expect(page.get_by_role("heading", level=1)).to_have_text(
            re.compile("Connect your TikTok|Page not found")
        )
        told = page.content().replace(SAMPLE, "")
        assert not [w for w in (*PRIVATE, "ct_", row["open_id"], row["ticket"]) if w in told], (
            page.url
        )


def leave_and_sign_out_elsewhere(site: Site, page: Page, other: Page) -> None:
    """Leave the account page for another; then the session ends in another browser."""
    for each in (page, other):
        pages.connect(each, site.url)
        each.goto(f"{site.url}/account")
    # A page that comes out of the browser's memory still has this.
    page.evaluate("window.seen = true")
    pages.press(page, "Privacy")
    other.goto(f"{site.url}/account/sessions")
    pages.press(other, "Sign out everywhere")
    page.go_back(wait_until="commit")


def test_back_after_a_sign_out_elsewhere_shows_nothing_private(
    simple: Site, open_page: Callable[..., Page]
) -> None:
    page = open_page()
    leave_and_sign_out_elsewhere(simple, page, open_page())
    shows_nothing_private(page)


def test_without_our_script_this_browser_would_show_it(
    simple: Site, open_page: Callable[..., Page], complaints: browsers.Complaints
) -> None:
    # The proof that the test above can fail: the memory is really switched on.
    page = open_page()
    without_script(page, complaints)
    leave_and_sign_out_elsewhere(simple, page, open_page())
    pages.heading(page, "Your account")
    assert page.evaluate("window.seen")
