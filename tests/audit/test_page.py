"""The audit's page: who, what, on whom, when and from where; found by filters, page by page."""

import csv
import io
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert

from tests.audit.telling import empty_audit
from tests.movable import MovableClock
from tests.services.holding import runtime_of
from tests.views.connections import connection
from tests.views.reading import Reading
from webapp.database import writing
from webapp.models import AuditEvent, BulkJob, User
from webapp.services import people
from webapp.services.operators import audit_search
from webapp.services.operators.audit_search import AuditQuery
from webapp.services.records.audit import EVENTS
from webapp.views.operators import audit_sentences


def written(app: Flask, *events: dict[str, Any]) -> None:
    """Write events as they would lie there, a second apart, the first one the oldest."""
    base = {name: "" for name in ("actor", "address", "reference")}
    base |= {"actor_kind": "worker", "event": "database.adopted", "fields": "{}"}
    now = runtime_of(app).clock()
    with app.app_context(), writing() as session:
        moments = [now + timedelta(seconds=number) for number in range(len(events))]
        rows = [
            base | {"ticket": None, "at": at} | event
            for at, event in zip(moments, events, strict=True)
        ]
        session.execute(insert(AuditEvent), rows)


def page(client: FlaskClient, **filters: str) -> Reading:
    answer = client.get("/operators/audit", query_string=filters)
    assert answer.status_code == 200
    return Reading(answer.text)


def cells(read: Reading) -> list[list[str]]:
    """Return the words of each row."""
    found = [" ".join(cell.text.split()) for cell in read.all("td")]
    return [found[at : at + 5] for at in range(0, len(found), 5)]


def event_of(row: list[str]) -> str:
    """Return the name of a row's event, which follows its sentence."""
    found = re.search(r"\b[a-z]+\.[a-z_]+\b", row[2])
    assert found is not None, row
    return found[0]


def link(read: Reading, words: str) -> str | None:
    return next((a.attrs["href"] for a in read.all("a") if a.text == words), None)


def test_every_kind_of_actor_has_its_words(app: Flask, operator: FlaskClient, mara: User) -> None:
    with app.app_context():
        empty_audit()
    written(
        app,
        {"actor_kind": "worker"},
        {"actor_kind": "service", "actor": "studio-prod", "address": "192.0.2.7"},
        {"actor_kind": "command", "actor": "tokens refresh", "ticket": mara.ticket},
        {"actor_kind": "tiktok"},
        {"actor_kind": "system"},
        {"actor_kind": "operator", "actor": mara.ticket, "fields": '{"a": null, "b": true}'},
        {"actor_kind": "person", "actor": "ct_GGNE-GGNE", "ticket": "ct_GGNE-GGNE"},
        {"actor_kind": "person"},
    )
    rows = cells(page(operator))[::-1]
    assert [row[1] for row in rows] == [
        *("the worker", "key studio-prod", "command tokens refresh", "TikTok", "the app"),
        *("operator Mara Lindqvist", "Deleted person ct_GGNE-GGNE", "someone not signed in"),
    ]
    assert [row[3] for row in rows][2] == "Mara Lindqvist"
    assert [row[3] for row in rows][6] == "Deleted person ct_GGNE-GGNE"
    assert rows[1][4] == "192.0.2.7"
    assert rows[5][2] == (
        "Tied the database to this installation database.adopted · a none · b yes"
    )
    assert rows[0][0] == f"{runtime_of(app).clock():%Y-%m-%d %H:%M:%S}"


