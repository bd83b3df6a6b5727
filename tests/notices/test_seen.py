"""How the telling stands, for people: figures, doubts, the section of a page, the command."""

import json

import pytest
from flask import Flask, render_template_string
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.commands.terminal import command
from tests.fixtures.app import MakeApp
from tests.forms import the_form
from tests.keep.world import World
from tests.notices.told import (
    BROKEN,
    GONE,
    TAKEN,
    Receiver,
    deliver,
    rows,
    seconds,
    tell,
    the_row,
)
from tests.servers import Sandbox
from tests.services.holding import runtime_of
from tests.walk import connect
from webapp.database import reading
from webapp.models import AuditEvent
from webapp.services.maintenance import troubles
from webapp.services.notifications import outbox
from webapp.services.operators import roles
from webapp.services.runtime import Runtime

both = pytest.mark.usefixtures("each_database")


def doubted(runtime: Runtime) -> list[str]:
    """Return what is doubted of the notices, in words."""
    return [each.cause for each in troubles.doubts(runtime) if each.name == "NOTIFY_URL"]


@both
def test_the_standing_counts_what_waits_and_what_was_given_up(world: World) -> None:
    tell(world.runtime)
    deliver(world.runtime, Receiver(TAKEN))
    delivered_at = world.clock()
    world.clock.advance(minutes=1)
    tell(world.runtime, 1)
    deliver(world.runtime, Receiver(GONE))
    world.clock.advance(minutes=1)
    tell(world.runtime, 2)
    deliver(world.runtime, Receiver(BROKEN))
    made = world.clock()
    world.clock.advance(minutes=1)
    assert outbox.delivery_status(world.runtime, world.clock()) == outbox.DeliveryStatus(
        receiver="127.0.0.1:9",
        waiting=1,
        oldest_waiting_since=made,
        given_up=1,
        last_delivered_at=delivered_at,
        last_answer="500",
    )
    lines = outbox.recent_notifications(world.runtime, 2)
    assert [line.state for line in lines] == ["given_up", "waiting"]
    assert [line.ticket for line in lines] == ["ct_000000001", "ct_000000002"]
    assert outbox.recent_notifications(world.runtime, 9)[2].state == "delivered"


@pytest.mark.audit("notice.retried")
@both
def test_what_was_given_up_is_doubted_until_it_is_tried_again(world: World) -> None:
    first = tell(world.runtime)
    tell(world.runtime, 1)
    assert doubted(world.runtime) == []
    deliver(world.runtime, Receiver(GONE))
    assert doubted(world.runtime) == ["2 notifications were given up; the last answer was: 410"]
    assert outbox.retry(world.clock(), first) == 1
    assert outbox.retry(world.clock(), first) == 0
    assert doubted(world.runtime) == ["1 notification was given up; the last answer was: 410"]
    assert outbox.retry(world.clock()) == 1
    assert deliver(world.runtime, Receiver(TAKEN)) == 2
    assert doubted(world.runtime) == []
    with reading() as session:
        events = session.scalars(select(AuditEvent).order_by(AuditEvent.id)).all()
    retried = [json.loads(each.fields) for each in events if each.event == "notice.retried"]
    assert retried == [{"message": row.message_id} for row in rows()]


def test_what_was_tried_again_has_all_its_tries_before_it(world: World) -> None:
    tell(world.runtime)
    deliver(world.runtime, Receiver(GONE))
    outbox.retry(world.clock())
    deliver(world.runtime, Receiver(BROKEN))
    assert the_row().tries == 1
    assert seconds(the_row().next_at, world.clock()) <= 6


def test_what_waits_for_more_than_an_hour_is_doubted(world: World) -> None:
    tell(world.runtime)
    world.clock.advance(hours=1)
    assert doubted(world.runtime) == []
    world.clock.advance(hours=1)
    assert doubted(world.runtime) == ["a notification has been waiting for 2 h"]


def test_where_nobody_is_told_nothing_is_doubted(world: World, make_app: MakeApp) -> None:
    tell(world.runtime)
    world.clock.advance(hours=2)
    app = make_app(NOTIFY_URL=None)
    silent: Runtime = app.extensions["coatcheck"]
    with app.app_context():
        assert doubted(silent) == []
        assert outbox.recent_notifications(silent) == []
        assert outbox.delivery_status(silent, world.clock()).receiver == ""


