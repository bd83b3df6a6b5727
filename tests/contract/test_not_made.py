"""Every cause that keeps someone from connecting: its page, its line in the log, its audit row."""

import json
import logging
import re
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.contract.unmade import OTHERS, SIGN_INS, Scenery
from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.views.reading import JARGON, Reading, long_sentences
from tests.walk import begin, come_back, connect, consent
from webapp.database import reading
from webapp.models import AuditEvent
from webapp.services.connect import sign_ins
from webapp.services.operators import roles
from webapp.views.http.errors import CAUSES

EVENT = "connection.not_made"


@dataclass(frozen=True)
class Told:
    """One audit row."""

    reference: str
    ticket: str | None
    actor: str
    fields: dict[str, Any]


def rows(app: Flask) -> list[Told]:
    """Return what the audit tells of sign-ins that connected nobody, oldest first."""
    with app.app_context(), reading() as session:
        query = select(AuditEvent).where(AuditEvent.event == EVENT).order_by(AuditEvent.id)
        return [
            Told(row.reference, row.ticket, row.actor, json.loads(row.fields))
            for row in session.scalars(query)
        ]


def reference(page: Reading) -> str:
    """Return the reference that a page shows."""
    found = page.all("code")[0].text
    assert re.fullmatch(r"[0-9a-f]{12}", found)
    return found


def logged(caplog: pytest.LogCaptureFixture, reference: str) -> list[dict[str, Any]]:
    """Return the lines of the log that a reference finds."""
    lines = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    return [line for line in lines if line.get("request_id") == reference]


@pytest.fixture
def there(client: FlaskClient, sandbox: Sandbox, clock: MovableClock) -> Scenery:
    return Scenery(client, sandbox, clock)


def judge(code: str, answer: TestResponse) -> Reading:
    """Hold a page against what all of them promise (bar 13 of the design), and return it read."""
    cause, page = CAUSES[code], Reading(answer.text)
    assert answer.status_code == cause.status
    assert page.the("h1") == cause.title
    assert page.the("title") == f"{cause.title} · Coatcheck"
    assert cause.stored in page.text
    (primary,) = page.primary
    assert primary.tag == "a"
    assert len([a for a in page.all("a") if a.attrs["href"] != primary.attrs["href"]]) >= 4
    assert code in page.text
    assert page.all("time")[-1].attrs["datetime"]
    assert "Details for support" in page.text
    assert not JARGON.findall(page.text)
    assert not long_sentences(page)
    assert "Traceback" not in answer.text
    return page


def test_the_tables_know_every_cause() -> None:
    elsewhere = {"forbidden", "cross_site"}  # tests/security/test_cross_site.py
    assert {*SIGN_INS, *OTHERS} == CAUSES.keys() - elsewhere


@pytest.mark.audit("connection.not_made")
@pytest.mark.parametrize("code", SIGN_INS)
def test_a_failed_sign_in_is_found_by_the_reference_on_its_page(
    there: Scenery, caplog: pytest.LogCaptureFixture, code: str
) -> None:
    with caplog.at_level(logging.INFO):
        found = reference(judge(code, SIGN_INS[code](there)))
    assert [line["cause"] for line in logged(caplog, found) if "cause" in line] == [code]
    row = rows(there.client.application)[-1]
    assert (row.reference, row.fields["cause"]) == (found, code)


@pytest.mark.parametrize("code", OTHERS)
def test_every_other_page_is_found_in_the_log_and_leaves_no_row(
    there: Scenery, caplog: pytest.LogCaptureFixture, code: str
) -> None:
    with caplog.at_level(logging.INFO):
        found = reference(judge(code, OTHERS[code](there)))
    assert logged(caplog, found)
    assert rows(there.client.application) == []


def test_a_row_names_tiktoks_word_and_never_what_came_back(there: Scenery) -> None:
    SIGN_INS["site_not_ready"](there)
    SIGN_INS["incomplete"](there)
    there.client.get("/api/auth/tiktok/callback?code=made-up-code&state=made-up-state")
    told = [row.fields for row in rows(there.client.application)]
    assert told == [
        {"cause": "site_not_ready", "code": "invalid_client"},
        {"cause": "incomplete", "code": ""},
        {"cause": "older_attempt", "code": ""},
    ]


def test_the_row_is_on_whoever_is_signed_in(there: Scenery) -> None:
    SIGN_INS["other_account"](there)
    (row,) = rows(there.client.application)
    assert row.ticket == row.actor
    assert str(row.ticket).startswith("ct_")
    SIGN_INS["denied"](Scenery(there.client.application.test_client(), there.sandbox, there.clock))
    assert [each.ticket for each in rows(there.client.application)][1:] == [None]


def test_an_operator_finds_it_by_the_reference(client: FlaskClient, sandbox: Sandbox) -> None:
    found = reference(Reading(come_back(client, consent(begin(client), deny="1")).text))
    app = client.application
    connect(client)
    with app.app_context():
        runtime = app.extensions["coatcheck"]
        roles.add_operator(runtime, sandbox.open_id("mara"), runtime.clock())
    page = Reading(client.get(f"/operators/audit?ref={found}").text)
    (line,) = [row.text for row in page.all("tr") if EVENT in row.text]
    assert "cause denied" in line
    assert "access_denied" in line


@pytest.mark.usefixtures("each_database")
def test_strangers_leave_a_bounded_number_of_rows_and_crowd_out_nobody(
    client: FlaskClient, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_ins, "MAX_FROM_STRANGERS", 3)
    monkeypatch.setattr(sign_ins, "MAX_FROM_HERE", 5)
    app = client.application

    def stranger() -> int:
        app.test_client().get("/api/auth/tiktok/callback?code=made-up&state=made-up")
        return len(rows(app))

    def from_here() -> int:
        come_back(client, consent(begin(client), deny="1"))
        return len(rows(app))

    assert [stranger() for _ in range(5)] == [1, 2, 3, 3, 3]
    assert [from_here() for _ in range(3)] == [4, 5, 5]
    clock.advance(minutes=61)
    assert [stranger(), from_here()] == [6, 7]


def test_a_page_is_told_even_when_its_row_is_one_too_many(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_ins, "MAX_FROM_STRANGERS", 1)
    for _ in range(2):
        page = Reading(client.application.test_client().get("/api/auth/tiktok/callback").text)
        assert page.the("h1") == "We couldn't recognize your browser"
        assert reference(page)
    assert len(rows(client.application)) == 1
