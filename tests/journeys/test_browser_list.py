"""The list in a real browser: filtered, ordered and selected with and without JavaScript."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.journeys import pages
from tests.journeys.sites import Site

pytestmark = [pytest.mark.browser, pytest.mark.long]


def two_people(
    site: Site, open_page: Callable[..., Page], *, javascript: bool
) -> tuple[Page, Page]:
    """Let an operator and someone else connect; return the windows of both."""
    page, jo = open_page(javascript=javascript), open_page()
    pages.connect(jo, site.url, "jo")
    pages.connect(page, site.url)
    site.sql("UPDATE users SET operator_since = connected_at WHERE display_name LIKE 'Mara%'")
    return page, jo


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "plain"])
def test_an_operator_filters_orders_and_selects(
    simple: Site, open_page: Callable[..., Page], javascript: bool
) -> None:
    page, _jo = two_people(simple, open_page, javascript=javascript)
    page.goto(f"{simple.url}/operators/tokens")
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_label("Search").fill("jo")
    page.get_by_role("combobox", name="Status").select_option("Healthy")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.get_by_label("Search")).to_have_value("jo")
    assert "q=jo" in page.url
    assert "status=healthy" in page.url
    page.get_by_role("columnheader", name="Last used").get_by_role("link").click()
    expect(page.get_by_role("columnheader", name="Last used")).to_have_attribute(
        "aria-sort", "ascending"
    )
    page.get_by_label("Select Jo").check()
    expect(page.get_by_role("button", name="Refresh selected")).to_be_visible()
    page.get_by_role("link", name="Clear", exact=True).click()
    page.get_by_role("link", name="Disconnected").click()
    pages.heading(page, "Connections")
    expect(page.get_by_text("No connections match these filters")).to_be_visible()


def test_enter_in_a_tick_box_does_nothing_and_the_actions_are_few_presses_away(
    simple: Site, open_page: Callable[..., Page]
) -> None:
    page = open_page()
    pages.connect(page, simple.url)
    simple.sql("UPDATE users SET operator_since = connected_at")
    page.goto(f"{simple.url}/operators/tokens")
    box = page.get_by_label("Select Mara Lindqvist")
    box.check()
    box.press("Enter")
    page.wait_for_timeout(300)
    assert page.url == f"{simple.url}/operators/tokens"
    expect(box).to_be_checked()
    # The bar precedes the rows, and a link after them leads to it.
    skip = page.get_by_role("link", name="Go to the actions for selected connections")
    skip.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Refresh selected")).to_be_focused()
    page.keyboard.press("Enter")
    pages.heading(page, "Refresh 1 connection?")


def test_the_list_is_cards_in_a_narrow_window(simple: Site, open_page: Callable[..., Page]) -> None:
    page = open_page(viewport={"width": 360, "height": 640})
    pages.connect(page, simple.url, "mallory")
    simple.sql("UPDATE users SET operator_since = connected_at")
    page.goto(f"{simple.url}/operators/tokens?foo=1")
    expect(page.get_by_text("Ignored unknown or invalid filters: foo")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "plain"])
def test_the_bar_offers_only_what_can_help_those_that_are_selected(
    simple: Site, open_page: Callable[..., Page], javascript: bool
) -> None:
    page, jo = two_people(simple, open_page, javascript=javascript)
    jo.goto(f"{simple.url}/account/disconnect")
    pages.press(jo, "Yes, disconnect")
    page.goto(f"{simple.url}/operators/tokens")
    bar = page.get_by_role("group", name="Selected connections")
    refresh, disconnect = (bar.get_by_role("button", name=n) for n in ("Refresh", "Disconnect"))
    page.get_by_label("Select Jo").check()
    expect(bar).to_contain_text("There is nothing to refresh or disconnect.")
    expect(refresh).to_be_hidden()
    expect(disconnect).to_be_hidden()
    page.get_by_label("Select Mara Lindqvist").check()
    expect(refresh).to_be_visible()
    expect(disconnect).to_be_visible()
    expect(bar.get_by_text("There is nothing to refresh or disconnect.")).to_be_hidden()
