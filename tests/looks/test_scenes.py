"""Every state of every page in a real browser: fits every reader's window, and says nothing odd.

Once in English, and once in a language nobody speaks that is longer and written from the right.
"""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests import browsers
from tests.journeys.sites import Site
from tests.looks import measure
from tests.looks.pseudo import catalogues, spoken
from tests.looks.staging import PREFIX, every_page, staged
from tests.views.scenes import SCENES
from webapp.views.http.errors import CAUSES

pytestmark = [pytest.mark.browser, pytest.mark.long]
NAMES = [*SCENES, *(f"error-{code}" for code in CAUSES)]


Stage = Callable[[str], Page]


@pytest.fixture(scope="module")
def complaints() -> browsers.Complaints:
    """What the stage's page complains about."""
    return browsers.Complaints()


@pytest.fixture(scope="module")
def stage(
    browser: Browser,
    looked_at: Site,
    complaints: browsers.Complaints,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stage]:
    """A function: name of a page, `ar-` before it for the strange language → it is there."""
    folder = tmp_path_factory.mktemp("catalogues")
    catalogues(folder)
    made = dict(every_page())
    with spoken("ar", folder) as scenes:
        made |= {f"ar-{name}": html for name, html in every_page(scenes)}
    with (
        browsers.watched_page(browser, complaints) as page,
        staged(page, looked_at.server, made),
    ):

        def show(name: str) -> Page:
            complaints.seen.clear()
            page.goto(f"{looked_at.url}{PREFIX}{name}")
            measure.unfold(page)
            return page

        yield show


@pytest.mark.usefixtures("axe")
@pytest.mark.parametrize("name", NAMES)
def test_every_state_of_a_page_holds_for_every_reader(
    stage: Stage, complaints: browsers.Complaints, name: str
) -> None:
    page = stage(name)
    found = measure.sideways(page) + measure.small_targets(page)
    # Served pages are looked at in all four ways; their many states take turns.
    found += measure.accessible(page, [measure.LOOKS[NAMES.index(name) % len(measure.LOOKS)]])
    found += complaints.seen
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", NAMES)
def test_longer_words_that_run_from_the_right_fit_every_window(
    stage: Stage, complaints: browsers.Complaints, name: str
) -> None:
    page = stage(f"ar-{name}")
    assert page.evaluate("document.documentElement.dir") == "rtl"
    found = measure.sideways(page, measure.AS_IT_IS) + measure.small_targets(page)
    found += complaints.seen
    assert not found, "\n".join(found)
