"""The one thread that commits: in groups that wait for the disk; and its one line a minute."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import structlog
from sqlalchemy import event

from tests.keep.test_landing import answers
from tests.keep.world import World
from webapp.database import db
from webapp.services.refresh import answer_store
from webapp.services.refresh.answer_store import GROUP, store_answers
from webapp.services.refresh.on_demand import fresh_access
from webapp.services.worker.committer import Committer, Counters

on_sqlite = pytest.mark.parametrize("each_database", ["sqlite"], indirect=True)


def statements(world: World, act: Callable[[], object]) -> list[str]:
    """Return what is said to the database while something is done, a short line each."""
    said: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        said.append(" ".join(statement.split())[:40])

    event.listen(db.engine, "before_cursor_execute", note)
    event.listen(db.engine, "commit", lambda _connection: said.append("COMMIT"))
    act()
    return said


@pytest.mark.rule(32)
@pytest.mark.usefixtures("each_database")
def test_answers_that_queue_up_are_committed_in_groups(world: World) -> None:
    results = answers(world, 150)
    done, freed = Counters(), []
    committer = Committer(world.runtime, world.app.app_context, done, freed.append)
    for result in results:
        committer.put(result)

    def commit() -> None:
        committer.start()
        committer.end()

    assert statements(world, commit).count("COMMIT") == 3
    assert freed == [GROUP, GROUP, 150 - 2 * GROUP]
    assert done.snapshot() == {"refreshed": 150}
    world.assert_in_step(living=150)


@on_sqlite
@pytest.mark.rule(32)
@pytest.mark.usefixtures("each_database")
def test_the_commit_of_a_new_pair_waits_for_the_disk(world: World) -> None:
    """What is lost with the power here is a lost grant; of anything else it is not worth it."""
    open_id = world.person()
    said = statements(world, lambda: fresh_access(world.runtime, open_id, pressed=True))
    stored = next(
        n for n, line in enumerate(said) if line.startswith("UPDATE users SET access_token")
    )
    begun = max(n for n, line in enumerate(said[:stored]) if line == "BEGIN IMMEDIATE")
    assert said[begun - 1] == "PRAGMA synchronous=FULL"
    assert "COMMIT" in said[stored:]
    assert said.count("PRAGMA synchronous=FULL") == 1


def test_a_worker_writes_one_line_a_minute_and_none_of_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at = 1_000.0
    monkeypatch.setattr("webapp.services.worker.committer.time.monotonic", lambda: at)
    done = Counters()
    with structlog.testing.capture_logs() as lines:
        for second in range(1, 300):
            at = 1_000.0 + second
            if second < 150:
                done.add("refreshed")
            done.log_if_due(7)
    assert [(line["event"], line["refreshed"], line["under_way"]) for line in lines] == [
        ("worker_progress", 60, 7),
        ("worker_progress", 60, 7),
        ("worker_progress", 29, 7),
    ]


@pytest.mark.usefixtures("each_database")
def test_the_generation_is_incremented_once_a_second_while_answers_come(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two groups in one second write it once, and the next second's group writes it again."""
    first, second, third = answers(world, 3)
    passed = [0.0]
    monkeypatch.setattr(answer_store, "_counted_at", {})
    monkeypatch.setattr(answer_store, "time", SimpleNamespace(monotonic=lambda: passed[0]))
    counted = []
    for result, seconds in ((first, 0.0), (second, 0.9), (third, 0.1)):
        passed[0] += seconds
        said = statements(world, lambda result=result: store_answers(world.runtime, [result]))
        counted.append(sum("UPDATE installation" in each for each in said))
    assert counted == [1, 0, 1]
