"""Checks of the machine: file permissions, disk, SQLite journal, cookies and proxy."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError

from webapp.database import db
from webapp.files import absolute_url, sqlite_path
from webapp.language import deferred_gettext as _
from webapp.problems import Problem
from webapp.services.maintenance import database_checks
from webapp.services.maintenance.check import Check, from_problem, unknown
from webapp.services.runtime import Runtime
from webapp.settings import NAMES, Settings

log = structlog.get_logger(__name__)

#: In the folder of the installation, since the first request that proved that there is a proxy.
PROXY_FILE = "proxy-seen"
#: Folders in which this process has recorded one.
_recorded: set[Path] = set()
ROOT = database_checks.MIGRATIONS.parent.parent
#: In bytes. A day of logs or one backup can use up less than this.
LOW_DISK = 200 * 2**20


def file_checks(environ: Mapping[str, str], settings: Settings) -> Iterator[Check]:
    """Yield a warning for each file with secrets that other users of this machine can read."""
    database = absolute_url(settings.database_url, ROOT)
    paths = [ROOT / ".env", *(Path(environ.get(f"{name}_FILE") or "") for name in NAMES)]
    if database.startswith("sqlite:///"):
        paths.append(Path(database.removeprefix("sqlite:///")))
    exposed = [path for path in paths if path.is_file() and path.stat().st_mode & 0o077]
    for path in exposed:
        cause = _("other users can read %(path)s", path=path)
        yield Check("warn", "files", cause, f"chmod 600 {path}")
    if not exposed:
        yield Check("ok", "files", _("only this user can read the files with secrets"))


def cookie_check(settings: Settings) -> Check:
    """Return the check of the session cookies, which depend on the redirect URI."""
    if settings.https:
        return Check("ok", "cookies", _("session cookies are Secure and bound to this host"))
    return Check(
        "ok",
        "cookies",
        _("session cookies aren't marked Secure, because the site uses http on this machine only"),
    )


def journal_checks() -> Iterator[Check]:
    """Yield the check of an SQLite database's journal mode; nothing for PostgreSQL."""
    path = sqlite_path(db.engine)
    if path is None:
        return
    try:
        with db.engine.connect() as connection:
            mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
    except SQLAlchemyError as error:
        cause = _("the journal mode could not be read (%(error)s)", error=type(error).__name__)
        yield Check("warn", "journal", cause, _("run flask doctor again"), "running")
        return
    if mode == "wal":
        well = _("WAL is on, so readers and the writer do not block each other")
        yield Check("ok", "journal", well, group="running")
        return
    cause = _("WAL is off, so readers and the writer block each other")
    fix = f"sqlite3 {path} 'PRAGMA journal_mode=WAL'"
    yield Check("warn", "journal", cause, fix, "running")


def disk_check(runtime: Runtime) -> Check:
    """Return the check of the disk with the database, its log and the rescue file."""
    try:
        # A folder that isn't there yet is created with its first file, on the disk of its parent.
        folder = _nearest(runtime.folder)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        reason = error.strerror
        cause = _("%(folder)s cannot be checked (%(error)s)", folder=runtime.folder, error=reason)
        return Check(
            "warn", "disk", cause, _("give this user read access to that folder"), "running"
        )
    if folder != runtime.folder and not os.access(folder, os.W_OK | os.X_OK):
        cause = _("%(folder)s doesn't exist, and this user can't create it", folder=runtime.folder)
        fix = _("create it for this user, with permissions 700")
        return Check("warn", "disk", cause, fix, "running")
    if (problem := _low_disk(runtime, free)) is not None:
        return from_problem("warn", problem, "running")
    return Check("ok", "disk", _("there is enough space"), group="running")


def low_disk(runtime: Runtime) -> Problem | None:
    """Return what is wrong if the disk with the database or the rescue file is nearly full."""
    with suppress(OSError):
        return _low_disk(runtime, shutil.disk_usage(_nearest(runtime.folder)).free)
    return None


def _low_disk(runtime: Runtime, free: int) -> Problem | None:
    if free >= LOW_DISK:
        return None
    cause = _(
        "only %(size)s MB free on the disk that holds %(folder)s",
        size=free // 2**20,
        folder=runtime.folder,
    )
    fix = _("free some space: refreshed tokens cannot be stored on a full disk")
    return Problem("disk", cause, fix)


def no_temporary_folder() -> Problem:
    """Return the problem of a start that finds no place for temporary files."""
    return Problem(
        "TMPDIR",
        _("no temporary file can be created: the disk is full, or its folders are read-only"),
        _("free some space, or set TMPDIR to a folder that has some"),
    )


def _nearest(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists. Raises OSError."""
    return next(each for each in (folder, *folder.parents) if each.exists())


def record_proxy(runtime: Runtime) -> None:
    """Record that a request came through a proxy that PROXY_HOPS doesn't count; once a process."""
    if runtime.folder in _recorded:
        return
    _recorded.add(runtime.folder)
    log.warning("proxy_not_counted", setting="PROXY_HOPS")
    with suppress(OSError):
        (runtime.folder / PROXY_FILE).touch(mode=0o600)


def proxy_check(runtime: Runtime) -> Iterator[Check]:
    """Yield a warning if a request has come through a proxy that PROXY_HOPS doesn't count."""
    path = runtime.folder / PROXY_FILE
    if runtime.settings.proxy_hops or not path.exists():
        return
    cause = _("requests come through a proxy (they have X-Forwarded-For), but PROXY_HOPS is 0")
    fix = _("set PROXY_HOPS to the number of proxies, usually 1")
    yield Check("warn", "proxy", cause, fix, "running")


def visit_check(settings: Settings, origin: str, *, forwarded: bool) -> Check:
    """Return the check of the address and the proxy that a request came through.

    `origin` is the scheme and host that the app sees; `forwarded` is True if the request has a
    header of a proxy.
    """
    if forwarded and not settings.proxy_hops:
        cause = _("the request came through a proxy, but PROXY_HOPS is 0")
        fix = _("set PROXY_HOPS to the number of proxies, usually 1")
        return Check("warn", "proxy", cause, fix, public=True)
    if settings.proxy_hops and not forwarded:
        cause = _("PROXY_HOPS expects a proxy, but this request didn't come through one")
        fix = _("open this page through the proxy, or remove PROXY_HOPS")
        return Check("warn", "proxy", cause, fix)
    scheme, host = origin.split("://", 1)
    if scheme != settings.public_origin.partition("://")[0]:
        cause = _(
            "this page was opened over %(scheme)s, but TIKTOK_REDIRECT_URI uses a different scheme",
            scheme=scheme,
        )
        fix = _(
            "configure the proxy to send X-Forwarded-Proto, and set PROXY_HOPS to the number of"
            " proxies"
        )
        return Check("warn", "proxy", cause, fix)
    if origin != settings.public_origin:
        cause = _(
            "this page was opened at %(host)s, but TikTok sends people back to %(origin)s",
            host=host,
            origin=settings.public_origin,
        )
        fix = _("open %(address)s instead", address=f"{settings.public_origin}/operators/setup")
        return unknown("proxy", cause, fix, "configuration")
    return Check(
        "ok", "proxy", _("this page was opened at the address that TikTok sends people back to")
    )
