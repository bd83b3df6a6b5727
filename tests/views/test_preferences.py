"""Theme and language: each a POST and a cookie, and back to the page that one was on."""

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.environment import CALLBACK
from tests.fixtures.app import MakeApp
from tests.forms import the_form

#: Stands for the origin of the app.
HERE = "HERE"


def choose(client: FlaskClient, what: str, value: str, referrer: str = "") -> TestResponse:
    """Press one of the buttons in the footer of the page at `referrer`."""
    form = the_form(client.get("/privacy").text, "/theme").data()
    origin = client.get("/privacy").request.host_url.rstrip("/")
    headers = {"Referer": referrer.replace(HERE, origin)} if referrer else {}
    return client.post(f"/{what}", data=form | {what: value}, headers=headers)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_chosen_theme_stays_until_the_systems_is_chosen(client: FlaskClient, theme: str) -> None:
    assert choose(client, "theme", theme).status_code == 303
    page = client.get("/terms").text
    assert f'data-theme="{theme}"' in page
    assert f'<meta name="color-scheme" content="{theme}">' in page
    choose(client, "theme", "system")
    assert "data-theme" not in client.get("/terms").text
    assert client.get_cookie("theme") is None


def test_the_cookies_last_a_year_and_no_script_reads_them(make_app: MakeApp) -> None:
    client = make_app(TIKTOK_REDIRECT_URI=f"https://app.example{CALLBACK}").test_client()
    form = the_form(client.get("/privacy").text, "/theme").data()
    for what, value in (("theme", "dark"), ("language", "en")):
        answer = client.post(f"/{what}", data=form | {what: value})
        (line,) = [each for each in answer.headers.getlist("Set-Cookie") if what in each]
        assert line.startswith(f"{what}={value};")
        for part in ("Secure", "HttpOnly", "Max-Age=31536000", "Path=/", "SameSite=Lax"):
            assert part in line.split("; ")


@pytest.mark.parametrize(
    ("came_from", "leads_to"),
    [
        (f"{HERE}/terms", "/terms"),
        (f"{HERE}/connect?add=video.list", "/connect?add=video.list"),
        (f"{HERE}/theme", "/"),
        (f"{HERE}/nothing/here", "/"),
        (f"{HERE}{CALLBACK}?code=secret", "/"),
        ("http://elsewhere.example/terms", "/"),
        (f"{HERE}//elsewhere.example/", "/"),
        ("junk", "/"),
        ("http://[", "/"),
        ("", "/"),
    ],
)
def test_it_leads_back_to_pages_of_ours_alone(
    client: FlaskClient, came_from: str, leads_to: str
) -> None:
    answer = choose(client, "theme", "dark", came_from)
    assert answer.status_code == 303
    assert answer.headers["Location"] == leads_to


@pytest.mark.parametrize(("what", "value"), [("theme", "pink"), ("language", "xx"), ("theme", "")])
def test_what_is_not_offered_is_refused(client: FlaskClient, what: str, value: str) -> None:
    assert choose(client, what, value).status_code == 400
    assert client.get_cookie(what) is None


def test_a_cookie_of_ones_own_making_changes_nothing(client: FlaskClient) -> None:
    client.set_cookie("theme", '"><script>')
    client.set_cookie("language", "../../etc")
    page = client.get("/terms")
    assert page.status_code == 200
    assert "data-theme" not in page.text
    assert '<html lang="en"' in page.text
