"""`flask demo seed` and `clear`: demo people in every state, and nobody else touched."""

import json
import re

import pytest
from flask import Flask
from sqlalchemy import func, select

from demo import commands, crowd
from tests.commands.people import join, row
from tests.commands.terminal import command
from tests.fixtures.app import MakeApp
from tests.servers import Sandbox
from webapp.database import reading
from webapp.models import Reason, Status, User
from webapp.services.refresh import due
from webapp.services.runtime import Runtime


@pytest.fixture(autouse=True)
def demo_commands(app: Flask) -> None:
    """`flask demo`, which `wsgi.py` adds and the app doesn't know."""
    app.cli.add_command(commands.demo)


def people() -> list[User]:
    with reading() as session:
        return list(session.scalars(select(User).order_by(User.open_id)))


@pytest.mark.usefixtures("each_database")
def test_so_many_people_in_every_state_are_added_once(
    app: Flask, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crowd, "BATCH", 400)
    run = command(app, "demo", "seed", "--people", "1000")
    assert (run.exit_code, run.stdout) == (0, "1000 demo people added; there are now 1000\n")
    assert "Added: 400 of 1000" in run.stderr
    there = people()
    assert {user.status for user in there} == {each.value for each in Status}
    assert {user.reason for user in there} >= {None, Reason.REFUSED, Reason.GRANT_OVER}
    assert len({user.ticket for user in there}) == 1000
    assert all(re.fullmatch(r"ct_[2-9A-Z]{4}-[2-9A-Z]{4}", user.ticket) for user in there)
    assert 0.9 < sum(user.status == Status.ACTIVE for user in there) / 1000 < 0.98
    assert {user.scope for user in there} >= {"", "user.info.basic,video.list"}
    again = command(app, "demo", "seed", "--people", "1200", "--json")
    assert json.loads(again.stdout) == {"added": 200, "people": 1200}
    fewer = command(app, "demo", "seed", "--people", "10", "--json")
    assert json.loads(fewer.stdout) == {"added": 0, "people": 1200}


def test_their_tokens_are_sealed_and_nothing_of_them_is_due(app: Flask, runtime: Runtime) -> None:
    command(app, "demo", "seed", "--people", "500")
    for user in people():
        held = runtime.vault.load(user)
        assert (held is None) == (user.status == Status.REVOKED)
        assert held is None or held.access_token.startswith("act.made-up.")
    first = due.earliest_due(runtime)
    assert first is not None
    assert first >= runtime.clock() + crowd.FAR_OFF / 2


@pytest.mark.usefixtures("each_database")
def test_clear_deletes_them_and_nobody_else(app: Flask, runtime: Runtime, sandbox: Sandbox) -> None:
    mara = join(runtime, sandbox, "mara")
    command(app, "demo", "seed", "--people", "300")
    run = command(app, "demo", "clear")
    assert (run.exit_code, run.stdout) == (0, "300 demo people deleted\n")
    assert "Deleted: 300 of 300" in run.stderr
    assert row(runtime, mara).access_token
    with reading() as session:
        assert session.scalar(select(func.count()).select_from(User)) == 1
    assert json.loads(command(app, "demo", "clear", "--json").stdout) == {"deleted": 0}


@pytest.mark.parametrize("words", [("seed", "--people", "5"), ("clear",)])
def test_beside_the_real_tiktok_it_refuses_and_says_what_to_set(
    make_app: MakeApp, words: tuple[str, ...]
) -> None:
    app = make_app(TIKTOK_AUTHORIZE_URL=None, TIKTOK_API_URL=None)
    app.cli.add_command(commands.demo)
    run = command(app, "demo", *words)
    assert run.exit_code == 1
    assert "can only be used with a mock TikTok" in run.stderr
    assert "fix: set ALLOW_SANDBOX=1, TIKTOK_AUTHORIZE_URL and" in run.stderr
    with app.app_context():
        assert not people()


def test_the_number_must_be_given_and_be_one(app: Flask) -> None:
    for words in ((), ("--people", "0"), ("--people", "many")):
        assert command(app, "demo", "seed", *words).exit_code == 2


def test_of_two_runs_at_once_one_is_refused(
    app: Flask, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    command(app, "demo", "seed", "--people", "10")
    monkeypatch.setattr(crowd, "_found", lambda runtime: (0, -1))
    run = command(app, "demo", "seed", "--people", "20")
    assert run.exit_code == 1
    assert "Another run is adding people right now" in run.stderr