def test_each_filter_finds_its_own(app: Flask, operator: FlaskClient, mara: User) -> None:
    written(
        app,
        {"event": "key.issued", "actor_kind": "command", "actor": "keys issue"},
        {"event": "key.revoked", "actor_kind": "operator", "actor": mara.ticket},
        {"event": "tokens.resealed", "reference": "0a1b2c3d4e5f", "address": "192.0.2.7"},
        {"event": "tokens.rescued", "ticket": mara.ticket, "fields": '{"stored": 7}'},
    )
    day = f"{runtime_of(app).clock():%Y-%m-%d}"
    for filters, events in (
        ({"what": "key.issued"}, ["key.issued"]),
        ({"who": "command"}, ["key.issued"]),
        ({"who": "keys issue"}, ["key.issued"]),
        ({"who": mara.ticket, "what": "key.revoked"}, ["key.revoked"]),
        ({"who": mara.open_id, "what": "key.revoked"}, ["key.revoked"]),
        ({"on": mara.ticket, "who": "worker"}, ["tokens.rescued"]),
        ({"on": mara.open_id, "who": "worker", "from": day, "to": day}, ["tokens.rescued"]),
        ({"ref": "0a1b2c3d4e5f"}, ["tokens.resealed"]),
        ({"who": "command", "what": "key.revoked"}, []),
        ({"what": "key.issued", "to": "2001-01-01"}, []),
    ):
        read = page(operator, **filters)
        assert [event_of(row) for row in cells(read)] == events, filters
        if not events:
            assert "No matching events" in read.text
            assert link(read, "Clear") == "/operators/audit"


def test_what_cannot_be_read_is_left_out_aloud(operator: FlaskClient) -> None:
    read = page(operator, **{"from": "soon", "what": "x", "foo": "<b>", "before": "9", "who": " "})
    assert "Ignored unknown or invalid filters: from, what, foo and before." in read.text
    assert len(cells(read)) == 2
    assert "<b>" not in read.html


def test_empty_pages_say_why(app: Flask, operator: FlaskClient) -> None:
    assert "Nobody has this name or open_id" in page(operator, on="-000nobody").text
    backwards = page(operator, **{"from": "2026-02-01", "to": "2026-01-01"}).text
    assert "“From” is after “To”" in backwards
    with app.app_context():
        empty_audit()
    assert "No events yet" in page(operator).text


@pytest.mark.usefixtures("each_database")
def test_pages_follow_each_other_without_a_gap_both_ways(app: Flask, operator: FlaskClient) -> None:
    runtime = runtime_of(app)
    # Many in the same moment, so that the time alone is no order.
    same = {"at": runtime.clock() + timedelta(hours=1)}
    written(app, *({"fields": f'{{"n": {n}}}', **same} for n in range(120)))
    seen, addresses = [], ["/operators/audit?what=database.adopted"]
    while addresses[-1]:
        read = Reading(operator.get(addresses[-1]).text)
        seen.append([row[2] for row in cells(read)])
        addresses.append(link(read, "Older") or "")
    assert [len(rows) for rows in seen] == [50, 50, 20]
    flat = [row for rows in seen for row in rows]
    words = "Tied the database to this installation database.adopted · n"
    assert flat == [f"{words} {n}" for n in range(119, -1, -1)]
    back = link(Reading(operator.get(addresses[-2]).text), "Newer")
    assert [row[2] for row in cells(Reading(operator.get(back or "").text))] == seen[1]


@pytest.mark.usefixtures("each_database")
def test_two_filters_look_at_so_many_events_at_a_time_and_say_so(
    app: Flask, operator: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_search, "WINDOW", 10)
    written(app, {"event": "key.issued"}, *({} for _ in range(24)), {"event": "key.issued"})
    address, found = "/operators/audit?who=worker&from=2001-01-01&ref=&what=key.issued", 0
    monkeypatch.setattr(audit_search, "_conditions", _by_kind_first)
    looks = 0
    while address:
        read = Reading(operator.get(address).text)
        found, looks = found + len(cells(read)), looks + 1
        address = link(read, "Older") or ""
        assert bool(address) == ("beyond that." in read.text)
    assert (found, looks) == (2, 3)
    with app.app_context():
        wanted = AuditQuery(who="worker", what="key.issued")
        assert sum(map(len, audit_search.all_events(wanted))) == 2


def _by_kind_first(wanted: AuditQuery) -> Any:
    return {"actor_kind": wanted.who}, {"event": wanted.what}


def test_the_file_holds_what_the_page_finds_and_no_formula(
    app: Flask, operator: FlaskClient, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_search, "BATCH", 3)
    named = {"actor_kind": "service", "event": "key.issued"}
    written(app, *({"actor": f"=cmd|{n}", **named} for n in range(7)))
    answer = operator.get("/operators/audit.csv?what=key.issued")
    assert answer.mimetype == "text/csv"
    head, *rows = csv.reader(io.StringIO(answer.text))
    assert head[:4] == ["at", "actor_kind", "actor", "event"]
    assert [row[2] for row in rows] == [f"'=cmd|{n}" for n in range(6, -1, -1)]
    assert rows[-1][0] == clock().isoformat(timespec="seconds")


