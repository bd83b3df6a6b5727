"""Security headers are on whatever is answered, by value; HSTS on https alone."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.environment import CALLBACK
from tests.fixtures.app import MakeApp
from tests.security import standards
from tests.security.callers import CALLERS, Caller, caller, routes
from tests.servers import Sandbox
from tests.walk import connect
from webapp.views.http.guards import public

HTTPS = {"TIKTOK_REDIRECT_URI": f"https://app.example{CALLBACK}"}


@public
def broken() -> str:
    """Break, in place of a view."""
    raise RuntimeError("a fault of a test")


def faults(answer: TestResponse, sandbox: Sandbox) -> list[str]:
    """Return what is wrong with an answer's headers."""
    return standards.faults(answer.headers, sandbox.url)


def errors(client: FlaskClient) -> dict[int, TestResponse]:
    """Return an answer of each kind of error that the app gives by itself."""
    return {
        400: client.get(f"{CALLBACK}?code=a"),
        404: client.get("/nothing/here"),
        405: client.put("/connect"),
        413: client.post("/connect", data=b"a" * 17_000),
        414: client.get("/" + "a" * 5000),
        416: client.get("/static/style.css", headers={"Range": "bytes=9999999-"}, buffered=True),
        500: client.get("/terms"),
    }


@pytest.mark.parametrize("kind", CALLERS)
def test_every_route_carries_them(app: Flask, sandbox: Sandbox, kind: Caller) -> None:
    client = caller(app, sandbox, kind)
    for method, _endpoint, path in routes(app):
        for asked in (method, "HEAD", "OPTIONS"):
            answer = client.open(path, method=asked, buffered=True)
            assert faults(answer, sandbox) == [], f"{asked} {path} → {answer.status_code}"


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_every_error_carries_them(app: Flask, sandbox: Sandbox, accept: str) -> None:
    app.view_functions["home.terms"] = broken
    client = app.test_client()
    client.environ_base["HTTP_ACCEPT"] = accept
    for status, answer in errors(client).items():
        assert answer.status_code == status
        assert faults(answer, sandbox) == [], status
        assert answer.headers["Cache-Control"] == "no-store"


def test_a_limit_and_a_wrong_host_carry_them(make_app: MakeApp, sandbox: Sandbox) -> None:
    client = make_app(RATELIMIT_ENABLED="1").test_client()
    answers = [client.get(CALLBACK) for _ in range(61)]
    assert answers[-1].status_code == 429
    assert faults(answers[-1], sandbox) == []
    foreign = client.get("/connect", base_url="http://evil.example")
    assert foreign.status_code == 400
    assert faults(foreign, sandbox) == []


def test_redirects_and_unchanged_files_carry_them(client: FlaskClient, sandbox: Sandbox) -> None:
    back = connect(client)
    assert (back.status_code, back.headers["Referrer-Policy"]) == (303, "no-referrer")
    style = client.get("/static/style.css", buffered=True)
    again = client.get(
        "/static/style.css", headers={"If-None-Match": style.headers["ETag"]}, buffered=True
    )
    assert again.status_code == 304
    for answer in (back, style, again, client.get("/")):
        assert faults(answer, sandbox) == []


def test_only_files_for_everybody_may_be_kept(app: Flask, sandbox: Sandbox) -> None:
    client = caller(app, sandbox, "operator")
    for method, endpoint, path in routes(app):
        kept = client.open(path, method=method, buffered=True).headers["Cache-Control"]
        assert kept == ("public, max-age=3600" if endpoint == "static" else "no-store"), path


def test_a_page_cannot_loosen_the_policy(app: Flask, sandbox: Sandbox) -> None:
    loose = {"Content-Security-Policy": "default-src *", "X-Content-Type-Options": "sniff"}
    app.view_functions["home.terms"] = public(lambda: ("", 200, loose))
    assert faults(app.test_client().get("/terms"), sandbox) == []


@pytest.mark.parametrize("changes", [{}, HTTPS], ids=["http", "https"])
def test_https_alone_is_asked_for_for_good(make_app: MakeApp, changes: dict[str, str]) -> None:
    app = make_app(**changes)
    app.view_functions["home.terms"] = broken
    client = app.test_client()
    answers = [
        client.get("/"),
        client.get("/static/style.css", buffered=True),
        *errors(client).values(),
    ]
    found = {answer.headers.get("Strict-Transport-Security") for answer in answers}
    assert found == ({"max-age=31536000"} if changes else {None})
