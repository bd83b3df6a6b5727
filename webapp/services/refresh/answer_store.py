"""Stores TikTok's answers: committed in groups, guarded by version, retried until they are stored.

A refresh token is spent once it has been sent, so an answer lost here is a lost connection.
Counts, audit events and notifications are written in the same transaction as the row. If the
connection ended in the meantime, the new tokens are revoked, so no unused grant stays active.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Text, literal, update
from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
    TimeoutError,
)
from sqlalchemy.orm import Session

from webapp.actor import acting_as
from webapp.database import writing
from webapp.models import Status, User, connection_state
from webapp.services import people
from webapp.services.installation import binding
from webapp.services.notifications import outbox
from webapp.services.records import audit, figures, history, refresh_days
from webapp.services.refresh import breaker, rescue_file, schedule, verdicts
from webapp.services.refresh.breaker import Outcome
from webapp.services.refresh.verdicts import NotSent, Result, Verdict
from webapp.services.runtime import Runtime
from webapp.tiktok.errors import ConnectAgain, TikTokError
from webapp.tokens import TokenSet

log = structlog.get_logger(__name__)

#: One transaction takes this many answers at most.
GROUP = 64
#: How long the database may be away before an answer goes to the rescue file, in seconds.
PATIENCE = 60.0
_PAUSE = 0.25
#: How often a process increments the generation of the database while it refreshes, in seconds.
COUNT_EVERY = 1.0
#: The folder of an installation → when that was last done, by `time.monotonic()`.
_counted_at: dict[Path, float] = {}
#: Refreshes by these actors are only counted; those by others are audited.
_ROUTINE = ("worker", "system")
_ENDED = (Status.REVOKING, Status.REVOKED)


@dataclass(frozen=True, slots=True)
class Stored:
    """One answer, and whether its row was written."""

    result: Result = field(repr=False)
    written: bool
    #: None: new tokens.
    verdict: Verdict | None = field(repr=False)

    @property
    def word(self) -> str:
        """Return the word under which it is counted; empty if no request was sent to TikTok."""
        if self.verdict is None:
            return "refreshed"
        return "" if isinstance(self.result.answer, NotSent) else f"failed.{self.verdict.word}"


def store_answers(
    runtime: Runtime, results: Sequence[Result], patience: float = PATIENCE
) -> list[bool]:
    """Write every answer into its row; return, for each, True if new tokens were stored.

    False: the answer was a failure, or a reconnect or disconnect came first and was kept.
    A row that can't be written doesn't prevent other rows from being stored. Never raises: what
    can't be written within `patience` seconds is sealed into the rescue file, which counts as
    stored. If that fails too, both are retried.
    """
    return _store_until(runtime, results, time.monotonic() + patience)


def _store_until(runtime: Runtime, results: Sequence[Result], end: float) -> list[bool]:
    while True:
        try:
            stored = _write(runtime, results)
        except Exception as error:  # noqa: BLE001  whatever it is, it must not cost a grant
            if len(results) > 1 and not _is_away(error):
                # One of them cannot be written: write the others without it.
                return [_store_until(runtime, [each], end)[0] for each in results]
            if time.monotonic() > end and _append_to_rescue_file(runtime, results, error):
                return [isinstance(each.answer, TokenSet) for each in results]
            log.warning("store_retried", answers=len(results), error=type(error).__name__)
            _pause(_PAUSE)
            continue
        for result, is_stored in zip(results, stored, strict=True):
            if not is_stored and isinstance(result.answer, TokenSet):
                revoke_late_answer(runtime, result.claim.user.open_id, result.answer)
        return stored


def _is_away(error: Exception) -> bool:
    """Return True if the database itself is the problem, not what is to be written."""
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
        # People are locked in the order of their ids, as everywhere.
        for result in sorted(results, key=lambda each: each.claim.user.id):
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
        refreshed = any(each.written and each.verdict is None for each in group)
        generation = binding.next_generation(session) if refreshed and _is_due(runtime) else None
    if generation is not None:
        binding.write_generation(runtime, generation)
    for each in group:
        _log_result(each.result, each.verdict.word if each.verdict else "refreshed")
    stored_by = {id(each.result): each.written and each.verdict is None for each in group}
    return [stored_by[id(result)] for result in results]


def _is_due(runtime: Runtime) -> bool:
    """Return True, once a second, if the generation is to be incremented with these refreshes.

    A backup from before them has spent refresh tokens, and is recognized by its generation.
    """
    last = _counted_at.get(runtime.folder)
    if last is not None and time.monotonic() - last < COUNT_EVERY:
        return False
    _counted_at[runtime.folder] = time.monotonic()
    return True


def _store_tokens(session: Session, runtime: Runtime, result: Result, tokens: TokenSet) -> bool:
    """Store new tokens if the grant has not changed since, even if the lease has ended.

    The spent refresh token is then still the stored one, so these are the only valid tokens.
    Checking the lease instead of the version lost 50 of 50 in a test; the version lost none.
    """
    claim, now = result.claim, result.received_at
    values = runtime.vault.columns(claim.user.open_id, tokens, now)
    values |= connection_state.error("" if tokens.life_known else "life_unknown")
    values["next_at"] = schedule.keep_alive_at(
        now,
        tokens.access_expires_at,
        tokens.refresh_expires_at or claim.user.refresh_expires_at,
        idle=claim.idle,
    )
    line = history_entry(result, None)
    return people.store_grant(session, claim.user.ref, claim.user.version, values, line)


def _store_failure(session: Session, result: Result, verdict: Verdict) -> bool:
    """Write a failure while claim and version are still ours; return False if they are not."""
    claim = result.claim
    columns = dict(verdict.columns)
    if line := history_entry(result, verdict):
        day = literal(refresh_days.day_word(result.received_at), Text)
        columns["history"] = history.prepend(line)
        columns["refresh_days"] = refresh_days.count_one(day, worked=False)
    done: Any = session.execute(
        update(User)
        .where(
            User.is_(claim.user.ref), User.version == claim.user.version, User.claim == claim.name
        )
        .values(columns)
    )
    return bool(done.rowcount)


def _log_result(result: Result, word: str) -> None:
    answer = result.answer
    facts: dict[str, Any] = {"open_id": result.claim.user.open_id}
    if isinstance(answer, TokenSet):
        log.debug("refresh_stored", life_known=answer.life_known, **facts)
        return
    if isinstance(answer, TikTokError):
        facts |= {"code": answer.code, "log_id": answer.log_id}
    level = log.error if word in ("another_account", "key", "mass_rejection") else log.warning
    level("refresh_failed", verdict=word, **facts)


def _letters(results: Sequence[Result]) -> str:
    """Return the outcomes of a group that show whether TikTok rejects everyone."""

    def letter(result: Result) -> str:
        if isinstance(result.answer, TokenSet):
            return "o"
        refused = isinstance(result.answer, ConnectAgain) and not result.claim.user.interrupted
        return "g" if refused else ""

    return "".join(map(letter, results))


def _append_to_rescue_file(runtime: Runtime, results: Sequence[Result], error: Exception) -> bool:
    """Append the new tokens to the rescue file; return False if that fails too."""
    for result in results:
        if isinstance(result.answer, TokenSet):
            open_id = result.claim.user.open_id
            try:
                claim = result.claim
                rescue_file.append(
                    *(runtime, claim.user.ref, claim.user.open_id, claim.user.version),
                    *(result.answer, result.received_at),
                )
            except OSError as failure:
                log.critical("rescue_failed", answers=len(results), error=type(failure).__name__)
                return False
            except Exception as failure:  # noqa: BLE001  it cannot even be sealed, so a retry is useless
                log.critical("answer_lost", open_id=open_id, error=repr(type(failure)))
                continue
            log.error("answer_rescued", open_id=open_id, error=type(error).__name__)
    return True


def history_entry(result: Result, verdict: Verdict | None) -> str:
    """Return the entry for the row's history; empty if no request was sent."""
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
    """Count a group of answers, audit them, and enqueue the notifications they need."""
    counts = Counter(each.word for each in group if each.word)
    counts.update(
        figures.answer_time_bucket(each.result.ms) for each in group if each.result.ms is not None
    )
    figures.add_counts(session, runtime.client_key, now, counts)
    for each in group:
        if each.written:
            with acting_as(each.result.by):
                _record_result(session, runtime, each, now)


