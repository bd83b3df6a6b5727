"""Every route lets in exactly whom its class says; a route that has no class stops the start."""

import pytest
from flask import Blueprint, Flask

from tests.fixtures.app import MakeApp
from tests.security.callers import CALLERS, Caller, caller, routes
from tests.servers import Sandbox
from tests.walk import connect
from webapp.app import BLUEPRINTS
from webapp.views.http.guards import UnguardedRoute, access_of

#: (method, endpoint) → class, and the status for nobody, a person, an operator.
TABLE: dict[tuple[str, str], tuple[str, tuple[int, int, int]]] = {
    ("GET", "static"): ("public", (200, 200, 200)),
    ("GET", "home.index"): ("public", (200, 303, 303)),
    ("GET", "home.privacy"): ("public", (200, 200, 200)),
    ("GET", "home.terms"): ("public", (200, 200, 200)),
    ("GET", "home.cookies"): ("public", (200, 200, 200)),
    ("POST", "preferences.theme"): ("public", (400, 400, 400)),
    ("POST", "preferences.speak"): ("public", (400, 400, 400)),
    ("GET", "connect.choose"): ("public", (200, 200, 200)),
    ("POST", "connect.start"): ("public", (302, 302, 302)),
    ("GET", "connect.callback"): ("public", (400, 400, 400)),
    ("GET", "connect.connected"): ("person", (303, 200, 200)),
    ("GET", "account.show"): ("person", (303, 200, 200)),
    ("GET", "account.confirm_disconnect"): ("person", (303, 200, 200)),
    ("POST", "account.refresh"): ("person", (303, 303, 303)),
    ("POST", "account.disconnect"): ("person", (303, 303, 303)),
    ("GET", "account.confirm_delete"): ("person", (303, 200, 200)),
    ("POST", "account.delete"): ("person", (303, 422, 422)),
    ("GET", "account.export"): ("person", (303, 200, 200)),
    ("GET", "account.activity"): ("person", (303, 200, 200)),
    ("GET", "account.sessions"): ("person", (303, 200, 200)),
    # Nobody has a session of that key.
    ("POST", "account.sign_out_one"): ("person", (303, 404, 404)),
    ("POST", "account.sign_out_others"): ("person", (303, 303, 303)),
    ("POST", "account.sign_out"): ("person", (303, 303, 303)),
    ("POST", "account.sign_out_everywhere"): ("person", (303, 303, 303)),
    ("GET", "operators.index"): ("operator", (404, 404, 303)),
    ("GET", "operators.tokens"): ("operator", (404, 404, 200)),
    ("GET", "health.show"): ("operator", (404, 404, 200)),
    ("POST", "health.probe"): ("operator", (404, 404, 303)),
    ("GET", "metrics.show"): ("scraper", (404, 404, 404)),
    ("GET", "audit.index"): ("operator", (404, 404, 200)),
    ("GET", "audit.csv"): ("operator", (404, 404, 200)),
    ("GET", "keys.index"): ("operator", (404, 404, 200)),
    ("POST", "keys.issue"): ("operator", (404, 404, 422)),
    ("GET", "keys.issued"): ("operator", (404, 404, 404)),
    ("GET", "keys.confirm_revoke"): ("operator", (404, 404, 404)),
    ("POST", "keys.revoke"): ("operator", (404, 404, 404)),
    # Open, without a value in it, while nobody is an operator yet.
    ("GET", "setup.show"): ("operator_or_first", (200, 200, 200)),
    ("POST", "setup.ask"): ("operator", (404, 404, 303)),
    # Nobody has the open_id that is asked for, so it is 404 for operators too.
    ("GET", "connection.show"): ("operator", (404, 404, 404)),
    ("POST", "connection.refresh"): ("operator", (404, 404, 404)),
    ("POST", "connection.test"): ("operator", (404, 404, 404)),
    ("GET", "connection.confirm_disconnect"): ("operator", (404, 404, 404)),
    ("POST", "connection.disconnect"): ("operator", (404, 404, 404)),
    ("POST", "health.retry_notifications"): ("operator", (404, 404, 303)),
    # Nothing is selected, so it leads back to the list.
    ("GET", "bulk.refresh"): ("operator", (404, 404, 303)),
    ("GET", "bulk.disconnect"): ("operator", (404, 404, 303)),
    ("POST", "bulk.refresh"): ("operator", (404, 404, 303)),
    ("POST", "bulk.disconnect"): ("operator", (404, 404, 303)),
    ("GET", "bulk.index"): ("operator", (404, 404, 200)),
    ("GET", "bulk.show"): ("operator", (404, 404, 404)),
    ("POST", "bulk.stop"): ("operator", (404, 404, 404)),
    ("GET", "operators.tokens_csv"): ("operator", (404, 404, 200)),
    ("GET", "operators.tokens_json"): ("operator", (404, 404, 200)),
    ("GET", "api.token"): ("service", (401, 401, 401)),
    ("POST", "api.refresh"): ("service", (401, 401, 401)),
    ("GET", "api.document"): ("public", (200, 200, 200)),
    ("GET", "api.docs"): ("public", (200, 200, 200)),
    ("POST", "webhook.receive"): ("tiktok", (401, 401, 401)),
    ("GET", "status.healthz"): ("public", (200, 200, 200)),
    ("GET", "status.readyz"): ("public", (200, 200, 200)),
    # There is none without SECURITY_CONTACT.
    ("GET", "security_txt.show"): ("public", (404, 404, 404)),
}


