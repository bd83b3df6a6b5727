"""A return that worked: where it leads, what the page says, and what it leaves behind."""

import pytest
from flask.testing import FlaskClient

from tests.contract.evidence import heading, question, row, rows, token_calls
from tests.fixtures.app import MakeApp
from tests.forms import the_form
from tests.servers import Sandbox
from tests.walk import BrowserLikeClient, begin, come_back, connect, consent

VIDEOS = "Your public videos"


@pytest.mark.rule(20)
def test_the_answer_is_a_redirect_away_from_the_code(client: FlaskClient) -> None:
    came = consent(begin(client))
    answer = come_back(client, came)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/connected")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    page = client.get("/connected")
    for secret in (question(came)["code"], question(came)["state"]):
        assert secret not in f"{answer.text} {answer.headers} {page.text} {page.headers}"


@pytest.mark.rule(20)
@pytest.mark.parametrize("end", ["deny", "reload", "stranger", "incomplete", "tiktok down"])
def test_so_does_every_other_answer_at_that_address(
    client: FlaskClient, sandbox: Sandbox, end: str
) -> None:
    came = consent(begin(client), **({"deny": "1"} if end == "deny" else {}))
    if end == "tiktok down":
        sandbox.faults("token", "http500")
    if end == "reload":
        come_back(client, came)
    if end == "incomplete":
        came = came.replace("code=", "other=")
    answer = come_back(client.application.test_client() if end == "stranger" else client, came)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert question(came)["state"] not in f"{answer.text} {answer.headers}"


@pytest.mark.rule(19)
@pytest.mark.parametrize("how", ["required", "optional"])
def test_fewer_scopes_than_asked_sign_in_and_the_page_names_what_is_missing(
    make_app: MakeApp, how: str, sandbox: Sandbox
) -> None:
    required = {"TIKTOK_SCOPES": "video.list", "TIKTOK_OPTIONAL_SCOPES": None}
    client = make_app(**(required if how == "required" else {})).test_client()
    asked = ["video.list"] if how == "optional" else []
    answer = connect(client, grant=["user.info.basic"], scopes=asked)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/connected")
    page = client.get("/connected").text
    assert "One permission is missing" in page
    assert f"TikTok didn't grant “{VIDEOS}”" in page
    assert "What you didn't allow" in client.get("/account").text
    assert VIDEOS in client.get("/account").text
    user = row(client.application, sandbox.open_id("mara"))
    assert (user.scope, user.asked_scope) == ("user.info.basic", "user.info.basic,video.list")


@pytest.mark.rule(19)
def test_nothing_is_called_missing_when_all_was_granted(client: FlaskClient) -> None:
    connect(client, scopes=["video.list"])
    page = client.get("/connected").text
    assert "is missing" not in page
    assert VIDEOS in page
    assert "What you didn't allow" not in client.get("/account").text


@pytest.mark.rule(19)
@pytest.mark.parametrize("grant", [[], ["video.list"]], ids=["nothing", "all but the basic one"])
def test_only_without_the_basic_scope_nobody_is_signed_in_and_nothing_is_kept(
    client: FlaskClient, sandbox: Sandbox, grant: list[str]
) -> None:
    answer = connect(client, grant=grant, scopes=["video.list"])
    assert answer.status_code == 403
    assert heading(answer.text) == "A required permission is missing"
    assert rows(client.application) == []
    assert client.get("/account").headers["Location"] == "/"
    assert sandbox.books()[sandbox.open_id("mara")]["revoked"], "TikTok holds nothing for us either"


def test_who_returns_goes_to_the_account_and_who_ended_it_is_welcomed_again(
    client: FlaskClient, sandbox: Sandbox
) -> None:
    assert connect(client).headers["Location"] == "/connected"
    assert heading(client.get("/connected").text) == "Connected"
    assert connect(client).headers["Location"] == "/account"
    assert connect(client.application.test_client()).headers["Location"] == "/account"
    form = the_form(client.get("/account/disconnect").text, "/account/disconnect")
    assert client.post(form.action, data=form.data()).status_code == 303
    assert sandbox.books()[sandbox.open_id("mara")]["revoked"]
    assert connect(client).headers["Location"] == "/connected?kind=again"
    page = client.get("/connected?kind=again").text
    assert heading(page) == "Connected again"
    assert len(rows(client.application)) == 1


def secret_in(client: BrowserLikeClient) -> str | None:
    with client.session_transaction() as kept:
        return kept.get("_user_id")


def cookie_of(client: BrowserLikeClient) -> str:
    cookie = client.get_cookie("session")
    return cookie.value if cookie is not None else ""


def test_signing_in_begins_a_session_of_its_own_and_ends_the_one_before(
    client: BrowserLikeClient,
) -> None:
    location = begin(client)
    before = cookie_of(client)
    assert secret_in(client) is None
    come_back(client, consent(location))
    first, saved = secret_in(client), cookie_of(client)
    connect(client)
    assert first
    assert secret_in(client) not in (None, first)
    assert client.get("/account").status_code == 200
    for old in (before, saved):
        thief = client.application.test_client()
        thief.set_cookie("session", old)
        assert thief.get("/account").headers.get("Location") == "/"


def test_a_form_of_before_the_sign_in_is_dead_after_it(
    client: FlaskClient, sandbox: Sandbox
) -> None:
    old = the_form(client.get("/connect").text, "/connect").data()
    connect(client)
    assert client.post("/connect", data=old).status_code == 400
    assert token_calls(sandbox) == 1
