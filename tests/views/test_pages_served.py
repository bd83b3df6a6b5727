"""Every page as the real app serves it, for people in every state of health."""

import html
import json
import re
import subprocess
import sys
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from tests.fixtures.app import MakeApp
from tests.forms import forms
from tests.views.connections import connection, runtime_of, sign_in
from tests.views.reading import Reading
from webapp import language
from webapp.database import writing
from webapp.models import Health, User
from webapp.views.http.template_filters import EXPIRED_UNUSED, STATES

PUBLIC = ("/", "/connect", "/privacy", "/terms", "/cookies")
PRIVATE = (
    *("/connect", "/connected", "/connected?kind=again", "/account"),
    *("/account/disconnect", "/account/delete", "/privacy", "/terms", "/cookies"),
)
#: Whose bookmark of "Connected" leads to the account, which says how it stands.
ENDED = (Health.EXPIRED, Health.RECONNECT, Health.REVOKING, Health.REVOKED)
#: What a template prints when a value is not there, or is not meant for people.
LEAKED = re.compile(r"\bNone\b|Undefined|\bTrue\b|\bFalse\b|<[A-Z]\w+[ .:]|\{[{%]|datetime\.|\[\]")
HOSTILE = "<script>alert(1)</script>\u202e" + "é" * 80


def judge(answer: TestResponse, path: str) -> Reading:
    """Hold a page to what all have in common, and return it read."""
    assert answer.status_code == 200, f"{path} → {answer.status_code}"
    assert answer.mimetype == "text/html"
    reading = Reading(answer.text)
    heading = reading.the("h1")
    assert heading
    assert html.unescape(reading.the("title")) == f"{heading} · Coatcheck", path
    assert not LEAKED.search(reading.text), f"{path}: {LEAKED.search(reading.text)}"
    assert len(reading.all("main")) == 1
    for form in forms(answer.text):
        sent = dict(form.fields)
        if form.method == "get":
            assert "csrf_token" not in sent, f"{path}: a secret would stand in the address"
            continue
        assert len(sent.get("csrf_token", "")) > 40, f"{path}: {form.action} has no CSRF token"
    return reading


def operator(app: Flask, client: FlaskClient, user: User) -> None:
    """Make a person an operator, and sign them in."""
    with app.app_context(), writing() as session:
        session.get_one(User, user.id).operator_since = runtime_of(app).clock()
    sign_in(app, client, user)


@pytest.mark.parametrize("path", PUBLIC)
@pytest.mark.parametrize("optional", ["", "video.list,user.info.stats"])
def test_strangers_see_every_public_page(make_app: MakeApp, path: str, optional: str) -> None:
    client = make_app(TIKTOK_OPTIONAL_SCOPES=optional).test_client()
    judge(client.get(path), path)


@pytest.mark.parametrize("health", list(Health))
@pytest.mark.usefixtures("each_database")
def test_people_see_their_pages_in_every_state(
    app: Flask, client: FlaskClient, health: Health
) -> None:
    sign_in(app, client, connection(app, 1, health))
    for path in PRIVATE:
        answer = client.get(path)
        if path.startswith("/connected") and health in ENDED:
            assert (answer.status_code, answer.location) == (303, "/account"), path
        else:
            judge(answer, path)
    assert "Mara" in client.get("/account").text


@pytest.mark.parametrize("name", [None, "", HOSTILE], ids=["none", "empty", "hostile"])
def test_a_strange_name_breaks_no_page(app: Flask, client: FlaskClient, name: str | None) -> None:
    operator(app, client, connection(app, 1, name=name))
    for path in (*PRIVATE, "/operators/tokens"):
        reading = judge(client.get(path), path)
        assert "alert(1)" not in [script.text for script in reading.all("script")]
        assert "\u202e" not in reading.text


