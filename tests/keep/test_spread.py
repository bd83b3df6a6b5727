"""Who connected in one second is not refreshed in one minute: spread out, and for ever."""

from datetime import datetime
from itertools import pairwise

import pytest

from tests.keep.world import World, seconds
from tests.services.grants import given_to_many, join
from tests.services.holding import rows

pytestmark = pytest.mark.usefixtures("each_database")

CROWD = 60


def are_spread(world: World, since: datetime) -> bool:
    """Tell whether the next refreshes lie all over the third quarter of a life of two hours."""
    waits = sorted(seconds(user.next_at, since) for user in rows(world.app))
    assert waits[0] >= 3600
    assert waits[-1] <= 5400
    # Of 1800 s; that so many fall into less by chance happens never: one in ten million.
    widest = max(later - sooner for sooner, later in pairwise(waits))
    return waits[-1] - waits[0] > 1200 and widest < 600


@pytest.mark.rule(31)
def test_a_crowd_that_connects_in_one_second_is_refreshed_spread_out(world: World) -> None:
    for tokens in given_to_many(world.sandbox, world.clock(), CROWD):
        join(world.runtime, tokens)
    assert are_spread(world, world.clock())
    # An outage brings all of them together again, and the next refresh takes them apart.
    world.clock.advance(hours=2)
    assert world.work() == CROWD
    assert are_spread(world, world.clock())
    world.assert_in_step(living=CROWD)
