"""What a caller gets: from the row while there is life, else a refresh, else when to come back."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy.exc import OperationalError

from tests.keep.standins import PATIENCE, Held, with_provider
from tests.keep.world import World
from webapp.services.refresh import on_demand
from webapp.services.refresh.on_demand import Access, Pending, fresh_access

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.mark.rule(31)
def test_plenty_of_life_is_answered_from_the_row(world: World) -> None:
    open_id = world.person()
    assert fresh_access(world.runtime, open_id).expires_at > world.clock() + timedelta(hours=1)
    assert world.calls() == 0


@pytest.mark.rule(31)
@pytest.mark.parametrize("whole", [7200, 86400])
def test_under_the_margin_it_is_refreshed_and_then_not_again(world: World, whole: int) -> None:
    world.sandbox.lifetimes(expires_in=whole)
    open_id = world.person()
    world.wait_until_left(open_id, 299)
    for _again in range(3):
        assert fresh_access(world.runtime, open_id).version == 2
    assert world.calls() == 1
    world.assert_in_step(living=1)


@pytest.mark.rule(31)
def test_asking_for_more_than_half_of_a_life_is_no_refresh_every_time(world: World) -> None:
    open_id = world.person()
    for _again in range(3):
        fresh_access(world.runtime, open_id, min_ttl=timedelta(days=30))
    assert world.calls() == 0


@pytest.mark.rule(33)
def test_a_token_that_tiktok_rejected_is_refreshed_once_for_all_who_say_so(world: World) -> None:
    open_id = world.person()
    given = [fresh_access(world.runtime, open_id, rejected_version=1) for _caller in range(3)]
    assert {each.version for each in given} == {2}
    assert world.calls() == 1
    world.assert_in_step(living=1)


def test_a_still_valid_token_is_given_while_a_better_one_cannot_be_had(world: World) -> None:
    open_id = world.person()
    world.wait_until_left(open_id, 200)
    world.sandbox.faults("token", "http500")
    access = fresh_access(world.runtime, open_id)
    assert access.warnings == ("refresh_pending",)
    assert access.expires_at == world.clock() + timedelta(seconds=200)
    world.assert_in_step(living=1)


def test_who_waits_for_a_refresh_that_takes_too_long_is_told_when_to_come_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_id = world.person()
    world.make_due(expired=True)
    monkeypatch.setattr(on_demand, "PATIENCE", timedelta(0))
    provider = Held(world.runtime.provider)
    runtime = with_provider(world.runtime, provider)

    def hold() -> Access:
        with world.app.app_context():
            return fresh_access(runtime, open_id)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(hold)
        assert provider.answered.wait(PATIENCE)
        with pytest.raises(Pending) as pending:
            fresh_access(runtime, open_id)
        provider.release.set()
        assert first.result(PATIENCE).version == 2
    assert timedelta(0) < pending.value.retry_after <= timedelta(seconds=60)
    world.assert_in_step(living=1)


def test_a_database_that_cannot_be_written_keeps_no_valid_token_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_id = world.person()
    with out_of_reach_for_writing(world, monkeypatch):
        assert fresh_access(world.runtime, open_id).version == 1
    assert world.row(open_id).last_used_at is None
    fresh_access(world.runtime, open_id)
    assert world.row(open_id).last_used_at == world.clock()


@contextmanager
def out_of_reach_for_writing(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let every write of the use of a connection fail until the block ends."""

    @contextmanager
    def refused() -> Iterator[None]:
        raise OperationalError("UPDATE", None, Exception("made up"))
        yield

    with monkeypatch.context() as patched:
        patched.setattr(on_demand, "writing", refused)
        yield
