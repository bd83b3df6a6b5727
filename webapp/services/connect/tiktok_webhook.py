"""What TikTok's notices change: a removed authorization forgets the tokens; never calls TikTok."""

from datetime import UTC, datetime
from typing import Literal

import structlog
from sqlalchemy import Select, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from webapp.database import reading, writing
from webapp.models import Reason, Status, User, marks
from webapp.services.connect import disconnect
from webapp.services.notifications import outbox
from webapp.services.records import audit
from webapp.services.runtime import Runtime
from webapp.tiktok import webhook
from webapp.tiktok.webhook import HEADER, NotSigned, WebhookEvent

__all__ = ["HEADER", "CannotStore", "NotSigned", "receive"]

log = structlog.get_logger(__name__)

#: forgotten: tokens wiped · finished: a disconnect here needs no answer any more · the rest:
#: nothing to do, and why.
Effect = Literal["forgotten", "finished", "already", "older", "stranger", "foreign", "not_ours"]


class CannotStore(Exception):
    """The database is away, so TikTok must tell it again."""


def receive(runtime: Runtime, header: str | None, body: bytes) -> None:
    """Check the signature over the raw bytes, then do what the notice asks for, at most once.

    Whatever a signed notice holds, this returns. Raises NotSigned; and CannotKeep, with nothing
    changed.
    """
    now = runtime.clock()
    secret = runtime.settings.tiktok_client_secret.get_secret_value()
    try:
        webhook.check(header, body, secret, now)
    except NotSigned as refusal:
        log.warning("webhook_refused", reason=str(refusal))
        raise
    try:
        notice = webhook.read(body)
    except webhook.Unreadable:
        log.warning("webhook_unreadable", bytes=len(body))
        return
    try:
        effect = _act(runtime, notice, now)
    except SQLAlchemyError as error:
        log.error("webhook_not_kept", notice=notice.event, error=type(error).__name__)
        raise CannotStore from None
    log.info("webhook", notice=notice.event, open_id=notice.open_id, effect=effect)


def _act(runtime: Runtime, notice: WebhookEvent, now: datetime) -> Effect:
    if notice.client_key != runtime.settings.tiktok_client_key:
        return "foreign"
    if notice.event != webhook.REMOVED:
        return "not_ours"
    with reading() as session:
        effect = _effect(session.scalar(_row_of(notice)), notice)
    if effect not in ("forgotten", "finished"):
        # Most of what comes is told twice or of strangers: no write lock is taken for it.
        return effect
    with writing(durable=True) as session:
        user = session.scalar(_row_of(notice).with_for_update())
        effect = _effect(user, notice)
        if user is not None and effect == "forgotten":
            was_lost = user.status == Status.RECONNECT
            _require_reconnect(runtime, user, notice, now)
            _record(session, runtime, user, now, was_lost=was_lost)
        elif user is not None and effect == "finished":
            runtime.vault.forget(user)
            marks.write(user, marks.revoked())
            disconnect.record_revoked(session, runtime, user, now, confirmed=True, code="webhook")
    return effect


def _row_of(notice: WebhookEvent) -> Select[User]:
    return select(User).where(User.client_key == notice.client_key, User.open_id == notice.open_id)


def _effect(user: User | None, notice: WebhookEvent) -> Effect:
    """Return what the notice does to this row as it stands (rule 61)."""
    if user is None:
        return "stranger"
    # TikTok counts whole seconds, so one of the connect's own second is not older.
    if notice.created_at < int(user.connected_at.timestamp()):
        return "older"
    if user.status == Status.REVOKING:
        return "finished"
    # Reason 5 follows our own revoke: whoever disconnected here stays so.
    if user.status == Status.REVOKED or user.access_token is None:
        return "already"
    return "forgotten"


def _require_reconnect(runtime: Runtime, user: User, notice: WebhookEvent, now: datetime) -> None:
    """Wipe the tokens, which are dead at TikTok; a refresh under way finds another version."""
    runtime.vault.forget(user)
    happened = datetime.fromtimestamp(min(notice.created_at, int(now.timestamp())), UTC)
    marks.write(user, marks.removed(_reason(notice.reason), user.ended_at or happened))


def _record(
    session: Session, runtime: Runtime, user: User, now: datetime, *, was_lost: bool
) -> None:
    reason = str(user.reason)
    audit.record(session, now, "connection.deauthorized", on=user.ticket, reason=reason)
    if was_lost:
        # It was told when the connection came to need the person.
        return
    told = {"open_id": user.open_id, "ticket": user.ticket, "reason": reason}
    outbox.enqueue(
        session,
        runtime,
        now,
        "connection.reconnect_required",
        told | {"since": (user.ended_at or now).isoformat()},
    )


def _reason(number: int) -> Reason:
    try:
        return Reason(f"removed_{number}")
    except ValueError:
        return Reason.REMOVED_0
