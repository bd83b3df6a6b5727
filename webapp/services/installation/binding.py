"""Binds the database to this installation, so that a copy or a restored backup is seen.

Refresh tokens die on use: a copy that refreshes kills the original's grants, and an old backup
holds spent ones. Where the database does not belong here nothing is refreshed, and it is said why
and what to do. Pages are served all the same.
"""

import secrets
from pathlib import Path

import structlog
from sqlalchemy import Engine, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.database import reading, writing
from webapp.later import gettext as _
from webapp.models import Installation, User
from webapp.services.house import House
from webapp.services.installation import identity
from webapp.services.installation.mismatch import Mismatch, judge
from webapp.services.records import audit
from webapp.services.vault import Vault
from webapp.settings import Settings

log = structlog.get_logger(__name__)


def fault(house: House) -> Mismatch | None:
    """Return why nothing may be refreshed from here; None if the database belongs here.

    Binds a database that belongs to nobody yet, and follows a rotation of TOKEN_KEYS.
    """
    with reading() as session:
        bound = session.get(Installation, 1)
    if bound is None:
        return _bind(house)
    found = judge(bound, house.settings, house.vault, house.folder)
    if found is None and bound.key_id != house.vault.key_id:
        _follow_rotation(house, bound.key_id)
    return found


def fault_at(engine: Engine, settings: Settings, folder: Path) -> Mismatch | None:
    """Return the same for a start that has no app yet, or a look that may change nothing."""
    with Session(engine) as session:
        bound = session.get(Installation, 1)
        if bound is None:
            return None
        return judge(bound, settings, Vault(settings.token_keys), folder)


def beat(house: House) -> None:
    """Count the generation up, in the row and then in the file. Call it after `fault` said None.

    In this order, and with the disk waited for: a crash in between leaves the file behind, never
    ahead.
    """
    with writing(durable=True) as session:
        bound = session.get(Installation, 1, with_for_update=True)
        if bound is None:
            return
        bound.generation += 1
    try:
        identity.note(house.folder, bound.binding, bound.generation)
    except OSError as error:
        log.warning("generation_not_noted", error=type(error).__name__)


def adopt(house: House) -> Mismatch | None:
    """Bind the database to this installation on purpose; return what did not fit before.

    After a copy or a restored backup the refresh tokens in it may be spent. Should TikTok refuse
    one, that is told as our doing and not as the person's. Raises OSError if the folder takes no
    file.
    """
    name = identity.renew(house.settings, house.folder)
    with writing(durable=True) as session:
        bound = session.get(Installation, 1, with_for_update=True)
        before = None
        if bound is not None:
            before = judge(bound, house.settings, house.vault, house.folder)
        session.merge(_binding(house, name))
        audit.record(session, house.clock(), "database.adopted")
        if before is not None and before.name in ("INSTANCE_ID", "DATABASE_URL"):
            session.execute(
                update(User)
                .where(User.refresh_token.is_not(None))
                .values(interrupted=True)
                .execution_options(synchronize_session=False)
            )
    log.warning("database_adopted", cause=before.cause if before else None)
    return before


def _bind(house: House) -> Mismatch | None:
    try:
        name = identity.make(house.settings, house.folder)
    except OSError as error:
        folder, why = house.folder, error.strerror
        cause = _("cannot be kept in %(folder)s (%(error)s)", folder=folder, error=why)
        return Mismatch("INSTANCE_ID", cause, _("let this user write there, or set INSTANCE_ID"))
    try:
        with writing() as session:
            session.add(_binding(house, name))
    except IntegrityError:
        return fault(house)
    return None


def _binding(house: House, name: str) -> Installation:
    return Installation(
        id=1,
        instance_id=name,
        key_id=house.vault.key_id,
        client_key=house.settings.tiktok_client_key,
        bound_at=house.clock(),
        binding=secrets.token_hex(8),
        generation=0,
        moved_at=None,
    )


def _follow_rotation(house: House, former: str) -> None:
    with writing() as session:
        session.execute(
            update(Installation)
            .where(Installation.id == 1, Installation.key_id == former)
            .values(key_id=house.vault.key_id)
        )
    log.info("key_rotation_seen", key_id=house.vault.key_id)
