"""Lays out bars for the macro that draws them: positions and words; reads no table.

What is wrong, for the top of every operator's page; looked up now and then, never breaks one.

How the keeping goes, for operators, and their button to probe; decides nothing itself.

Another try for notices that were given up; the health page shows them.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flask import Blueprint, Flask, current_app, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from webapp import language
from webapp.language import N_, ngettext
from webapp.language import gettext as _
from webapp.problems import Problem
from webapp.services.maintenance import health, troubles
from webapp.services.maintenance.health import ProbeResult, health_facts
from webapp.services.notifications import outbox
from webapp.services.operators import counts
from webapp.services.records import figures
from webapp.services.records.figures import Bar
from webapp.views.http.guards import access_of, at_most, operator
from webapp.views.http.runtime import runtime
from webapp.views.http.session import visitor
from webapp.views.http.template_filters import day, exact

#: The drawing's inner measures; CSS stretches it to the page.
WIDTH, HEIGHT = 360, 100


blueprint = Blueprint("health", __name__, url_prefix="/operators")


@dataclass(frozen=True, slots=True)
class ChartColumn:
    """One place on the chart: two bars side by side, or one."""

    label: str
    #: Written below the bars; only under some, so that they do not run into each other.
    tick: str
    x: float
    width: float
    good: int
    failed: int
    good_height: float
    failed_height: float


@dataclass(frozen=True, slots=True)
class Chart:
    """All that the macro needs of one chart."""

    name: str
    title: str
    #: What one column stands for: Hour, Day, Week.
    unit: str
    good_word: str
    #: Empty: there is one kind of bar only.
    failed_word: str
    columns: tuple[ChartColumn, ...]
    most: int
    #: None: not counted yet.
    total: int | None

    @property
    def total_failed(self) -> int:
        """Return the sum of the second kind."""
        return sum(column.failed for column in self.columns)


_Words = Callable[[datetime], str]
_HOUR: tuple[str, _Words, _Words] = (N_("Hour from"), exact, lambda at: f"{at:%H:%M}")
_DAY: tuple[str, _Words, _Words] = (N_("Day"), day, lambda at: language.short_day(at))
_WEEK: tuple[str, _Words, _Words] = (N_("Week from"), day, lambda at: language.short_day(at))
#: Name → title, what a column stands for, words of the two kinds, every how many one is marked.
_KINDS = {
    "hours": (N_("Refreshes, last 24 hours"), _HOUR, N_("Refreshed"), N_("Failed"), 6),
    "days": (N_("Refreshes, last 30 days"), _DAY, N_("Refreshed"), N_("Failed"), 7),
    "expiries": (
        N_("Access tokens expiring in the next 24 hours"),
        _HOUR,
        N_("Expiring access tokens"),
        "",
        6,
    ),
    "reconnects": (
        N_("Reconnects due in the next 12 weeks"),
        _WEEK,
        N_("People who must reconnect"),
        "",
        3,
    ),
}


def chart(name: str, bars: Sequence[Bar] | None) -> Chart:
    """Return a chart of these bars; None: they are not counted yet.

    Raises KeyError if there is no chart of this name.
    """
    title, (unit, long, short), good, failed, every = _KINDS[name]
    found = bars or ()
    most = max((max(bar.refreshed, bar.failed) for bar in found), default=0)
    slot = WIDTH / max(len(found), 1)
    columns = tuple(
        ChartColumn(
            label=long(bar.start),
            tick=short(bar.start) if number % every == 0 else "",
            x=round(number * slot, 1),
            width=round(slot * (0.4 if failed else 0.8), 1),
            good=bar.refreshed,
            failed=bar.failed,
            good_height=_height(bar.refreshed, most),
            failed_height=_height(bar.failed, most),
        )
        for number, bar in enumerate(found)
    )
    total = None if bars is None else sum(bar.refreshed + bar.failed for bar in found)
    return Chart(name, _(title), _(unit), _(good), _(failed), columns, most, total)


def _height(count: int, most: int) -> float:
    """Return how high a bar is; one that is there at all can be seen."""
    return max(1.5, round(HEIGHT * count / most, 1)) if count else 0


BANNER_KEY = "coatcheck.banner"
#: How long a look holds, in each process.
CHECK_EVERY = timedelta(seconds=10)


@dataclass
class _LastCheck:
    """What the last look found."""

    at: datetime | None = None
    found: list[Problem] = field(default_factory=list)
    alone: threading.Lock = field(default_factory=threading.Lock)


def register_banner(app: Flask) -> None:
    """Give the layout `troubles()`: what is wrong on an operator's page, nothing on any other."""
    app.extensions[BANNER_KEY] = _LastCheck()
    app.jinja_env.globals["troubles"] = page_troubles


