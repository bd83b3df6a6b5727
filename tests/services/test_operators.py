"""Nobody is an operator until somebody on the server says so, and then exactly that person."""

import pytest

from tests.movable import MovableClock
from tests.services.grants import join, made_up, sign_in
from webapp.models import PersonRef
from webapp.services.connect import sessions
from webapp.services.house import House
from webapp.services.operators import roles
from webapp.services.people import get

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture
def people(house: House) -> dict[str, PersonRef]:
    """Three connected people: by open_id."""
    names = ("one", "two", "three")
    return {name: join(house, made_up(house.clock(), name)).person for name in names}


@pytest.mark.usefixtures("people")
def test_there_is_no_operator_at_first(house: House) -> None:
    assert roles.list_operators(house) == []


@pytest.mark.usefixtures("people")
def test_operators_are_listed_longest_serving_first(house: House, clock: MovableClock) -> None:
    roles.add_operator(house, "two", clock())
    roles.add_operator(house, "one", clock.advance(days=1))
    found = roles.list_operators(house)
    assert [operator.open_id for operator in found] == ["two", "one"]
    assert found[1].since == clock()


@pytest.mark.usefixtures("people")
def test_adding_twice_keeps_the_first_day(house: House, clock: MovableClock) -> None:
    since = clock()
    roles.add_operator(house, "one", since)
    roles.add_operator(house, "one", clock.advance(days=1))
    assert [operator.since for operator in roles.list_operators(house)] == [since]


def test_removing_works_from_the_next_request_on(
    house: House, people: dict[str, PersonRef]
) -> None:
    secret = sign_in(house, people["one"], house.clock())
    roles.add_operator(house, "one", house.clock())
    before = sessions.find(house, secret, house.clock())
    roles.remove_operator(house, "one")
    after = sessions.find(house, secret, house.clock())
    assert before is not None
    assert after is not None
    assert (before.operator, after.operator) == (True, False)
    roles.remove_operator(house, "one")


@pytest.mark.usefixtures("people")
def test_who_never_connected_cannot_be_an_operator(house: House) -> None:
    for change in (
        lambda o: roles.add_operator(house, o, house.clock()),
        lambda o: roles.remove_operator(house, o),
    ):
        with pytest.raises(roles.NoSuchPerson, match="a-stranger"):
            change("a-stranger")
    assert roles.list_operators(house) == []


def test_connecting_again_keeps_an_operator(house: House, people: dict[str, PersonRef]) -> None:
    roles.add_operator(house, "one", house.clock())
    join(house, made_up(house.clock(), "one"))
    assert get(people["one"]).operator_since == house.clock()
