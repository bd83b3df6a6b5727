"""The story of a made-up connection holds together, whatever the dice say."""

import unicodedata
from datetime import UTC, datetime, timedelta

import pytest

from demo import states
from demo.names import Dice, name_of
from demo.story import Lifetimes, Story
from webapp.models import Status
from webapp.services.records import history, refresh_days

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
#: The sandbox's.
LIFETIMES = Lifetimes(timedelta(hours=2), timedelta(days=180))
STATES = (
    *(states.healthy, states.soon, states.due, states.expired, states.failing),
    *(states.reconnect, states.revoking, states.revoked),
)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("state", STATES)
def test_what_happened_is_in_order_and_explains_the_columns(state: states.State) -> None:
    for number in range(400):
        story = Story("ct_2222-2222", "user.info.basic", LIFETIMES, NOW, Dice.of(number).random())
        state(story)
        columns, entries = story.columns, history.parse(story.history)
        moments = [entry.at for entry in entries]
        assert moments == sorted(moments, reverse=True), number
        assert columns["created_at"] <= columns["connected_at"] <= columns["refreshed_at"] <= NOW
        assert all(columns["connected_at"] < at <= NOW for at in moments), number
        assert len(entries) <= 20
        refreshed = [entry.at for entry in entries if entry.word == "refreshed"]
        assert columns["refreshes"] >= len(refreshed)
        if columns["refreshes"]:
            assert abs(refreshed[0] - columns["refreshed_at"]) < SECOND
        worked = sum(good for good, _failed in refresh_days.counted(story.refresh_days).values())
        assert len(refreshed) <= worked <= columns["refreshes"], number
        ended = columns["ended_at"]
        if ended is not None:
            assert columns["refreshed_at"] < ended <= NOW, number
            assert all(at <= ended for at in moments), number
            assert max(event.at for event in story.events) >= ended
        if columns["status"] == Status.FAILING:
            assert columns["refreshed_at"] < columns["failing_since"] < NOW
            assert 3 <= columns["failures"] <= 10


def test_every_state_and_many_scripts_are_among_a_few_hundred_people() -> None:
    dice = [Dice.of(number) for number in range(500)]
    found = {states.state_at(each.share(0) * 1000) for each in dice}
    assert {states.failing, states.reconnect, states.revoked, states.soon, states.healthy} <= found
    names = [name for each in dice if (name := name_of(each))]
    assert len(names) > 480
    assert all(name.isprintable() for name in names)
    scripts = {unicodedata.name(letter).split()[0] for name in names for letter in name}
    assert scripts >= {
        *["LATIN", "CYRILLIC", "GREEK", "CJK", "HIRAGANA", "HANGUL", "ARABIC", "DEVANAGARI"]
    }
