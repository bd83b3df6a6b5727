"""One refresh an account at a time; whoever comes late neither overwrites nor loses a grant."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask

from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.services.crowd import at_once
from tests.services.grants import given, join
from tests.services.holding import (
    assert_forgotten,
    assert_holds_what_tiktok_holds,
    house_of,
    the_row,
)
from webapp.services.disconnect import delete, disconnect
from webapp.services.house import House
from webapp.services.refresh import LEASE, Busy, refresh
from webapp.tiktok.provider import Provider
from webapp.tokens import TokenSet

pytestmark = pytest.mark.usefixtures("each_database")


class Interrupted(Provider):
    """TikTok as it is, but something happens between its answer and our commit."""

    def __init__(self, true: Provider, meanwhile: Callable[[], object]) -> None:
        self._true = true
        self._meanwhile = meanwhile

    def refresh(self, refresh_token: str) -> TokenSet:
        tokens = self._true.refresh(refresh_token)
        self._meanwhile()
        return tokens

    def revoke(self, access_token: str) -> None:
        self._true.revoke(access_token)


class Crashing(Provider):
    """The process dies before the call leaves it."""

    def __init__(self) -> None:
        """Need nothing."""

    def refresh(self, refresh_token: str) -> TokenSet:
        raise SystemExit


def interrupted(house: House, meanwhile: Callable[[], object]) -> House:
    return replace(house, provider=Interrupted(house.provider, meanwhile))


@pytest.mark.rule(33)
def test_eight_refreshes_at_once_make_one_call(
    app: Flask, sandbox: Sandbox, clock: MovableClock
) -> None:
    house = house_of(app)
    with app.app_context():
        person = join(house, given(sandbox, clock())).user_id
    sandbox.latency(0.3, "token")
    outcomes = at_once(app, 8, lambda _n: refresh(house, person))
    assert sorted(type(each).__name__ for each in outcomes) == ["Busy"] * 7 + ["str"]
    assert sandbox.calls("token.refresh_token") == 1
    assert sandbox.counters()["spent_refresh_tokens_seen"] == 0
    assert_holds_what_tiktok_holds(app, sandbox)


@pytest.mark.rule(33)
def test_a_claim_holds_until_its_lease_is_over(
    house: House, app: Flask, sandbox: Sandbox, clock: MovableClock
) -> None:
    person = join(house, given(sandbox, clock())).user_id

    def another_tries() -> None:
        for passed in (timedelta(0), LEASE - timedelta(seconds=1)):
            clock.advance(passed)
            with pytest.raises(Busy):
                refresh(house, person)
            assert the_row(app).health(clock()) == "refreshing"

    refresh(interrupted(house, another_tries), person)
    assert sandbox.calls("token.refresh_token") == 1
    assert the_row(app).claim is None


def test_a_claim_left_behind_by_a_crash_ends_with_its_lease(
    house: House, app: Flask, sandbox: Sandbox, clock: MovableClock
) -> None:
    person = join(house, given(sandbox, clock())).user_id
    with pytest.raises(SystemExit):
        refresh(replace(house, provider=Crashing()), person)
    with pytest.raises(Busy):
        refresh(house, person)
    clock.advance(LEASE)
    refresh(house, person)
    assert_holds_what_tiktok_holds(app, sandbox)


@pytest.mark.rule(32)
def test_an_answer_slower_than_the_lease_is_stored_all_the_same(
    house: House, app: Flask, sandbox: Sandbox, clock: MovableClock
) -> None:
    person = join(house, given(sandbox, clock())).user_id
    refresh(interrupted(house, lambda: clock.advance(LEASE * 3)), person)
    assert_holds_what_tiktok_holds(app, sandbox)
    assert the_row(app).version == 2


def test_a_reconnect_during_a_refresh_keeps_the_reconnects_tokens(
    house: House, app: Flask, sandbox: Sandbox, clock: MovableClock
) -> None:
    person = join(house, given(sandbox, clock())).user_id
    late = interrupted(house, lambda: join(house, given(sandbox, clock())))
    with pytest.raises(Busy):
        refresh(late, person)
    assert_holds_what_tiktok_holds(app, sandbox)
    assert sandbox.calls("revoke") == 0
    assert the_row(app).status == "active"


@pytest.mark.parametrize("end", [disconnect, delete])
@pytest.mark.parametrize("old_tokens_die", [False, True])
def test_ending_a_connection_during_a_refresh_leaves_no_orphan_at_tiktok(
    house: House,
    app: Flask,
    sandbox: Sandbox,
    end: Callable[[House, int], object],
    *,
    old_tokens_die: bool,
) -> None:
    sandbox.manners(old_access_tokens_die=old_tokens_die)
    done = join(house, given(sandbox, house.clock()))
    with pytest.raises(Busy):
        refresh(interrupted(house, lambda: end(house, done.user_id)), done.user_id)
    assert sandbox.books()[done.open_id]["ended"] == "revoked"
    if end is disconnect:
        assert_forgotten(the_row(app))
