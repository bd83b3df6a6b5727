"""Notices out: an outbox row in the transaction of the change it tells of; sends none itself."""

import json
import secrets
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import insert
from sqlalchemy.orm import Session

from webapp.models import Notice
from webapp.services.house import House

EVENTS = frozenset(
    {
        "connection.reconnect_required",
        "connection.restored",
        "connection.revoked",
        "fleet.alarm",
    }
)


def put(
    session: Session, house: House, now: datetime, event: str, data: Mapping[str, str | bool | None]
) -> None:
    """Have NOTIFY_URL told of a transition; does nothing where nobody is to be told.

    Raises ValueError if the event is none of EVENTS.
    """
    if event not in EVENTS:
        raise ValueError(f"{event} is no notice")
    if not house.settings.notify_url:
        return
    body = {"type": event, "timestamp": now.isoformat(), "data": dict(data)}
    session.execute(
        insert(Notice).values(
            message_id=f"msg_{secrets.token_hex(12)}",
            event=event,
            body=json.dumps(body, ensure_ascii=False, separators=(",", ":")),
            created_at=now,
            next_at=now,
            tries=0,
        )
    )
