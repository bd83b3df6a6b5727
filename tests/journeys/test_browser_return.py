"""Coming back in a real browser: reload, Back, bookmarks, several tabs, cookies that are gone."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browsers import Complaints
from tests.journeys import pages
from tests.journeys.sites import Site
from tests.servers import Sandbox

pytestmark = [pytest.mark.browser, pytest.mark.long]

EXCHANGE = "token.authorization_code"


def callbacks(page: Page) -> list[str]:
    """Return the list in which the addresses of callbacks gather, as the browser asks for them."""
    seen: list[str] = []
    page.on("request", lambda asked: "callback?" in asked.url and seen.append(asked.url))
    return seen


@pytest.mark.rule(17)
def test_back_and_reload_after_success_never_exchange_again(
    simple: Site, sandbox: Sandbox, page: Page
) -> None:
    seen = callbacks(page)
    pages.connect(page, simple.url)
    page.reload()
    pages.heading(page, "Connected")
    (callback,) = seen
    page.goto(callback)
    pages.heading(page, "Your account")
    page.go_back()
    page.go_forward()
    pages.heading(page, "Your account")
    assert sandbox.calls(EXCHANGE) == 1


@pytest.mark.rule(17)
def test_back_leads_past_the_callback_to_the_question(
    simple: Site, sandbox: Sandbox, page: Page
) -> None:
    pages.connect(page, simple.url)
    page.go_back()
    expect(page).to_have_title("Allow access? · Mock TikTok")
    pages.allow(page)
    pages.heading(page, "Your account")
    assert sandbox.calls(EXCHANGE) == 1


@pytest.mark.rule(20)
def test_no_address_in_the_history_holds_the_code(simple: Site, page: Page) -> None:
    seen = callbacks(page)
    pages.connect(page, simple.url)
    assert "code=" in seen[0]
    assert page.url == f"{simple.url}/connected"
    assert page.evaluate("document.referrer") == ""


@pytest.mark.rule(17)
def test_a_callback_opened_again_after_sign_out_is_told_kindly(
    simple: Site, sandbox: Sandbox, page: Page, complaints: Complaints
) -> None:
    seen = callbacks(page)
    pages.connect(page, simple.url)
    pages.press(page, "Sign out")
    complaints.expect("status of 400")
    page.goto(seen[0])
    pages.heading(page, "This step is already done")
    assert sandbox.calls(EXCHANGE) == 1


def test_the_confirmation_can_be_kept_as_a_bookmark(simple: Site, page: Page) -> None:
    pages.connect(page, simple.url)
    bookmark = page.url
    page.goto(f"{simple.url}/privacy")
    page.goto(bookmark)
    pages.heading(page, "Connected")
    page.goto(f"{simple.url}/account/disconnect")
    pages.press(page, "Yes, disconnect")
    page.goto(bookmark)
    pages.heading(page, "Your account")
    expect(page.locator(".ticket .tag")).to_have_text("Disconnected")
    pages.press(page, "Sign out")
    page.goto(bookmark)
    pages.heading(page, "Connect your TikTok to Coatcheck")


@pytest.mark.rule(9)
def test_two_tabs_of_one_browser_both_finish(simple: Site, sandbox: Sandbox, page: Page) -> None:
    other, third = page.context.new_page(), page.context.new_page()
    for tab in (page, other, third):
        pages.leave_for_tiktok(tab, simple.url)
    pages.allow(other)
    pages.heading(other, "Connected")
    pages.allow(page)
    pages.heading(page, "Your account")
    assert sandbox.calls(EXCHANGE) == 2
    # The third one stayed open, and is finished long after the sign-in.
    pages.press(other, "Go to your account")
    pages.allow(third)
    pages.heading(third, "Your account")
    assert len(simple.rows()) == 1


def test_a_tab_that_comes_back_as_somebody_else_changes_nothing(
    simple: Site, page: Page, complaints: Complaints
) -> None:
    other = page.context.new_page()
    for tab in (page, other):
        pages.leave_for_tiktok(tab, simple.url)
    pages.allow(page, "mara")
    pages.heading(page, "Connected")
    complaints.expect("status of 409")
    pages.allow(other, "jo")
    pages.heading(other, "That's a different TikTok account")
    page.reload()
    expect(page.locator(".ticket .name")).to_have_text("Mara Lindqvist")
    assert len(simple.rows()) == 1


@pytest.mark.rule(12)
def test_an_old_tab_is_refused_after_sign_out(
    simple: Site, sandbox: Sandbox, page: Page, complaints: Complaints
) -> None:
    old = page.context.new_page()
    pages.leave_for_tiktok(old, simple.url)
    pages.connect(page, simple.url)
    pages.press(page, "Sign out")
    complaints.expect("status of 400")
    pages.allow(old)
    pages.heading(old, "This page is from an earlier attempt")
    assert sandbox.calls(EXCHANGE) == 1


@pytest.mark.rule(12)
def test_another_browser_cannot_finish_what_this_one_began(
    simple: Site, sandbox: Sandbox, open_page: Callable[..., Page], complaints: Complaints
) -> None:
    page, other = open_page(), open_page()
    pages.leave_for_tiktok(page, simple.url)
    complaints.expect("status of 400")
    other.goto(page.url)
    pages.allow(other)
    pages.heading(other, "We couldn't recognize your browser")
    assert sandbox.calls(EXCHANGE) == 0
    assert simple.rows() == []
