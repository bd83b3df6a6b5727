"""Binds the database to this installation, so that a copy or a restored backup is seen.

A copy that refreshes kills the original's grants, because refresh tokens die on use. Where the
database does not belong here nothing is refreshed, and it is said what to do.
"""

import secrets
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError

from webapp.database import reading, writing
from webapp.models import Installation
from webapp.services.house import House


@dataclass(frozen=True)
class Mismatch:
    """What does not fit, and what to do about it."""

    name: str
    cause: str
    mend: str


def fault(house: House) -> Mismatch | None:
    """Return why nothing may be refreshed from here; None if the database belongs here."""
    with reading() as session:
        bound = session.get(Installation, 1)
    if bound is None:
        return _bind(house)
    return None


def _bind(house: House) -> Mismatch | None:
    try:
        with writing() as session:
            session.add(
                Installation(
                    id=1,
                    instance_id=secrets.token_hex(8),
                    key_id=house.vault.key_id,
                    client_key=house.settings.tiktok_client_key,
                    bound_at=house.clock(),
                )
            )
    except IntegrityError:
        return fault(house)
    return None
