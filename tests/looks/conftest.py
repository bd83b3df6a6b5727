"""Fixtures: one served app with made-up people for all who look at pages."""

import shutil
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import make_url

from tests import servers
from tests.journeys.sites import Site, site
from tests.looks.measure import AXE, HOW
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


@pytest.fixture(scope="session")
def axe() -> None:
    """The rules of accessibility, which npm brings."""
    if not AXE.exists():
        missing(f"axe-core is not installed: {HOW}")
