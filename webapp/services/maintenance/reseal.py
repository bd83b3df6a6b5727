"""Seals every stored token anew under the first of TOKEN_KEYS, so that old keys can go.

Never overwrites what a refresh stores meanwhile, and never touches what no key opens. What is
left to do stands in the sealed texts themselves, so it can be ended and begun again at any time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import ColumnElement, and_, func, or_, select, update

from webapp.database import batches, reading, scrub, writing
from webapp.models import User
from webapp.services.installation import binding
from webapp.services.records import audit
from webapp.services.runtime import Runtime
from webapp.services.vault import CannotOpen

log = structlog.get_logger(__name__)

#: Rows in one transaction: short, so that refreshes wait for milliseconds.
BATCH = 200


@dataclass(frozen=True)
class Resealed:
    """What has come of a run so far."""

    done: int
    #: Rows that no key of TOKEN_KEYS opens: left as they are.
    closed: int


def remaining(runtime: Runtime) -> int:
    """Return how many rows are not sealed under the first key yet."""
    with reading() as session:
        return (
            session.scalar(select(func.count()).select_from(User).where(_otherwise(runtime))) or 0
        )


def remaining_of_few(runtime: Runtime, most: int) -> int | None:
    """Return the same where there are at most so many rows; None where a page would wait."""
    with reading() as session:
        some = select(User.id).limit(most + 1).subquery()
        if (session.scalar(select(func.count()).select_from(some)) or 0) > most:
            return None
    return remaining(runtime)


def closed(runtime: Runtime) -> int:
    """Return how many rows hold a text under a key that is not here; reads the whole table."""
    sealed = (User.access_token, User.refresh_token)
    # `v1.<key id>.` at the beginning of each text.
    names = [func.substr(column, 1, len(runtime.vault.mark)) for column in sealed]
    with reading() as session:
        found = session.execute(select(*names, func.count()).group_by(*names)).all()
    return sum(
        count
        for *marks, count in found
        if not all(mark is None or _is_known(runtime, mark) for mark in marks)
    )


def _is_known(runtime: Runtime, mark: str) -> bool:
    _version, _dot, rest = mark.partition(".")
    return runtime.vault.knows(rest.removesuffix("."))


def reseal(runtime: Runtime) -> Iterator[Resealed]:
    """Seal batch by batch and yield how far it is after each; the last one is the outcome.

    What a process with the former TOKEN_KEYS stores meanwhile is found in a second pass.
    """
    so_far = Resealed(0, 0)
    try:
        for so_far in _passes(runtime):
            yield so_far
    finally:
        # Also of a run that was stopped: what is done is done.
        _write_down(runtime, so_far)
    # The former texts, and perhaps a leaked key's, are to be nowhere in the files.
    scrub()
    if so_far.closed == 0:
        binding.mismatch(runtime)
    log.info("resealed", rows=so_far.done, closed=so_far.closed)
    yield so_far


def _passes(runtime: Runtime) -> Iterator[Resealed]:
    done, changed = 0, 1
    while changed:
        changed, closed = 0, 0
        for rows in batches(select(User).where(_otherwise(runtime)), [User.id], BATCH):
            sealed = _sealed(runtime, rows)
            closed += len(rows) - len(sealed)
            changed += _write(sealed)
            yield Resealed(done + changed, closed)
        done += changed
    yield Resealed(done, closed)


def _write_down(runtime: Runtime, so_far: Resealed) -> None:
    if so_far.done == 0:
        return
    with writing() as session:
        audit.record(
            session,
            runtime.clock(),
            "tokens.resealed",
            done=so_far.done,
            closed=so_far.closed,
        )


def _otherwise(runtime: Runtime) -> ColumnElement[bool]:
    """Return the condition of a row that holds a text under another than the first key."""
    mark = runtime.vault.mark
    return or_(
        *(
            and_(column.is_not(None), ~column.startswith(mark, autoescape=True))
            for column in (User.access_token, User.refresh_token)
        )
    )


def _sealed(runtime: Runtime, rows: Sequence[User]) -> list[tuple[User, dict[str, str]]]:
    sealed = []
    for user in rows:
        try:
            sealed.append((user, runtime.vault.resealed(user)))
        except CannotOpen:
            log.warning("not_resealed", open_id=user.open_id)
    return sealed


def _write(sealed: Sequence[tuple[User, dict[str, str]]]) -> int:
    """Write a batch, each row only while it holds the very texts that were opened."""
    changed = 0
    with writing() as session:
        for user, columns in sealed:
            done = session.scalar(
                update(User)
                .where(
                    User.id == user.id,
                    User.version == user.version,
                    User.access_token.is_not_distinct_from(user.access_token),
                    User.refresh_token.is_not_distinct_from(user.refresh_token),
                )
                .values(columns)
                .returning(User.id)
                .execution_options(synchronize_session=False)
            )
            changed += done is not None
    return changed
