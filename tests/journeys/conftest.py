"""Fixtures: the app under gunicorn, with and without a choice, empty at the start of each test."""

import shutil
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import make_url

from tests import servers
from tests.journeys.bad_input import stood
from tests.journeys.sites import Site, site
from tests.journeys.standing import Standing


@pytest.fixture(scope="session")
def _choosing(
    sandbox_server: servers.Sandbox,
    template_of: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    service = {"RETURN_TO": "Example Studio=https://studio.example/app/"}
    yield from _served(sandbox_server, template_of, tmp_path_factory, **service)


@pytest.fixture(scope="session")
def _simple(
    sandbox_server: servers.Sandbox,
    template_of: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    scopes = {"TIKTOK_SCOPES": "user.info.basic,video.list", "TIKTOK_OPTIONAL_SCOPES": ""}
    yield from _served(sandbox_server, template_of, tmp_path_factory, **scopes)


def _served(
    sandbox: servers.Sandbox,
    template_of: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
    **changes: str,
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    database = folder / "app.db"
    shutil.copy(str(make_url(template_of("sqlite")).database), database)
    with site(sandbox, f"sqlite:///{database}", folder, **changes) as served:
        yield served


@pytest.fixture
def choosing(_choosing: Site, sandbox: servers.Sandbox) -> Site:
    """The app where video.list is people's own choice; nobody has connected yet."""
    _choosing.empty()
    return _choosing


@pytest.fixture
def simple(_simple: Site, sandbox: servers.Sandbox) -> Site:
    """The app that asks for user.info.basic and video.list at once; nobody has connected yet."""
    _simple.empty()
    return _simple


@pytest.fixture(scope="module")
def stands(
    request: pytest.FixtureRequest,
    sandbox_server: servers.Sandbox,
    template_of: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Standing]:
    """One gunicorn for a whole module of bad input."""
    folder = tmp_path_factory.mktemp(request.module.__name__.rpartition(".")[2])
    with stood(sandbox_server, template_of, folder) as standing:
        yield standing
