"""What every test may ask for: settings, an app on a migrated database, a client, real servers.

Never talks to another host than loopback, and never shares a database between two tests.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import flask_migrate
import pytest
from playwright.sync_api import Browser, Page
from sqlalchemy import make_url

from tests import browser as browsers
from tests import databases, servers
from tests.environment import complete
from tests.missing import missing
from tests.movable import MovableClock
from tests.processes import reserved_port
from tests.walk import BrowserLikeClient

# The app is imported by the fixtures that need it: the tests of the sandbox run without it.
if TYPE_CHECKING:
    from flask import Flask

    from webapp.settings import Settings

MakeApp = Callable[..., "Flask"]
Serve = Callable[..., servers.Gunicorn]


# Settings


@pytest.fixture
def clock() -> MovableClock:
    """The app's clock: stands still until the test says `clock.advance(minutes=11)`."""
    return MovableClock()


@pytest.fixture
def env(sandbox: servers.Sandbox, database_url: str) -> Iterator[dict[str, str]]:
    """A complete, valid environment: the sandbox as TikTok, a free port, made-up secrets."""
    with reserved_port() as port:
        yield complete(
            database_url,
            port,
            tiktok_url=sandbox.url,
            client_key=sandbox.client_key,
            client_secret=sandbox.client_secret,
        )


@pytest.fixture
def settings(env: dict[str, str]) -> "Settings":
    """What the app reads from `env`."""
    from webapp.settings import load

    return load(env)


# The database


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def each_database(request: pytest.FixtureRequest) -> str:
    """Run the test twice: on `sqlite` and on `postgresql`. Everything else follows it."""
    return str(request.param)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of this test's own, with nothing in it; `migrated` fills in the tables."""
    asked = "each_database" in request.fixturenames
    if asked and request.getfixturevalue("each_database") == "postgresql":
        server: databases.Postgres = request.getfixturevalue("postgres_server")
        url = server.create()
        yield url.render_as_string(hide_password=False)
        server.drop(url)
    else:
        yield f"sqlite:///{tmp_path / 'app.db'}"


@pytest.fixture(scope="session")
def template_of(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], str]:
    """A function: kind of database → URL of one at the newest migration, made once a session."""
    made: dict[str, str] = {}

    def template(kind: str) -> str:
        if kind not in made:
            if kind == "postgresql":
                server: databases.Postgres = request.getfixturevalue("postgres_server")
                url = server.create().render_as_string(hide_password=False)
            else:
                url = f"sqlite:///{tmp_path_factory.mktemp('template') / 'app.db'}"
            _migrate(url)
            made[kind] = url
        return made[kind]

    return template


@pytest.fixture
def migrated(
    request: pytest.FixtureRequest, database_url: str, template_of: Callable[[str], str]
) -> str:
    """The URL of this test's database, at the newest migration and without rows."""
    url = make_url(database_url)
    source = make_url(template_of(url.get_backend_name()))
    if url.get_backend_name() == "postgresql":
        server: databases.Postgres = request.getfixturevalue("postgres_server")
        server.refill(url, source)
    else:
        shutil.copy(str(source.database), str(url.database))
    return database_url


def _migrate(url: str) -> None:
    from webapp.app import create_app
    from webapp.settings import load

    app = create_app(load(complete(url, 8000)))
    with app.app_context():
        flask_migrate.upgrade()
    _dispose(app)


def _dispose(app: "Flask") -> None:
    from webapp.database import db

    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()


# The app in this process


@pytest.fixture
def make_app(env: dict[str, str], migrated: str, clock: MovableClock) -> Iterator[MakeApp]:
    """A function: settings to change, by name → an app on this test's database.

    `make_app(TIKTOK_PKCE="0")`; None leaves a setting out.
    """
    from webapp.app import create_app
    from webapp.settings import load

    made: list[Flask] = []

    def make(**changes: str | None) -> "Flask":
        values = {n: v for n, v in (env | changes).items() if v is not None}
        settings = load(values)
        app = create_app(settings, clock=clock)
        app.testing = True
        kind = {"origin": settings.public_origin}
        app.test_client_class = type("Client", (BrowserLikeClient,), kind)
        made.append(app)
        return app

    yield make
    for app in made:
        _dispose(app)


@pytest.fixture
def app(make_app: MakeApp) -> "Flask":
    """The app with the settings of `env`, on a migrated database, with the clock `clock`."""
    return make_app()


@pytest.fixture
def client(app: "Flask") -> BrowserLikeClient:
    """One browser's worth of cookies; `app.test_client()` makes another."""
    made = app.test_client()
    assert isinstance(made, BrowserLikeClient)
    return made


# Real servers


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[databases.Postgres]:
    """A PostgreSQL server: that of TEST_DATABASE_URL, else one of our own."""
    if (given := databases.given_server()) is not None:
        yield given
    elif (programs := databases.find_postgres()) is not None:
        with databases.postgres(programs) as server:
            yield server
    else:
        missing("no PostgreSQL: neither its programs nor TEST_DATABASE_URL are there")


@pytest.fixture(scope="session")
def sandbox_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Sandbox]:
    """The pretend TikTok, running for the whole session. Tests ask for `sandbox`."""
    with servers.sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def sandbox(sandbox_server: servers.Sandbox) -> servers.Sandbox:
    """The pretend TikTok with nothing in its books, no faults and zero counters."""
    sandbox_server.forget()
    return sandbox_server


@pytest.fixture
def serve(env: dict[str, str], migrated: str, tmp_path: Path) -> Iterator[Serve]:
    """A function: `serve(workers=2, TIKTOK_SCOPES=…)` → the app under gunicorn, real in all parts.

    It stops with the test, and must then end with 0. A second one needs a port of its own:
    `serve(TIKTOK_REDIRECT_URI=…)`.
    """
    with ExitStack() as stack:

        def start(workers: int = 1, **changes: str | None) -> servers.Gunicorn:
            values = {n: v for n, v in (env | changes).items() if v is not None}
            return stack.enter_context(servers.gunicorn(values, tmp_path, workers=workers))

        yield start


@pytest.fixture
def server(serve: Serve) -> servers.Gunicorn:
    """The app under gunicorn with the settings of `env`."""
    return serve()


# The browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium without a window. Tests ask for `page`."""
    if (path := browsers.find_chromium()) is None:
        missing("Chromium is not installed")
    with browsers.chromium(path) as running:
        yield running


@pytest.fixture
def complaints() -> browsers.Complaints:
    """What the browser's console said in this test; `complaints.expect("400")` forgives."""
    return browsers.Complaints()


@pytest.fixture
def open_page(browser: Browser, complaints: browsers.Complaints) -> Iterator[Callable[..., Page]]:
    """A function: `open_page(javascript=False)` → a page in a profile of its own.

    At the end of the test every complaint of its console that was not expected is a failure.
    """
    with ExitStack() as stack:

        def open_one(**options: Any) -> Page:
            return stack.enter_context(browsers.watched_page(browser, complaints, **options))

        yield open_one
    assert not complaints.unexpected(), "the browser complained"


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    """A page of Chromium with JavaScript."""
    return open_page()


@pytest.fixture
def page_without_javascript(open_page: Callable[..., Page]) -> Page:
    """A page of Chromium with JavaScript off."""
    return open_page(javascript=False)
