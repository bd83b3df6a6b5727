"""All checks of an installation, for the start, `flask doctor` and the setup page.

Checks fix nothing, and no text contains the value of a setting.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Engine, NullPool, create_engine
from sqlalchemy.exc import SQLAlchemyError

from webapp.files import absolute_url, own_folder, sqlite_path
from webapp.language import deferred_gettext as _
from webapp.language import deferred_ngettext as ngettext
from webapp.services.installation import binding
from webapp.services.maintenance import (
    database_checks,
    database_errors,
    machine_checks,
    reseal,
    tiktok_checks,
    troubles,
)
from webapp.services.maintenance.check import Check, check_of, from_problem, unknown
from webapp.services.maintenance.machine_checks import ROOT
from webapp.services.runtime import Runtime
from webapp.settings import (
    NAMES,
    Problem,
    Settings,
    SettingsRefused,
    load,
    serving_problems,
    warnings,
)
from webapp.tiktok import scopes

__all__ = ["ROOT", "Check"]


def settings_problems(environ: Mapping[str, str]) -> tuple[Settings, list[Problem]]:
    """Return the settings and every problem with them, including unknown scopes (rule 6).

    With problems, the settings contain placeholders: for further checks only.
    """
    try:
        settings, problems = load(environ), []
    except SettingsRefused as refused:
        settings, problems = refused.rest, list(refused.problems)
    for name in ("TIKTOK_SCOPES", "TIKTOK_OPTIONAL_SCOPES"):
        for scope, cause in scopes.problems(getattr(settings, name.lower())):
            problems.append(_about_scope(name, scope, cause))
    return settings, problems


def start_problems(environ: Mapping[str, str] = os.environ) -> tuple[Settings, list[Problem]]:
    """Return the settings and everything that prevents serving, the database included."""
    settings, problems = settings_problems(environ)
    problems += serving_problems(environ)
    if "DATABASE_URL" not in {problem.name for problem in problems}:
        fault = _database_fault(settings)
        problems += [fault] if fault else []
    return settings, problems


def doubts(settings: Settings, environ: Mapping[str, str] = os.environ) -> list[Problem]:
    """Return settings that work but are probably a mistake, and remarks on scopes."""
    found = warnings(settings, environ)
    asked = (*settings.tiktok_scopes, *settings.tiktok_optional_scopes)
    for scope, remark in scopes.remarks(asked):
        name = "TIKTOK_SCOPES" if scope in settings.tiktok_scopes else "TIKTOK_OPTIONAL_SCOPES"
        found.append(_about_scope(name, scope, _(remark)))
    return found


def _about_scope(name: str, scope: str, cause: str) -> Problem:
    return Problem(
        name,
        _("%(scope)s: %(cause)s", scope=scope, cause=cause),
        _("remove %(scope)s from %(name)s", scope=scope, name=name),
    )


def bind_installation(settings: Settings, now: datetime) -> Problem | None:
    """Bind the database if nothing has yet; return why this installation may not refresh, or None.

    For a start, before there is an app. A database that can't be written is told, not raised.
    """
    with _engine(settings) as engine:
        try:
            return binding.bind_at(engine, settings, own_folder(engine, ROOT), now)
        except SQLAlchemyError as error:
            return database_errors.problem_of(error, sqlite_path(engine))


def checks(
    environ: Mapping[str, str], runtime: Runtime | None, asked: Sequence[Check] | None = None
) -> Iterator[Check]:
    """Yield every check; without a runtime (settings rejected), only those that need none.

    A page passes `asked`, the checks of TikTok's last response. Then TikTok is not called, no whole
    table is read, and the settings are the accepted ones of the runtime.
    """
    if runtime is not None and asked is not None:
        settings, problems = runtime.settings, list[Problem]()
    else:
        settings, problems = settings_problems(environ)
    problems += serving_problems(environ)
    names = {problem.name for problem in problems}
    yield from _settings_checks(environ, problems, doubts(settings, environ))
    yield from machine_checks.file_checks(environ, settings)
    if runtime:
        yield machine_checks.cookie_check(settings)
    if not {"TIKTOK_REDIRECT_URI", "TIKTOK_CLIENT_KEY"} & names:
        yield from tiktok_checks.registration_checks(settings)
    if runtime:
        yield from tiktok_checks.tiktok_checks(runtime) if asked is None else asked
    if "DATABASE_URL" not in names:
        yield from _database_checks(settings, runtime, whole=asked is None)
    if runtime:
        yield machine_checks.disk_check(runtime)
        yield from machine_checks.proxy_check(runtime)


def keeping_checks(runtime: Runtime) -> Iterator[Check]:
    """Yield the checks of the token keys, of the database's installation and of the worker.

    Does not call TikTok. Only checks the database if it is not at the latest migration.
    """
    if (broken := database_checks.database_fault()) is not None:
        yield from_problem("FAIL", broken, "running", name="database")
        return
    well = _("TOKEN_KEYS can decrypt the stored tokens")
    yield check_of("keys", database_checks.keys_fault(runtime), well, "running")
    mismatch = troubles.installation_doubt(runtime)
    well = _("the database belongs to this installation")
    yield check_of("installation", mismatch, well, "running")
    doubts = [doubt for doubt in troubles.doubts(runtime) if doubt != mismatch]
    for doubt in doubts:
        yield from_problem("warn", doubt, "running")
    if all(doubt.name == "disk" for doubt in doubts):
        well = _("no refresh is overdue, and refreshes are not paused")
        yield Check("ok", "worker", well, group="running")


def _settings_checks(
    environ: Mapping[str, str], problems: list[Problem], warned: list[Problem]
) -> Iterator[Check]:
    reported = {problem.name.removesuffix("_FILE") for problem in (*problems, *warned)}
    for name in NAMES:
        if name not in reported:
            given = environ.get(name, "").strip() or environ.get(f"{name}_FILE", "").strip()
            yield Check("ok", name, _("is set") if given else _("is the default"))
    for problem in problems:
        yield from_problem("FAIL", problem)
    for doubt in warned:
        yield from_problem("warn", doubt)


def _database_fault(settings: Settings) -> Problem | None:
    with _engine(settings) as engine:
        return database_checks.database_fault(engine)


@contextmanager
def _engine(settings: Settings) -> Iterator[Engine]:
    url = absolute_url(settings.database_url, ROOT)
    # In seconds: a server that never responds must not block the start.
    timeout = {"connect_timeout": 5} if url.startswith("postgresql") else {}
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=timeout)
    try:
        yield engine
    finally:
        engine.dispose()


def _database_checks(
    settings: Settings, runtime: Runtime | None, *, whole: bool
) -> Iterator[Check]:
    """Yield the checks that need the database; only with `whole` those that read every row."""
    broken = _database_fault(settings)
    well = _("the database is reachable and at the latest migration")
    yield check_of("database", broken, well, "running")
    if runtime is None or broken is not None:
        return
    yield tiktok_checks.webhook_check(runtime)
    yield tiktok_checks.person_check(runtime)
    yield from machine_checks.journal_checks()
    # The disk is checked by itself, also for a database that is elsewhere.
    yield from (check for check in keeping_checks(runtime) if check.name != "disk")
    if whole:
        yield from _rows(runtime)
    else:
        cause = _("this page does not read every row")
        yield unknown("rows", cause, "flask doctor", "running", public=True)


def _rows(runtime: Runtime) -> Iterator[Check]:
    if foreign := troubles.foreign_people(runtime):
        yield Check(
            "warn",
            "people",
            ngettext(
                "%(num)s connection needs another TIKTOK_CLIENT_KEY to be refreshed",
                "%(num)s connections need another TIKTOK_CLIENT_KEY to be refreshed",
                foreign,
            ),
            _("restore the previous TIKTOK_CLIENT_KEY, or ask these people to reconnect"),
            "running",
        )
    if unreadable := reseal.closed(runtime):
        yield Check(
            "warn",
            "rows",
            ngettext(
                "%(num)s connection is encrypted with a key that is not in TOKEN_KEYS",
                "%(num)s connections are encrypted with a key that is not in TOKEN_KEYS",
                unreadable,
            ),
            _("add that key to TOKEN_KEYS again, after the new one, then run flask tokens reseal"),
            "running",
        )
