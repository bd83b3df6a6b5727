"""Stores TikTok's answers: committed in groups, guarded by version, retried until they are stored.

A refresh token is dead once it has been sent, so an answer lost here is a lost connection. Counts,
audit events and notifications are written in the same transaction as the row. An answer whose
connection was ended meanwhile is revoked, so no grant stays alive unseen.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import update
from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
    TimeoutError,
)
from sqlalchemy.orm import Session

from webapp.actor import acting_as
from webapp.database import reading, writing
from webapp.models import Status, User, marks
from webapp.services import people
from webapp.services.notifications import outbox
from webapp.services.records import audit, figures, history
from webapp.services.refresh import breaker, rescue_file, schedule, verdicts
from webapp.services.refresh.breaker import Outcome
from webapp.services.refresh.verdicts import NotSent, Result, Verdict
from webapp.services.runtime import Runtime
from webapp.tiktok.errors import ConnectAgain, TikTokError
from webapp.tokens import TokenSet

#: What these do is counted; what anybody else asks for is answered for.
_ROUTINE = ("worker", "system")


@dataclass(frozen=True, slots=True)
class Stored:
    """One answer, and what became of its row."""

    result: Result = field(repr=False)
    #: The row was written.
    written: bool
    #: None: a new pair.
    verdict: Verdict | None = field(repr=False)

    @property
    def word(self) -> str:
        """Return what is counted of it; empty where nothing was asked of TikTok."""
        if self.verdict is None:
            return "refreshed"
        return "" if isinstance(self.result.answer, NotSent) else f"failed.{self.verdict.word}"


def history_entry(result: Result, verdict: Verdict | None) -> str:
    """Return the entry that the row's history gets; empty where nothing happened."""
    answer = result.answer
    if isinstance(answer, NotSent):
        return ""
    code = log_id = ""
    word = "refreshed"
    if verdict is not None:
        word = "needs_user" if verdict.columns.get("status") == Status.RECONNECT else "failed"
        code = str(verdict.columns.get("last_error") or verdict.word)
    if isinstance(answer, TikTokError):
        log_id = answer.log_id
    return history.format_entry(result.received_at, word, result.by, result.ms, code, log_id)


def record_results(
    session: Session, runtime: Runtime, group: Sequence[Stored], now: datetime
) -> None:
    """Count a group of answers, and write down those that somebody must be told of."""
    counts = Counter(each.word for each in group if each.word)
    counts.update(
        figures.answer_time_bucket(each.result.ms) for each in group if each.result.ms is not None
    )
    figures.add_counts(session, runtime.settings.tiktok_client_key, now, counts)
    for each in group:
        if each.written:
            with acting_as(each.result.by):
                _record_result(session, runtime, each, now)


def _record_result(session: Session, runtime: Runtime, landed: Stored, now: datetime) -> None:
    claim, verdict = landed.result.claim, landed.verdict
    asked = landed.result.by.kind not in _ROUTINE
    if verdict is None:
        if asked:
            audit.record(
                session,
                now,
                "connection.refreshed",
                on=claim.person.ticket,
                version=claim.version + 1,
            )
    elif verdict.columns.get("status") == Status.RECONNECT:
        code = str(verdict.columns.get("last_error") or "")
        record_reconnect_required(
            session,
            runtime,
            now,
            claim.open_id,
            claim.person.ticket,
            verdict.columns["reason"],
            code,
        )
    elif asked and landed.word:
        code = str(verdict.columns.get("last_error") or "")
        audit.record(
            session,
            now,
            "connection.refresh_failed",
            on=claim.person.ticket,
            verdict=verdict.word,
            code=code,
        )


def record_reconnect_required(
    session: Session,
    runtime: Runtime,
    now: datetime,
    open_id: str,
    ticket: str,
    reason: str,
    code: str,
) -> None:
    """Write down, and have told, that only the person can fix this connection from now on."""
    audit.record(session, now, "connection.reconnect_required", on=ticket, reason=reason, code=code)
    told = {"open_id": open_id, "ticket": ticket, "reason": reason, "since": now.isoformat()}
    outbox.enqueue(session, runtime, now, "connection.reconnect_required", told)


log = structlog.get_logger(__name__)

_ENDED = (Status.REVOKING, Status.REVOKED)


def revoke_late_answer(runtime: Runtime, open_id: str, tokens: TokenSet) -> None:
    """Revoke a pair that no row took, if the grant was ended meanwhile, here or there.

    Not if the person is connected: revoking ends the whole connection at TikTok.
    """
    try:
        kept = _is_connected(runtime, open_id)
        log.info("refresh_came_late", open_id=open_id, kept=kept)
        if not kept:
            runtime.provider.revoke(tokens.access_token)
    except (TikTokError, SQLAlchemyError) as failure:
        log.warning("orphan_not_revoked", open_id=open_id, error=type(failure).__name__)


