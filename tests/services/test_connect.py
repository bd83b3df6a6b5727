"""Connecting stores one row a person, clears every mark, and keeps nothing it may not keep."""

from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask

from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.services.crowd import at_once
from tests.services.grants import BASIC, given, join, made_up
from tests.services.holding import rows, runtime_of, the_row
from webapp.database import writing
from webapp.models import Status, User
from webapp.services.connect.connect import (
    Connected,
    DifferentAccount,
    RequiredScopeMissing,
    connect_person,
)
from webapp.services.runtime import Runtime

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.mark.rule(52)
def test_eight_first_connects_of_one_person_make_one_row(app: Flask, clock: MovableClock) -> None:
    done = at_once(app, 8, lambda _n: join(runtime_of(app), made_up(clock())))
    assert all(isinstance(each, Connected) for each in done), done
    assert sorted(each.kind for each in done if isinstance(each, Connected)) == (
        ["new"] + ["returned"] * 7
    )
    assert the_row(app).version == 8


@pytest.mark.rule(52)
def test_one_open_id_in_two_tiktok_apps_is_two_people(runtime: Runtime, app: Flask) -> None:
    join(runtime, made_up(runtime.clock()))
    other = runtime.settings.model_copy(update={"tiktok_client_key": "another-app"})
    assert join(replace(runtime, settings=other), made_up(runtime.clock())).kind == "new"
    assert len(rows(app)) == 2


@pytest.mark.rule(54)
@pytest.mark.parametrize(
    ("status", "kind"),
    [("active", "returned"), ("failing", "returned"), ("reconnect", "again"), ("revoked", "again")],
)
def test_connecting_again_clears_every_mark(
    runtime: Runtime, app: Flask, clock: MovableClock, status: str, kind: str
) -> None:
    first = join(runtime, made_up(clock()))
    with writing() as session:
        user = session.get_one(User, first.person.id)
        user.status, user.failures, user.claim = status, 7, "somebody"
        user.last_error, user.last_log_id = "invalid_grant", "20261122"
    again = join(runtime, made_up(clock.advance(days=1)))
    assert (again.person, again.kind) == (first.person, kind)
    user = the_row(app)
    assert user.status == Status.ACTIVE
    assert (user.failures, user.claim, user.last_error, user.last_log_id) == (0, None, None, None)
    assert (user.connected_at, user.version) == (clock(), 2)
    assert user.created_at == clock() - timedelta(days=1)


def test_an_answer_without_an_end_does_not_inherit_an_older_one(
    runtime: Runtime, app: Flask
) -> None:
    join(runtime, made_up(runtime.clock()))
    join(runtime, made_up(runtime.clock(), refresh_expires_at=None))
    assert the_row(app).refresh_expires_at is None


def test_an_answer_without_scopes_grants_what_was_asked(runtime: Runtime, app: Flask) -> None:
    asked = [BASIC, "video.list"]
    connect_person(runtime, made_up(runtime.clock(), scopes=None), asked, None, runtime.clock())
    assert the_row(app).granted == the_row(app).asked == set(asked)


def test_the_ticket_is_short_and_readable_and_stays(runtime: Runtime, app: Flask) -> None:
    join(runtime, made_up(runtime.clock()))
    ticket = the_row(app).ticket
    body = ticket.removeprefix("ct_").replace("-", "")
    assert len(body) == 8
    assert not set(body) & set("ILOU01")
    join(runtime, made_up(runtime.clock()))
    assert the_row(app).ticket == ticket


def test_without_the_needed_scope_nothing_is_kept_and_the_grant_is_given_back(
    runtime: Runtime, app: Flask, sandbox: Sandbox
) -> None:
    tokens = replace(given(sandbox, runtime.clock()), scopes=frozenset({"video.list"}))
    with pytest.raises(RequiredScopeMissing):
        join(runtime, tokens)
    assert rows(app) == []
    assert sandbox.books()[tokens.open_id]["ended"] == "revoked"


def test_another_account_than_the_one_that_began_is_refused(
    runtime: Runtime, app: Flask, sandbox: Sandbox
) -> None:
    tokens = given(sandbox, runtime.clock())
    with pytest.raises(DifferentAccount):
        connect_person(runtime, tokens, [BASIC], "the-one-who-began", runtime.clock())
    assert rows(app) == []
    assert sandbox.books()[tokens.open_id]["ended"] == "revoked"


def test_a_refused_connect_is_told_even_when_tiktok_is_down(
    runtime: Runtime, app: Flask, sandbox: Sandbox
) -> None:
    sandbox.faults("revoke", "drop")
    with pytest.raises(DifferentAccount):
        connect_person(
            runtime, given(sandbox, runtime.clock()), [BASIC], "the-other", runtime.clock()
        )
    assert rows(app) == []
    assert sandbox.calls("revoke") == 1


def test_a_connect_returns_the_grant_that_it_stored_so_nobody_has_to_read_it_again(
    runtime: Runtime, clock: MovableClock
) -> None:
    tokens = made_up(clock())
    fresh = join(runtime, tokens).fresh
    assert fresh is not None
    assert fresh.access.access_token == tokens.access_token
    assert (fresh.access.version, fresh.access.scopes) == (1, {BASIC})


def test_a_connect_that_was_overtaken_returns_no_grant(
    runtime: Runtime, clock: MovableClock
) -> None:
    later, earlier = (made_up(clock(), sent_at=clock.advance(seconds=s)) for s in (5, -5))
    join(runtime, later)
    assert join(runtime, earlier).fresh is None
