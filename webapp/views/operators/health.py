"""How the keeping goes, for operators, and their button to probe; decides nothing itself."""

from collections.abc import Sequence
from datetime import datetime

from flask import Blueprint, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from webapp.language import N_
from webapp.language import gettext as _
from webapp.services.maintenance import breaker_probe
from webapp.services.maintenance.breaker_probe import Probed
from webapp.services.maintenance.health import facts
from webapp.services.notifications import outbox
from webapp.services.operators import headcount
from webapp.services.records import figures
from webapp.services.records.figures import Bar
from webapp.views.http.guards import at_most, operator
from webapp.views.http.house import house
from webapp.views.operators import banner
from webapp.views.operators.charts import Chart, chart

blueprint = Blueprint("health", __name__, url_prefix="/operators/health")

_TOLD = {
    Probed.CLOSED: ("ok", N_("TikTok answered, so refreshes go out again.")),
    Probed.OPEN: (
        "warn",
        N_("It was tried, and refreshes are still held back. The cause is below."),
    ),
    Probed.NOT_OPEN: ("info", N_("There was nothing to probe: refreshes are not held back.")),
    Probed.NOBODY: ("warn", N_("There is no connection to try it with. Connect an account first.")),
    Probed.NOT_OURS: (
        "bad",
        N_("Nothing was sent: this database does not belong to this installation."),
    ),
}


@blueprint.get("")
@operator
def show() -> str:
    """Show how the keeping goes, as it is now."""
    ours = house()
    now = ours.clock()
    found = facts(ours, now)
    banner.keep(found.troubles)
    counted = headcount.counts(ours, now)
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


@blueprint.post("/probe")
@operator
@at_most("12 per minute")
def probe() -> Response:
    """Try one refresh now while the breaker is open, and say what came of it."""
    kind, told = _TOLD[breaker_probe.probe(house())]
    flash(_(told), kind)
    return redirect(url_for("health.show", _anchor="breaker"), 303)


def _ahead(name: str, bars: Sequence[tuple[datetime, int]] | None) -> Chart:
    return chart(name, None if bars is None else [Bar(start, n, 0) for start, n in bars])
