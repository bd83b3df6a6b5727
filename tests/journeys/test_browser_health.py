"""The health page in a real browser: pictures with their numbers, the button; both ways."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.journeys import pages
from tests.journeys.sites import Site

pytestmark = [pytest.mark.browser, pytest.mark.long]


@pytest.fixture(params=[True, False], ids=["script", "no-script"])
def page(request: pytest.FixtureRequest, open_page: Callable[..., Page], simple: Site) -> Page:
    """An operator's page, with figures of the last hours to draw."""
    made = open_page(javascript=request.param)
    pages.connect(made, simple.url)
    simple.sql("UPDATE users SET operator_since = connected_at")
    simple.sql("DELETE FROM figures")
    simple.sql("DELETE FROM brakes")
    for back, what, count in ((1, "refreshed", 40), (3, "refreshed", 25), (3, "failed.config", 5)):
        at = datetime.now(UTC) - timedelta(hours=back)
        simple.sql(
            "INSERT INTO figures SELECT client_key, ?, ?, ? FROM users",
            at.strftime("%Y-%m-%d %H:%M:00.000000"),
            what,
            count,
        )
    return made


def test_pictures_have_words_and_the_same_numbers_as_a_table(page: Page, simple: Site) -> None:
    page.goto(f"{simple.url}/operators/health")
    pages.heading(page, "Health")
    drawing = page.get_by_role("img", name="Refreshes in the last 24 hours")
    expect(drawing).to_be_visible()
    expect(drawing.locator("rect")).to_have_count(3)
    section = page.locator("figure", has=drawing)
    section.get_by_text("Show the numbers as a table").click()
    rows = section.locator("tbody tr")
    expect(rows).to_have_count(24)
    expect(rows.nth(22)).to_contain_text("40")
    expect(rows.nth(20)).to_contain_text("5")
    expect(page.get_by_role("button", name="Test now")).to_be_hidden()


def test_a_probe_is_pressed_and_told(page: Page, simple: Site) -> None:
    later = (datetime.now(UTC) + timedelta(seconds=30)).strftime("%Y-%m-%d %H:%M:%S.000000")
    simple.sql(
        "INSERT INTO brakes (client_key, recent, open_reason, open_since, probe_at, pace,"
        " last_deleted_version) SELECT client_key, '', 'transient', ?, ?, 1.0, 0 FROM users",
        later,
        later,
    )
    page.goto(f"{simple.url}/operators/health")
    expect(page.locator(".state.bad")).to_contain_text("TikTok isn't responding")
    pages.press(page, "Test now")
    expect(page.get_by_text("TikTok responded. Refreshes have resumed.")).to_be_visible()
    expect(page.locator(".state.bad")).to_be_hidden()


def test_it_fits_a_narrow_window(simple: Site, page: Page) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(f"{simple.url}/operators/health")
    for summary in page.locator("summary").all():
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") == 320
