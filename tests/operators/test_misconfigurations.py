"""Twelve planted misconfigurations: start-up, `flask doctor` and the setup page say the same."""

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.commands.terminal import command
from tests.environment import complete
from tests.fixtures.app import MakeApp
from tests.views.bare_app import stage
from tests.views.connections import connection, sign_in
from tests.views.scenes import OPERATOR, Scene, play
from webapp import cli
from webapp.cli.console import problem_text
from webapp.services.maintenance import doctor, tiktok_checks
from webapp.services.operators import roles
from webapp.settings import Problem
from webapp.views.http.template_filters import sentence
from webapp.views.operators import setup

PATH = "/operators/setup"


@dataclass(frozen=True)
class Planted:
    """What is changed in a sound environment, and how it must be told."""

    changes: Mapping[str, str | None]
    name: str
    cause: str
    fix: str


REFUSED = {
    "a missing secret key": Planted({"SECRET_KEY": None}, "SECRET_KEY", "is not set", "token_hex"),
    "a well-known secret key": Planted(
        {"SECRET_KEY": "changeme" * 8}, "SECRET_KEY", "well-known", "token_hex"
    ),
    "a token key that is none": Planted(
        {"TOKEN_KEYS": "not-base64!"}, "TOKEN_KEYS", "not base64", "flask keys generate"
    ),
    "a blank client secret": Planted(
        {"TIKTOK_CLIENT_SECRET": " "}, "TIKTOK_CLIENT_SECRET", "is blank", "developers.tiktok.com"
    ),
    "the name that others give the key": Planted(
        {"TIKTOK_CLIENT_KEY": None, "TIKTOK_CLIENT_ID": "x"},
        *("TIKTOK_CLIENT_KEY", "TIKTOK_CLIENT_ID is", "rename TIKTOK_CLIENT_ID"),
    ),
    "http on another host": Planted(
        {"TIKTOK_REDIRECT_URI": "http://site.example/callback"},
        *("TIKTOK_REDIRECT_URI", "not this machine", "https://YOUR-HOST"),
    ),
    "a redirect address with a query": Planted(
        {"TIKTOK_REDIRECT_URI": "https://site.example/callback?from=tiktok"},
        *("TIKTOK_REDIRECT_URI", "contains a query", "TIKTOK_REDIRECT_URI="),
    ),
    "no PKCE on this machine": Planted(
        {"TIKTOK_PKCE": "0"}, "TIKTOK_PKCE", "requires PKCE", "TIKTOK_PKCE=1"
    ),
    "a scope that is none": Planted(
        {"TIKTOK_SCOPES": "user.info.basics"},
        *("TIKTOK_SCOPES", "user.info.basics: ", "remove user.info.basics from"),
    ),
    "a mock TikTok that is not allowed": Planted(
        {"ALLOW_SANDBOX": "0"}, "TIKTOK_API_URL", "a host other than TikTok's", "ALLOW_SANDBOX=1"
    ),
    "a debugger for everybody": Planted(
        {"FLASK_DEBUG": "1"}, "FLASK_DEBUG", "is on", "unset FLASK_DEBUG"
    ),
    "an address of another provider's database": Planted(
        {"DATABASE_URL": "postgres://db.example/app"},
        *("DATABASE_URL", "begins with postgres://", "write postgresql://"),
    ),
}


@pytest.fixture(scope="module")
def pages() -> Flask:
    return stage()


def told_by_the_doctor(env: Mapping[str, str]) -> list[dict[str, str]]:
    """Return what the command says while settings are refused, as `wsgi.py` lets it."""
    app = cli.unconfigured_app(doctor.settings_problems(env)[1])
    run = command(app, "doctor", "--json", env=env)
    assert run.exit_code == 1
    found: list[dict[str, str]] = json.loads(run.stdout)
    return found


def as_operator(app: Flask) -> FlaskClient:
    """Return the browser of an operator who never met TikTok."""
    user, runtime = connection(app, 1), app.extensions["coatcheck"]
    with app.app_context():
        roles.add_operator(runtime, user.open_id, runtime.clock())
    client = app.test_client()
    sign_in(app, client, user)
    return client


def page_of(pages: Flask, env: Mapping[str, str]) -> str:
    """Return the setup page of what no app can be made of."""
    checks = list(doctor.checks(env, None, asked=()))
    context = {
        "values": True,
        "sections": setup.sections(checks, values=True),
        "counts": setup.counts(checks),
        "asked_at": None,
        "paste": [],
        "webhook_reachable": True,
        "decoder": tiktok_checks.GLOSSARY,
        "set_now": dict.fromkeys((term.name for term in tiktok_checks.GLOSSARY), ""),
    }
    return html.unescape(play(pages, Scene("operators/setup.html", context, OPERATOR)))


@pytest.mark.parametrize("name", REFUSED)
def test_what_forbids_the_start_is_told_by_all_three_alike(pages: Flask, name: str) -> None:
    planted = REFUSED[name]
    sound: dict[str, str | None] = {**complete("sqlite:///instance/none.db", 8000)}
    env = {name: text for name, text in (sound | planted.changes).items() if text is not None}
    problems = doctor.start_problems(env)[1]
    (problem,) = [p for p in problems if p.name == planted.name and planted.cause in p.cause]
    assert planted.fix in problem.fix
    assert f"  {problem.name} – {problem.cause}\n      fix: {problem.fix}" in problem_text(problems)
    said = {"name": problem.name, "cause": problem.cause, "fix": problem.fix}
    (line,) = [each for each in told_by_the_doctor(env) if said.items() <= each.items()]
    assert line["verdict"] == "FAIL"
    page = page_of(pages, env)
    for word in (problem.name, sentence(problem.cause), problem.fix, "There is a problem"):
        assert word in page


@pytest.mark.parametrize(
    "changes",
    [
        {"TIKTOK_SECRET_FILE": "x"},
        {"TIKTOK_SCOPES": "business.basic"},
        {"PORT": "8999"},
    ],
    ids=["a name that is no setting", "a scope with a remark", "another port"],
)
def test_what_lets_it_start_is_doubted_by_all_three_alike(
    make_app: MakeApp,
    env: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, str],
) -> None:
    for name, value in (env | changes).items():
        monkeypatch.setenv(name, value)
    app = make_app(**changes)
    # What `gunicorn.conf.py` writes into the log of a start.
    doubts = doctor.doubts(app.extensions["coatcheck"].settings)
    (doubt,) = [each for each in doubts if each.name != "ALLOW_SANDBOX"]
    run = command(app, "doctor", env=env | changes)
    assert f"warn {doubt.name} – {doubt.cause} – {doubt.fix}" in run.stdout.splitlines()
    page = html.unescape(as_operator(app).get(PATH).text)
    for word in (doubt.name, sentence(doubt.cause), doubt.fix):
        assert word in page


def test_a_database_that_is_not_migrated_has_the_same_cause_and_fix(pages: Flask) -> None:
    env = complete("sqlite:///instance/none.db", 8000)
    (problem,) = doctor.start_problems(env)[1]
    assert problem == Problem("DATABASE_URL", "there is no database yet", "flask db upgrade")
    (line,) = [each for each in doctor.checks(env, None, asked=()) if each.verdict == "FAIL"]
    assert (line.name, line.cause, line.fix) == ("database", problem.cause, problem.fix)
    assert sentence(problem.cause) in page_of(pages, env)
