"""Searching the operators' list by ticket or half of it, open_id, or the words of a name.

A search never reads the whole table: it reads and sorts at most MAX_FOUND people.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, false, or_, select
from sqlalchemy.orm import Session

from webapp import search_words
from webapp.models import NameWord, User
from webapp.search_words import LAST
from webapp.services import people
from webapp.services.operators.list_query import MAX_SEARCH
from webapp.services.runtime import Runtime

#: A search reads at most this many people; the page says so if there are more.
MAX_FOUND = 500


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The people that a search has found, before any filter."""

    ids: frozenset[int]
    #: There were more than MAX_FOUND, so some are missing.
    cut: bool


NO_MATCH = SearchResult(frozenset(), cut=False)


def search(session: Session, runtime: Runtime, text: str) -> SearchResult:
    """Return who has this ticket or half of it, an open_id that begins so, or all these words.

    Nobody, if the text has nothing that can be searched for.
    """
    plain = _readable(text)
    if plain is None:
        return NO_MATCH
    ids = set(session.scalars(select(User.id).where(User.ticket == _as_ticket(plain))))
    starts = (User.client_key == runtime.client_key, *_begins_with(plain))
    found = select(User.id).where(*starts).order_by(User.open_id).limit(MAX_FOUND + 1)
    by_open_id = _result(session.scalars(found))
    by_half = _by_half(session, plain)
    by_name = _search_names(session, search_words.typed(plain))
    ids |= by_open_id.ids | by_half.ids | by_name.ids
    cut = by_open_id.cut or by_half.cut or by_name.cut or len(ids) > MAX_FOUND
    return SearchResult(frozenset(sorted(ids)[:MAX_FOUND]), cut)


def condition(runtime: Runtime, text: str) -> ColumnElement[bool]:
    """Return the condition of everyone whom `search` would find without a limit; for exports."""
    plain = _readable(text)
    if plain is None:
        return false()
    found = [and_(User.client_key == runtime.client_key, *_begins_with(plain))]
    found.append(User.ticket == _as_ticket(plain))
    if half := search_words.typed_ticket(plain):
        found.append(_has_word(half))
    if words := search_words.typed(plain):
        found.append(and_(*map(_has_word, words)))
    return or_(*found)


def is_readable(text: str) -> bool:
    """Return False if a text can't be searched for, so it finds nobody."""
    return _readable(text) is not None


def _readable(text: str) -> str | None:
    """Return a search without what is invisible; None if it is too long, or nothing is left.

    In a CSV file, IDs that a spreadsheet would take for a formula have an apostrophe before them.
    """
    plain = people.clean_name(text)
    if plain is None or not plain.strip(f"{people.JOINERS} ") or len(text) > MAX_SEARCH:
        return None
    return plain[1:] if plain[0] == "'" and len(plain) > 1 else plain


def _as_ticket(text: str) -> str:
    return f"ct_{text[3:].upper()}" if text[:3].casefold() == "ct_" else text


def _begins_with(open_id: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return User.open_id >= open_id, User.open_id < open_id + LAST


def _has_word(word: str) -> ColumnElement[bool]:
    return User.id.in_(select(NameWord.user_id).where(*_with(word)))


def _with(word: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return the conditions of the words that begin with this one: one range of the index."""
    return NameWord.word >= word, NameWord.word < word + LAST


def _by_half(session: Session, text: str) -> SearchResult:
    half = search_words.typed_ticket(text)
    return _result(session.scalars(_beginning(half))) if half else NO_MATCH


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
        .where(*_with(word))
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
