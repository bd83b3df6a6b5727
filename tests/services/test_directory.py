"""The operators' list is paged by key: complete, stable while people come, both ways."""

import json
from datetime import timedelta

import pytest
from flask import Flask

from tests.movable import MovableClock
from tests.services.grants import BASIC, join, made_up
from tests.services.holding import opened, the_row
from webapp.database import writing
from webapp.models import User
from webapp.services import directory, sessions
from webapp.services.directory import PAGE, Page
from webapp.services.house import House
from webapp.services.operators import add

pytestmark = pytest.mark.usefixtures("each_database")


def fill(house: House, count: int) -> None:
    """Add rows in one transaction; connecting each of them would take its time."""
    now = house.clock()
    with writing() as session:
        for number in range(count):
            user = User(
                client_key=house.settings.tiktok_client_key,
                open_id=f"person-{number:03}",
                ticket=f"ct_{number:08}",
                created_at=now,
                connected_at=now,
            )
            session.add(user)
            session.flush()


def forward(house: House) -> list[Page]:
    """Every page, from the first to the last."""
    pages = [directory.page(house, house.clock())]
    while pages[-1].next_key is not None:
        pages.append(directory.page(house, house.clock(), after=pages[-1].next_key))
    return pages


def names(page: Page) -> list[str]:
    return [row.open_id for row in page.rows]


@pytest.mark.parametrize(
    ("count", "sizes"),
    [(0, [0]), (1, [1]), (50, [50]), (51, [50, 1]), (100, [50, 50]), (120, [50, 50, 20])],
)
def test_every_person_is_on_one_page_newest_first_and_back(
    house: House, count: int, sizes: list[int]
) -> None:
    fill(house, count)
    pages = forward(house)
    assert [len(page.rows) for page in pages] == sizes
    assert {page.total for page in pages} == {count}
    listed = [name for page in pages for name in names(page)]
    assert listed == [f"person-{number:03}" for number in reversed(range(count))]
    assert pages[0].previous_key is None
    back = [pages[-1]]
    while back[-1].previous_key is not None:
        back.append(directory.page(house, house.clock(), before=back[-1].previous_key))
    assert [names(page) for page in reversed(back)] == [names(page) for page in pages]


def test_a_page_stays_put_while_people_come_and_go(house: House) -> None:
    fill(house, 2 * PAGE)
    first = directory.page(house, house.clock())
    second = directory.page(house, house.clock(), after=first.next_key)
    join(house, made_up(house.clock(), "newcomer"))
    again = directory.page(house, house.clock(), after=first.next_key)
    assert names(again) == names(second)
    assert again.total == second.total + 1
    assert names(directory.page(house, house.clock()))[:1] == ["newcomer"]


def test_a_key_past_either_end_is_an_empty_page(house: House) -> None:
    fill(house, 3)
    for past in ({"after": 0}, {"before": 10**17}):
        page = directory.page(house, house.clock(), **past)
        assert (page.rows, page.total) == ([], 3)
        assert (page.next_key, page.previous_key) == (None, None)


@pytest.mark.rule(52)
def test_people_of_another_tiktok_app_are_not_listed(house: House) -> None:
    fill(house, 2)
    with writing() as session:
        session.query(User).update({"client_key": "another-app"})
    join(house, made_up(house.clock(), "ours"))
    page = directory.page(house, house.clock())
    assert (names(page), page.total) == (["ours"], 1)


def test_a_row_shows_times_and_a_fingerprint_and_no_token(
    house: House, app: Flask, clock: MovableClock
) -> None:
    join(house, made_up(clock(), scopes=frozenset({BASIC, "video.list"})))
    (row,) = directory.page(house, clock()).rows
    assert (row.health, row.grant_ending) == ("fresh", False)
    assert (row.granted_count, row.asked_count) == (1, 1)
    assert row.scopes == [BASIC, "video.list"]
    assert row.access_expires_at == clock() + timedelta(hours=2)
    assert row.refreshed_at == clock()
    user = the_row(app)
    assert row.fingerprint == house.vault.fingerprint(user)
    assert_shows_no_token(repr(row), app, user)


@pytest.mark.rule(55)
def test_ones_own_data_is_whole_and_holds_no_token(house: House, app: Flask) -> None:
    done = join(house, made_up(house.clock()))
    sessions.begin(house, done.user_id, house.clock())
    add(house, done.open_id, house.clock())
    data = directory.own_data(done.user_id)
    text = json.dumps(data)
    assert data is not None
    assert data["open_id"] == "made-up-person"
    assert data["allowed"] == data["asked_for"] == [BASIC]
    assert data["sealed_access_kept"] is True
    assert len(data["signed_in"]) == 1
    assert data["operator_since"] == house.clock().isoformat()
    assert_shows_no_token(text, app, the_row(app))
    assert directory.own_data(done.user_id + 1) is None


def assert_shows_no_token(text: str, app: Flask, user: User) -> None:
    held = opened(app, user)
    tokens = (held.access_token, held.refresh_token, user.access_token, user.refresh_token)
    assert not [token for token in tokens if str(token) in text]


def test_own_data_leaves_out_nothing_but_secrets_and_the_schedule(house: House) -> None:
    """A new column must be shown to its person, or named here with its reason."""
    kept_back = {
        "id": "ours, not theirs",
        "client_key": "the app's, the same for everybody",
        "access_token": "a secret",
        "refresh_token": "a secret",
        "version": "the schedule",
        "next_at": "the schedule",
        "claim": "the schedule",
        "failures": "the schedule",
        "refused_at": "the schedule",
        "failing_since": "the schedule",
        "interrupted": "the schedule",
        "last_error": "TikTok's word to us",
        "last_log_id": "TikTok's word to us",
    }
    renamed = {
        "scope": "allowed",
        "asked_scope": "asked_for",
        "created_at": "first_connected",
        "connected_at": "connected",
        "refreshed_at": "access_refreshed",
        "access_expires_at": "access_ends",
        "refresh_expires_at": "connection_ends",
        "last_used_at": "last_used",
        "refreshes": "access_refreshes",
        "history": "last_events",
        "ended_at": "access_ended",
        "reason": "access_ended_because",
    }
    data = directory.own_data(join(house, made_up(house.clock())).user_id)
    columns = set(User.__table__.columns.keys()) - kept_back.keys()
    assert {renamed.get(column, column) for column in columns} <= set(data or ())
