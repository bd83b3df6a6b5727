"""The page of each cause, come to as people come to it, in a browser without JavaScript.

axe-core is a script, so it looks at these pages in test_scenes.py.
"""

import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser
from sqlalchemy import make_url

from tests import browsers, servers
from tests.journeys import pages
from tests.journeys.causes import WAYS
from tests.journeys.sites import Site, site
from tests.looks import measure
from webapp.views.http.errors import CAUSES

pytestmark = [pytest.mark.browser, pytest.mark.long]


@pytest.fixture(scope="module")
def simple(
    sandbox_server: servers.Sandbox,
    template_of: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    """The app that leaves no choice: the ways to the causes are written for it."""
    folder = tmp_path_factory.mktemp("simple")
    database = folder / "app.db"
    shutil.copy(str(make_url(template_of("sqlite")).database), database)
    scopes = {"TIKTOK_SCOPES": "user.info.basic,video.list", "TIKTOK_OPTIONAL_SCOPES": ""}
    with site(sandbox_server, f"sqlite:///{database}", folder, **scopes) as served:
        yield served


@pytest.mark.parametrize("code", WAYS)
def test_the_page_of_a_cause_fits_every_reader(
    browser: Browser, simple: Site, sandbox_server: servers.Sandbox, code: str
) -> None:
    complaints = browsers.Complaints()
    complaints.expect(f"status of {CAUSES[code].status}")
    if code == "other_host":
        # Nothing else is served at an address that is not ours, no stylesheet either.
        complaints.expect("style.css")
    simple.empty()
    with browsers.watched_page(browser, complaints, javascript=False) as page:
        WAYS[code](page, simple, sandbox_server)
        sandbox_server.forget_faults()
        pages.heading(page, CAUSES[code].title)
        measure.unfold(page)
        found = measure.sideways(page) + complaints.unexpected()
        if code != "other_host":
            found += measure.small_targets(page)
    assert not found, "\n".join(found)
