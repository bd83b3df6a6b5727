"""Fixtures: the served app with made-up people, and a window for each kind of visitor."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page
from sqlalchemy import make_url

from tests import browsers, servers
from tests.journeys.sites import Site, site
from tests.looks.measure import AXE, HOW
from tests.looks.places import Visitor, furnish
from tests.missing import missing


@pytest.fixture(scope="session")
def looked_at(
    sandbox_server: servers.Sandbox,
    template_of: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    """The app under gunicorn, on a database of its own."""
    folder = tmp_path_factory.mktemp("looked-at")
    database = folder / "app.db"
    shutil.copy(str(make_url(template_of("sqlite")).database), database)
    with site(sandbox_server, f"sqlite:///{database}", folder) as served:
        yield served


@dataclass
class Visits:
    """A window of Chromium for each kind of visitor, and what all of them complain about."""

    pages: dict[Visitor, Page]
    complaints: browsers.Complaints
    #: What the paths of places leave open.
    names: dict[str, str]


@pytest.fixture(scope="session")
def visits(browser: Browser, looked_at: Site) -> Iterator[Visits]:
    """The windows; people have connected, and an operator has worked."""
    complaints = browsers.Complaints()
    with ExitStack() as stack:

        def window() -> Page:
            return stack.enter_context(browsers.watched_page(browser, complaints))

        pages: dict[Visitor, Page] = {
            "stranger": window(),
            "person": window(),
            "operator": window(),
        }
        names = furnish(looked_at, pages["person"], pages["operator"])
        yield Visits(pages, complaints, names)


@pytest.fixture(scope="session")
def axe() -> None:
    """The rules of accessibility, which npm brings."""
    if not AXE.exists():
        missing(f"axe-core is not installed: {HOW}")
