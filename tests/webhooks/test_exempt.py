"""Only callers with credentials of their own come in without a form's token (rule 62)."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.webhooks.notices import ADDRESS, runtime_of
from webapp.services.operators import roles
from webapp.views.http.guards import access_of

UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}


def unsafe_routes(app: Flask) -> list[tuple[str, str, str]]:
    """Return (method, path, class) of every route that may change something."""
    return [
        (method, re.sub(r"<[^>]+>", "x", rule.rule), str(access_of(app, rule.endpoint)))
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) & UNSAFE)
    ]


@pytest.mark.rule(62)
def test_every_unsafe_route_but_tiktoks_and_the_services_wants_the_token(
    app: Flask, client: FlaskClient, mara: str
) -> None:
    with app.app_context():
        # For anybody else, operators' pages are not there at all.
        roles.add_operator(runtime_of(app), mara, runtime_of(app).clock())
    assert client.get("/account").status_code == 200
    routes = unsafe_routes(app)
    assert ("POST", ADDRESS, "tiktok") in routes
    for method, path, who in routes:
        answer = client.open(path, method=method)
        refused = "This form has expired" in answer.text
        assert refused is (who not in ("tiktok", "service")), f"{method} {path}: {who}"
        assert answer.status_code in (400, 401) or who == "service", f"{method} {path}"


@pytest.mark.rule(62)
def test_the_webhook_is_tiktoks_only_door(app: Flask) -> None:
    doors = [path for _method, path, who in unsafe_routes(app) if who == "tiktok"]
    assert doors == [ADDRESS]


@pytest.mark.rule(62)
def test_a_cookie_opens_nothing_at_tiktoks_door(client: FlaskClient, mara: str) -> None:
    assert client.post(ADDRESS, json={"user_openid": mara}).status_code == 401
    assert client.get("/account").status_code == 200
