"""Every state of every page in a real browser: fits every reader's window, and says nothing odd.

Once in English, and once in a language nobody speaks that is longer and written from the right.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests import browser as browsers
from tests.journeys.sites import Site
from tests.looks import measure
from tests.looks.staging import PREFIX, every_page, staged
from tests.views.scenes import SCENES
from webapp.views.errors import CAUSES

pytestmark = [pytest.mark.browser, pytest.mark.long]
NAMES = [*SCENES, *(f"error-{code}" for code in CAUSES)]


@pytest.fixture(scope="module")
def stage_page(browser: Browser, looked_at: Site) -> Iterator[tuple[Page, browsers.Complaints]]:
    """One page of Chromium for all scenes, and what it complains about."""
    complaints = browsers.Complaints()
    with (
        browsers.watched_page(browser, complaints) as page,
        staged(page, looked_at.server, dict(every_page())),
    ):
        yield page, complaints


@pytest.mark.usefixtures("axe")
@pytest.mark.parametrize("name", NAMES)
def test_every_state_of_a_page_holds_for_every_reader(
    looked_at: Site, stage_page: tuple[Page, browsers.Complaints], name: str
) -> None:
    page, complaints = stage_page
    complaints.seen.clear()
    page.goto(f"{looked_at.url}{PREFIX}{name}")
    measure.unfold(page)
    found = measure.sideways(page) + measure.small_targets(page)
    found += measure.accessible(page, [(1280, "dark"), (360, "light")])
    found += complaints.seen
    assert not found, "\n".join(found)
