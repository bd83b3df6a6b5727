"""Whoever isn't signed in is asked to sign in, learns that nothing was done, and comes back."""

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.movable import MovableClock
from tests.security.acts import ACTS, Act, Stage, act
from tests.views.reading import Reading
from tests.walk import begin, come_back, connect, consent
from webapp.views.http.signing_in.come_back import MAX_LENGTH, REMEMBERED

#: As a browser asks for a page.
PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
NOTHING = "You're no longer signed in, so nothing was done."
AUDIT = "/operators/audit?what=key.issued"


def origin(stage: Stage) -> str:
    return stage.runtime.settings.public_origin


def from_page(stage: Stage, path: str) -> dict[str, str]:
    """The headers with which a browser sends a form of this page of ours."""
    return PAGE | {"Origin": origin(stage), "Referer": f"{origin(stage)}{path}"}


def led_home(client: FlaskClient, answer: TestResponse) -> str:
    """Return what the home page says to someone who was led there."""
    assert (answer.status_code, answer.location) == (303, "/")
    notices = Reading(client.get("/").text)
    return notices.text


@pytest.mark.parametrize("each", [a for a in ACTS if a.who == "person"], ids=lambda a: a.name)
def test_a_second_tab_after_a_sign_out_does_nothing_says_so_and_comes_back(
    stage: Stage, each: Act
) -> None:
    each.before(stage)
    path, data = each.sent(stage)
    stage.lose_session("jo")
    before, asked = stage.kept(), stage.asked_of_tiktok()
    page = "/account/sessions" if path.startswith("/sign-out") else path
    page = "/account" if path == "/account/refresh" else page
    answer = stage.person.post(path, data=data, headers=from_page(stage, page))
    assert NOTHING in led_home(stage.person, answer)
    assert (stage.kept(), stage.asked_of_tiktok()) == (before, asked)
    assert connect(stage.person, "jo").location == page


def test_without_a_referrer_a_confirmation_is_found_by_its_address(stage: Stage) -> None:
    path, data = act("disconnect").sent(stage)
    stage.lose_session("jo")
    stage.person.post(path, data=data)
    assert connect(stage.person, "jo").location == "/account/disconnect"


def test_a_second_tab_of_an_operator_does_nothing_says_so_and_comes_back(stage: Stage) -> None:
    each = act("disconnect one")
    path, data = each.sent(stage)
    stage.lose_session("mara")
    before = stage.kept()
    answer = stage.operator.post(path, data=data, headers=from_page(stage, path))
    assert NOTHING in led_home(stage.operator, answer)
    assert stage.kept() == before
    assert connect(stage.operator).location == path


@pytest.mark.parametrize(
    "headers",
    [{}, PAGE, PAGE | {"Origin": "null"}, PAGE | {"Origin": "https://evil.example"}],
    ids=["a script", "no origin", "a hidden origin", "another site"],
)
def test_what_no_page_of_ours_sends_finds_no_operators_page(
    stage: Stage, headers: dict[str, str]
) -> None:
    path, data = act("disconnect one").sent(stage)
    stage.lose_session("mara")
    assert stage.operator.post(path, data=data, headers=headers).status_code == 404


@pytest.mark.parametrize(
    ("path", "leads"),
    [
        (AUDIT, AUDIT),
        ("/operators", "/operators"),
        ("/operators/tokens?q=s%C3%B8ren&status=failing", None),
        ("/operators/nothing", "/account"),
        # After a download, the browser would still show TikTok's page.
        ("/operators/tokens.csv?status=failing", "/account"),
    ],
)
def test_a_bookmark_of_an_operators_page_leads_through_a_sign_in(
    stage: Stage, path: str, leads: str | None
) -> None:
    stage.lose_session("mara")
    answer = stage.operator.get(path, headers=PAGE)
    assert "Sign in to open that page." in led_home(stage.operator, answer)
    assert connect(stage.operator).location == (leads or path)


