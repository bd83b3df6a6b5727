"""A full disk under the database: an answer waits for space, or goes to the rescue file."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from tests.keep.standins import PATIENCE
from tests.keep.test_landing import answers, landed
from tests.keep.world import World
from webapp.database import db
from webapp.services.refresh import rescue_file

pytestmark = pytest.mark.rule(32)


@contextmanager
def no_space() -> Iterator[None]:
    """Let SQLite find the disk full whenever a connection is refreshed, until the block ends.

    SQLite itself refuses: the file may not grow, and the write needs more pages than are free.
    """
    with db.engine.begin() as connection:
        connection.execute(text("CREATE TABLE filler (bytes BLOB)"))
        connection.execute(
            text(
                "CREATE TRIGGER fill BEFORE UPDATE OF access_token ON users"
                " BEGIN INSERT INTO filler VALUES (randomblob(1000000)); END"
            )
        )
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()

    def bound(connection: Any, *_rest: object) -> None:
        connection.execute(f"PRAGMA max_page_count={pages}")

    event.listen(db.engine, "checkout", bound)
    with pytest.raises(OperationalError, match="disk is full"), db.engine.begin() as connection:
        connection.execute(text("UPDATE users SET access_token = access_token"))
    try:
        yield
    finally:
        event.remove(db.engine, "checkout", bound)
        db.engine.dispose()
        with db.engine.begin() as connection:
            connection.execute(text("DROP TRIGGER fill"))


def test_an_answer_waits_for_space_and_is_stored(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    results = answers(world, 5)
    with ThreadPoolExecutor(1) as pool:
        with no_space():
            storing = pool.submit(landed, world, results)
            threading.Event().wait(1)
            assert not storing.done()
        assert storing.result(PATIENCE) == [True] * 5
    assert "store_retried" in caplog.text
    assert not world.runtime.rescue_file.exists()
    world.assert_in_step(living=5)


def test_an_answer_that_has_waited_long_enough_is_rescued_and_stored_later(world: World) -> None:
    results = answers(world, 5)
    with no_space():
        assert landed(world, results, patience=0) == [True] * 5
        assert rescue_file.has_answers(world.runtime)
    rescue_file.replay(world.runtime)
    assert not rescue_file.has_answers(world.runtime)
    world.assert_in_step(living=5)