@pytest.mark.parametrize("health", list(Health))
@pytest.mark.rule(55)
def test_the_data_people_take_along_are_json_without_tokens(
    app: Flask, client: FlaskClient, health: Health
) -> None:
    user = connection(app, 1, health, name=HOSTILE)
    sign_in(app, client, user)
    answer = client.get("/account/export")
    tool = [sys.executable, "-m", "json.tool"]
    checked = subprocess.run(tool, input=answer.data, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr
    found = json.loads(answer.data)
    cleaned = HOSTILE.replace("\u202e", "")
    assert (found["open_id"], found["display_name"]) == (user.open_id, cleaned)
    assert found["status"] == user.status
    assert len(found["signed_in"]) == 1
    for secret in ("act.made-up", "rft.made-up", user.access_token or "v1."):
        assert secret not in answer.text


@pytest.mark.usefixtures("each_database")
def test_operators_see_every_state_of_health(app: Flask, client: FlaskClient) -> None:
    rows = [connection(app, number, health) for number, health in enumerate(Health)]
    operator(app, client, rows[0])
    reading = judge(client.get("/operators/tokens"), "/operators/tokens")
    boxes = [e.attrs["value"] for e in reading.all("input") if e.attrs.get("name") == "id"]
    assert {row.open_id for row in rows} == set(boxes)
    words = {e.text for e in reading.elements if "tag" in e.classes}
    # Nobody's access ends soon in these rows; it has ended.
    words_of = {state: tag.word for state, tag in STATES.items()}
    del words_of["soon"]
    assert words == {*words_of.values(), EXPIRED_UNUSED.word}


def test_operators_see_who_needs_them_soon_and_no_date_that_no_longer_holds(
    app: Flask, client: FlaskClient
) -> None:
    now = app.extensions["coatcheck"].clock()
    soon, over = now + timedelta(days=9), now + timedelta(days=150)
    rows = [connection(app, 1, Health.FAILING), connection(app, 2, Health.RECONNECT)]
    operator(app, client, rows[0])
    with app.app_context(), writing() as session:
        session.execute(update(User).where(User.id == rows[0].id).values(refresh_expires_at=soon))
    reading = judge(client.get("/operators/tokens"), "/operators/tokens")
    loud = {e.text for e in reading.all("span") if "warn" in e.classes}
    assert {language.medium_day(soon)} < loud
    assert "3 attempts" in reading.text
    assert language.medium_day(over) not in reading.text


class TestPaging:
    @pytest.fixture
    def people(self, app: Flask, client: FlaskClient) -> list[str]:
        """The open_ids of 120 people in the order of the list; the client is an operator's."""
        rows = [connection(app, number) for number in range(120)]
        operator(app, client, rows[0])
        return [row.open_id for row in rows]

    def walk(self, client: FlaskClient, path: str, rel: str) -> list[tuple[str, list[str]]]:
        """Follow the links `rel` from a page on; return each page's path and open_ids."""
        walked = []
        while path:
            reading = judge(client.get(path), path)
            boxes = [e for e in reading.all("input") if e.attrs.get("name") == "id"]
            found = [box.attrs["value"] for box in boxes]
            walked.append((path, found))
            assert "of 120 connections, needs attention first" in reading.the("caption")
            links = [e.attrs["href"] for e in reading.all("a") if e.attrs.get("rel") == rel]
            path = links[0] if links else ""
            assert len(walked) <= 3, "it never ends"
        return walked

    def test_the_links_walk_all_rows_both_ways(
        self, client: FlaskClient, people: list[str]
    ) -> None:
        onward = self.walk(client, "/operators/tokens", "next")
        assert [len(rows) for _path, rows in onward] == [50, 50, 20]
        assert [row for _path, rows in onward for row in rows] == people
        back = self.walk(client, onward[-1][0], "prev")
        assert [rows for _path, rows in reversed(back)] == [rows for _path, rows in onward]

    def test_a_page_stays_put_while_people_connect_who_come_before_it(
        self, app: Flask, client: FlaskClient, people: list[str]
    ) -> None:
        (_first, (path, rows), _last) = self.walk(client, "/operators/tokens", "next")
        newcomer, now = connection(app, 777), runtime_of(app).clock()
        with app.app_context(), writing() as session:
            session.get_one(User, newcomer.id).access_expires_at = now + timedelta(hours=1)
        assert newcomer.open_id in client.get("/operators/tokens").text
        reading = Reading(client.get(path).text)
        boxes = [e for e in reading.all("input") if e.attrs.get("name") == "id"]
        assert [box.attrs["value"] for box in boxes] == rows
