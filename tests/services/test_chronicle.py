"""What the history and the audit both tell is told once, with what each of them knows."""

import json
from datetime import UTC, datetime, timedelta

from webapp.actor import Actor
from webapp.models import AuditEvent
from webapp.services.records import history
from webapp.services.records.history import TimelineEvent

NOW = datetime(2026, 11, 22, 14, 5, 30, tzinfo=UTC)
MARA = Actor("operator", "ct_2222-0001")
WORKER = Actor("worker")


def entry(seconds: float, word: str, actor: Actor, *, ms: int | None = 214) -> TimelineEvent:
    """An entry so many seconds ago, as it comes back from a row."""
    text = history.format_entry(NOW - timedelta(seconds=seconds), word, actor, ms, "", "")
    (found,) = history.parse(text)
    return found


def event(seconds: float, name: str, actor: Actor, **fields: object) -> AuditEvent:
    """An event so many seconds ago, as the audit keeps it."""
    return AuditEvent(
        at=NOW - timedelta(seconds=seconds),
        actor_kind=actor.kind,
        actor=actor.name,
        address="",
        event=name,
        ticket="ct_2222-0002",
        fields=json.dumps(fields),
    )


def told(
    entries: list[TimelineEvent], events: list[AuditEvent]
) -> list[tuple[str, str, int | None]]:
    """What the merge tells: word, who, ms."""
    return [(each.word, each.who, each.ms) for each in history.merge(entries, events)]


def test_an_asked_refresh_is_told_once_with_its_time() -> None:
    asked = event(9.4, "connection.refreshed", MARA, version=2)
    assert told([entry(10, "refreshed", MARA)], [asked]) == [
        ("refreshed", "operator:ct_2222-0001", 214)
    ]


def test_two_refreshes_in_a_minute_are_two() -> None:
    entries = [entry(s, "refreshed", MARA) for s in (10, 20, 30)]
    events = [event(s - 0.5, "connection.refreshed", MARA, version=2) for s in (10, 20, 30)]
    assert len(told(entries, events)) == 3


def test_what_another_did_at_the_same_time_is_no_twin() -> None:
    asked = event(10, "connection.refreshed", MARA, version=2)
    assert len(told([entry(10, "refreshed", WORKER)], [asked])) == 2
    failed = event(10, "connection.refresh_failed", MARA, verdict="transient", code="x")
    assert len(told([entry(10, "refreshed", MARA)], [failed])) == 2


def test_an_answer_that_waited_for_the_database_is_still_the_same() -> None:
    late = event(1, "connection.reconnect_required", WORKER, reason="refused", code="x")
    assert len(told([entry(60, "needs_user", WORKER)], [late])) == 1


def test_what_the_history_has_dropped_is_told_by_the_audit() -> None:
    assert told([], [event(5, "connection.refreshed", MARA, version=2)]) == [
        ("refreshed", "operator:ct_2222-0001", None)
    ]


def test_the_newest_comes_first_and_fifty_are_enough() -> None:
    events = [event(s, "connection.disconnect_ordered", MARA) for s in range(50)]
    found = history.merge([entry(5.5, "refreshed", WORKER), entry(900, "failed", WORKER)], events)
    assert len(found) == history.TIMELINE_LENGTH
    assert [each.at for each in found] == sorted((each.at for each in found), reverse=True)
    assert found[0].at == NOW
