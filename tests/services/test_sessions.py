"""Who is signed in is decided on the server: by idle life, by absolute life, by sign-out."""

import hashlib
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.movable import MovableClock
from tests.services.grants import join, made_up
from webapp.database import reading
from webapp.models import BrowserSession
from webapp.services import sessions
from webapp.services.disconnect import delete, disconnect
from webapp.services.house import House

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture
def person(house: House) -> int:
    """A connected person's id; the sandbox never heard of the grant, so ending it is cheap."""
    return join(house, made_up(house.clock())).user_id


def kept() -> list[BrowserSession]:
    with reading() as session:
        return list(session.scalars(select(BrowserSession)))


def test_only_the_hash_of_the_secret_is_kept(house: House, person: int) -> None:
    secret = sessions.begin(house, person, house.clock())
    (row,) = kept()
    assert row.digest == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in repr(vars(row))
    # 256 bits: 32 bytes in base64url.
    assert len(secret) == 43
    assert sessions.begin(house, person, house.clock()) != secret


def test_the_secret_finds_its_person_and_no_other_text_does(house: House, person: int) -> None:
    secret = sessions.begin(house, person, house.clock())
    found = sessions.find(house, secret, house.clock())
    assert found is not None
    assert (found.user_id, found.open_id, found.operator) == (person, "made-up-person", False)
    (row,) = kept()
    for wrong in ("", secret[:-1], secret.upper(), row.digest, "käse"):
        assert sessions.find(house, wrong, house.clock()) is None


def test_an_idle_session_ends_on_the_server(house: House, person: int, clock: MovableClock) -> None:
    secret = sessions.begin(house, person, clock())
    clock.advance(hours=house.settings.session_idle_hours)
    assert sessions.find(house, secret, clock())
    clock.advance(hours=house.settings.session_idle_hours, seconds=1)
    assert sessions.find(house, secret, clock()) is None


def test_a_session_in_use_ends_all_the_same(house: House, person: int, clock: MovableClock) -> None:
    secret = sessions.begin(house, person, clock())
    ends = clock() + timedelta(days=house.settings.session_days)
    while clock() < ends:
        assert sessions.find(house, secret, clock())
        clock.advance(days=2)
    clock.now = ends + timedelta(seconds=1)
    assert sessions.find(house, secret, clock()) is None


def test_looking_at_pages_seldom_writes(house: House, person: int, clock: MovableClock) -> None:
    secret = sessions.begin(house, person, clock())
    began = clock()
    sessions.find(house, secret, clock.advance(minutes=5))
    assert kept()[0].seen_at == began
    sessions.find(house, secret, clock.advance(seconds=1))
    assert kept()[0].seen_at == clock()


def test_signing_out_ends_this_browser_alone(house: House, person: int) -> None:
    here, elsewhere = (sessions.begin(house, person, house.clock()) for _ in range(2))
    sessions.end(here)
    assert sessions.find(house, here, house.clock()) is None
    assert sessions.find(house, elsewhere, house.clock())


def test_signing_out_everywhere_ends_all_of_one_person(house: House, person: int) -> None:
    other = join(house, made_up(house.clock(), "somebody-else")).user_id
    mine = [sessions.begin(house, person, house.clock()) for _ in range(3)]
    theirs = sessions.begin(house, other, house.clock())
    sessions.end_everywhere(person, "ct_MADE-UPAA", house.clock())
    assert [sessions.find(house, secret, house.clock()) for secret in mine] == [None] * 3
    assert sessions.find(house, theirs, house.clock())


def test_deleting_the_account_ends_every_session(house: House, person: int) -> None:
    secret = sessions.begin(house, person, house.clock())
    delete(house, person)
    assert sessions.find(house, secret, house.clock()) is None
    assert kept() == []


def test_disconnecting_signs_nobody_out(house: House, person: int) -> None:
    secret = sessions.begin(house, person, house.clock())
    disconnect(house, person)
    assert sessions.find(house, secret, house.clock())


def test_what_is_over_is_swept_out_at_the_next_sign_in(
    house: House, person: int, clock: MovableClock
) -> None:
    for _ in range(3):
        sessions.begin(house, person, clock())
    clock.advance(hours=house.settings.session_idle_hours, seconds=1)
    sessions.begin(house, person, clock())
    assert len(kept()) == 1
