"""Operators confirm with a recent sign-in before bulk disconnects, new keys and exports."""

import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from tests.forms import the_form
from tests.journeys.http_browser import opened
from tests.movable import MovableClock
from tests.security.acts import Stage
from tests.security.meanwhile import as_before, between
from tests.views.reading import Reading
from tests.walk import come_back, consent
from webapp.database import reading
from webapp.models import User
from webapp.services.authority import FRESH_FOR
from webapp.services.connect import disconnect
from webapp.services.handout import service_keys
from webapp.views.http.signing_in import step_up

pytestmark = pytest.mark.usefixtures("each_database")

LATER = FRESH_FOR + timedelta(seconds=1)
AGAIN = "Sign in again to continue"


@dataclass(frozen=True)
class Needing:
    """An action that needs a recent sign-in."""

    name: str
    path: str
    #: None: a link. Otherwise what its form sends.
    data: dict[str, Any] | None
    #: The page to which the new sign-in leads, and what its address or its form must hold.
    page: str
    choices: dict[str, Any] = field(default_factory=dict)

    def do(self, stage: Stage) -> TestResponse:
        """Press the button or follow the link."""
        if self.data is None:
            return stage.operator.get(self.path)
        token = the_form(stage.operator.get("/terms").text, "/theme").data()["csrf_token"]
        data = {n: v(stage) if callable(v) else v for n, v in self.data.items()}
        return stage.operator.post(self.path, data={"csrf_token": token} | data)


def both(stage: Stage) -> list[str]:
    return [stage.sandbox.open_id("jo"), stage.sandbox.open_id("mara")]


def shown(stage: Stage) -> str:
    """Return what the page shows of the rows that it counted: the sum of their IDs."""
    with stage.app.app_context(), reading() as session:
        return str(session.scalar(select(func.sum(User.id))))


DISCONNECT = "/operators/tokens/disconnect"
BULK = {"confirm": "1", "job": "made-up-job-id-2", "query": "status=healthy"}
SHOWN = {"count": "2", "typed": "2", "ids": shown}
SHOWN |= {"at": lambda stage: stage.runtime.clock().isoformat()}
NEEDING = (
    Needing("selected", DISCONNECT, BULK | {"id": both, "typed": "2"}, DISCONNECT, {"id": both}),
    Needing("all", DISCONNECT, BULK | SHOWN | {"all": "1"}, DISCONNECT, {"all": "1"}),
    Needing("key", "/operators/keys", {"name": "a b&ü"}, "/operators/keys", {"name": "a b&ü"}),
    Needing("csv", "/operators/tokens.csv?status=healthy", None, "/operators/tokens"),
    Needing("json", "/operators/tokens.json?status=healthy", None, "/operators/tokens"),
    Needing("audit", "/operators/audit.csv?what=operator.added", None, "/operators/audit"),
)
EACH = pytest.mark.parametrize("act", NEEDING, ids=[act.name for act in NEEDING])


def sign_in_again(stage: Stage, refused: TestResponse, person: str = "mara") -> TestResponse:
    """Press the button of the page, consent at TikTok and come back."""
    form = the_form(refused.text, "/connect")
    sent = stage.operator.post("/connect", data=form.data())
    assert parse_qs(urlsplit(sent.location).query)["disable_auto_auth"] == ["1"]
    return come_back(stage.operator, consent(sent.location, person))


@EACH
def test_a_sign_in_of_ten_minutes_is_recent(
    stage: Stage, clock: MovableClock, act: Needing
) -> None:
    clock.advance(seconds=FRESH_FOR.total_seconds())
    before = stage.kept()
    assert act.do(stage).status_code in (200, 303)
    assert stage.kept() != before


@EACH
def test_an_older_one_leads_through_a_new_sign_in_and_back_to_the_choices(
    stage: Stage, clock: MovableClock, act: Needing
) -> None:
    clock.advance(seconds=LATER.total_seconds())
    before = stage.kept()
    refused = act.do(stage)
    assert (refused.status_code, Reading(refused.text).the("h1")) == (403, AGAIN)
    assert "from the last 10 minutes" in refused.text
    assert stage.kept() == before, "nothing is done"

    welcome = sign_in_again(stage, refused)
    assert (welcome.status_code, urlsplit(welcome.location).path) == (303, act.page)
    page = stage.operator.get(welcome.location)
    assert "Nothing has been done yet." in page.text
    assert "what=operator.added" in page.text or "status=healthy" in page.text or "key" in act.name
    if act.data is not None:
        held = the_form(page.text, act.path).data()
        for name, value in act.choices.items():
            value = value(stage) if callable(value) else [value]
            assert sorted(held[name]) == sorted(value)

    before = stage.kept()
    assert act.do(stage).status_code in (200, 303)
    assert stage.kept() != before


