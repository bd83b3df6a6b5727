"""Calls TikTok's user info: to fetch a person's profile, and to test that an access token works."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError

from webapp.database import writing
from webapp.models import PersonRef
from webapp.services import authority, people
from webapp.services.authority import HalfDone, NoLongerAllowed
from webapp.services.records import audit
from webapp.services.refresh.on_demand import (
    Access,
    NotConnected,
    Pending,
    ReconnectRequired,
    build_access,
    fresh_access,
)
from webapp.services.runtime import Runtime
from webapp.services.vault import CannotOpen
from webapp.tiktok.errors import AccessRefused, TikTokError
from webapp.tiktok.profile import Profile

log = structlog.get_logger(__name__)

#: TikTok's code for an access token that it does not accept.
REFUSED = "access_token_invalid"
_NO_TOKEN = (NotConnected, ReconnectRequired, Pending, CannotOpen)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class AccessTest:
    """How TikTok answered to the stored access token."""

    works: bool
    #: Duration of the call in milliseconds.
    ms: int
    #: The display name that TikTok returned, if any.
    name: str | None = None
    #: TikTok's code and log ID if it refused, or our code if no usable answer came.
    code: str = ""
    log_id: str = ""
    #: The first access token was refused with `code`, and the refreshed one was tested.
    refreshed: bool = False


def update_profile(runtime: Runtime, person: PersonRef) -> None:
    """Fetch a person's profile and store it. If that fails, the old one stays.

    A failure is only logged, because the person is connected and must not lose the session over a
    name. Nothing is stored if the account has been deleted since, even if somebody connects again.
    """
    try:
        user = people.find(person)
        if user is None or user.access_token is None:
            return
        access = build_access(runtime, user, timedelta(), runtime.clock())
        profile = _ask_again_if_refused(
            runtime, person, access, lambda current: _user_info(runtime, current)
        )
        _store_profile(person, profile)
    except (TikTokError, *_NO_TOKEN, SQLAlchemyError) as error:
        log.warning(
            "profile_not_fetched",
            ticket=person.ticket,
            code=getattr(error, "code", None) or type(error).__name__,
            log_id=getattr(error, "log_id", None),
        )


def test_access(runtime: Runtime, open_id: str) -> AccessTest:
    """Call user info with the stored access token, refreshing it first if it has expired.

    If TikTok rejects the token and the refresh doesn't work either, the refusal is the result.
    Raises NotConnected, ReconnectRequired, Pending and CannotOpen if there is no token to test,
    and NoLongerAllowed or HalfDone.
    """
    authority.check()
    user = people.find_by_open_id(runtime, open_id)
    if user is None:
        raise NotConnected
    access = fresh_access(runtime, open_id, person=user.ref, min_ttl=timedelta())
    tests: list[AccessTest] = []
    try:
        with suppress(TikTokError, *_NO_TOKEN):
            _ask_again_if_refused(
                runtime, user.ref, access, lambda current: _timed(runtime, current, tests)
            )
        tested = tests[-1]
        if len(tests) > 1:
            refused = tests[0]
            tested = replace(tested, refreshed=True)
            if tested.works:
                tested = replace(tested, code=refused.code, log_id=refused.log_id)
        _record_test(runtime, user.ticket, tested)
    except NoLongerAllowed:
        raise HalfDone from None
    log.info("connection_tested", open_id=open_id, works=tested.works, code=tested.code)
    return tested


def _ask_again_if_refused(
    runtime: Runtime, person: PersonRef, access: Access, ask: Callable[[Access], _T]
) -> _T:
    """Return `ask(access)`; if TikTok rejects the token, refresh it and ask once more (rule 46).

    Raises what `ask` and `fresh_access` raise.
    """
    try:
        return ask(access)
    except AccessRefused:
        renewed = fresh_access(
            runtime, access.open_id, person=person, rejected_version=access.version
        )
    return ask(renewed)


def _user_info(runtime: Runtime, access: Access) -> Profile:
    return runtime.provider.user_info(
        access.access_token, open_id=access.open_id, scopes=access.scopes
    )


def _timed(runtime: Runtime, access: Access, tests: list[AccessTest]) -> None:
    """Call user info once and append the result to `tests`. Raises TikTokError."""
    # Waiting for a refresh may have taken ten seconds.
    authority.check()
    began = time.monotonic()
    try:
        profile = _user_info(runtime, access)
    except TikTokError as error:
        failed = AccessTest(False, _since(began), code=error.code, log_id=error.log_id)
        tests.append(failed)
        raise
    tests.append(AccessTest(True, _since(began), profile.display_name))


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


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
