"""The page of service keys: a new one is shown once, and is in no log, no audit and no cookie."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text, update
from werkzeug.test import TestResponse

from tests.forms import the_form
from tests.movable import MovableClock
from tests.views.reading import Reading
from tests.walk import connect
from webapp.database import reading, writing
from webapp.models import BrowserSession, ServiceKey, User
from webapp.services.handout import service_keys

KEYS = "/operators/keys"


def order(client: FlaskClient, name: str) -> TestResponse:
    """Fill in the form; return the answer to it."""
    form = the_form(client.get(KEYS).text, KEYS)
    answer = client.post(KEYS, data=form.data() | {"name": name})
    assert answer.headers["Cache-Control"] == "no-store"
    return answer


def issue(client: FlaskClient, name: str) -> tuple[int, str]:
    """Fill in the form and go where it leads; return the status and the page."""
    answer = order(client, name)
    if answer.status_code == 303:
        assert re.fullmatch(rf"{KEYS}/[0-9a-f]{{12}}/issued", answer.location)
        answer = client.get(answer.location)
        assert answer.headers["Cache-Control"] == "no-store"
    return answer.status_code, answer.text


def key_in(page: str) -> str:
    # In sight, and in the button that copies it.
    (key,) = set(re.findall(r"cck_[0-9a-f]{12}_[0-9a-f]{64}", page))
    return str(key)


def works(app: Flask, key: str) -> bool:
    """Return True if a service may use this key."""
    headers = {"Authorization": f"Bearer {key}"}
    answer = app.test_client().get("/api/v1/tokens/nobody", headers=headers)
    assert answer.status_code in (401, 404)
    return answer.status_code == 404


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
    assert works(app, key)
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


def test_a_reload_says_that_the_key_was_issued_and_how_to_get_another(
    app: Flask, operator: FlaskClient
) -> None:
    address = order(operator, "studio-prod").location
    key = key_in(operator.get(address).text)
    for _ in range(2):
        page = operator.get(address).text
        assert "cck_" not in page
        read = Reading(page)
        assert read.the("h1") == "Key issued"
        assert "A key is shown once, so it can't be shown again here." in read.text
        links = [a.attrs["href"] for a in read.all("a")]
        assert {KEYS, f"{address.removesuffix('issued')}revoke"} <= set(links)
    assert works(app, key)
    with app.app_context():
        assert len(service_keys.list_all()) == 1


def test_a_name_is_used_once_and_the_page_says_so(operator: FlaskClient) -> None:
    issue(operator, "studio-prod")
    status, page = issue(operator, "studio-prod")
    assert status == 422
    assert "names are never reused" in page
    assert "cck_" not in page


def test_the_page_of_a_new_key_has_the_command_that_uses_it(operator: FlaskClient) -> None:
    page = issue(operator, "studio-prod")[1]
    key, read = key_in(page), Reading(page)
    assert f'/api/v1/tokens/OPEN_ID -H "Authorization: Bearer {key}"' in read.text
    assert [code.text for code in read.all("code") if code.attrs.get("id") == "key"] == [key]


def test_before_it_is_shown_there_is_no_key_anywhere(app: Flask, operator: FlaskClient) -> None:
    """Its secret is made when it is shown: an earlier copy of the database is worth nothing."""
    order(operator, "studio-prod")
    with app.app_context():
        (row,) = service_keys.list_all()
        assert not row.shown
        with reading() as session:
            held = session.execute(text("SELECT digest FROM service_keys")).scalar_one()
    assert held.startswith("unshown:")
    for guess in (held, f"cck_{row.id}_{'0' * 64}", f"cck_{row.id}_{held.partition(':')[2]}"):
        assert not works(app, guess)
    assert "Never shown" in operator.get(KEYS).text


def test_a_key_is_shown_within_five_minutes(
    app: Flask, operator: FlaskClient, clock: MovableClock
) -> None:
    early, late = order(operator, "early").location, order(operator, "late").location
    clock.advance(seconds=service_keys.SHOWN_WITHIN.total_seconds() - 1)
    assert works(app, key_in(operator.get(early).text))
    clock.advance(seconds=1)
    page = operator.get(late).text
    assert "cck_" not in page
    assert "It was issued but never shown, so nobody can use it." in page


def test_another_session_does_not_see_it_and_does_not_use_it_up(
    app: Flask, operator: FlaskClient
) -> None:
    """Not another operator, nor the same one on another device."""
    address = order(operator, "studio-prod").location
    for name in ("mara", "noor"):
        other = app.test_client()
        assert connect(other, name).status_code == 303
        with app.app_context(), writing() as session:
            session.execute(update(User).values(operator_since=User.connected_at))
        page = other.get(address)
        assert (page.status_code, "cck_" in page.text) == (200, False)
    assert works(app, key_in(operator.get(address).text))


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Purpose": "prefetch"}, {"Purpose": "prefetch"}, {"Sec-Fetch-Site": "cross-site"}],
    ids=["prefetch", "old prefetch", "link of another site"],
)
def test_what_no_one_sees_does_not_use_it_up(
    app: Flask, operator: FlaskClient, headers: dict[str, str]
) -> None:
    address = order(operator, "studio-prod").location
    page = operator.get(address, headers=headers).text
    assert "hasn't been shown yet" in page
    assert address in [a.attrs["href"] for a in Reading(page).all("a")]
    assert operator.head(address).status_code == 200
    assert works(app, key_in(operator.get(address).text))


def test_a_key_that_was_revoked_before_is_not_shown(app: Flask, operator: FlaskClient) -> None:
    address = order(operator, "studio-prod").location
    command = app.test_cli_runner().invoke(args=["keys", "revoke", "studio-prod"])
    assert command.exit_code == 0
    page = operator.get(address).text
    assert "and then revoked" in page
    assert "cck_" not in page


def test_a_key_that_was_never_issued_has_no_page(operator: FlaskClient) -> None:
    assert operator.get(f"{KEYS}/0123456789ab/issued").status_code == 404


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
    assert not works(app, key)
    assert "Revoked" in operator.get(KEYS).text


def test_a_key_that_never_was_is_no_page(operator: FlaskClient) -> None:
    assert operator.get(f"{KEYS}/0123456789ab/revoke").status_code == 404
    assert operator.get(f"{KEYS}/a%00b/revoke").status_code == 404


def test_a_second_press_leads_to_the_key_that_the_first_one_made(operator: FlaskClient) -> None:
    first, second = order(operator, "studio"), order(operator, "studio")
    assert (second.status_code, second.location) == (303, first.location)
    assert key_in(operator.get(first.location).text)
    assert order(operator, "studio").status_code == 422


def test_a_key_that_waits_to_be_shown_holds_no_digest_of_a_session(
    app: Flask, operator: FlaskClient
) -> None:
    order(operator, "studio")
    with app.app_context(), reading() as session:
        (kept,) = session.scalars(select(ServiceKey.digest))
        digests = list(session.scalars(select(BrowserSession.digest)))
    assert digests
    assert not [each for each in digests if each in kept]
