"""What a person may take along is whole, and holds no secret."""

import json
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import update

from tests.services.grants import BASIC, join, made_up, sign_in
from tests.services.holding import opened, the_row
from webapp.actor import Actor, acting_as
from webapp.database import writing
from webapp.models import User
from webapp.services.account import export
from webapp.services.operators.roles import add_operator
from webapp.services.people import PersonGone
from webapp.services.records import audit, history
from webapp.services.runtime import Runtime

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.mark.rule(55)
def test_ones_own_data_is_whole_and_holds_no_token(runtime: Runtime, app: Flask) -> None:
    done = join(runtime, made_up(runtime.clock()))
    sign_in(runtime, done.person, runtime.clock(), browser="Firefox")
    add_operator(runtime, done.open_id, runtime.clock())
    data = export.personal_data(done.person)
    text = json.dumps(data)
    assert data is not None
    assert data["open_id"] == "made-up-person"
    assert data["allowed"] == data["asked_for"] == [BASIC]
    assert data["sealed_access_kept"] is True
    (browser,) = data["signed_in"]
    assert (browser["browser"], browser["system"]) == ("Firefox", None)
    assert data["operator_since"] == runtime.clock().isoformat()
    assert_shows_no_token(text, app, the_row(app))
    with pytest.raises(PersonGone):
        export.personal_data(replace(done.person, ticket="ct_2222-2222"))


def test_ones_own_data_tells_what_happened_and_names_no_operator(
    runtime: Runtime, app: Flask
) -> None:
    done = join(runtime, made_up(runtime.clock()))
    ticket = the_row(app).ticket
    mine, theirs = (
        Actor("person", ticket, "192.0.2.1"),
        Actor("operator", "ct_7777-7777", "10.0.0.9"),
    )
    line = history.format_entry(runtime.clock(), "refreshed", theirs, 9, "", "")
    with writing() as session:
        session.execute(update(User).values(history=line))
        for actor in (mine, theirs, Actor("service", "studio-prod", "10.0.0.9")):
            with acting_as(actor):
                audit.record(session, runtime.clock(), "connection.refreshed", on=ticket, version=2)
    data = export.personal_data(done.person)
    told = [each for each in data["activity"] if each["what"] == "connection.refreshed"]
    assert [each["by"] for each in told] == ["service:studio-prod", "operator", "person"]
    assert [each.get("address") for each in told] == [None, None, "192.0.2.1"]
    assert data["last_events"][0]["by"] == "operator"
    assert "ct_7777-7777" not in str(data)
    assert "10.0.0.9" not in str(data)


def assert_shows_no_token(text: str, app: Flask, user: User) -> None:
    held = opened(app, user)
    tokens = (held.access_token, held.refresh_token, user.access_token, user.refresh_token)
    assert not [token for token in tokens if str(token) in text]


def test_own_data_leaves_out_nothing_but_secrets_and_the_schedule(runtime: Runtime) -> None:
    """A new column must be shown to its person, or named here with its reason."""
    kept_back = {
        "id": "ours, not theirs",
        "client_key": "the app's, the same for everybody",
        "access_token": "a secret",
        "refresh_token": "a secret",
        "version": "the schedule",
        "next_at": "the schedule",
        "claim": "the schedule",
        "failures": "the schedule",
        "refused_at": "the schedule",
        "exchange_sent_at": "says the same as connected_at",
        "failing_since": "the schedule",
        "interrupted": "the schedule",
        "last_error": "TikTok's word to us",
        "last_log_id": "TikTok's word to us",
    }
    renamed = {
        "scope": "allowed",
        "asked_scope": "asked_for",
        "created_at": "first_connected",
        "connected_at": "connected",
        "refreshed_at": "access_refreshed",
        "access_expires_at": "access_ends",
        "refresh_expires_at": "connection_ends",
        "last_used_at": "last_used",
        "refreshes": "access_refreshes",
        "history": "last_events",
        "ended_at": "access_ended",
        "reason": "access_ended_because",
    }
    data = export.personal_data(join(runtime, made_up(runtime.clock())).person)
    columns = set(User.__table__.columns.keys()) - kept_back.keys()
    assert {renamed.get(column, column) for column in columns} <= set(data or ())
