"""Nobody holds a connection longer than their own work: not after a page, never while we call."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient

from tests.forms import the_form
from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.walk import begin, come_back, connect, consent
from webapp import database
from webapp.database import db, writing
from webapp.services.operators import roles
from webapp.services.refresh.on_demand import fresh_access
from webapp.tiktok.transport import Transport

pytestmark = pytest.mark.usefixtures("each_database")


def held(app: Flask) -> int:
    """Return how many connections are out of the pool, plus one if the writers' turn is taken."""
    with app.app_context():
        out: int = db.engine.pool.checkedout()  # type: ignore[attr-defined]  # QueuePool has it
    return out + database._one_writer.locked()


@dataclass
class Calls:
    """The calls to TikTok, and what was held while they were under way."""

    made: list[str] = field(default_factory=list)
    held: list[int] = field(default_factory=list)


@pytest.fixture
def calls(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Every call to TikTok from now on, watched in the moment of sending."""
    seen, send = Calls(), Transport.send

    def watched(self: Transport, request: requests.PreparedRequest, **options: Any) -> Any:
        seen.made.append(str(request.path_url).partition("?")[0])
        seen.held.append(held(app))
        return send(self, request, **options)

    monkeypatch.setattr(Transport, "send", watched)
    return seen


def pages(app: Flask) -> list[str]:
    """Return the path of every page that is there without a further argument."""
    return sorted(
        rule.rule
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and not rule.arguments
    )


def post(client: FlaskClient, page: str, action: str, **fields: str) -> int:
    """Press a page's button as a person does; return the status."""
    form = the_form(client.get(page).text, action)
    return client.post(action, data=form.data(**fields)).status_code


@pytest.mark.parametrize("who", ["stranger", "person", "operator"])
def test_no_page_leaves_a_connection_out(
    app: Flask, client: FlaskClient, sandbox: Sandbox, clock: MovableClock, who: str
) -> None:
    if who != "stranger":
        connect(client)
    if who == "operator":
        with app.app_context():
            roles.add_operator(app.extensions["coatcheck"], sandbox.open_id("mara"), clock())
    found = {}
    for path in [*pages(app), "/no-such-page", "/operators/tokens?after=x"]:
        found[path] = client.get(path).status_code
        assert held(app) == 0, path
    assert len(found) > 12
    assert found["/account"] == (303 if who == "stranger" else 200)
    assert found["/operators/tokens"] == (200 if who == "operator" else 404)


def test_a_page_that_fails_leaves_no_connection_out(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        with writing():
            raise LookupError

    connect(client)
    app.testing = False
    monkeypatch.setattr("webapp.services.account.overview.overview_of", fail)
    assert client.get("/account").status_code == 500
    assert held(app) == 0


def test_signing_in_and_leaving_hold_nothing_while_tiktok_is_asked(
    app: Flask, client: FlaskClient, calls: Calls
) -> None:
    assert connect(client).status_code == 303
    assert held(app) == 0
    assert post(client, "/account/disconnect", "/account/disconnect") == 303
    assert held(app) == 0
    connect(client)
    ticket = client.get("/account/export").get_json()["ticket"]
    assert post(client, "/account/delete", "/account/delete", ticket=ticket) == 303
    assert held(app) == 0
    # The second grant is tested, since it was made within half a minute of a disconnect.
    asked = {"/v2/oauth/token/": 2, "/v2/user/info/": 3, "/v2/oauth/revoke/": 2}
    assert {path: calls.made.count(path) for path in set(calls.made)} == asked
    assert set(calls.held) == {0}


def test_refreshing_holds_nothing_while_tiktok_is_asked(
    app: Flask, client: FlaskClient, sandbox: Sandbox, calls: Calls
) -> None:
    connect(client)
    with app.app_context():
        fresh_access(app.extensions["coatcheck"], sandbox.open_id("mara"), pressed=True)
    sandbox.expire("mara")
    assert post(client, "/account/disconnect", "/account/disconnect") == 303
    # Revoke is refused, so it is refreshed first.
    assert calls.made[2:] == ["/v2/oauth/token/", *("/v2/oauth/revoke/", "/v2/oauth/token/")] + [
        "/v2/oauth/revoke/"
    ]
    assert set(calls.held) == {0}


@pytest.mark.parametrize(
    ("spoil", "status"),
    [
        (lambda sandbox: sandbox.faults("token", "http500"), 503),
        (lambda sandbox: sandbox.faults("token", "error200", error="invalid_grant"), 400),
        (lambda sandbox: sandbox.faults("user_info", "drop"), 303),
        (lambda sandbox: sandbox.faults("token", "answer", answer={"scope": "video.list"}), 403),
    ],
    ids=["tiktok is down", "code refused", "no name", "basic left off"],
)
def test_a_sign_in_that_goes_wrong_holds_nothing(
    app: Flask,
    client: FlaskClient,
    sandbox: Sandbox,
    calls: Calls,
    spoil: Callable[[Sandbox], Any],
    status: int,
) -> None:
    back = consent(begin(client))
    spoil(sandbox)
    assert come_back(client, back).status_code == status
    assert held(app) == 0
    assert calls.held
    assert set(calls.held) == {0}
