"""Taking it back in a real browser: disconnect, delete, download, sign out here and everywhere."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browsers import Complaints
from tests.journeys import pages
from tests.journeys.sites import Site
from tests.servers import Sandbox

pytestmark = [pytest.mark.browser, pytest.mark.long]


def disconnect(page: Page) -> None:
    """Walk from the account page through the confirmation."""
    pages.press(page, "Disconnect TikTok…")
    pages.heading(page, "Disconnect Mara Lindqvist?")
    pages.press(page, "Yes, disconnect")
    pages.heading(page, "Your account")


def account(page: Page, site: Site, person: str = "mara") -> None:
    """Connect and go to the account page."""
    pages.connect(page, site.url, person)
    page.goto(f"{site.url}/account")


@pytest.mark.rule(40)
def test_disconnecting_says_that_both_halves_worked(
    simple: Site, sandbox: Sandbox, page: Page
) -> None:
    account(page, simple)
    disconnect(page)
    expect(page.get_by_role("status")).to_have_text("Disconnected. TikTok confirmed it.")
    expect(page.locator(".ticket .tag")).to_have_text("Disconnected")
    assert sandbox.books()[sandbox.open_id("mara")]["revoked"]
    (row,) = simple.rows()
    assert (row["access_token"], row["refresh_token"]) == (None, None)
    page.reload()
    expect(page.get_by_role("status")).to_be_hidden()


def test_two_presses_disconnect_and_nothing_is_typed(simple: Site, page: Page) -> None:
    account(page, simple)
    effort = pages.Effort().watch(page.context)
    page.reload()
    disconnect(page)
    assert (effort.presses, effort.keys) == (2, 0)


@pytest.mark.rule(40)
def test_disconnecting_while_tiktok_is_down_says_which_half_worked(
    simple: Site, sandbox: Sandbox, page: Page
) -> None:
    account(page, simple)
    sandbox.faults("revoke", "http500")
    disconnect(page)
    told = page.get_by_role("status")
    expect(told).to_contain_text("Disconnected here. TikTok didn't respond;")
    expect(told).to_contain_text("we'll keep trying for 24 hours.")
    expect(page.locator(".ticket .tag")).to_have_text("Disconnected")
    (row,) = simple.rows()
    assert row["status"] == "revoking"


@pytest.mark.rule(40)
def test_disconnecting_while_tiktok_refuses_says_which_half_worked(
    simple: Site, sandbox: Sandbox, page: Page
) -> None:
    account(page, simple)
    sandbox.faults("revoke", "error200", error="invalid_client")
    disconnect(page)
    told = page.get_by_role("status")
    expect(told).to_contain_text("Disconnected here: our access key is deleted.")
    expect(told).to_contain_text("TikTok didn't confirm the disconnection.")
    (row,) = simple.rows()
    assert (row["access_token"], row["refresh_token"]) == (None, None)


def test_whoever_disconnected_can_connect_again(simple: Site, page: Page) -> None:
    account(page, simple)
    ticket = page.locator(".ticket .number").inner_text()
    disconnect(page)
    pages.press(page, "Connect again")
    pages.press(page, pages.CONTINUE)
    pages.allow(page)
    pages.heading(page, "Connected again")
    expect(page.locator(".ticket .number")).to_have_text(ticket)


def test_thinking_again_keeps_the_connection(simple: Site, page: Page) -> None:
    account(page, simple)
    pages.press(page, "Disconnect TikTok…")
    pages.press(page, "Stay connected")
    pages.press(page, "Delete account…")
    pages.press(page, "Keep my account")
    expect(page.locator(".ticket .tag")).to_have_text("Connected")


def test_deleting_needs_the_right_ticket(
    simple: Site, sandbox: Sandbox, page: Page, complaints: Complaints
) -> None:
    account(page, simple)
    ticket = page.locator(".ticket code").inner_text()
    pages.press(page, "Delete account…")
    field = page.get_by_label("Your ticket number")
    field.fill("ct_0000-0000")
    complaints.expect("status of 422")
    pages.press(page, "Yes, delete my account")
    expect(page).to_have_title("Error: Delete your account? · Coatcheck")
    expect(field).to_have_attribute("aria-invalid", "true")
    assert field.evaluate("e => getComputedStyle(e).borderTopWidth") == "2px"
    expect(field).to_have_value("ct_0000-0000")
    pages.press(page, "Type the ticket number as shown above.")
    expect(field).to_be_focused()
    assert len(simple.rows()) == 1
    page.keyboard.press("Control+A")
    page.keyboard.type(ticket.lower())
    page.keyboard.press("Enter")
    pages.heading(page, "Goodbye")
    expect(page.get_by_role("status")).to_contain_text("Your account is deleted.")
    assert simple.rows() == simple.rows("browser_sessions") == []
    assert sandbox.books()[sandbox.open_id("mara")]["revoked"]
    page.goto(f"{simple.url}/account")
    assert page.url == f"{simple.url}/"


def test_the_download_is_ones_own_data_without_the_tokens(
    simple: Site, sandbox: Sandbox, page: Page
) -> None:
    account(page, simple)
    told = pages.download(page, "Download my data (JSON)")
    assert told["display_name"] == "Mara Lindqvist"
    assert told["open_id"] == sandbox.open_id("mara")
    (row,) = simple.rows()
    assert told["ticket"] == row["ticket"]
    assert "act." not in str(told)
    assert "rft." not in str(told)
    assert row["access_token"] not in str(told)


def test_signing_out_ends_this_browser_alone(simple: Site, open_page: Callable[..., Page]) -> None:
    here, there = open_page(), open_page()
    account(here, simple)
    account(there, simple)
    pages.press(here, "Sign out")
    pages.heading(here, "Connect your TikTok to Coatcheck")
    here.goto(f"{simple.url}/account")
    assert here.url == f"{simple.url}/"
    there.reload()
    pages.heading(there, "Your account")


def test_signing_out_everywhere_ends_every_browser_of_that_person(
    simple: Site, open_page: Callable[..., Page]
) -> None:
    here, there, somebody = open_page(), open_page(), open_page()
    account(here, simple)
    account(there, simple)
    account(somebody, simple, "jo")
    here.reload()
    pages.press(here, "Manage all 2 devices or sign them out")
    pages.press(here, "Sign out everywhere")
    expect(here.get_by_role("status")).to_have_text("You're signed out on all devices.")
    for page in (here, there):
        page.goto(f"{simple.url}/account")
        pages.heading(page, "Connect your TikTok to Coatcheck")
    somebody.reload()
    pages.heading(somebody, "Your account")
