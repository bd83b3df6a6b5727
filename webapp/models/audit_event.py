"""Audit events: rows are added and, when old, removed, but never changed. And their chain."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.database import NEVER_REUSED, Base, UtcDateTime


class AuditEvent(Base):
    """One action, written in the transaction of the action itself (services.records.audit)."""

    __tablename__ = "audit_events"
    __table_args__ = (
        # One for each filter, in the order of the page: no query sorts or reads the whole table.
        Index("ix_audit_events_at", "at", "id"),
        *(
            Index(f"ix_audit_events_{name}", name, "at", "id")
            for name in ("event", "actor_kind", "actor", "ticket")
        ),
        Index("ix_audit_events_reference", "reference"),
        NEVER_REUSED,
    )

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: One of `webapp.actor.KINDS`.
    actor_kind: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(Text)
    #: The address of the request; empty outside a request.
    address: Mapped[str] = mapped_column(Text)
    #: The request id, as in the log lines and on the error page; empty outside a request.
    reference: Mapped[str] = mapped_column(Text)
    event: Mapped[str] = mapped_column(Text)
    #: The ticket of the connection acted on, which identifies nobody once the person is deleted.
    ticket: Mapped[str | None] = mapped_column(Text)
    #: The event's own fields, as a JSON object.
    fields: Mapped[str] = mapped_column(Text)
    #: SHA-256, hex, of this event and the digest before it (services.records.audit_chain).
    #: None: older than the chain.
    digest: Mapped[str | None] = mapped_column(Text)


class AuditChain(Base):
    """The one row that holds both ends of the chain, from the first event on."""

    __tablename__ = "audit_chain"

    #: Always 1.
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    #: The chain begins after the event with this id: the last one that was removed as old, or the
    #: last one from before the chain.
    start_id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"))
    #: Its digest; empty if it had none.
    start_digest: Mapped[str] = mapped_column(Text)
    #: The digest of the newest event.
    newest_digest: Mapped[str] = mapped_column(Text)
