"""Builds the app: `create_app` connects all parts. Nothing in webapp imports this file."""

import secrets
from collections.abc import Callable
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from flask import Flask, g
from jinja2 import StrictUndefined

from webapp import cli, database, files, logs
from webapp.clock import Clock, utc_now
from webapp.database import db
from webapp.language import N_, gettext
from webapp.metrics import count_write
from webapp.services.maintenance.database_checks import MIGRATIONS
from webapp.services.runtime import Runtime
from webapp.services.vault import Vault
from webapp.settings import Settings
from webapp.tiktok import provider
from webapp.views.api import metrics, security_txt, status, tiktok_webhook, tokens
from webapp.views.http import (
    browser_cookies,
    errors,
    guards,
    headers,
    language_and_theme,
    request_checks,
    session,
    template_filters,
)
from webapp.views.http.language_and_theme import chosen_theme
from webapp.views.http.runtime import KEY
from webapp.views.operators import audit, bulk, connection, connection_list, health, keys, setup
from webapp.views.people import account, connect, home

if TYPE_CHECKING:
    from flask_migrate import Migrate

#: The operators' navigation, in this order.
OPERATOR_PAGES = (
    ("operators.tokens", N_("Connections")),
    ("bulk.index", N_("Bulk jobs")),
    ("health.show", N_("Health")),
    ("audit.index", N_("Audit")),
    ("keys.index", N_("Keys")),
    ("setup.show", N_("Setup")),
)

BLUEPRINTS = tuple(
    each.blueprint
    for each in (
        *(home, language_and_theme, connect, account, tokens, status, tiktok_webhook),
        *(connection_list, connection, bulk, health),
        *(audit, keys, setup, metrics, security_txt),
    )
)

ROOT = Path(__file__).resolve().parent.parent


class App(Flask):
    """A Flask app without the work that Flask and Jinja repeat for every request."""

    jinja_environment = template_filters.Templates

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return a view or hook as it is. Flask inspects each of them; none of ours is async."""
        return func


def create_app(settings: Settings, clock: Clock = utc_now) -> Flask:
    """Return the app for these settings.

    Raises UnguardedRoute if a view doesn't say who may call it.
    """
    logs.configure(settings.log_level, settings.log_format, settings.confidential)
    app = App("webapp", static_folder=str(ROOT / "static"), template_folder=str(ROOT / "templates"))
    app.request_class = request_checks.SameHostRequest
    app.session_interface = browser_cookies.BrowserSessions()
    app.config.from_mapping(_config(settings))
    folder = _open_database(app)
    app.extensions[KEY] = Runtime(
        settings,
        provider.register(app, settings, clock),
        Vault(settings.token_keys),
        clock,
        folder,
    )
    _number_requests(app)
    language_and_theme.register_language(app)
    request_checks.register_metrics(app)
    guards.register_actors(app)
    request_checks.register(app)
    guards.register(app)
    csrf = browser_cookies.protect_forms(app)
    headers.register(app, settings)
    session.register(app)
    health.register_banner(app)
    _add_pages(app, settings, clock)
    guards.exempt_from_csrf(app, csrf)
    guards.register_limits(app)
    headers.register_assets(app)
    cli.register(app)
    guards.require_access_everywhere(app)
    return app


def _config(settings: Settings) -> dict[str, Any]:
    return {
        "SECRET_KEY": settings.secret_key.get_secret_value(),
        "SECRET_KEY_FALLBACKS": [k.get_secret_value() for k in settings.secret_key_fallbacks],
        "SESSION_COOKIE_NAME": "__Host-session" if settings.https else "session",
        "SESSION_COOKIE_SECURE": settings.https,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_REFRESH_EACH_REQUEST": False,
        "PERMANENT_SESSION_LIFETIME": timedelta(days=settings.session_days),
        "MAX_CONTENT_LENGTH": request_checks.MAX_BODY,
        "MAX_FORM_MEMORY_SIZE": request_checks.MAX_BODY,
        "TRUSTED_HOSTS": settings.hosts,
        "PREFERRED_URL_SCHEME": "https" if settings.https else "http",
        # The last key signs. The others keep pages usable that were loaded before a rotation.
        "WTF_CSRF_SECRET_KEY": [
            *(k.get_secret_value() for k in settings.secret_key_fallbacks),
            settings.secret_key.get_secret_value(),
        ],
        # Forms don't expire by time: the token is bound to the session anyway.
        "WTF_CSRF_TIME_LIMIT": None,
        # It would refuse browsers that send no Referer; `__Host-` cookies cover what it protects.
        "WTF_CSRF_SSL_STRICT": False,
        "RATELIMIT_STORAGE_URI": settings.ratelimit_storage_uri,
        "RATELIMIT_ENABLED": settings.ratelimit_enabled,
        # It would add Retry-After to every response and overwrite that of our pages.
        "RATELIMIT_HEADERS_ENABLED": False,
        "SQLALCHEMY_DATABASE_URI": files.absolute_url(settings.database_url, ROOT),
        "SQLALCHEMY_ENGINE_OPTIONS": database.engine_options(settings.database_url),
    }


class _Migrations:
    """What Flask-Migrate looks up in `app.extensions`."""

    directory = str(MIGRATIONS)

    @cached_property
    def migrate(self) -> "Migrate":
        # Imported when a command migrates: it takes 0.15 s, most of it for Alembic.
        from flask_migrate import Migrate

        return Migrate(db=db, directory=self.directory)


def _open_database(app: Flask) -> Path:
    """Open the database, and return where this installation keeps its own files."""
    db.init_app(app)
    app.extensions["migrate"] = _Migrations()
    database.observe_writes(count_write)
    with app.app_context():
        database.prepare(db.engine)
        return files.own_folder(db.engine, ROOT)


def _number_requests(app: Flask) -> None:
    """Give every request an ID, the reference in its log lines and on its error page."""

    @app.before_request
    def _number() -> None:
        g.request_id = secrets.token_hex(6)
        # It takes the place of the one of the thread's last request; nothing else is ever bound.
        structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _add_pages(app: Flask, settings: Settings, clock: Clock) -> None:
    app.jinja_env.undefined = StrictUndefined
    template_filters.register(app, clock)
    errors.register(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    app.add_url_rule(
        settings.callback_path,
        "connect.callback",
        connect.handle_callback,
        methods=["GET"],
        strict_slashes=True,
    )

    app.jinja_env.globals.update(
        app_name=settings.app_name,
        privacy_url=settings.privacy_url,
        terms_url=settings.terms_url,
        support_email=settings.support_email,
        sandbox=settings.sandbox,
        callback_path=settings.callback_path,
        public_origin=settings.public_origin,
        tiktok_host=settings.authorize_host,
        # Sites with TikTok's permission to show its button put the file there (rule 63).
        tiktok_button=Path(str(app.static_folder), "brand", "tiktok-button.svg").is_file(),
        operator_pages=lambda: [(page, gettext(label)) for page, label in OPERATOR_PAGES],
    )

    @app.context_processor
    def _context() -> dict[str, Any]:
        return {
            "now": clock(),
            "visitor": session.visitor(),
            "reference": g.get("request_id", "-"),
            "theme": chosen_theme(),
        }
