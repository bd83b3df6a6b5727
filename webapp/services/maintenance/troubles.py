"""What prevents connections from being refreshed. Nothing here calls TikTok.

Whether pages can be served is a different question, for `database_checks`: while the worker is
away, web processes still serve, and refresh on demand.
"""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from webapp.database import db, reading
from webapp.language import Text
from webapp.language import deferred_gettext as _
from webapp.language import deferred_ngettext as ngettext
from webapp.models import User
from webapp.problems import Problem
from webapp.services.installation import binding
from webapp.services.maintenance import database_checks, machine_checks
from webapp.services.notifications import outbox
from webapp.services.records import figures
from webapp.services.refresh import breaker, clock_errors, due, rescue_file
from webapp.services.runtime import Runtime

#: Longer than any pause or burst: the worker is away, or cannot keep up.
LATE_AFTER = timedelta(minutes=5)
#: A notification that waits longer was tried four times, or no worker is running.
UNDELIVERED_AFTER = timedelta(hours=1)
#: Fewer connections without access than this, or fewer than a tenth of all, are their own matter.
MIN_WITHOUT_ACCESS = 5
_SHARE_WITHOUT_ACCESS = 10
#: So many are worth a word in an installation of any size.
_COUNT_UP_TO = 1000


def refusal(runtime: Runtime) -> Problem | None:
    """Return why no worker may run: the database, its keys, or its installation."""
    fault = database_checks.database_fault() or database_checks.keys_fault(runtime)
    return fault or binding.mismatch(runtime)


def doubts(runtime: Runtime) -> list[Problem]:
    """Return what prevents or delays refreshes while pages are still served; changes nothing.

    Needs a database at the latest migration.
    """
    causes = [
        installation_doubt(runtime),
        _breaker_doubt(runtime) or _refusals_doubt(runtime),
        _lag_doubt(runtime),
        _rescue_doubt(runtime),
        _clock_doubt(runtime),
    ]
    # Lost access is worth a word of its own only if nothing else explains it.
    access = None if any(causes) else _access_doubt(runtime)
    found = [*causes, access, machine_checks.low_disk(runtime), _notifications_doubt(runtime)]
    return [doubt for doubt in found if doubt is not None]


def troubles(runtime: Runtime) -> list[Problem]:
    """Return every problem of the installation, in the words of all pages and commands.

    These are the problems that prevent serving, else those of refreshing. Never raises: a database
    that stops responding is a problem, too.
    """
    try:
        return database_checks.faults(runtime) or doubts(runtime)
    except (SQLAlchemyError, OSError) as error:
        cause = _("the database isn't responding (%(error)s)", error=type(error).__name__)
        fix = _("check the database server, or correct DATABASE_URL")
        return [Problem("DATABASE_URL", cause, fix)]


def installation_doubt(runtime: Runtime) -> Problem | None:
    """Return why the database does not belong to this installation; binds nothing."""
    return binding.mismatch_at(db.engine, runtime.settings, runtime.folder)


def foreign_people(runtime: Runtime) -> int:
    """Return the number of people connected under another TIKTOK_CLIENT_KEY (rules 52, 53)."""
    foreign = (User.client_key != runtime.client_key, User.access_token.is_not(None))
    with reading() as session:
        return session.scalar(select(func.count()).where(*foreign)) or 0


def _breaker_doubt(runtime: Runtime) -> Problem | None:
    found = breaker.open_problem(runtime)
    if found is None:
        return None
    return replace(found, cause=_("refreshes are paused: %(cause)s", cause=found.cause))


def _refusals_doubt(runtime: Runtime) -> Problem | None:
    if not breaker.is_refusing(runtime):
        return None
    refused, sent = figures.refusals(runtime, runtime.clock())
    if not refused:
        # All of them were refused longer ago, and none was tried since.
        return None
    if refused * 2 > sent:
        cause = _(
            "most refreshes are being refused: %(refused)s of %(sent)s in the last hour"
            " answered invalid_grant",
            refused=refused,
            sent=sent,
        )
    else:
        cause = _(
            "many refreshes are being refused: %(refused)s of %(sent)s in the last hour"
            " answered invalid_grant",
            refused=refused,
            sent=sent,
        )
    fix = _(
        "check the client key and secret (flask doctor); if a backup was restored,"
        " TikTok may have replaced its tokens since"
    )
    return Problem("refusals", cause, fix, public=True)


def _access_doubt(runtime: Runtime) -> Problem | None:
    count = due.without_access(runtime, runtime.clock(), _COUNT_UP_TO)
    if count < MIN_WITHOUT_ACCESS:
        return None
    enough = count * (_SHARE_WITHOUT_ACCESS - 1)
    if count < _COUNT_UP_TO and due.working(runtime, enough + 1) > enough:
        return None
    cause = ngettext(
        "%(num)s connection has expired and couldn't be refreshed",
        "%(num)s connections have expired and couldn't be refreshed",
        count,
    )
    fix = _("open one whose refreshes fail: its page shows what TikTok answered")
    return Problem("access", cause, fix, public=True)


def _lag_doubt(runtime: Runtime) -> Problem | None:
    late = timedelta(seconds=due.lag(runtime, runtime.clock()))
    if late <= LATE_AFTER:
        return None
    cause = ngettext(
        "the longest overdue refresh has waited for %(num)s minute",
        "the longest overdue refresh has waited for %(num)s minutes",
        int(late.total_seconds() // 60),
    )
    return Problem("worker", cause, _("start a worker: flask tokens run"), public=True)


def _rescue_doubt(runtime: Runtime) -> Problem | None:
    if not rescue_file.has_answers(runtime):
        return None
    cause = _(
        "%(file)s contains responses from TikTok that couldn't be stored in the database",
        file=runtime.rescue_file,
    )
    return Problem("rescue", cause, "flask tokens rescue", public=True)


def _clock_doubt(runtime: Runtime) -> Problem | None:
    if not clock_errors.is_in_doubt(runtime):
        return None
    cause = _("many connections seem to have expired unnoticed, so none of them is ended for a day")
    fix = _(
        "check this server's clock (flask doctor compares it with TikTok's);"
        " if no worker has run for days, nothing needs to be done"
    )
    return Problem("clock", cause, fix, public=True)


def _notifications_doubt(runtime: Runtime) -> Problem | None:
    now = runtime.clock()
    status = outbox.delivery_status(runtime, now)
    if status.given_up:
        cause = ngettext(
            "%(num)s notification couldn't be delivered",
            "%(num)s notifications couldn't be delivered",
            status.given_up,
        )
        fix = _("make sure the receiver accepts them, then run flask notifications retry")
        return Problem("NOTIFY_URL", _with_answer(cause, status.last_answer), fix)
    oldest = status.oldest_waiting_since
    if oldest is None or now - oldest <= UNDELIVERED_AFTER:
        return None
    hours = int((now - oldest).total_seconds() // 3600)
    cause = _("a notification has been waiting for %(hours)s h", hours=hours)
    fix = _("check that a worker is running and that the receiver responds with 2xx")
    return Problem("NOTIFY_URL", _with_answer(cause, status.last_answer), fix)


def _with_answer(cause: Text, answer: str | None) -> Text:
    if not answer:
        return cause
    return _("%(cause)s; the last response was: %(answer)s", cause=cause, answer=answer)