def _is_connected(runtime: Runtime, open_id: str) -> bool:
    with reading() as session:
        user = session.scalar(people.by_open_id(runtime, open_id))
    # Without tokens it was wiped by TikTok's webhook: nobody holds the grant any more.
    return user is not None and user.access_token is not None and user.status not in _ENDED


#: One transaction takes this many answers at most.
GROUP = 64
#: How long the database may be away before an answer goes to the rescue file, in seconds.
PATIENCE = 60.0
_PAUSE = 0.25


def store_answers(
    runtime: Runtime, results: Sequence[Result], patience: float = PATIENCE
) -> list[bool]:
    """Write every answer into its row and tell which ones are in; one row never costs another.

    False: a reconnect or a disconnect came first and theirs was kept, or nothing was to be stored.
    Never raises: what cannot be written within `patience` seconds is sealed into the rescue file
    (services.rescue), so it is True there too; without a disk either, it goes on trying both.
    """
    return _store_until(runtime, results, time.monotonic() + patience)


def _store_until(runtime: Runtime, results: Sequence[Result], end: float) -> list[bool]:
    while True:
        try:
            landed = _write(runtime, results)
        except Exception as error:  # noqa: BLE001  whatever it is, it must not cost a grant
            if len(results) > 1 and not _is_away(error):
                # One of them cannot be written: the others shall not share its fate.
                return [_store_until(runtime, [each], end)[0] for each in results]
            if time.monotonic() > end and _append_to_rescue_file(runtime, results, error):
                return [isinstance(each.answer, TokenSet) for each in results]
            log.warning("landing_waits", answers=len(results), error=type(error).__name__)
            _pause(_PAUSE)
            continue
        for result, stored in zip(results, landed, strict=True):
            if not stored and isinstance(result.answer, TokenSet):
                revoke_late_answer(runtime, result.claim.open_id, result.answer)
        return landed


def _is_away(error: Exception) -> bool:
    """Tell whether the database itself is in the way, and not what is to be written."""
    if isinstance(error, OperationalError | InterfaceError | TimeoutError):
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated


def _write(runtime: Runtime, results: Sequence[Result]) -> list[bool]:
    now = runtime.clock()
    outcomes: list[Outcome] = []
    group: list[Stored] = []
    with writing(durable=True) as session:
        recent = breaker.recent_outcomes(session, runtime) + _letters(results)
        mass = breaker.is_mass_rejection(recent[-breaker.WINDOW :])
        # People are locked in the order of their ids, as wherever several are.
        for result in sorted(results, key=lambda each: each.claim.person.id):
            if isinstance(result.answer, TokenSet):
                stored = _store_tokens(session, runtime, result, result.answer)
                group.append(Stored(result, stored, None))
                outcomes.append(Outcome("o"))
            else:
                verdict = verdicts.verdict_of(result.claim, result.answer, now, mass=mass)
                group.append(Stored(result, _store_failure(session, result, verdict), verdict))
                outcomes.append(verdict.outcome)
        breaker.record_outcomes(session, runtime, outcomes, now)
        record_results(session, runtime, group, now)
    for each in group:
        _log_result(each.result, each.verdict.word if each.verdict else "refreshed")
    stored_by = {id(each.result): each.written and each.verdict is None for each in group}
    return [stored_by[id(result)] for result in results]


def _store_tokens(session: Session, runtime: Runtime, result: Result, tokens: TokenSet) -> bool:
    """Store a new pair if the grant has not changed since, even when the lease is gone.

    The refresh token that was spent is then still the stored one, so this is the only valid
    grant (fencing by lease lost 50 of 50, guarding by version none).
    """
    claim, now = result.claim, result.received_at
    values = runtime.vault.columns(claim.open_id, tokens, now)
    values |= marks.error("" if tokens.life_known else "life_unknown")
    values["next_at"] = schedule.keep_alive_at(
        now,
        tokens.access_expires_at,
        tokens.refresh_expires_at or claim.refresh_expires_at,
        idle=claim.idle,
    )
    line = history_entry(result, None)
    return people.store_grant(session, claim.person, claim.version, values, line)


def _store_failure(session: Session, result: Result, verdict: Verdict) -> bool:
    """Write a failure, only while both claim and version are still ours; tell whether they were."""
    claim = result.claim
    line = history_entry(result, verdict)
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


def _log_result(result: Result, word: str) -> None:
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


def _append_to_rescue_file(runtime: Runtime, results: Sequence[Result], error: Exception) -> bool:
    """Put the answers that count into the rescue file; False if it does not take them either."""
    for result in results:
        if isinstance(result.answer, TokenSet):
            try:
                rescue_file.append(runtime, result.claim, result.answer, result.received_at)
            except OSError as failure:
                log.critical("answers_held", answers=len(results), error=type(failure).__name__)
                return False
            except Exception as failure:  # noqa: BLE001  it cannot even be sealed, now or ever
                log.critical("answer_lost", open_id=result.claim.open_id, error=repr(type(failure)))
                continue
            log.error("answer_rescued", open_id=result.claim.open_id, error=type(error).__name__)
    return True


_pause: Callable[[float], object] = threading.Event().wait
