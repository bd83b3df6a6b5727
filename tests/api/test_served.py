"""The hand-out over real HTTP, under gunicorn: headers, bodies, logs, and callers that hang up."""

import hashlib
import json
import socket
import sqlite3
import time
from contextlib import closing
from typing import Any

import pytest
import requests
from flask import Flask

from tests.api.conftest import Connect
from tests.fixtures.served import Serve
from tests.servers import Gunicorn, Sandbox, plain_session
from webapp.services.handout import service_keys


@pytest.fixture
def key(app: Flask, clock: Any) -> str:
    """A service key in the database that gunicorn serves."""
    with app.app_context():
        return service_keys.issue("reports", clock())


def ask(server: Gunicorn, key: str, path: str, **options: Any) -> requests.Response:
    """Call the API as a service."""
    headers = {"Authorization": f"Bearer {key}", **options.pop("headers", {})}
    with plain_session() as session:
        method = "POST" if "json" in options else "GET"
        url = f"{server.url}/api/v1/tokens/{path}"
        return session.request(method, url, headers=headers, timeout=20, **options)


@pytest.mark.long
@pytest.mark.usefixtures("each_database")
def test_every_status_over_http(serve: Serve, sandbox: Sandbox, key: str, connect: Connect) -> None:
    server, mara = serve(), connect("mara")
    first = ask(server, key, mara)
    assert first.status_code == 200
    assert first.headers["Vary"] == "Authorization"
    again = ask(server, key, mara, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    newer = ask(server, key, f"{mara}/refresh", json={"rejected_version": 1})
    assert newer.json()["version"] == 2
    answers = {
        401: server.get(f"/api/v1/tokens/{mara}"),
        403: ask(server, key, f"{mara}?scope=video.list"),
        404: ask(server, key, "-000%E9%00nobody"),
        400: ask(server, key, f"{mara}?min_ttl=soon"),
        405: ask(server, key, mara, json={}),
        413: ask(server, key, f"{mara}/refresh", json={"rejected_version": "1" * 17000}),
    }
    sandbox.faults("token", "http500")
    answers[503] = ask(server, key, f"{mara}/refresh", json={"rejected_version": 2})
    for status, answer in answers.items():
        assert answer.status_code == status, answer.text
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["status"] == status
    assert int(answers[503].headers["Retry-After"]) >= 1
    hold_the_log(server, key, sandbox, [first.json(), newer.json()])


def hold_the_log(server: Gunicorn, key: str, sandbox: Sandbox, given: list[Any]) -> None:
    """Find who asked for what in the log, and nothing that opens anything."""
    log = server.log()
    lines = [json.loads(line) for line in log.splitlines() if line.startswith('{"')]
    asked = [line for line in lines if line["event"] == "request" and "/tokens/" in line["path"]]
    assert {line.get("key") for line in asked} == {key[4:16], None}
    assert {line["status"] for line in asked if "key" not in line} <= {401, 405, 413}
    assert key[17:] not in log
    for token in given:
        assert token["access_token"] not in log
    assert sandbox.client_secret not in log


@pytest.mark.long
@pytest.mark.usefixtures("each_database")
def test_a_caller_that_hangs_up_in_mid_refresh_costs_nobody_the_grant(
    serve: Serve, sandbox: Sandbox, key: str, connect: Connect
) -> None:
    server, mara = serve(), connect("mara")
    sandbox.latency(0.5, "token", after=True)
    hang_up(server, mara, key, sandbox)
    deadline = time.monotonic() + 15
    while (answer := ask(server, key, mara).json())["version"] < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    digest = hashlib.sha256(answer["access_token"].encode()).hexdigest()
    assert digest == sandbox.books()[mara]["access_token_sha256"]
    assert sandbox.calls("token.refresh_token") == 1
    assert sandbox.counters()["spent_refresh_tokens_seen"] == 0


def hang_up(server: Gunicorn, open_id: str, key: str, sandbox: Sandbox) -> None:
    """Reject version 1, and be gone as soon as TikTok has the refresh in hand."""
    body = json.dumps({"rejected_version": 1})
    head = (
        f"POST /api/v1/tokens/{open_id}/refresh HTTP/1.1\r\nHost: {server.url[7:]}\r\n"
        f"Authorization: Bearer {key}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )
    host, port = server.url[7:].split(":")
    with socket.create_connection((host, int(port)), 10) as caller:
        caller.sendall(head.encode())
        deadline = time.monotonic() + 10
        while sandbox.counters()["open_calls"] == 0:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_while_somebody_holds_the_database_good_tokens_are_handed_out(
    serve: Serve, key: str, mara: str, database_url: str
) -> None:
    server = serve()
    assert ask(server, key, mara).status_code == 200
    with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"))) as other:
        other.isolation_level = None
        other.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        assert ask(server, key, mara).status_code == 200
        assert time.monotonic() - began < 5
        other.execute("ROLLBACK")
