"""The same return a second time, or twice at once: one exchange, and a friendly answer."""

import threading
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.contract.evidence import as_in_the_books, heading, rows, token_calls
from tests.forms import the_form
from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.views.reading import Reading
from tests.walk import BrowserLikeClient, begin, come_back, consent
from webapp.services.connect import sign_ins, spent_states

DONE = (400, "This step is already done")
OVER = (400, "This attempt is over")


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
    before = kept(client)
    come_back(client, came)
    sign_out(client)
    restore(client, before)
    assert seen(come_back(client, came)) == DONE
    assert token_calls(sandbox) == 1


@pytest.mark.rule(17)
def test_a_refusal_that_is_reloaded_is_over(client: FlaskClient, sandbox: Sandbox) -> None:
    came = consent(begin(client), deny="1")
    assert come_back(client, came).status_code == 200
    for _ in range(2):
        assert seen(come_back(client, came)) == OVER
    assert token_calls(sandbox) == 0


@pytest.mark.rule(17)
def test_an_exchange_that_failed_is_not_tried_again_by_a_reload(
    client: FlaskClient, sandbox: Sandbox
) -> None:
    sandbox.faults("token", "http500", times=1)
    came = consent(begin(client))
    assert come_back(client, came).status_code == 503
    page = come_back(client, came)
    assert seen(page) == OVER
    assert "Nothing was stored." in page.text
    (primary,) = Reading(page.text).primary
    assert (primary.text, primary.attrs["href"]) == ("Start again", "/connect")
    assert token_calls(sandbox) == 1
    assert rows(client.application) == []


@pytest.mark.rule(17)
@pytest.mark.parametrize("signed_in", [True, False])
@pytest.mark.parametrize("lost", [True, False], ids=["response lost", "reloaded"])
def test_a_failure_is_no_success_whoever_opens_its_page_again(
    client: BrowserLikeClient, sandbox: Sandbox, signed_in: bool, lost: bool
) -> None:
    if signed_in:
        come_back(client, consent(begin(client)))
        client.get("/account")
    sandbox.faults("token", "http500", times=1)
    came = consent(begin(client))
    before = kept(client)
    assert come_back(client, came).status_code == 503
    if lost:
        restore(client, before)
    assert seen(come_back(client, came)) == OVER


