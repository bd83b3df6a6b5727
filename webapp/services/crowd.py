"""Fills a database of a demo with made-up people and takes them out again; never a real one's.

They are no people of the sandbox, so nothing here may ever be refreshed: see `made_up.FAR_OFF`.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Table, delete, func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.database import reading, writing
from webapp.models import NameWord, User
from webapp.services import made_up
from webapp.services.house import House
from webapp.services.operators import list_pages
from webapp.settings import Problem
from webapp.tokens import TokenSet

#: Rows of one transaction: few enough that others write in between.
AT_ONCE = 5_000
#: Each row lands in a page of its own in each index; with SQLite's 2 MB these are written thrice.
_CACHE = "PRAGMA cache_size=-262144"


class Meeting(Exception):
    """Somebody else is filling the same database at this moment."""


def refusal(house: House) -> Problem | None:
    """Return why this is no place for made-up people; None if a pretend TikTok is set."""
    if house.settings.allow_sandbox and house.settings.sandbox:
        return None
    return Problem(
        "ALLOW_SANDBOX",
        "the settings name TikTok itself, so this database is for real people",
        "ALLOW_SANDBOX=1 with TIKTOK_AUTHORIZE_URL and TIKTOK_API_URL of a sandbox, and a"
        " DATABASE_URL of its own",
    )


def count(house: House) -> int:
    """Return how many made-up people there are; looks at every row."""
    with reading() as session:
        return session.scalar(select(func.count()).select_from(User).where(_theirs(house))) or 0


def seed(house: House, people: int) -> Iterator[int]:
    """Add made-up people up to so many, and yield how many there are after each transaction.

    Raises Meeting if another run does the same.
    """
    there, highest = _found(house)
    while there < people:
        numbers = range(highest + 1, highest + 1 + min(AT_ONCE, people - there))
        rows = list(_rows(house, numbers, house.clock()))
        try:
            with writing() as session:
                _insert(session, rows)
        except IntegrityError:
            raise Meeting from None
        there, highest = there + len(numbers), numbers[-1]
        yield there


def clear(house: House) -> Iterator[int]:
    """Delete the made-up people, and yield how many are gone after each transaction."""
    gone = last = 0
    while ids := _after(house, last):
        last = ids[-1]
        with writing() as session:
            session.execute(
                delete(User)
                .where(User.id.in_(ids), _theirs(house))
                .execution_options(synchronize_session=False)
            )
        gone += len(ids)
        yield gone


def _insert(session: Session, rows: list[dict[str, Any]]) -> None:
    """Insert people, and the words by which their names are found."""
    if session.connection().dialect.name == "sqlite":
        session.connection().exec_driver_sql(_CACHE)
    session.execute(insert(cast(Table, User.__table__)), rows)
    given = select(User.open_id, User.id).where(
        User.client_key == rows[0]["client_key"],
        User.open_id >= rows[0]["open_id"],
        User.open_id <= rows[-1]["open_id"],
    )
    ids = {open_id: user_id for open_id, user_id in session.execute(given)}
    words = [
        {"word": word, "user_id": ids[row["open_id"]]}
        for row in rows
        for word in list_pages.search_words(row["display_name"])
    ]
    session.execute(insert(cast(Table, NameWord.__table__)), words)


def _found(house: House) -> tuple[int, int]:
    """Return how many there are, and the highest number; -1 if there is none."""
    query = select(func.count(), func.max(User.open_id)).where(_theirs(house))
    with reading() as session:
        number, highest = session.execute(query).one()
    return number, made_up.number_of(highest) if highest else -1


def _theirs(house: House) -> ColumnElement[bool]:
    ours = User.client_key == house.settings.tiktok_client_key
    # No range: in PostgreSQL's order for a language, dashes may not count.
    return ours & User.open_id.startswith(made_up.PREFIX, autoescape=True)


def _after(house: House, last: int) -> list[int]:
    query = select(User.id).where(_theirs(house), User.id > last).order_by(User.id).limit(AT_ONCE)
    with reading() as session:
        return list(session.scalars(query))


def _rows(house: House, numbers: range, now: datetime) -> Iterator[dict[str, Any]]:
    settings = house.settings
    asked = (*settings.tiktok_scopes, *settings.tiktok_optional_scopes)
    for number in numbers:
        dice = made_up.Dice.of(number)
        row = made_up.columns(number, dice, asked, now)
        yield {
            "client_key": settings.tiktok_client_key,
            "interrupted": False,
            **_sealed(house, row, dice, now),
            **row,
        }


def _sealed(house: House, row: dict[str, Any], dice: made_up.Dice, now: datetime) -> dict[str, Any]:
    if row["access_expires_at"] is None:
        return {"access_token": None, "refresh_token": None}
    tokens = TokenSet(
        access_token=dice.token("act"),
        refresh_token=dice.token("rft"),
        open_id=row["open_id"],
        scopes=None,
        access_expires_at=row["access_expires_at"],
        refresh_expires_at=None,
    )
    return house.vault.columns(row["open_id"], tokens, now)
