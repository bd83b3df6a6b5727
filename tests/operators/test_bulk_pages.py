"""The pages of work on many connections: confirmed, ordered once, watched, stopped."""

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from tests.forms import the_form
from tests.movable import MovableClock
from tests.views.connections import connection, runtime_of, sign_in
from tests.views.reading import Reading
from webapp.database import reading, writing
from webapp.models import BulkJob, Health, User
from webapp.services.operators import bulk_work

pytestmark = pytest.mark.usefixtures("each_database")

LIST = "/operators/tokens"
REFRESH = "/operators/tokens/refresh"
DISCONNECT = "/operators/tokens/disconnect"


@pytest.fixture
def people(app: Flask, client: FlaskClient) -> list[User]:
    """An operator, signed in, one who must connect again, and two more."""
    healths = [Health.FRESH, Health.RECONNECT, Health.FRESH, Health.FAILING]
    made = [connection(app, number, health) for number, health in enumerate(healths)]
    with app.app_context(), writing() as session:
        session.execute(
            update(User).where(User.id == made[0].id).values(operator_since=made[0].created_at)
        )
    sign_in(app, client, made[0])
    return made


def jobs(app: Flask) -> list[BulkJob]:
    with app.app_context(), reading() as session:
        return list(session.scalars(select(BulkJob).order_by(BulkJob.created_at)))


def claim(app: Flask) -> None:
    """Let a worker claim everything, and do no more."""
    with app.app_context():
        work = bulk_work.BulkWork(runtime_of(app))
        work.step()
        work.claim(100)


def send(client: FlaskClient, path: str, **fields: str | list[str]) -> str:
    """Send what the list's form sends; return where it leads."""
    form = the_form(client.get("/account").text, "/sign-out")
    token = dict(form.fields)["csrf_token"]
    answer = client.post(path, data={"csrf_token": token} | fields)
    assert answer.status_code == 303
    return answer.location


def confirmed(client: FlaskClient, path: str, page: str, **changes: str) -> str:
    """Press the button of a confirmation page; return where it leads."""
    form = the_form(client.get(page).text, path)
    answer = client.post(path, data=form.data(**changes))
    assert answer.status_code == 303
    return answer.location


def test_selected_ones_are_confirmed_ordered_and_watched(
    app: Flask, client: FlaskClient, people: list[User]
) -> None:
    ids = [user.open_id for user in people[:3]]
    page = send(client, REFRESH, id=ids, query="status=healthy")
    shown = client.get(page)
    assert Reading(shown.text).the("h1") == "Refresh 3 connections?"
    assert "1 needs the person to reconnect." in shown.text
    assert jobs(app) == [], "GET orders nothing"
    at = confirmed(client, REFRESH, page)
    claim(app)
    running = client.get(at)
    assert Reading(running.text).the("h1") == (
        "1 of 3 finished · 0 refreshed · 0 failed · 1 skipped"
    )
    assert "Refreshing 3 connections" in Reading(running.text).text
    assert "Only the person can fix it" in running.text
    assert running.headers["Refresh"] == "3"
    assert "Refresh" not in client.get(f"{at}?still=1").headers
    assert f'href="{LIST}?status=healthy"' in running.text


def test_all_that_match_are_ordered_by_their_filters(
    app: Flask, client: FlaskClient, people: list[User]
) -> None:
    page = send(client, REFRESH, all="1", query="status=failing")
    assert Reading(client.get(page).text).the("h1") == "Refresh 1 connection?"
    confirmed(client, REFRESH, page)
    claim(app)
    (job,) = jobs(app)
    assert (job.query, job.total) == ("status=failing", 1)


def test_nothing_selected_leads_back_to_the_list_as_it_was(
    client: FlaskClient, people: list[User]
) -> None:
    at = send(client, DISCONNECT, query="status=failing&q=jo&foo=bar")
    assert set(urlsplit(at).query.split("&")) == {"status=failing", "q=jo"}
    assert "Select at least one connection first." in client.get(at).text


@pytest.mark.parametrize("query", ["//evil.example", "https://evil.example/?a=b", "\r\nSet: x"])
def test_the_way_back_never_leads_elsewhere(
    client: FlaskClient, people: list[User], query: str
) -> None:
    parts = urlsplit(send(client, REFRESH, query=query))
    assert (parts.netloc, parts.path) == ("", LIST)


