"""Work on many connections in a real browser: confirmed, watched to its end, and the way back."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browsers import Complaints
from tests.journeys import pages
from tests.journeys.sites import Site
from tests.keep.hands import worker
from tests.processes import running

pytestmark = [
    pytest.mark.browser,
    pytest.mark.long,
    pytest.mark.parametrize("javascript", [True, False], ids=["script", "no script"]),
]


def select_two(page: Page, site: Site) -> None:
    """Select both people in the list of those who are healthy."""
    page.goto(f"{site.url}/operators/tokens?status=healthy")
    for box in page.get_by_role("checkbox").all():
        box.check()


@pytest.fixture
def page(simple: Site, open_page: Callable[..., Page], javascript: bool) -> Page:
    """An operator's page; two people are connected."""
    made, jo = open_page(javascript=javascript), open_page()
    pages.connect(jo, simple.url, "jo")
    pages.connect(made, simple.url)
    simple.sql(
        "UPDATE users SET operator_since = connected_at WHERE display_name = ?", "Mara Lindqvist"
    )
    return made


def test_a_refresh_of_many_is_watched_to_its_end(simple: Site, page: Page, tmp_path: Path) -> None:
    # New rows don't begin at 1: their versions continue those of anyone deleted earlier.
    before = sorted(row["version"] for row in simple.rows())
    select_two(page, simple)
    pages.press(page, "Refresh selected")
    pages.heading(page, "Refresh 2 connections?")
    pages.press(page, "Refresh 2 connections")
    pages.heading(page, "0 of 2 finished · 0 refreshed · 0 failed")
    expect(page.get_by_text("Refreshing 2 connections")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_have_count(1)
    with running(worker(simple.env, tmp_path)):
        # Nobody presses anything: the page asks for itself again.
        ended = page.get_by_text("Refresh 2 connections", exact=True)
        expect(ended).to_be_visible(timeout=20_000)
    pages.heading(page, "2 of 2 finished · 2 refreshed · 0 failed")
    page.reload()
    pages.heading(page, "2 of 2 finished · 2 refreshed · 0 failed")
    expect(page.locator("[aria-current]")).to_have_text("Bulk jobs")
    assert sorted(row["version"] for row in simple.rows()) == [each + 1 for each in before]
    pages.press(page, "Back to the list")
    assert page.url == f"{simple.url}/operators/tokens?status=healthy"
    page.go_back()
    page.go_back()
    pages.heading(page, "Refresh 2 connections?")
    page.reload()
    expect(page.get_by_text("This job was ordered recently")).to_be_visible()
    pages.press(page, "Bulk jobs")
    pages.heading(page, "Bulk jobs")
    expect(page.get_by_role("row").filter(has_text="Refresh 2 connections")).not_to_have_count(0)


def test_to_disconnect_many_the_number_is_typed_and_stop_is_there(
    simple: Site, page: Page, complaints: Complaints
) -> None:
    select_two(page, simple)
    pages.press(page, "Disconnect selected…")
    pages.heading(page, "Disconnect 2 connections?")
    complaints.expect("status of 422")
    page.get_by_label("Number of connections").fill("3")
    pages.press(page, "Yes, disconnect 2 connections")
    expect(page.get_by_role("alert")).to_contain_text("Nothing was disconnected")
    expect(page.get_by_label("Number of connections")).to_have_value("3")
    page.get_by_label("Number of connections").fill("2")
    pages.press(page, "Yes, disconnect 2 connections")
    expect(page.get_by_text("Disconnecting 2 connections")).to_be_visible()
    pages.press(page, "Stop")
    expect(page.get_by_text("No request was under way")).to_be_visible()
    pages.heading(page, "0 of 2 finished · 0 confirmed by TikTok · 0 not confirmed · 2 not sent")
    assert {row["status"] for row in simple.rows()} == {"active"}


def test_the_pages_fit_a_narrow_window(simple: Site, page: Page) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    select_two(page, simple)
    pages.press(page, "Disconnect selected…")
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    select_two(page, simple)
    pages.press(page, "Refresh selected")
    pages.press(page, "Refresh 2 connections")
    expect(page.get_by_text("Refreshing 2 connections")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    page.goto(f"{simple.url}/operators/bulk")
    assert page.evaluate("document.documentElement.scrollWidth") == 320