class TestTheSection:
    """The section of the health page, and its buttons; no context of the app stands around them."""

    @pytest.fixture
    def at(self, app: Flask) -> Runtime:
        """The app's runtime, on a page that is there."""
        if "health.show" not in app.view_functions:
            app.add_url_rule("/operators/health", "health.show", lambda: "")
        return runtime_of(app)

    @pytest.fixture
    def operator(
        self, client: FlaskClient, app: Flask, at: Runtime, sandbox: Sandbox
    ) -> FlaskClient:
        """The browser of an operator."""
        assert connect(client).status_code == 303
        with app.app_context():
            roles.add_operator(at, sandbox.open_id("mara"), at.clock())
        return client

    def section(self, app: Flask, at: Runtime) -> str:
        """Return the section as the page draws it."""
        words = '{% from "components/notices_out.html" import notices_out %}{{ notices_out(a, b) }}'
        with app.test_request_context(base_url=at.settings.public_origin):
            lines = outbox.recent_notifications(at, 20)
            return render_template_string(words, a=outbox.delivery_status(at, at.clock()), b=lines)

    def test_it_says_that_nothing_was_to_be_told(self, app: Flask, at: Runtime) -> None:
        text = self.section(app, at)
        assert "No notifications in the last few days." in text
        assert "none yet" in text

    def test_it_says_how_to_have_somebody_told(self, make_app: MakeApp) -> None:
        app = make_app(NOTIFY_URL=None)
        assert "<code>NOTIFY_URL</code>" in self.section(app, runtime_of(app))

    def test_it_offers_another_try_for_what_was_given_up_and_names_nobody(
        self, app: Flask, at: Runtime
    ) -> None:
        with app.app_context():
            for number in range(3):
                tell(at, number)
                deliver(at, Receiver((TAKEN, GONE, BROKEN)[number]))
        text = self.section(app, at)
        assert [
            text.count(word) for word in ('ok">Delivered<', 'bad">Given up<', 'warn">Waiting<')
        ] == [1] * 3
        assert text.count('name="message"') == 1
        assert "made-up-" not in text
        assert "key=" not in text

    def test_a_press_has_it_sent_again_and_is_told(
        self, app: Flask, at: Runtime, operator: FlaskClient
    ) -> None:
        with app.app_context():
            message = tell(at)
            deliver(at, Receiver(GONE))
        form = the_form(operator.get("/account").text, "/sign-out")
        answer = operator.post("/operators/notices/retry", data=form.data(message=message))
        assert answer.status_code == 303
        assert answer.headers["Location"].endswith("/operators/health#notices")
        with app.app_context():
            assert the_row().next_at == at.clock()
        assert "One notification will be sent again" in operator.get("/operators/tokens").text

    def test_only_operators_may_press(self, client: FlaskClient) -> None:
        assert client.post("/operators/notices/retry").status_code == 404


class TestTheCommand:
    """`flask notifications`."""

    def test_lists_what_was_told(self, app: Flask, world: World) -> None:
        message = tell(world.runtime)
        deliver(world.runtime, Receiver(GONE))
        listed = command(app, "notifications", "list")
        assert listed.exit_code == 0
        assert f"{message}  " in listed.stdout
        assert listed.stdout.endswith("given up  1 try  410  connection.revoked\n")
        (line,) = json.loads(command(app, "notifications", "list", "--json").stdout)
        assert (line["message_id"], line["state"]) == (message, "given_up")
        assert "made-up" not in json.dumps(line)

    def test_has_them_tried_again(self, app: Flask, world: World) -> None:
        tell(world.runtime)
        assert (
            command(app, "notifications", "retry").stdout
            == "There are no undelivered notifications.\n"
        )
        deliver(world.runtime, Receiver(GONE))
        assert (
            command(app, "notifications", "retry").stdout == "1 notification will be sent again.\n"
        )
        assert seconds(the_row().next_at, world.clock()) <= 6

    def test_says_where_nobody_is_told(self, make_app: MakeApp) -> None:
        run = command(make_app(NOTIFY_URL=None), "notifications", "list")
        assert (run.exit_code, run.stdout) == (1, "")
        assert run.stderr == "No notifications are sent: NOTIFY_URL is not set\n"

    def test_says_what_came_of_a_trial(self, app: Flask) -> None:
        run = command(app, "notifications", "test")
        assert (run.exit_code, run.stderr) == (1, "The receiver did not accept it: no connection\n")
