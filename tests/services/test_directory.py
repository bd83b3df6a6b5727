"""What a person may take along is whole, and holds no secret."""

import json
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import update

from tests.services.grants import BASIC, join, made_up, sign_in
from tests.services.holding import opened, the_row
from webapp.actor import Actor, acting_as
from webapp.database import Base, writing
from webapp.models import ServiceKey, ServiceUse, User
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


def test_own_data_and_the_database_hold_the_same_fields(runtime: Runtime) -> None:
    """A new column or table must be shown to its person, or named here with its reason."""
    kept_back = {
        "id": "ours, not theirs",
        "client_key": "the app's, the same for everybody",
        "access_token": "a secret",
        "refresh_token": "a secret",
        "exchange_sent_at": "says the same as connected_at",
        "claim": "a random number while a process acts on the row",
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
        "refresh_days": "refreshes_by_day",
        "ended_at": "access_ended",
        "reason": "access_ended_because",
        "version": "access_version",
        "next_at": "next_refresh",
        "failures": "failed_refreshes",
        "failing_since": "failing_since",
        "refused_at": "first_refused",
        "interrupted": "renewal_interrupted",
        "last_error": "last_error",
        "last_log_id": "last_error_log_id",
    }
    tables = {
        "browser_sessions": "signed_in",
        "audit_events": "activity",
        "service_uses": "used_by",
    }
    elsewhere = {
        "name_words": "the words of display_name",
        "notices": "a copy of what is in the row, until it is delivered",
        "bulk_items": "the ticket, for 30 days; each result is in the activity",
        "bulk_jobs": "what an operator did for the site, which the audit page shows",
    }
    nobody = {"spent_states", "service_keys", "brakes", "installation", "figures", "headcounts"}
    nobody |= {"audit_chain"}
    stored = set(Base.metadata.tables) - {"users"}
    assert stored == tables.keys() | elsewhere.keys() | nobody
    data = export.personal_data(join(runtime, made_up(runtime.clock())).person)
    columns = set(User.__table__.columns.keys()) - kept_back.keys()
    shown = {renamed.get(column, column) for column in columns} | set(tables.values())
    assert shown | {"sealed_access_kept"} == data.keys()


def test_own_data_names_the_services_and_cleans_names(runtime: Runtime) -> None:
    person = join(runtime, made_up(runtime.clock())).person
    now = runtime.clock()
    with writing() as session:
        user = session.get_one(User, person.id)
        user.display_name, user.username = "Ma\u202era\x1b[31m\n Lind", "\u2066\x07"
        key = ServiceKey(id="k1", name="studio-prod", digest="d", created_at=now)
        session.add(key)
        session.add(ServiceUse(user_id=person.id, key_id="k1", first_at=now, last_at=now))
    data = export.personal_data(person)
    assert (data["display_name"], data["username"]) == ("Mara[31m Lind", None)
    at = now.isoformat()
    assert data["used_by"] == [{"service": "studio-prod", "first": at, "last": at}]
