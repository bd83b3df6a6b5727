"""What this machine gives the app: files, disk, database journal, proxy."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from webapp.database import db
from webapp.files import absolute_url, sqlite_path
from webapp.language import deferred_gettext as _
from webapp.services.maintenance import database_checks
from webapp.services.maintenance.check import Check, not_asked
from webapp.services.runtime import Runtime
from webapp.settings import NAMES, Settings

ROOT = database_checks.MIGRATIONS.parent.parent
#: Less room than this, in bytes, is used up by a day of logs or one backup.
LOW_DISK = 200 * 2**20


def file_checks(environ: Mapping[str, str], settings: Settings) -> Iterator[Check]:
    """Yield a warning for each file with secrets in it that others on this machine may open."""
    database = absolute_url(settings.database_url, ROOT)
    paths = [ROOT / ".env", *(Path(environ.get(f"{name}_FILE") or "") for name in NAMES)]
    if database.startswith("sqlite:///"):
        paths.append(Path(database.removeprefix("sqlite:///")))
    open_ones = [path for path in paths if path.is_file() and path.stat().st_mode & 0o077]
    for path in open_ones:
        yield Check(
            "warn", "files", _("%(path)s can be read by others", path=path), f"chmod 600 {path}"
        )
    if not open_ones:
        yield Check("ok", "files", _("with secrets are for this user alone"))


def cookie_check(settings: Settings) -> Check:
    """Return how the cookie of a session is protected, which follows from the redirect URI."""
    if settings.https:
        return Check("ok", "cookies", _("are Secure and bound to this host"))
    return Check("ok", "cookies", _("are not Secure: this is http, on this machine alone"))


def journal_checks() -> Iterator[Check]:
    """Yield whether readers and the writer of an SQLite file keep out of each other's way."""
    path = sqlite_path(db.engine)
    if path is None:
        return
    try:
        with db.engine.connect() as connection:
            mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
    except SQLAlchemyError as error:
        cause = _("could not be looked at (%(error)s)", error=type(error).__name__)
        yield Check("warn", "journal", cause, _("flask doctor, again"), "running")
        return
    if mode == "wal":
        well = _("is written ahead, so readers and writer do not wait")
        yield Check("ok", "journal", well, "", "running")
        return
    cause = _("is not WAL, so readers and writer wait for each other")
    fix = f"sqlite3 {path} 'PRAGMA journal_mode=WAL'"
    yield Check("warn", "journal", cause, fix, "running")


def disk_check(runtime: Runtime) -> Check:
    """Return whether there is room for the database, its log and the rescue file."""
    try:
        free = shutil.disk_usage(runtime.folder).free
    except OSError as error:
        why = error.strerror
        cause = _("%(folder)s cannot be looked at (%(error)s)", folder=runtime.folder, error=why)
        return Check("warn", "disk", cause, _("let this user read that folder"), "running")
    if free < LOW_DISK:
        cause = _(
            "has %(size)s MB left where %(folder)s is", size=free // 2**20, folder=runtime.folder
        )
        fix = _("make room: a full disk stores no refreshed token")
        return Check("warn", "disk", cause, fix, "running")
    return Check("ok", "disk", _("has room"), group="running")


def visit_check(settings: Settings, origin: str, *, forwarded: bool) -> Check:
    """Return whether a request came by the address that TikTok sends people back to.

    `origin` is scheme and host as the app sees them, `forwarded` whether a proxy named itself.
    """
    if forwarded and not settings.proxy_hops:
        cause = _("a proxy is in front, and what it says about visitors is not believed")
        return Check("warn", "proxy", cause, _("PROXY_HOPS=1, or as many as there are"))
    if settings.proxy_hops and not forwarded:
        cause = _("PROXY_HOPS counts a proxy that this request did not pass")
        return Check("warn", "proxy", cause, _("open this page through it, or remove PROXY_HOPS"))
    scheme, host = origin.split("://", 1)
    if scheme != settings.public_origin.partition("://")[0]:
        cause = _(
            "this page came by %(scheme)s, and TIKTOK_REDIRECT_URI says otherwise", scheme=scheme
        )
        fix = _("let the proxy pass X-Forwarded-Proto, and set PROXY_HOPS to the number of proxies")
        return Check("warn", "proxy", cause, fix)
    if origin != settings.public_origin:
        cause = _(
            "this page came by %(host)s, and TikTok sends people back to %(origin)s",
            host=host,
            origin=settings.public_origin,
        )
        fix = _("open %(address)s instead", address=f"{settings.public_origin}/operators/setup")
        return not_asked("proxy", cause, fix, "configuration")
    return Check("ok", "proxy", _("this page came by the address that TikTok sends people back to"))
