"""Bringing answers home: committed in groups, guarded by version, retried until they are in.

Nothing else happens between TikTok's answer and the commit. A refresh token is dead once it was
sent, so an answer that is lost here is a person's connection lost.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from sqlalchemy import update
from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    OperationalError,
    TimeoutError,
)
from sqlalchemy.orm import Session

from webapp.database import writing
from webapp.models import User
from webapp.services import guarded
from webapp.services.house import House
from webapp.services.records import history
from webapp.services.refresh import aftermath, brakes, orphans, rescue, schedule, verdicts
from webapp.services.refresh.aftermath import Landed
from webapp.services.refresh.brakes import Outcome
from webapp.services.refresh.verdicts import Result, Verdict
from webapp.tiktok.errors import ConnectAgain, TikTokError
from webapp.tokens import TokenSet

log = structlog.get_logger(__name__)

#: One transaction takes this many answers at most.
GROUP = 64
#: How long the database may be away before an answer goes to the rescue file, in seconds.
PATIENCE = 60.0
_PAUSE = 0.25


def land(house: House, results: Sequence[Result], patience: float = PATIENCE) -> list[bool]:
    """Write every answer into its row and tell which ones are in; one row never costs another.

    False: a reconnect or a disconnect came first and theirs was kept, or nothing was to be stored.
    Never raises: what cannot be written within `patience` seconds is sealed into the rescue file
    (services.rescue), so it is True there too; without a disk either, it goes on trying both.
    """
    return _landed(house, results, time.monotonic() + patience)


def _landed(house: House, results: Sequence[Result], end: float) -> list[bool]:
    while True:
        try:
            landed = _write(house, results)
        except Exception as error:  # noqa: BLE001  whatever it is, it must not cost a grant
            if len(results) > 1 and not _is_away(error):
                # One of them cannot be written: the others shall not share its fate.
                return [_landed(house, [each], end)[0] for each in results]
            if time.monotonic() > end and _rescue(house, results, error):
                return [isinstance(each.answer, TokenSet) for each in results]
            log.warning("landing_waits", answers=len(results), error=type(error).__name__)
            _pause(_PAUSE)
            continue
        for result, stored in zip(results, landed, strict=True):
            if not stored and isinstance(result.answer, TokenSet):
                orphans.give_back(house, result.claim.open_id, result.answer)
        return landed


def _is_away(error: Exception) -> bool:
    """Tell whether the database itself is in the way, and not what is to be written."""
    if isinstance(error, OperationalError | InterfaceError | TimeoutError):
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated


def _write(house: House, results: Sequence[Result]) -> list[bool]:
    now = house.clock()
    outcomes: list[Outcome] = []
    group: list[Landed] = []
    with writing(durable=True) as session:
        recent = brakes.recent_of(session, house) + _letters(results)
        mass = brakes.is_mass_rejection(recent[-brakes.WINDOW :])
        # People are locked in the order of their ids, as wherever several are.
        for result in sorted(results, key=lambda each: each.claim.person.id):
            if isinstance(result.answer, TokenSet):
                stored = _store(session, house, result, result.answer)
                group.append(Landed(result, stored, None))
                outcomes.append(Outcome("o"))
            else:
                verdict = verdicts.of_failure(result.claim, result.answer, now, mass=mass)
                group.append(Landed(result, _mark(session, result, verdict), verdict))
                outcomes.append(verdict.outcome)
        brakes.note(session, house, outcomes, now)
        aftermath.enter(session, house, group, now)
    for each in group:
        _tell(each.result, each.verdict.word if each.verdict else "refreshed")
    stored_by = {id(each.result): each.written and each.verdict is None for each in group}
    return [stored_by[id(result)] for result in results]


def _store(session: Session, house: House, result: Result, tokens: TokenSet) -> bool:
    """Store a new pair if the grant has not changed since, even when the lease is gone.

    The refresh token that was spent is then still the stored one, so this is the only valid
    grant (fencing by lease lost 50 of 50, guarding by version none).
    """
    claim, now = result.claim, result.received_at
    values = house.vault.columns(claim.open_id, tokens, now)
    values["last_error"] = None if tokens.life_known else "life_unknown"
    values["next_at"] = schedule.keep_alive_at(
        now,
        tokens.access_expires_at,
        tokens.refresh_expires_at or claim.refresh_expires_at,
        idle=claim.idle,
    )
    line = aftermath.line(result, None)
    return guarded.store(session, claim.person, claim.version, values, line)


def _mark(session: Session, result: Result, verdict: Verdict) -> bool:
    """Write a failure, only while both claim and version are still ours; tell whether they were."""
    claim = result.claim
    line = aftermath.line(result, verdict)
    done: Any = session.execute(
        update(User)
        .where(
            User.is_(claim.person),
            User.version == claim.version,
            User.claim == claim.name,
        )
        .values(verdict.columns | ({"history": history.prepend(line)} if line else {}))
        .execution_options(synchronize_session=False)
    )
    return bool(done.rowcount)


def _tell(result: Result, word: str) -> None:
    answer = result.answer
    facts: dict[str, Any] = {"open_id": result.claim.open_id}
    if isinstance(answer, TokenSet):
        log.debug("refresh_landed", life_known=answer.life_known, **facts)
        return
    if isinstance(answer, TikTokError):
        facts |= {"code": answer.code, "log_id": answer.log_id}
    level = log.error if word in ("another_account", "key", "mass_rejection") else log.warning
    level("refresh_failed", verdict=word, **facts)


def _letters(results: Sequence[Result]) -> str:
    """Return the outcomes of a group as far as they tell whether TikTok refuses everybody."""

    def letter(result: Result) -> str:
        if isinstance(result.answer, TokenSet):
            return "o"
        known = result.claim.interrupted or not isinstance(result.answer, ConnectAgain)
        return "" if known else "g"

    return "".join(map(letter, results))


def _rescue(house: House, results: Sequence[Result], error: Exception) -> bool:
    """Put the answers that count into the rescue file; False if it does not take them either."""
    for result in results:
        if isinstance(result.answer, TokenSet):
            try:
                rescue.append(house, result.claim, result.answer, result.received_at)
            except OSError as failure:
                log.critical("answers_held", answers=len(results), error=type(failure).__name__)
                return False
            except Exception as failure:  # noqa: BLE001  it cannot even be sealed, now or ever
                log.critical("answer_lost", open_id=result.claim.open_id, error=repr(type(failure)))
                continue
            log.error("answer_rescued", open_id=result.claim.open_id, error=type(error).__name__)
    return True


_pause: Callable[[float], object] = threading.Event().wait
