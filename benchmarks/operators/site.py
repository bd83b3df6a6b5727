"""A database of fake people, served by gunicorn to a signed-in operator."""

import http.client
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast
from urllib.parse import urlencode

from flask.sessions import SecureCookieSessionInterface
from sqlalchemy import Table, func, insert, select, text

from benchmarks.output import progress
from benchmarks.stage import Stage, stage
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
_BATCH = 5_000


@dataclass(frozen=True)
class Site:
    """One database and the server in front of it."""

    people: int
    stage: Stage
    #: Seconds that filling the database took, and one count of all connections.
    filled: float
    counted: float
    cookie: str
    #: Process ID of the only worker process.
    pid: int

    def connect(self) -> http.client.HTTPConnection:
        """Return a new connection to the server."""
        return http.client.HTTPConnection("127.0.0.1", self.stage.port, timeout=600)

    def get(self, path: str) -> tuple[int, bytes, float]:
        """Return the status, the body and the duration in milliseconds.

        Uses a new connection each time, because the server closes idle ones after a few seconds.
        """
        start = time.perf_counter()
        with closing(self.connect()) as connection:
            connection.request("GET", path, headers={"Cookie": f"session={self.cookie}"})
            answer = connection.getresponse()
            body = answer.read()
        return answer.status, body, (time.perf_counter() - start) * 1000

    def deep(self, sort: Sort, row: int) -> str:
        """Return the path of the page that begins after this row, or of the last page.

        The position is looked up in the database, without walking through the pages before it.
        """
        column = COLUMNS[sort]
        with self.stage.app.app_context(), reading() as session:
            valued = session.scalar(select(func.count(column))) or 0
            at = max(0, min(row, valued - _ROWS_A_PAGE) - 1)
            order = select(column, User.id).where(column.is_not(None)).order_by(column, User.id)
            value, user_id = session.execute(order.offset(at).limit(1)).one()
        pairs = list_query.query_pairs(Query(sort=sort, after=Place(value, user_id)))
        return path(*pairs)

    def some_user(self) -> User:
        """Return a person with a display name from the middle of the table."""
        named = select(User).where(User.display_name.is_not(None)).order_by(User.id)
        with self.stage.app.app_context(), reading() as session:
            return session.scalars(named.offset(self.people // 2).limit(1)).one()


def path(*pairs: tuple[str, str]) -> str:
    """Return the path of the list with these query parameters."""
    return "/operators/tokens" + (f"?{urlencode(pairs)}" if pairs else "")


@contextmanager
def site(people: int, postgres: Postgres | None) -> Iterator[Site]:
    """Yield a site with this many people and as many audit events."""
    with stage(postgres) as here:
        start = time.perf_counter()
        fill(here, people)
        filled = time.perf_counter() - start
        start = time.perf_counter()
        counts.recount(here.runtime)
        counted = time.perf_counter() - start
        cookie = sign_in_operator(here)
        with gunicorn(here.env, here.folder, workers=1) as server:
            (pid,) = children(server.process.pid)
            yield Site(people, here, filled, counted, cookie, pid)


def fill(here: Stage, people: int) -> None:
    """Add fake people and as many audit events."""
    progress(f"adding {people:,} people")
    start = time.perf_counter()
    for there in crowd.seed(here.runtime, people):
        if there % 100_000 == 0:
            progress(f"  {there:,} after {time.perf_counter() - start:.0f} s")
    _add_events(here, people)
    _settle()


def _add_events(here: Stage, number: int) -> None:
    now = here.runtime.clock()
    for start in range(0, number, _BATCH):
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
            for each in range(start, min(start + _BATCH, number))
        ]
        with writing() as session:
            session.execute(insert(cast(Table, AuditEvent.__table__)), rows)


def _settle() -> None:
    """On PostgreSQL, run ANALYZE as autovacuum would."""
    with writing() as session:
        if session.connection().dialect.name == "postgresql":
            session.execute(text("ANALYZE"))


def sign_in(here: Stage, open_id: str, *, operator: bool) -> str:
    """Begin a session of a person and return its cookie. `operator`: make them one first."""
    now = here.runtime.clock()
    with here.app.app_context(), writing() as session:
        user = session.scalars(select(User).where(User.open_id == open_id)).one()
        if operator:
            user.operator_since = now
        secret = sessions.begin(session, here.runtime, user, sessions.Device(), now)
    signer = SecureCookieSessionInterface().get_signing_serializer(here.app)
    if signer is None:
        raise RuntimeError("the app has no SECRET_KEY")
    return str(signer.dumps({"_user_id": secret, "_fresh": True}))


def sign_in_operator(here: Stage) -> str:
    """Make the first fake person an operator and return the cookie of a new session."""
    return sign_in(here, crowd.open_id(0), operator=True)
