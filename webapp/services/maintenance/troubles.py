"""What keeps connections from being refreshed, and what an operator should know about it.

It asks TikTok nothing. `database_checks` says whether pages can be served, which is another
question: a web process still serves while the worker is away, and refreshes on demand."""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from webapp.database import db, reading
from webapp.language import Text, deferred_ngettext
from webapp.language import deferred_gettext as _
from webapp.models import User
from webapp.problems import Problem
from webapp.services.installation import binding
from webapp.services.maintenance import database_checks, reseal
from webapp.services.notifications import outbox
from webapp.services.refresh import breaker, rescue_file
from webapp.services.refresh.due import lag
from webapp.services.runtime import Runtime

#: So late is no pause and no burst: the worker is away, or cannot keep up.
LATE_AFTER = timedelta(minutes=5)
#: A notice that waits longer has been tried four times, or there is no worker to try it.
UNDELIVERED_AFTER = timedelta(hours=1)


def refusal(runtime: Runtime) -> Problem | None:
    """Return why no worker may run: the database, the keys, or whose database it is."""
    fault = database_checks.database_fault() or database_checks.keys_fault(runtime)
    if fault is not None:
        return fault
    return binding.mismatch(runtime)


def doubts(runtime: Runtime) -> list[Problem]:
    """Return what of the keeping is not as it should be, while pages are served all the same.

    Needs a database that is at the newest migration. Changes nothing, binds nothing.
    """
    found = [
        installation_doubt(runtime),
        _breaker_doubt(runtime),
        _lag_doubt(runtime),
        _rescue_doubt(runtime),
        _notices_doubt(runtime),
    ]
    return [doubt for doubt in found if doubt is not None]


def troubles(runtime: Runtime) -> list[Problem]:
    """Return all that is wrong, in the words that every page and command tells it in.

    What keeps pages from being served, else what of the keeping is not as it should be. Never
    raises: a database that goes away in the middle is told, too.
    """
    try:
        return database_checks.faults(runtime) or doubts(runtime)
    except (SQLAlchemyError, OSError) as error:
        cause = _("the database does not answer (%(error)s)", error=type(error).__name__)
        fix = _("look at the database server, or correct it")
        return [Problem("DATABASE_URL", cause, fix)]


def installation_doubt(runtime: Runtime) -> Problem | None:
    """Return what of the binding does not fit, without binding anything."""
    return binding.mismatch_at(db.engine, runtime.settings, runtime.folder)


def foreign_people(runtime: Runtime) -> int:
    """Return how many people are connected under another TIKTOK_CLIENT_KEY (rules 52, 53)."""
    with reading() as session:
        return (
            session.scalar(
                select(func.count())
                .select_from(User)
                .where(User.client_key != runtime.settings.tiktok_client_key)
                .where(User.access_token.is_not(None))
            )
            or 0
        )


def unreadable_rows(runtime: Runtime) -> int:
    """Return how many rows no key of TOKEN_KEYS opens, judged by the names they are sealed under.

    Reads the whole table.
    """
    return reseal.closed(runtime)


def _breaker_doubt(runtime: Runtime) -> Problem | None:
    found = breaker.open_problem(runtime)
    if found is None:
        return None
    return replace(found, cause=_("refreshes are held back: %(cause)s", cause=found.cause))


def _lag_doubt(runtime: Runtime) -> Problem | None:
    late = timedelta(seconds=lag(runtime, runtime.clock()))
    if late <= LATE_AFTER:
        return None
    cause = deferred_ngettext(
        "the longest overdue refresh has waited for %(num)s minute",
        "the longest overdue refresh has waited for %(num)s minutes",
        int(late.total_seconds() // 60),
    )
    return Problem("worker", cause, _("start a worker: flask tokens run"))


def _rescue_doubt(runtime: Runtime) -> Problem | None:
    waiting = rescue_file.has_answers(runtime)
    if not waiting:
        return None
    cause = _(
        "answers of TikTok that the database did not take lie in %(file)s", file=runtime.rescue_file
    )
    return Problem("rescue", cause, "flask tokens rescue")


def _notices_doubt(runtime: Runtime) -> Problem | None:
    now = runtime.clock()
    stand = outbox.delivery_status(runtime, now)
    if stand.given_up:
        cause = deferred_ngettext(
            "one notice was given up", "%(num)s notices were given up", stand.given_up
        )
        fix = _("let the receiver take them, then: flask notifications retry")
        return Problem("NOTIFY_URL", _answered(cause, stand.last_answer), fix)
    oldest = stand.oldest_waiting_since
    if oldest is None or now - oldest <= UNDELIVERED_AFTER:
        return None
    hours = int((now - oldest).total_seconds() // 3600)
    cause = _("a notice has waited for %(hours)s h to be taken", hours=hours)
    fix = _("look whether a worker runs and the receiver answers 2xx")
    return Problem("NOTIFY_URL", _answered(cause, stand.last_answer), fix)


def _answered(cause: Text, answer: str | None) -> Text:
    if not answer:
        return cause
    return _("%(cause)s; the last answer was: %(answer)s", cause=cause, answer=answer)
