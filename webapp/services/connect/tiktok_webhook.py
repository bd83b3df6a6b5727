"""Applies TikTok's webhook events: a removed authorization ends the connection. Makes no call."""

from datetime import UTC, datetime, timedelta
from typing import Literal

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from webapp.database import reading, writing
from webapp.models import Reason, Status, User, connection_state
from webapp.services import people
from webapp.services.connect import disconnect
from webapp.services.notifications import outbox
from webapp.services.records import audit
from webapp.services.runtime import Runtime
from webapp.tiktok import webhook
from webapp.tiktok.webhook import HEADER, NotSigned, WebhookEvent

__all__ = ["HEADER", "CannotStore", "NotSigned", "receive"]

log = structlog.get_logger(__name__)

#: TikTok's number for an authorization that the developer's app has revoked.
REVOKED_BY_US = 5
#: So long after connecting, that number is about a disconnect before it.
AFTER_OUR_REVOKE = timedelta(minutes=10)
#: How far TikTok's clock may be ahead of ours, for the removal of an earlier grant.
SKEW = timedelta(seconds=30)

#: forgotten: tokens wiped · finished: completed a disconnect that waited for TikTok · the others:
#: nothing was done, because the connection had ended (already) or is newer than the event (older),
#: the person is unknown (stranger), the event is another app's (foreign) or of another kind
#: (not_ours).
Effect = Literal["forgotten", "finished", "already", "older", "stranger", "foreign", "not_ours"]


class CannotStore(Exception):
    """The database is unavailable, so TikTok must send the event again."""


def receive(runtime: Runtime, header: str | None, body: bytes) -> None:
    """Check the signature over the raw body, then apply the event, at most once.

    Raises NotSigned, and CannotStore with nothing changed. A signed body that can't be read is
    ignored.
    """
    now = runtime.clock()
    secret = runtime.settings.tiktok_client_secret.get_secret_value()
    try:
        webhook.check(header, body, secret, now)
    except NotSigned as refusal:
        log.warning("webhook_refused", reason=str(refusal))
        raise
    try:
        received = webhook.read(body)
    except webhook.Unreadable:
        log.warning("webhook_unreadable", bytes=len(body))
        return
    try:
        effect = _apply(runtime, received, now)
    except SQLAlchemyError as error:
        log.error("webhook_not_stored", kind=received.event, error=type(error).__name__)
        raise CannotStore from None
    log.info("webhook_received", kind=received.event, open_id=received.open_id, effect=effect)


def _apply(runtime: Runtime, received: WebhookEvent, now: datetime) -> Effect:
    if received.client_key != runtime.client_key:
        return "foreign"
    if received.event != webhook.REMOVED:
        return "not_ours"
    query = people.by_open_id(runtime, received.open_id)
    with reading() as session:
        effect = _effect(session.scalar(query), received)
    if effect not in ("forgotten", "finished"):
        # Most events change nothing (repeated, or about strangers), so they take no write lock.
        return effect
    with writing(durable=True) as session:
        user = session.scalar(query.with_for_update())
        effect = _effect(user, received)
        if user is not None and effect == "forgotten":
            was_lost = user.status == Status.RECONNECT
            _require_reconnect(runtime, user, received, now)
            _record(session, runtime, user, now, was_lost=was_lost)
        elif user is not None and effect == "finished":
            runtime.vault.forget(user)
            connection_state.write(user, connection_state.revoked())
            disconnect.record_revoked(session, runtime, user, now, confirmed=True, code="webhook")
    return effect


def _effect(user: User | None, received: WebhookEvent) -> Effect:
    """Return what the event does to this row (rule 61)."""
    if user is None:
        return "stranger"
    if _is_older(user, received):
        return "older"
    if user.status == Status.REVOKING:
        return "finished"
    # Reason 5 follows our own revoke: a connection that was ended here stays as it is.
    if user.status == Status.REVOKED or user.access_token is None:
        return "already"
    return "forgotten"


def _is_older(user: User, received: WebhookEvent) -> bool:
    """Return True if the event is about a grant that the person had before the current one."""
    connected_at = user.connected_at
    if received.reason == REVOKED_BY_US and user.status == Status.REVOKING:
        connected_at = user.ended_at or connected_at
    elif received.reason == REVOKED_BY_US:
        # Also of a first connection, as the account may have been deleted before.
        connected_at += AFTER_OUR_REVOKE
    elif user.connected_at > user.created_at:
        connected_at += SKEW
    # TikTok sends whole seconds, so an event in the second of connecting is not older.
    return received.created_at < int(connected_at.timestamp())


def _require_reconnect(runtime: Runtime, user: User, received: WebhookEvent, now: datetime) -> None:
    """Wipe the tokens, which are dead at TikTok; a refresh in progress finds another version."""
    runtime.vault.forget(user)
    happened_at = datetime.fromtimestamp(min(received.created_at, int(now.timestamp())), UTC)
    connection_state.write(
        user, connection_state.removed(_reason(received.reason), user.ended_at or happened_at)
    )


def _record(
    session: Session, runtime: Runtime, user: User, now: datetime, *, was_lost: bool
) -> None:
    reason = str(user.reason)
    audit.record(session, now, "connection.deauthorized", on=user.ticket, reason=reason)
    if was_lost:
        # The notification was sent when the connection first required a reconnect.
        return
    fields = {"open_id": user.open_id, "ticket": user.ticket, "reason": reason}
    fields["since"] = (user.ended_at or now).isoformat()
    outbox.enqueue(session, runtime, now, "connection.reconnect_required", fields)


def _reason(number: int) -> Reason:
    try:
        return Reason(f"removed_{number}")
    except ValueError:
        return Reason.REMOVED_0
