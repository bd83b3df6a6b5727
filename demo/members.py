"""Adds made-up people to the database and, with the same consents, to the mock TikTok."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Table, insert, select
from sqlalchemy.orm import Session

from demo import sandbox_control
from demo.names import Dice
from demo.states import State
from demo.story import Event, Lifetimes, Story, oldest_first
from webapp import search_words
from webapp.actor import acting_as
from webapp.database import writing
from webapp.models import NameWord, User
from webapp.services.connect.person_row import TICKET_LETTERS
from webapp.services.records import audit
from webapp.services.runtime import Runtime
from webapp.tokens import TokenSet

#: Keeps the worker from refreshing people whom no sandbox knows.
FAR_OFF = timedelta(days=365)
_DAY = timedelta(days=1)
#: People in one call to the sandbox, which takes up to 1 MB.
_IN_ONE_CALL = 1_000
#: Shares no factor with the number of tickets, so no two people get the same one.
_STRIDE = 48_271_000_007
_TICKETS = len(TICKET_LETTERS) ** 8
#: Each row changes a different page of each index; with SQLite's default of 2 MB, pages are written
#: three times.
_CACHE = "PRAGMA cache_size=-262144"


@dataclass(frozen=True, slots=True)
class Member:
    """One made-up person."""

    #: Everything about the person but the exact times follows from it.
    number: int
    #: What the sandbox calls the person.
    name: str
    #: The consent page of the sandbox offers the person.
    listed: bool
    open_id: str
    display_name: str | None
    username: str | None
    union_id: str | None
    #: The granted scopes.
    scopes: Sequence[str]
    state: State

    @property
    def ticket(self) -> str:
        """Return a ticket that no other number has: the stride visits all of them."""
        left, letters = self.number * _STRIDE % _TICKETS, []
        for _ in range(8):
            left, at = divmod(left, len(TICKET_LETTERS))
            letters.append(TICKET_LETTERS[at])
        return f"ct_{''.join(letters[:4])}-{''.join(letters[4:])}"


@dataclass(frozen=True, slots=True)
class _Tokens:
    """The tokens of one consent."""

    access: str
    refresh: str


def lifetimes_at(sandbox: str) -> Lifetimes:
    """Return the lifetimes of the tokens that the sandbox issues now. Raises NotAnswering."""
    answer = sandbox_control.call(sandbox, "POST", "lifetimes", {})
    access, grant = answer["expires_in"], answer["refresh_expires_in"]
    return Lifetimes(timedelta(seconds=access), timedelta(seconds=grant))


def add_people(runtime: Runtime, members: Sequence[Member], sandbox: str | None) -> None:
    """Add people in one transaction; with a sandbox, they consent there, as their stories say.

    Without one, they are never due, and have neither a history nor audit events. Raises
    NotAnswering, and IntegrityError if one of them exists.
    """
    now = runtime.clock()
    lifetimes = lifetimes_at(sandbox) if sandbox else Lifetimes()
    stories = [_story(member, lifetimes, now) for member in members]
    if sandbox:
        tokens = _consents(sandbox, members, stories)
    else:
        tokens = [_made_up_tokens(member) for member in members]
        for member, story in zip(members, stories, strict=True):
            _keep_away_from_worker(story, Dice.of(member.number))
    rows = [_row(runtime, *each) for each in zip(members, stories, tokens, strict=True)]
    with writing() as session:
        _insert(session, rows)
        record_events(session, oldest_first(stories))


def record_events(session: Session, events: Iterable[Event]) -> None:
    """Add audit events in the caller's transaction, in this order."""
    for event in events:
        with acting_as(event.actor):
            audit.record(session, event.at, event.name, on=event.ticket, **event.fields)


def _story(member: Member, lifetimes: Lifetimes, now: datetime) -> Story:
    scope = ",".join(sorted(member.scopes))
    random = Dice.of(member.number).random()
    story = Story(member.ticket, scope, lifetimes, now, random)
    member.state(story)
    return story


def _keep_away_from_worker(story: Story, dice: Dice) -> None:
    story.forget_past()
    if story.columns["next_at"] is not None:
        story.columns["next_at"] = story.now + FAR_OFF + _DAY * dice.share(6)


def _made_up_tokens(member: Member) -> _Tokens:
    dice = Dice.of(member.number)
    return _Tokens(dice.token("act"), dice.token("rft"))


def _consents(sandbox: str, members: Sequence[Member], stories: Sequence[Story]) -> list[_Tokens]:
    wanted = [_consent(member, story.plan) for member, story in zip(members, stories, strict=True)]
    tokens: list[_Tokens] = []
    for start in range(0, len(wanted), _IN_ONE_CALL):
        some = {"people": wanted[start : start + _IN_ONE_CALL]}
        for each in sandbox_control.call(sandbox, "POST", "crowd", some)["grants"]:
            tokens.append(_Tokens(each["access_token"], each["refresh_token"]))
    return tokens


def _consent(member: Member, plan: dict[str, Any]) -> dict[str, Any]:
    profile = {} if member.display_name is None else {"display_name": member.display_name}
    person = {"name": member.name, "listed": member.listed, "open_id": member.open_id}
    return {**person, **profile, "scopes": list(member.scopes), **plan}


def _row(runtime: Runtime, member: Member, story: Story, tokens: _Tokens) -> dict[str, Any]:
    """Return the columns of a person, in the same order for everyone."""
    settings = runtime.settings
    asked = sorted((*settings.tiktok_scopes, *settings.tiktok_optional_scopes))
    return {
        "client_key": settings.tiktok_client_key,
        "open_id": member.open_id,
        "ticket": member.ticket,
        "display_name": member.display_name,
        "username": member.username,
        "union_id": member.union_id,
        "asked_scope": ",".join(asked),
        "scope": story.scope,
        "claim": None,
        "history": story.history,
        "refresh_days": story.refresh_days,
        **_sealed(runtime, member, story, tokens),
        **story.columns,
    }


def _sealed(runtime: Runtime, member: Member, story: Story, tokens: _Tokens) -> dict[str, Any]:
    expires = story.columns["access_expires_at"]
    if expires is None:
        return {"access_token": None, "refresh_token": None}
    held = TokenSet(
        access_token=tokens.access,
        refresh_token=tokens.refresh,
        open_id=member.open_id,
        scopes=None,
        access_expires_at=expires,
        refresh_expires_at=None,
    )
    return runtime.vault.columns(member.open_id, held, story.now)


def _insert(session: Session, rows: list[dict[str, Any]]) -> None:
    """Insert people and the search words of their names."""
    if session.connection().dialect.name == "sqlite":
        session.connection().exec_driver_sql(_CACHE)
    session.execute(insert(cast(Table, User.__table__)), rows)
    added = User.ticket.in_([row["ticket"] for row in rows])
    ids = {ticket: i for ticket, i in session.execute(select(User.ticket, User.id).where(added))}
    words = [
        {"word": word, "user_id": ids[row["ticket"]]}
        for row in rows
        for word in search_words.of_person(row["display_name"], row["ticket"])
    ]
    if words:
        session.execute(insert(cast(Table, NameWord.__table__)), words)
