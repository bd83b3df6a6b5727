"""What a refresh answer changes in the row: everything usable, and nothing on a failure."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.services.grants import given, join
from tests.services.holding import assert_holds_what_tiktok_holds, opened, sha256, the_row
from webapp.database import writing
from webapp.models import User
from webapp.services.house import House
from webapp.services.refresh import Busy, refresh
from webapp.tiktok.errors import ConnectAgain, OurConfiguration, TryLater, WrongAccount
from webapp.tiktok.provider import Provider
from webapp.tokens import TokenSet

GRANT = ("access_token", "refresh_token", "scope", "access_expires_at", "refresh_expires_at")


@pytest.fixture
def person(house: House, sandbox: Sandbox) -> TokenSet:
    """A person who is connected; the answer they connected with."""
    tokens = given(sandbox, house.clock())
    join(house, tokens)
    return tokens


def bend(sandbox: Sandbox, **changes: Any) -> None:
    sandbox.faults("token", "answer", grant_type="refresh_token", answer=changes)


def grant_of(user: User) -> list[object]:
    return [getattr(user, column) for column in GRANT] + [user.version, user.status, user.claim]


@pytest.mark.rule(29)
@pytest.mark.usefixtures("each_database", "person")
def test_a_whole_answer_replaces_the_grant(
    house: House, app: Flask, sandbox: Sandbox, clock: MovableClock
) -> None:
    sandbox.lifetimes(expires_in=7200, refresh_expires_in=1_000_000)
    clock.advance(hours=1)
    access_token = refresh(house, the_row(app).id)
    user = the_row(app)
    assert opened(app, user).access_token == access_token
    assert_holds_what_tiktok_holds(app, sandbox)
    assert user.access_expires_at == clock() + timedelta(seconds=7200)
    assert user.refresh_expires_at == clock() + timedelta(seconds=1_000_000)
    assert user.next_at is not None
    assert timedelta(seconds=3600) <= user.next_at - clock() <= timedelta(seconds=5400)
    assert (user.version, user.refreshes, user.refreshed_at) == (2, 1, clock())
    assert (user.status, user.failures, user.claim) == ("active", 0, None)


@pytest.mark.rule(26)
@pytest.mark.usefixtures("person")
@pytest.mark.parametrize("life", ["soon", None, "$delete", 0, -1, 10**12])
def test_an_absurd_life_never_costs_the_new_tokens(
    house: House, app: Flask, sandbox: Sandbox, life: object
) -> None:
    bend(sandbox, expires_in=life)
    refresh(house, the_row(app).id)
    assert_holds_what_tiktok_holds(app, sandbox)
    assert the_row(app).access_expires_at == house.clock() + timedelta(minutes=5)


@pytest.mark.rule(26, 38)
@pytest.mark.parametrize("nothing", ["$delete", None, "", " ", 7])
def test_an_answer_without_a_refresh_token_keeps_the_old_one(
    house: House, app: Flask, sandbox: Sandbox, person: TokenSet, nothing: object
) -> None:
    bend(sandbox, refresh_token=nothing)
    refresh(house, the_row(app).id)
    held = opened(app, the_row(app))
    assert held.refresh_token == person.refresh_token
    assert sha256(held.access_token) == sandbox.books()[person.open_id]["access_token_sha256"]


@pytest.mark.rule(37)
@pytest.mark.usefixtures("each_database", "person")
def test_another_persons_answer_is_refused_and_told(
    house: House, app: Flask, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    bend(sandbox, open_id="somebody-else")
    before = grant_of(the_row(app))
    with pytest.raises(WrongAccount):
        refresh(house, the_row(app).id)
    assert grant_of(the_row(app)) == before
    assert the_row(app).last_error == "another_open_id"
    assert "another_open_id" in caplog.text


@pytest.mark.usefixtures("person")
def test_an_answer_without_an_open_id_is_taken(house: House, app: Flask, sandbox: Sandbox) -> None:
    bend(sandbox, open_id="$delete")
    refresh(house, the_row(app).id)
    assert_holds_what_tiktok_holds(app, sandbox)


@pytest.mark.rule(27)
@pytest.mark.usefixtures("person")
@pytest.mark.parametrize("kind", ["html", "empty", "empty_object", "http500", "drop", "throttle"])
def test_a_temporary_failure_leaves_the_grant_as_it_is(
    house: House, app: Flask, sandbox: Sandbox, kind: str
) -> None:
    sandbox.faults("token", kind)
    before = grant_of(the_row(app))
    with pytest.raises(TryLater):
        refresh(house, the_row(app).id)
    assert grant_of(the_row(app)) == before
    assert the_row(app).failures == 1
    assert sandbox.calls("token.refresh_token") == 1


@pytest.mark.usefixtures("person")
def test_our_configuration_is_never_the_persons_fault(
    house: House, app: Flask, sandbox: Sandbox
) -> None:
    sandbox.faults("token", "error200", error="invalid_client")
    before = grant_of(the_row(app))
    with pytest.raises(OurConfiguration):
        refresh(house, the_row(app).id)
    assert grant_of(the_row(app)) == before


@pytest.mark.usefixtures("each_database")
def test_a_dead_refresh_token_is_told_and_the_tokens_stay(
    house: House, app: Flask, sandbox: Sandbox, person: TokenSet
) -> None:
    sandbox.expire("mara", refresh=True)
    with pytest.raises(ConnectAgain):
        refresh(house, the_row(app).id)
    user = the_row(app)
    assert (user.status, user.last_error, user.failures) == ("failing", "invalid_grant", 1)
    assert opened(app, user).refresh_token == person.refresh_token
    assert user.version == 1


@pytest.mark.usefixtures("person")
@pytest.mark.parametrize("status", ["reconnect", "revoking", "revoked"])
def test_what_has_ended_is_not_refreshed(
    house: House, app: Flask, sandbox: Sandbox, status: str
) -> None:
    with writing() as session:
        session.get_one(User, the_row(app).id).status = status
    with pytest.raises(Busy):
        refresh(house, the_row(app).id)
    assert sandbox.calls("token.refresh_token") == 0


@pytest.mark.usefixtures("each_database", "person")
def test_a_failure_after_a_reconnect_marks_nothing(
    house: House, app: Flask, sandbox: Sandbox
) -> None:
    class Rejected(Provider):
        """Says no, after the person has connected again."""

        def __init__(self) -> None:
            """Need nothing."""

        def refresh(self, refresh_token: str) -> TokenSet:
            join(house, given(sandbox, house.clock()))
            raise ConnectAgain("invalid_grant")

    with pytest.raises(ConnectAgain):
        refresh(replace(house, provider=Rejected()), the_row(app).id)
    user = the_row(app)
    assert (user.status, user.failures, user.last_error) == ("active", 0, None)
    assert_holds_what_tiktok_holds(app, sandbox)