def test_a_double_press_makes_one_job(app: Flask, client: FlaskClient, people: list[User]) -> None:
    page = send(client, REFRESH, id=[people[0].open_id])
    form = the_form(client.get(page).text, REFRESH)
    first, second = (client.post(REFRESH, data=form.data()) for _press in range(2))
    assert first.location == second.location
    assert len(jobs(app)) == 1


def test_to_disconnect_many_the_number_is_typed(
    app: Flask, client: FlaskClient, people: list[User]
) -> None:
    page = send(client, DISCONNECT, id=[people[2].open_id, people[3].open_id])
    form = the_form(client.get(page).text, DISCONNECT)
    for typed in ("", "3", "two"):
        wrong = client.post(DISCONNECT, data=form.data(typed=typed))
        assert wrong.status_code == 422
        assert "Error: Type 2, the number of connections." in wrong.text
        assert Reading(wrong.text).the("title").startswith("Error: ")
        again = the_form(wrong.text, DISCONNECT)
        assert dict(again.fields)["typed"] == typed
        assert form.data()["id"] == again.data()["id"], "nothing is lost"
    assert jobs(app) == []
    at = confirmed(client, DISCONNECT, page, typed=" 2 ")
    claim(app)
    assert "Disconnecting 2 connections" in Reading(client.get(at).text).text
    with app.app_context(), reading() as session:
        states = session.scalars(select(User.status).order_by(User.id)).all()
    assert states == ["active", "reconnect", "revoking", "revoking"]


def test_stop_ends_a_job_and_says_what_was_not_sent(
    app: Flask, client: FlaskClient, people: list[User]
) -> None:
    page = send(client, REFRESH, id=[user.open_id for user in people])
    at = confirmed(client, REFRESH, page)
    form = the_form(client.get(at).text, f"{at}/stop")
    assert client.post(form.action, data=form.data()).location == at
    ended = client.get(at)
    assert Reading(ended.text).the("h1") == "0 of 4 finished · 0 refreshed · 0 failed · 4 not sent"
    assert "Stopped. No request was under way, and no more will be sent." in ended.text
    assert "Refresh" not in ended.headers
    assert client.post(form.action, data=form.data()).location == at, "a second press is harmless"


def test_a_running_job_is_stopped_from_the_list_of_jobs(
    client: FlaskClient, people: list[User]
) -> None:
    at = confirmed(client, REFRESH, send(client, REFRESH, id=[user.open_id for user in people]))
    form = the_form(client.get("/operators/bulk").text, f"{at}/stop")
    assert client.post(form.action, data=form.data()).location == at
    assert "4 not sent" in client.get(at).text
    assert f"{at}/stop" not in client.get("/operators/bulk").text


def test_without_a_worker_the_page_says_so(
    client: FlaskClient, people: list[User], clock: MovableClock
) -> None:
    at = confirmed(client, REFRESH, send(client, REFRESH, id=[people[0].open_id]))
    assert "worker seems" not in client.get(at).text
    clock.advance(seconds=31)
    assert "No worker seems to be running." in client.get(at).text


def test_the_list_of_jobs_has_pages_and_an_empty_state(
    app: Flask, client: FlaskClient, people: list[User]
) -> None:
    assert "No bulk jobs yet" in client.get("/operators/bulk").text
    now = runtime_of(app).clock()
    with app.app_context(), writing() as session:
        session.add_all(
            BulkJob(
                id=f"made-up-job-{number:02}",
                client_key=runtime_of(app).settings.tiktok_client_key,
                act="refresh",
                actor="ct_2222-0000",
                created_at=now - timedelta(minutes=number // 2),
                total=number,
                ended_at=now,
            )
            for number in range(51)
        )
    first = client.get("/operators/bulk").text
    (onward,) = re.findall(r'href="(/operators/bulk\?after=[^"]+)"', first)
    second = client.get(onward).text
    assert (first.count('scope="row"'), second.count('scope="row"')) == (50, 1)


def test_nobody_else_learns_that_there_are_jobs(
    app: Flask, client: FlaskClient, people: list[User]
) -> None:
    other = app.test_client()
    sign_in(app, other, people[2])
    paths = ("/operators/bulk", "/operators/bulk/made-up-job", REFRESH, DISCONNECT)
    assert {other.get(path).status_code for path in paths} == {404}
    assert client.get("/operators/bulk/made-up-job").status_code == 404
