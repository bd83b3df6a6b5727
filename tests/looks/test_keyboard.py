"""The keyboard alone: Tab goes as one reads, to everything, and one always sees where it is."""

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.sites import Site
from tests.looks import keyboard, measure
from tests.looks.conftest import Visits
from tests.looks.places import PLACES, Place

pytestmark = [pytest.mark.browser, pytest.mark.long]

OPENED = [place for place in PLACES if place.act is None]


def opened(visits: Visits, site: Site, place: Place, width: int = 1280) -> Page:
    """Open a place in a window of its visitor."""
    page = visits.pages[place.visitor]
    page.set_viewport_size({"width": width, "height": measure.HEIGHT})
    place.open(page, site, visits.names)
    return page


@pytest.mark.parametrize("place", OPENED, ids=str)
def test_tab_goes_to_everything_in_the_order_of_reading(
    looked_at: Site, visits: Visits, place: Place
) -> None:
    page = opened(visits, looked_at, place)
    if place.full:
        # Something is ticked, so the bar sticks to the window's edge and could cover a row.
        page.evaluate("document.querySelector('[name=id]').checked = true")
        assert page.locator(".bulkbar").evaluate("e => getComputedStyle(e).position") == "fixed"
    found = keyboard.walk(page)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("place", OPENED[::6], ids=str)
def test_tab_goes_the_same_way_in_a_narrow_window(
    looked_at: Site, visits: Visits, place: Place
) -> None:
    found = keyboard.walk(opened(visits, looked_at, place, 320))
    assert not found, "\n".join(found)


def test_the_first_stop_skips_to_the_content(looked_at: Site, visits: Visits) -> None:
    for place in (OPENED[0], *(p for p in OPENED if p.full)):
        page = opened(visits, looked_at, place)
        page.keyboard.press("Tab")
        skip = page.get_by_role("link", name="Skip to content")
        expect(skip).to_be_focused()
        expect(skip).to_be_in_viewport(ratio=1)
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        page.keyboard.press("Tab")
        assert page.evaluate("document.querySelector('main').contains(document.activeElement)")