def test_the_table_knows_every_route(app: Flask) -> None:
    there = {(method, endpoint) for method, endpoint, _path in routes(app)}
    assert there == TABLE.keys(), "say in TABLE who may call the new route, and what they get"


def test_every_route_has_the_class_of_the_table(app: Flask) -> None:
    found = {(method, end): access_of(app, end) for method, end, _path in routes(app)}
    assert found == {route: who for route, (who, _statuses) in TABLE.items()}


@pytest.mark.parametrize("kind", CALLERS)
def test_every_caller_gets_what_the_class_says(
    make_app: MakeApp, sandbox: Sandbox, kind: Caller
) -> None:
    app = make_app()
    # The token has tests of its own; here it would hide what the guard says.
    app.config["WTF_CSRF_ENABLED"] = False
    for method, endpoint, path in routes(app):
        who, statuses = TABLE[method, endpoint]
        answer = caller(app, sandbox, kind).open(path, method=method, buffered=True)
        wanted = statuses[CALLERS.index(kind)]
        assert answer.status_code == wanted, f"{kind}: {method} {path} → {answer.status_code}"
        if kind == "nobody" and who == "person":
            assert answer.headers["Location"] == "/"


@pytest.mark.parametrize("kind", ["nobody", "person"])
def test_an_operators_page_looks_like_no_page(app: Flask, sandbox: Sandbox, kind: Caller) -> None:
    client = caller(app, sandbox, kind)
    hidden = client.get("/operators/tokens", headers={"Accept": "application/json"}).get_json()
    absent = client.get("/operators/nothing", headers={"Accept": "application/json"}).get_json()
    assert hidden.pop("reference") != absent.pop("reference")
    assert hidden == absent


@pytest.mark.parametrize("path", ["/operators//tokens", "/operators//nothing"])
def test_doubled_slashes_do_not_tell_which_operators_pages_exist(
    app: Flask, sandbox: Sandbox, path: str
) -> None:
    for kind in ("nobody", "person"):
        assert caller(app, sandbox, kind).get(path).status_code == 404


def test_an_operator_who_was_removed_is_a_person(app: Flask, sandbox: Sandbox) -> None:
    from webapp.services.operators import roles

    client = caller(app, sandbox, "operator")
    assert client.get("/operators/tokens").status_code == 200
    with app.app_context():
        roles.remove_operator(app.extensions["coatcheck"], sandbox.open_id("mara"))
    assert client.get("/operators/tokens").status_code == 404
    assert client.get("/account").status_code == 200


def test_a_route_without_a_class_stops_the_start(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = Blueprint("more", __name__)
    silent.add_url_rule("/open-door", "open_door", lambda: "come in")
    monkeypatch.setattr("webapp.app.BLUEPRINTS", (*BLUEPRINTS, silent))
    with pytest.raises(UnguardedRoute, match=r"more\.open_door"):
        make_app()


def test_a_class_that_nobody_knows_lets_nobody_in(
    make_app: MakeApp, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def friends_only() -> str:
        return "come in"

    friends_only.access = "friend"  # type: ignore[attr-defined]  # as guards.access marks
    door = Blueprint("more", __name__)
    door.add_url_rule("/friends", "friends", friends_only)
    monkeypatch.setattr("webapp.app.BLUEPRINTS", (*BLUEPRINTS, door))
    app = make_app()
    for kind in CALLERS:
        assert caller(app, sandbox, kind).get("/friends").status_code == 404


@pytest.mark.parametrize("who", ["nobody", "person"])
def test_no_method_tells_a_stranger_that_an_operators_page_exists(
    make_app: MakeApp, sandbox: Sandbox, who: str
) -> None:
    app = make_app()
    operator = caller(app, sandbox, "operator")
    client = app.test_client()
    if who == "person":
        connect(client, "jo")
        assert client.get("/account").status_code == 200
    paths = {path for _method, _endpoint, path in routes(app) if path.startswith("/operators")}
    assert len(paths) > 10
    for path in sorted(paths):
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"):
            assert client.open(path, method=method).status_code == 404, (method, path)
    assert operator.put("/operators/tokens").status_code == 405


def test_an_operator_is_led_to_the_list(make_app: MakeApp, sandbox: Sandbox) -> None:
    client = caller(make_app(), sandbox, "operator")
    answer = client.get("/operators")
    assert (answer.status_code, answer.location) == (303, "/operators/tokens")
