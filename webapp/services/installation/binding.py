"""Binds the database to this installation, so a copy or a restored backup is noticed.

A refresh token can be used once: a copy that refreshes ends the original's grants, and an old
backup contains spent ones. If the database does not belong here, nothing is refreshed, and the
reason and the fix are shown. Pages are still served.
"""

import secrets
from pathlib import Path
from typing import NamedTuple

import structlog
from sqlalchemy import Engine, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.database import reading, writing
from webapp.language import deferred_gettext as _
from webapp.models import Installation, User, marks
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


class MovedAway(Exception):
    """The data was copied to another database, which is used instead of this one."""


class Generation(NamedTuple):
    """How often the database has been counted up since it was bound."""

    binding: str
    number: int


def mismatch(runtime: Runtime) -> Problem | None:
    """Return why nothing may be refreshed from here; None if the database belongs here.

    Binds a database that is not bound yet, and records a rotation of TOKEN_KEYS.
    """
    # Before the row: a worker that starts now increments the row first, then the file.
    recorded = instance_id.recorded_generation(runtime.folder)
    with reading() as session:
        bound = session.get(Installation, 1)
    if bound is None:
        return _bind(runtime)
    found = compare(bound, runtime.settings, runtime.vault, runtime.folder, recorded)
    if found is None and bound.key_id != runtime.vault.key_id:
        _follow_rotation(runtime, bound.key_id)
    return found


def mismatch_at(engine: Engine, settings: Settings, folder: Path) -> Problem | None:
    """Do the same as `mismatch` without an app and without changing anything."""
    recorded = instance_id.recorded_generation(folder)
    with Session(engine) as session:
        bound = session.get(Installation, 1)
        if bound is None:
            return None
        return compare(bound, settings, Vault(settings.token_keys), folder, recorded)


def require_here(session: Session) -> None:
    """Raise MovedAway if the data was copied to another database."""
    if session.scalar(select(Installation.moved_at).where(Installation.id == 1)) is not None:
        raise MovedAway


def record_generation(runtime: Runtime) -> None:
    """Increment the generation, in the row and then in the file. Call only if `mismatch` is None.

    The row is on the disk before the file is written: after a crash in between the file is behind
    the row, never ahead of it.
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
        .execution_options(synchronize_session=False)
    ).first()
    return None if found is None else Generation(*found)


def write_generation(runtime: Runtime, generation: Generation) -> None:
    """Write the generation that was committed into the file."""
    try:
        instance_id.record_generation(runtime.folder, generation.binding, generation.number)
    except OSError as error:
        log.warning("generation_not_recorded", error=type(error).__name__)


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
            before = compare(bound, runtime.settings, runtime.vault, runtime.folder, recorded)
        session.merge(_binding(runtime, name))
        audit.record(session, runtime.clock(), "database.adopted")
        if before is not None and before.name in ("INSTANCE_ID", "DATABASE_URL"):
            session.execute(
                update(User)
                .where(User.refresh_token.is_not(None))
                .values(marks.interrupted() | {"version": User.version + LIFT})
                .execution_options(synchronize_session=False)
            )
    log.warning("database_adopted", cause=before.cause if before else None)
    return before


def compare(
    bound: Installation, settings: Settings, vault: Vault, folder: Path, recorded: tuple[str, int]
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
                "set DATABASE_URL to the new one. Only one may refresh; otherwise they invalidate"
                " each other's tokens. If the other one is permanently retired, run"
                " flask tokens adopt"
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
                "Only one may refresh; otherwise they invalidate each other's tokens. If the other"
                " one is permanently retired, run flask tokens adopt. If this is another host of"
                " the same installation, set INSTANCE_ID=%(id)s on every host",
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
                "Only one may refresh; otherwise they invalidate each other's tokens. If the other"
                " one is permanently retired, run flask tokens adopt"
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
    return _compare_secrets(bound, settings, vault)


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


def _bind(runtime: Runtime) -> Problem | None:
    try:
        name = instance_id.ensure(runtime.settings, runtime.folder)
    except OSError as error:
        folder, why = runtime.folder, error.strerror
        cause = _("cannot be stored in %(folder)s (%(error)s)", folder=folder, error=why)
        return Problem("INSTANCE_ID", cause, _("make the folder writable, or set INSTANCE_ID"))
    try:
        with writing() as session:
            session.add(_binding(runtime, name))
    except IntegrityError:
        return mismatch(runtime)
    return None


def _binding(runtime: Runtime, name: str) -> Installation:
    return Installation(
        id=1,
        instance_id=name,
        key_id=runtime.vault.key_id,
        client_key=runtime.settings.tiktok_client_key,
        bound_at=runtime.clock(),
        binding=secrets.token_hex(8),
        generation=0,
        moved_at=None,
    )


def _follow_rotation(runtime: Runtime, previous: str) -> None:
    with writing() as session:
        session.execute(
            update(Installation)
            .where(Installation.id == 1, Installation.key_id == previous)
            .values(key_id=runtime.vault.key_id)
        )
    log.info("key_rotation_recorded", key_id=runtime.vault.key_id)
