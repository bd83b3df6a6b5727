"""Anyone who loses a right while a request is under way does nothing with it, and is told so.

Two moments: while the body is still arriving, and between the guard's answer and the write.
"""

import base64
import secrets
from collections.abc import Callable
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
from werkzeug.test import TestResponse

from tests.fixtures.app import MakeApp
from tests.security.acts import ACTS, IDS, Act, Stage, stage_of
from tests.security.callers import UNSAFE, routes
from tests.security.meanwhile import Arriving, as_before, between
from tests.servers import Sandbox
from webapp.views.http.guards import access_of

pytestmark = pytest.mark.usefixtures("each_database")

DELETED = "Your account is deleted."
SIGNED_OUT = "You're no longer signed in, so nothing was done."


@pytest.fixture
def stage(make_app: MakeApp, sandbox: Sandbox) -> Stage:
    return stage_of(make_app(NOTIFY_URL="http://127.0.0.1:9/", NOTIFY_SECRET=NOTIFY), sandbox)


NOTIFY = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def lost(act: Act, stage: Stage) -> Callable[[], None]:
    """Return what takes the right to this act away."""
    if act.who == "operator":
        return stage.lose_operator
    return lambda: stage.lose_session("jo")


def lost_the_session(act: Act, stage: Stage) -> Callable[[], None]:
    return lambda: stage.lose_session("mara" if act.who == "operator" else "jo")


def lost_the_account(act: Act, stage: Stage) -> Callable[[], None]:
    def delete() -> None:
        from webapp.services.connect import disconnect

        with stage.app.app_context():
            name = "mara" if act.who == "operator" else "jo"
            disconnect.delete_person(stage.runtime, stage.row(name).ref)

    return delete


LOSSES = pytest.mark.parametrize(
    "lose",
    [
        pytest.param(lost, id="right"),
        pytest.param(lost_the_session, id="session", marks=pytest.mark.long),
        pytest.param(lost_the_account, id="account", marks=pytest.mark.long),
    ],
)


class Watch:
    """Lets a right be lost once, and remembers how things stood right after."""

    def __init__(self, stage: Stage, lose: Callable[[], None]) -> None:
        self._stage, self._lose = stage, lose
        self.after: Any = None

    def __call__(self) -> None:
        if self.after is None:
            self._lose()
            self.after = self._stage.kept(), self._stage.asked_of_tiktok()

    def assert_nothing_done(self) -> None:
        assert self.after is not None, "the right was never lost"
        kept, asked = self.after
        assert self._stage.kept() == kept
        assert self._stage.asked_of_tiktok() == asked


def assert_told(act: Act, stage: Stage, answer: TestResponse, words: str = SIGNED_OUT) -> None:
    if act.who == "operator":
        assert answer.status_code == 404
        assert "Nothing was changed and nothing was stored." in answer.text
    else:
        assert (answer.status_code, answer.location) == (303, "/")
        assert words in unescape(stage.person.get("/").text)


@pytest.mark.parametrize("act", ACTS, ids=IDS)
def test_each_act_does_something_for_whoever_may(stage: Stage, act: Act) -> None:
    act.before(stage)
    kept, asked = stage.kept(), stage.asked_of_tiktok()
    assert act.press(stage).status_code in (200, 303)
    assert (stage.kept() != kept) is act.writes
    assert act.writes or stage.asked_of_tiktok() != asked


@LOSSES
@pytest.mark.parametrize("act", ACTS, ids=IDS)
def test_a_right_that_is_lost_while_the_body_arrives_is_lost_for_it(
    stage: Stage, act: Act, lose: Callable[[Act, Stage], Callable[[], None]]
) -> None:
    act.before(stage)
    path, data = act.sent(stage)
    body = urlencode(data, doseq=True).encode()
    watch = Watch(stage, lose(act, stage))
    answer = act.client(stage).post(
        path,
        environ_overrides={"wsgi.input": Arriving(body, watch), "CONTENT_LENGTH": str(len(body))},
        content_type="application/x-www-form-urlencoded",
    )
    watch.assert_nothing_done()
    assert_told(act, stage, answer)


@LOSSES
@pytest.mark.parametrize("act", ACTS, ids=IDS)
def test_a_right_that_is_lost_after_the_guard_asked_is_lost_for_the_write(
    stage: Stage, act: Act, lose: Callable[[Act, Stage], Callable[[], None]]
) -> None:
    act.before(stage)
    path, data = act.sent(stage)
    watch = Watch(stage, lose(act, stage))
    between(stage.app, watch)
    answer = act.client(stage).post(path, data=data)
    watch.assert_nothing_done()
    as_before(stage.app)
    # An account that the other browser has deleted is deleted, so that is what is told.
    done = act.name == "delete" and not stage.is_there("jo")
    assert_told(act, stage, answer, DELETED if done else SIGNED_OUT)


def test_the_acts_are_all_there_are(stage: Stage) -> None:
    known = {stage.app.url_map.bind("").match(path_of(act), "POST")[0] for act in ACTS}
    pressed = {
        endpoint
        for method, endpoint, _path in routes(stage.app)
        if method in UNSAFE and access_of(stage.app, endpoint) in ("person", "operator")
    }
    # One button ends one's own session; one needs the name of another session (below).
    assert pressed - known == {"account.sign_out", "account.sign_out_one"}


def path_of(act: Act) -> str:
    return act.path.format(jo="-000jo")
