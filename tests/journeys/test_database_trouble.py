"""A database that is locked, read-only or away, as people see it; and back without a restart."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, make_url

from tests.keep import trouble
from tests.servers import Sandbox
from tests.services.holding import assert_holds_what_tiktok_holds, runtime_of
from tests.walk import begin, come_back, connect, connect_form, consent
from webapp.database import db
from webapp.services.runtime import Runtime

pytestmark = pytest.mark.usefixtures("each_database")
#: Nobody's, but in the form of a key, so it is looked up.
A_KEY = f"cck_{'0' * 12}_{'0' * 64}"
Trouble = Callable[[Runtime, pytest.MonkeyPatch], AbstractContextManager[None]]


@contextmanager
def read_only(runtime: Runtime, _monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let every write be refused, as by a standby, or a file system that was mounted read-only."""
    url = make_url(runtime.settings.database_url)
    db.engine.dispose()
    if url.get_backend_name() == "sqlite":

        def only_read(connection: Any, _record: object) -> None:
            connection.execute("PRAGMA query_only=ON")

        event.listen(db.engine, "connect", only_read)
        try:
            yield
        finally:
            event.remove(db.engine, "connect", only_read)
            db.engine.dispose()
        return
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    setting = f'ALTER DATABASE "{url.database}" SET default_transaction_read_only'
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f"{setting} = on")
        try:
            yield
        finally:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute(f"{setting} = off")
            db.engine.dispose()


def db_kind(app: Flask) -> str:
    return make_url(runtime_of(app).settings.database_url).get_backend_name()


@pytest.mark.parametrize("fault", [trouble.out_of_reach, read_only])
def test_people_read_that_the_database_does_not_respond_and_nothing_is_spent(
    app: Flask,
    client: FlaskClient,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    fault: Trouble,
) -> None:
    away = db_kind(app) == "postgresql" and fault is trouble.out_of_reach
    connect(client)
    token = connect_form(client).data()["csrf_token"]
    newcomer = app.test_client()
    came = consent(begin(newcomer), "jo")
    exchanged = sandbox.calls("token.authorization_code")
    with app.app_context(), monkeypatch.context() as patched, fault(runtime_of(app), patched):
        answer = come_back(newcomer, came)
        assert answer.status_code == 503
        assert "Our database isn&#x27;t responding" in answer.text
        assert "Most likely, nothing was stored." in answer.text
        assert answer.headers["Retry-After"] == "60"
        assert sandbox.calls("token.authorization_code") == exchanged, "the code was not spent"
        signed_out = client.post("/sign-out", data={"csrf_token": token})
        assert signed_out.status_code == (503 if away else 303)
        api = client.get("/api/v1/tokens/-000nobody", headers={"Authorization": f"Bearer {A_KEY}"})
        assert api.status_code == (503 if away else 401)
        assert api.mimetype == "application/problem+json"
    assert connect(newcomer, "jo").status_code == 303
    assert newcomer.get("/account").status_code == 200
    assert_holds_what_tiktok_holds(app, sandbox)
