"""Binds the database to this installation, so a copy or a restored backup is noticed.

A refresh token can be used once: a copy that refreshes ends the original's grants, and an old
backup contains spent ones. If the database does not belong here, nothing is refreshed, and the
reason and the fix are shown. Pages are still served.
"""

import re
import secrets
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import structlog
from sqlalchemy import Engine, Select, exists, or_, select, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.database import first_row, reading, run, table_of, writing
from webapp.language import deferred_gettext as _
from webapp.models import Installation, User, connection_state
from webapp.problems import Problem
from webapp.services.installation import instance_id
from webapp.services.records import audit
from webapp.services.runtime import Runtime
from webapp.services.vault import Vault
from webapp.settings import Settings

log = structlog.get_logger(__name__)

#: Added to every version when a copy or a restored backup is adopted: more than any refreshes since
#: then, so a version that a service got from the lost state is never given to another token.
LIFT = 1_000_000

_columns = table_of(Installation).c
#: Built once, as every sign-in asks.
_MOVED_AT = select(_columns.moved_at).where(_columns.id == 1)


class MovedAway(Exception):
    """The data was copied to another database, which is used instead of this one."""


class Generation(NamedTuple):
    """How often the database has been counted up since it was bound."""

    binding: str
    number: int


def mismatch(runtime: Runtime) -> Problem | None:
    """Return why this installation may not refresh; None if the database belongs to it.

    Binds a database that is not bound yet, and records a rotation of TOKEN_KEYS.
    """
    settings, vault, folder = runtime.settings, runtime.vault, runtime.folder
    # Before the row: a worker that starts now increments the row first, then the file.
    recorded = instance_id.recorded_generation(folder)
    with reading() as session:
        bound = session.get(Installation, 1)
        if bound is not None:
            found = compare(session, bound, settings, vault, folder, recorded)
    if bound is None:
        return _bind(runtime)
    if found is None and (bound.key_id, bound.client_key) != _secrets(settings, vault):
        _follow_secrets(runtime, bound)
    return found


def mismatch_at(engine: Engine, settings: Settings, folder: Path) -> Problem | None:
    """Like `mismatch`, but without an app and without changing anything."""
    recorded = instance_id.recorded_generation(folder)
    with Session(engine) as session:
        bound = session.get(Installation, 1)
        if bound is None:
            return None
        return compare(session, bound, settings, Vault(settings.token_keys), folder, recorded)


def bind_at(engine: Engine, settings: Settings, folder: Path, now: datetime) -> Problem | None:
    """Bind a database that is not bound yet, without an app; return what `mismatch_at` returns.

    From then on a copy is noticed, even one that is made before the first refresh.
    """
    with Session(engine) as session:
        if session.get(Installation, 1) is None:
            name = _ensure_name(settings, folder)
            if isinstance(name, Problem):
                return name
            session.add(_binding(settings, Vault(settings.token_keys), name, now))
            # Another process may have bound it meanwhile.
            with suppress(IntegrityError):
                session.commit()
    return mismatch_at(engine, settings, folder)


def require_here(session: Session | None = None) -> None:
    """Raise MovedAway if the data was copied to another database.

    Without the session of a transaction, in a transaction of its own.
    """
    found = run(session, _MOVED_AT).first() if session else first_row(_MOVED_AT)
    if found is not None and found.moved_at is not None:
        raise MovedAway


def record_generation(runtime: Runtime) -> None:
    """Increment the generation, in the row and then in the file. Call only if `mismatch` is None.

    The row is on the disk before the file is written, so after a crash in between, the file may be
    behind the row but never ahead of it.
    """
    with writing(durable=True) as session:
        generation = next_generation(session)
    if generation is not None:
        write_generation(runtime, generation)


def next_generation(session: Session) -> Generation | None:
    """Increment the generation in the caller's transaction; None if the database is not bound.

    Pass the result to `write_generation` after the commit.
    """
    found = session.execute(
        update(Installation)
        .where(Installation.id == 1)
        .values(generation=Installation.generation + 1)
        .returning(Installation.binding, Installation.generation)
    ).first()
    return None if found is None else Generation(*found)