def test_people_who_are_no_operators_are_not_led_there(stage: Stage) -> None:
    """Somebody else may sign in in the browser in which an operator's page was wanted."""
    assert stage.person.get(AUDIT, headers=PAGE).status_code == 404
    stage.lose_session("jo")
    assert stage.person.get(AUDIT, headers=PAGE).status_code == 303
    assert connect(stage.person, "jo").location == "/account"


@pytest.mark.parametrize("path", ["/account", "/connected?kind=again"])
def test_the_account_asks_to_sign_in(stage: Stage, path: str) -> None:
    client = stage.app.test_client()
    assert "Sign in to see your account." in led_home(client, client.get(path))
    assert connect(client, "jo").location == path


def test_whoever_connects_for_the_first_time_sees_the_ticket_first(stage: Stage) -> None:
    client = stage.app.test_client()
    client.get("/account/activity")
    assert connect(client, "noor").location.startswith("/connected")


def test_a_page_that_was_wanted_long_ago_is_forgotten(stage: Stage, clock: MovableClock) -> None:
    for waits, leads in ((timedelta(), "/account/activity"), (timedelta(seconds=1), "/account")):
        client = stage.app.test_client()
        client.get("/account/activity")
        clock.advance(seconds=(REMEMBERED + waits).total_seconds())
        assert connect(client, "jo").location == leads


def test_it_is_forgotten_once_somebody_has_signed_in(stage: Stage) -> None:
    client = stage.app.test_client()
    client.get("/account/activity")
    assert connect(client, "jo").location == "/account/activity"
    assert connect(client, "jo").location == "/account"


@pytest.mark.parametrize(
    "referrer",
    [
        "https://evil.example/account/delete",
        "{origin}//evil.example/account",
        "{origin}/account/../privacy",
        "{origin}/sign-out",
        "{origin}/account/export",
        "{origin}/account%0d%0aSet-Cookie:%20a=b",
        "not an address",
    ],
)
def test_only_pages_of_ours_that_need_a_sign_in_are_come_back_to(
    stage: Stage, referrer: str
) -> None:
    client = stage.app.test_client()
    headers = PAGE | {"Referer": referrer.format(origin=origin(stage))}
    client.post("/account/refresh", headers=headers)
    assert connect(client, "jo").location == "/account"


def test_a_query_stays_a_query_and_a_long_one_is_dropped(stage: Stage) -> None:
    path = "/operators/audit?who=a%0D%0ASet-Cookie:%20b=c%23//evil.example"
    for query, kept in (("", True), (f"&on={'x' * MAX_LENGTH}", False)):
        stage.lose_session("mara")
        stage.operator.get(path + query, headers=PAGE)
        answer: Any = come_back(stage.operator, consent(begin(stage.operator)))
        wanted = "/operators/audit?who=a%0D%0ASet-Cookie%3A+b%3Dc%23%2F%2Fevil.example"
        assert answer.location == (wanted if kept else "/operators/audit")
        assert not any(c.startswith("b=") for c in answer.headers.getlist("Set-Cookie"))


@pytest.mark.parametrize("path", ["/operators/keys", "/operators/nothing", "/operators/tokens.csv"])
def test_a_cookie_does_not_tell_which_operators_pages_exist(stage: Stage, path: str) -> None:
    client = stage.app.test_client()
    for asked, headers in ((path, PAGE), ("/account", {"Referer": f"http://localhost{path}"})):
        assert client.get(asked, headers=headers).status_code == 303
    client.get(path, headers=PAGE)
    with client.session_transaction() as session:
        assert session["wanted"][0] == path


@pytest.mark.parametrize("path", ["/operators//keys", "/operators//nothing"])
def test_doubled_slashes_do_not_tell_it_either(stage: Stage, path: str) -> None:
    assert stage.person.get(path).status_code == 404
    assert stage.app.test_client().get(path).status_code == 404


@pytest.mark.parametrize("path", ["/account", "/operators/keys"])
def test_a_referer_that_is_no_address_is_none(stage: Stage, path: str) -> None:
    answer = stage.app.test_client().get(path, headers=PAGE | {"Referer": "http://["})
    assert answer.status_code == 303
