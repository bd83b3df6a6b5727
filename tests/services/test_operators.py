"""Nobody is an operator until someone on the server says so, and then exactly that person."""

import pytest

from tests.movable import MovableClock
from tests.services.grants import join, made_up, sign_in
from webapp.models import PersonRef
from webapp.services.connect import sessions
from webapp.services.operators import roles
from webapp.services.people import get
from webapp.services.runtime import Runtime

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture
def people(runtime: Runtime) -> dict[str, PersonRef]:
    """Three connected people: by open_id."""
    names = ("one", "two", "three")
    return {name: join(runtime, made_up(runtime.clock(), name)).person for name in names}


@pytest.mark.usefixtures("people")
def test_there_is_no_operator_at_first(runtime: Runtime) -> None:
    assert roles.list_operators(runtime) == []


@pytest.mark.usefixtures("people")
def test_operators_are_listed_longest_serving_first(runtime: Runtime, clock: MovableClock) -> None:
    roles.add_operator(runtime, "two", clock())
    roles.add_operator(runtime, "one", clock.advance(days=1))
    found = roles.list_operators(runtime)
    assert [operator.open_id for operator in found] == ["two", "one"]
    assert found[1].since == clock()


@pytest.mark.usefixtures("people")
def test_adding_twice_keeps_the_first_day(runtime: Runtime, clock: MovableClock) -> None:
    since = clock()
    roles.add_operator(runtime, "one", since)
    roles.add_operator(runtime, "one", clock.advance(days=1))
    assert [operator.since for operator in roles.list_operators(runtime)] == [since]


def test_removing_works_from_the_next_request_on(
    runtime: Runtime, people: dict[str, PersonRef]
) -> None:
    secret = sign_in(runtime, people["one"], runtime.clock())
    roles.add_operator(runtime, "one", runtime.clock())
    before = sessions.find(runtime, secret, runtime.clock())
    roles.remove_operator(runtime, "one")
    after = sessions.find(runtime, secret, runtime.clock())
    assert before is not None
    assert after is not None
    assert (before.operator, after.operator) == (True, False)
    roles.remove_operator(runtime, "one")


@pytest.mark.usefixtures("people")
def test_who_never_connected_cannot_be_an_operator(runtime: Runtime) -> None:
    for change in (
        lambda o: roles.add_operator(runtime, o, runtime.clock()),
        lambda o: roles.remove_operator(runtime, o),
    ):
        with pytest.raises(roles.NoSuchPerson, match="a-stranger"):
            change("a-stranger")
    assert roles.list_operators(runtime) == []


def test_connecting_again_keeps_an_operator(runtime: Runtime, people: dict[str, PersonRef]) -> None:
    roles.add_operator(runtime, "one", runtime.clock())
    join(runtime, made_up(runtime.clock(), "one"))
    assert get(people["one"]).operator_since == runtime.clock()