def write_generation(runtime: Runtime, generation: Generation) -> None:
    """Write the generation that was committed into the file."""
    try:
        instance_id.record_generation(runtime.folder, generation.binding, generation.number)
    except OSError as error:
        log.warning("generation_not_recorded", error=type(error).__name__)


def record_file(runtime: Runtime) -> None:
    """Add the file name to a binding of an older release. Call only if `mismatch` is None."""
    name = _file_name(runtime.settings)
    with writing(durable=True) as session:
        bound = session.get(Installation, 1, with_for_update=True)
        if bound is None or not name or "/" in bound.binding:
            return
        bound.binding = f"{bound.binding}/{name}"
    write_generation(runtime, Generation(bound.binding, bound.generation))


def adopt(runtime: Runtime) -> Problem | None:
    """Bind the database to this installation on purpose; return the previous mismatch, if any.

    After a copy or a restored backup its refresh tokens may be spent. If TikTok rejects one, that
    is reported as our fault, not the person's. Raises OSError if the folder is not writable.
    """
    name = instance_id.renew(runtime.settings, runtime.folder)
    with writing(durable=True) as session:
        bound = session.get(Installation, 1, with_for_update=True)
        before = None
        if bound is not None:
            recorded = instance_id.recorded_generation(runtime.folder)
            settings, vault, folder = runtime.settings, runtime.vault, runtime.folder
            before = compare(session, bound, settings, vault, folder, recorded)
        session.merge(_binding(runtime.settings, runtime.vault, name, runtime.clock()))
        audit.record(session, runtime.clock(), "database.adopted")
        if before is not None and before.name in ("INSTANCE_ID", "DATABASE_URL"):
            session.execute(
                update(User)
                .where(User.refresh_token.is_not(None))
                .values(connection_state.interrupted() | {"version": User.version + LIFT})
            )
    log.warning("database_adopted", cause=before.cause if before else None)
    return before


def mark_moved(session: Session, runtime: Runtime) -> None:
    """Mark the database as moved to another one, so that it never refreshes again."""
    bound = session.get(Installation, 1, with_for_update=True)
    if bound is None:
        # Nobody has used it since it was made; the name no longer matters.
        name = instance_id.current(runtime.settings, runtime.folder) or secrets.token_hex(8)
        bound = _binding(runtime.settings, runtime.vault, name, runtime.clock())
        session.add(bound)
    bound.moved_at = runtime.clock()


def compare(
    session: Session,
    bound: Installation,
    settings: Settings,
    vault: Vault,
    folder: Path,
    recorded: tuple[str, int],
) -> Problem | None:
    """Return why the database does not belong to this installation, most serious first.

    `recorded`: the generation in the file, read before the row or while the row is locked.
    """
    if bound.moved_at is not None:
        return Problem(
            "DATABASE_URL",
            _(
                "its data was copied to another database on %(day)s, and only that one"
                " refreshes now",
                day=f"{bound.moved_at:%Y-%m-%d}",
            ),
            _(
                "set DATABASE_URL to the new one. Only one copy of a database may refresh;"
                " otherwise, the copies invalidate each other's tokens. If the other copy is"
                " permanently retired, run flask tokens adopt"
            ),
        )
    if instance_id.current(settings, folder) != bound.instance_id:
        return Problem(
            "INSTANCE_ID",
            _(
                "the database has belonged to another installation since %(day)s:"
                " this is a copy, a restored backup or another host",
                day=f"{bound.bound_at:%Y-%m-%d}",
            ),
            _(
                "Only one copy of a database may refresh; otherwise, the copies invalidate each"
                " other's tokens. If the other copy is permanently retired, run flask tokens adopt."
                " If this is another host of the same installation, set INSTANCE_ID=%(id)s on every"
                " host",
                id=bound.instance_id,
            ),
        )
    if (origin := instance_id.copied_from(settings, folder)) is not None:
        return Problem(
            "INSTANCE_ID",
            _(
                "the folder with the database was copied or moved here from %(origin)s",
                origin=origin,
            ),
            _(
                "Only one copy of a database may refresh; otherwise, the copies invalidate each"
                " other's tokens. If the other copy is permanently retired, run flask tokens adopt"
            ),
        )
    if _is_other_file(bound, settings):
        return Problem(
            "DATABASE_URL",
            _(
                "the database belongs to this installation under the file name %(name)s: this is a"
                " copy, or it was renamed",
                name=bound.binding.partition("/")[2],
            ),
            _(
                "Only one copy of a database may refresh; otherwise, the copies invalidate each"
                " other's tokens. If the other copy is permanently retired, run flask tokens adopt"
            ),
        )
    if recorded[0] == bound.binding and recorded[1] > bound.generation:
        return Problem(
            "DATABASE_URL",
            _(
                "this is an older backup of the database; TikTok has replaced refresh tokens since"
                " it was made"
            ),
            _(
                "restore the most recent copy. If there is none, run flask tokens adopt; people"
                " whose access was refreshed since the backup must then reconnect"
            ),
        )
    found = _compare_secrets(bound, settings, vault)
    # Until someone has connected, a corrected key or another app harms nobody.
    return found if found and session.scalar(_has_tokens()) else None


