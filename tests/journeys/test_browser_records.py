"""The audit and the service keys in a real browser, with JavaScript and without."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browsers import Complaints
from tests.journeys import pages
from tests.journeys.sites import Site

pytestmark = [pytest.mark.browser, pytest.mark.long]


@pytest.fixture(params=[True, False], ids=["javascript", "plain"])
def page(request: pytest.FixtureRequest, simple: Site, open_page: Callable[..., Page]) -> Page:
    """The browser of an operator, with JavaScript and without."""
    simple.sql("DROP TRIGGER IF EXISTS audit_events_kept")
    for table in ("service_keys", "audit_events"):
        simple.sql(f"DELETE FROM {table}")  # noqa: S608  # the names above
    page = open_page(javascript=request.param)
    pages.connect(page, simple.url)
    simple.sql("UPDATE users SET operator_since = connected_at")
    return page


def test_an_operator_finds_who_did_what_and_takes_it_away(simple: Site, page: Page) -> None:
    page.goto(f"{simple.url}/operators/audit")
    pages.heading(page, "Audit")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody tr")).to_contain_text("connection.connected")
    page.get_by_label("What").select_option("key.issued")
    pages.press(page, "Apply")
    pages.heading(page, "Audit")
    expect(page.get_by_role("heading", name="No matching events")).to_be_visible()
    expect(page.get_by_label("What")).to_have_value("key.issued")
    pages.press(page, "Clear")
    page.get_by_text("More filters").click()
    page.get_by_label("On", exact=True).fill(simple.rows()[0]["open_id"])
    pages.press(page, "Apply")
    expect(page.locator("tbody tr")).to_have_count(1)
    with page.expect_download() as coming:
        pages.press(page, "CSV")
    assert "connection.connected" in coming.value.path().read_text(encoding="utf-8")
    page.goto(f"{simple.url}/operators/audit?foo=1")
    expect(page.locator(".notice")).to_contain_text("Ignored unknown or invalid filters: foo.")


def test_an_operator_issues_a_key_sees_it_once_and_revokes_it(
    simple: Site, page: Page, complaints: Complaints
) -> None:
    page.goto(f"{simple.url}/operators/keys")
    pages.heading(page, "Service keys")
    page.get_by_label("Name").fill("studio-prod")
    pages.press(page, "Issue key")
    pages.heading(page, "Key issued")
    key = page.locator("#key").inner_text()
    assert key.startswith("cck_")
    assert key not in page.url
    page.reload()
    pages.heading(page, "Key issued")
    expect(page.locator("main")).to_contain_text("can't be shown again here")
    assert key not in page.content()
    assert len(simple.rows("service_keys")) == 1
    page.get_by_role("link", name="Revoke this key…").click()
    pages.heading(page, "Revoke this key?")
    pages.press(page, "Yes, revoke")
    expect(page.locator(".notice")).to_contain_text("“studio-prod” is revoked")
    expect(page.locator("tbody tr")).to_contain_text("Revoked")


@pytest.mark.parametrize("path", ["audit", "keys"])
def test_the_pages_fit_a_narrow_window(simple: Site, page: Page, path: str) -> None:
    page.goto(f"{simple.url}/operators/keys")
    page.get_by_label("Name").fill("studio-prod")
    pages.press(page, "Issue key")
    page.set_viewport_size({"width": 320, "height": 640})
    pages.heading(page, "Key issued")
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    page.goto(f"{simple.url}/operators/{path}")
    assert page.evaluate("document.documentElement.scrollWidth") == 320
