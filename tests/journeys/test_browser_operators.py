"""The operators' list in a real browser: shown to operators, and to nobody else."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browsers import Complaints
from tests.journeys import pages
from tests.journeys.sites import Site

pytestmark = [pytest.mark.browser, pytest.mark.long]


def name_operator(site: Site, name: str) -> None:
    """Do what `flask operators add` does, beside the app."""
    site.sql("UPDATE users SET operator_since = connected_at WHERE display_name = ?", name)


def test_an_operator_sees_everybody_and_no_token(
    simple: Site, open_page: Callable[..., Page]
) -> None:
    page, jo = open_page(), open_page()
    pages.connect(jo, simple.url, "jo", but=["video.list"])
    pages.connect(page, simple.url)
    name_operator(simple, "Mara Lindqvist")
    page.reload()
    pages.press(page, "Connections")
    pages.heading(page, "Connections")
    expect(page.locator("tbody tr")).to_have_count(2)
    row = the_row(page, "Jo")
    expect(row).to_contain_text("Healthy")
    expect(row).to_contain_text("1 of 2")
    for held in simple.rows():
        assert held["access_token"] not in page.content()
        assert held["refresh_token"] not in page.content()


def the_row(page: Page, name: str) -> Locator:
    """Return the row of one name; an open_id may hold any letters."""
    return page.get_by_role("row", name=re.compile(rf"^Select {name}, "))


def test_what_a_disconnected_row_has_no_more_is_a_dash(
    simple: Site, open_page: Callable[..., Page]
) -> None:
    page, jo = open_page(), open_page()
    pages.connect(page, simple.url)
    pages.connect(jo, simple.url, "jo")
    jo.goto(f"{simple.url}/account/disconnect")
    pages.press(jo, "Yes, disconnect")
    name_operator(simple, "Mara Lindqvist")
    page.goto(f"{simple.url}/operators/tokens")
    row = the_row(page, "Jo")
    expect(row).to_contain_text("Disconnected")
    for column in ("Access expires", "Reconnect by", "Permissions"):
        expect(row.locator(f'[data-l="{column}"]')).to_have_text("–")


def test_nobody_else_is_told_that_the_list_is_there(
    simple: Site, open_page: Callable[..., Page], complaints: Complaints
) -> None:
    visitor, person = open_page(), open_page()
    pages.connect(person, simple.url)
    expect(person.get_by_role("link", name="Connections")).to_be_hidden()
    complaints.expect("status of 404")
    for address in ("/operators/tokens", "/operators/nothing"):
        answer = person.goto(f"{simple.url}{address}")
        assert answer is not None
        assert answer.status == 404
        pages.heading(person, "Page not found")
        # Whether there is such a page or not, who isn't signed in is asked to sign in.
        visitor.goto(f"{simple.url}{address}")
        assert visitor.url == f"{simple.url}/"
        expect(visitor.get_by_text("Sign in to open that page.")).to_be_visible()


def test_the_list_fits_a_narrow_window(simple: Site, open_page: Callable[..., Page]) -> None:
    page = open_page(viewport={"width": 320, "height": 640})
    pages.connect(page, simple.url, "mallory")
    simple.sql("UPDATE users SET operator_since = connected_at")
    page.goto(f"{simple.url}/operators/tokens")
    expect(page.locator("tbody tr")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") == 320
