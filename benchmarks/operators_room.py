"""A database of made-up people, served by gunicorn to an operator who is signed in."""

import http.client
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast
from urllib.parse import urlencode

from flask.sessions import SecureCookieSessionInterface
from sqlalchemy import Table, func, insert, select, text, update

from benchmarks.stage import Stage, stage
from benchmarks.telling import progress
from demo import crowd
from tests.databases import Postgres
from tests.servers import gunicorn
from tests.workers import children
from webapp.database import reading, writing
from webapp.models import AuditEvent, User
from webapp.services.connect import sessions
from webapp.services.operators import counts, list_query
from webapp.services.operators.list_query import COLUMNS, Place, Query, Sort

_ROWS_A_PAGE = 50
_AT_ONCE = 5_000


@dataclass(frozen=True)
class Room:
    """One database behind one server."""

    people: int
    stage: Stage
    #: How long the filling took, and one count of everything, in seconds.
    filled: float
    counted: float
    cookie: str
    #: Process id of the one worker process.
    pid: int

    def connect(self) -> http.client.HTTPConnection:
        """Return a connection to the server."""
        return http.client.HTTPConnection("127.0.0.1", self.stage.port, timeout=600)

    def ask(self, path: str) -> tuple[int, bytes, float]:
        """Return status, body and the milliseconds that the whole answer took.

        Over a connection of its own: the server ends one that is idle for some seconds.
        """
        start = time.perf_counter()
        with closing(self.connect()) as connection:
            connection.request("GET", path, headers={"Cookie": f"session={self.cookie}"})
            answer = connection.getresponse()
            body = answer.read()
        return answer.status, body, (time.perf_counter() - start) * 1000

    def deep(self, sort: Sort, row: int) -> str:
        """Return the path of the page behind this row, or of the last one: found, not walked to."""
        column = COLUMNS[sort]
        with self.stage.app.app_context(), reading() as session:
            valued = session.scalar(select(func.count(column))) or 0
            at = max(0, min(row, valued - _ROWS_A_PAGE) - 1)
            order = select(column, User.id).where(column.is_not(None)).order_by(column, User.id)
            value, user_id = session.execute(order.offset(at).limit(1)).one()
        pairs = list_query.query_pairs(Query(sort=sort, after=Place(value, user_id)))
        return path(*pairs)

    def somebody(self) -> User:
        """Return the row of one person with a name, in the middle."""
        named = select(User).where(User.display_name.is_not(None)).order_by(User.id)
        with self.stage.app.app_context(), reading() as session:
            return session.scalars(named.offset(self.people // 2).limit(1)).one()


def path(*pairs: tuple[str, str]) -> str:
    """Return the address of the list with these parameters."""
    return "/operators/tokens" + (f"?{urlencode(pairs)}" if pairs else "")


@contextmanager
def room(people: int, postgres: Postgres | None) -> Iterator[Room]:
    """Give a room with so many people and as many audit events."""
    with stage(postgres) as here:
        progress(f"filling with {people:,} people")
        start = time.perf_counter()
        for there in crowd.seed(here.runtime, people):
            if there % 100_000 == 0:
                progress(f"  {there:,} after {time.perf_counter() - start:.0f} s")
        filled = time.perf_counter() - start
        _add_events(here, people)
        _settle()
        start = time.perf_counter()
        counts.recount(here.runtime)
        counted = time.perf_counter() - start
        cookie = _cookie(here)
        with gunicorn(here.env, here.folder, workers=1) as server:
            (pid,) = children(server.process.pid)
            yield Room(people, here, filled, counted, cookie, pid)


def _add_events(here: Stage, number: int) -> None:
    now = here.runtime.clock()
    for start in range(0, number, _AT_ONCE):
        rows: list[dict[str, Any]] = [
            {
                "at": now - timedelta(seconds=number - each),
                "actor_kind": "operator",
                "actor": "ct_2222-2222",
                "address": "127.0.0.1",
                "reference": f"{each:012x}",
                "event": "connection.refreshed",
                "ticket": f"ct_{each:08}",
                "fields": '{"version": 2}',
            }
            for each in range(start, min(start + _AT_ONCE, number))
        ]
        with writing() as session:
            session.execute(insert(cast(Table, AuditEvent.__table__)), rows)


def _settle() -> None:
    """Let PostgreSQL know of the rows, as autovacuum does."""
    with writing() as session:
        if session.connection().dialect.name == "postgresql":
            session.execute(text("ANALYZE"))


def _cookie(here: Stage) -> str:
    """Make the first person an operator, and return what their browser sends."""
    with writing() as session:
        user = session.scalars(
            update(User)
            .where(User.open_id == crowd.open_id(0))
            .values(operator_since=here.runtime.clock())
            .returning(User)
        ).one()
        secret = sessions.begin(
            session, here.runtime, user, sessions.Device(), here.runtime.clock()
        )
    signer = SecureCookieSessionInterface().get_signing_serializer(here.app)
    if signer is None:
        raise RuntimeError("the app has no SECRET_KEY")
    return str(signer.dumps({"_user_id": secret, "_fresh": True}))
