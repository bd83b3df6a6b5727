"""Whatever is sent to the callback, the webhook, the API and operators' pages: nothing gives way.

No answer is a 5xx, nobody is signed in, no token is handed out, and no row of a person or a
session changes. The long runs send 300 of each, or as many as
PROPERTY_EXAMPLES says; ten thousand take half an hour on two cores.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import assume, example, given
from hypothesis import strategies as st
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.environment import CALLBACK
from tests.movable import MovableClock
from tests.security.callers import caller
from tests.security.junk import WORDS, queries, tried
from tests.servers import Sandbox
from tests.services.holding import opened, rows
from tests.walk import begin, connect
from tests.webhooks.notices import ADDRESS, TikTok
from webapp.database import reading
from webapp.models import BrowserSession, Reason, User
from webapp.services.handout import service_keys
from webapp.services.operators.list_query import FAILING_FOR, WITHIN, Sort, State

#: For each property, in the long runs.
MANY = int(os.environ.get("PROPERTY_EXAMPLES", "300"))

pytestmark = [
    pytest.mark.timeout(3600),
    pytest.mark.parametrize("examples", [30, pytest.param(MANY, marks=pytest.mark.long)]),
]

LISTS = (
    *("/operators/tokens", "/operators/audit", "/operators/audit.csv", "/operators/bulk"),
    *("/operators/tokens/refresh", "/operators/tokens/disconnect", "/operators/keys"),
    *("/operators/tokens.csv", "/operators/tokens.json", "/operators/setup", "/operators/health"),
)
FILTERS = (
    *("q", "status", "scope", "reason", "failing", "within", "sort", "after", "before", "sel"),
    *("from", "to", "who", "what", "on", "ref", "still"),
)
KNOWN = (*map(str, State), *map(str, Sort), *map(str, Reason), *WITHIN, *FAILING_FOR, "all")


def stored(app: Flask) -> list[object]:
    """Return every row of a person and of a session, as it is now."""
    with app.app_context(), reading() as session:
        people = session.execute(select(User.__table__).order_by(User.id)).all()
        sessions = session.execute(select(BrowserSession.__table__)).all()
    return [*people, *sorted(map(repr, sessions))]


@contextmanager
def nothing_changes(app: Flask) -> Iterator[None]:
    """Fail if a row of a person or of a session is another one at the end of the block."""
    before = stored(app)
    assert before, "nobody is connected, so nothing could change"
    yield
    assert stored(app) == before


def harmless(answer: TestResponse) -> None:
    """Fail if this answer is an error of ours, or says that someone was signed in."""
    assert answer.status_code < 500, answer.text
    for cookie in answer.headers.getlist("Set-Cookie"):
        assert "_user_id" not in cookie


def test_no_return_from_tiktok_that_we_did_not_begin_signs_anybody_in(
    app: Flask, client: FlaskClient, sandbox: Sandbox, examples: int
) -> None:
    """Not even with the state of an attempt that another browser has begun."""
    connect(client)
    other = parse_qs(urlsplit(begin(app.test_client())).query)["state"][0]
    calls = sandbox.calls("token.authorization_code")
    names = ("state", "code", "error", "error_description", "error_type", "scopes", "iss")

    @tried(examples)
    @given(query=queries(names, other, "access_denied"), started=st.integers(0, 9))
    @example(query=f"state={other}&code=made-up", started=0)
    def hold(query: str, started: int) -> None:
        browser = app.test_client()
        if started == 0:
            begin(browser)
        answer = browser.get(f"{CALLBACK}?{query}")
        harmless(answer)
        assert answer.status_code >= 400
        account = browser.get("/account")
        assert account.status_code == 303

    with nothing_changes(app):
        hold()
    assert sandbox.calls("token.authorization_code") == calls


def test_no_unsigned_notice_ends_a_connection(
    app: Flask, client: FlaskClient, sandbox: Sandbox, clock: MovableClock, examples: int
) -> None:
    connect(client)
    removes = TikTok(app, clock).body(sandbox.open_id("mara"))
    now = int(clock().timestamp())
    signature = st.one_of(
        WORDS,
        st.binary(max_size=40).map(bytes.hex),
        st.binary(min_size=32, max_size=32).map(bytes.hex),
    )
    header = st.one_of(WORDS, signature.map(lambda made: f"t={now},s={made}"))

    @tried(examples)
    @given(body=st.one_of(st.just(removes), st.binary(max_size=200)), header=header)
    def hold(body: bytes, header: str) -> None:
        assume(not {"\r", "\n"} & set(header))
        sent = {"TikTok-Signature": header.encode("utf-8").decode("latin-1")}
        answer = app.test_client().post(ADDRESS, data=body, headers=sent)
        harmless(answer)
        assert answer.status_code == 401

    with nothing_changes(app):
        hold()


def test_a_signed_notice_about_anything_else_ends_no_connection(
    app: Flask, client: FlaskClient, sandbox: Sandbox, clock: MovableClock, examples: int
) -> None:
    connect(client)
    tiktok, mara = TikTok(app, clock), sandbox.open_id("mara")
    anything = st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), WORDS),
        lambda some: st.one_of(
            st.lists(some, max_size=3), st.dictionaries(WORDS, some, max_size=3)
        ),
        max_leaves=5,
    )
    fields = st.fixed_dictionaries(
        {},
        optional={
            "event": st.one_of(anything, st.just("authorization.removed")),
            "client_key": st.one_of(anything, st.just(sandbox.client_key)),
            "user_openid": st.one_of(anything, st.just(mara)),
            "create_time": st.one_of(anything, st.just(tiktok.now)),
            "content": anything,
        },
    )

    @tried(examples)
    @given(said=st.one_of(fields, anything))
    def hold(said: object) -> None:
        if isinstance(said, dict):
            true = {
                "event": "authorization.removed",
                "client_key": sandbox.client_key,
                "user_openid": mara,
            }
            assume({name: said.get(name) for name in true} != true)
        answer = tiktok.sends(json.dumps(said).encode())
        harmless(answer)
        assert answer.status_code == 200

    with nothing_changes(app):
        hold()


def test_no_call_of_the_api_without_a_key_gets_a_token(
    app: Flask, client: FlaskClient, sandbox: Sandbox, examples: int
) -> None:
    connect(client)
    mara = sandbox.open_id("mara")
    token = opened(app, rows(app)[0]).access_token
    with app.app_context():
        key = service_keys.issue("reports", app.extensions["coatcheck"].clock())
    # Of the same form as a key, and with the public part of a real one.
    start = key.removesuffix(key.rpartition("_")[2])
    forged = st.text("0123456789abcdef", min_size=64, max_size=64).map(lambda made: start + made)
    header = st.one_of(WORDS, forged, forged.map(lambda made: f"Bearer {made}"))

    @tried(examples)
    @given(
        open_id=st.one_of(st.just(mara), WORDS),
        query=queries(("min_ttl", "scope", "key", "access_token"), "60", key),
        header=header,
        body=st.one_of(st.none(), st.binary(max_size=100)),
    )
    @example(open_id=mara, query="", header=f"Bearer {start}{'0' * 64}", body=None)
    def hold(open_id: str, query: str, header: str, body: bytes | None) -> None:
        assume(header != f"Bearer {key}" and not {"\r", "\n"} & set(header))
        path = f"/api/v1/tokens/{quote(open_id, safe='')}"
        sent = {"Authorization": header.encode("utf-8").decode("latin-1")}
        if body is None:
            answer = app.test_client().get(f"{path}?{query}", headers=sent)
        else:
            answer = app.test_client().post(f"{path}/refresh?{query}", data=body, headers=sent)
        harmless(answer)
        assert answer.status_code in (308, 400, 401, 404, 405, 414), answer.text
        assert token not in answer.text

    with nothing_changes(app):
        hold()


def test_a_service_that_asks_for_anything_else_gets_a_refusal(
    app: Flask, client: FlaskClient, sandbox: Sandbox, examples: int
) -> None:
    """With its key, about people who aren't there, or in a way that is not in the contract."""
    connect(client)
    with app.app_context():
        key = service_keys.issue("reports", app.extensions["coatcheck"].clock())
    sent = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    @tried(examples)
    @given(
        open_id=WORDS.filter(lambda made: made != sandbox.open_id("mara")),
        query=queries(("min_ttl", "scope"), "60", "user.info.basic"),
        body=st.one_of(st.none(), st.binary(max_size=100), st.just(b'{"rejected_version": 1}')),
    )
    def hold(open_id: str, query: str, body: bytes | None) -> None:
        path = f"/api/v1/tokens/{quote(open_id, safe='')}"
        if body is None:
            answer = app.test_client().get(f"{path}?{query}", headers=sent)
        else:
            answer = app.test_client().post(f"{path}/refresh?{query}", data=body, headers=sent)
        harmless(answer)
        assert answer.status_code in (308, 400, 404, 405, 414), answer.text

    with nothing_changes(app):
        hold()


def test_no_query_of_an_operator_is_an_error_of_ours(
    app: Flask, sandbox: Sandbox, examples: int
) -> None:
    operator = caller(app, sandbox, "operator")
    mara = sandbox.open_id("mara")
    one = WORDS.map(lambda made: f"/operators/tokens/{quote(made, safe='')}")

    @tried(examples)
    @given(
        path=st.one_of(st.sampled_from(LISTS), st.sampled_from(LISTS), one),
        query=queries(FILTERS, *KNOWN, mara, "connection.connected", "2026-11-29"),
    )
    def hold(path: str, query: str) -> None:
        answer = operator.get(f"{path}?{query}")
        harmless(answer)
        assert answer.status_code in (200, 303, 400, 404, 414), answer.text

    with nothing_changes(app):
        hold()
    assert operator.get("/operators/tokens").status_code == 200, "they are an operator still"