def _compare_secrets(bound: Installation, settings: Settings, vault: Vault) -> Problem | None:
    if not vault.knows(bound.key_id):
        return Problem(
            "TOKEN_KEYS",
            _(
                "does not contain the key %(key)s that encrypted the stored tokens",
                key=bound.key_id,
            ),
            _("add it again, after the new one: TOKEN_KEYS=new,old"),
        )
    if settings.tiktok_client_key != bound.client_key:
        return Problem(
            "TIKTOK_CLIENT_KEY",
            _("doesn't match this database: the people in it connected under the previous key"),
            _(
                "restore the previous key. To change apps on purpose, run flask tokens adopt;"
                " everyone must then reconnect"
            ),
        )
    return None


def _is_other_file(bound: Installation, settings: Settings) -> bool:
    """Return True if an SQLite database has a different file name than when it was bound."""
    _random, _slash, name = bound.binding.partition("/")
    return bool(name) and name != _file_name(settings)


def _file_name(settings: Settings) -> str:
    """Return the name of an SQLite file, without what the generation file couldn't hold."""
    url = make_url(settings.database_url)
    if url.get_backend_name() != "sqlite":
        return ""
    return re.sub(r"\s", "_", Path(url.database or "").name)


def _has_tokens() -> Select[tuple[bool]]:
    return select(
        exists().where(or_(User.access_token.is_not(None), User.refresh_token.is_not(None)))
    )


def _bind(runtime: Runtime) -> Problem | None:
    name = _ensure_name(runtime.settings, runtime.folder)
    if isinstance(name, Problem):
        return name
    try:
        with writing() as session:
            session.add(_binding(runtime.settings, runtime.vault, name, runtime.clock()))
    except IntegrityError:
        return mismatch(runtime)
    return None


def _ensure_name(settings: Settings, folder: Path) -> str | Problem:
    """Return the id of this installation, or why its file cannot be stored."""
    try:
        return instance_id.ensure(settings, folder)
    except OSError as error:
        why = error.strerror
        cause = _("cannot be stored in %(folder)s (%(error)s)", folder=folder, error=why)
        return Problem("INSTANCE_ID", cause, _("make the folder writable, or set INSTANCE_ID"))


def _binding(settings: Settings, vault: Vault, name: str, now: datetime) -> Installation:
    key_id, client_key = _secrets(settings, vault)
    file = _file_name(settings)
    return Installation(
        id=1,
        instance_id=name,
        key_id=key_id,
        client_key=client_key,
        bound_at=now,
        binding=f"{secrets.token_hex(8)}/{file}" if file else secrets.token_hex(8),
        generation=0,
        moved_at=None,
    )


def _secrets(settings: Settings, vault: Vault) -> tuple[str, str]:
    return vault.key_id, settings.tiktok_client_key


def _follow_secrets(runtime: Runtime, before: Installation) -> None:
    """Record the current keys: after a rotation, or before there was anything to protect."""
    key_id, client_key = _secrets(runtime.settings, runtime.vault)
    statement = update(Installation).where(
        Installation.id == 1,
        Installation.key_id == before.key_id,
        Installation.client_key == before.client_key,
    )
    if _compare_secrets(before, runtime.settings, runtime.vault) is not None:
        statement = statement.where(~_has_tokens().scalar_subquery())
    with writing() as session:
        session.execute(statement.values(key_id=key_id, client_key=client_key))
    log.info("key_rotation_recorded", key_id=key_id)
