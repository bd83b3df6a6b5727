"""The file with everything stored about a person, which they can download."""

from datetime import datetime
from typing import Any

from sqlalchemy import select

from webapp.database import reading, writing
from webapp.models import BrowserSession, PersonRef
from webapp.services import people
from webapp.services.account import overview
from webapp.services.handout import uses
from webapp.services.records import audit, history, refresh_days
from webapp.services.runtime import Runtime


def export_data(runtime: Runtime, person: PersonRef) -> dict[str, Any]:
    """Record the export and return everything stored about a person, ready for JSON.

    Raises PersonGone, NoLongerAllowed.
    """
    with writing() as session:
        people.locked_for_caller(session, person)
        audit.record(session, runtime.clock(), "account.exported", on=person.ticket)
    return personal_data(person)


def personal_data(person: PersonRef) -> dict[str, Any]:
    """Return everything stored about a person except the tokens, ready for JSON.

    Raises PersonGone.
    """
    with reading() as session:
        user = people.with_history(session, person)
        sessions = session.scalars(
            select(BrowserSession)
            .where(BrowserSession.user_id == user.id)
            .order_by(BrowserSession.created_at)
        ).all()
        events = overview.all_events(session, user)
        used_by = uses.uses_of(session, user.id)
    return {
        "open_id": user.open_id,
        "union_id": user.union_id,
        "display_name": people.clean_name(user.display_name),
        "username": people.clean_name(user.username),
        "ticket": user.ticket,
        "allowed": sorted(user.granted),
        "asked_for": sorted(user.asked),
        "status": user.status,
        "first_connected": _iso(user.created_at),
        "connected": _iso(user.connected_at),
        "access_refreshed": _iso(user.refreshed_at),
        "access_ends": _iso(user.access_expires_at),
        "connection_ends": _iso(user.refresh_expires_at),
        "access_ended": _iso(user.ended_at),
        "access_ended_because": user.reason,
        "last_used": _iso(user.last_used_at),
        "access_refreshes": user.refreshes,
        "refreshes_by_day": [
            {"day": day.isoformat(), "worked": worked, "failed": failed}
            for day, (worked, failed) in refresh_days.counted(user.refresh_days).items()
        ],
        "access_version": user.version,
        "next_refresh": _iso(user.next_at),
        "failed_refreshes": user.failures,
        "failing_since": _iso(user.failing_since),
        "first_refused": _iso(user.refused_at),
        "renewal_interrupted": user.interrupted,
        "last_error": user.last_error,
        "last_error_log_id": user.last_log_id,
        "operator_since": _iso(user.operator_since),
        "used_by": [
            {"service": each.name, "first": _iso(each.first_at), "last": _iso(each.last_at)}
            for each in used_by
        ],
        "last_events": [
            {"at": _iso(each.at), "what": each.word, "by": _actor_word(each.who)}
            for each in history.parse(user.history)
        ],
        "activity": events,
        "sealed_access_kept": user.access_token is not None,
        "signed_in": [
            {
                "browser": each.browser,
                "system": each.system,
                "since": _iso(each.created_at),
                "last_seen": _iso(each.seen_at),
            }
            for each in sessions
        ],
    }


def _actor_word(actor: str) -> str:
    """Return an actor of the history without saying which operator it was, or for which job."""
    return actor if actor.startswith("service:") else actor.partition(":")[0]


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
