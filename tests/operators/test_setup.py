"""The setup page as operators see it: the doctor's list, what to paste, and the decoder."""

import json
import os
from collections.abc import Mapping
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.commands.people import join
from tests.commands.terminal import command
from tests.environment import CALLBACK
from tests.fixtures.app import MakeApp
from tests.forms import forms
from tests.movable import MovableClock
from tests.processes import ROOT
from tests.security.callers import caller
from tests.servers import Sandbox
from tests.views.reading import Reading
from webapp.database import writing
from webapp.services.maintenance import doctor, tiktok_checks
from webapp.services.maintenance.check import Check
from webapp.services.records import audit
from webapp.tiktok.provider import CredentialsCheck, Provider
from webapp.views.operators import setup

each_database = pytest.mark.usefixtures("each_database")
PATH = "/operators/setup"


@pytest.fixture(autouse=True)
def environment(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A served app finds its settings in the environment that it was started with."""
    for name, value in env.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def operator(app: Flask, sandbox: Sandbox) -> FlaskClient:
    return caller(app, sandbox, "operator")


def rows(page: str) -> dict[str, str]:
    """Return name → all that its row says."""
    reading = Reading(page)
    items = [" ".join(e.text.split()) for e in reading.all("li")]
    names = [e.text.strip() for e in reading.all("strong")]
    return {name: item for name in names for item in items if item.startswith(f"{name} ")}


def press_ask(client: FlaskClient) -> str:
    """Press the button, and return the page that follows."""
    (form,) = [form for form in forms(client.get(PATH).text) if form.action == PATH]
    answer = client.post(PATH, data=dict(form.fields))
    assert (answer.status_code, answer.location) == (303, PATH)
    return client.get(PATH).text


@each_database
def test_an_operator_reads_the_list_in_three_groups(operator: FlaskClient) -> None:
    page = operator.get(PATH)
    assert page.status_code == 200
    reading = Reading(page.text)
    assert [e.text for e in reading.all("h2")][:3] == ["Configuration", "TikTok", "Running"]
    told = rows(page.text)
    assert told["SECRET_KEY"].endswith("Is set. Done")
    assert told["The database is at the latest migration"].endswith("Done")
    assert told["The worker is keeping up"].endswith("Done")
    assert told["ALLOW_SANDBOX"].endswith("Check")
    assert "checks passed." in reading.text
    assert "There is a problem" not in reading.text


def test_the_page_has_every_check_of_the_doctor_in_the_same_words(
    app: Flask, operator: FlaskClient, env: dict[str, str]
) -> None:
    run = command(app, "doctor", "--json", env=env)
    page = press_ask(operator)
    text = " ".join(Reading(page).text.split())
    for check in json.loads(run.stdout):
        if check["name"] == "endpoint":
            continue  # it tells how long the call took
        assert setup.TITLES.get(check["name"], check["name"]) in text
        if "does not read every row" not in text or check["name"] not in ("rows", "people"):
            assert setup.sentence(check["cause"]) in text, check["name"]


def test_the_page_shows_the_settings_that_the_process_accepted(
    operator: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SESSION_DAYS", "many")
    page = operator.get(PATH).text
    assert rows(page)["SESSION_DAYS"].endswith("Is set. Done")
    assert "There is a problem" not in page, "a refusal is for the next start, and in English only"


def test_opening_the_page_calls_nobody(operator: FlaskClient, sandbox: Sandbox) -> None:
    before = sandbox.calls("token.client_credentials")
    told = rows(operator.get(PATH).text)
    assert sandbox.calls("token.client_credentials") == before
    assert told["TikTok accepts the client key and secret"].endswith("Not known yet")
    assert told["TikTok can be reached"].endswith("Not known yet")


def test_the_button_asks_once_and_the_answer_is_kept_with_its_time(
    operator: FlaskClient, sandbox: Sandbox, clock: MovableClock
) -> None:
    before = sandbox.calls("token.client_credentials")
    page = press_ask(operator)
    told = rows(page)
    assert (
        "TikTok doesn't reject the client key and secret. Done"
        in told["TikTok accepts the client key and secret"]
    )
    assert " ms. Done" in told["TikTok can be reached"]
    clock.advance(minutes=2)
    reading = Reading(operator.get(PATH).text)
    assert "Checked with TikTok 2 minutes ago." in reading.text
    assert "Check again" in [button.text for button in reading.all("button")]
    assert sandbox.calls("token.client_credentials") == before + 1


def test_an_answer_of_long_ago_tells_nothing_any_more(
    operator: FlaskClient, clock: MovableClock
) -> None:
    press_ask(operator)
    clock.advance(minutes=11)
    assert "Check with TikTok" in operator.get(PATH).text


def test_wrong_credentials_are_a_problem_with_the_fix(make_app: MakeApp, sandbox: Sandbox) -> None:
    client = caller(make_app(), sandbox, "operator")
    wrong = make_app(TIKTOK_CLIENT_SECRET="another-made-up-secret")
    other = wrong.test_client()
    # The same database and keys, so the same session.
    cookie = client.get_cookie("session")
    assert cookie is not None
    with client.session_transaction() as held, other.session_transaction() as given:
        given.update(held)
    told = rows(press_ask(other))["TikTok accepts the client key and secret"]
    assert "(invalid_client)" in told
    assert "copy both again from the same app's page at developers.tiktok.com" in told
    assert told.endswith("There is a problem")


def test_a_tiktok_that_is_down_is_no_problem_of_ours(
    operator: FlaskClient, sandbox: Sandbox
) -> None:
    sandbox.faults("token", "http500")
    told = rows(press_ask(operator))
    assert told["TikTok accepts the client key and secret"].endswith("Check")


@pytest.mark.parametrize(
    ("ahead", "word"), [(-29, "Done"), (90, "Check"), (-4000, "Check"), (None, "Not known yet")]
)
def test_a_clock_that_is_wrong_is_told(
    operator: FlaskClient, monkeypatch: pytest.MonkeyPatch, ahead: int | None, word: str
) -> None:
    skew = None if ahead is None else timedelta(seconds=ahead)
    found = CredentialsCheck(None, 0.2, skew)
    monkeypatch.setattr(Provider, "check_credentials", lambda _self: found)
    told = rows(press_ask(operator))["The clock is correct"]
    assert told.endswith(word)
    assert ("This machine's clock is 90 seconds ahead of TikTok's." in told) is (ahead == 90)
    assert ("This machine's clock is 4,000 seconds behind TikTok's." in told) is (ahead == -4000)


def test_what_to_paste_stands_there_with_its_buttons(
    operator: FlaskClient, env: dict[str, str]
) -> None:
    reading = Reading(operator.get(PATH).text)
    copied = {e.attrs["data-copy"]: e for e in reading.all("button") if "data-copy" in e.attrs}
    origin = env["TIKTOK_REDIRECT_URI"].removesuffix(CALLBACK)
    for value in (
        *(env["TIKTOK_REDIRECT_URI"], f"{origin}/webhooks/tiktok", f"{origin}/privacy"),
        *(f"{origin}/terms", "user.info.basic", "video.list"),
    ):
        assert value in reading.text
        assert copied[value].text.startswith("Copy (")
    assert "https addresses only" in reading.text


def test_an_address_of_ones_own_is_pasted_as_it_is(make_app: MakeApp) -> None:
    app = make_app(PRIVACY_URL="https://site.example/our-privacy")
    pasted = dict(tiktok_checks.values_to_paste(app.extensions["coatcheck"].settings))
    assert pasted["Privacy Policy URL"] == "https://site.example/our-privacy"


def test_the_webhook_address_to_paste_is_served(app: Flask) -> None:
    paths = {rule.rule: rule.methods or set() for rule in app.url_map.iter_rules()}
    assert "POST" in paths[tiktok_checks.WEBHOOK_PATH]


def test_every_word_of_tiktoks_page_has_a_row_to_link_to(
    operator: FlaskClient, env: dict[str, str]
) -> None:
    reading = Reading(operator.get(PATH).text)
    ids = [e.attrs["id"] for e in reading.all("tr") if "id" in e.attrs]
    words = ["client_key", "redirect_uri", "scope", "code_challenge", "non_sandbox_target"]
    assert ids == words
    assert f"Current value: {env['TIKTOK_REDIRECT_URI']}" in reading.text
    assert "Current value: TIKTOK_PKCE=1" in reading.text


def test_the_docs_decode_in_the_same_words() -> None:
    text = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
    plain = text.replace("`", "")
    for term in tiktok_checks.GLOSSARY:
        assert f"| {term.name} | {term.cause} | {term.fix} |" in plain


def test_the_connect_page_leads_operators_to_the_decoder(
    operator: FlaskClient, clock: MovableClock
) -> None:
    clock.advance(minutes=1)
    form = next(f for f in forms(operator.get("/connect").text) if f.action == "/connect")
    operator.post("/connect", data=dict(form.fields))
    clock.advance(minutes=3)
    page = operator.get("/connect").text
    assert "Did TikTok show an error?" in page
    assert f'href="{PATH}#decoder"' in page


@each_database
def test_a_notice_that_tiktok_signed_is_evidence_for_the_webhook(
    make_app: MakeApp, sandbox: Sandbox
) -> None:
    app = make_app(TIKTOK_REDIRECT_URI="https://site.example/callback")
    with app.app_context():
        runtime = app.extensions["coatcheck"]
        join(runtime, sandbox, "mara")
        assert checks_of(app)["webhook"].known is False
        with writing() as session:
            event = "connection.deauthorized"
            audit.record(session, runtime.clock(), event, on="ct_1", reason="removed_1")
        assert checks_of(app)["webhook"].known


def checks_of(app: Flask) -> Mapping[str, Check]:
    """Return the checks of a page by name."""
    found = doctor.checks(os.environ, app.extensions["coatcheck"], asked=tiktok_checks.NOT_ASKED)
    return {check.name: check for check in found}


class TestTheWayIn:
    """The address and the proxy: what only a request can tell."""

    def told(self, client: FlaskClient, **options: object) -> str:
        page = client.get(PATH, **options).text  # type: ignore[arg-type]  # as Werkzeug takes them
        return rows(page)["The address matches the proxy settings"]

    def test_the_address_of_the_settings_is_well(self, operator: FlaskClient) -> None:
        assert self.told(operator).endswith("Done")

    def test_a_proxy_that_is_not_counted_is_told(self, operator: FlaskClient) -> None:
        told = self.told(operator, headers={"X-Forwarded-For": "192.0.2.7"})
        assert "set PROXY_HOPS to the number of proxies" in told
        assert told.endswith("Check")

    def test_a_counted_proxy_that_was_not_passed_is_told(
        self, make_app: MakeApp, sandbox: Sandbox
    ) -> None:
        client = caller(make_app(PROXY_HOPS="1"), sandbox, "operator")
        assert "PROXY_HOPS expects a proxy" in self.told(client)
