"""The page of service keys: a new one is shown once, and is in no log, no audit and no cookie."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from tests.forms import the_form
from tests.views.reading import Reading
from webapp.database import reading
from webapp.services.handout import service_keys

KEYS = "/operators/keys"


def issue(client: FlaskClient, name: str) -> tuple[int, str]:
    """Fill in the form; return the status and the page."""
    form = the_form(client.get(KEYS).text, KEYS)
    answer = client.post(KEYS, data=form.data() | {"name": name})
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.status_code, answer.text


def key_in(page: str) -> str:
    # In sight, and in the button that copies it.
    (key,) = set(re.findall(r"cck_[0-9a-f]{12}_[0-9a-f]{64}", page))
    return str(key)


def test_without_a_key_it_is_said_what_one_is_for(operator: FlaskClient) -> None:
    read = Reading(operator.get(KEYS).text)
    assert "No service keys yet" in read.text
    assert "/api/docs" in [a.attrs["href"] for a in read.all("a")]


def test_a_new_key_works_is_shown_once_and_kept_nowhere(
    app: Flask, operator: FlaskClient, capsys: pytest.CaptureFixture[str]
) -> None:
    status, page = issue(operator, "studio-prod")
    key = key_in(page)
    assert status == 200
    headers = {"Authorization": f"Bearer {key}"}
    assert app.test_client().get("/api/v1/tokens/nobody", headers=headers).status_code == 404
    listed = operator.get(KEYS).text
    assert "studio-prod" in listed
    assert key.rpartition("_")[2] not in listed
    with operator.session_transaction() as session:
        assert "cck_" not in repr(dict(session))
    assert key.rpartition("_")[2] not in "".join(capsys.readouterr())
    with app.app_context(), reading() as session:
        stored = session.execute(text("SELECT fields FROM audit_events")).scalars().all()
        stored += session.execute(text("SELECT digest FROM service_keys")).scalars().all()
    assert key.rpartition("_")[2] not in "".join(stored)


def test_a_reload_makes_no_other_key_and_says_what_happened(
    app: Flask, operator: FlaskClient
) -> None:
    issue(operator, "studio-prod")
    status, page = issue(operator, "studio-prod")
    assert status == 422
    assert "If you just reloaded the page, the key was already issued" in page
    assert "cck_" not in page
    with app.app_context():
        assert len(service_keys.list_all()) == 1


@pytest.mark.parametrize("name", ["", " ", "a\tb", "x" * 65])
def test_a_name_that_is_none_is_told_at_the_field(operator: FlaskClient, name: str) -> None:
    status, page = issue(operator, name)
    read = Reading(page)
    assert status == 422
    assert read.the("title").startswith("Error: ")
    assert page.count("Give the key a name of 1 to 64 printable characters.") == 2
    (field,) = [each for each in read.all("input") if each.attrs.get("id") == "name"]
    assert field.attrs["aria-invalid"] == "true"


def test_a_key_is_revoked_after_a_question(app: Flask, operator: FlaskClient) -> None:
    key = key_in(issue(operator, "studio-prod")[1])
    address = f"{KEYS}/{key.split('_')[1]}/revoke"
    form = the_form(operator.get(address).text, address)
    for told in ("is revoked. Requests with it are refused", "was already revoked"):
        answer = operator.post(address, data=form.data())
        assert (answer.status_code, answer.headers["Location"]) == (303, KEYS)
        assert told in operator.get(KEYS).text
    headers = {"Authorization": f"Bearer {key}"}
    assert app.test_client().get("/api/v1/tokens/nobody", headers=headers).status_code == 401
    assert "Revoked" in operator.get(KEYS).text


def test_a_key_that_never_was_is_no_page(operator: FlaskClient) -> None:
    assert operator.get(f"{KEYS}/0123456789ab/revoke").status_code == 404
    assert operator.get(f"{KEYS}/a%00b/revoke").status_code == 404
