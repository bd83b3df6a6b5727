"""The marks of a connection, and how each event sets or clears them.

Each function returns the values of the columns that its event writes. A column that it leaves out
keeps its value; tests/models/test_connection_state.py lists what each event keeps.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case, func

from webapp.models.user import Reason, Status, User

Columns = dict[str, Any]


def write(user: User, columns: Mapping[str, Any]) -> None:
    """Set these columns of a row that the caller's transaction holds."""
    for name, value in columns.items():
        setattr(user, name, value)


def works_again() -> Columns:
    """TikTok granted tokens: by a connect or a refresh. The caller sets `next_at`."""
    return {
        "claim": None,
        "status": Status.ACTIVE.value,
        "reason": None,
        "ended_at": None,
        "refused_at": None,
        "interrupted": False,
        "failures": 0,
        "failing_since": None,
        "last_error": None,
        "last_log_id": None,
    }


def claimed(name: str | ColumnElement[str], until: datetime | ColumnElement[datetime]) -> Columns:
    """Somebody begins to act on the connection, under a lease."""
    # A claim that was never released belonged to a process that died during its call.
    died: ColumnElement[bool] = case((User.claim.is_not(None), True), else_=User.interrupted)
    return {"claim": name, "next_at": until, "interrupted": died}


def released(next_at: datetime) -> Columns:
    """The claim ends, and nothing was learned about the connection."""
    return {"claim": None, "next_at": next_at}


def failing(failures: int, next_at: datetime, now: datetime) -> Columns:
    """The refresh failed and is tried again; `failures` is the new count."""
    return released(next_at) | {
        "status": Status.FAILING.value,
        "failures": failures,
        # Now, unless it fails already.
        "failing_since": func.coalesce(User.failing_since, now),
    }


def error(code: str, log_id: str = "") -> Columns:
    """A call failed with this code, TikTok's or ours; empty: TikTok confirmed it."""
    return {"last_error": code or None, "last_log_id": log_id or None}


def refused_once(first: datetime) -> Columns:
    """TikTok refused this version of the grant for the first time at `first`."""
    return {"refused_at": first}


def interrupted() -> Columns:
    """TikTok may have replaced the refresh token without our having the new one."""
    return {"interrupted": True}


def needs_person(reason: Reason, now: datetime) -> Columns:
    """Only the person can fix the connection, from now on."""
    return {
        "claim": None,
        "next_at": None,
        "status": Status.RECONNECT.value,
        "reason": reason.value,
        "ended_at": now,
        "failing_since": None,
    }


def revoking(since: datetime | None, next_at: datetime, claim: str | None = None) -> Columns:
    """The person disconnected at `since`; TikTok does not know yet."""
    return {
        "claim": claim,
        "next_at": next_at,
        "status": Status.REVOKING.value,
        "reason": None,
        "ended_at": since,
        "failures": 0,
        "failing_since": None,
        **error(""),
    }


def still_revoking(failures: int, next_at: datetime) -> Columns:
    """TikTok did not respond to the revocation, which is retried; `failures` is the new count."""
    return released(next_at) | {"failures": failures}


def forgotten() -> Columns:
    """We delete our copy of the grant. Goes with `revoked` or `removed`."""
    return {
        "claim": None,
        "next_at": None,
        "access_token": None,
        "refresh_token": None,
        "access_expires_at": None,
        "refresh_expires_at": None,
        "scope": "",
    }


def revoked() -> Columns:
    """The person disconnected and our copy is deleted."""
    return {"status": Status.REVOKED.value, "reason": None}


def removed(reason: Reason, since: datetime) -> Columns:
    """TikTok's webhook reported that the grant ended there, and our copy is deleted."""
    return {
        "status": Status.RECONNECT.value,
        "reason": reason.value,
        "ended_at": since,
        "refused_at": None,
        "interrupted": False,
        "failures": 0,
        "failing_since": None,
        **error(""),
    }
