"""How the keeping goes, for operators, and their button to probe; decides nothing itself."""

from collections.abc import Sequence
from datetime import datetime

from flask import Blueprint, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from webapp.language import N_
from webapp.language import gettext as _
from webapp.services.maintenance import health
from webapp.services.maintenance.health import ProbeResult, health_facts
from webapp.services.notifications import outbox
from webapp.services.operators import counts
from webapp.services.records import figures
from webapp.services.records.figures import Bar
from webapp.views.http.guards import at_most, operator
from webapp.views.http.house import house
from webapp.views.operators import banner
from webapp.views.operators.charts import Chart, chart

blueprint = Blueprint("health", __name__, url_prefix="/operators/health")

_TOLD = {
    ProbeResult.CLOSED: ("ok", N_("TikTok answered, so refreshes go out again.")),
    ProbeResult.OPEN: (
        "warn",
        N_("It was tried, and refreshes are still held back. The cause is below."),
    ),
    ProbeResult.NOT_OPEN: ("info", N_("There was nothing to probe: refreshes are not held back.")),
    ProbeResult.NOBODY: (
        "warn",
        N_("There is no connection to try it with. Connect an account first."),
    ),
    ProbeResult.NOT_OURS: (
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
    found = health_facts(ours, now)
    banner.keep(found.troubles)
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


@blueprint.post("/probe")
@operator
@at_most("12 per minute")
def probe() -> Response:
    """Try one refresh now while the breaker is open, and say what came of it."""
    kind, told = _TOLD[health.send_probe(house())]
    flash(_(told), kind)
    return redirect(url_for("health.show", _anchor="breaker"), 303)


def _ahead(name: str, bars: Sequence[tuple[datetime, int]] | None) -> Chart:
    return chart(name, None if bars is None else [Bar(start, n, 0) for start, n in bars])
