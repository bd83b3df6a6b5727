"""Who is signed in is decided on the server: by idle life, by absolute life, by sign-out."""

import hashlib
from datetime import timedelta
from typing import NoReturn

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from tests.movable import MovableClock
from tests.services.grants import join, made_up, sign_in
from webapp.database import reading, writing
from webapp.models import BrowserSession, PersonRef, User
from webapp.services.connect import sessions
from webapp.services.connect.disconnect import delete_person, disconnect_person
from webapp.services.runtime import Runtime

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture
def person(runtime: Runtime) -> PersonRef:
    """A connected person; the sandbox never heard of the grant, so ending it is cheap."""
    return join(runtime, made_up(runtime.clock())).person


def kept() -> list[BrowserSession]:
    with reading() as session:
        return list(session.scalars(select(BrowserSession)))


def test_only_the_hash_of_the_secret_is_kept(runtime: Runtime, person: PersonRef) -> None:
    secret = sign_in(runtime, person, runtime.clock())
    (row,) = kept()
    assert row.digest == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in repr(vars(row))
    # 256 bits: 32 bytes in base64url.
    assert len(secret) == 43
    assert sign_in(runtime, person, runtime.clock()) != secret


def test_the_secret_finds_its_person_and_no_other_text_does(
    runtime: Runtime, person: PersonRef
) -> None:
    secret = sign_in(runtime, person, runtime.clock())
    found = sessions.find(runtime, secret, runtime.clock())
    assert found is not None
    assert (found.ref, found.open_id, found.operator) == (person, "made-up-person", False)
    (row,) = kept()
    for wrong in ("", secret[:-1], secret.upper(), row.digest, "käse"):
        assert sessions.find(runtime, wrong, runtime.clock()) is None


def test_an_idle_session_ends_on_the_server(
    runtime: Runtime, person: PersonRef, clock: MovableClock
) -> None:
    secret = sign_in(runtime, person, clock())
    clock.advance(hours=runtime.settings.session_idle_hours)
    assert sessions.find(runtime, secret, clock())
    clock.advance(hours=runtime.settings.session_idle_hours, seconds=1)
    assert sessions.find(runtime, secret, clock()) is None


def test_a_session_in_use_ends_all_the_same(
    runtime: Runtime, person: PersonRef, clock: MovableClock
) -> None:
    secret = sign_in(runtime, person, clock())
    ends = clock() + timedelta(days=runtime.settings.session_days)
    while clock() < ends:
        assert sessions.find(runtime, secret, clock())
        clock.advance(days=2)
    clock.now = ends + timedelta(seconds=1)
    assert sessions.find(runtime, secret, clock()) is None


def test_looking_at_pages_seldom_writes(
    runtime: Runtime, person: PersonRef, clock: MovableClock
) -> None:
    secret = sign_in(runtime, person, clock())
    began = clock()
    sessions.find(runtime, secret, clock.advance(minutes=5))
    assert kept()[0].seen_at == began
    sessions.find(runtime, secret, clock.advance(seconds=1))
    assert kept()[0].seen_at == clock()


def test_signing_out_ends_this_browser_alone(runtime: Runtime, person: PersonRef) -> None:
    here, elsewhere = (sign_in(runtime, person, runtime.clock()) for _ in range(2))
    sessions.end(here)
    assert sessions.find(runtime, here, runtime.clock()) is None
    assert sessions.find(runtime, elsewhere, runtime.clock())


def visitor(runtime: Runtime, secret: str) -> sessions.Visitor:
    found = sessions.find(runtime, secret, runtime.clock())
    assert found is not None
    return found


def listed(runtime: Runtime, person: PersonRef, secret: str) -> list[sessions.Browser]:
    with reading() as session:
        return sessions.of(session, runtime, person, secret, runtime.clock())


def test_people_see_their_browsers_this_one_first_then_the_latest_seen(
    runtime: Runtime, person: PersonRef, clock: MovableClock
) -> None:
    began = clock()
    here = sign_in(runtime, person, began, browser="Firefox", system="Linux")
    old = sign_in(runtime, person, began)
    clock.advance(hours=1)
    sign_in(runtime, person, clock(), browser="Safari", system="iPhone")
    found = listed(runtime, person, here)
    assert [(each.browser, each.system) for each in found] == [
        ("Firefox", "Linux"),
        ("Safari", "iPhone"),
        (None, None),
    ]
    assert [each.this_one for each in found] == [True, False, False]
    assert (found[0].since, found[1].seen_at) == (began, clock())
    assert len({each.key for each in found}) == 3
    for row in kept():
        assert row.digest not in repr(found)
    assert here not in repr(found) + old


def test_a_session_whose_life_is_over_is_not_listed_and_not_to_be_ended(
    runtime: Runtime, person: PersonRef, clock: MovableClock
) -> None:
    sign_in(runtime, person, clock())
    clock.advance(hours=runtime.settings.session_idle_hours - 1)
    here = sign_in(runtime, person, clock())
    (_here, old) = listed(runtime, person, here)
    clock.advance(hours=2)
    assert len(listed(runtime, person, here)) == 1
    with pytest.raises(sessions.NoSuchSession):
        sessions.end_one(runtime, visitor(runtime, here), old.key, here)


