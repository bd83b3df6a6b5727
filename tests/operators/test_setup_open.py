"""The setup page before the first operator: open to anybody, and without any value in it."""

import base64
import re
import secrets
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask

from tests.fixtures.app import MakeApp
from tests.movable import MovableClock
from tests.security.callers import caller
from tests.servers import Sandbox
from tests.views.connections import connection
from tests.views.reading import Reading
from webapp.database import db
from webapp.services.maintenance.check import Check
from webapp.services.operators import roles
from webapp.settings import Settings
from webapp.views.http.guards import CHECK_EVERY
from webapp.views.operators import setup

each_database = pytest.mark.usefixtures("each_database")
PATH = "/operators/setup"


def own_values() -> dict[str, str]:
    """Return a value for every setting that may have one, such as no page holds by chance."""
    return {
        "TIKTOK_REDIRECT_URI": "https://secret-site.example:8443/secret-callback",
        "TIKTOK_SCOPES": "user.info.basic,business.basic",
        "TIKTOK_OPTIONAL_SCOPES": "video.publish",
        "SECRET_KEY_FALLBACKS": secrets.token_hex(32),
        "TOKEN_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
        "INSTANCE_ID": "made-up-instance-71",
        "REFRESH_RATE": "7317",
        "REFRESH_IDLE_DAYS": "3173",
        "SESSION_DAYS": "317",
        "SESSION_IDLE_HOURS": "7137",
        "TRUSTED_HOSTS": "other-site.example",
        "APP_NAME": "Quince Studio",
        "PRIVACY_URL": "https://secret-site.example/quince-privacy",
        "TERMS_URL": "https://secret-site.example/quince-terms",
        "SUPPORT_EMAIL": "quince@secret-site.example",
        "SECURITY_CONTACT": "https://quince-reports.example/quince-report",
        "LOG_LEVEL": "CRITICAL",
        "LOG_FORMAT": "console",
        "AUDIT_DAYS": "731",
        "NOTIFY_URL": "https://quince-receiver.example/quince-notices",
        "NOTIFY_SECRET": f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}",
        "METRICS_TOKEN": secrets.token_urlsafe(32),
    }


def values(settings: Settings) -> Iterator[str]:
    """Yield every value as a page would print it, host names and parts of lists too."""
    for name in Settings.model_fields:
        value = getattr(settings, name)
        for part in value if isinstance(value, tuple) else (value,):
            plain = part.get_secret_value() if hasattr(part, "get_secret_value") else part
            # A flag, a hop: they stand in any text.
            if plain is not None and len(str(plain)) > 2 and not isinstance(plain, bool):
                yield str(plain)
                yield from re.findall(r"//([^/:]{4,})", str(plain))


@pytest.fixture
def telling(make_app: MakeApp, env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Flask:
    """An app with a value of its own for every setting, and as much amiss as an app allows."""
    own = own_values()
    for name, value in (env | own | {"TIKTOK_CLIENT_IDS": "quince-typo"}).items():
        monkeypatch.setenv(name, value)
    app = make_app(**own)
    runtime = app.extensions["coatcheck"]
    runtime.rescue_file.write_text("", encoding="utf-8")
    connection(app, 1)
    return app


def main_of(page: str) -> str:
    """Return what is between the frame's parts, which every public page has."""
    found = re.search(r"<main.*</main>", page, re.DOTALL)
    assert found
    return found.group()


@pytest.mark.rule(55)
@each_database
def test_no_setting_has_its_value_on_the_open_page(telling: Flask) -> None:
    answer = telling.test_client().get(PATH)
    assert answer.status_code == 200
    shown = main_of(answer.text)
    settings = telling.extensions["coatcheck"].settings
    found = [value for value in values(settings) if value in shown]
    assert not found
    for more in (db_name(telling), "quince-typo", str(telling.extensions["coatcheck"].folder)):
        assert more not in shown


def db_name(app: Flask) -> str:
    """Return the name of the database, or its file."""
    with app.app_context():
        return str(db.engine.url.database)


def test_the_open_page_counts_nothing_and_changes_nothing(telling: Flask) -> None:
    client = telling.test_client()
    answer = client.get(PATH)
    # The decoder's table is the same for all: it names a setting's worst value.
    checks, _, decoder = main_of(answer.text).partition('<h2 id="decoder">')
    assert decoder
    reading = Reading(checks.replace('<main id="main" tabindex="-1" >', ""))
    # The line to add is advice, not a value.
    text = reading.text.replace("PROXY_HOPS=1", "PROXY_HOPS")
    assert not re.findall(r".{0,60}\d.{0,30}", text), "no count, no port, no number"
    assert not reading.all("form")
    assert not [e for e in reading.all("span") if "hint" in e.classes]
    with client.session_transaction() as kept:
        assert set(kept) == {"csrf_token"}, "what the forms of the footer need, no more"


def test_the_open_page_names_words_and_fixes(telling: Flask) -> None:
    text = Reading(telling.test_client().get(PATH).text).text
    for words in ("Check", "Not known yet", "Done"):
        assert words in text
    assert "flask tokens rescue" in text
    assert "non_sandbox_target" in text
    assert "flask doctor" in text


def test_only_a_check_that_says_so_shows_its_fix_to_anyone() -> None:
    checks = (
        Check("warn", "worker", "a value", "anyone may read this", "running", public=True),
        Check("warn", "disk", "a value", "for operators alone", "running"),
    )
    shown = [task for section in setup.sections(checks, values=False) for task in section.tasks]
    assert [(task.hint, task.fix) for task in shown] == [("", "anyone may read this"), ("", "")]


@each_database
def test_the_page_closes_with_the_first_operator(
    app: Flask, sandbox: Sandbox, clock: MovableClock
) -> None:
    stranger = app.test_client()
    assert stranger.get(PATH).status_code == 200
    operator = caller(app, sandbox, "operator")
    assert "checks pass" in operator.get(PATH).text, "an operator need not wait"
    clock.advance(CHECK_EVERY)
    assert stranger.get(PATH).status_code == 404
    assert caller(app, sandbox, "person").get(PATH).status_code in (200, 404)


def test_a_person_reads_no_more_than_anybody(app: Flask, sandbox: Sandbox) -> None:
    page = caller(app, sandbox, "person").get(PATH).text
    assert "no values" in page
    assert "checks pass" not in page


def test_the_page_does_not_open_again_with_the_last_operator_gone(
    app: Flask, sandbox: Sandbox, clock: MovableClock
) -> None:
    client = caller(app, sandbox, "operator")
    assert app.test_client().get(PATH).status_code == 404
    with app.app_context():
        roles.remove_operator(app.extensions["coatcheck"], sandbox.open_id("mara"))
    clock.advance(timedelta(days=1))
    assert app.test_client().get(PATH).status_code == 404
    assert client.get(PATH).status_code == 404


def test_whether_there_is_an_operator_is_looked_up_at_most_every_ten_seconds(
    app: Flask, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    monkeypatch.setattr(roles, "has_operators", lambda _runtime: bool(looks.append(1)))
    for _ in range(5):
        assert app.test_client().get(PATH).status_code == 200
    assert len(looks) == 1
    clock.advance(CHECK_EVERY)
    app.test_client().get(PATH)
    assert len(looks) == 2


def test_nobody_but_an_operator_makes_it_ask_tiktok(app: Flask, sandbox: Sandbox) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    before = sandbox.calls("token.client_credentials")
    assert app.test_client().post(PATH).status_code == 404
    assert caller(app, sandbox, "person").post(PATH).status_code == 404
    assert sandbox.calls("token.client_credentials") == before
