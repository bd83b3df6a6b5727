"""Whatever goes wrong with a token call, no secret reaches a log line or a page."""

import json
import logging
import re
import socket
from collections.abc import Iterator
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.fixtures.app import MakeApp
from tests.servers import Sandbox
from tests.tiktok.peer import Behaviour, Peer, Request, answering
from tests.walk import begin, come_back, consent
from webapp.settings import Settings
from webapp.tiktok import provider

#: What is told before any masking: the records themselves, as other handlers would see them.
TOKEN = re.compile(r"\b(act|rft|clt)\.[A-Za-z0-9_-]{8}")


def secrets_of(settings: Settings, callback: str) -> list[str]:
    query = parse_qs(urlsplit(callback).query)
    (state,), (code,) = query["state"], query["code"]
    return [
        state,
        code,
        quote(code, safe=""),
        provider.code_verifier(settings.secret_key, state),
        settings.tiktok_client_secret.get_secret_value(),
        settings.secret_key.get_secret_value(),
        *[key.get_secret_value() for key in settings.token_keys],
    ]


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """Every record of the app, its arguments and its traceback; pytest's own text of them."""
    return caplog.text + "".join(repr(vars(record)) for record in caplog.records)


def assert_silent(
    caplog: pytest.LogCaptureFixture, answer: TestResponse, hidden: list[str]
) -> None:
    told = logged(caplog)
    shown = answer.text + repr(list(answer.headers))
    assert told, "nothing was logged at all"
    assert [secret for secret in hidden if secret in told] == []
    # The browser's own cookie is not a page; what it may hold is another test's.
    assert [secret for secret in hidden if secret in answer.text] == []
    assert not TOKEN.search(told + shown)


@pytest.mark.rule(55)
@pytest.mark.parametrize(
    "kind",
    ["html", "empty_object", "truncated", "big", "bad_utf8", "drop", "http500", "redirect"],
)
def test_a_failed_exchange_logs_no_secret(
    app: Flask,
    sandbox: Sandbox,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    kind: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    sandbox.faults("token", kind)
    client = app.test_client()
    back = consent(begin(client))
    answer = come_back(client, back)
    assert answer.status_code in (502, 503)
    assert_silent(caplog, answer, secrets_of(settings, back))


@pytest.mark.rule(55)
def test_a_sign_in_that_works_logs_no_secret(
    app: Flask, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = app.test_client()
    back = consent(begin(client))
    answer = come_back(client, back)
    assert answer.status_code == 303
    assert_silent(caplog, answer, secrets_of(settings, back))


def parrot(request: Request, conn: socket.socket) -> bool:
    """Answer with everything that came, as a careless server does in its error texts."""
    said = f"{request.target} {request.headers} {request.body.decode()}"
    return answering({"error": said, "error_description": said, "log_id": said})(request, conn)


def babbler(request: Request, conn: socket.socket) -> bool:
    """Send what came back where the head of an answer should be."""
    conn.sendall(json.dumps(request.body.decode()).encode() + b"\r\n\r\n")
    return False


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer() as listening:
        yield listening


@pytest.mark.rule(55)
@pytest.mark.parametrize("behaviour", [parrot, babbler])
def test_what_tiktok_repeats_of_our_secrets_ends_at_the_door(
    make_app: MakeApp,
    settings: Settings,
    peer: Peer,
    caplog: pytest.LogCaptureFixture,
    behaviour: Behaviour,
) -> None:
    caplog.set_level(logging.DEBUG)
    peer.will(behaviour)
    client = make_app(TIKTOK_API_URL=peer.url).test_client()
    back = consent(begin(client))
    answer = come_back(client, back)
    assert answer.status_code in (502, 503)
    assert_silent(caplog, answer, secrets_of(settings, back))
