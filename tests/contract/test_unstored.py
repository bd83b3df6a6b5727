"""A database that can't be written between TikTok's answer and the commit costs nobody a grant."""

import errno
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from tests.keep.standins import with_provider
from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.services.holding import assert_holds_what_tiktok_holds, rows, runtime_of
from tests.services.test_saved_cookies import cookie
from tests.walk import begin, come_back, connect, connect_form, consent
from webapp import database
from webapp.database import NotOnDisk, db
from webapp.services.refresh import rescue_file
from webapp.tiktok.provider import Provider
from webapp.tokens import TokenSet
from webapp.views.http.runtime import KEY

pytestmark = pytest.mark.usefixtures("each_database")


class Full:
    """A disk that is full from one moment on, and has room again from another."""

    def __init__(self, app: Flask) -> None:
        self.is_full = False
        with app.app_context():
            self._engine = db.engine
        event.listen(self._engine, "before_cursor_execute", self._refuse)

    def _refuse(self, _connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if self.is_full and statement.split()[0] in ("INSERT", "UPDATE", "DELETE"):
            raise OperationalError(statement, None, Exception("database or disk is full"))

    def forget(self) -> None:
        event.remove(self._engine, "before_cursor_execute", self._refuse)


class FillingUp(Provider):
    """TikTok as it is, but the disk is full once it has exchanged a code."""

    def __init__(self, true: Provider, disk: Full) -> None:
        self._true, self._disk = true, disk

    def exchange(self, *, code: str, state: str) -> TokenSet:
        tokens = self._true.exchange(code=code, state=state)
        self._disk.is_full = True
        return tokens

    def revoke(self, access_token: str) -> None:
        self._true.revoke(access_token)

    def authorization_url(self, **asked: object) -> str:
        return self._true.authorization_url(**asked)  # type: ignore[arg-type]  # passed on as it came


@pytest.fixture
def disk(app: Flask) -> Iterator[Full]:
    found = Full(app)
    yield found
    found.forget()


def fill_up(app: Flask, disk: Full) -> None:
    runtime = runtime_of(app)
    app.extensions[KEY] = with_provider(runtime, FillingUp(runtime.provider, disk))


def test_a_newcomers_grant_is_given_back_and_they_read_why(
    app: Flask, client: FlaskClient, sandbox: Sandbox, disk: Full
) -> None:
    fill_up(app, disk)
    answer = connect(client)
    assert answer.status_code == 503
    assert "our database couldn&#39;t save it" in answer.text
    assert "Nothing was stored, and we asked TikTok to end this access." in answer.text
    assert answer.headers["Retry-After"]
    assert sandbox.books()[sandbox.open_id("mara")]["ended"] == "revoked"
    disk.is_full = False
    assert rows(app) == []
    assert client.get("/account").status_code == 303


def test_the_new_grant_of_somebody_connected_is_kept_and_stored_later(
    app: Flask, client: FlaskClient, sandbox: Sandbox, disk: Full
) -> None:
    connect(app.test_client())
    fill_up(app, disk)
    answer = connect(client)
    assert answer.status_code == 503
    assert "We kept your access, encrypted, and will save it soon." in answer.text
    assert sandbox.books()[sandbox.open_id("mara")]["ended"] is None
    disk.is_full = False
    with app.app_context():
        assert rescue_file.replay(runtime_of(app)).stored == 1
    assert_holds_what_tiktok_holds(app, sandbox)
    assert connect(client).status_code == 503, "the next answer is kept as well"


def test_where_the_rescue_file_is_full_too_the_grant_is_given_back(
    app: Flask,
    client: FlaskClient,
    sandbox: Sandbox,
    disk: Full,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connect(app.test_client())

    def full(*_words: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(rescue_file, "append", full)
    fill_up(app, disk)
    assert "we asked TikTok to end this access" in connect(client).text
    assert sandbox.books()[sandbox.open_id("mara")]["ended"] == "revoked"


def test_a_grant_that_is_committed_but_not_on_the_disk_is_never_given_back(
    app: Flask, client: FlaskClient, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_words: object) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(rescue_file, "append", broken)
    monkeypatch.setattr(database, "_wait_for_disk", not_on_disk)
    answer = connect(client)
    if engine_of(app) == "postgresql":
        # It waits for the disk in its own commit.
        assert answer.status_code == 303
        return
    assert answer.status_code == 503
    assert "We kept your access" in answer.text
    assert sandbox.books()[sandbox.open_id("mara")]["ended"] is None
    assert_holds_what_tiktok_holds(app, sandbox)


def not_on_disk(_log: str) -> None:
    raise NotOnDisk("COMMIT", None, OSError(errno.EIO, "broken"))


def engine_of(app: Flask) -> str:
    with app.app_context():
        return db.engine.dialect.name


@pytest.mark.parametrize("known", [True, False])
def test_a_sign_in_with_another_account_loses_no_grant_on_a_full_disk(
    app: Flask, client: FlaskClient, sandbox: Sandbox, disk: Full, known: bool
) -> None:
    connect(client)
    if known:
        connect(app.test_client(), "jo")
    fill_up(app, disk)
    answer = come_back(client, consent(begin(client), "jo"))
    assert answer.status_code == (503 if known else 409)
    ended = sandbox.books()[sandbox.open_id("jo")]["ended"]
    assert ended == (None if known else "revoked")
    assert sandbox.books()[sandbox.open_id("mara")]["ended"] is None
    disk.is_full = False
    with app.app_context():
        assert rescue_file.replay(runtime_of(app)).stored == known
    assert_holds_what_tiktok_holds(app, sandbox)


@pytest.mark.parametrize("path", ["/sign-out", "/sign-out/everywhere"])
def test_signing_out_on_a_full_disk_still_clears_the_cookie(
    app: Flask, client: FlaskClient, clock: MovableClock, disk: Full, path: str
) -> None:
    connect(client)
    saved = cookie(client)
    token = connect_form(client).data()["csrf_token"]
    # So long ago that this request would record that the session is in use.
    clock.advance(minutes=6)
    disk.is_full = True
    answer = client.post(path, data={"csrf_token": token})
    assert (answer.status_code, answer.location) == (303, "/")
    assert client.get("/account").status_code == 303
    assert "signed out in this browser" in client.get("/").text
    disk.is_full = False
    thief = app.test_client()
    thief.set_cookie("session", saved)
    assert thief.get("/account").status_code == 200, "as the message says, it could not be ended"


def test_a_database_that_is_full_before_the_exchange_costs_only_a_moment(
    client: FlaskClient, sandbox: Sandbox, disk: Full
) -> None:
    came = consent(begin(client))
    disk.is_full = True
    assert come_back(client, came).status_code == 503
    assert sandbox.calls("token.authorization_code") == 0
    disk.is_full = False
    assert come_back(client, came).status_code == 303, "the page said to try again"
