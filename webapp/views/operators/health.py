"""The operators' health page, its buttons and charts, and the banner on all operators' pages."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
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
from webapp.views.http.template_filters import exact

blueprint = Blueprint("health", __name__, url_prefix="/operators")

#: Width and height of a chart's drawing; CSS stretches it to the page.
SIZE = 100
#: Where a chart's scale may end, times a power of ten.
_STEPS = (2, 4, 6, 8, 10, 12, 16)
BANNER_KEY = "coatcheck.banner"
#: How long a check is reused, in each process.
CHECK_EVERY = timedelta(seconds=10)
_Unit = tuple[str, Callable[[datetime], str], Callable[[datetime], str]]
_HOUR: _Unit = (N_("Hour starting"), exact, "{:%H:%M}".format)
_DAY: _Unit = (N_("Day"), language.day, language.short_day)
_WEEK: _Unit = (N_("Week starting"), language.day, language.short_day)
#: Name → title, unit of a column, names of the two kinds of bars, one label every so many columns.
_CHARTS = {
    "hours": (N_("Refreshes in the last 24 hours"), _HOUR, N_("Refreshed"), N_("Failed"), 6),
    "days": (N_("Refreshes in the last 30 days"), _DAY, N_("Refreshed"), N_("Failed"), 7),
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
_PROBE_RESULTS = {
    ProbeResult.CLOSED: ("ok", N_("TikTok responded. Refreshes have resumed.")),
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
    """Show the current health of the installation."""
    now = runtime().clock()
    facts = health_facts(runtime(), now)
    set_troubles(facts.troubles)
    counted = counts.current_counts(runtime(), now)
    return render_template(
        "operators/health.html",
        facts=facts,
        charts=[
            chart("hours", figures.by_hour(runtime(), now)),
            chart("days", figures.by_day(runtime(), now)),
            _forecast("expiries", counted.expiries if counted else None),
            _forecast("reconnects", counted.reconnects if counted else None),
        ],
        counted_at=counted.counted_at if counted else None,
        notices=outbox.recent_notifications(runtime()),
    )


@blueprint.post("/health/probe")
@operator
@at_most("12 per minute")
def probe() -> Response:
    """Try one refresh now if the breaker is open, and show the result."""
    kind, message = _PROBE_RESULTS[health.send_probe(runtime())]
    flash(_(message), kind)
    return redirect(url_for("health.show", _anchor="breaker"), 303)


@blueprint.post("/notices/retry")
@operator
def retry_notifications() -> Response:
    """Retry the notification whose ID is in `message`, or all undelivered ones."""
    count = outbox.retry(runtime().clock(), request.form.get("message") or None)
    if count:
        text = ngettext(
            "One notification will be sent again within seconds.",
            "%(num)s notifications will be sent again within seconds.",
            count,
        )
        flash(text, "ok")
    else:
        flash(_("Nothing to retry: that notification was already sent or removed."), "info")
    return redirect(url_for("health.show", _anchor="notices"), 303)


@dataclass(frozen=True, slots=True)
class ChartColumn:
    """One column of a chart: the failures are stacked on the successes."""

    label: str
    x: float
    width: float
    good: int
    failed: int
    good_height: float
    failed_height: float


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything the template needs to draw a chart."""

    name: str
    title: str
    #: What one column covers: Hour, Day, Week.
    unit: str
    good_word: str
    #: Empty if there is only one kind of bar.
    failed_word: str
    columns: tuple[ChartColumn, ...]
    #: The words below the bars, at even distances.
    ticks: tuple[str, ...]
    #: Where the scale ends; an even number.
    top: int
    max_count: int
    #: None: not counted yet.
    total: int | None


def chart(name: str, bars: Sequence[Bar] | None) -> Chart:
    """Return the chart of this name; `bars` is None if they aren't counted yet.

    Raises KeyError if there is no such chart.
    """
    title, (unit, long, short), good, failed, every = _CHARTS[name]
    shown = bars or ()
    highest = max((bar.refreshed + bar.failed for bar in shown), default=0)
    top, slot = _end_of_scale(highest), SIZE / max(len(shown), 1)
    columns = tuple(
        ChartColumn(
            label=long(bar.start),
            x=round((number + 0.15) * slot, 2),
            width=round(slot * 0.7, 2),
            good=bar.refreshed,
            failed=bar.failed,
            good_height=_height(bar.refreshed, top),
            failed_height=_height(bar.failed, top),
        )
        for number, bar in enumerate(shown)
    )
    last = len(shown) - 1
    marked = [*range(0, last - every // 2, every), last] if shown else []
    ticks = tuple(short(shown[number].start) for number in marked)
    total = None if bars is None else sum(bar.refreshed + bar.failed for bar in shown)
    words = (_(title), _(unit), _(good), _(failed) if failed else "")
    return Chart(name, *words, columns, ticks, top, highest, total)


def connection_chart(days: Sequence[Bar]) -> Chart | None:
    """Return the chart of one connection's refreshes; None if there was none on these days."""
    drawn = chart("days", days)
    title = ngettext(
        "Refreshes in the last %(num)s day", "Refreshes in the last %(num)s days", len(days)
    )
    return replace(drawn, title=title) if drawn.total else None


def _end_of_scale(highest: int) -> int:
    """Return a round, even number that no bar exceeds."""
    power = 1
    while highest > _STEPS[-1] * power:
        power *= 10
    return next(step * power for step in _STEPS if step * power >= highest)


def _height(count: int, top: int) -> float:
    """Return the height of a bar; at least visible unless the count is 0."""
    return max(1.5, round(SIZE * count / top, 1)) if count else 0


def _forecast(name: str, bars: Sequence[tuple[datetime, int]] | None) -> Chart:
    return chart(name, None if bars is None else [Bar(start, n, 0) for start, n in bars])


@dataclass
class _LastCheck:
    """The last check and its result."""

    at: datetime | None = None
    problems: list[Problem] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def register_banner(app: Flask) -> None:
    """Give the layout `troubles()`: the current problems on operators' pages, else nothing."""
    app.extensions[BANNER_KEY] = _LastCheck()
    app.jinja_env.globals["troubles"] = page_troubles


def page_troubles() -> list[Problem]:
    """Return the current problems if an operator is looking at an operators' page."""
    # An address that matches no route has no endpoint, but still gets a page.
    who = access_of(current_app, request.endpoint) if request.endpoint else None
    present = visitor()
    if who is None or not who.startswith("operator") or present is None or not present.operator:
        return []
    return _current_troubles()


def set_troubles(problems: list[Problem]) -> None:
    """Store the result of a check made just now."""
    last: _LastCheck = current_app.extensions[BANNER_KEY]
    last.at, last.problems = runtime().clock(), problems


def _current_troubles() -> list[Problem]:
    last: _LastCheck = current_app.extensions[BANNER_KEY]
    is_old = last.at is None or runtime().clock() - last.at >= CHECK_EVERY
    # One thread checks; meanwhile the others show the last result.
    if is_old and last.lock.acquire(blocking=False):
        try:
            set_troubles(troubles.troubles(runtime()))
        finally:
            last.lock.release()
    return last.problems
