"""A state works once, for all threads and processes together; only its hash is kept."""

import secrets

import pytest
from flask import Flask
from sqlalchemy import func, select

from tests.movable import MovableClock
from tests.services.crowd import at_once
from webapp.database import reading
from webapp.models import SpentState
from webapp.services.connect import spent_states
from webapp.services.runtime import Runtime
from webapp.services.worker import chores

pytestmark = pytest.mark.usefixtures("each_database")


def count() -> int:
    with reading() as session:
        return session.scalar(select(func.count()).select_from(SpentState)) or 0


@pytest.mark.rule(9)
@pytest.mark.usefixtures("runtime")
def test_a_state_is_spent_once(clock: MovableClock) -> None:
    state = secrets.token_urlsafe(32)
    assert not spent_states.find(state)
    assert spent_states.spend(state, clock())
    assert spent_states.find(state)
    assert not spent_states.spend(state, clock())
    assert not spent_states.find(secrets.token_urlsafe(32))


@pytest.mark.rule(9, 17)
def test_of_eight_returns_at_once_one_wins(app: Flask, clock: MovableClock) -> None:
    for _ in range(5):
        state = secrets.token_urlsafe(32)
        won = at_once(app, 8, lambda _n, state=state: spent_states.spend(state, clock()))
        assert sorted(won, key=repr) == [False] * 7 + [True]


@pytest.mark.rule(55)
def test_the_state_itself_is_not_kept(runtime: Runtime) -> None:
    state = secrets.token_urlsafe(32)
    spent_states.spend(state, runtime.clock())
    with reading() as session:
        (row,) = session.scalars(select(SpentState))
    assert state not in repr(vars(row))


@pytest.mark.usefixtures("runtime")
def test_used_states_are_remembered_longer_than_an_attempt_lives(clock: MovableClock) -> None:
    state = secrets.token_urlsafe(32)
    spent_states.spend(state, clock())
    assert not spent_states.remove_old(clock.advance(minutes=59))
    assert spent_states.find(state)
    assert not spent_states.remove_old(clock.advance(minutes=2))
    assert not spent_states.find(state)


@pytest.mark.usefixtures("runtime")
def test_old_states_go_where_no_worker_runs(clock: MovableClock) -> None:
    """A sign-in in 16 removes them, which of 400 none does once in 160 billion times."""
    old = [secrets.token_urlsafe(32) for _ in range(3)]
    for state in old:
        spent_states.spend(state, clock())
    clock.advance(hours=1, seconds=1)
    for _ in range(400):
        if not any(map(spent_states.find, old)):
            break
        spent_states.spend(secrets.token_urlsafe(32), clock())
    assert not any(map(spent_states.find, old))


def test_the_worker_removes_old_states(runtime: Runtime, clock: MovableClock) -> None:
    spent_states.spend(secrets.token_urlsafe(32), clock())
    clock.advance(hours=1, seconds=1)
    rounds = chores.Chores(runtime)
    for _ in range(5):
        rounds.step()
    assert count() == 0
