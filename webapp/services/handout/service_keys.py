"""Service keys, with which other services get tokens: issue, revoke, list. Only hashes are stored.

A key has the form `cck_<id>_<secret>`: its row is found by the public ID, and the SHA-256 of the
whole key is compared in constant time. 256 random bits need no slow hash.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from webapp.database import reading, writing
from webapp.models import ServiceKey
from webapp.services import authority
from webapp.services.records import audit

log = structlog.get_logger(__name__)

MAX_NAME_LENGTH = 64
_SHAPE = re.compile(r"cck_([0-9a-f]{12})_[0-9a-f]{64}")


class BadName(ValueError):
    """Not a valid name for a key; the message says what is."""


class NameTaken(Exception):
    """A key with this name has been issued before. Names are never reused."""


class NoSuchKey(Exception):
    """No key with this name was ever issued."""


@dataclass(frozen=True)
class KeyRow:
    """A key as operators see it."""

    id: str
    name: str
    created_at: datetime
    #: Written at most hourly.
    last_used_at: datetime | None
    revoked_at: datetime | None


def issue(name: str, now: datetime) -> str:
    """Create a key and return it. It can't be recovered later.

    Raises BadName, NameTaken, NoLongerAllowed, SignInTooOld.
    """
    if not name.isprintable() or name != name.strip() or not 1 <= len(name) <= MAX_NAME_LENGTH:
        raise BadName(f"a name has 1 to {MAX_NAME_LENGTH} printable characters")
    public = secrets.token_hex(6)
    key = f"cck_{public}_{secrets.token_hex(32)}"
    try:
        with writing() as session:
            authority.require_fresh(session, now)
            session.add(ServiceKey(id=public, name=name, digest=_digest(key), created_at=now))
            audit.record(session, now, "key.issued", key=public, name=name)
    except IntegrityError:
        raise NameTaken(f"there is already a key named {name}; choose another name") from None
    log.info("service_key_issued", key=public, name=name)
    return key


def revoke(name: str, now: datetime) -> bool:
    """Revoke a key. Return False if it had been revoked before.

    Raises NoSuchKey, NoLongerAllowed.
    """
    with writing(durable=True) as session:
        authority.require(session)
        key = session.scalar(select(ServiceKey).where(ServiceKey.name == name).with_for_update())
        if key is None:
            raise NoSuchKey(f"there is no key named {name}: flask keys list")
        before = key.revoked_at
        key.revoked_at = before or now
        if before is None:
            audit.record(session, now, "key.revoked", key=key.id, name=name)
    if before is None:
        log.info("service_key_revoked", key=key.id, name=name)
    return before is None


def list_all() -> list[KeyRow]:
    """Return every key that was issued, oldest first."""
    with reading() as session:
        rows = session.scalars(
            select(ServiceKey).order_by(ServiceKey.created_at, ServiceKey.id)
        ).all()
    return [_row(row) for row in rows]


def find(public: str) -> KeyRow | None:
    """Return the key with this public ID; None if there is none."""
    with reading() as session:
        row = session.get(ServiceKey, public)
    return _row(row) if row else None


def public_id(key: str) -> str | None:
    """Return the public ID of a key; None if this isn't the form of a key."""
    found = _SHAPE.fullmatch(key)
    return found[1] if found else None


def is_key(key: str, digest: str) -> bool:
    """Return True if this key has this digest. Takes constant time."""
    return hmac.compare_digest(_digest(key), digest)


def _row(row: ServiceKey) -> KeyRow:
    return KeyRow(row.id, row.name, row.created_at, row.last_used_at, row.revoked_at)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
