"""An app with our templates and error pages, but with empty views and no database."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from flask import Flask, g
from jinja2 import StrictUndefined

from tests.processes import ROOT
from webapp.app import OPERATOR_PAGES
from webapp.language import gettext as _
from webapp.views.http import errors, language_and_theme, template_filters

NOW = datetime(2026, 11, 22, 14, 5, 30, tzinfo=UTC)
ENDPOINTS = {
    "preferences.theme": "/theme",
    "preferences.speak": "/language",
    "home.index": "/",
    "home.privacy": "/privacy",
    "home.terms": "/terms",
    "home.cookies": "/cookies",
    "api.docs": "/api/docs",
    "api.token": "/api/v1/tokens/<open_id>",
    "api.document": "/api/v1/openapi.json",
    "connect.choose": "/connect",
    "connect.start": "/connect/start",
    "account.show": "/account",
    "account.refresh": "/account/refresh",
    "account.confirm_disconnect": "/account/disconnect",
    "account.disconnect": "/account/disconnect/now",
    "account.confirm_delete": "/account/delete",
    "account.delete": "/account/delete/now",
    "account.export": "/account/export",
    "account.activity": "/account/activity",
    "account.sessions": "/account/sessions",
    "account.sign_out_one": "/account/sessions/<key>/sign-out",
    "account.sign_out_others": "/sign-out/others",
    "account.sign_out": "/sign-out",
    "account.sign_out_everywhere": "/sign-out/everywhere",
    "operators.tokens": "/operators/tokens",
    "health.show": "/operators/health",
    "health.probe": "/operators/health/probe",
    "health.retry_notifications": "/operators/notices/retry",
    "audit.index": "/operators/audit",
    "audit.csv": "/operators/audit.csv",
    "keys.index": "/operators/keys",
    "keys.issue": "/operators/keys/new",
    "keys.issued": "/operators/keys/<public_id>/issued",
    "keys.confirm_revoke": "/operators/keys/<public_id>/revoke",
    "keys.revoke": "/operators/keys/<public_id>/revoke/now",
    "setup.show": "/operators/setup",
    "setup.ask": "/operators/setup/now",
    "connection.show": "/operators/tokens/<open_id>",
    "connection.refresh": "/operators/tokens/<open_id>/refresh",
    "connection.test": "/operators/tokens/<open_id>/test",
    "connection.confirm_disconnect": "/operators/tokens/<open_id>/disconnect",
    "connection.disconnect": "/operators/tokens/<open_id>/disconnect/now",
    "operators.tokens_csv": "/operators/tokens.csv",
    "operators.tokens_json": "/operators/tokens.json",
    "bulk.index": "/operators/bulk",
    "bulk.show": "/operators/bulk/<job_id>",
    "bulk.stop": "/operators/bulk/<job_id>/stop",
    "bulk.refresh": "/operators/tokens/refresh",
    "bulk.disconnect": "/operators/tokens/disconnect",
}


def stage() -> Flask:
    """Return an app with our templates, filters and error pages, and an empty view a name."""
    app = Flask("scenes", root_path=str(ROOT))
    app.secret_key = "made-up"
    app.jinja_env.undefined = StrictUndefined
    language_and_theme.register_language(app)
    template_filters.register(app, clock=lambda: NOW)
    errors.register(app)
    for endpoint, path in ENDPOINTS.items():
        app.add_url_rule(path, endpoint, _empty)
    app.jinja_env.globals.update(
        app_name="Coatcheck",
        privacy_url="/privacy",
        terms_url="/terms",
        support_email="help@example.com",
        sandbox=False,
        operator_pages=lambda: [(endpoint, _(word)) for endpoint, word in OPERATOR_PAGES],
        troubles=list,
        tiktok_button=False,
        callback_path="/api/auth/tiktok/callback",
        csrf_token=lambda: "made-up",
    )
    usual = {"visitor": None, "now": NOW, "theme": ""}
    app.context_processor(lambda: usual | {"reference": g.get("request_id", "-")})
    return app


def _empty() -> str:
    return ""


@contextmanager
def acting(app: Flask, path: str = "/", **options: Any) -> Iterator[None]:
    """Stand inside a request that has a reference."""
    with app.test_request_context(path, **options):
        g.request_id = "1f3a9c"
        yield
