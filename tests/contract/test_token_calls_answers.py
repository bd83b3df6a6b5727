"""Whatever the token endpoint answers to an exchange: a clear page, and nothing stored."""

from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.servers import Sandbox
from tests.services.holding import rows
from tests.walk import connect
from webapp.views.http.error_texts import CONNECT_CAUSES

UNCLEAR, DOWN = ("tiktok_unclear", 502), ("tiktok_down", 503)
REFUSED, OURS = ("code_refused", 400), ("site_not_ready", 503)


def bent(**changes: object) -> dict[str, object]:
    return {"kind": "answer", "answer": changes}


def raw(body: str, **options: object) -> dict[str, object]:
    return {"kind": "raw", "body": body, **options}


def error(code: str, **options: object) -> dict[str, object]:
    return {"kind": "error200", "error": code, **options}


def assert_told(
    answer: Any, told: tuple[str, int], app: Flask, sandbox: Sandbox, calls: int = 1
) -> None:
    """Fail unless it is the page of that cause, and nobody was connected or signed in."""
    code, status = told
    assert answer.status_code == status, answer.text
    page = unescape(answer.text)
    assert f"<h1>{CONNECT_CAUSES[code].title}</h1>" in page
    assert CONNECT_CAUSES[code].stored in page
    assert answer.headers["Cache-Control"] == "no-store"
    waits = answer.headers.get("Retry-After", "")
    assert waits.isdigit() if code.startswith("tiktok_") else not waits
    assert rows(app) == []
    assert sandbox.calls("token.authorization_code") == calls
    assert sandbox.calls("user_info") == 0
    assert app.test_client().get("/account").status_code == 303


@pytest.mark.rule(25, 26, 27)
@pytest.mark.parametrize(
    ("told", "fault"),
    [
        pytest.param(UNCLEAR, {"kind": "html"}, id="a page"),
        pytest.param(UNCLEAR, {"kind": "html", "after": True}, id="a page after the work"),
        pytest.param(UNCLEAR, {"kind": "html", "status": 404}, id="a page under 404"),
        pytest.param(DOWN, {"kind": "html", "status": 502}, id="a page under 502"),
        pytest.param(UNCLEAR, {"kind": "empty"}, id="nothing"),
        pytest.param(UNCLEAR, {"kind": "empty_object"}, id="{}"),
        pytest.param(UNCLEAR, raw(" \n\t "), id="white space"),
        pytest.param(UNCLEAR, raw("[]"), id="a list"),
        pytest.param(UNCLEAR, raw("null"), id="null"),
        pytest.param(UNCLEAR, raw("[" * 50_000), id="50,000 brackets"),
        pytest.param(UNCLEAR, raw("Unsupported path(Janus)", status=404), id="Janus"),
        pytest.param(UNCLEAR, {"kind": "truncated"}, id="half of it"),
        pytest.param(UNCLEAR, {"kind": "truncated", "cut": True}, id="cut off"),
        pytest.param(UNCLEAR, {"kind": "big"}, id="10 MB"),
        pytest.param(UNCLEAR, {"kind": "big", "chunked": True}, id="10 MB in chunks"),
        pytest.param(UNCLEAR, {"kind": "gzip"}, id="10 MB packed"),
        pytest.param(UNCLEAR, {"kind": "bad_utf8"}, id="bad UTF-8"),
        pytest.param(DOWN, {"kind": "drop"}, id="the end"),
        pytest.param(DOWN, {"kind": "drop", "reset": True}, id="a reset"),
        pytest.param(DOWN, {"kind": "drop", "after": True}, id="the end after the work"),
        pytest.param(DOWN, {"kind": "http500"}, id="500"),
        pytest.param(DOWN, {"kind": "http500", "status": 503}, id="503"),
        pytest.param(DOWN, error("server_error"), id="server_error"),
        pytest.param(DOWN, error("temporarily_unavailable", status=400), id="unavailable"),
        pytest.param(REFUSED, error("invalid_grant"), id="invalid_grant"),
        pytest.param(REFUSED, error("invalid_grant", status=400), id="invalid_grant 400"),
        pytest.param(REFUSED, error("invalid_grant", after=True), id="invalid_grant after"),
        pytest.param(OURS, error("invalid_client"), id="invalid_client"),
        pytest.param(OURS, error("invalid_client", status=401), id="invalid_client 401"),
        pytest.param(OURS, error("unauthorized_client"), id="unauthorized_client"),
        pytest.param(OURS, error("invalid_request"), id="invalid_request"),
        pytest.param(OURS, error("invalid_scope"), id="invalid_scope"),
        pytest.param(OURS, error("unsupported_grant_type"), id="unsupported_grant_type"),
        pytest.param(DOWN, error("<script>alert(1)</script>"), id="a hostile code"),
    ],
)
def test_no_answer_but_a_whole_one_connects_anybody(
    client: FlaskClient,
    app: Flask,
    sandbox: Sandbox,
    told: tuple[str, int],
    fault: dict[str, Any],
) -> None:
    sandbox.faults("token", **fault)
    answer = connect(client)
    assert_told(answer, told, app, sandbox)
    assert "Simulated fault" not in answer.text
    assert "<script>alert" not in answer.text


