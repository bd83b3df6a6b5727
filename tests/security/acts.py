"""Every act that a person or an operator can press, set up so that it really does something.

Holds no test. `Stage` is one operator (mara) and one other person (jo), each in a browser.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert, select, update
from werkzeug.test import TestResponse

from tests.forms import the_form
from tests.migrations.ladder import contents
from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.services import grants
from tests.services.holding import runtime_of
from webapp.database import db, reading, writing
from webapp.models import Brakes, BrowserSession, BulkJob, Notification, User
from webapp.models.notification import NEVER
from webapp.services.connect import sessions
from webapp.services.handout import service_keys
from webapp.services.installation import binding
from webapp.services.operators import roles
from webapp.services.refresh import breaker
from webapp.services.runtime import Runtime

#: What a request may change though it does nothing: when a session was seen last.
UNIMPORTANT = {"browser_sessions": {"seen_at"}}


@dataclass
class Stage:
    """One app on one database, and who is in front of it."""

    app: Flask
    sandbox: Sandbox
    operator: FlaskClient
    person: FlaskClient

    @property
    def runtime(self) -> Runtime:
        """Return the app's runtime, as it is now."""
        return runtime_of(self.app)

    def row(self, name: str) -> User:
        """Return the row of one of the sandbox's people."""
        with self.app.app_context(), reading() as session:
            query = select(User).where(User.open_id == self.sandbox.open_id(name))
            return session.scalars(query).one()

    def sign_in(self, name: str, browser: FlaskClient) -> None:
        """Let someone connect and be signed in; past the pages, which have tests of their own."""
        with self.app.app_context():
            done = grants.join(self.runtime, grants.given(self.sandbox, self.runtime.clock(), name))
            secret = grants.sign_in(self.runtime, done.person)
        with browser.session_transaction() as session:
            session.update(_user_id=secret, _fresh=True)

    def is_there(self, name: str) -> bool:
        """Return True if one of the sandbox's people has an account here."""
        with self.app.app_context(), reading() as session:
            query = select(User.id).where(User.open_id == self.sandbox.open_id(name))
            return session.scalar(query) is not None

    def kept(self) -> dict[str, list[dict[str, Any]]]:
        """Return every row of every table, without what is of no importance here."""
        with self.app.app_context():
            found = contents(db.engine)
        return {
            table: [
                {n: v for n, v in row.items() if n not in UNIMPORTANT.get(table, ())}
                for row in rows
            ]
            for table, rows in found.items()
        }

    def asked_of_tiktok(self) -> Any:
        """Return how often TikTok was called for what."""
        return self.sandbox.counters()["calls"]

    def lose_session(self, name: str) -> None:
        """Sign someone out everywhere, as their other browser would."""
        with self.app.app_context():
            sessions.end_everywhere(self.row(name).ref, self.runtime.clock())

    def lose_operator(self) -> None:
        """Take mara's place as an operator away, as a command would."""
        with self.app.app_context():
            roles.remove_operator(self.runtime, self.sandbox.open_id("mara"))


@dataclass(frozen=True)
class Act:
    """One button: who may press it, what is sent, and what must be there before."""

    name: str
    who: str
    #: `{jo}` is the address of jo's open_id.
    path: str
    data: Mapping[str, Any]
    before: Callable[[Stage], None] = lambda _stage: None
    #: It leaves something in the database when it is done.
    writes: bool = True

    def client(self, stage: Stage) -> FlaskClient:
        """Return the browser in which it is pressed."""
        return stage.operator if self.who == "operator" else stage.person

    def sent(self, stage: Stage) -> tuple[str, dict[str, Any]]:
        """Return the path and the form, with the browser's own token."""
        open_id = stage.sandbox.open_id("jo")
        token = the_form(self.client(stage).get("/terms").text, "/theme").data()["csrf_token"]
        data = {
            name: value(stage) if callable(value) else value for name, value in self.data.items()
        }
        return self.path.format(jo=quote(open_id, safe="")), {"csrf_token": token} | data

    def press(self, stage: Stage, **options: Any) -> TestResponse:
        """Press it."""
        path, data = self.sent(stage)
        return self.client(stage).post(path, data=data, **options)


def a_given_up_notice(stage: Stage) -> None:
    """Let one notice have been given up."""
    now = stage.runtime.clock()
    values = {"message_id": "msg_1", "event": "fleet.alarm", "body": '{"data": {}}', "tries": 8}
    with stage.app.app_context(), writing() as session:
        session.execute(insert(Notification).values(values | {"created_at": now, "next_at": NEVER}))


