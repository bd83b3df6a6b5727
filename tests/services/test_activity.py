"""What happened to one's own connection comes whole, in order, each thing on one page only."""

import json
from datetime import datetime, timedelta

import pytest
from sqlalchemy import insert, update

from tests.movable import MovableClock
from tests.services.grants import join, made_up
from webapp.actor import Actor
from webapp.database import writing
from webapp.models import AuditEvent, User
from webapp.services import people
from webapp.services.account import export, overview
from webapp.services.records import history
from webapp.services.records.history import TimelineEvent
from webapp.services.runtime import Runtime

pytestmark = pytest.mark.usefixtures("each_database")
WORKER = Actor("worker")


@pytest.fixture
def person(runtime: Runtime) -> User:
    """A connected person's row; nothing has happened yet but that."""
    return people.get(join(runtime, made_up(runtime.clock())).person)


def happened(at: datetime, ticket: str, event: str = "account.exported", **fields: str) -> None:
    with writing() as session:
        session.execute(
            insert(AuditEvent).values(
                at=at,
                actor_kind="person",
                actor=ticket,
                address="",
                reference="",
                event=event,
                ticket=ticket,
                fields=json.dumps(fields),
            )
        )


def remember(entries: list[tuple[datetime, str, Actor]]) -> None:
    """Write a history into every row; the newest entry is the first."""
    text = "".join(history.format_entry(at, word, by, 9, "", "") for at, word, by in entries)
    with writing() as session:
        session.execute(update(User).values(history=text))


def walk(runtime: Runtime, person: User) -> list[list[TimelineEvent]]:
    """Return every page, from the newest on."""
    pages, before = [], None
    while True:
        page = overview.activity(runtime, person.ref, before)
        assert page.further is (before is not None)
        pages.append(page.events)
        if page.older is None:
            return pages
        before = page.older


def test_every_event_is_on_one_page_newest_first(
    runtime: Runtime, person: User, clock: MovableClock
) -> None:
    clock.advance(days=3)
    for number in range(60):
        # Three in each moment, so that the order needs more than the time.
        happened(clock() - timedelta(minutes=number // 3), person.ticket)
    happened(clock(), "ct_2222-2222")
    pages = walk(runtime, person)
    assert [len(page) for page in pages] == [25, 25, 11]
    times = [each.at for page in pages for each in page]
    assert times == sorted(times, reverse=True)
    assert pages[-1][-1].word == "connection.connected"


def test_what_was_done_in_the_background_stands_where_it_belongs_and_once(
    runtime: Runtime, person: User, clock: MovableClock
) -> None:
    clock.advance(days=3)
    for number in range(30):
        happened(clock() - timedelta(hours=number), person.ticket)
    hours = [20, 29.5, 0.5, 40, 24]
    remember([(clock() - timedelta(hours=each), "refreshed", WORKER) for each in sorted(hours)])
    pages = walk(runtime, person)
    ago = [[(clock() - e.at) for e in page if e.word == "refreshed"] for page in pages]
    told = [[each.total_seconds() / 3600 for each in page] for page in ago]
    assert [[round(each, 1) for each in page] for page in told] == [[0.5, 20, 24], [29.5, 40]]


def test_what_the_audit_tells_is_not_told_by_the_history_again(
    runtime: Runtime, person: User, clock: MovableClock
) -> None:
    clock.advance(hours=1)
    happened(clock(), person.ticket, "connection.refreshed", version="2")
    asked = Actor("person", person.ticket)
    at = clock() - timedelta(seconds=1)
    remember([(at, "refreshed", asked), (at, "needs_user", WORKER), (at, "failed", WORKER)])
    (page,) = walk(runtime, person)
    assert [(e.word, e.who) for e in page] == [
        ("refreshed", "person"),
        ("failed", "worker"),
        ("connection.connected", "system"),
    ]


def test_nothing_is_older_than_90_days(runtime: Runtime, person: User, clock: MovableClock) -> None:
    at = clock() + timedelta(minutes=1)
    happened(at, person.ticket)
    remember([(clock(), "refreshed", WORKER)])
    clock.now = at + timedelta(days=90)
    assert [[e.word for e in page] for page in walk(runtime, person)] == [["account.exported"]]
    clock.advance(seconds=1)
    assert walk(runtime, person) == [[]]


def test_an_id_that_is_not_ones_own_begins_at_the_newest(
    runtime: Runtime, person: User, clock: MovableClock
) -> None:
    happened(clock.advance(minutes=1), person.ticket)
    happened(clock.advance(minutes=1), "ct_2222-2222")
    newest = overview.activity(runtime, person.ref, None)
    for before in (3, 0, -1, 99, 10**17):
        assert overview.activity(runtime, person.ref, before) == newest


def test_the_account_page_gets_the_newest_page(
    runtime: Runtime, person: User, clock: MovableClock
) -> None:
    for _ in range(4):
        happened(clock.advance(minutes=1), person.ticket)
    remember([(clock() - timedelta(seconds=each), "refreshed", WORKER) for each in range(4)])
    recent = overview.overview_of(runtime, person.ref, "").recent
    assert [each.word for each in recent][:3] == ["refreshed", "account.exported", "refreshed"]
    assert recent == overview.activity(runtime, person.ref, None).events


def test_a_file_takes_a_bounded_number(
    runtime: Runtime, person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "MAX_EXPORTED", 2)
    for _ in range(3):
        happened(runtime.clock(), person.ticket)
    assert len((export.personal_data(person.ref))["activity"]) == 2
