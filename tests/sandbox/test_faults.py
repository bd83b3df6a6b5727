"""Each fault does over a real connection what it says."""

import json
import socket
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.sandbox.client import Client


def fault(sandbox: Client, kind: str, endpoint: str = "token", **more: Any) -> dict[str, Any]:
    return sandbox.control("faults", **{"endpoint": endpoint, "kind": kind, "times": 1} | more)


def raw_refresh(sandbox: Client, token: str) -> socket.socket:
    """Send a refresh over a plain socket, to check the exact bytes of the response."""
    parts = urlsplit(sandbox.url)
    form = (
        f"client_key={sandbox.key}&client_secret={sandbox.secret}"
        f"&grant_type=refresh_token&refresh_token={token}"
    )
    connection = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10)
    connection.sendall(
        f"POST /v2/oauth/token/ HTTP/1.1\r\nHost: 127.0.0.1:{parts.port}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(form)}\r\n\r\n"
        f"{form}".encode()
    )
    return connection


@pytest.mark.parametrize(
    ("kind", "options", "status", "body"),
    [
        ("http500", {}, 500, b'"error":"server_error"'),
        ("http500", {"status": 503}, 503, b'"error":"server_error"'),
        ("html", {}, 200, b"<!doctype html>"),
        ("error200", {"error": "invalid_client"}, 200, b'"error":"invalid_client"'),
        ("empty", {}, 200, b""),
        ("empty_object", {}, 200, b"{}"),
        ("raw", {"body": "[" * 9, "status": 201}, 201, b"[[[[[[[[["),
    ],
)
def test_a_fault_without_work_leaves_the_refresh_token_valid(
    sandbox: Client, kind: str, options: dict[str, Any], status: int, body: bytes
) -> None:
    token = sandbox.sign_in()["refresh_token"]
    fault(sandbox, kind, **options)
    answer = sandbox.refresh(token)
    assert answer.status_code == status
    assert body in answer.content
    assert bool(body) is bool(answer.content)
    assert "access_token" in sandbox.refresh(token).json()


def test_the_api_has_its_own_error_format(sandbox: Client) -> None:
    token = sandbox.sign_in()["access_token"]
    fault(sandbox, "error200", "user_info", error="rate_limit_exceeded", status=429)
    answer = sandbox.user(token)
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "rate_limit_exceeded")


def test_throttle_sends_retry_after(sandbox: Client) -> None:
    for retry_after in (7, "Wed, 21 Oct 2026 07:28:00 GMT", None):
        fault(sandbox, "throttle", retry_after=retry_after)
        answer = sandbox.refresh("rft.any")
        assert answer.status_code == 429
        sent = answer.headers.get("Retry-After")
        assert sent == (None if retry_after is None else str(retry_after))


def test_drop_closes_before_the_work(sandbox: Client) -> None:
    token = sandbox.sign_in()["refresh_token"]
    fault(sandbox, "drop")
    with pytest.raises(requests.ConnectionError):
        sandbox.refresh(token)
    assert "access_token" in sandbox.refresh(token).json()


def test_drop_after_closes_once_the_refresh_token_is_spent(sandbox: Client) -> None:
    token = sandbox.sign_in()["refresh_token"]
    fault(sandbox, "drop", after=True)
    with pytest.raises(requests.ConnectionError):
        sandbox.refresh(token)
    assert sandbox.refresh(token).json()["error"] == "invalid_grant"
    assert sandbox.read("counters")["spent_refresh_tokens_seen"] == 1


def test_drop_can_reset(sandbox: Client) -> None:
    fault(sandbox, "drop", reset=True)
    with raw_refresh(sandbox, "rft.any") as connection, pytest.raises(ConnectionResetError):
        connection.recv(1)


def test_timeout_sends_nothing_and_then_closes(sandbox: Client) -> None:
    fault(sandbox, "timeout", seconds=0.3)
    began = time.monotonic()
    with raw_refresh(sandbox, "rft.any") as connection:
        assert connection.recv(1) == b""
    assert time.monotonic() - began >= 0.3


def test_slow_sends_the_head_immediately_and_the_body_byte_by_byte(sandbox: Client) -> None:
    token = sandbox.sign_in()["refresh_token"]
    fault(sandbox, "slow", interval=0.01)
    with raw_refresh(sandbox, token) as connection:
        first = connection.recv(65_536)
        assert first.startswith(b"HTTP/1.1 200 OK\r\n")
        assert len(first.partition(b"\r\n\r\n")[2]) <= 1
    assert sandbox.refresh(token).json()["error"] == "invalid_grant"


def test_dribble_headers_starts_with_a_single_byte(sandbox: Client) -> None:
    fault(sandbox, "dribble_headers", interval=0.3)
    with raw_refresh(sandbox, "rft.any") as connection:
        assert connection.recv(65_536) == b"H"


def test_truncated_is_half_of_the_json(sandbox: Client) -> None:
    for cut in (False, True):
        token = sandbox.sign_in()["refresh_token"]
        fault(sandbox, "truncated", cut=cut)
        if cut:
            with pytest.raises(requests.exceptions.ChunkedEncodingError):
                sandbox.refresh(token)
        else:
            answer = sandbox.refresh(token)
            assert answer.text.startswith('{"access_token":')
            with pytest.raises(requests.JSONDecodeError):
                answer.json()


@pytest.mark.parametrize("chunked", [False, True])
def test_big_is_a_true_response_that_is_much_too_long(sandbox: Client, chunked: bool) -> None:
    token = sandbox.sign_in()["refresh_token"]
    fault(sandbox, "big", chunked=chunked)
    answer = sandbox.refresh(token)
    assert len(answer.content) == 10_000_000
    assert ("Content-Length" in answer.headers) is not chunked
    assert "access_token" in answer.json()


