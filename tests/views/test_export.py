"""The list as a file: the same filters, never a token, no formula, no memory that grows."""

import csv
import io
import json
import tracemalloc

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from demo import crowd, members
from tests.views.connections import connection, runtime_of, sign_in
from webapp.database import db, reading, writing
from webapp.models import AuditEvent, Health, User
from webapp.services.operators import export
from webapp.services.operators.export import COLUMNS
from webapp.services.operators.list_query import Query

#: Formulas, and what only looks like one to some spreadsheets.
HOSTILE = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1")


@pytest.fixture
def operator(app: Flask, client: FlaskClient) -> FlaskClient:
    """A browser in which an operator, called Mara, is signed in."""
    user = connection(app, 1)
    with app.app_context(), writing() as session:
        session.get_one(User, user.id).operator_since = runtime_of(app).clock()
    sign_in(app, client, user)
    return client


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.usefixtures("each_database")
def test_both_files_hold_the_rows_that_the_filters_leave(app: Flask, operator: FlaskClient) -> None:
    connection(app, 2, Health.RECONNECT, name="Jo")
    connection(app, 3, Health.REVOKED, name=None)
    sheet = operator.get("/operators/tokens.csv")
    assert sheet.mimetype == "text/csv"
    today = runtime_of(app).clock().date()
    name = f'attachment; filename="connections-{today}.csv"'
    assert sheet.headers["Content-Disposition"] == name
    found = rows(sheet.text)
    assert tuple(found[0]) == COLUMNS
    assert [row["status"] for row in found] == ["healthy", "reconnect", "revoked"]
    listed = operator.get("/operators/tokens.json?status=reconnect").get_json()
    assert [row["display_name"] for row in listed] == ["Jo"]
    assert tuple(listed[0]) == COLUMNS
    assert listed[0]["asked"] == ["user.info.basic", "video.list"]
    sought = rows(operator.get("/operators/tokens.csv?q=open-001").text)
    assert [row["display_name"] for row in sought] == ["Mara"]
    assert operator.get("/operators/tokens.json?status=failing").get_json() == []


def test_no_file_holds_a_token_or_what_is_sealed(app: Flask, operator: FlaskClient) -> None:
    user = connection(app, 2)
    for kind in ("csv", "json"):
        text = operator.get(f"/operators/tokens.{kind}").text
        assert user.open_id in text
        assert "made-up-2" not in text
        assert user.access_token not in text
        assert runtime_of(app).vault.mark not in text


def test_no_cell_is_a_formula(app: Flask, operator: FlaskClient) -> None:
    for number, name in enumerate(HOSTILE, 2):
        connection(app, number, name=name)
    with app.app_context(), writing() as session:
        session.execute(update(User).values(open_id="-000" + User.open_id))
    found = rows(operator.get("/operators/tokens.csv").text)
    assert [row["display_name"] for row in found] == ["Mara", *(f"'{name}" for name in HOSTILE)]
    assert all(row["open_id"].startswith("'-000") for row in found)
    assert not [cell for row in found for cell in row.values() if cell.startswith(HOSTILE)]
    told = json.loads(operator.get("/operators/tokens.json").text)
    assert told[1]["display_name"] == HOSTILE[0]


@pytest.mark.usefixtures("each_database")
@pytest.mark.audit("connections.exported")
def test_it_is_written_down_before_the_first_byte(app: Flask, operator: FlaskClient) -> None:
    answer = operator.get("/operators/tokens.csv?status=failing", buffered=False)
    with app.app_context(), reading() as session:
        event = session.scalars(select(AuditEvent)).one()
    assert event.event == "connections.exported"
    assert json.loads(event.fields) == {"format": "csv", "query": "status=failing"}
    answer.close()


def test_a_filter_that_means_nothing_gives_the_page_that_says_so(operator: FlaskClient) -> None:
    answer = operator.get("/operators/tokens.csv?stauts=failing&q=jo")
    assert (answer.status_code, answer.location) == (
        303,
        "/operators/tokens?q=jo&stauts=%3F",
    )


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_nobody_else_is_told_that_there_are_files(
    app: Flask, client: FlaskClient, kind: str
) -> None:
    assert client.get(f"/operators/tokens.{kind}").status_code == 404
    sign_in(app, client, connection(app, 1))
    assert client.get(f"/operators/tokens.{kind}").status_code == 404


def test_the_memory_stays_flat_and_nothing_is_held_while_the_reader_waits(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.app_context():
        runtime = runtime_of(app)
        # Their tokens matter to nobody here, and sealing takes most of the time.
        monkeypatch.setattr(members, "_sealed", lambda *_: {"access_token": None})
        for _there in crowd.seed(runtime, 5_000):
            pass
        length, peaks = 0, []
        tracemalloc.start()
        for piece in export.pieces(runtime, Query(), "json", runtime.clock()):
            length += len(piece)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.reset_peak()
            assert db.engine.pool.checkedout() == 0
        tracemalloc.stop()
    assert length > 1_000_000
    early, late = max(peaks[5:15]), max(peaks[-10:])
    assert late < early * 1.2