def page_troubles() -> list[Problem]:
    """Return what is wrong if an operator looks at one of their pages."""
    # An address that matches no route has no endpoint; its "not found" is a page all the same.
    who = access_of(current_app, request.endpoint) if request.endpoint else None
    present = visitor()
    if who is None or not who.startswith("operator") or present is None or not present.operator:
        return []
    return _current_troubles()


def set_troubles(found: list[Problem]) -> None:
    """Let this be what is wrong: somebody has just looked."""
    look: _LastCheck = current_app.extensions[BANNER_KEY]
    look.at, look.found = runtime().clock(), found


def _current_troubles() -> list[Problem]:
    look: _LastCheck = current_app.extensions[BANNER_KEY]
    ours = runtime()
    is_old = look.at is None or ours.clock() - look.at >= CHECK_EVERY
    # One looks; whoever comes meanwhile is shown the last.
    if is_old and look.alone.acquire(blocking=False):
        try:
            set_troubles(troubles.troubles(ours))
        finally:
            look.alone.release()
    return look.found


_TOLD = {
    ProbeResult.CLOSED: ("ok", N_("TikTok answered. Refreshes have resumed.")),
    ProbeResult.OPEN: (
        "warn",
        N_("The test failed. Refreshes are still paused; the cause is below."),
    ),
    ProbeResult.NOT_OPEN: ("info", N_("Nothing to test: refreshes aren't paused.")),
    ProbeResult.NOBODY: (
        "warn",
        N_("There's no connection to test with. Connect an account first."),
    ),
    ProbeResult.NOT_OURS: (
        "bad",
        N_("Nothing was sent: this database doesn't belong to this installation."),
    ),
}


@blueprint.get("/health")
@operator
def show() -> str:
    """Show how the keeping goes, as it is now."""
    ours = runtime()
    now = ours.clock()
    found = health_facts(ours, now)
    set_troubles(found.troubles)
    counted = counts.current_counts(ours, now)
    return render_template(
        "operators/health.html",
        facts=found,
        charts=[
            chart("hours", figures.by_hour(ours, now)),
            chart("days", figures.by_day(ours, now)),
            _ahead("expiries", counted.expiries if counted else None),
            _ahead("reconnects", counted.reconnects if counted else None),
        ],
        counted_at=counted.counted_at if counted else None,
        notices=outbox.recent_notifications(ours),
    )


@blueprint.post("/health/probe")
@operator
@at_most("12 per minute")
def probe() -> Response:
    """Try one refresh now while the breaker is open, and say what came of it."""
    kind, told = _TOLD[health.send_probe(runtime())]
    flash(_(told), kind)
    return redirect(url_for("health.show", _anchor="breaker"), 303)


def _ahead(name: str, bars: Sequence[tuple[datetime, int]] | None) -> Chart:
    return chart(name, None if bars is None else [Bar(start, n, 0) for start, n in bars])


@blueprint.post("/notices/retry")
@operator
def retry_notifications() -> Response:
    """Have one notice tried again, by its id in `message`; without one, all that were given up."""
    count = outbox.retry(runtime().clock(), request.form.get("message") or None)
    if count:
        told = ngettext(
            "One notification will be sent again within seconds.",
            "%(num)s notifications will be sent again within seconds.",
            count,
        )
        flash(told, "ok")
    else:
        flash(_("Nothing to retry: that notification was already sent or removed."), "info")
    return redirect(url_for("health.show", _anchor="notices"), 303)