def test_the_reference_of_a_request_finds_what_it_did(
    app: Flask, operator: FlaskClient, mara: User
) -> None:
    with app.app_context(), audit_search.reading() as session:
        reference = session.query(AuditEvent.reference).filter_by(ticket=mara.ticket).first()[0]
    assert [event_of(row) for row in cells(page(operator, ref=reference))] == [
        "connection.connected"
    ]


@pytest.mark.parametrize("query", ["from=2026-13-01", "what=nonsense", "foo=1"])
def test_a_file_is_not_made_of_filters_that_cannot_be_read(
    operator: FlaskClient, query: str
) -> None:
    """It would hold everything; the page says what was ignored."""
    answer = operator.get(f"/operators/audit.csv?{query}&ref=abc")
    name = query.partition("=")[0]
    assert (answer.status_code, answer.location) == (303, f"/operators/audit?ref=abc&{name}=%3F")
    assert name in Reading(operator.get(str(answer.location)).text).text


def test_a_ticket_is_found_in_any_case(app: Flask, operator: FlaskClient, mara: User) -> None:
    written(app, {"event": "connection.tested", "ticket": mara.ticket})
    found = cells(page(operator, on=mara.ticket.lower(), what="connection.tested"))
    assert len(found) == 1
    acted = cells(page(operator, who=mara.ticket.lower()))
    assert acted == cells(page(operator, who=mara.ticket))


def test_a_bulk_job_is_a_link_and_its_id_is_shown_only_once_it_is_gone(
    app: Flask, operator: FlaskClient
) -> None:
    with app.app_context():
        empty_audit()
    fields = {"job": "made-up-job", "act": "refresh", "count": 2, "query": ""}
    written(app, {"event": "bulk.ordered", "fields": json.dumps(fields)})
    assert "job made-up-job" in cells(page(operator))[0][2]
    runtime = runtime_of(app)
    job = {"id": "made-up-job", "client_key": runtime.client_key, "act": "refresh", "actor": ""}
    job |= {"address": "", "created_at": runtime.clock()}
    with app.app_context(), writing() as session:
        session.add(BulkJob(**job))
    read = page(operator)
    assert "made-up-job" not in cells(read)[0][2]
    assert "/operators/bulk/made-up-job" in [a.attrs["href"] for a in read.all("a")]


def named(app: Flask, *names: str) -> list[User]:
    """Store people of these names; return their rows."""
    found = []
    for number, name in enumerate(names, 50):
        user = connection(app, number, name=name)
        with app.app_context(), writing() as session:
            people.store_words(session, user.ref, name)
        found.append(user)
    return found


@pytest.mark.usefixtures("each_database")
@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("Søren Ødegård", "key.revoked"),
        ("operator Søren Ødegård", "key.revoked"),
        ("soren", "key.revoked"),
        ("\u200fSøren\tØdegård\u200e", "key.revoked"),
        ("key studio-prod", "connection.handed_out"),
        ("studio-prod", "connection.handed_out"),
        ("command keys issue", "key.issued"),
        ("the worker", "bulk.ended"),
        ("Deleted person ct_GGNE-GGNE", "account.exported"),
    ],
)
def test_who_takes_what_the_column_prints(
    app: Flask, operator: FlaskClient, typed: str, found: str
) -> None:
    (soren,) = named(app, "Søren Ødegård")
    with app.app_context():
        empty_audit()
    written(
        app,
        {"event": "key.revoked", "actor_kind": "operator", "actor": soren.ticket},
        {"event": "connection.handed_out", "actor_kind": "service", "actor": "studio-prod"},
        {"event": "key.issued", "actor_kind": "command", "actor": "keys issue"},
        {"event": "bulk.ended", "ticket": soren.ticket},
        {"event": "account.exported", "actor_kind": "person", "actor": "ct_GGNE-GGNE"},
    )
    read = page(operator, who=typed)
    assert [event_of(row) for row in cells(read)] == [found]
    if found == "key.revoked":
        on = page(operator, on=typed)
        assert [event_of(row) for row in cells(on)] == ["bulk.ended"]


