"""Asks TikTok's user info: for a person's profile, and to test that an access token works.

A refused access token is refreshed once and the call made once more (rule 46).
"""

import time
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from webapp.database import reading, writing
from webapp.models import PersonRef, User
from webapp.services import authority, people
from webapp.services.authority import HalfDone, NoLongerAllowed
from webapp.services.records import audit
from webapp.services.refresh.on_demand import (
    Access,
    NotConnected,
    Pending,
    ReconnectRequired,
    fresh_access,
)
from webapp.services.runtime import Runtime
from webapp.services.vault import CannotOpen
from webapp.tiktok.errors import AccessRefused, TikTokError
from webapp.tiktok.profile import Profile

log = structlog.get_logger(__name__)


def update_profile(runtime: Runtime, person: PersonRef) -> None:
    """Ask TikTok who this is and write the name down; keep the old one if TikTok does not say.

    A refused access token is refreshed once and the question asked once more (rule 46). Nothing is
    written once the account is deleted, whoever connects meanwhile.
    """
    try:
        user = people.find(person)
        profile = _fetch_profile(runtime, user) if user is not None else None
        if profile is not None:
            _store_profile(person, profile)
    except (
        *(TikTokError, NotConnected, ReconnectRequired, Pending, CannotOpen),
        # Whoever signs in is connected by now, and must not lose the session over a name.
        SQLAlchemyError,
    ) as error:
        log.warning(
            "profile_not_read",
            ticket=person.ticket,
            code=getattr(error, "code", None) or type(error).__name__,
            log_id=getattr(error, "log_id", None),
        )


def _fetch_profile(runtime: Runtime, user: User) -> Profile | None:
    held = runtime.vault.load(user)
    if held is None:
        return None
    try:
        return runtime.provider.user_info(
            held.access_token, open_id=user.open_id, scopes=user.granted
        )
    except AccessRefused:
        renewed = fresh_access(
            runtime, user.open_id, person=user.ref, rejected_version=user.version
        )
        return runtime.provider.user_info(
            renewed.access_token, open_id=user.open_id, scopes=renewed.scopes
        )


def _store_profile(person: PersonRef, profile: Profile) -> None:
    with writing() as session:
        user = people.locked(session, person)
        if user is None:
            return
        if profile.display_name and profile.display_name != user.display_name:
            user.display_name = profile.display_name
            people.store_words(session, user.id, profile.display_name)
        user.username = profile.username or user.username
        user.union_id = profile.union_id or user.union_id


#: TikTok's word for an access token that it does not accept.
REFUSED = "access_token_invalid"


@dataclass(frozen=True, slots=True)
class AccessTest:
    """What TikTok said to the access token that we hold."""

    works: bool
    #: What it took to answer, in milliseconds.
    ms: int
    #: Whom TikTok named; None where it did not.
    name: str | None = None
    #: TikTok's code and log id where it refused, or ours where no answer came.
    code: str = ""
    log_id: str = ""
    #: The first access token was refused with `code`; the answer is about the refreshed one.
    refreshed: bool = False


def test_access(runtime: Runtime, open_id: str) -> AccessTest:
    """Call user info with the stored access token, refreshing it first if it is over.

    A refused token is refreshed once and TikTok asked once more (rule 46); if that refresh does
    not work, the refusal is the answer. Raises NotConnected, ReconnectRequired, Pending and
    CannotOpen where there is no token to ask with, and NoLongerAllowed or HalfDone.
    """
    authority.check()
    with reading() as session:
        user = session.scalar(people.by_open_id(runtime, open_id))
    if user is None:
        raise NotConnected
    access = fresh_access(runtime, open_id, person=user.ref, min_ttl=timedelta())
    try:
        tested = _test_once(runtime, access)
        if tested.code == REFUSED:
            tested = _test_again(runtime, user.ref, access, tested)
        _record_test(runtime, user.ticket, tested)
    except NoLongerAllowed:
        raise HalfDone from None
    log.info("connection_tested", open_id=open_id, works=tested.works, code=tested.code)
    return tested


def _record_test(runtime: Runtime, ticket: str, tested: AccessTest) -> None:
    with writing() as session:
        authority.require(session)
        audit.record(
            session,
            runtime.clock(),
            "connection.tested",
            on=ticket,
            works=tested.works,
            ms=tested.ms,
            code=tested.code,
        )


def _test_once(runtime: Runtime, access: Access) -> AccessTest:
    # A refresh that somebody else is doing may have taken ten seconds.
    authority.check()
    began = time.monotonic()
    try:
        profile = runtime.provider.user_info(
            access.access_token, open_id=access.open_id, scopes=access.scopes
        )
    except TikTokError as error:
        return AccessTest(works=False, ms=_since(began), code=error.code, log_id=error.log_id)
    return AccessTest(works=True, ms=_since(began), name=profile.display_name)


def _test_again(
    runtime: Runtime, person: PersonRef, refused: Access, first: AccessTest
) -> AccessTest:
    """Refresh what TikTok refused and ask once more; the refusal itself where that is not had."""
    try:
        renewed = fresh_access(
            runtime, refused.open_id, person=person, rejected_version=refused.version
        )
    except (NotConnected, ReconnectRequired, Pending, CannotOpen):
        return first
    second = _test_once(runtime, renewed)
    if second.works:
        second = replace(second, code=first.code, log_id=first.log_id)
    return replace(second, refreshed=True)


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
