"""Everything a person does, with JavaScript switched off."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browsers import Complaints
from tests.journeys import pages
from tests.journeys.sites import Site
from tests.servers import Sandbox

pytestmark = [pytest.mark.browser, pytest.mark.long]


@pytest.fixture
def page(page_without_javascript: Page) -> Page:
    return page_without_javascript


def test_connect_with_a_choice_left_off_and_added(
    choosing: Site, sandbox: Sandbox, page: Page
) -> None:
    pages.connect(page, choosing.url, choose=["Your public videos"], but=["video.list"])
    pages.heading(page, "Connected")
    expect(page.locator("time").first).to_have_text("just now")
    pages.press(page, "Allow it now")
    pages.press(page, pages.CONTINUE)
    pages.allow(page)
    pages.heading(page, "Connected")
    expect(page.get_by_text("“Your public videos” is now allowed.")).to_be_visible()
    assert "video.list" in sandbox.books()[sandbox.open_id("mara")]["scopes"]


def test_no_and_cancel_are_told(simple: Site, page: Page, complaints: Complaints) -> None:
    pages.leave_for_tiktok(page, simple.url)
    pages.press(page, "Cancel")
    pages.heading(page, "You chose not to connect")
    pages.press(page, "Choose permissions again")
    pages.press(page, pages.CONTINUE)
    complaints.expect("status of 403")
    pages.allow(page, but=["user.info.basic"])
    pages.heading(page, "A required permission is missing")
    page.get_by_text("Details for support").click()
    expect(page.get_by_text("basic_missing")).to_be_visible()
    assert simple.rows() == []


def test_disconnect_connect_again_and_delete(
    simple: Site, page: Page, complaints: Complaints
) -> None:
    pages.connect(page, simple.url)
    pages.press(page, "Go to your account")
    pages.press(page, "Disconnect TikTok…")
    pages.press(page, "Yes, disconnect")
    expect(page.get_by_role("status")).to_have_text("Disconnected. TikTok confirmed it.")
    pages.press(page, "Connect again")
    pages.press(page, pages.CONTINUE)
    pages.allow(page)
    pages.heading(page, "Connected again")
    ticket = page.locator(".ticket code").inner_text()
    pages.press(page, "Go to your account")
    pages.press(page, "Delete account…")
    complaints.expect("status of 422")
    for typed in ("nonsense", ticket):
        page.get_by_label("Your ticket number").fill(typed)
        pages.press(page, "Yes, delete my account")
    expect(page.get_by_role("status")).to_contain_text("Your account is deleted.")
    assert simple.rows() == []


def test_download_and_both_ways_of_signing_out(
    simple: Site, open_page: Callable[..., Page]
) -> None:
    page, other = open_page(javascript=False), open_page(javascript=False)
    for each in (page, other):
        pages.connect(each, simple.url)
        each.goto(f"{simple.url}/account")
    assert pages.download(page, "Download my data (JSON)")["display_name"] == "Mara Lindqvist"
    pages.press(page, "Sign out")
    pages.heading(page, "Connect your TikTok to Coatcheck")
    pages.connect(page, simple.url)
    page.goto(f"{simple.url}/account/sessions")
    pages.press(page, "Sign out everywhere")
    other.reload()
    pages.heading(other, "Connect your TikTok to Coatcheck")
