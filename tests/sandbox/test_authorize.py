"""The authorize endpoint: what it refuses, the consent page, and the redirect to the app."""

import re
from urllib.parse import urlencode

import pytest
import requests

from tests.sandbox.client import Client, redirect_parameters, start, stop


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"client_key": None}, "client_key"),
        ({"client_key": "foreign"}, "client_key"),
        ({"client_id": "anything"}, "client_key"),
        ({"redirect_uri": None}, "redirect_uri"),
        ({"redirect_uri": "https://example.test/callback"}, "redirect_uri"),
        ({"redirect_uri": "http://127.0.0.1/callback"}, "redirect_uri"),
        ({"redirect_uri": "http://127.0.0.1:8000/callback?x=1"}, "redirect_uri"),
        ({"redirect_uri": "http://127.0.0.1:8000@example.test/"}, "redirect_uri"),
        ({"redirect_uri": "http://127.0.0.1:8000/" + "x" * 500}, "redirect_uri"),
        ({"scope": None}, "scope"),
        ({"scope": "user.info.basic, video.list"}, "scope"),
        ({"scope": "user.info.basic video.list"}, "scope"),
        ({"scope": "user.info.basic,user.info.basic"}, "scope"),
        ({"scope": "business.basic"}, "scope"),
        ({"code_challenge": None, "code_challenge_method": None}, "code_challenge"),
        ({"code_challenge": "A" * 64}, "code_challenge"),
        ({"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge"),
        ({"code_challenge_method": "plain"}, "code_challenge"),
        ({"code_challenge_method": None}, "code_challenge"),
        ({"response_type": "token"}, "response_type"),
        ({"state": None}, "state"),
        ({"client_secret": "anything"}, "client_secret"),
        ({"code_verifier": "anything"}, "code_verifier"),
        ({"login_as": "nobody"}, "login_as"),
    ],
)
def test_an_invalid_request_gets_a_page_that_names_the_parameter(
    sandbox: Client, changes: dict[str, str | None], word: str
) -> None:
    answer = sandbox.authorize({"login_as": "mara"} | sandbox.request(**changes))
    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert re.findall(r'class="word"><code>(.*?)</code>', answer.text) == [word]
    assert "not TikTok" in answer.text


def test_a_repeated_parameter_is_named(sandbox: Client) -> None:
    url = f"{sandbox.url}/v2/auth/authorize/?{urlencode(sandbox.request())}&scope=video.list"
    answer = sandbox.http.get(url, allow_redirects=False)
    assert answer.status_code == 400
    assert 'class="word"><code>scope</code>' in answer.text


def test_a_script_is_redirected_with_code_scopes_and_state(sandbox: Client) -> None:
    request = sandbox.request()
    answer = sandbox.authorize(request, login_as="aiko")
    parameters = redirect_parameters(answer)
    assert answer.headers["Location"].startswith(f"{sandbox.redirect_uri}?code=")
    assert re.fullmatch(r"[\w-]+\*\d!\d{4}\.va", parameters["code"])
    assert "*" not in answer.headers["Location"]
    assert "!" not in answer.headers["Location"]
    assert parameters["scopes"] == "user.info.basic,video.list"
    assert parameters["state"] == request["state"]
    assert "Set-Cookie" not in answer.headers


def test_a_script_can_grant_fewer_scopes_but_no_others(sandbox: Client) -> None:
    parameters = sandbox.redirected(sandbox.request(), login_as="aiko", grant="video.list")
    assert parameters["scopes"] == "video.list"
    answer = sandbox.authorize(sandbox.request(), login_as="aiko", grant="user.info.stats")
    assert answer.status_code == 400


def test_a_script_can_deny(sandbox: Client) -> None:
    request = sandbox.request()
    parameters = sandbox.redirected(request, login_as="aiko", deny="1")
    assert parameters["error"] == "access_denied"
    assert parameters["error_description"]
    assert parameters["state"] == request["state"]
    assert "error_type" not in parameters
    assert "code" not in parameters


def test_a_script_can_be_refused_with_an_error_type(sandbox: Client) -> None:
    parameters = sandbox.redirected(sandbox.request(), deny="scope_not_authorized")
    assert parameters["error"] == "access_denied"
    assert parameters["error_type"] == "scope_not_authorized"