@pytest.mark.rule(26)
@pytest.mark.parametrize("value", [None, "", " ", 7, [], {}, "$delete", "a b", "\u0000"])
@pytest.mark.parametrize("name", ["access_token", "refresh_token", "open_id"])
def test_an_unfit_token_or_id_connects_nobody(
    client: FlaskClient, app: Flask, sandbox: Sandbox, name: str, value: object
) -> None:
    sandbox.faults("token", **bent(**{name: value}))
    assert_told(connect(client), UNCLEAR, app, sandbox)


@pytest.mark.rule(26)
@pytest.mark.parametrize("life", ["soon", None, "$delete", 0, -7200, 1e12, True, "", [7200]])
def test_an_unfit_life_connects_nobody(
    client: FlaskClient, app: Flask, sandbox: Sandbox, life: object
) -> None:
    sandbox.faults("token", **bent(expires_in=life))
    assert_told(connect(client), UNCLEAR, app, sandbox)


@pytest.mark.rule(25)
def test_tokens_beside_an_error_are_not_stored(
    client: FlaskClient, app: Flask, sandbox: Sandbox
) -> None:
    sandbox.faults("token", **bent(error="invalid_grant", error_description="Not you."))
    assert_told(connect(client), REFUSED, app, sandbox)


@pytest.mark.rule(27)
@pytest.mark.parametrize(
    ("sent", "told"), [(17, 17), ("120", 120), (None, 60), ("soon", 60), (10**6, 3600), ("-5", 60)]
)
def test_a_throttled_sign_in_is_told_how_long_to_wait(
    client: FlaskClient, app: Flask, sandbox: Sandbox, sent: object, told: int
) -> None:
    sandbox.faults("token", "throttle", retry_after=sent)
    answer = connect(client)
    assert_told(answer, DOWN, app, sandbox)
    assert answer.headers["Retry-After"] == str(told)


@pytest.mark.rule(21)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(
    client: FlaskClient, app: Flask, sandbox: Sandbox, status: int
) -> None:
    location = f"{sandbox.url}/control/trap"
    sandbox.faults("token", "redirect", status=status, location=location)
    assert_told(connect(client), UNCLEAR, app, sandbox)
    assert sandbox.counters()["trap_hits"] == 0


@pytest.mark.rule(27)
def test_the_next_try_after_a_failure_connects(
    client: FlaskClient, app: Flask, sandbox: Sandbox
) -> None:
    sandbox.faults("token", "drop", times=1)
    assert_told(connect(client), DOWN, app, sandbox)
    assert connect(client).status_code == 303
    assert len(rows(app)) == 1
