"""What a service is told when it gets no token: each status, its code, and what helps."""

from datetime import timedelta

import pytest
from flask import Flask
from limits import parse
from sqlalchemy import update

from tests.api.asking import Service, problem
from tests.fixtures.app import MakeApp
from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.services.holding import the_row
from tests.walk import BrowserLikeClient
from tests.walk import connect as walk
from webapp.database import writing
from webapp.models import Reason, User
from webapp.services.connect import disconnect
from webapp.services.handout import service_keys
from webapp.views.http import api_contract

MALFORMED = (
    *("min_ttl=", "min_ttl=-1", "min_ttl=86401", "min_ttl=5.0", "min_ttl=%2B5", "min_ttl=1e3"),
    *("min_ttl=%D9%A3", "min_ttl=300&min_ttl=300", "min_ttl=999999999999999999999", "min_ttl=x"),
    *(
        "scope=",
        "scope=a,,b",
        "scope=a%20b",
        "scope=%3Cscript%3E",
        "&".join(["scope=a"] * 51),
        "scope=" + "a" * 1001,
    ),
    *("ttl=5", "access_token=1", "%00=1"),
)


@pytest.mark.parametrize("query", MALFORMED)
def test_nonsense_in_the_query_is_refused_and_not_repeated(
    service: Service, mara: str, query: str
) -> None:
    said = problem(service.get(mara, query), 400, "bad_request")
    assert not said["retryable"]
    assert "script" not in str(said)


BODIES = (
    *("", "x", "[]", "17", "null", "{}", '{"rejected_version": null}', '{"rejected_version": "1"}'),
    *('{"rejected_version": true}', '{"rejected_version": 1.5}', '{"rejected_version": -1}'),
    *('{"rejected_version": NaN}', '{"rejected_version": 1, "force": true}', "[" * 9000, "\xff"),
    '{"rejected_version": ' + "9" * 5000 + "}",
)


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body[:30])
def test_nonsense_in_the_body_is_refused(
    service: Service, mara: str, sandbox: Sandbox, body: str
) -> None:
    answer = service.client.post(
        f"/api/v1/tokens/{mara}/refresh",
        data=body.encode("latin1"),
        headers={"Authorization": f"Bearer {service.key}", "Content-Type": "application/json"},
    )
    problem(answer, 400, "bad_request")
    assert sandbox.calls("token.refresh_token") == 0


def wrong_keys(key: str) -> dict[str, dict[str, str]]:
    """Return what is no key in force, by what is wrong with it."""
    last = "0" if key[-1] != "0" else "1"
    return {
        "none": {},
        "empty": {"Authorization": "Bearer "},
        "basic": {"Authorization": f"Basic {key}"},
        "another secret": {"Authorization": f"Bearer {key[:-1]}{last}"},
        "another id": {"Authorization": f"Bearer cck_{'0' * 12}{key[16:]}"},
        "the id alone": {"Authorization": f"Bearer {key[:16]}"},
        "longer": {"Authorization": f"Bearer {key}0"},
        "not ASCII": {"Authorization": f"Bearer {key[:-1]}é"},
        "another header": {"X-Api-Key": key},
        "a cookie": {"Cookie": f"session={key}"},
    }


@pytest.mark.usefixtures("each_database")
def test_what_is_no_key_is_refused(service: Service, mara: str) -> None:
    for wrong, headers in wrong_keys(service.key).items():
        for open_id in (mara, "-nobody"):
            answer = service.client.get(f"/api/v1/tokens/{open_id}", headers=headers)
            said = problem(answer, 401, "bad_key")
            assert answer.headers["WWW-Authenticate"] == "Bearer", wrong
            assert not said["retryable"]
    in_the_query = service.client.get(f"/api/v1/tokens/{mara}?key={service.key}")
    problem(in_the_query, 401, "bad_key")


@pytest.mark.usefixtures("each_database")
def test_a_revoked_key_is_refused_at_once(
    app: Flask, service: Service, mara: str, clock: MovableClock
) -> None:
    assert service.get(mara).status_code == 200
    with app.app_context():
        service_keys.revoke("reports", clock())
    problem(service.get(mara), 401, "bad_key")
    problem(service.reject(mara, 1), 401, "bad_key")


def test_somebody_signed_in_is_no_service(client: BrowserLikeClient, mara: str) -> None:
    assert walk(client).status_code == 303
    problem(client.get(f"/api/v1/tokens/{mara}"), 401, "bad_key")
    asked = client.post(f"/api/v1/tokens/{mara}/refresh", json={"rejected_version": 1})
    problem(asked, 401, "bad_key")


SHAPES = (
    *("-000nobody", "x", "-", "--", "0", "a b", "é愛🎫", "a\0b", "%", "..%2f", "' OR 1=1 --"),
    *("refresh", "\n", "\u202e", "a" * 900),
)


@pytest.mark.usefixtures("each_database", "mara")
def test_an_open_id_of_any_shape_that_is_not_there_is_not_connected(service: Service) -> None:
    for shape in SHAPES:
        problem(service.get(shape), 404, "not_connected")
        problem(service.reject(shape, 1), 404, "not_connected")


@pytest.mark.usefixtures("each_database")
def test_somebody_who_disconnected_must_connect_again(
    app: Flask, service: Service, mara: str
) -> None:
    with app.app_context():
        runtime = app.extensions["coatcheck"]
        disconnect.disconnect_person(runtime, the_row(app).ref)
    said = problem(service.get(mara), 409, "reconnect_required")
    assert said["reason"] == "disconnected"
    assert said["detail"] == "The connection was ended here."
    assert said["reconnect_url"] == f"{runtime.settings.public_origin}/connect"
    assert not said["retryable"]


@pytest.mark.rule(39)
def test_a_grant_whose_end_has_passed_needs_the_person(
    service: Service, mara: str, sandbox: Sandbox, clock: MovableClock
) -> None:
    end = clock() + timedelta(days=180)
    clock.advance(days=180)
    said = problem(service.get(mara), 409, "reconnect_required")
    assert said["reason"] == "grant_over"
    assert said["since"] == f"{end:%Y-%m-%dT%H:%M:%SZ}"
    assert sandbox.calls("token.refresh_token") == 0


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_comes_in_words_and_with_its_moment(
    app: Flask, service: Service, mara: str, clock: MovableClock, reason: Reason
) -> None:
    with app.app_context(), writing() as session:
        ended = {"status": "reconnect", "reason": reason.value, "ended_at": clock()}
        session.execute(update(User).values(**ended))
    said = problem(service.get(mara), 409, "reconnect_required")
    assert said["reason"] == reason.value
    assert said["detail"] == api_contract.descriptions("Reason")[reason.value]
    assert said["since"] == f"{clock():%Y-%m-%dT%H:%M:%SZ}"


def test_a_key_that_asks_too_often_waits_and_others_do_not(
    make_app: MakeApp, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(RATELIMIT_ENABLED="1")
    with app.app_context():
        keys = [service_keys.issue(name, clock()) for name in ("eager", "calm")]
    eager, calm = (Service(app.test_client(), key) for key in keys)
    limit = parse("2 per minute")
    monkeypatch.setattr(app.view_functions["api.token"], "key_limit", limit, raising=False)
    assert [eager.get("-nobody").status_code for _ in range(3)] == [404, 404, 429]
    answer = eager.get("-nobody")
    said = problem(answer, 429, "rate_limited")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert said["retry_after"] == int(answer.headers["Retry-After"])
    assert said["retryable"]
    assert calm.get("-nobody").status_code == 404
    assert eager.reject("-nobody", 1).status_code == 404
