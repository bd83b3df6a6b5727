"""A state works once, for all threads and processes together; only its hash is kept."""

import secrets

import pytest
from flask import Flask
from sqlalchemy import func, select

from tests.movable import MovableClock
from tests.services.crowd import at_once
from webapp.database import reading
from webapp.models import SpentState
from webapp.services.connect import sign_ins
from webapp.services.runtime import Runtime

pytestmark = pytest.mark.usefixtures("each_database")


def count() -> int:
    with reading() as session:
        return session.scalar(select(func.count()).select_from(SpentState)) or 0


@pytest.mark.rule(9)
@pytest.mark.usefixtures("runtime")
def test_a_state_is_spent_once(clock: MovableClock) -> None:
    state = secrets.token_urlsafe(32)
    assert not sign_ins.is_state_spent(state)
    assert sign_ins.spend_state(state, clock())
    assert sign_ins.is_state_spent(state)
    assert not sign_ins.spend_state(state, clock())
    assert not sign_ins.is_state_spent(secrets.token_urlsafe(32))


@pytest.mark.rule(9, 17)
def test_of_eight_returns_at_once_one_wins(app: Flask, clock: MovableClock) -> None:
    for _ in range(5):
        state = secrets.token_urlsafe(32)
        won = at_once(app, 8, lambda _n, state=state: sign_ins.spend_state(state, clock()))
        assert sorted(won, key=repr) == [False] * 7 + [True]


@pytest.mark.rule(55)
def test_the_state_itself_is_not_kept(runtime: Runtime) -> None:
    state = secrets.token_urlsafe(32)
    sign_ins.spend_state(state, runtime.clock())
    with reading() as session:
        (row,) = session.scalars(select(SpentState))
    assert state not in repr(vars(row))


@pytest.mark.usefixtures("runtime")
def test_used_states_are_remembered_longer_than_an_attempt_lives(clock: MovableClock) -> None:
    state = secrets.token_urlsafe(32)
    sign_ins.spend_state(state, clock())
    sign_ins.spend_state(secrets.token_urlsafe(32), clock.advance(minutes=59))
    assert sign_ins.is_state_spent(state)
    sign_ins.spend_state(secrets.token_urlsafe(32), clock.advance(minutes=2))
    assert not sign_ins.is_state_spent(state)
    assert count() == 2