def _record_result(session: Session, runtime: Runtime, stored: Stored, now: datetime) -> None:
    claim, verdict = stored.result.claim, stored.verdict
    requested = stored.result.by.kind not in _ROUTINE
    ticket = claim.user.ticket
    if verdict is None:
        if requested:
            version = claim.user.version + 1
            audit.record(session, now, "connection.refreshed", on=ticket, version=version)
        return
    code, word = str(verdict.columns.get("last_error") or ""), verdict.word
    if verdict.columns.get("status") == Status.RECONNECT:
        reason = verdict.columns["reason"]
        record_reconnect_required(session, runtime, now, claim.user.open_id, ticket, reason, code)
    elif requested and stored.word:
        audit.record(session, now, "connection.refresh_failed", on=ticket, verdict=word, code=code)


def record_reconnect_required(
    session: Session,
    runtime: Runtime,
    now: datetime,
    open_id: str,
    ticket: str,
    reason: str,
    code: str,
) -> None:
    """Record that only the person can fix this connection now, and send a notification."""
    audit.record(session, now, "connection.reconnect_required", on=ticket, reason=reason, code=code)
    data = {"open_id": open_id, "ticket": ticket, "reason": reason, "since": now.isoformat()}
    outbox.enqueue(session, runtime, now, "connection.reconnect_required", data)


def revoke_late_answer(runtime: Runtime, open_id: str, tokens: TokenSet) -> None:
    """Revoke tokens that no row took, if the connection has ended here or at TikTok.

    Does nothing if the person is connected: revoking ends the whole connection at TikTok.
    """
    try:
        kept = _is_connected(runtime, open_id)
        log.info("late_answer", open_id=open_id, kept=kept)
        if not kept:
            runtime.provider.revoke(tokens.access_token)
    except (TikTokError, SQLAlchemyError) as failure:
        log.warning("late_answer_not_revoked", open_id=open_id, error=type(failure).__name__)


def _is_connected(runtime: Runtime, open_id: str) -> bool:
    user = people.find_by_open_id(runtime, open_id)
    # A row without tokens was emptied by TikTok's webhook: nobody holds the grant.
    return user is not None and user.access_token is not None and user.status not in _ENDED


_pause: Callable[[float], object] = threading.Event().wait