def let_access_run_out(stage: Stage, clock: MovableClock) -> None:
    """Move the clock to after the end of every access token; everyone stays signed in."""
    clock.advance(hours=3)
    with stage.app.app_context(), writing() as session:
        session.execute(update(BrowserSession).values(seen_at=clock()))


def an_open_breaker(stage: Stage) -> None:
    """Let the breaker be open, with the next probe far off."""
    now = stage.runtime.clock()
    with stage.app.app_context():
        breaker.current(stage.runtime)
        with writing() as session:
            session.execute(
                update(Brakes).values(open_reason="transient", open_since=now, probe_at=NEVER)
            )


def a_key(stage: Stage) -> None:
    """Let a service have a key with a public id that the acts know."""
    with stage.app.app_context():
        service_keys.issue("reports", stage.runtime.clock())
        with writing() as session:
            session.execute(update(service_keys.ServiceKey).values(id="0a1b2c3d4e5f"))


def a_job(stage: Stage) -> None:
    """Let a bulk job be under way."""
    now = stage.runtime.clock()
    key = stage.runtime.settings.tiktok_client_key
    job = BulkJob(id="made-up-job-id", client_key=key, act="refresh", actor="ct_1111-1111")
    job.created_at, job.query = now, ""
    with stage.app.app_context(), writing() as session:
        session.add(job)


def another_browser(stage: Stage) -> None:
    """Let jo be signed in in one more browser."""
    with stage.app.app_context():
        grants.sign_in(stage.runtime, stage.row("jo").ref)


BULK = {"confirm": "1", "job": "made-up-job-id-2", "id": lambda s: s.sandbox.open_id("jo")}
ACTS = (
    Act("refresh", "person", "/account/refresh", {}),
    Act("disconnect", "person", "/account/disconnect", {}),
    Act("delete", "person", "/account/delete", {"ticket": lambda s: s.row("jo").ticket}),
    Act("sign out everywhere", "person", "/sign-out/everywhere", {}),
    Act("sign out the others", "person", "/sign-out/others", {}, another_browser),
    Act("refresh one", "operator", "/operators/tokens/{jo}/refresh", {}),
    Act("test one", "operator", "/operators/tokens/{jo}/test", {}),
    Act("disconnect one", "operator", "/operators/tokens/{jo}/disconnect", {}),
    Act("bulk refresh", "operator", "/operators/tokens/refresh", BULK),
    Act("bulk disconnect", "operator", "/operators/tokens/disconnect", BULK),
    Act(
        "bulk refresh of all",
        "operator",
        "/operators/tokens/refresh",
        {
            **{"confirm": "1", "job": "made-up-job-id-3", "all": "1", "query": ""},
            **{"count": "2", "at": lambda s: s.runtime.clock().isoformat()},
        },
    ),
    Act("stop a job", "operator", "/operators/bulk/made-up-job-id/stop", {}, a_job),
    Act("issue a key", "operator", "/operators/keys", {"name": "studio"}),
    Act("revoke a key", "operator", "/operators/keys/0a1b2c3d4e5f/revoke", {}, a_key),
    Act("retry notices", "operator", "/operators/notices/retry", {}, a_given_up_notice),
    Act("probe", "operator", "/operators/health/probe", {}, an_open_breaker),
    Act("ask TikTok", "operator", "/operators/setup", {}, writes=False),
)
IDS = [act.name for act in ACTS]


def act(name: str) -> Act:
    """Return the act with this name."""
    return next(each for each in ACTS if each.name == name)


def in_app(stage: Stage, what: Callable[..., Any], *args: Any) -> Any:
    """Call something in the app's context; return its result."""
    with stage.app.app_context():
        return what(*args)


def sessions_of(stage: Stage, name: str) -> int:
    """Return in how many browsers someone is signed in."""
    with stage.app.app_context(), reading() as session:
        query = select(BrowserSession).where(BrowserSession.user_id == stage.row(name).id)
        return len(session.scalars(query).all())


def stage_of(app: Flask, sandbox: Sandbox) -> Stage:
    """Let mara connect and be an operator, and jo connect."""
    stage = Stage(app, sandbox, app.test_client(), app.test_client())
    for name, browser in (("mara", stage.operator), ("jo", stage.person)):
        stage.sign_in(name, browser)
    with app.app_context():
        roles.add_operator(stage.runtime, sandbox.open_id("mara"), stage.runtime.clock())
        # Made at the first look, no matter who looks.
        breaker.current(stage.runtime)
        assert binding.mismatch(stage.runtime) is None
    return stage
