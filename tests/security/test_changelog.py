"""The queries of the changelog find what an older version may have let happen, and nothing else."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import insert, text

from tests.processes import ROOT
from tests.servers import Sandbox
from tests.services.grants import join, made_up, sign_in
from tests.services.holding import runtime_of
from tests.walk import connect
from webapp.database import db, writing
from webapp.models import AuditEvent

SESSIONS, ACTS = re.findall(
    r"```sql\n(.*?)```", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.DOTALL
)


def found(query: str) -> list[str]:
    """Return the tickets that a query names."""
    with db.engine.connect() as connection:
        return [row.ticket for row in connection.execute(text(query))]


def test_an_installation_on_which_nothing_happened_has_nothing_to_find(
    app: Flask, sandbox: Sandbox
) -> None:
    client = app.test_client()
    assert connect(client).status_code == 303
    client.post("/account/delete")
    with app.app_context():
        assert (found(SESSIONS), found(ACTS)) == ([], [])


def test_a_session_in_somebody_elses_account_is_found(app: Flask, sandbox: Sandbox) -> None:
    assert connect(app.test_client()).status_code == 303
    runtime = runtime_of(app)
    with app.app_context():
        other = join(runtime, made_up(runtime.clock())).person
        sign_in(runtime, other, runtime.clock() + timedelta(minutes=5))
        assert found(SESSIONS) == [other.ticket]


@pytest.mark.usefixtures("each_database")
def test_an_act_on_somebody_elses_account_is_found(app: Flask) -> None:
    runtime = runtime_of(app)
    with app.app_context():
        one, other = (
            join(runtime, made_up(runtime.clock(), name)).person for name in ("one", "two")
        )
        event = {"at": runtime.clock(), "actor_kind": "person", "actor": one.ticket, "address": ""}
        event |= {"reference": "", "event": "connection.deleted", "fields": "{}"}
        with writing() as session:
            tickets = (one.ticket, other.ticket)
            session.execute(insert(AuditEvent), [event | {"ticket": each} for each in tickets])
        assert found(ACTS) == [other.ticket]


def test_the_sign_in_of_a_slow_profile_is_no_finding(app: Flask) -> None:
    runtime = runtime_of(app)
    with app.app_context():
        person = join(runtime, made_up(runtime.clock())).person
        sign_in(runtime, person, runtime.clock() + timedelta(seconds=20))
        assert found(SESSIONS) == []
