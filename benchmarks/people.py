"""Fills a migrated database with fake people whose tokens benchmarks.provider accepts."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import cycle
from typing import Any, cast

from sqlalchemy import Table, func, insert, select

from benchmarks.provider.grants import SCOPES, access_token, open_id, refresh_token
from webapp.database import reading, writing
from webapp.models import ServiceUse, Status, User
from webapp.services.runtime import Runtime
from webapp.tokens import TokenSet

#: Rows per statement. More is no faster and uses more memory.
_BATCH = 5_000


def add(runtime: Runtime, numbers: range, *, due: bool) -> list[str]:
    """Insert people with these numbers and return their open_ids. `due`: refresh is due now."""
    now = runtime.clock()
    for start in range(numbers.start, numbers.stop, _BATCH):
        some = range(start, min(start + _BATCH, numbers.stop))
        with writing() as session:
            session.execute(
                insert(cast(Table, User.__table__)), list(_rows(runtime, some, now, due=due))
            )
    return [open_id(number) for number in numbers]


def use(runtime: Runtime, open_ids: Sequence[str], keys: Sequence[str]) -> None:
    """Record that each person's token was just used by a service, cycling through the keys."""
    now = runtime.clock()
    with writing() as session:
        ids = dict(session.execute(select(User.open_id, User.id)).tuples().all())
        rows = [
            {"user_id": ids[name], "key_id": key[4:16], "first_at": now, "last_at": now}
            for name, key in zip(open_ids, cycle(keys), strict=False)
        ]
        session.execute(insert(cast(Table, ServiceUse.__table__)), rows)


def refreshes() -> int:
    """Return the total number of refreshes stored in all rows."""
    with reading() as session:
        return session.scalar(select(func.sum(User.version))) or 0


def _rows(
    runtime: Runtime, numbers: range, now: datetime, *, due: bool
) -> Iterator[dict[str, Any]]:
    for number in numbers:
        tokens = TokenSet(
            access_token=access_token(number, 0),
            refresh_token=refresh_token(number, 0),
            open_id=open_id(number),
            scopes=frozenset(SCOPES),
            access_expires_at=now + timedelta(hours=2),
            refresh_expires_at=now + timedelta(days=180),
        )
        wait = timedelta(milliseconds=-1 - number) if due else timedelta(hours=1)
        yield {
            "client_key": runtime.settings.tiktok_client_key,
            "open_id": open_id(number),
            "ticket": f"ct_{number:08}",
            "created_at": now,
            "connected_at": now,
            "last_used_at": now,
            "asked_scope": ",".join(SCOPES),
            "status": Status.ACTIVE.value,
            "version": 0,
            "failures": 0,
            "refreshes": 0,
            "next_at": now + wait,
            **runtime.vault.columns(open_id(number), tokens, now),
        }
