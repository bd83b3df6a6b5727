"""Every column of a person's row belongs to one group, and each event decides on every mark."""

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest
from sqlalchemy import inspect
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from webapp.models import Reason, User, connection_state

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

#: Says who the person is; no event of the connection changes it.
IDENTITY = {
    *("id", "client_key", "open_id", "ticket"),
    *("union_id", "display_name", "username", "operator_since"),
}
#: What TikTok granted, and how often it changed; only `webapp.services.vault` writes the tokens.
GRANT = {
    *("access_token", "refresh_token", "access_expires_at", "refresh_expires_at"),
    *("scope", "asked_scope", "version"),
}
#: When things happened, and how often.
TIMES = {
    "created_at",
    "connected_at",
    "exchange_sent_at",
    "refreshed_at",
    "last_used_at",
    "refreshes",
    "history",
    "refresh_days",
}
#: When to act next: every event decides that for itself.
QUEUE = {"next_at"}
#: Set by what goes wrong or is under way, and cleared when TikTok grants tokens.
MARKS = {
    *("claim", "status", "reason", "ended_at", "refused_at", "interrupted"),
    *("failures", "failing_since", "last_error", "last_log_id"),
}
GROUPS = (IDENTITY, GRANT, TIMES, QUEUE, MARKS)

#: What each event that changes the status writes, and the marks that it keeps.
EVENTS: dict[str, tuple[connection_state.Columns, set[str]]] = {
    "works_again": (connection_state.works_again(), set()),
    "failing": (
        connection_state.failing(1, NOW, NOW) | connection_state.error("internal_error"),
        {"reason", "ended_at", "refused_at", "interrupted"},
    ),
    # Operators can see what led to it: how often it failed, and TikTok's last code.
    "needs_person": (
        connection_state.needs_person(Reason.REFUSED, NOW),
        {"refused_at", "interrupted", "failures", "last_error", "last_log_id"},
    ),
    "revoking": (connection_state.revoking(NOW, NOW), {"refused_at", "interrupted"}),
    "revoked": (
        connection_state.forgotten() | connection_state.revoked(),
        {
            *("ended_at", "refused_at", "interrupted"),
            *("failures", "failing_since", "last_error", "last_log_id"),
        },
    ),
    "removed": (
        connection_state.forgotten() | connection_state.removed(Reason.REMOVED_1, NOW),
        set(),
    ),
}


def sorted_union(groups: Iterable[set[str]]) -> list[str]:
    """Return the members of all groups, repeated ones as often as they occur."""
    return sorted(name for group in groups for name in group)


def test_every_column_is_in_exactly_one_group() -> None:
    columns = sorted(column.key for column in inspect(User).columns)
    assert sorted_union(GROUPS) == columns, "put the new column into one of the groups above"


def test_granted_tokens_clear_every_mark_and_nothing_else() -> None:
    assert connection_state.works_again().keys() == MARKS


@pytest.mark.parametrize("event", EVENTS)
def test_each_event_either_writes_a_mark_or_is_known_to_keep_it(event: str) -> None:
    written, kept = EVENTS[event]
    assert sorted_union([MARKS & written.keys(), kept]) == sorted(MARKS)
    assert written.keys() <= MARKS | QUEUE | GRANT


def test_forgetting_leaves_nothing_of_the_grant() -> None:
    # What was asked for stays, so the page can say what was left out; the vault counts the version.
    assert GRANT - connection_state.forgotten().keys() == {"asked_scope", "version"}


def test_no_column_has_a_value_by_default_that_a_grant_would_not_give_it() -> None:
    granted = connection_state.works_again()
    for column in inspect(User).columns:
        if column.key in MARKS and isinstance(column.default, ScalarElementColumnDefault):
            assert column.default.arg == granted[column.key], column.key


def test_write_sets_the_columns_of_a_row() -> None:
    user = User(status="failing", failures=3, reason=None)
    connection_state.write(user, connection_state.needs_person(Reason.INTERRUPTED, NOW))
    assert (user.status, user.reason, user.ended_at) == ("reconnect", "interrupted", NOW)
    assert user.failures == 3, "kept"
