"""The pretend TikTok's door: what it refuses, what it shows and what it sends back."""

import re
from urllib.parse import urlencode

import pytest
import requests

from tests.sandbox.client import Caller, brought, start, stop


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
def test_a_faulty_request_gets_a_page_that_names_the_one_word(
    sandbox: Caller, changes: dict[str, str | None], word: str
) -> None:
    answer = sandbox.authorize({"login_as": "mara"} | sandbox.question(**changes))
    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert re.findall(r'class="word"><code>(.*?)</code>', answer.text) == [word]
    assert "not TikTok" in answer.text


def test_a_doubled_parameter_is_refused_by_name(sandbox: Caller) -> None:
    url = f"{sandbox.url}/v2/auth/authorize/?{urlencode(sandbox.question())}&scope=video.list"
    answer = sandbox.http.get(url, allow_redirects=False)
    assert answer.status_code == 400
    assert 'class="word"><code>scope</code>' in answer.text


def test_a_script_comes_back_with_code_scopes_and_state(sandbox: Caller) -> None:
    question = sandbox.question()
    answer = sandbox.authorize(question, login_as="aiko")
    came = brought(answer)
    assert answer.headers["Location"].startswith(f"{sandbox.redirect_uri}?code=")
    assert re.fullmatch(r"[\w-]+\*\d!\d{4}\.va", came["code"])
    assert "*" not in answer.headers["Location"]
    assert "!" not in answer.headers["Location"]
    assert came["scopes"] == "user.info.basic,video.list"
    assert came["state"] == question["state"]
    assert "Set-Cookie" not in answer.headers


def test_a_script_can_grant_less_and_nothing_more(sandbox: Caller) -> None:
    came = sandbox.back(sandbox.question(), login_as="aiko", grant="video.list")
    assert came["scopes"] == "video.list"
    answer = sandbox.authorize(sandbox.question(), login_as="aiko", grant="user.info.stats")
    assert answer.status_code == 400


def test_a_script_can_deny(sandbox: Caller) -> None:
    question = sandbox.question()
    came = sandbox.back(question, login_as="aiko", deny="1")
    assert came["error"] == "access_denied"
    assert came["error_description"]
    assert came["state"] == question["state"]
    assert "error_type" not in came
    assert "code" not in came


def test_a_script_can_be_refused_with_an_error_type(sandbox: Caller) -> None:
    came = sandbox.back(sandbox.question(), deny="scope_not_authorized")
    assert came["error"] == "access_denied"
    assert came["error_type"] == "scope_not_authorized"


def test_the_page_needs_one_click_for_somebody_new(sandbox: Caller) -> None:
    question = sandbox.question()
    page = sandbox.authorize(question)
    assert page.status_code == 200
    assert page.text.count("<button") == 3
    checked = re.findall(r'name="(\w+)" value="([\w.]+)" checked', page.text)
    assert checked == [
        ("person", "mara"),
        ("scopes", "user.info.basic"),
        ("scopes", "video.list"),
    ]
    came = press(sandbox, question, decision="allow", person="mara", scopes=question["scope"])
    assert came["scopes"] == question["scope"]


def test_people_who_are_connected_stand_last(sandbox: Caller) -> None:
    sandbox.sign_in("mara")
    page = sandbox.authorize(sandbox.question())
    people = re.findall(r'name="person" value="(\w+)"', page.text)
    assert people[0] == "tomas"
    assert people[-1] == "mara"


def test_the_page_escapes_hostile_names(sandbox: Caller) -> None:
    page = sandbox.authorize(sandbox.question())
    assert "<script" not in page.text
    assert "&lt;script&gt;" in page.text


def test_the_page_lets_the_form_lead_to_the_app_and_nowhere_else(sandbox: Caller) -> None:
    policy = sandbox.authorize(sandbox.question()).headers["Content-Security-Policy"]
    assert "form-action 'self' http://127.0.0.1:8000" in policy.split("; ")
    assert "default-src 'none'" in policy.split("; ")


def test_unticked_scopes_are_not_granted(sandbox: Caller) -> None:
    question = sandbox.question()
    came = press(sandbox, question, decision="allow", person="jo", scopes="video.list")
    assert came["scopes"] == "video.list"
    came = press(sandbox, question, decision="allow", person="jo")
    assert came["scopes"] == ""


def test_cancel_and_not_a_target_user_come_back_as_denied(sandbox: Caller) -> None:
    question = sandbox.question()
    cancelled = press(sandbox, question, decision="cancel", person="jo")
    assert (cancelled["error"], cancelled.get("error_type")) == ("access_denied", None)
    refused = press(sandbox, question, decision="not_target", person="jo")
    assert refused["error"] == "access_denied"
    assert refused["error_type"] == "non_sandbox_target"
    assert refused["state"] == question["state"]


def test_the_form_checks_the_request_again(sandbox: Caller) -> None:
    question = sandbox.question(redirect_uri="https://example.test/")
    answer = post_page(sandbox, question, decision="allow", person="jo")
    assert answer.status_code == 400
    assert "Location" not in answer.headers


def test_a_returning_person_is_asked_again_unless_the_setting_says_otherwise(
    sandbox: Caller,
) -> None:
    sandbox.sign_in("noor")
    assert sandbox.authorize(sandbox.question()).status_code == 200
    sandbox.control("settings", auto_auth="noor")
    assert sandbox.authorize(sandbox.question()).status_code == 302
    assert sandbox.authorize(sandbox.question(), disable_auto_auth="1").status_code == 200
    more = sandbox.question(scope="user.info.basic,user.info.stats")
    assert sandbox.authorize(more).status_code == 200


def test_registered_addresses_are_compared_byte_for_byte() -> None:
    web = "https://app.example.test/api/auth/tiktok/callback"
    started = start("--redirect-uri", web, "--redirect-uri", "http://127.0.0.1:*/back", key="k")
    try:
        caller = Caller(started.url, "k", "unused")
        no_pkce: dict[str, str | None] = {"code_challenge": None, "code_challenge_method": None}
        for uri, status in [
            (web, 302),
            (f"{web}/", 400),
            (web.upper(), 400),
            ("http://127.0.0.1:8000/back", 400),  # loopback is the desktop kind: PKCE is missing
        ]:
            question = caller.question(redirect_uri=uri, **no_pkce)
            assert caller.authorize(question, login_as="jo").status_code == status, uri
        for uri, status in [
            ("http://127.0.0.1:8000/back", 302),
            ("http://127.0.0.1:8000/other", 400),
        ]:
            question = caller.question(redirect_uri=uri)
            assert caller.authorize(question, login_as="jo").status_code == status, uri
    finally:
        caller.http.close()
        stop(started)


def post_page(sandbox: Caller, question: dict[str, str], **form: str) -> requests.Response:
    pairs = [(name, value) for name, text in form.items() for value in text.split(",")]
    return sandbox.http.post(
        f"{sandbox.url}/v2/auth/authorize/?{urlencode(question)}", data=pairs, allow_redirects=False
    )


def press(sandbox: Caller, question: dict[str, str], **form: str) -> dict[str, str]:
    answer = post_page(sandbox, question, **form)
    assert answer.status_code == 302, answer.text
    return brought(answer)
