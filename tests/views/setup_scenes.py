"""The setup page, over made-up checks; needs no database."""

from datetime import datetime
from typing import Any

from tests.environment import complete
from webapp import language
from webapp.services.maintenance import tiktok_checks
from webapp.services.maintenance.check import Check
from webapp.settings import load
from webapp.views.operators import setup

CHECKS = [
    Check("ok", "SECRET_KEY", language.deferred_gettext("is set")),
    Check(
        "FAIL",
        "FLASK_DEBUG",
        language.deferred_gettext("is on, but others can reach this server"),
        "unset FLASK_DEBUG",
        public=True,
    ),
    Check(
        "warn",
        "files",
        language.deferred_gettext("other users can read %(path)s", path="/srv/.env"),
        "chmod 600 /srv/.env",
    ),
    Check(
        "ok",
        "endpoint",
        language.deferred_gettext("TikTok responded in %(ms)s ms", ms=214),
        group="tiktok",
    ),
    Check(
        "ok",
        "person",
        language.deferred_gettext("nobody has connected yet"),
        language.deferred_gettext("connect your own account on the home page"),
        "tiktok",
        known=False,
        public=True,
    ),
    Check(
        "warn",
        "worker",
        language.deferred_gettext("no refresh is overdue, and refreshes are not paused"),
        language.deferred_gettext("start a worker: flask tokens run"),
        "running",
        public=True,
    ),
]


def context(*, values: bool, asked_at: datetime | None = None) -> dict[str, Any]:
    """Return what the page shows; without `values`, as it is before anyone operates the app."""
    settings = load(complete("sqlite:///app.db", 8000))
    return {
        "values": values,
        "sections": setup.sections(CHECKS, values=values),
        "counts": setup.counts(CHECKS) if values else None,
        "asked_at": asked_at,
        "paste": tiktok_checks.values_to_paste(settings) if values else [],
        "webhook_reachable": values and asked_at is not None,
        "decoder": tiktok_checks.GLOSSARY,
        "set_now": tiktok_checks.current_values(settings) if values else {},
    }
