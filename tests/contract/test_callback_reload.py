"""The same return a second time, or twice at once: one exchange, and a friendly answer."""

import threading

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.contract.evidence import as_in_the_books, heading, rows, token_calls
from tests.forms import the_form
from tests.servers import Sandbox
from tests.walk import BrowserLikeClient, begin, come_back, consent

DONE = (400, "This step is already done")


def seen(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, heading(answer.text)


def sign_out(client: FlaskClient) -> None:
    form = the_form(client.get("/account").text, "/sign-out")
    assert client.post(form.action, data=form.data()).status_code == 303


@pytest.mark.rule(17)
@pytest.mark.usefixtures("each_database")
def test_whoever_is_signed_in_is_led_to_their_account(
    client: FlaskClient, sandbox: Sandbox
) -> None:
    came = consent(begin(client))
    assert come_back(client, came).status_code == 303
    for _ in range(2):
        again = come_back(client, came)
        assert (again.status_code, again.headers["Location"]) == (303, "/account")
    assert token_calls(sandbox) == 1
    assert as_in_the_books(client.application, sandbox, sandbox.open_id("mara"))


@pytest.mark.rule(17)
def test_whoever_signed_out_is_told_that_it_is_done(client: FlaskClient, sandbox: Sandbox) -> None:
    came = consent(begin(client))
    come_back(client, came)
    sign_out(client)
    client.get("/connect")
    assert seen(come_back(client, came)) == DONE
    assert token_calls(sandbox) == 1


@pytest.mark.rule(17)
def test_a_saved_cookie_does_not_make_a_state_work_again(
    client: BrowserLikeClient, sandbox: Sandbox
) -> None:
    came = consent(begin(client))
    cookie = client.get_cookie("session")
    assert cookie is not None
    come_back(client, came)
    client.set_cookie("session", cookie.value)
    assert seen(come_back(client, came)) == DONE
    assert token_calls(sandbox) == 1


@pytest.mark.rule(17)
def test_a_refusal_that_is_reloaded_is_already_done(client: FlaskClient, sandbox: Sandbox) -> None:
    came = consent(begin(client), deny="1")
    assert come_back(client, came).status_code == 200
    assert seen(come_back(client, came)) == DONE
    assert token_calls(sandbox) == 0


@pytest.mark.rule(17)
def test_an_exchange_that_failed_is_not_tried_again_by_a_reload(
    client: FlaskClient, sandbox: Sandbox
) -> None:
    sandbox.faults("token", "http500", times=1)
    came = consent(begin(client))
    assert come_back(client, came).status_code == 503
    assert seen(come_back(client, came)) == DONE
    assert token_calls(sandbox) == 1
    assert rows(client.application) == []


def at_once(app: Flask, cookie: str, came: str, times: int) -> list[TestResponse]:
    """Deliver one return from threads that hold the same cookie and start together."""
    start = threading.Barrier(times)
    answers: list[TestResponse] = []

    def deliver() -> None:
        client = app.test_client()
        client.set_cookie("session", cookie)
        start.wait(10)
        answers.append(come_back(client, came))

    threads = [threading.Thread(target=deliver) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return answers


@pytest.mark.rule(9, 17)
@pytest.mark.usefixtures("each_database")
def test_of_returns_at_once_one_exchanges(client: BrowserLikeClient, sandbox: Sandbox) -> None:
    sandbox.latency(0.2, "token")
    came = consent(begin(client))
    cookie = client.get_cookie("session")
    assert cookie is not None
    answers = at_once(client.application, cookie.value, came, 4)
    assert sorted(each.status_code for each in answers) == [303, 400, 400, 400]
    assert {seen(each) for each in answers if each.status_code == 400} == {DONE}
    assert token_calls(sandbox) == 1
    assert len(rows(client.application)) == 1
