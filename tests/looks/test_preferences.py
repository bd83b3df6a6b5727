"""The switches of theme and language in a browser without JavaScript: at once, and kept."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.journeys import pages
from tests.journeys.sites import Site
from webapp import language

pytestmark = [pytest.mark.browser, pytest.mark.long]


def ground(page: Page) -> str:
    """Return the colour the page stands on."""
    # A locator waits for the body of the page that a press has led to.
    return str(page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor"))


def test_the_theme_is_switched_where_one_is_and_kept(
    looked_at: Site, open_page: Callable[..., Page]
) -> None:
    page = open_page(javascript=False, color_scheme="light")
    page.goto(f"{looked_at.url}/privacy")
    light = ground(page)
    pages.press(page, "Dark")
    assert page.url == f"{looked_at.url}/privacy"
    dark = ground(page)
    assert dark != light
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    page.goto(f"{looked_at.url}/terms")
    assert ground(page) == dark
    page.emulate_media(color_scheme="dark")
    pages.press(page, "Light")
    assert ground(page) == light
    pages.press(page, "System")
    assert ground(page) == dark


def test_the_language_is_switched_where_one_is_and_kept(
    looked_at: Site, open_page: Callable[..., Page]
) -> None:
    page = open_page(javascript=False, locale="en-GB")
    code = language.available()[1]
    page.goto(f"{looked_at.url}/privacy")
    english = page.get_by_role("heading", level=1).inner_text()
    page.get_by_role("button", name=language.language(code).name).click()
    assert page.url == f"{looked_at.url}/privacy"
    expect(page.locator("html")).to_have_attribute("lang", code)
    expect(page.get_by_role("heading", level=1)).not_to_have_text(english)
    page.goto(f"{looked_at.url}/terms")
    expect(page.locator("html")).to_have_attribute("lang", code)
    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_the_browsers_own_language_is_spoken_at_first(
    looked_at: Site, open_page: Callable[..., Page]
) -> None:
    for code in language.available():
        page = open_page(javascript=False, locale=code)
        page.goto(looked_at.url)
        expect(page.locator("html")).to_have_attribute("lang", code)