@EACH
def test_the_sign_in_is_judged_when_the_act_is_written_not_before(
    stage: Stage, clock: MovableClock, act: Needing
) -> None:
    clock.advance(seconds=FRESH_FOR.total_seconds())
    before = stage.kept()

    def a_second_passes() -> None:
        clock.advance(seconds=1)

    between(stage.app, a_second_passes)
    answer = act.do(stage)
    as_before(stage.app)
    assert answer.status_code == 403
    assert stage.kept() == before


def test_another_account_confirms_nothing(stage: Stage, clock: MovableClock) -> None:
    clock.advance(seconds=LATER.total_seconds())
    act = next(act for act in NEEDING if act.name == "key")
    refused = act.do(stage)
    answer = sign_in_again(stage, refused, "jo")
    assert answer.status_code == 409
    assert Reading(answer.text).the("h1") == "That's a different TikTok account"
    assert act.do(stage).status_code == 403


def test_a_repeated_refusal_does_not_help(stage: Stage, clock: MovableClock) -> None:
    clock.advance(seconds=LATER.total_seconds())
    act = NEEDING[0]
    for _ in range(2):
        assert act.do(stage).status_code == 403


def test_other_acts_of_operators_need_no_recent_sign_in(stage: Stage, clock: MovableClock) -> None:
    clock.advance(hours=2)
    data = BULK | {"id": both}
    refresh = Needing("refresh", "/operators/tokens/refresh", data, "")
    answer = refresh.do(stage)
    assert (answer.status_code, answer.location) == (303, "/operators/bulk/made-up-job-id-2")


def test_commands_need_no_sign_in(stage: Stage, clock: MovableClock) -> None:
    clock.advance(hours=2)
    result = stage.app.test_cli_runner().invoke(args=["keys", "issue", "studio"])
    assert result.exit_code == 0, result.output
    with stage.app.app_context():
        assert [key.name for key in service_keys.list_all()] == ["studio"]


@pytest.mark.parametrize(
    "then", ["https://evil.example/", "//evil.example", "home.index", "key", "", "?rows=1"]
)
def test_a_sign_in_leads_to_a_page_of_the_fixed_set_only(stage: Stage, then: str) -> None:
    form = the_form(stage.operator.get("/connect").text, "/connect")
    sent = stage.operator.post("/connect", data=form.data(then=then))
    assert "disable_auto_auth" not in sent.location
    assert come_back(stage.operator, consent(sent.location)).location == "/account"


def test_what_a_form_adds_to_the_page_stays_a_query(stage: Stage) -> None:
    form = the_form(stage.operator.get("/connect").text, "/connect")
    then = "keys?name=a\r\nSet-Cookie: b=c&//evil.example/\t#x"
    sent = stage.operator.post("/connect", data=form.data(then=then, another_account="1"))
    answer = come_back(stage.operator, consent(sent.location))
    assert answer.status_code == 303
    assert answer.location == (
        "/operators/keys?name=a%0D%0ASet-Cookie%3A+b%3Dc&%2F%2Fevil.example%2F%09%23x="
    )
    assert "b" not in {cookie.split("=")[0] for cookie in answer.headers.getlist("Set-Cookie")}


def test_people_who_are_no_operators_are_sent_to_their_account(stage: Stage) -> None:
    form = the_form(stage.person.get("/connect").text, "/connect")
    sent = stage.person.post("/connect", data=form.data(then="keys"))
    assert come_back(stage.person, consent(sent.location, "jo")).location == "/account"


def test_the_longest_choices_leave_the_cookie_below_its_limit(stage: Stage) -> None:
    form = the_form(stage.operator.get("/connect").text, "/connect")
    for _ in range(6):
        noise = secrets.token_hex(step_up.MAX_CHOICES)[: step_up.MAX_CHOICES - len("name=")]
        stage.operator.post("/connect", data=form.data(then=f"keys?name={noise}"))
    assert any(noise in opened(value) for value in attempts(stage))
    assert max(map(len, attempts(stage))) < 4000
    stage.operator.post("/connect", data=form.data(then=f"keys?name=a{noise}"))
    assert not any(f"a{noise}" in opened(value) for value in attempts(stage))


def attempts(stage: Stage) -> list[str]:
    """Return the cookies of this browser's attempts."""
    cookies = stage.operator._cookies.values()
    return [cookie.value for cookie in cookies if cookie.key.startswith("attempt-")]


def test_deleted_people_are_not_among_the_choices(stage: Stage, clock: MovableClock) -> None:
    clock.advance(seconds=LATER.total_seconds())
    refused = NEEDING[0].do(stage)
    jo = stage.sandbox.open_id("jo")
    with stage.app.app_context():
        disconnect.delete_person(stage.runtime, stage.row("jo").ref)
    page = stage.operator.get(sign_in_again(stage, refused).location)
    assert the_form(page.text, DISCONNECT).data()["id"] == [stage.sandbox.open_id("mara")]
    assert jo not in page.text
