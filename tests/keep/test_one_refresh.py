"""One refresh an account, no matter who asks and how many ask; all who asked get the same token."""

import threading
from datetime import timedelta

import pytest

from tests.keep.standins import PATIENCE, with_provider
from tests.keep.world import World
from tests.services.crowd import at_once
from webapp.services.refresh import on_demand
from webapp.services.refresh.claims import claim_due, claim_one
from webapp.services.refresh.on_demand import Access, fresh_access
from webapp.services.worker.worker import Worker
from webapp.tiktok.provider import Provider
from webapp.tokens import TokenSet

pytestmark = pytest.mark.usefixtures("each_database")


class UntilAllWait(Provider):
    """Answers only when every other caller waits for the answer."""

    def __init__(self, true: Provider, callers: int, monkeypatch: pytest.MonkeyPatch) -> None:
        """Take the number of callers beside the worker."""
        self._true, self._callers = true, callers
        self._waiting: set[int] = set()
        self._all_wait = threading.Event()
        self._pause = on_demand._pause
        monkeypatch.setattr(on_demand, "_pause", self._wait)

    def _wait(self, seconds: float) -> None:
        self._waiting.add(threading.get_ident())
        if len(self._waiting) >= self._needed:
            self._all_wait.set()
        self._pause(seconds)

    def refresh(self, refresh_token: str) -> TokenSet:
        """Refresh, then keep the answer back."""
        ours = threading.current_thread().name.startswith("call")
        self._needed = self._callers if ours else self._callers - 1
        tokens = self._true.refresh(refresh_token)
        assert self._all_wait.wait(PATIENCE)
        return tokens

    _needed = 1_000


@pytest.mark.rule(33)
def test_sixteen_callers_of_one_expired_row_make_one_call(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_id = world.person()
    world.make_due(expired=True)
    runtime = with_provider(world.runtime, UntilAllWait(world.runtime.provider, 16, monkeypatch))
    given = at_once(world.app, 16, lambda _number: fresh_access(runtime, open_id))
    assert all(isinstance(each, Access) and not each.warnings for each in given), given
    assert len({each.access_token for each in given if isinstance(each, Access)}) == 1
    assert world.calls() == 1
    world.assert_in_step(living=1)


@pytest.mark.rule(33)
def test_worker_service_and_person_at_once_make_one_call(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_id = world.person()
    world.make_due(expired=True)
    provider = UntilAllWait(world.runtime.provider, 8, monkeypatch)
    runtime = with_provider(world.runtime, provider)
    worker = Worker(runtime, world.app.app_context)

    def act(number: int) -> Access | None:
        if number == 0:
            worker.run(once=True)
            return None
        return fresh_access(runtime, open_id, pressed=number % 2 == 0)

    nothing, *given = at_once(world.app, 9, act)
    assert nothing is None
    assert all(isinstance(each, Access) and each.version == 2 for each in given), given
    assert world.calls() == 1
    world.assert_in_step(living=1)


@pytest.mark.rule(33)
def test_a_caller_that_was_slow_to_claim_takes_what_another_has_refreshed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_id = world.person()
    world.make_due(expired=True)
    claimed = on_demand._try_claim

    def late(*args: object, **options: bool) -> object:
        monkeypatch.setattr(on_demand, "_try_claim", claimed)
        fresh_access(world.runtime, open_id)
        return claimed(*args, **options)  # type: ignore[arg-type]  # handed through as they came

    monkeypatch.setattr(on_demand, "_try_claim", late)
    assert fresh_access(world.runtime, open_id).version == 2
    assert world.calls() == 1
    world.assert_in_step(living=1)


@pytest.mark.rule(33)
def test_eight_workers_claim_two_hundred_due_rows_each_once(world: World) -> None:
    world.people(200)
    world.make_due()
    now = world.clock()
    claimed = at_once(world.app, 8, lambda _number: claim_due(world.runtime, 25, now))
    ids = [claim.user.ref for claims in claimed if isinstance(claims, list) for claim in claims]
    assert len(ids) == len(set(ids)) == 200


def test_the_longest_overdue_are_claimed_first(world: World) -> None:
    early, late = world.person("mara"), world.person("jo")
    now = world.clock()
    world.change(late, next_at=now - timedelta(minutes=1))
    world.change(early, next_at=now - timedelta(minutes=2))
    assert [claim.user.open_id for claim in claim_due(world.runtime, 1, now)] == [early]
    assert [claim.user.open_id for claim in claim_due(world.runtime, 1, now)] == [late]


@pytest.mark.rule(52)
def test_another_apps_people_are_left_alone(world: World) -> None:
    world.person()
    world.change(client_key="the app before")
    world.make_due()
    assert claim_due(world.runtime, 10, world.clock()) == []


@pytest.mark.rule(33)
def test_a_newer_version_is_not_claimed_for_an_older_one(world: World) -> None:
    user = world.row(world.person())
    now = world.clock()
    assert claim_one(world.runtime, user.ref, now, version=user.version - 1) is None
    assert claim_one(world.runtime, user.ref, now, version=user.version) is not None
