"""Operators: who may see the operators' pages. The first one is added on the server."""

from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from webapp.database import reading, writing
from webapp.models import BrowserSession, User
from webapp.services import people
from webapp.services.records import audit
from webapp.services.runtime import Runtime

log = structlog.get_logger(__name__)


class NoSuchPerson(Exception):
    """Nobody with this open_id has connected. People must connect before they become operators."""


@dataclass(frozen=True)
class Operator:
    """An operator as listed by the command."""

    open_id: str
    name: str | None
    since: datetime


def add_operator(runtime: Runtime, open_id: str, now: datetime) -> None:
    """Give this person operator access. Raises NoSuchPerson."""
    with writing() as session:
        user = _person(session, runtime, open_id)
        if user.operator_since is None:
            user.operator_since = now
            audit.record(session, now, "operator.added", on=user.ticket)
    log.info("operator_added", open_id=open_id)


def remove_operator(runtime: Runtime, open_id: str) -> None:
    """Remove this person's operator access, from their next request on. Raises NoSuchPerson."""
    with writing(durable=True) as session:
        user = _person(session, runtime, open_id)
        if user.operator_since is not None:
            user.operator_since = None
            _wait_for_acts(session, user)
            audit.record(session, runtime.clock(), "operator.removed", on=user.ticket)
    log.info("operator_removed", open_id=open_id)


def list_operators(runtime: Runtime) -> list[Operator]:
    """Return the operators, the longest-serving first."""
    with reading() as session:
        rows = session.scalars(_operators(runtime).order_by(User.operator_since, User.id)).all()
    return [
        Operator(row.open_id, row.display_name, row.operator_since)
        for row in rows
        if row.operator_since is not None
    ]


def has_operators(runtime: Runtime) -> bool:
    """Return True if there is an operator. Reads every row while there is none."""
    with reading() as session:
        return session.scalar(_operators(runtime).with_only_columns(User.id).limit(1)) is not None


def _operators(runtime: Runtime) -> Select[User]:
    ours = User.client_key == runtime.client_key
    return select(User).where(ours, User.operator_since.is_not(None))


def _wait_for_acts(session: Session, user: User) -> None:
    """Wait for what this operator is writing right now (see services.authority)."""
    locked = select(BrowserSession.digest).where(BrowserSession.user_id == user.id)
    session.execute(locked.order_by(BrowserSession.digest).with_for_update())


def _person(session: Session, runtime: Runtime, open_id: str) -> User:
    user = session.scalar(people.by_open_id(runtime, open_id).with_for_update())
    if user is None:
        raise NoSuchPerson(f"nobody with the open_id {open_id} has connected here")
    return user
