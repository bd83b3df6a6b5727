"""The right to an act is judged in the transaction of the act, and cannot be lost inside it."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask

from tests.services.grants import join, made_up, sign_in
from tests.services.holding import runtime_of
from tests.services.test_disconnect_waits import PATIENCE, somebody_waits_for_a_lock, until
from webapp.actor import Actor, acting_as
from webapp.database import writing
from webapp.models import PersonRef
from webapp.services import authority, people
from webapp.services.authority import NoLongerAllowed
from webapp.services.connect import disconnect, sessions
from webapp.services.handout import service_keys
from webapp.services.operators import roles
from webapp.services.runtime import Runtime

pytestmark = [
    pytest.mark.parametrize(
        "each_database", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
    ),
    pytest.mark.usefixtures("each_database"),
]


@pytest.fixture
def runtime(app: Flask) -> Runtime:
    return runtime_of(app)


@pytest.fixture
def mara(app: Flask, runtime: Runtime) -> PersonRef:
    """An operator."""
    with app.app_context():
        done = join(runtime, made_up(runtime.clock(), "mara"))
        roles.add_operator(runtime, "mara", runtime.clock())
    return done.person


@pytest.fixture
def actor(app: Flask, runtime: Runtime, mara: PersonRef) -> Actor:
    """What a request of that operator acts as."""
    with app.app_context():
        secret = sign_in(runtime, mara)
    return Actor("operator", mara.ticket, credential=sessions.digest_of(secret))


@pytest.fixture
def service(app: Flask, runtime: Runtime) -> Actor:
    """What a request of a service acts as."""
    with app.app_context():
        key = service_keys.issue("reports", runtime.clock())
    return Actor("service", "reports", credential=service_keys.public_id(key) or "")


Losses = dict[str, Callable[[Runtime, PersonRef], object]]
LOSSES: Losses = {
    "removed": lambda runtime, _mara: roles.remove_operator(runtime, "mara"),
    "signed out": lambda runtime, mara: sessions.end_everywhere(mara, runtime.clock()),
    "deleted": lambda runtime, mara: disconnect._erase(runtime, mara),
}


@pytest.mark.parametrize("lose", LOSSES.values(), ids=LOSSES)
def test_a_right_cannot_be_lost_while_an_act_is_being_written(
    app: Flask, runtime: Runtime, mara: PersonRef, actor: Actor, lose: Callable[..., object]
) -> None:
    with app.app_context():
        disconnect.disconnect_person(runtime, mara)
    with app.app_context(), ThreadPoolExecutor(1) as pool:
        with writing() as session, acting_as(actor):
            authority.require(session)
            losing = pool.submit(in_app, app, lose, runtime, mara)
            until(somebody_waits_for_a_lock)
            assert not losing.done()
        losing.result(PATIENCE)
        with writing() as session, acting_as(actor), pytest.raises(NoLongerAllowed):
            authority.require(session)


def test_a_key_cannot_be_revoked_while_its_use_is_being_written(
    app: Flask, runtime: Runtime, service: Actor
) -> None:
    with app.app_context(), ThreadPoolExecutor(1) as pool:
        with writing() as session, acting_as(service):
            authority.require(session)
            losing = pool.submit(in_app, app, service_keys.revoke, "reports", runtime.clock())
            until(somebody_waits_for_a_lock)
        assert losing.result(PATIENCE)
        with writing() as session, acting_as(service), pytest.raises(NoLongerAllowed):
            authority.require(session)


def test_an_act_that_waits_for_a_removal_finds_the_right_gone(
    app: Flask, runtime: Runtime, mara: PersonRef, actor: Actor
) -> None:
    with app.app_context(), ThreadPoolExecutor(1) as pool:
        with removing(mara):
            act: Future[None] = pool.submit(in_app, app, require_as, actor)
            until(somebody_waits_for_a_lock)
        with pytest.raises(NoLongerAllowed):
            act.result(PATIENCE)


def require_as(actor: Actor) -> None:
    with writing() as session, acting_as(actor):
        authority.require(session)


@contextmanager
def removing(mara: PersonRef) -> Iterator[None]:
    """Remove the operator in a transaction that is still open in the block."""
    with writing() as session:
        user = people.locked(session, mara)
        assert user is not None
        user.operator_since = None
        session.flush()
        roles._wait_for_acts(session, user)
        yield


def in_app(app: Flask, act: Callable[..., Any], *args: object) -> Any:
    with app.app_context():
        return act(*args)
