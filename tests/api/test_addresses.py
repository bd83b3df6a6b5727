"""Below /api/ programs ask, so every error is a problem; people's two addresses there get pages."""

from typing import NoReturn

import pytest
from flask import Flask, Response, session

from tests.api.asking import Service, problem
from tests.environment import CALLBACK
from tests.walk import BrowserLikeClient
from tests.walk import connect as walk
from webapp.services.handout import handout

TOKEN = "/api/v1/tokens/-x"
#: A browser's own words: they change nothing for a program's address.
BROWSER = {"Accept": "text/html,application/xhtml+xml"}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_another_method_is_told_the_right_one(client: BrowserLikeClient, method: str) -> None:
    answer = client.open(TOKEN, method=method, headers=BROWSER)
    problem(answer, 405, "wrong_method")
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize(
    "path", ["/api/", "/api/v1/", "/api/v2/tokens/x", "/api/v1/tokens/", "/api/v1/tokens/a/b"]
)
def test_an_address_that_is_none_is_told(client: BrowserLikeClient, path: str) -> None:
    problem(client.get(path, headers=BROWSER), 404, "not_found")


def test_slashes_are_not_joined_into_another_address(service: Service) -> None:
    problem(service.client.get("/api/v1/tokens//x"), 404, "not_found")
    problem(service.get("a//b"), 404, "not_found")


def test_a_body_over_16_kb_is_too_large(service: Service) -> None:
    problem(service.reject("-x", "1" * 17_000), 413, "too_large")


def test_an_address_over_4_kb_is_too_long(service: Service) -> None:
    problem(service.get("-" + "x" * 5000), 414, "too_long")


def test_raw_bytes_are_a_bad_request(client: BrowserLikeClient) -> None:
    problem(
        client.get(TOKEN, environ_overrides={"QUERY_STRING": "min_ttl=\xff"}), 400, "bad_request"
    )


def test_a_host_that_is_not_ours_is_a_bad_request(client: BrowserLikeClient) -> None:
    problem(client.get(TOKEN, base_url="http://evil.example"), 400, "bad_request")


def test_what_nobody_expected_is_our_fault_and_never_the_keys(
    app: Flask, service: Service, mara: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: object, **_options: object) -> NoReturn:
        raise ZeroDivisionError(service.key)

    app.testing = app.config["PROPAGATE_EXCEPTIONS"] = False
    monkeypatch.setattr(handout, "hand_out", broken)
    said = problem(service.get(mara), 500, "our_fault")
    assert said["retryable"]
    assert service.key not in str(said)


def test_peoples_addresses_below_api_answer_with_pages(client: BrowserLikeClient) -> None:
    for path in (CALLBACK, "/api/docs"):
        answer = client.post(path, headers=BROWSER)
        assert answer.mimetype == "text/html"
    assert client.get(CALLBACK, headers=BROWSER).mimetype == "text/html"


def test_below_api_v1_no_cookie_is_read_and_none_is_set(
    client: BrowserLikeClient, app: Flask
) -> None:
    assert walk(client).status_code == 303
    cookie = client.get_cookie("session")
    assert cookie is not None
    for path, theirs in (("/account", True), (TOKEN, False)):
        with app.test_request_context(path, headers={"Cookie": f"session={cookie.value}"}):
            assert ("_user_id" in session) is theirs
            session["changed"] = True
            answer = app.process_response(Response())
            assert ("Set-Cookie" in answer.headers) is theirs
            assert ("Cookie" in answer.headers.get("Vary", "")) is theirs


def test_services_alone_are_spared_the_csrf_token(client: BrowserLikeClient, app: Flask) -> None:
    protected = [
        rule
        for rule in app.url_map.iter_rules()
        if "POST" in (rule.methods or ()) and not rule.rule.startswith("/api/v1/")
    ]
    assert len(protected) >= 5
    exempt = app.extensions["csrf"]._exempt_views
    open_to_machines = {
        f"{view.__module__}.{view.__name__}"
        for view in app.view_functions.values()
        if getattr(view, "access", "") in ("service", "tiktok")
    }
    assert exempt == open_to_machines
    assert client.post("/sign-out").status_code in (303, 400)
