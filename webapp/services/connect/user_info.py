"""Calls TikTok's user info: to fetch a person's profile, and to test that an access token works."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

import structlog
from sqlalchemy import bindparam, update
from sqlalchemy.exc import SQLAlchemyError

from webapp.database import run, table_of, writing
from webapp.models import PersonRef, User
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
_users = table_of(User).c
_UPDATE = (
    update(table_of(User))
    .where(_users.id == bindparam("the_id"), _users.ticket == bindparam("the_ticket"))
    .where(_users.version == bindparam("the_version"))
)


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


@dataclass(frozen=True, slots=True)
class FreshGrant:
    """A person's access token, and what their row says of them."""

    access: Access
    display_name: str | None = None
    username: str | None = None
    union_id: str | None = None


def update_profile(runtime: Runtime, person: PersonRef, fresh: FreshGrant | None = None) -> None:
    """Fetch a person's profile and store it. If that fails, the old one stays.

    `fresh` is what the sign-in of this request has just stored; None: read it. A failure is only
    logged, because the person is connected and must not lose the session over a name. Nothing is
    stored if the account has been deleted or the grant has changed since: a connect that came later
    fetches the profile itself, and after a disconnect there is nothing to add.
    """
    try:
        fresh = fresh or _stored_grant(runtime, person)
        if fresh is None:
            return
        profile, version = _ask_again_if_refused(
            runtime,
            person,
            fresh.access,
            lambda current: (_user_info(runtime, current), current.version),
        )
        changes = _changes(fresh, profile)
        if changes:
            _store_profile(person, version, changes)
    except (TikTokError, *_NO_TOKEN, SQLAlchemyError) as error:
        log.warning(
            "profile_not_fetched",
            ticket=person.ticket,
            code=getattr(error, "code", None) or type(error).__name__,
            log_id=getattr(error, "log_id", None),
        )


def _stored_grant(runtime: Runtime, person: PersonRef) -> FreshGrant | None:
    user = people.find(person)
    if user is None or user.access_token is None:
        return None
    access = build_access(runtime, user, timedelta(), runtime.clock())
    return FreshGrant(access, user.display_name, user.username, user.union_id)


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


def _changes(before: FreshGrant, profile: Profile) -> dict[str, str]:
    """Return the columns that this profile changes; what TikTok left out stays as it is."""
    names = ("display_name", "username", "union_id")
    found = {name: getattr(profile, name) for name in names}
    return {name: new for name, new in found.items() if new and new != getattr(before, name)}


def _store_profile(person: PersonRef, version: int, changes: Mapping[str, str]) -> None:
    known = {"the_id": person.id, "the_ticket": person.ticket, "the_version": version}
    with writing() as session:
        done = run(session, _UPDATE, {**changes, **known})
        if done.rowcount == 1 and "display_name" in changes:
            people.store_words(session, person, changes["display_name"])


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
