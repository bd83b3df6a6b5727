"""Re-encrypts every stored token with the first of TOKEN_KEYS, so old keys can be removed.

It never overwrites what a refresh stores in the meantime, and leaves alone what no key decrypts.
The encrypted texts name their key, so a run can be stopped and started again at any time.
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

#: Rows per transaction; few, so refreshes wait only for milliseconds.
BATCH = 200


@dataclass(frozen=True)
class Resealed:
    """Progress of a run, in rows."""

    done: int
    #: Rows that no key in TOKEN_KEYS decrypts, left unchanged.
    closed: int


def remaining(runtime: Runtime) -> int:
    """Return the number of rows that are not encrypted with the first key yet."""
    with reading() as session:
        return session.scalar(select(func.count()).where(_under_old_key(runtime))) or 0


def remaining_of_few(runtime: Runtime, limit: int) -> int | None:
    """Like `remaining`, but return None above `limit`, to avoid a slow count."""
    with reading() as session:
        some = select(User.id).limit(limit + 1).subquery()
        if (session.scalar(select(func.count()).select_from(some)) or 0) > limit:
            return None
    return remaining(runtime)


def closed(runtime: Runtime) -> int:
    """Return the number of rows under a key that is not in TOKEN_KEYS; reads the whole table."""
    sealed = (User.access_token, User.refresh_token)
    # Each text begins with `v1.<key id>.`
    mark_columns = [func.substr(column, 1, len(runtime.vault.mark)) for column in sealed]
    with reading() as session:
        found = session.execute(select(*mark_columns, func.count()).group_by(*mark_columns)).all()

    def knows(mark: str) -> bool:
        return runtime.vault.knows(mark.partition(".")[2].removesuffix("."))

    return sum(
        count for *marks, count in found if not all(mark is None or knows(mark) for mark in marks)
    )


def reseal_all(runtime: Runtime) -> Iterator[Resealed]:
    """Re-encrypt in batches and yield the progress after each; the last one is the result.

    Further passes find what processes with the previous TOKEN_KEYS store in the meantime.
    """
    so_far = Resealed(0, 0)
    try:
        for so_far in _passes(runtime):
            yield so_far
    finally:
        # Also after a run that was stopped.
        _record(runtime, so_far)
    # The files must not keep the previous texts: their key may have leaked.
    scrub()
    if so_far.closed == 0:
        binding.mismatch(runtime)
    log.info("resealed", rows=so_far.done, closed=so_far.closed)
    yield so_far


def _passes(runtime: Runtime) -> Iterator[Resealed]:
    done, changed = 0, 1
    while changed:
        changed, closed = 0, 0
        for rows in batches(select(User).where(_under_old_key(runtime)), [User.id], BATCH):
            sealed = _resealed(runtime, rows)
            closed += len(rows) - len(sealed)
            changed += _store(sealed)
            yield Resealed(done + changed, closed)
        done += changed
    yield Resealed(done, closed)


def _record(runtime: Runtime, so_far: Resealed) -> None:
    if so_far.done == 0:
        return
    with writing() as session:
        audit.record(
            session, runtime.clock(), "tokens.resealed", done=so_far.done, closed=so_far.closed
        )


def _under_old_key(runtime: Runtime) -> ColumnElement[bool]:
    """Return the condition of rows with a text under any key but the first."""
    mark = runtime.vault.mark
    return or_(
        *(
            and_(column.is_not(None), ~column.startswith(mark, autoescape=True))
            for column in (User.access_token, User.refresh_token)
        )
    )


def _resealed(runtime: Runtime, rows: Sequence[User]) -> list[tuple[User, dict[str, str]]]:
    sealed = []
    for user in rows:
        try:
            sealed.append((user, runtime.vault.resealed(user)))
        except CannotOpen:
            log.warning("reseal_failed", open_id=user.open_id)
    return sealed


def _store(sealed: Sequence[tuple[User, dict[str, str]]]) -> int:
    """Store a batch, each row only if it still has the texts that were decrypted."""
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
            )
            changed += done is not None
    return changed