def test_a_name_of_several_people_lets_one_be_chosen(app: Flask, operator: FlaskClient) -> None:
    one, other, longer = named(app, "Jo Lind", "Jo Lind", "Jo Lindqvist")
    written(app, {"event": "key.revoked", "actor_kind": "operator", "actor": other.ticket})
    read = page(operator, who="jo lind", what="key.revoked")
    assert "This name matches several people." in read.text
    assert cells(read) == []
    links = [a.attrs["href"] for a in read.all("a") if a.text == "Jo Lind"]
    tickets = [f"/operators/audit?who={user.ticket}&what=key.revoked" for user in (one, other)]
    assert links == tickets
    assert longer.ticket not in read.html
    chosen = Reading(operator.get(links[1]).text)
    assert [event_of(row) for row in cells(chosen)] == ["key.revoked"]
    answer = operator.get("/operators/audit.csv?who=jo+lind")
    assert (answer.status_code, answer.location) == (303, "/operators/audit?who=jo+lind")


@pytest.mark.parametrize("name", ["who", "on", "ref"])
@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("\u200f", "has no visible character. Type it again."),
        ("\0", "has no visible character. Type it again."),
        ("x" * 201, "has more than 200 characters. Shorten it."),
    ],
)
def test_a_filter_that_cannot_be_read_shows_nothing_and_what_is_wrong(
    operator: FlaskClient, name: str, typed: str, why: str
) -> None:
    """It was dropped, so the page showed everything."""
    read = page(operator, **{name: typed})
    assert cells(read) == []
    label = {"who": "Who", "on": "On", "ref": "Reference"}[name]
    assert f"“{label}” {why}" in read.text
    assert "Nobody has this name" not in read.text
    lines = operator.get("/operators/audit.csv", query_string={name: typed}).text.splitlines()
    assert len(lines) == 1


def test_the_last_days_are_one_press_away_and_keep_the_other_filters(
    app: Flask, operator: FlaskClient
) -> None:
    now = runtime_of(app).clock()
    read = page(operator, who="worker", to="2001-01-01")
    today = f"/operators/audit?who=worker&from={now:%Y-%m-%d}"
    assert link(read, "Today") == today
    assert link(read, "Last 7 days") == (
        f"/operators/audit?who=worker&from={now - timedelta(days=6):%Y-%m-%d}"
    )
    written(app, {"at": now - timedelta(days=6)}, {"at": now - timedelta(days=8)}, {})
    assert len(cells(Reading(operator.get(today).text))) == 1
    week = Reading(operator.get(link(read, "Last 7 days") or "").text)
    assert len(cells(week)) == 2
    (current,) = [a for a in week.all("a") if a.attrs.get("aria-current") == "true"]
    assert current.text == "Last 7 days"


def test_every_event_has_a_sentence_and_a_title_of_its_own() -> None:
    titles = [audit_sentences.title(event) for event in EVENTS]
    assert not set(titles) & set(EVENTS)
    assert len(set(titles)) == len(titles)
    assert audit_sentences.title("some.event") == "some.event"


@pytest.mark.parametrize(
    ("event", "fields", "text"),
    [
        ("connection.connected", {"kind": "returned"}, "Signed in with TikTok"),
        ("connection.not_made", {"cause": "denied"}, "Went to TikTok and chose not to connect"),
        ("connection.not_made", {"cause": "expired"}, "Went to TikTok without connecting"),
        ("connection.revoked", {"confirmed": True}, "Disconnected, TikTok confirmed"),
        ("connection.revoked", {"code": "timeout"}, "Disconnected here, TikTok didn't confirm"),
        (
            "connection.revoked",
            {"code": "nothing_held", "confirmed": True},
            "Disconnected; no token was left to revoke",
        ),
        ("connection.tested", {"works": False}, "Tested access: it doesn't work"),
        ("key.issued", {"name": "studio-prod"}, "Issued the service key “studio-prod”"),
        ("bulk.ordered", {"act": "disconnect"}, "Requested a bulk disconnect"),
        ("operator.added", {}, "Made this person an operator"),
    ],
)
def test_an_event_says_what_happened(event: str, fields: dict[str, Any], text: str) -> None:
    assert audit_sentences.sentence(event, fields) == text
