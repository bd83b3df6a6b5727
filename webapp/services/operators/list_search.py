"""Searching the operators' list by ticket, open_id or the words of a name.

A search never reads the whole table: it reads and sorts at most MAX_FOUND people.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import Session

from webapp.models import NameWord, User
from webapp.services import people
from webapp.services.runtime import Runtime

#: A search reads at most this many people; the page says so if there are more.
MAX_FOUND = 500
#: Comes after every other character.
_LAST = "\U0010ffff"
#: A ticket, which has eight letters after `ct_`, in any case.
_TICKET = re.compile(r"ct_[0-9a-z-]+")


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The people that a search has found, before any filter."""

    ids: frozenset[int]
    #: There were more than MAX_FOUND, so some are missing.
    cut: bool


NO_MATCH = SearchResult(frozenset(), cut=False)


def search(session: Session, runtime: Runtime, text: str) -> SearchResult:
    """Return who has this ticket, an open_id that begins so, or a name with all these words."""
    text = text.strip()
    by_ticket = set[int]()
    if _TICKET.fullmatch(text.casefold()):
        ticket = f"ct_{text[3:].upper()}"
        by_ticket = set(session.scalars(select(User.id).where(User.ticket == ticket)))
    by_open_id = _result(
        session.scalars(
            select(User.id)
            .where(
                User.client_key == runtime.client_key,
                User.open_id >= text,
                User.open_id < text + _LAST,
            )
            .order_by(User.open_id)
            .limit(MAX_FOUND + 1)
        )
    )
    by_name = _search_names(session, people.search_words(text))
    ids = by_ticket | by_open_id.ids | by_name.ids
    cut = by_open_id.cut or by_name.cut or len(ids) > MAX_FOUND
    return SearchResult(frozenset(sorted(ids)[:MAX_FOUND]), cut)


def condition(runtime: Runtime, text: str) -> ColumnElement[bool]:
    """Return the condition of everyone whom `search` would find without a limit; for exports."""
    text = text.strip()
    words = people.search_words(text)
    found = [
        and_(
            User.client_key == runtime.settings.tiktok_client_key,
            User.open_id >= text,
            User.open_id < text + _LAST,
        )
    ]
    if _TICKET.fullmatch(text.casefold()):
        found.append(User.ticket == f"ct_{text[3:].upper()}")
    if words:
        found.append(
            and_(
                *(
                    User.id.in_(
                        select(NameWord.user_id).where(
                            NameWord.word >= word, NameWord.word < word + _LAST
                        )
                    )
                    for word in words
                )
            )
        )
    return or_(*found)


def _search_names(session: Session, words: list[str]) -> SearchResult:
    """Return the people whose names contain every word, or words that begin so.

    If one of the words finds few enough people, everyone who matches is among those.
    """
    by_word = [_result(session.scalars(_beginning(word))) for word in words]
    if not by_word:
        return NO_MATCH
    complete = [each.ids for each in by_word if not each.cut]
    if not complete:
        fewest = min(by_word, key=lambda each: len(each.ids))
        return SearchResult(_with_all_words(session, fewest.ids, words), cut=True)
    return SearchResult(_with_all_words(session, min(complete, key=len), words), cut=False)


def _beginning(word: str) -> Select[int]:
    return (
        select(NameWord.user_id)
        .where(NameWord.word >= word, NameWord.word < word + _LAST)
        .order_by(NameWord.word, NameWord.user_id)
        .limit(MAX_FOUND + 1)
    )


def _with_all_words(session: Session, ids: frozenset[int], words: list[str]) -> frozenset[int]:
    """Return those of these people whose names contain every word."""
    if len(words) == 1:
        return ids
    names: dict[int, list[str]] = {}
    for row in session.execute(
        select(NameWord.user_id, NameWord.word).where(NameWord.user_id.in_(ids))
    ):
        names.setdefault(row.user_id, []).append(row.word)

    def has(name: list[str], word: str) -> bool:
        return any(each.startswith(word) for each in name)

    return frozenset(
        user_id for user_id, name in names.items() if all(has(name, word) for word in words)
    )


def _result(found: Iterable[int]) -> SearchResult:
    ids = list(found)
    return SearchResult(frozenset(ids[:MAX_FOUND]), cut=len(ids) > MAX_FOUND)
