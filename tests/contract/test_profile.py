"""Asking who a person is: only what was granted, of that person alone; a failure costs a name."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.fixtures.app import MakeApp
from tests.servers import Sandbox
from tests.services.holding import assert_holds_what_tiktok_holds, rows, the_row
from tests.walk import connect

ALL = "user.info.profile,user.info.stats,video.list"


@pytest.fixture
def refused_once(sandbox: Sandbox) -> None:
    """TikTok refuses the first access token it is shown."""
    sandbox.faults("user_info", "error200", error="access_token_invalid", status=401, times=1)


@pytest.mark.rule(43, 44)
@pytest.mark.usefixtures("each_database")
def test_the_person_is_known_by_name_after_connecting(
    client: FlaskClient, app: Flask, sandbox: Sandbox
) -> None:
    connect(client)
    shown = next(each for each in sandbox.people() if each["name"] == "mara")
    user = the_row(app)
    assert (user.open_id, user.union_id) == (shown["open_id"], shown["union_id"])
    assert user.display_name == shown["display_name"]
    assert sandbox.counters()["calls"]["user_info"] == {"ok": 1}


@pytest.mark.rule(43)
@pytest.mark.parametrize(
    ("granted", "named"),
    [
        (["user.info.basic"], False),
        (["user.info.basic", "user.info.stats"], False),
        (["user.info.basic", "user.info.profile"], True),
        (["user.info.basic", "user.info.profile", "user.info.stats", "video.list"], True),
    ],
)
def test_only_fields_of_granted_scopes_are_asked_for(
    make_app: MakeApp, sandbox: Sandbox, granted: list[str], *, named: bool
) -> None:
    """One field too many fails the whole call at TikTok, and at the sandbox."""
    app = make_app(TIKTOK_OPTIONAL_SCOPES=ALL)
    answer = connect(app.test_client(), grant=granted, scopes=ALL.split(","))
    assert answer.status_code == 303
    assert sandbox.counters()["calls"]["user_info"] == {"ok": 1}
    assert bool(the_row(app).username) is named
    assert the_row(app).display_name


@pytest.mark.rule(48)
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("http500", {}),
        ("html", {}),
        ("html", {"status": 502}),
        ("empty", {}),
        ("empty_object", {}),
        ("drop", {}),
        ("truncated", {}),
        ("big", {}),
        ("bad_utf8", {}),
        ("throttle", {"retry_after": 30}),
        ("redirect", {}),
        ("raw", {"body": '{"data":{"user":[]},"error":{"code":"ok"}}'}),
        ("raw", {"body": '{"data":null,"error":null}'}),
        ("error200", {"error": "scope_permission_missed", "status": 400}),
        ("error200", {"error": "access_token_invalid", "status": 401}),
    ],
)
def test_user_info_that_fails_still_signs_in(
    client: FlaskClient, app: Flask, sandbox: Sandbox, kind: str, options: dict[str, Any]
) -> None:
    sandbox.faults("user_info", kind, **options)
    answer = connect(client)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/connected")
    for page in ("/connected", "/account", "/account/export"):
        assert client.get(page).status_code == 200
    # Bytes that are no UTF-8 in a name leave marks in it, and cost nothing else.
    assert kind == "bad_utf8" or the_row(app).display_name is None
    assert the_row(app).status == "active"
    assert sandbox.counters()["trap_hits"] == 0


@pytest.mark.rule(44)
def test_an_answer_under_200_that_is_not_ok_is_not_believed(
    client: FlaskClient, app: Flask, sandbox: Sandbox
) -> None:
    for code in ("internal_error", "$delete", "OK", 0):
        sandbox.faults("user_info", "answer", times=1, answer={"error": {"code": code}})
        assert connect(client).status_code == 303
        assert the_row(app).display_name is None, code
    assert connect(client).status_code == 303
    assert the_row(app).display_name


@pytest.mark.rule(45)
@pytest.mark.parametrize("other", ["somebody-else", None, "$delete", ""])
def test_the_name_of_somebody_else_is_not_taken(
    client: FlaskClient, app: Flask, sandbox: Sandbox, other: str | None
) -> None:
    sandbox.faults("user_info", "answer", answer={"data": {"user": {"open_id": other}}})
    assert connect(client).status_code == 303
    assert (the_row(app).display_name, the_row(app).union_id) == (None, None)
    assert the_row(app).open_id == sandbox.open_id("mara")


def test_a_name_stays_when_tiktok_does_not_say_it_again(
    client: FlaskClient, app: Flask, sandbox: Sandbox
) -> None:
    connect(client)
    name = the_row(app).display_name
    sandbox.faults("user_info", "drop")
    connect(client)
    assert the_row(app).display_name == name


@pytest.mark.rule(46)
@pytest.mark.usefixtures("each_database", "refused_once")
def test_a_refused_access_token_is_refreshed_once_and_asked_with_once_more(
    client: FlaskClient, app: Flask, sandbox: Sandbox
) -> None:
    assert connect(client).status_code == 303
    calls = sandbox.counters()["calls"]
    assert calls["user_info"] == {"fault": 1, "ok": 1}
    assert calls["token.refresh_token"] == {"ok": 1}
    assert the_row(app).display_name
    assert (the_row(app).version, the_row(app).refreshes) == (2, 1)
    assert_holds_what_tiktok_holds(app, sandbox)


@pytest.mark.rule(32, 46)
@pytest.mark.usefixtures("each_database", "refused_once")
def test_the_new_tokens_are_kept_when_the_retry_fails_too(
    client: FlaskClient, app: Flask, sandbox: Sandbox
) -> None:
    sandbox.faults("user_info", "drop")
    assert connect(client).status_code == 303
    assert sandbox.calls("user_info") == 2
    assert sandbox.calls("token.refresh_token") == 1
    assert_holds_what_tiktok_holds(app, sandbox)


@pytest.mark.rule(46)
def test_a_token_that_is_refused_again_is_not_refreshed_again(
    client: FlaskClient, app: Flask, sandbox: Sandbox
) -> None:
    sandbox.faults("user_info", "error200", error="access_token_invalid", status=401)
    assert connect(client).status_code == 303
    assert (sandbox.calls("user_info"), sandbox.calls("token.refresh_token")) == (2, 1)
    assert_holds_what_tiktok_holds(app, sandbox)


@pytest.mark.rule(46)
def test_a_missing_scope_is_never_a_reason_to_refresh(
    client: FlaskClient, app: Flask, sandbox: Sandbox
) -> None:
    sandbox.faults("user_info", "error200", error="scope_not_authorized", status=401)
    assert connect(client).status_code == 303
    assert (sandbox.calls("user_info"), sandbox.calls("token.refresh_token")) == (1, 0)
    assert the_row(app).status == "active"


@pytest.mark.rule(46)
@pytest.mark.usefixtures("refused_once")
@pytest.mark.parametrize("error", ["invalid_grant", "invalid_client", "server_error"])
def test_a_refresh_that_fails_still_signs_in(
    client: FlaskClient, app: Flask, sandbox: Sandbox, error: str
) -> None:
    sandbox.faults("token", "error200", error=error, grant_type="refresh_token")
    assert connect(client).status_code == 303
    assert (sandbox.calls("user_info"), sandbox.calls("token.refresh_token")) == (1, 1)
    assert client.get("/account").status_code == 200
    # What is our own fault leaves no mark on a person's row.
    assert the_row(app).last_error == (None if error == "invalid_client" else error)


@pytest.mark.rule(47)
@pytest.mark.parametrize("retry_after", [1, 600, None, "soon"])
def test_a_throttled_call_is_left_alone(
    client: FlaskClient, app: Flask, sandbox: Sandbox, retry_after: object
) -> None:
    sandbox.faults("user_info", "throttle", retry_after=retry_after)
    assert connect(client).status_code == 303
    assert sandbox.calls("user_info") == 1
    assert sandbox.calls("token.refresh_token") == 0
    assert len(rows(app)) == 1
