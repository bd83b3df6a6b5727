"""A job acts on what was confirmed and no more, whatever happens between page and press."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from tests.forms import Form, the_form
from tests.movable import MovableClock
from tests.operators.test_bulk_pages import DISCONNECT, LIST, REFRESH, confirmed, jobs
from tests.views.connections import connection, runtime_of, sign_in
from tests.views.reading import Reading
from webapp.database import reading, writing
from webapp.models import BulkItem, Health, User
from webapp.services.operators import bulk, bulk_order, bulk_work

pytestmark = pytest.mark.usefixtures("each_database")

FAILING = "?all=1&query=status%3Dfailing"


@pytest.fixture
def people(app: Flask, client: FlaskClient) -> list[User]:
    """An operator, signed in, two who fail, and two more."""
    healths = [Health.FRESH, Health.FAILING, Health.FAILING, Health.FRESH, Health.FRESH]
    made = [connection(app, number, health) for number, health in enumerate(healths)]
    change(app, made[0], operator_since=made[0].created_at)
    sign_in(app, client, made[0])
    return made


def change(app: Flask, user: User, **columns: Any) -> None:
    """Write columns into someone's row."""
    with app.app_context(), writing() as session:
        session.execute(update(User).where(User.id == user.id).values(columns))


def begin_to_fail(app: Flask, user: User) -> None:
    change(app, user, status="failing", failures=1, failing_since=runtime_of(app).clock())


def leave_and_return(app: Flask, user: User, now: Any) -> None:
    """Let someone delete the account and connect again: the same open_id, another ticket."""
    with app.app_context(), writing() as session:
        row = session.get_one(User, user.id)
        columns = {c.key: getattr(row, c.key) for c in User.__table__.columns if c.key != "history"}
        session.execute(delete(User).where(User.id == user.id))
        session.add(User(**columns | {"id": None, "ticket": "ct_9999-9999", "connected_at": now}))


def press(client: FlaskClient, form: Form, **changes: str) -> TestResponse:
    return client.post(form.action, data=form.data(**changes))


def tickets(app: Flask) -> set[str]:
    """Return the tickets of everyone who is part of a job."""
    with app.app_context(), reading() as session:
        return set(session.scalars(select(BulkItem.ticket)))


def statuses(app: Flask) -> list[str]:
    with app.app_context(), reading() as session:
        return list(session.scalars(select(User.status).order_by(User.id)))


def claim(app: Flask) -> None:
    with app.app_context():
        work = bulk_work.BulkWork(runtime_of(app))
        work.step()
        work.claim(100)


def just_before(
    monkeypatch: pytest.MonkeyPatch, module: Any, happens: Callable[[], object]
) -> None:
    """Let something happen right before a module's next transaction begins."""
    true = module.writing

    @contextmanager
    def later(**options: bool) -> Iterator[Session]:
        monkeypatch.undo()
        happens()
        with true(**options) as session:
            yield session

    monkeypatch.setattr(module, "writing", later)


def test_a_number_that_has_changed_is_asked_again(
    app: Flask, client: FlaskClient, people: list[User]
) -> None:
    form = the_form(client.get(DISCONNECT + FAILING).text, DISCONNECT)
    begin_to_fail(app, people[3])
    again = press(client, form, typed="2")
    assert (again.status_code, jobs(app)) == (409, [])
    page = Reading(again.text)
    assert page.the("h1") == "Disconnect 3 connections?"
    assert "Nothing was ordered yet" in page.text
    assert "it's 3 connections now. Check again" in page.text
    now = the_form(again.text, DISCONNECT)
    assert dict(now.fields)["typed"] == ""
    assert press(client, now, typed="3").status_code == 303
    begin_to_fail(app, people[4])
    claim(app)
    assert [job.total for job in jobs(app)] == [3]
    assert statuses(app) == ["active", "revoking", "revoking", "revoking", "failing"]


