"""A wrong key, and keys that change under way: nothing is written over what cannot be read."""

import base64
import secrets
from collections.abc import Sequence
from dataclasses import replace

import pytest
from flask import Flask

from tests.fixtures.app import MakeApp
from tests.keep.standins import Meanwhile, with_provider
from tests.keep.world import World
from tests.services.holding import rows, runtime_of
from webapp.models import User
from webapp.services.maintenance import reseal
from webapp.services.refresh import breaker
from webapp.services.refresh.answer_store import store_answers
from webapp.services.refresh.attempt import attempt
from webapp.services.refresh.claims import claim_due
from webapp.services.refresh.on_demand import Pending, fresh_access
from webapp.services.runtime import Runtime
from webapp.services.vault import CannotOpen
from webapp.services.worker.worker import Worker

pytestmark = pytest.mark.usefixtures("each_database")


def key() -> str:
    """Make a key up."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


def at(world: World, app: Flask) -> World:
    """Return the same world, seen by another app on the same database."""
    return World(app, runtime_of(app), world.sandbox, world.clock)


def as_stored(world: World) -> list[tuple[object, ...]]:
    """Return what must not change by a key that is not here."""
    return [
        (u.access_token, u.refresh_token, u.version, u.status, u.failures) for u in rows(world.app)
    ]


def test_rows_under_another_key_are_skipped_and_never_written_over(
    world: World, make_app: MakeApp
) -> None:
    people = world.people(25)
    world.make_due(expired=True)
    before = as_stored(world)
    other = at(world, make_app(TOKEN_KEYS=key()))
    world.work(other.runtime)
    assert as_stored(world) == before
    assert {user.claim for user in rows(world.app)} == {None}
    assert {user.last_error for user in rows(world.app)} == {"cannot_open"}
    assert (world.calls(), world.brakes().open_reason) == (0, "key")
    world.clock.advance(breaker.PROBE_EVERY)
    with pytest.raises((Pending, CannotOpen)):
        fresh_access(other.runtime, people[0])
    assert as_stored(world) == before
    world.assert_in_step(living=25)


def test_with_the_right_key_back_it_heals_by_itself(world: World, make_app: MakeApp) -> None:
    world.people(25)
    world.make_due()
    world.work(at(world, make_app(TOKEN_KEYS=key())).runtime)
    for _look in range(2):
        world.clock.advance(minutes=15)
        Worker(world.runtime, world.app.app_context).run(once=True)
    assert world.brakes().open_reason is None
    assert {(user.version, user.last_error) for user in rows(world.app)} == {(2, None)}
    world.assert_in_step(living=25)


def test_a_worker_with_a_wrong_key_refuses_to_start(world: World, make_app: MakeApp) -> None:
    world.person()
    Worker(world.runtime, world.app.app_context).run(once=True)
    world.make_due()
    other = make_app(TOKEN_KEYS=key())
    worker = Worker(with_folder(world, other), other.app_context)
    worker.run(once=True)
    assert worker.refused is not None
    assert worker.refused.name == "TOKEN_KEYS"
    assert world.calls() == 0
    world.assert_in_step(living=1)


def with_folder(world: World, app: Flask) -> Runtime:
    """Return another app's runtime, with the files of this installation."""
    return replace(runtime_of(app), folder=world.runtime.folder)


def test_keys_that_change_during_a_refresh_cost_nothing(
    world: World, env: dict[str, str], make_app: MakeApp
) -> None:
    world.people(10)
    world.make_due()
    results = [attempt(world.runtime, each) for each in claim_due(world.runtime, 10, world.clock())]
    new = at(world, make_app(TOKEN_KEYS=f"{key()},{env['TOKEN_KEYS']}"))
    assert list(reseal.reseal_all(new.runtime))[-1].done == 10
    assert store_answers(world.runtime, results) == [True] * 10
    new.assert_in_step(living=10)
    assert reseal.remaining(new.runtime) == 10
    list(reseal.reseal_all(new.runtime))
    assert reseal.remaining(new.runtime) == 0
    new.assert_in_step(living=10)


def test_a_refresh_during_a_reseal_is_not_overwritten(
    world: World, env: dict[str, str], make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_id, *_others = world.people(5)
    new = at(world, make_app(TOKEN_KEYS=f"{key()},{env['TOKEN_KEYS']}"))
    sealed = reseal._resealed

    def meanwhile(*args: object) -> Sequence[tuple[User, dict[str, str]]]:
        found = sealed(*args)  # type: ignore[arg-type]  # handed through as they came
        monkeypatch.setattr(reseal, "_resealed", sealed)
        fresh_access(world.runtime, open_id, rejected_version=1)
        return found

    monkeypatch.setattr(reseal, "_resealed", meanwhile)
    list(reseal.reseal_all(new.runtime))
    assert world.refreshes() == 1
    assert reseal.remaining(new.runtime) == 0
    new.assert_in_step(living=5)


def test_a_refresh_under_the_former_keys_during_a_call_is_read_under_the_new_ones(
    world: World, env: dict[str, str], make_app: MakeApp
) -> None:
    open_id = world.person()
    new = at(world, make_app(TOKEN_KEYS=f"{key()},{env['TOKEN_KEYS']}"))
    provider = Meanwhile(world.runtime.provider, after=lambda: list(reseal.reseal_all(new.runtime)))
    fresh_access(with_provider(world.runtime, provider), open_id, rejected_version=1)
    assert fresh_access(new.runtime, open_id).version == 2
    new.assert_in_step(living=1)
