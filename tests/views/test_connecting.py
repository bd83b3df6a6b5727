"""What the pages on the way to a connection say: for whom, at what cost, and the way back."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.fixtures.app import MakeApp
from tests.forms import forms
from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.views.bare_app import stage
from tests.views.reading import Reading
from tests.views.scenes import SCENES, STUDIO, play
from tests.walk import begin, connect
from webapp.tiktok.scopes import BASIC, CATALOGUE


@pytest.fixture(scope="module")
def scenery() -> Flask:
    return stage()


def read(scenery: Flask, name: str) -> Reading:
    return Reading(play(scenery, SCENES[name]))


@pytest.mark.parametrize(
    ("scene", "heading", "said"),
    [
        ("connected", "Connected", "What happens next"),
        ("connected-again", "Connected again", "Welcome back. Nothing was lost."),
        (
            "connected-added",
            "Connected",
            "“Your follower, following, like and video counts” and “Your public videos” "
            "are now allowed.",
        ),
        ("connected-other", "Connected", "This is a different account than before."),
        ("connected-returned", "Connected", "You're already connected"),
    ],
)
def test_step_three_says_what_is_new(scenery: Flask, scene: str, heading: str, said: str) -> None:
    page = read(scenery, scene)
    assert page.the("h1") == heading
    assert said in page.text


def test_what_was_left_off_is_told_with_what_it_costs(scenery: Flask) -> None:
    told = read(scenery, "connected-again").text
    assert (
        "TikTok didn't grant “Your public videos”. "
        "Your videos and their view counts won't be shown. Everything else works."
    ) in told
    assert "2 permissions are missing" in read(scenery, "connected-less").text
    # One that TikTok invented since has no words of its own.
    told = read(scenery, "connected-returned").text
    assert "Features that need “artist.new” won't show any data." in told


def test_every_scope_that_people_choose_says_what_leaving_it_off_costs() -> None:
    chosen = [
        s for s in CATALOGUE.values() if s.id.startswith(("user.", "video.")) and s.id != BASIC
    ]
    assert all(re.fullmatch(r"[A-Z].+ .+\.", scope.without) for scope in chosen)


@pytest.mark.parametrize("scene", ["home-sent", "home-basic-sent", "choose-sent"])
def test_whoever_was_sent_can_go_back_and_keeps_the_way_when_going_on(
    scenery: Flask, scene: str
) -> None:
    html = play(scenery, SCENES[scene])
    page = Reading(html)
    (back,) = [a for a in page.all("a") if a.text == "Back to Example Studio"]
    assert back.attrs["href"] == STUDIO.url
    assert "primary" not in back.classes
    kept = [dict(form.fields).get("next") for form in forms(html) if "connect" in form.action]
    onward = [a.attrs["href"] for a in page.primary if a.tag == "a"]
    assert kept == [STUDIO.url] or onward == [
        "/connect?next=https://studio.example/done?a%3D1%26b%3D2"
    ]


def test_whoever_was_sent_is_told_for_whom_they_connect(scenery: Flask) -> None:
    assert read(scenery, "home-sent").the("h1") == "Connect your TikTok to Example Studio"
    assert read(scenery, "home").the("h1") == "Connect your TikTok to Coatcheck"


def test_the_way_back_is_what_to_do_next_once_connected(scenery: Flask) -> None:
    (primary,) = read(scenery, "connected-returned").primary
    assert (primary.text, primary.attrs["href"]) == ("Back to Example Studio", STUDIO.url)


def test_the_front_page_says_how_long_it_takes_and_whom_to_ask(scenery: Flask) -> None:
    page = read(scenery, "home")
    assert "Takes about a minute." in page.text
    assert "Questions? Email help@example.com." in page.text
    assert "Questions?" not in read(scenery, "home-no-contact").text


@pytest.mark.rule(63)
def test_a_picture_that_the_deployer_put_there_takes_the_place_of_the_words(scenery: Flask) -> None:
    scenery.jinja_env.globals["tiktok_button"] = True
    try:
        for scene in ("home", "home-basic", "choose"):
            page = read(scenery, scene)
            (picture,) = page.all("img")
            assert picture.attrs["alt"] == "Continue with TikTok"
            assert picture.attrs["src"] == "/static/brand/tiktok-button.svg"
    finally:
        scenery.jinja_env.globals["tiktok_button"] = False


@pytest.mark.rule(63)
def test_we_ship_no_picture_of_tiktoks(client: FlaskClient) -> None:
    assert client.application.jinja_env.globals["tiktok_button"] is False


@pytest.mark.parametrize("page", ["/", "/connect"])
def test_who_left_and_did_not_return_is_asked_on_either_page_with_a_reference_that_finds_when(
    client: FlaskClient,
    clock: MovableClock,
    caplog: pytest.LogCaptureFixture,
    page: str,
) -> None:
    begin(client)
    clock.advance(minutes=3)
    told = Reading(client.get(page).text)
    assert "Did TikTok show an error?" in told.text
    (reference,) = {code.text for code in told.all("code")}
    lines = [r.msg for r in caplog.records if isinstance(r.msg, dict)]
    (line,) = [each for each in lines if each.get("request_id") == reference]
    assert line["event"] == "attempt_unfinished"
    clock.advance(minutes=28)
    assert "Did TikTok show an error?" not in client.get(page).text


def test_a_permission_that_was_added_is_told_and_one_that_was_not_is_not(
    make_app: MakeApp, sandbox: Sandbox
) -> None:
    client = make_app(TIKTOK_OPTIONAL_SCOPES="video.list,user.info.stats").test_client()
    connect(client)
    answer = connect(client, scopes=["video.list"])
    assert answer.headers["Location"] == "/connected?kind=added&added=video.list"
    page = Reading(client.get(answer.headers["Location"]).text)
    assert "“Your public videos” is now allowed." in page.text
    made_up = client.get("/connected?kind=added&added=user.info.stats&added=nothing").text
    assert "now allowed" not in made_up
    assert connect(client, scopes=["video.list"]).headers["Location"] == "/account"
