"""Service keys, with which other services get tokens: issue, revoke, list. Only hashes are stored.

A key has the form `cck_<id>_<secret>`: its row is found by the public ID, and the SHA-256 of the
whole key is compared in constant time. 256 random bits need no slow hash.

An operator's form leads to a page that shows the new key once. Its secret is made by the request
that shows it: until then the row only records which session may ask for it, so no key has to wait
anywhere, not even encrypted.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.actor import current_actor
from webapp.database import reading, writing
from webapp.models import ServiceKey
from webapp.services import authority
from webapp.services.records import audit

log = structlog.get_logger(__name__)

MAX_NAME_LENGTH = 64
#: How long the session that issued a key may take to open the page that shows it.
SHOWN_WITHIN = timedelta(minutes=5)
#: In place of the digest, before the session's: no key has been made, so none is accepted.
_UNSHOWN = "unshown:"
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
    #: False: nobody has seen the key, so nobody can use it.
    shown: bool = True


def issue(name: str, now: datetime) -> str:
    """Create a key and return it. It can't be recovered later.

    Raises BadName, NameTaken, NoLongerAllowed, SignInTooOld.
    """
    public = secrets.token_hex(6)
    key = _new_key(public)
    _add(name, public, _digest(key), now)
    return key


def issue_unshown(name: str, now: datetime) -> str:
    """Create a key that the caller's session may see once, with `show`, and return its public ID.

    Raises BadName, NameTaken, NoLongerAllowed, SignInTooOld.
    """
    public = secrets.token_hex(6)
    _add(name, public, _unshown(public), now)
    return public


def show(public: str, now: datetime) -> str | None:
    """Return the new key with this public ID, once, to the session that issued it.

    None if it was shown before, was revoked, is older than SHOWN_WITHIN or is another session's.
    Raises NoLongerAllowed.
    """
    key = _new_key(public)
    with writing() as session:
        authority.require(session)
        won = _replace_unshown(session, public, _digest(key), now)
    if not won:
        return None
    log.info("service_key_shown", key=public)
    return key


def may_show(public: str, now: datetime) -> bool:
    """Return True if `show` would return this key to the caller now."""
    with reading() as session:
        row = session.get(ServiceKey, public)
    return (
        row is not None
        and row.digest == _unshown(public)
        and row.revoked_at is None
        and row.created_at > now - SHOWN_WITHIN
    )


def waiting(name: str, now: datetime) -> str | None:
    """Return the public ID of the key of this name if `show` would return it to the caller now."""
    with reading() as session:
        public = session.scalar(select(ServiceKey.id).where(ServiceKey.name == name))
    return public if public and may_show(public, now) else None


def _add(name: str, public: str, digest: str, now: datetime) -> None:
    if not name.isprintable() or name != name.strip() or not 1 <= len(name) <= MAX_NAME_LENGTH:
        raise BadName(f"a name has 1 to {MAX_NAME_LENGTH} printable characters")
    try:
        with writing() as session:
            authority.require_fresh(session, now)
            session.add(ServiceKey(id=public, name=name, digest=digest, created_at=now))
            audit.record(session, now, "key.issued", key=public, name=name)
    except IntegrityError:
        raise NameTaken(f"there is already a key named {name}; choose another name") from None
    log.info("service_key_issued", key=public, name=name)


def _replace_unshown(session: Session, public: str, digest: str, now: datetime) -> bool:
    """Give a key its digest; of several requests at the same time, only one does."""
    shown = (
        update(ServiceKey)
        .where(ServiceKey.id == public, ServiceKey.digest == _unshown(public))
        .where(ServiceKey.revoked_at.is_(None), ServiceKey.created_at > now - SHOWN_WITHIN)
        .values(digest=digest)
        .returning(ServiceKey.id)
    )
    return session.scalar(shown) is not None


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
    shown = not row.digest.startswith(_UNSHOWN)
    return KeyRow(row.id, row.name, row.created_at, row.last_used_at, row.revoked_at, shown)


def _new_key(public: str) -> str:
    return f"cck_{public}_{secrets.token_hex(32)}"


def _unshown(public: str) -> str:
    """Return what a row holds whose key only the caller's session may see.

    Not the digest of that session itself, which is deleted with its person.
    """
    return _UNSHOWN + _digest(f"{public}:{current_actor().credential}")


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