def test_gzip_is_small_on_the_wire_and_big_when_unpacked(sandbox: Client) -> None:
    token = sandbox.sign_in()["refresh_token"]
    fault(sandbox, "gzip")
    answer = sandbox.refresh(token)
    assert int(answer.headers["Content-Length"]) < 20_000
    assert len(answer.content) == 10_000_000


def test_bad_utf8_cannot_be_decoded(sandbox: Client) -> None:
    token = sandbox.sign_in()["refresh_token"]
    fault(sandbox, "bad_utf8")
    with pytest.raises(UnicodeDecodeError):
        json.loads(sandbox.refresh(token).content)


def test_redirect_leads_to_a_trap_that_records_the_call(sandbox: Client) -> None:
    fault(sandbox, "redirect")
    answer = sandbox.refresh("rft.any")
    assert (answer.status_code, answer.headers["Location"]) == (307, "/control/trap")
    assert sandbox.read("counters")["trap_hits"] == 0
    sandbox.post(answer.headers["Location"], {"client_secret": "x"})
    assert sandbox.read("counters")["trap"] == [
        {"method": "POST", "body": True, "authorization": False}
    ]


def test_a_response_can_be_changed_key_by_key(sandbox: Client) -> None:
    token = sandbox.sign_in()["refresh_token"]
    changes = {"expires_in": "soon", "refresh_token": "$delete", "open_id": None}
    fault(sandbox, "answer", answer=changes, grant_type="refresh_token")
    tokens = sandbox.refresh(token).json()
    assert tokens["expires_in"] == "soon"
    assert "refresh_token" not in tokens
    assert tokens["open_id"] is None
    assert tokens["access_token"].startswith("act.")


def test_a_nested_change_is_merged_deeply(sandbox: Client) -> None:
    token = sandbox.sign_in()["access_token"]
    fault(sandbox, "answer", "user_info", answer={"data": {"user": {"open_id": "-000other"}}})
    user = sandbox.user(token).json()["data"]["user"]
    assert user == {"open_id": "-000other", "display_name": "Mara Lindqvist"}


def test_changes_are_not_merged_into_an_error(sandbox: Client) -> None:
    fault(sandbox, "answer", answer={"access_token": "x"})
    assert "access_token" not in sandbox.refresh("rft.unknown").json()


def test_the_redirect_to_the_app_can_be_changed(sandbox: Client) -> None:
    request = sandbox.request()
    fault(sandbox, "error200", "authorize", error="server_error", error_type="x")
    parameters = sandbox.redirected(request, login_as="jo")
    assert (parameters["error"], parameters["error_type"], parameters["state"]) == (
        "server_error",
        "x",
        request["state"],
    )
    fault(sandbox, "answer", "authorize", answer={"code": ["a", "b"], "state": "$delete"})
    answer = sandbox.authorize(request, login_as="jo")
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert query["code"] == ["a", "b"]
    assert "state" not in query


def test_the_authorize_page_itself_can_fail(sandbox: Client) -> None:
    fault(sandbox, "http500", "authorize")
    assert sandbox.authorize(sandbox.request()).status_code == 500
    assert sandbox.authorize(sandbox.request()).status_code == 200


def test_faults_are_used_up_in_order_and_only_by_matching_calls(sandbox: Client) -> None:
    fault(sandbox, "http500", times=2, grant_type="refresh_token")
    fault(sandbox, "empty", grant_type="refresh_token")
    assert sandbox.token("client_credentials").status_code == 200
    answers = [sandbox.refresh("rft.any") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [500, 500, 200, 200]
    assert answers[2].content == b""
    assert answers[3].json()["error"] == "invalid_grant"
    assert sandbox.read("faults") == {"faults": []}
    counters = sandbox.read("counters")
    assert counters["faults"] == {"token.refresh_token.http500": 2, "token.refresh_token.empty": 1}
    assert counters["calls"]["token.refresh_token"] == {"fault": 3, "invalid_grant": 1}


def test_a_rate_hits_a_share_of_calls_until_it_is_removed(sandbox: Client) -> None:
    sandbox.control("faults", endpoint="token", kind="http500", rate=0.5)
    statuses = [sandbox.refresh("rft.any").status_code for _ in range(200)]
    assert 50 < statuses.count(500) < 150
    sandbox.http.delete(f"{sandbox.url}/control/faults")
    assert sandbox.refresh("rft.any").status_code == 200


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "explode"}, "unknown kind 'explode'"),
        ({"endpoint": "tokens"}, "unknown endpoint 'tokens'"),
        ({"times": 0}, "times must be"),
        ({"times": True}, "times must be"),
        ({"rate": 2}, "rate must be"),
        ({"interval": 1}, "has no option 'interval'"),
        ({"status": "x"}, "option status"),
        ({"kind": "slow", "after": False}, "after must be"),
        ({"kind": "answer"}, "needs the option answer"),
        ({"grant_type": "x"}, "unknown grant_type"),
        ({"endpoint": "revoke", "grant_type": "refresh_token"}, "endpoint token only"),
    ],
)
def test_an_invalid_fault_is_refused_with_a_message(
    sandbox: Client, changes: dict[str, Any], message: str
) -> None:
    body = {"endpoint": "token", "kind": "http500"} | changes
    answer = sandbox.http.post(f"{sandbox.url}/control/faults", json=body)
    assert answer.status_code == 400
    assert message in answer.json()["error"]
    assert sandbox.read("faults") == {"faults": []}
