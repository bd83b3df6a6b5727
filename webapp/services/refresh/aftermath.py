"""What a landed answer leaves beside its row: counts, an audit event, a notice; decides nothing.

In the same transaction as the row, so that neither ever stands without the other.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from webapp import acting
from webapp.models import Status
from webapp.services.house import House
from webapp.services.notifications import outbox
from webapp.services.records import audit, figures, history
from webapp.services.refresh.verdicts import NotSent, Result, Verdict
from webapp.tiktok.errors import TikTokError

#: What these do is counted; what anybody else asks for is answered for.
_ROUTINE = ("worker", "system")


@dataclass(frozen=True, slots=True)
class Landed:
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


def line(result: Result, verdict: Verdict | None) -> str:
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


def enter(session: Session, house: House, group: Sequence[Landed], now: datetime) -> None:
    """Count a group of answers, and write down those that somebody must be told of."""
    counts = Counter(each.word for each in group if each.word)
    counts.update(
        figures.answer_time_bucket(each.result.ms) for each in group if each.result.ms is not None
    )
    figures.add_counts(session, house.settings.tiktok_client_key, now, counts)
    for each in group:
        if each.written:
            with acting.as_(each.result.by):
                _tell(session, house, each, now)


def _tell(session: Session, house: House, landed: Landed, now: datetime) -> None:
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
        needs_person(
            session, house, now, claim.open_id, claim.person.ticket, verdict.columns["reason"], code
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


def needs_person(
    session: Session, house: House, now: datetime, open_id: str, ticket: str, reason: str, code: str
) -> None:
    """Write down, and have told, that only the person can mend this connection from now on."""
    audit.record(session, now, "connection.reconnect_required", on=ticket, reason=reason, code=code)
    told = {"open_id": open_id, "ticket": ticket, "reason": reason, "since": now.isoformat()}
    outbox.enqueue(session, house, now, "connection.reconnect_required", told)
