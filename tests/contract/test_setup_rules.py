"""Set-up: what the start refuses by name, and what TikTok wants to see on public pages."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.contract.evidence import question
from tests.contract.links import links_in_sight, pictures
from tests.environment import CALLBACK, complete
from tests.fixtures.app import MakeApp
from tests.forms import the_form
from tests.processes import ROOT
from tests.servers import Sandbox
from tests.walk import begin, connect
from webapp.services.maintenance.doctor import settings_problems
from webapp.settings import Problem
from webapp.tiktok.scopes import CATALOGUE

HERE = f"http://127.0.0.1:8000{CALLBACK}"


def problems(**changes: str) -> dict[str, Problem]:
    """Return what the start finds wrong with an environment that is otherwise right."""
    env = complete("sqlite:///instance/app.db", 8000) | changes
    return {problem.name: problem for problem in settings_problems(env)[1]}


@pytest.mark.rule(6)
@pytest.mark.parametrize("name", ["TIKTOK_SCOPES", "TIKTOK_OPTIONAL_SCOPES"])
def test_an_unknown_scope_is_refused_by_name(name: str) -> None:
    found = problems(**{name: "user.info.basic,video.lists"})
    assert found.keys() == {name}
    assert "video.lists" in found[name].cause
    assert "video.list is" in found[name].cause, "and the one that was meant is named"
    assert "video.lists" in found[name].fix


@pytest.mark.rule(6)
def test_every_scope_of_the_catalogue_is_let_in() -> None:
    assert problems(TIKTOK_SCOPES=",".join(CATALOGUE)) == {}


@pytest.mark.rule(8)
@pytest.mark.parametrize(
    ("uri", "cause"),
    [
        (f"{HERE}?from=here", "query"),
        (f"{HERE}?", "query"),
        (f"{HERE}#top", "fragment"),
        (f"https://site.example/{'a' * 491}", "512"),
        ("http://site.example/cb", "http on a host that is not this machine"),
        ("http://192.168.1.4:8000/cb", "http on a host that is not this machine"),
        ("http://127.0.0.1/cb", "port"),
        ("https://localhost/cb", "port"),
        (CALLBACK, "absolute"),
    ],
)
def test_a_redirect_uri_that_tiktok_refuses_is_refused_first(uri: str, cause: str) -> None:
    found = problems(TIKTOK_REDIRECT_URI=uri)
    assert found.keys() == {"TIKTOK_REDIRECT_URI"}
    assert cause in found["TIKTOK_REDIRECT_URI"].cause


@pytest.mark.rule(8)
@pytest.mark.parametrize(
    "uri", [HERE, "http://localhost:1/cb", "https://127.0.0.1:8443/cb", "https://site.example/cb"]
)
def test_one_that_tiktok_takes_is_taken(uri: str) -> None:
    assert problems(TIKTOK_REDIRECT_URI=uri) == {}


@pytest.mark.rule(65)
@pytest.mark.parametrize("blank", ["", " ", "\t\n"])
def test_a_blank_key_or_secret_is_refused_by_name(blank: str) -> None:
    found = problems(TIKTOK_CLIENT_KEY=blank, TIKTOK_CLIENT_SECRET=blank)
    assert found.keys() == {"TIKTOK_CLIENT_KEY", "TIKTOK_CLIENT_SECRET"}
    assert {each.cause for each in found.values()} == {"is blank"}


@pytest.mark.rule(65)
def test_one_with_something_inside_that_no_key_has_is_refused_and_not_shown() -> None:
    found = problems(TIKTOK_CLIENT_KEY="aw made up", TIKTOK_CLIENT_SECRET='"quoted-by-hand"')
    assert found.keys() == {"TIKTOK_CLIENT_KEY", "TIKTOK_CLIENT_SECRET"}
    assert not [each for each in found.values() if "made up" in str(each) or "by-hand" in str(each)]


@pytest.mark.rule(65)
def test_padding_is_trimmed_all_the_way_to_tiktok(
    make_app: MakeApp, env: dict[str, str], sandbox: Sandbox
) -> None:
    names = ("TIKTOK_CLIENT_KEY", "TIKTOK_CLIENT_SECRET")
    client = make_app(**{name: f"  {env[name]}\r\n" for name in names}).test_client()
    assert question(begin(client))["client_key"] == sandbox.client_key
    assert connect(client).status_code == 303


@pytest.mark.rule(63)
@pytest.mark.parametrize("optional", [None, "video.list"])
def test_the_way_to_tiktok_is_words_without_a_logo(make_app: MakeApp, optional: str | None) -> None:
    client = make_app(TIKTOK_OPTIONAL_SCOPES=optional).test_client()
    home, choose = client.get("/").text, client.get("/connect").text
    for page in (home, choose):
        # Nothing but text stands inside the element.
        assert re.search(r"<(button|a)\b[^>]*>Continue with TikTok</\1>", page)
        assert pictures(page) == []
    assert the_form(choose, "/connect").buttons == ["Continue with TikTok"]
    if optional:
        # "Sign in" at the top right leads the same way.
        assert links_in_sight(home)["/connect"] == "Sign in Continue with TikTok"
    else:
        assert the_form(home, "/connect").buttons == ["Continue with TikTok"]


@pytest.mark.rule(63)
def test_no_picture_is_kept_here_but_our_own_mark() -> None:
    kinds = {".svg", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".ico", ".woff2"}
    shipped = [path for path in (ROOT / "static").rglob("*") if path.suffix.lower() in kinds]
    assert [path.name for path in shipped] == ["favicon.svg"]
    styles = "".join(path.read_text("utf-8") for path in (ROOT / "static").rglob("*.css"))
    assert "url(" not in re.sub(r"@import url\([^)]*\.css[^)]*\)", "", styles)


def public_pages(app: Flask) -> list[str]:
    """Return the path of every public page that can be opened without a name in it."""
    rules = [rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or set())]
    views = {rule.rule: app.view_functions[rule.endpoint] for rule in rules if not rule.arguments}
    return [path for path, view in views.items() if getattr(view, "access", None) == "public"]


@pytest.mark.rule(64)
@pytest.mark.parametrize("ours", [True, False], ids=["our own pages", "pages elsewhere"])
def test_privacy_and_terms_are_linked_in_sight_on_every_public_page(
    make_app: MakeApp, ours: bool
) -> None:
    elsewhere = {"PRIVACY_URL": "https://site.example/p", "TERMS_URL": "https://site.example/t"}
    app = make_app(**({} if ours else elsewhere))
    wanted = {"/privacy", "/terms"} if ours else set(elsewhere.values())
    client = app.test_client()
    answers = {path: client.get(path) for path in [*public_pages(app), "/not-there"]}
    pages = {path: each.text for path, each in answers.items() if each.mimetype == "text/html"}
    assert {"/", "/connect", "/privacy", "/terms", "/cookies", CALLBACK} < pages.keys()
    for path, page in pages.items():
        links = links_in_sight(page)
        assert wanted <= links.keys(), path
        assert all(links[each] for each in wanted), path
    assert {client.get(path).status_code for path in ("/privacy", "/terms")} == {200}


@pytest.mark.rule(64)
def test_they_are_linked_for_a_host_that_is_not_ours_and_for_whoever_is_signed_in(
    client: FlaskClient,
) -> None:
    stranger = client.get("/", base_url="http://evil.example").text
    connect(client)
    for page in (stranger, client.get("/connected").text, client.get("/account").text):
        assert {"/privacy", "/terms"} <= links_in_sight(page).keys()