def test_the_list_is_bounded_and_this_browser_is_in_it(
    runtime: Runtime, person: PersonRef, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "MAX_LISTED", 2)
    here = sign_in(runtime, person, clock())
    for _ in range(3):
        sign_in(runtime, person, clock.advance(minutes=1))
    assert [each.this_one for each in listed(runtime, person, here)] == [True, False]


def test_one_of_ones_own_browsers_can_be_ended_by_its_key(
    runtime: Runtime, person: PersonRef
) -> None:
    here, there = (sign_in(runtime, person, runtime.clock()) for _ in range(2))
    mine, other = listed(runtime, person, here)
    me = visitor(runtime, here)
    assert sessions.end_one(runtime, me, other.key, here) is False
    assert sessions.find(runtime, there, runtime.clock()) is None
    assert sessions.end_one(runtime, me, mine.key, here) is True
    assert kept() == []


def test_a_key_names_nothing_but_ones_own(runtime: Runtime, person: PersonRef) -> None:
    stranger = join(runtime, made_up(runtime.clock(), "somebody-else")).person
    here = sign_in(runtime, person, runtime.clock())
    theirs = sign_in(runtime, stranger, runtime.clock())
    (other,) = listed(runtime, stranger, theirs)
    me = visitor(runtime, here)
    for key in (other.key, *(row.digest for row in kept()), here, theirs, "", "0" * 16, "käse"):
        with pytest.raises(sessions.NoSuchSession):
            sessions.end_one(runtime, me, key, here)
    assert len(kept()) == 2


def test_all_others_end_and_this_one_stays(runtime: Runtime, person: PersonRef) -> None:
    stranger = join(runtime, made_up(runtime.clock(), "somebody-else")).person
    here, *others = (sign_in(runtime, person, runtime.clock()) for _ in range(3))
    theirs = sign_in(runtime, stranger, runtime.clock())
    sessions.end_others(visitor(runtime, here), here, runtime.clock())
    assert [sessions.find(runtime, each, runtime.clock()) for each in others] == [None, None]
    assert sessions.find(runtime, here, runtime.clock())
    assert sessions.find(runtime, theirs, runtime.clock())


def test_signing_out_everywhere_ends_all_of_one_person(runtime: Runtime, person: PersonRef) -> None:
    other = join(runtime, made_up(runtime.clock(), "somebody-else")).person
    mine = [sign_in(runtime, person, runtime.clock()) for _ in range(3)]
    theirs = sign_in(runtime, other, runtime.clock())
    sessions.end_everywhere(person, runtime.clock())
    assert [sessions.find(runtime, secret, runtime.clock()) for secret in mine] == [None] * 3
    assert sessions.find(runtime, theirs, runtime.clock())


def test_deleting_the_account_ends_every_session(runtime: Runtime, person: PersonRef) -> None:
    secret = sign_in(runtime, person, runtime.clock())
    delete_person(runtime, person)
    assert sessions.find(runtime, secret, runtime.clock()) is None
    assert kept() == []


def test_disconnecting_signs_nobody_out(runtime: Runtime, person: PersonRef) -> None:
    secret = sign_in(runtime, person, runtime.clock())
    disconnect_person(runtime, person)
    assert sessions.find(runtime, secret, runtime.clock())


def test_what_is_over_is_swept_out_at_the_next_sign_in(
    runtime: Runtime, person: PersonRef, clock: MovableClock
) -> None:
    for _ in range(3):
        sign_in(runtime, person, clock())
    clock.advance(hours=runtime.settings.session_idle_hours, seconds=1)
    sign_in(runtime, person, clock())
    assert len(kept()) == 1


def test_a_database_that_cannot_be_written_signs_nobody_out(
    runtime: Runtime, person: PersonRef, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = sign_in(runtime, person, clock())
    with writing() as session:
        user = session.scalars(select(User).where(User.is_(person))).one()
        here = sessions.Device(None, None, replaces=former)
        secret = sessions.begin(session, runtime, user, here, clock())
    clock.advance(hours=1)
    with monkeypatch.context() as patched:
        patched.setattr(sessions, "writing", locked)
        assert sessions.find(runtime, secret, clock())
        assert sessions.find(runtime, former, clock())
    assert sessions.find(runtime, secret, clock())
    assert sessions.find(runtime, former, clock()) is None, "the next use has ended it"


def locked(**_options: bool) -> NoReturn:
    """Act as a transaction that can't begin."""
    raise OperationalError("BEGIN IMMEDIATE", None, Exception("database is locked"))


def test_one_device_too_many_signs_out_the_one_that_was_seen_longest_ago(
    runtime: Runtime, person: PersonRef, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "MAX_DEVICES", 2)
    stranger = join(runtime, made_up(clock(), "somebody-else")).person
    theirs = sign_in(runtime, stranger, clock())
    first, second, third = (sign_in(runtime, person, clock.advance(minutes=1)) for _ in range(3))
    assert sessions.find(runtime, first, clock()) is None
    for secret in (second, third, theirs):
        assert sessions.find(runtime, secret, clock())


def test_among_devices_seen_at_the_same_time_the_digest_decides_which_is_signed_out(
    runtime: Runtime, person: PersonRef, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(8):
        sign_in(runtime, person, clock())
    first = sorted(row.digest for row in kept())[:3]
    monkeypatch.setattr(sessions, "MAX_DEVICES", 4)
    sign_in(runtime, person, clock.advance(minutes=1))
    assert {row.digest for row in kept() if row.seen_at < clock()} == set(first)