def test_a_new_person_needs_one_click_on_the_page(sandbox: Client) -> None:
    request = sandbox.request()
    page = sandbox.authorize(request)
    assert page.status_code == 200
    assert page.text.count("<button") == 3
    checked = re.findall(r'name="(\w+)" value="([\w.]+)" checked', page.text)
    assert checked == [
        ("person", "mara"),
        ("scopes", "user.info.basic"),
        ("scopes", "video.list"),
    ]
    parameters = press(sandbox, request, decision="allow", person="mara", scopes=request["scope"])
    assert parameters["scopes"] == request["scope"]


def test_connected_people_are_listed_last(sandbox: Client) -> None:
    sandbox.sign_in("mara")
    page = sandbox.authorize(sandbox.request())
    people = re.findall(r'name="person" value="(\w+)"', page.text)
    assert people[0] == "tomas"
    assert people[-1] == "mara"


def test_the_page_escapes_hostile_names(sandbox: Client) -> None:
    page = sandbox.authorize(sandbox.request())
    assert "<script" not in page.text
    assert "&lt;script&gt;" in page.text


def test_the_page_lets_the_form_redirect_only_to_the_app(sandbox: Client) -> None:
    policy = sandbox.authorize(sandbox.request()).headers["Content-Security-Policy"]
    assert "form-action 'self' http://127.0.0.1:8000" in policy.split("; ")
    assert "default-src 'none'" in policy.split("; ")


def test_unselected_scopes_are_not_granted(sandbox: Client) -> None:
    request = sandbox.request()
    parameters = press(sandbox, request, decision="allow", person="jo", scopes="video.list")
    assert parameters["scopes"] == "video.list"
    parameters = press(sandbox, request, decision="allow", person="jo")
    assert parameters["scopes"] == ""


def test_cancel_and_not_a_target_user_are_returned_as_denied(sandbox: Client) -> None:
    request = sandbox.request()
    canceled = press(sandbox, request, decision="cancel", person="jo")
    assert (canceled["error"], canceled.get("error_type")) == ("access_denied", None)
    refused = press(sandbox, request, decision="not_target", person="jo")
    assert refused["error"] == "access_denied"
    assert refused["error_type"] == "non_sandbox_target"
    assert refused["state"] == request["state"]


def test_the_form_post_checks_the_request_again(sandbox: Client) -> None:
    request = sandbox.request(redirect_uri="https://example.test/")
    answer = post_page(sandbox, request, decision="allow", person="jo")
    assert answer.status_code == 400
    assert "Location" not in answer.headers


def test_a_returning_person_is_asked_again_unless_auto_auth_is_set(
    sandbox: Client,
) -> None:
    sandbox.sign_in("noor")
    assert sandbox.authorize(sandbox.request()).status_code == 200
    sandbox.control("settings", auto_auth="noor")
    assert sandbox.authorize(sandbox.request()).status_code == 302
    assert sandbox.authorize(sandbox.request(), disable_auto_auth="1").status_code == 200
    more = sandbox.request(scope="user.info.basic,user.info.stats")
    assert sandbox.authorize(more).status_code == 200


def test_registered_redirect_uris_are_compared_byte_for_byte() -> None:
    web = "https://app.example.test/api/auth/tiktok/callback"
    started = start("--redirect-uri", web, "--redirect-uri", "http://127.0.0.1:*/back", key="k")
    try:
        client = Client(started.url, "k", "unused")
        no_pkce: dict[str, str | None] = {"code_challenge": None, "code_challenge_method": None}
        for uri, status in [
            (web, 302),
            (f"{web}/", 400),
            (web.upper(), 400),
            ("http://127.0.0.1:8000/back", 400),  # loopback (Desktop) requires PKCE
        ]:
            request = client.request(redirect_uri=uri, **no_pkce)
            assert client.authorize(request, login_as="jo").status_code == status, uri
        for uri, status in [
            ("http://127.0.0.1:8000/back", 302),
            ("http://127.0.0.1:8000/other", 400),
        ]:
            request = client.request(redirect_uri=uri)
            assert client.authorize(request, login_as="jo").status_code == status, uri
    finally:
        client.http.close()
        stop(started)


def post_page(sandbox: Client, request: dict[str, str], **form: str) -> requests.Response:
    pairs = [(name, value) for name, text in form.items() for value in text.split(",")]
    return sandbox.http.post(
        f"{sandbox.url}/v2/auth/authorize/?{urlencode(request)}", data=pairs, allow_redirects=False
    )


def press(sandbox: Client, request: dict[str, str], **form: str) -> dict[str, str]:
    answer = post_page(sandbox, request, **form)
    assert answer.status_code == 302, answer.text
    return redirect_parameters(answer)
