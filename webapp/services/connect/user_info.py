"""Asks TikTok who a connection belongs to, to see whether its access works; changes no name."""

import time
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from webapp.database import writing
from webapp.models import PersonRef
from webapp.services import authority
from webapp.services.authority import HalfDone, NoLongerAllowed
from webapp.services.house import House
from webapp.services.operators import dossier
from webapp.services.records import audit
from webapp.services.refresh.on_demand import (
    Access,
    NotConnected,
    Pending,
    ReconnectRequired,
    fresh_access,
)
from webapp.services.vault import CannotOpen
from webapp.tiktok.errors import TikTokError

log = structlog.get_logger(__name__)

#: TikTok's word for an access token that it does not accept.
REFUSED = "access_token_invalid"


@dataclass(frozen=True, slots=True)
class Tested:
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


def test(house: House, open_id: str) -> Tested:
    """Call user info with the stored access token, refreshing it first if it is over.

    A refused token is refreshed once and TikTok asked once more (rule 46); if that refresh does
    not work, the refusal is the answer. Raises NotConnected, ReconnectRequired, Pending and
    CannotOpen where there is no token to ask with, and NoLongerAllowed or HalfDone.
    """
    authority.check()
    user = dossier.find(house, open_id)
    if user is None:
        raise NotConnected
    access = fresh_access(house, open_id, person=user.ref, min_ttl=timedelta())
    try:
        tested = _ask(house, access)
        if tested.code == REFUSED:
            tested = _again(house, user.ref, access, tested)
        _write_down(house, user.ticket, tested)
    except NoLongerAllowed:
        raise HalfDone from None
    log.info("connection_tested", open_id=open_id, works=tested.works, code=tested.code)
    return tested


def _write_down(house: House, ticket: str, tested: Tested) -> None:
    with writing() as session:
        authority.require(session)
        audit.record(
            session,
            house.clock(),
            "connection.tested",
            on=ticket,
            works=tested.works,
            ms=tested.ms,
            code=tested.code,
        )


def _ask(house: House, access: Access) -> Tested:
    # A refresh that somebody else is doing may have taken ten seconds.
    authority.check()
    began = time.monotonic()
    try:
        profile = house.provider.user_info(
            access.access_token, open_id=access.open_id, scopes=access.scopes
        )
    except TikTokError as error:
        return Tested(works=False, ms=_since(began), code=error.code, log_id=error.log_id)
    return Tested(works=True, ms=_since(began), name=profile.display_name)


def _again(house: House, person: PersonRef, refused: Access, first: Tested) -> Tested:
    """Refresh what TikTok refused and ask once more; the refusal itself where that is not had."""
    try:
        renewed = fresh_access(
            house, refused.open_id, person=person, rejected_version=refused.version
        )
    except (NotConnected, ReconnectRequired, Pending, CannotOpen):
        return first
    second = _ask(house, renewed)
    if second.works:
        second = replace(second, code=first.code, log_id=first.log_id)
    return replace(second, refreshed=True)


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
