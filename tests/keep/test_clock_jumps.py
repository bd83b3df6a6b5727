"""A clock that jumps ahead during a call: nobody else sends the same refresh token."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.keep.world import World
from webapp.clock import Uptime, machine_uptime
from webapp.services.refresh.answer_store import store_answers
from webapp.services.refresh.attempt import attempt
from webapp.services.refresh.claims import LEASE, claim_due, claim_one
from webapp.services.runtime import Runtime

pytestmark = [pytest.mark.usefixtures("each_database"), pytest.mark.rule(32)]


class Machine:
    """A machine whose clock may be set and whose uptime keeps counting."""

    def __init__(self, world: World) -> None:
        self.up = 1000.0
        self.runtime = self.process(world, "00000001")

    def process(self, world: World, boot: str) -> Runtime:
        return replace(world.runtime, uptime=Uptime(boot, lambda: self.up))


def test_a_second_caller_waits_for_the_lease_by_the_uptime(world: World) -> None:
    machine = Machine(world)
    open_id = world.person()
    ref = world.row(open_id).ref
    world.make_due()
    (claim,) = claim_due(machine.runtime, 5, world.clock())
    result = attempt(machine.runtime, claim)
    world.clock.advance(hours=1)
    assert claim_due(machine.runtime, 5, world.clock()) == []
    assert claim_one(machine.runtime, ref, world.clock(), back_off=False) is None
    assert store_answers(machine.runtime, [result]) == [True]
    world.assert_in_step(living=1)


def test_a_process_that_died_is_followed_when_its_lease_is_over(world: World) -> None:
    machine = Machine(world)
    world.person()
    world.make_due()
    assert len(claim_due(machine.runtime, 5, world.clock())) == 1
    machine.up += LEASE.total_seconds() + 1
    world.clock.advance(LEASE + timedelta(seconds=1))
    assert len(claim_due(machine.runtime, 5, world.clock())) == 1


def test_another_machine_or_a_restart_goes_by_the_clock(world: World) -> None:
    machine = Machine(world)
    world.person()
    world.make_due()
    assert len(claim_due(machine.runtime, 5, world.clock())) == 1
    world.clock.advance(LEASE + timedelta(seconds=1))
    assert len(claim_due(machine.process(world, "00000002"), 5, world.clock())) == 1


def test_the_uptime_of_this_machine_is_the_same_in_every_process() -> None:
    one, other = machine_uptime(), machine_uptime()
    assert one is not None
    assert other is not None
    assert one.boot == other.boot
    assert len(one.boot) == 8
    assert abs(other.seconds() - one.seconds()) < 5
