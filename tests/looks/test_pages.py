"""Every page as it is served, in a real browser: light, secure, accessible, never too wide."""

import pytest

from tests.journeys.sites import Site
from tests.looks import measure, weight
from tests.looks.conftest import Visits
from tests.looks.places import NO_PAGES, PLACES, Place
from tests.security.test_access import TABLE

pytestmark = [pytest.mark.browser, pytest.mark.long]


def test_every_page_is_walked() -> None:
    there = {endpoint for method, endpoint in TABLE if method == "GET"}
    walked = {place.endpoint for place in PLACES if place.opened}
    assert there == walked | NO_PAGES, "say in PLACES how to come to the new page"


@pytest.mark.usefixtures("axe")
@pytest.mark.parametrize("place", PLACES, ids=str)
def test_a_page_is_light_and_fits_every_reader(
    looked_at: Site, visits: Visits, place: Place
) -> None:
    page = visits.pages[place.visitor]
    visits.complaints.seen.clear()
    visits.complaints.expected[:] = [f"status of {place.status}"] if place.status != 200 else []
    page.set_viewport_size({"width": 1280, "height": measure.HEIGHT})
    with weight.cold(page) as load:
        assert place.open(page, looked_at, visits.names) == place.status
    most = weight.MOST_OF_A_FULL_LIST if place.full else weight.MOST
    found = [] if place.act else load.faults(looked_at.url, most)
    measure.unfold(page)
    found += measure.sideways(page) + measure.small_targets(page)
    found += measure.accessible(page)
    found += visits.complaints.unexpected()
    assert not found, "\n".join(found)
