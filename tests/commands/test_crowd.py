"""`flask demo seed` and `clear`: demo people in every state, and nobody else touched."""

import hashlib
import json
import re
import time
from datetime import timedelta
from itertools import takewhile

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from demo import commands, crowd, members
from tests.commands.people import join, row
from tests.commands.terminal import command
from tests.fixtures.app import MakeApp
from tests.servers import Sandbox
from webapp.database import reading, writing
from webapp.models import Reason, Status, User
from webapp.services.operators.connection import details_of
from webapp.services.records import audit_chain
from webapp.services.refresh import due, schedule
from webapp.services.runtime import Runtime


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture(autouse=True)
def demo_commands(app: Flask, sandbox: Sandbox) -> None:
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


def test_the_sandbox_holds_the_same_consents_as_long_as_the_database_says(
    app: Flask, runtime: Runtime, sandbox: Sandbox
) -> None:
    command(app, "demo", "seed", "--people", "300")
    now, books, start = runtime.clock(), sandbox.books(), time.time()
    for user in people():
        there, held = books[user.open_id], runtime.vault.load(user)
        ended = user.status in (Status.RECONNECT, Status.REVOKED)
        assert (there["ended"] is not None) == ended
        if held is None or ended:
            continue
        assert there["access_token_sha256"] == sha256(held.access_token)
        assert there["refresh_token_sha256"] == sha256(held.refresh_token or "")
        assert there["scopes"] == user.scope.split(",")
        for column in ("access_expires_at", "refresh_expires_at"):
            left = max(0.0, (getattr(user, column) - now).total_seconds())
            assert max(0.0, there[column] - start) == pytest.approx(left, abs=20)


@pytest.mark.usefixtures("each_database")
def test_a_refresh_of_all_succeeds_but_for_those_who_are_meant_to_fail(
    app: Flask, make_app: MakeApp, runtime: Runtime
) -> None:
    command(app, "demo", "seed", "--people", "100")
    before = {user.open_id: user for user in people()}
    with writing() as session:
        alive = (Status.ACTIVE.value, Status.FAILING.value)
        session.execute(update(User).where(User.status.in_(alive)).values(next_at=runtime.clock()))
    command(make_app(REFRESH_RATE="100"), "tokens", "run", "--once")
    after = people()
    refreshed = {user.open_id for user in after if user.version > before[user.open_id].version}
    assert refreshed == {n for n, user in before.items() if user.status == Status.ACTIVE}
    failing = [user for user in after if user.status == Status.FAILING]
    assert failing
    for user in failing:
        assert user.failures == before[user.open_id].failures + 1
        assert user.last_error == before[user.open_id].last_error
        assert user.last_log_id != before[user.open_id].last_log_id, "it wasn't asked"


def test_the_timeline_of_each_of_them_ends_in_its_state(app: Flask, runtime: Runtime) -> None:
    command(app, "demo", "seed", "--people", "400")
    for user in people():
        found = details_of(runtime, user.open_id)
        assert found is not None
        words = [event.word for event in found.timeline]
        assert words[-1] == "connection.connected"
        newest = found.timeline[0]
        assert newest.at <= runtime.clock()
        match user.status:
            case Status.ACTIVE if user.refreshes:
                assert newest.word == "refreshed"
                assert abs(newest.at - user.refreshed_at) < timedelta(seconds=1)
            case Status.FAILING:
                failed = list(takewhile(lambda event: event.word == "failed", found.timeline))
                assert len(failed) == user.failures
                assert {event.code for event in failed} == {user.last_error}
                assert newest.log_id == user.last_log_id
                assert all(event.ms for event in failed)
            case Status.RECONNECT if user.reason in (Reason.REFUSED, Reason.INTERRUPTED):
                assert words[:2] == ["needs_user", "failed"]
                assert newest.at == user.ended_at
            case Status.RECONNECT:
                assert words[0] in ("needs_user", "connection.deauthorized")
            case Status.REVOKING:
                assert words[0] == "connection.disconnect_ordered"
            case Status.REVOKED:
                assert words[:2] == ["connection.revoked", "connection.disconnect_ordered"]


def test_their_next_refresh_is_when_the_worker_would_have_planned_it(
    app: Flask, runtime: Runtime
) -> None:
    before = runtime.clock()
    command(app, "demo", "seed", "--people", "400")
    now = runtime.clock()
    for user in people():
        if user.status == Status.ACTIVE:
            assert user.next_at is not None
            assert user.access_expires_at is not None
            assert before < user.next_at < user.access_expires_at
        elif user.status in (Status.FAILING, Status.REVOKING):
            assert user.next_at is not None
            assert before < user.next_at <= now + timedelta(seconds=schedule.LONGEST_WAIT)
        else:
            assert user.next_at is None
        used = user.last_used_at
        assert used is None or user.connected_at <= used <= now
    chain = audit_chain.check(now)
    assert (chain.broken, chain.unchained) == (None, 0)


def test_without_the_sandbox_they_are_never_due(app: Flask, runtime: Runtime) -> None:
    """As benchmarks add them: a million consents would fill the sandbox's memory."""
    assert list(crowd.seed(runtime, 200)) == [100, 200]
    for user in people():
        held = runtime.vault.load(user)
        assert held is None or held.access_token.startswith("act.made-up.")
    first = due.earliest_due(runtime)
    assert first is not None
    assert first >= runtime.clock() + members.FAR_OFF / 2


def test_a_sandbox_that_is_away_is_one_message_and_nobody_is_added(make_app: MakeApp) -> None:
    away = "http://127.0.0.1:9"
    app = make_app(TIKTOK_AUTHORIZE_URL=f"{away}/v2/auth/authorize/", TIKTOK_API_URL=f"{away}/v2/")
    app.cli.add_command(commands.demo)
    run = command(app, "demo", "seed", "--people", "5")
    assert run.exit_code == 1
    assert run.stderr.splitlines()[-1] == (
        f"The mock TikTok isn't responding at {away}. Start it: python -m sandbox"
    )
    with app.app_context():
        assert not people()


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


def test_of_two_runs_at_once_the_second_leaves_the_tokens_of_the_first_alone(
    app: Flask, runtime: Runtime, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crowd, "BATCH", 10)
    first = crowd.seed(runtime, 20, crowd.sandbox_of(runtime))
    next(first)
    before = sandbox.books()
    run = command(app, "demo", "seed", "--people", "20")
    assert run.exit_code == 1
    assert "Another run is adding people right now" in run.stderr
    assert sandbox.books() == before
    assert list(first) == [20]


def test_people_whom_another_installation_adds_meanwhile_are_not_replaced(
    app: Flask, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    command(app, "demo", "seed", "--people", "10")
    monkeypatch.setattr(crowd, "_found", lambda runtime: (0, -1))
    run = command(app, "demo", "seed", "--people", "20")
    assert run.exit_code == 1
    assert "Another run is adding people right now" in run.stderr
    assert len(people()) == 10


def test_half_a_run_can_be_finished_by_another(app: Flask, runtime: Runtime) -> None:
    half = crowd.seed(runtime, 300, crowd.sandbox_of(runtime))
    next(half)
    half.close()
    assert json.loads(command(app, "demo", "seed", "--people", "300", "--json").stdout) == {
        "added": 200,
        "people": 300,
    }