@pytest.mark.rule(17)
def test_what_was_not_recorded_is_not_claimed(
    client: BrowserLikeClient, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process ended after the state was used, so nobody knows what came of it."""
    monkeypatch.setattr(spent_states, "record_failed", lambda _session, _state: None)
    sandbox.faults("token", "http500", times=1)
    came = consent(begin(client))
    assert come_back(client, came).status_code == 503
    page = come_back(client, came)
    assert seen(page) == OVER
    assert "Most likely, nothing was stored." in page.text


@pytest.mark.rule(17)
def test_a_failure_is_known_at_its_second_delivery_without_a_wait(
    client: BrowserLikeClient, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_wait(_seconds: float) -> None:
        pytest.fail("waited for a sign-in that has failed")

    monkeypatch.setattr(sign_ins, "_pause", no_wait)
    sandbox.faults("token", "http500", times=1)
    came = consent(begin(client))
    before = kept(client)
    come_back(client, came)
    restore(client, before)
    assert seen(come_back(client, came)) == OVER


@pytest.mark.rule(17)
def test_a_success_that_is_opened_again_by_someone_signed_out_offers_to_sign_in(
    client: FlaskClient, sandbox: Sandbox
) -> None:
    came = consent(begin(client))
    come_back(client, came)
    sign_out(client)
    client.get("/connect")
    (primary,) = Reading(come_back(client, came).text).primary
    assert (primary.text, primary.attrs["href"]) == ("Sign in", "/connect")


@pytest.mark.rule(17)
def test_a_limit_on_the_audit_hides_no_failure(
    client: FlaskClient, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_ins, "MAX_FROM_HERE", 1)
    for _ in range(2):
        came = consent(begin(client), deny="1")
        come_back(client, came)
    page = come_back(client, came)
    assert seen(page) == OVER
    assert "Nothing was stored." in page.text


def at_once(browser: BrowserLikeClient, came: str, times: int) -> list[TestResponse]:
    """Deliver one return from threads that hold the same cookies and start together."""
    start = threading.Barrier(times)
    answers: list[TestResponse] = []
    cookies = kept(browser)

    def deliver() -> None:
        client = browser.application.test_client()
        for name, value in cookies.items():
            client.set_cookie(name, value)
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
def test_of_returns_at_once_one_exchanges_and_all_are_signed_in(
    client: BrowserLikeClient, sandbox: Sandbox
) -> None:
    sandbox.latency(0.2, "token")
    came = consent(begin(client))
    answers = at_once(client, came, 4)
    assert [(each.status_code, each.location) for each in answers] == [(303, "/connected")] * 4
    assert token_calls(sandbox) == 1
    assert len(rows(client.application)) == 1


@pytest.mark.rule(17)
@pytest.mark.usefixtures("each_database")
def test_a_return_that_is_delivered_twice_ends_where_the_first_one_ended(
    client: BrowserLikeClient, sandbox: Sandbox
) -> None:
    """The browser gave up on the first response, so it has the cookies of before."""
    came = consent(begin(client))
    before = kept(client)
    first = come_back(client, came)
    restore(client, before)
    second = come_back(client, came)
    assert (second.status_code, second.location) == (first.status_code, first.location)
    assert client.get("/account").status_code == 200
    assert token_calls(sandbox) == 1


@pytest.mark.rule(17)
def test_whoever_was_signed_in_when_the_response_got_lost_still_is(
    client: BrowserLikeClient, sandbox: Sandbox
) -> None:
    come_back(client, consent(begin(client)))
    client.get("/account")
    came = consent(begin(client))
    before = kept(client)
    come_back(client, came)
    restore(client, before)
    assert client.get("/account").status_code == 200, "the old session lives until the new is used"
    assert come_back(client, came).location == "/account"
    assert client.get("/account").status_code == 200
    restore(client, before)
    assert client.get("/account").location == "/", "the new one has been used"
    assert token_calls(sandbox) == 2


@pytest.mark.rule(17)
@pytest.mark.parametrize("how", ["signed out everywhere", "too late"])
def test_a_second_delivery_signs_nobody_in_who_has_left(
    client: BrowserLikeClient, sandbox: Sandbox, clock: MovableClock, how: str
) -> None:
    came = consent(begin(client))
    before = kept(client)
    come_back(client, came)
    if how == "too late":
        clock.advance(minutes=11)
    else:
        form = the_form(client.get("/account/sessions").text, "/sign-out/everywhere")
        assert client.post(form.action, data=form.data()).status_code == 303
    restore(client, before)
    assert seen(come_back(client, came)) == DONE
    assert client.get("/account").location == "/"
    assert token_calls(sandbox) == 1


@pytest.mark.rule(17)
@pytest.mark.parametrize(
    "header",
    [
        ("Sec-Purpose", "prefetch"),
        ("Sec-Purpose", "prefetch;prerender"),
        ("Purpose", "prefetch"),
        ("X-Moz", "prefetch"),
    ],
    ids=":".join,
)
def test_a_speculative_request_uses_nothing_up(
    client: BrowserLikeClient, sandbox: Sandbox, header: tuple[str, str]
) -> None:
    came = consent(begin(client))
    parts = urlsplit(came)
    guess = client.get(f"{parts.path}?{parts.query}", headers=[header])
    assert (guess.status_code, guess.headers["Cache-Control"]) == (503, "no-store")
    assert "Set-Cookie" not in guess.headers
    assert token_calls(sandbox) == 0
    assert come_back(client, came).status_code == 303


def kept(client: BrowserLikeClient) -> dict[str, str]:
    """Return the cookies that a browser has."""
    return {cookie.key: cookie.value for cookie in client._cookies.values()}


def restore(client: BrowserLikeClient, cookies: dict[str, str]) -> None:
    """Give a browser the cookies that it had."""
    for name in kept(client):
        client.delete_cookie(name)
    for name, value in cookies.items():
        client.set_cookie(name, value)
