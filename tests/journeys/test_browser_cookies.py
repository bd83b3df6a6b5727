"""A browser without cookies: told before it leaves for TikTok, and again should it come back."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browsers import ARGS, Complaints, find_chromium
from tests.journeys import pages
from tests.journeys.sites import Site
from tests.servers import Sandbox

pytestmark = [pytest.mark.browser, pytest.mark.long]


def open_without_cookies(page: Page, site: Site) -> None:
    """Open the front page in a browser that keeps no cookie of it."""
    page.goto(f"{site.url}/")
    page.context.clear_cookies()


def test_blocked_cookies_are_told_before_leaving(
    simple: Site, sandbox: Sandbox, page: Page, complaints: Complaints
) -> None:
    open_without_cookies(page, simple)
    complaints.expect("status of 400")
    pages.press(page, pages.CONTINUE)
    pages.heading(page, "Your browser is blocking cookies")
    assert page.url == f"{simple.url}/connect"
    assert "You haven't been sent to TikTok" in page.locator("main").inner_text()
    assert sandbox.calls("authorize") == 0


def test_so_they_are_by_a_browser_that_is_set_to_block_them(
    choosing: Site, sandbox: Sandbox, browser: Browser, tmp_path: Path
) -> None:
    settings = {"profile": {"default_content_setting_values": {"cookies": 2}}}
    (tmp_path / "Default").mkdir()
    (tmp_path / "Default" / "Preferences").write_text(json.dumps(settings), encoding="utf-8")
    with browser.browser_type.launch_persistent_context(
        tmp_path, executable_path=find_chromium(), args=list(ARGS)
    ) as context:
        page = context.pages[0]
        page.goto(f"{choosing.url}/connect?next=https%3A%2F%2Fstudio.example%2Fapp%2F")
        assert context.cookies() == []
        pages.press(page, pages.CONTINUE)
        pages.heading(page, "Your browser is blocking cookies")
        # Who sent the person is still known, whatever the browser keeps.
        pages.press(page, "Try again")
        assert "next=https%3A%2F%2Fstudio.example" in page.url
    assert sandbox.calls("authorize") == 0


def test_with_cookies_allowed_the_same_page_leads_on(
    simple: Site, page: Page, complaints: Complaints
) -> None:
    open_without_cookies(page, simple)
    complaints.expect("status of 400")
    pages.press(page, pages.CONTINUE)
    pages.press(page, "Try again")
    pages.press(page, pages.CONTINUE)
    pages.allow(page)
    pages.heading(page, "Connected")


@pytest.mark.rule(12)
def test_cookies_lost_on_the_way_are_told(
    simple: Site, sandbox: Sandbox, page: Page, complaints: Complaints
) -> None:
    pages.leave_for_tiktok(page, simple.url)
    page.context.clear_cookies()
    complaints.expect("status of 400")
    pages.allow(page)
    pages.heading(page, "We couldn't recognize your browser")
    assert sandbox.calls("token.authorization_code") == 0
    assert simple.rows() == []
    pages.press(page, "Try again here")
    pages.press(page, pages.CONTINUE)
    pages.allow(page)
    pages.heading(page, "Connected")


def test_only_the_necessary_cookies_of_the_page_are_set_by_themselves(
    simple: Site, page: Page
) -> None:
    pages.connect(page, simple.url)
    page.goto(f"{simple.url}/cookies")
    found = page.context.cookies(simple.url)
    named = page.get_by_role("rowheader").all_inner_texts()
    assert named == ["session", "attempt-…", "csrf-…", "notes", "theme", "language"]
    kinds = {str(cookie.get("name")).partition("-")[0] for cookie in found}
    assert kinds <= {"session", "attempt", "csrf", "notes"}
    for cookie in found:
        assert cookie.get("httpOnly")
        assert cookie.get("sameSite") == "Lax"
    assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
