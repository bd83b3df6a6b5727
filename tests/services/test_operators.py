"""Nobody is an operator until somebody on the server says so, and then exactly that person."""

import pytest

from tests.movable import MovableClock
from tests.services.grants import join, made_up, sign_in
from webapp.models import PersonRef
from webapp.services.connect import sessions
from webapp.services.house import House
from webapp.services.operators import operators
from webapp.services.people import get

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture
def people(house: House) -> dict[str, PersonRef]:
    """Three connected people: by open_id."""
    names = ("one", "two", "three")
    return {name: join(house, made_up(house.clock(), name)).person for name in names}


@pytest.mark.usefixtures("people")
def test_there_is_no_operator_at_first(house: House) -> None:
    assert operators.list_all(house) == []


@pytest.mark.usefixtures("people")
def test_operators_are_listed_longest_serving_first(house: House, clock: MovableClock) -> None:
    operators.add(house, "two", clock())
    operators.add(house, "one", clock.advance(days=1))
    found = operators.list_all(house)
    assert [operator.open_id for operator in found] == ["two", "one"]
    assert found[1].since == clock()


@pytest.mark.usefixtures("people")
def test_adding_twice_keeps_the_first_day(house: House, clock: MovableClock) -> None:
    since = clock()
    operators.add(house, "one", since)
    operators.add(house, "one", clock.advance(days=1))
    assert [operator.since for operator in operators.list_all(house)] == [since]


def test_removing_works_from_the_next_request_on(
    house: House, people: dict[str, PersonRef]
) -> None:
    secret = sign_in(house, people["one"], house.clock())
    operators.add(house, "one", house.clock())
    before = sessions.find(house, secret, house.clock())
    operators.remove(house, "one")
    after = sessions.find(house, secret, house.clock())
    assert before is not None
    assert after is not None
    assert (before.operator, after.operator) == (True, False)
    operators.remove(house, "one")


@pytest.mark.usefixtures("people")
def test_who_never_connected_cannot_be_an_operator(house: House) -> None:
    for change in (
        lambda o: operators.add(house, o, house.clock()),
        lambda o: operators.remove(house, o),
    ):
        with pytest.raises(operators.NoSuchPerson, match="a-stranger"):
            change("a-stranger")
    assert operators.list_all(house) == []


def test_connecting_again_keeps_an_operator(house: House, people: dict[str, PersonRef]) -> None:
    operators.add(house, "one", house.clock())
    join(house, made_up(house.clock(), "one"))
    assert get(people["one"]).operator_since == house.clock()
