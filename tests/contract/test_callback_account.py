"""Whose account may come back: the one that is connected here, unless another was asked for."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from tests.contract.evidence import as_in_the_books, heading, held, row, rows
from tests.forms import the_form
from tests.servers import Sandbox
from tests.walk import begin, come_back, connect, consent
from webapp.database import writing
from webapp.models import Status, User


def columns(client: FlaskClient, open_id: str) -> dict[str, object]:
    """Return every column of one row."""
    user = row(client.application, open_id)
    return {column.key: getattr(user, column.key) for column in user.__table__.columns}


@pytest.mark.usefixtures("each_database")
def test_another_account_than_the_signed_in_one_is_refused_and_given_back(
    client: FlaskClient, sandbox: Sandbox
) -> None:
    mara, jo = sandbox.open_id("mara"), sandbox.open_id("jo")
    connect(client, "mara")
    before = columns(client, mara)
    answer = connect(client, "jo")
    assert (answer.status_code, heading(answer.text)) == (409, "That's a different TikTok account")
    assert [each.open_id for each in rows(client.application)] == [mara]
    assert columns(client, mara) == before
    assert "Mara Lindqvist" in client.get("/account").text
    assert sandbox.books()[jo]["revoked"], "a grant that nobody keeps is ended at TikTok"
    assert not sandbox.books()[mara]["revoked"]


@pytest.mark.usefixtures("each_database")
def test_if_that_other_one_is_connected_elsewhere_their_connection_goes_on_working(
    client: FlaskClient, sandbox: Sandbox
) -> None:
    mara, jo = sandbox.open_id("mara"), sandbox.open_id("jo")
    other = client.application.test_client()
    connect(other, "jo")
    connect(client, "mara")
    assert connect(client, "jo").status_code == 409
    assert not sandbox.books()[jo]["revoked"]
    assert as_in_the_books(client.application, sandbox, jo)
    assert as_in_the_books(client.application, sandbox, mara)
    assert "Mara Lindqvist" in client.get("/account").text
    assert other.get("/account").status_code == 200


def test_a_connection_that_is_being_ended_is_not_brought_back_by_a_refused_sign_in(
    client: FlaskClient, sandbox: Sandbox
) -> None:
    jo = sandbox.open_id("jo")
    connect(client.application.test_client(), "jo")
    with client.application.app_context(), writing() as session:
        session.execute(update(User).values(status=Status.REVOKING.value))
    before = columns(client, jo)
    connect(client, "mara")
    assert connect(client, "jo").status_code == 409
    assert columns(client, jo) == before
    assert sandbox.books()[jo]["revoked"]


def test_who_leaves_the_basic_scope_out_later_keeps_what_tiktok_still_grants(
    client: FlaskClient, sandbox: Sandbox
) -> None:
    mara = sandbox.open_id("mara")
    connect(client, scopes=["video.list"])
    answer = connect(client, grant=["video.list"], scopes=["video.list"])
    assert answer.status_code == 403
    assert not sandbox.books()[mara]["revoked"]
    assert as_in_the_books(client.application, sandbox, mara)


def test_a_sign_in_begun_as_one_person_does_not_end_in_the_session_of_another(
    client: FlaskClient, sandbox: Sandbox
) -> None:
    connect(client, "mara")
    came = consent(begin(client), "mara")
    assert connect(client, "jo", another_account=True).status_code == 303
    refused = come_back(client, came)
    assert refused.status_code == 409
    assert row(client.application, sandbox.open_id("mara")).version == 1
    assert "Jo" in client.get("/account").text


def test_use_another_account_signs_in_as_the_other_and_keeps_the_first(
    client: FlaskClient, sandbox: Sandbox
) -> None:
    mara, jo = sandbox.open_id("mara"), sandbox.open_id("jo")
    connect(client, "mara")
    answer = connect(client, "jo", another_account=True)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/connected?kind=other")
    assert "different account than before" in client.get(answer.headers["Location"]).text
    with client.session_transaction() as kept:
        assert kept["_user_id"]
    assert jo in client.get("/account").text
    assert mara not in client.get("/account").text
    assert as_in_the_books(client.application, sandbox, mara)
    assert as_in_the_books(client.application, sandbox, jo)


def test_another_name_alike_is_nobody_known(client: FlaskClient, sandbox: Sandbox) -> None:
    sandbox.control("people", name="twin", display_name="Mara Lindqvist")
    connect(client, "mara")
    token = held(client.application, row(client.application, sandbox.open_id("mara")))
    form = the_form(client.get("/account").text, "/sign-out")
    client.post(form.action, data=form.data())
    assert connect(client, "twin").headers["Location"] == "/connected"
    assert len(rows(client.application)) == 2
    assert held(client.application, row(client.application, sandbox.open_id("mara"))) == token
