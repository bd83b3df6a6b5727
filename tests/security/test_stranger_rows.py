"""No table grows without a bound by what a stranger sends, or by one person who signs in again."""

import secrets

import pytest
from flask import Flask
from sqlalchemy import func, select

from tests.environment import CALLBACK
from tests.movable import MovableClock
from tests.security.callers import UNSAFE, caller, routes
from tests.servers import Sandbox
from tests.walk import begin, come_back, connect, connect_form, consent
from webapp.database import Base, reading
from webapp.services.connect import sessions, sign_ins, spent_states

pytestmark = pytest.mark.usefixtures("each_database")

#: How often a stranger tries everything.
ROUNDS = 4


def rows(app: Flask) -> dict[str, int]:
    """Return table → number of its rows."""
    with app.app_context(), reading() as session:
        return {
            name: session.scalar(select(func.count()).select_from(table)) or 0
            for name, table in Base.metadata.tables.items()
        }


def grown(app: Flask, before: dict[str, int]) -> dict[str, int]:
    """Return table → rows that it has more than before."""
    return {name: n - before[name] for name, n in rows(app).items() if n != before[name]}


def try_everything(app: Flask) -> None:
    """Ask for every address by every method, with and without what makes it look right."""
    client = app.test_client()
    token = connect_form(client).data()["csrf_token"][0]
    odd = {"Authorization": f"Bearer {secrets.token_hex()}", "TikTok-Signature": "t=1,s=0"}
    for method, _endpoint, path in routes(app):
        for headers in ({}, odd):
            client.open(path, method=method, headers=headers, data={"csrf_token": token}).close()
    for method in ("BREW", *UNSAFE):
        client.open(f"/{secrets.token_hex()}", method=method)
    for query in ("", "state=x&code=y", f"state={secrets.token_hex()}&error=denied", "a=b"):
        client.get(f"{CALLBACK}?{query}")


def test_a_stranger_adds_rows_to_the_audit_alone_and_only_so_many(
    app: Flask, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_ins, "MAX_FROM_STRANGERS", 5)
    caller(app, sandbox, "operator")
    before = rows(app)
    for _ in range(ROUNDS):
        try_everything(app)
    assert grown(app, before) == {"audit_events": 5}


def test_sign_ins_that_are_given_up_are_forgotten_after_an_hour(
    app: Flask, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_ins, "MAX_FROM_HERE", 3)
    before, client = rows(app), app.test_client()
    for _ in range(8):
        come_back(client, consent(begin(client), deny="1"))
    # The chain has one row, from the first event on.
    assert grown(app, before) == {"audit_events": 3, "audit_chain": 1, "spent_states": 8}
    clock.advance(minutes=61)
    # The worker's hourly chore; where none runs, one sign-in in 16 does it (test_states.py).
    with app.app_context():
        spent_states.remove_old(clock())
    come_back(client, consent(begin(client), deny="1"))
    assert grown(app, before)["spent_states"] == 1


def test_nobody_is_signed_in_on_more_than_fifty_devices(
    app: Flask, sandbox: Sandbox, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sessions.MAX_DEVICES == 50
    monkeypatch.setattr(sessions, "MAX_DEVICES", 3)
    devices = [app.test_client() for _ in range(5)]
    other = app.test_client()
    assert connect(other, "jo").status_code == 303
    for device in devices:
        clock.advance(seconds=1)
        assert connect(device).status_code == 303
    clock.advance(seconds=1)
    assert rows(app)["browser_sessions"] == 1 + 3
    signed_in = [device.get("/account").status_code == 200 for device in devices]
    assert signed_in == [False, False, True, True, True]
    assert other.get("/account").status_code == 200, "another person's count by themselves"


def test_the_own_data_is_not_downloaded_without_end(app: Flask) -> None:
    """Each download leaves an audit event."""
    view = app.view_functions["account.export"]
    assert getattr(view, "limit", None) == "10 per minute"
