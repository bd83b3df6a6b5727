"""What an operator searched for names nobody once that person has left: in no table, on no page."""

from urllib.parse import quote_plus

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.servers import Sandbox
from tests.services.grants import given, join
from tests.services.holding import runtime_of
from tests.services.test_disconnect import on_disk, start_careless
from tests.views.reading import Reading
from webapp.database import Base, reading, writing
from webapp.models import AuditEvent, BulkJob, User
from webapp.services import people
from webapp.services.connect.disconnect import delete_person
from webapp.services.operators import bulk_order, bulk_work

NAME = "Zenobia Quillfeather"


@pytest.fixture
def zenobia(app: Flask, sandbox: Sandbox) -> User:
    """Someone with a name of her own, beside the operator."""
    with app.app_context():
        runtime = runtime_of(app)
        person = join(runtime, given(sandbox, runtime.clock(), "jo")).person
        with writing() as session:
            user = session.get_one(User, person.id)
            user.display_name = NAME
            people.store_words(session, user.ref, NAME)
        return user


def press(client: FlaskClient, act: str, **fields: str) -> None:
    """Order an act on all that match, as the confirmation page does."""
    path = f"/operators/tokens/{act}"
    page = Reading(client.get(path, query_string={"all": "1"} | fields).text)
    hidden = {each.attrs["name"]: each.attrs["value"] for each in page.all("input")}
    sent = {n: hidden[n] for n in ("csrf_token", "confirm", "job", "count", "at")}
    answer = client.post(path, data=sent | {"all": "1"} | fields)
    assert answer.status_code == 303


def search(client: FlaskClient, user: User) -> None:
    """Search for someone by everything that names them, in every place that has a search."""
    for word in (user.open_id, user.open_id[:20], NAME, NAME.split()[1].upper()):
        for path in ("tokens", "tokens.csv", "tokens.json"):
            assert client.get(f"/operators/{path}", query_string={"q": word}).status_code == 200
        for name in ("who", "on", "ref"):
            assert client.get("/operators/audit", query_string={name: word}).status_code == 200
        press(client, "refresh", query=f"q={quote_plus(word)}&status=healthy")
    for word in (user.open_id, NAME):
        for name in ("who", "on", "ref"):
            # As a file it is recorded, ten times a minute at most.
            asked = {name: word, "what": "key.issued"}
            assert client.get("/operators/audit.csv", query_string=asked).status_code == 200
    picked = {"id": user.open_id, "query": f"q={user.open_id}"}
    client.get("/operators/tokens/disconnect", query_string=picked)


def pages(client: FlaskClient) -> str:
    """Return every operators' page that shows what was done, and its files."""
    with reading() as session:
        jobs = session.scalars(select(BulkJob.id)).all()
    paths = ["audit", "audit.csv", "bulk", "health", "tokens", *(f"bulk/{job}" for job in jobs)]
    return "".join(client.get(f"/operators/{path}").text for path in paths)


def stored() -> str:
    """Return every value of every table."""
    with reading() as session:
        return repr([session.execute(select(t)).all() for t in Base.metadata.sorted_tables])


@pytest.mark.usefixtures("each_database")
def test_no_table_and_no_page_names_somebody_who_has_left_and_was_searched_for(
    app: Flask, operator: FlaskClient, zenobia: User
) -> None:
    traces = [zenobia.open_id[:20], "quillfeather", "zenobia"]
    with app.app_context():
        search(operator, zenobia)
        assert traces[0] in stored()
        delete_person(runtime_of(app), zenobia.ref)
        # The same words once more, now that they name nobody: they may come from a note.
        for path in ("tokens.csv", "audit.csv"):
            words = {"q": NAME} if path == "tokens.csv" else {"who": zenobia.open_id, "on": NAME}
            operator.get(f"/operators/{path}", query_string=words)
        tables, shown = stored().casefold(), pages(operator).casefold()
        for trace in traces:
            assert trace.casefold() not in tables
            assert trace.casefold() not in shown


def test_no_byte_of_the_database_names_somebody_who_has_left_and_was_searched_for(
    app: Flask, operator: FlaskClient, zenobia: User
) -> None:
    """SQLite alone: PostgreSQL's files are its own, cleared by its vacuum."""
    with app.app_context():
        start_careless()
        press(operator, "refresh", query=f"q={zenobia.open_id}")
        press(operator, "refresh", query=f"q={quote_plus(NAME)}")
        for path, name in (("tokens.csv", "q"), ("audit.csv", "who"), ("audit.csv", "on")):
            for word in (zenobia.open_id, NAME):
                operator.get(f"/operators/{path}", query_string={name: word})
        runtime = runtime_of(app)
        assert zenobia.open_id.encode() in on_disk(runtime)
        delete_person(runtime, zenobia.ref)
        left = on_disk(runtime).lower()
        for trace in (zenobia.open_id, NAME, quote_plus(NAME), "quillfeather"):
            assert trace.lower().encode() not in left


@pytest.mark.usefixtures("each_database")
def test_a_job_that_an_older_release_was_still_collecting_is_stopped_and_forgets_its_search(
    app: Flask, zenobia: User
) -> None:
    with app.app_context():
        runtime = runtime_of(app)
        selection, shown = bulk_order.Selection("status=healthy"), bulk_order.Confirmed()
        bulk_order.create_job(runtime, "made-up-job-1", "refresh", selection, shown)
        with writing() as session:
            job = session.get_one(BulkJob, "made-up-job-1")
            job.query, job.gathered_to = "q=zenobia&status=healthy", 0
        assert bulk_work.step(runtime) == []
        with reading() as session:
            job = session.get_one(BulkJob, "made-up-job-1")
    assert (job.query, job.gathered_to) == ("status=healthy", None)
    assert (job.done, job.left, job.ended_at) == (0, job.total, runtime.clock())


@pytest.mark.usefixtures("each_database")
def test_the_audit_says_that_there_was_a_search_and_the_job_has_its_people(
    app: Flask, operator: FlaskClient, zenobia: User
) -> None:
    press(operator, "refresh", query=f"q={zenobia.open_id}&status=healthy")
    with app.app_context(), reading() as session:
        job = session.scalars(select(BulkJob)).one()
        ordered = session.scalars(select(AuditEvent).where(AuditEvent.event == "bulk.ordered"))
        assert (job.query, job.total, job.gathered_to) == ("status=healthy", 1, None)
        assert '"count": 1' in (fields := ordered.one().fields)
        assert '"query": "q=*&status=healthy"' in fields
