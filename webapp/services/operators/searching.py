"""Searching people by ticket, open_id or the words of their names; never looks at all of them."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Select, delete, insert, select
from sqlalchemy.orm import Session

from webapp.models import NameWord, User
from webapp.services.house import House

#: So many people are looked at for one search; the page says so when there are more.
MOST = 500
#: A name is a name, whatever is written into it: so many words and letters of it are searched.
WORDS = 8
LETTERS = 40
#: Comes after every letter, in byte order.
_LAST = "\U0010ffff"
#: What a person may have learnt of their ticket: `ct_` and eight letters, in two halves.
_TICKET = re.compile(r"ct_[0-9a-z-]+")


@dataclass(frozen=True, slots=True)
class Found:
    """Whom a search has found, before any filter."""

    ids: frozenset[int]
    #: There were more than `MOST`, so some are missing.
    cut: bool


NOBODY = Found(frozenset(), cut=False)


def words(name: str | None) -> list[str]:
    """Return the words under which a name is found: folded, each once, sorted."""
    folded = unicodedata.normalize("NFKC", name or "").casefold()
    return sorted({word[:LETTERS] for word in re.findall(r"\w+", folded)[:WORDS]})


def keep(session: Session, user_id: int, name: str | None) -> None:
    """Write down the words of a name in place of those of the former one."""
    session.execute(delete(NameWord).where(NameWord.user_id == user_id))
    if found := [{"word": word, "user_id": user_id} for word in words(name)]:
        session.execute(insert(NameWord), found)


def look(session: Session, house: House, asked: str) -> Found:
    """Return who has this ticket, an open_id that begins so, or a name with all these words."""
    asked = asked.strip()
    by_ticket = set[int]()
    if _TICKET.fullmatch(asked.casefold()):
        ticket = f"ct_{asked[3:].upper()}"
        by_ticket = set(session.scalars(select(User.id).where(User.ticket == ticket)))
    by_open_id = _most(
        session.scalars(
            select(User.id)
            .where(
                User.client_key == house.settings.tiktok_client_key,
                User.open_id >= asked,
                User.open_id < asked + _LAST,
            )
            .order_by(User.open_id)
            .limit(MOST + 1)
        )
    )
    by_name = _named(session, words(asked))
    ids = by_ticket | by_open_id.ids | by_name.ids
    cut = by_open_id.cut or by_name.cut or len(ids) > MOST
    return Found(frozenset(sorted(ids)[:MOST]), cut)


def _named(session: Session, asked: list[str]) -> Found:
    """Return whose names have every word, or one that begins so.

    As soon as one of the words finds few enough, whoever has them all is among those.
    """
    looks = [_most(session.scalars(_beginning(word))) for word in asked]
    if not looks:
        return NOBODY
    whole = [each.ids for each in looks if not each.cut]
    if not whole:
        first = min(looks, key=lambda each: len(each.ids))
        return Found(_among(session, first.ids, asked), cut=True)
    return Found(_among(session, min(whole, key=len), asked), cut=False)


def _beginning(word: str) -> Select[int]:
    return (
        select(NameWord.user_id)
        .where(NameWord.word >= word, NameWord.word < word + _LAST)
        .order_by(NameWord.word, NameWord.user_id)
        .limit(MOST + 1)
    )


def _among(session: Session, ids: frozenset[int], asked: list[str]) -> frozenset[int]:
    """Return those of these people whose names have every word."""
    if len(asked) == 1:
        return ids
    held: dict[int, list[str]] = {}
    for row in session.execute(
        select(NameWord.user_id, NameWord.word).where(NameWord.user_id.in_(ids))
    ):
        held.setdefault(row.user_id, []).append(row.word)

    def has(theirs: list[str], word: str) -> bool:
        return any(each.startswith(word) for each in theirs)

    return frozenset(one for one, theirs in held.items() if all(has(theirs, w) for w in asked))


def _most(found: Iterable[int]) -> Found:
    ids = list(found)
    return Found(frozenset(ids[:MOST]), cut=len(ids) > MOST)
