"""The page of what happened: plain words, newest first, and no operator's name."""

import ast
import re

from flask import Flask
from flask.testing import FlaskClient

from tests.account.people import account, disconnect, press
from tests.audit.telling import empty_audit
from tests.movable import MovableClock
from tests.rules.test_audit import calls
from tests.servers import Sandbox
from tests.services.holding import runtime_of
from tests.views.own_scenes import HAPPENED, NOW
from tests.views.reading import Reading
from tests.walk import connect
from webapp.actor import Actor, acting_as
from webapp.database import writing
from webapp.services.operators import roles
from webapp.services.records import audit, history
from webapp.services.records.audit import Field
from webapp.services.records.history import TimelineEvent
from webapp.views.operators import connection_texts
from webapp.views.people import activity_texts
from webapp.views.people.activity_texts import KNOWN

#: The account is gone with it, so nobody reads of it.
UNTOLD = {"connection.deleted"}
#: As much as the events of a connection tell.
FIELDS: dict[str, Field] = {"kind": "new", "scopes": "", "works": True, "cause": "denied"}
FIELDS |= {"reason": "removed_1", "confirmed": True}


def activity(client: FlaskClient, path: str = "/account/activity") -> Reading:
    """Return the page as it reads."""
    answer = client.get(path)
    assert answer.status_code == 200
    return Reading(answer.text)


def told(page: Reading) -> list[str]:
    """Return what the page tells, newest first, without the times."""
    (listed,) = [e for e in page.elements if "timeline" in e.classes]
    lines = [" ".join(line.split()) for line in listed.text.split("\n")]
    return [line for line in lines if line and line != "just now"]


def test_every_event_of_a_connection_has_words_of_its_own() -> None:
    with_ticket = {
        str(event.value)
        for _place, call in calls("webapp", "audit.record")
        if any(word.arg == "on" for word in call.keywords)
        for event in call.args[2:3]
        if isinstance(event, ast.Constant)
    }
    known = {history.WORD_OF_EVENT.get(event, event) for event in with_ticket - UNTOLD}
    assert {"refreshed", "account.exported"} <= known == set(KNOWN)
    assert {word for word, _who, _fields in HAPPENED} >= known, "give it a scene"
    lines = connection_texts.timeline_lines(
        [TimelineEvent(NOW, word, "person", fields=FIELDS) for word in known], 2
    )
    assert not [line.text for line in lines if re.search(r"\w[._]\w", line.text)], "for operators"


def test_what_happens_several_times_in_a_row_makes_one_line(
    mara: FlaskClient, clock: MovableClock
) -> None:
    for _press in range(4):
        clock.advance(hours=1)
        press(mara, "/account/refresh")
    mara.get("/account/export")
    press(mara, "/account/refresh")
    clock.advance(hours=1)
    for path in ("/account/activity", "/account"):
        assert told(activity(mara, path)) == [
            *("You renewed access.", "1 hour ago"),
            *("You downloaded your data.", "1 hour ago"),
            *("You renewed access.", "1 hour ago", "4 times, the first of these 4 hours ago"),
            *("You connected TikTok.", "5 hours ago", "Your name and picture"),
        ]


def test_events_that_allowed_something_else_are_lines_of_their_own() -> None:
    events = [
        TimelineEvent(NOW, "connection.connected", "person", fields={"kind": "again", "scopes": s})
        for s in ("user.info.basic", "user.info.basic", "user.info.basic,video.list")
    ]
    found = activity_texts.lines(events, "ct_2222-2222")
    assert [(line.count, len(line.details)) for line in found] == [(2, 1), (1, 2)]


def test_repeated_events_push_nothing_off_the_account_page(mara: FlaskClient) -> None:
    mara.get("/account/export")
    for _press in range(9):
        press(mara, "/account/refresh")
    assert told(activity(mara, "/account"))[2:] == [
        "You downloaded your data.",
        "You connected TikTok.",
        "Your name and picture",
    ]


def test_the_account_page_shows_the_five_latest_lines(mara: FlaskClient) -> None:
    for _each in range(3):
        press(mara, "/account/refresh")
        mara.get("/account/export")
    exported, renewed = "You downloaded your data.", "You renewed access."
    assert told(activity(mara, "/account")) == [exported, renewed, exported, renewed, exported]


def test_the_journey_of_a_person_is_told_in_order(
    app: Flask, mara: FlaskClient, sandbox: Sandbox
) -> None:
    press(mara, "/account/refresh")
    mara.get("/account/export")
    disconnect(mara)
    connect(mara)
    assert told(activity(mara)) == [
        "You connected TikTok again.",
        "Your name and picture",
        "Disconnected. TikTok confirmed it.",
        "You asked us to disconnect TikTok.",
        "You downloaded your data.",
        "You renewed access.",
        "You connected TikTok.",
        "Your name and picture",
    ]
    assert "All activity" in account(mara).text


def test_no_operator_is_named_and_ones_own_acts_as_one_are_ones_own(
    app: Flask, mara: FlaskClient, sandbox: Sandbox
) -> None:
    runtime = runtime_of(app)
    ticket = mara.get("/account/export").get_json()["ticket"]
    with app.app_context():
        roles.add_operator(runtime, sandbox.open_id("mara"), runtime.clock())
        with writing() as session:
            for name in ("ct_7777-7777", ticket):
                with acting_as(Actor("operator", name, "192.0.2.9")):
                    audit.record(
                        session, runtime.clock(), "connection.refreshed", on=ticket, version=2
                    )
    page = activity(mara)
    assert told(page)[:3] == [
        "You renewed access.",
        "An operator of this site renewed access.",
        "You became an operator of this site.",
    ]
    assert "7777" not in page.html
    assert "192.0.2.9" not in page.html


def test_pages_lead_from_one_to_the_next(app: Flask, mara: FlaskClient) -> None:
    for _ in range(30):
        mara.get("/account/export")
    first = activity(mara)
    times = "{} times, the first of these just now"
    assert told(first) == ["You downloaded your data.", times.format(25)]
    (onward,) = [a.attrs["href"] for a in first.all("a") if a.attrs.get("rel") == "next"]
    assert re.fullmatch(r"/account/activity\?before=\d+", onward)
    second = activity(mara, onward)
    assert told(second) == [
        *("You downloaded your data.", times.format(5)),
        *("You connected TikTok.", "Your name and picture"),
    ]
    assert "/account/activity" in [a.attrs["href"] for a in second.all("a") if a.text == "First"]


def test_a_mistyped_page_is_the_first(mara: FlaskClient) -> None:
    for before in ("", "0", "-1", "x", "9" * 18, "9" * 40, "٣", "%00"):
        page = activity(mara, f"/account/activity?before={before}")
        assert told(page)[0] == "You connected TikTok."


def test_where_nothing_happened_the_page_says_so(app: Flask, mara: FlaskClient) -> None:
    with app.app_context():
        empty_audit()
    page = activity(mara)
    assert "No activity yet" in page.text
    assert "No recent activity." in account(mara).text