def test_a_number_that_grows_right_before_the_order_is_written_is_asked_again(
    app: Flask, client: FlaskClient, people: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    form = the_form(client.get(DISCONNECT + FAILING).text, DISCONNECT)
    just_before(monkeypatch, bulk_order, lambda: begin_to_fail(app, people[3]))
    assert press(client, form, typed="2").status_code == 409
    assert (jobs(app), tickets(app)) == ([], set())


def test_who_no_longer_matches_is_left_out_and_the_audit_has_the_true_number(
    app: Flask, client: FlaskClient, people: list[User]
) -> None:
    form = the_form(client.get(REFRESH + FAILING).text, REFRESH)
    change(app, people[1], status="active", failing_since=None)
    assert press(client, form).status_code == 303
    assert tickets(app) == {people[2].ticket}
    assert '"count": 1' in client.get("/operators/audit.csv").text.replace('""', '"')


def test_a_disconnect_of_all_matches_asks_again_if_one_has_taken_the_place_of_another(
    app: Flask, client: FlaskClient, people: list[User]
) -> None:
    form = the_form(client.get(DISCONNECT + FAILING).text, DISCONNECT)
    change(app, people[1], status="active", failing_since=None)
    begin_to_fail(app, people[3])
    again = press(client, form, typed="2")
    assert (again.status_code, jobs(app), tickets(app)) == (409, [], set())
    assert press(client, the_form(again.text, DISCONNECT), typed="2").status_code == 303
    assert tickets(app) == {people[2].ticket, people[3].ticket}


def test_a_disconnect_of_all_matches_needs_what_tells_them_from_others(
    app: Flask, client: FlaskClient, people: list[User]
) -> None:
    data = the_form(client.get(DISCONNECT + FAILING).text, DISCONNECT).data() | {"typed": "2"}
    del data["ids"]
    for ids in ({}, {"ids": "nonsense"}, {"ids": "1"}):
        assert client.post(DISCONNECT, data=data | ids).status_code == 409
    assert jobs(app) == []


@pytest.mark.parametrize("act", [REFRESH, DISCONNECT])
@pytest.mark.parametrize("picked", [True, False], ids=["selected", "all that match"])
def test_another_person_with_the_same_open_id_is_not_acted_on(
    app: Flask,
    client: FlaskClient,
    people: list[User],
    clock: MovableClock,
    act: str,
    picked: bool,
) -> None:
    ids = "?" + "&".join(f"id={quote(user.open_id)}" for user in people[1:3])
    form = the_form(client.get(act + (ids if picked else FAILING)).text, act)
    # Of the selected, the ticket tells; the clock may have been set back.
    clock.advance(seconds=-60 if picked else 1)
    leave_and_return(app, people[1], clock())
    typed = {"typed": "2"} if act == DISCONNECT else {}
    if act == DISCONNECT and not picked:
        # It can't be undone, so the others are asked about again.
        assert press(client, form, **typed).status_code == 409
        assert (jobs(app), tickets(app)) == ([], set())
        return
    assert press(client, form, **typed).status_code == 303
    assert tickets(app) == {people[2].ticket}


def test_who_connects_again_after_the_page_was_made_is_not_acted_on(
    app: Flask, client: FlaskClient, people: list[User], clock: MovableClock
) -> None:
    form = the_form(client.get(f"{DISCONNECT}?id={quote(people[1].open_id)}").text, DISCONNECT)
    change(app, people[1], connected_at=clock.advance(seconds=1))
    answer = press(client, form)
    assert urlsplit(answer.location).path == LIST
    assert "None of these connections exist anymore." in client.get(answer.location).text
    assert jobs(app) == []


@pytest.mark.parametrize("missing", ["count", "at"])
def test_all_matches_are_not_acted_on_without_what_the_page_had_shown(
    app: Flask, client: FlaskClient, people: list[User], missing: str
) -> None:
    data = the_form(client.get(REFRESH + FAILING).text, REFRESH).data()
    del data[missing]
    assert client.post(REFRESH, data=data).status_code == 409
    assert client.post(REFRESH, data=data | {missing: "nonsense"}).status_code == 409
    assert jobs(app) == []


@pytest.mark.parametrize(
    ("query", "ignored"),
    [
        ("all=1&query=status%3Dfailng", "status"),
        ("all=1&query=within%3D15d", "within"),
        ("all=1&query=failing", "failing"),
        ("all=1&query=nonsense", "nonsense"),
        ("all=1&query=status%3Dfailing%26status%3Dhealthy", "status"),
        ("all=1&query=status%3Dfailing%3Bq%3Djo", "status"),
        (f"all=1&query=q%3D{'a' * 1000}", "query"),
        ("all=1&query=" + "%26".join(["q%3Da"] * 21), "query"),
        (f"all=1&query=q%3D{quote('🔧' * 100)}", "query"),
        ("all=1&query=&query=status%3Dfailing", "query"),
        ("all=1&status=failing", "status"),
        ("all=1&id=-000somebody", "id"),
        ("all=1&query=status%3Dfailing%26%3Cb%3E%3D1", "<b>"),
    ],
)
@pytest.mark.parametrize("act", [REFRESH, DISCONNECT])
def test_a_filter_that_cannot_be_read_never_means_everybody(
    app: Flask, client: FlaskClient, people: list[User], act: str, query: str, ignored: str
) -> None:
    answer = client.get(f"{act}?{query}")
    parts = urlsplit(answer.location)
    assert (answer.status_code, parts.path) == (303, LIST)
    assert parse_qs(parts.query).keys() <= {"status"}
    told = Reading(client.get(answer.location).text).text
    assert f"Nothing was ordered, because these filters can't be read: {ignored}." in told
    # Nor does a form that says it was confirmed.
    form = the_form(client.get("/account").text, "/sign-out")
    fields = {name: value for name, (value, *_) in parse_qs(query).items()}
    token = {"csrf_token": dict(form.fields)["csrf_token"], "confirm": "1", "count": "5"}
    token |= {"job": "made-up-job-id-1", "typed": "5", "at": runtime_of(app).clock().isoformat()}
    if query.count("query=") < 2:
        assert client.post(act, data=fields | token).status_code == 303
    assert jobs(app) == []
    assert statuses(app) == ["active", "failing", "failing", "active", "active"]


def test_an_empty_filter_means_any_as_in_the_list(
    app: Flask, client: FlaskClient, people: list[User]
) -> None:
    page = client.get(f"{REFRESH}?all=1&query=q%3D%26status%3Dfailing%26scope%3D")
    assert Reading(page.text).the("h1") == "Refresh 2 connections?"


def test_a_wrong_filter_beside_selected_ones_only_leads_back_to_the_list(
    app: Flask, client: FlaskClient, people: list[User]
) -> None:
    page = f"{REFRESH}?id={quote(people[1].open_id)}&query=status%3Dfailng"
    confirmed(client, REFRESH, page)
    assert tickets(app) == {people[1].ticket}


def test_the_first_ten_are_named_with_their_state(
    app: Flask, client: FlaskClient, people: list[User]
) -> None:
    for number in range(5, 17):
        connection(app, number, Health.FRESH)
    page = Reading(client.get(f"{DISCONNECT}?all=1&query=status%3Dhealthy").text)
    assert page.the("h1") == "Disconnect 15 connections?"
    assert page.text.count("Healthy") == 10
    assert "and 5 more" in page.text
    assert page.text.index("This can't be undone") < page.text.index("Estimated time")


def test_where_there_is_nothing_to_do_no_button_is_offered(
    app: Flask, client: FlaskClient, people: list[User]
) -> None:
    change(app, people[1], status="reconnect", reason="refused", next_at=None)
    change(app, people[2], status="reconnect", reason="refused", next_at=None)
    ids = "&".join(f"id={quote(user.open_id)}" for user in people[1:3])
    page = client.get(f"{REFRESH}?{ids}")
    assert Reading(page.text).the("h1") == "Nothing to refresh"
    assert "2 need the person to reconnect." in page.text
    assert f'action="{REFRESH}"' not in page.text


def test_a_second_order_of_the_same_a_moment_later_is_mentioned(
    app: Flask, client: FlaskClient, people: list[User], clock: MovableClock
) -> None:
    said = "This job was ordered recently"
    ids = "&".join(f"id={quote(user.open_id)}" for user in people[1:3])
    assert said not in client.get(REFRESH + FAILING).text
    at = confirmed(client, REFRESH, REFRESH + FAILING)
    # Whether all that match or the same ones by hand.
    for page in (REFRESH + FAILING, f"{REFRESH}?{ids}"):
        text = client.get(page).text
        assert said in text
        assert "You ordered the same job for the same connections" in Reading(text).text
        assert f'href="{at}"' in text
    for page in (DISCONNECT + FAILING, f"{REFRESH}?id={quote(people[1].open_id)}"):
        assert said not in client.get(page).text
    clock.advance(minutes=11)
    assert said not in client.get(REFRESH + FAILING).text


def test_what_failed_can_be_retried_and_nothing_else_is(
    app: Flask, client: FlaskClient, people: list[User]
) -> None:
    ids = "&".join(f"id={quote(user.open_id)}" for user in people[1:])
    at = confirmed(client, REFRESH, f"{REFRESH}?{ids}")
    job_id = at.rpartition("/")[2]
    assert "Retry the failed" not in client.get(at).text
    with app.app_context():
        runtime = runtime_of(app)
        claims = bulk_work.claim_items(runtime, job_id, 3)
        with writing() as session:
            session.execute(
                update(User)
                .where(User.id.in_([claim.user.id for claim in claims[:2]]))
                .values(status="failing", failures=9, last_error="timeout", claim=None)
            )
        bulk_work.step(runtime)
        bulk.stop_job(runtime, job_id)
        with writing() as session:
            session.execute(update(User).where(User.id == claims[2].user.id).values(version=9))
        bulk_work.step(runtime)
    page = client.get(at)
    assert Reading(page.text).the("h1") == ("3 of 4 finished · 1 refreshed · 2 failed · 1 not sent")
    retry = f"{REFRESH}?failed_of={job_id}"
    assert f'href="{retry}"' in page.text
    assert Reading(client.get(retry).text).the("h1") == "Refresh 2 connections?"
    leave_and_return(app, claims[0].user, runtime.clock())
    shown = client.get(f"{at}?show=all")
    assert shown.text.count('scope="row"') == 1 + 4, "the cause, and every connection"
    confirmed(client, REFRESH, retry)
    (again,) = (job for job in jobs(app) if job.id != job_id)
    assert (again.total, again.query) == (1, "")


def test_who_ordered_a_job_is_said_by_name_and_the_navigation_marks_its_pages(
    app: Flask, client: FlaskClient, people: list[User]
) -> None:
    change(app, people[0], display_name="Mara Lindqvist")
    at = confirmed(client, REFRESH, REFRESH + FAILING)
    for path in (at, "/operators/bulk"):
        page = Reading(client.get(path).text)
        assert f"You {people[0].ticket}" in page.text
        assert [each.text for each in page.all("a") if "aria-current" in each.attrs] == [
            "Bulk jobs"
        ]
    other = app.test_client()
    change(app, people[3], operator_since=people[3].created_at)
    sign_in(app, other, people[3])
    page = Reading(other.get(at).text)
    assert f"Mara Lindqvist {people[0].ticket}" in page.text
    change(app, people[0], ticket="ct_8888-8888")
    assert "Deleted person" in Reading(other.get(at).text).text


def test_the_audit_and_the_timeline_name_for_whom_the_worker_acted(
    app: Flask, client: FlaskClient, people: list[User]
) -> None:
    change(app, people[0], display_name="Mara <Lindqvist>")
    at = confirmed(client, DISCONNECT, DISCONNECT + FAILING, typed="2")
    claim(app)
    for path in ("/operators/audit", f"/operators/tokens/{people[1].open_id}"):
        page = client.get(path).text
        assert "the worker, for Mara <Lindqvist>" in Reading(page).text
        assert f'href="{at}"' in page
    found = client.get(f"/operators/audit?who={at.rpartition('/')[2]}").text
    assert found.count("connection.disconnect_ordered</code>") == 2
    own = app.test_client()
    sign_in(app, own, people[1])
    data = own.get("/account/export").text
    assert at.rpartition("/")[2] not in data
    assert people[0].ticket not in data
