"""The way out: what the browser is told to ask TikTok when someone presses the button."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient

from tests.contract.evidence import all_calls, question
from tests.forms import the_form
from tests.servers import ANSWER_WITHIN, Sandbox, plain_session
from tests.views.reading import Reading
from tests.walk import BrowserLikeClient, begin, come_back, connect, connect_form, consent
from webapp.settings import Settings
from webapp.tiktok import provider

MakeApp = Callable[..., Flask]


def at_tiktok(location: str) -> requests.Response:
    """Open the authorize URL as a browser does, without pressing anything there."""
    with plain_session() as session:
        return session.get(location, allow_redirects=False, timeout=ANSWER_WITHIN)


@pytest.mark.rule(1, 2, 3, 7)
def test_the_browser_is_sent_to_the_authorize_url_with_these_parameters_and_no_other(
    client: FlaskClient, settings: Settings, sandbox: Sandbox
) -> None:
    location = begin(client)
    assert location.startswith(f"{settings.tiktok_authorize_url}?")
    asked = question(location)
    drawn = {name: asked.pop(name) for name in ("state", "code_challenge")}
    assert all(drawn.values())
    assert asked == {
        "client_key": settings.tiktok_client_key,
        "response_type": "code",
        "scope": "user.info.basic",
        "redirect_uri": settings.tiktok_redirect_uri,
        "code_challenge_method": "S256",
    }
    assert settings.tiktok_client_secret.get_secret_value() not in location
    assert all_calls(sandbox) == 0


@pytest.mark.rule(1)
def test_tiktok_itself_is_where_people_go_unless_told_otherwise(make_app: MakeApp) -> None:
    app = make_app(TIKTOK_AUTHORIZE_URL=None, TIKTOK_API_URL=None, ALLOW_SANDBOX=None)
    location = begin(app.test_client())
    assert location.startswith("https://www.tiktok.com/v2/auth/authorize/?")


@pytest.mark.rule(4, 5)
def test_scopes_are_one_comma_list_with_the_basic_one_and_each_once(make_app: MakeApp) -> None:
    app = make_app(TIKTOK_SCOPES="user.info.stats", TIKTOK_OPTIONAL_SCOPES="video.list")
    location = begin(app.test_client(), scopes=["video.list", "video.list", "user.info.stats"])
    assert question(location)["scope"] == "user.info.basic,user.info.stats,video.list"
    assert at_tiktok(location).status_code == 200


@pytest.mark.rule(4)
def test_scopes_that_were_not_offered_are_not_asked_for(client: FlaskClient) -> None:
    location = begin(client, scopes=["video.publish", "video.list", "video.list,user.info.stats"])
    assert question(location)["scope"] == "user.info.basic,video.list"
    assert question(begin(client))["scope"] == "user.info.basic"


@pytest.mark.rule(7)
@pytest.mark.parametrize("path", ["/", "/connect", "/api/auth/tiktok/callback?code=x&state=y"])
def test_a_host_that_is_not_ours_is_refused(
    client: BrowserLikeClient, sandbox: Sandbox, path: str
) -> None:
    answer = client.get(path, base_url="http://evil.example")
    assert answer.status_code == 400
    assert "evil.example" not in answer.text + str(answer.headers)
    assert all_calls(sandbox) == 0


@pytest.mark.rule(7)
def test_no_host_header_changes_the_redirect_uri(
    make_app: MakeApp, settings: Settings, sandbox: Sandbox
) -> None:
    client = make_app(TRUSTED_HOSTS="other.example").test_client()
    assert isinstance(client, BrowserLikeClient)
    client.origin = "http://other.example"
    client.environ_base["HTTP_X_FORWARDED_HOST"] = "evil.example"
    client.environ_base["HTTP_FORWARDED"] = "host=evil.example"
    location = begin(client)
    assert question(location)["redirect_uri"] == settings.tiktok_redirect_uri
    # The sandbox compares the one of the exchange with it, byte for byte.
    assert come_back(client, consent(location)).status_code == 303
    assert sandbox.counters()["calls"]["token.authorization_code"] == {"ok": 1}


@pytest.mark.rule(10)
def test_another_account_makes_tiktok_ask_although_it_knows_the_browser(
    client: FlaskClient, sandbox: Sandbox
) -> None:
    connect(client)
    sandbox.settings(auto_auth="mara")
    plain, other = begin(client), begin(client, another_account=True)
    assert "disable_auto_auth" not in question(plain)
    assert at_tiktok(plain).status_code == 302
    assert question(other)["disable_auto_auth"] == "1"
    assert at_tiktok(other).status_code == 200


@pytest.mark.rule(11)
def test_every_attempt_has_a_hex_challenge_of_its_own_and_keeps_its_verifier_back(
    client: BrowserLikeClient, settings: Settings
) -> None:
    locations = [begin(client) for _ in range(3)]
    challenges = [question(each)["code_challenge"] for each in locations]
    assert all(re.fullmatch("[0-9a-f]{64}", each) for each in challenges)
    assert len(set(challenges)) == 3
    verifiers = [
        provider.code_verifier(settings.secret_key, question(u)["state"]) for u in locations
    ]
    assert [provider.code_challenge(each) for each in verifiers] == challenges
    with client.session_transaction() as kept:
        seen = f"{dict(kept)} {locations}"
    assert not [each for each in verifiers if each in seen]


@pytest.mark.rule(11)
def test_tiktok_refuses_the_code_of_one_attempt_with_the_verifier_of_another(
    client: FlaskClient, sandbox: Sandbox
) -> None:
    first, second = consent(begin(client), "mara"), consent(begin(client), "jo")
    mixed = first.replace(question(first)["state"], question(second)["state"])
    assert come_back(client, mixed).status_code == 400
    assert sandbox.counters()["calls"]["token.authorization_code"] == {"invalid_grant": 1}
    assert sandbox.books() == {}


def test_what_somebody_was_asked_to_add_is_ticked_and_nothing_else(make_app: MakeApp) -> None:
    client = make_app(TIKTOK_OPTIONAL_SCOPES="video.list,user.info.stats").test_client()
    plain = the_form(client.get("/connect").text, "/connect")
    assert "scopes" not in plain.data(), "nothing is ticked before a person ticks it"
    page = client.get("/connect?add=video.list&add=video.publish&add=<script>")
    form = the_form(page.text, "/connect")
    assert form.data()["scopes"] == ["video.list"]
    assert ("scopes", "user.info.stats") in form.unticked
    assert "script>" not in page.text.replace("</script>", "").partition("<body>")[2]


def test_a_person_who_is_asked_for_more_reads_what_is_added(make_app: MakeApp) -> None:
    client = make_app(TIKTOK_OPTIONAL_SCOPES="video.list,user.info.stats").test_client()
    heading = "Choose what Coatcheck can access"
    assert Reading(client.get("/connect?add=video.list").text).the("h1") == heading
    connect(client)
    assert Reading(client.get("/connect").text).the("h1") == heading
    adding = Reading(client.get("/connect?add=video.list&add=video.publish").text)
    assert adding.the("h1") == "Add: Your public videos"
    # Here already.
    assert Reading(client.get("/connect?add=user.info.basic").text).the("h1") == heading


def test_without_a_choice_the_front_page_holds_the_form_itself(make_app: MakeApp) -> None:
    client = make_app(TIKTOK_OPTIONAL_SCOPES=None).test_client()
    here, there = the_form(client.get("/").text, "/connect"), connect_form(client)
    # All but the CSRF token, which is another one every second.
    assert [name for name, _value in here.fields] == [name for name, _value in there.fields]
    assert replace(here, fields=there.fields) == there
