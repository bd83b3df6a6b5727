"""Whether all is as it must be, in one list for the start, `flask doctor` and the setup page.

Fixes nothing itself, and tells no value of a setting.
"""

import os
from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Engine, NullPool, create_engine

from webapp.files import absolute_url, own_folder
from webapp.language import deferred_gettext as _
from webapp.language import deferred_ngettext
from webapp.services.installation import binding
from webapp.services.maintenance import database_checks, machine_checks, tiktok_checks, troubles
from webapp.services.maintenance.check import Check, check_of, not_asked
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
    """Return the settings and all that is wrong with them, unknown scopes too (rule 6).

    With problems, the settings hold stand-ins and are good for finding more, not for starting.
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
    """Return the settings and everything that forbids serving others, the database included."""
    settings, problems = settings_problems(environ)
    problems += serving_problems(environ)
    if "DATABASE_URL" not in {problem.name for problem in problems}:
        problems += _database_problems(settings)
    return settings, problems


def doubts(settings: Settings, environ: Mapping[str, str] = os.environ) -> list[Problem]:
    """Return what works and is probably not meant: typing errors, a scope with a remark."""
    found = warnings(settings, environ)
    asked = (*settings.tiktok_scopes, *settings.tiktok_optional_scopes)
    for scope, remark in scopes.remarks(asked):
        name = "TIKTOK_SCOPES" if scope in settings.tiktok_scopes else "TIKTOK_OPTIONAL_SCOPES"
        found.append(_about_scope(name, scope, _(remark)))
    return found


def _about_scope(name: str, scope: str, cause: str) -> Problem:
    said = _("%(scope)s: %(cause)s", scope=scope, cause=cause)
    return Problem(name, said, _("take %(scope)s out of %(name)s", scope=scope, name=name))


def whose(settings: Settings) -> Problem | None:
    """Return why nothing will be refreshed from here, for a start that has no app yet."""
    engine = _engine(settings)
    try:
        found = binding.mismatch_at(engine, settings, own_folder(engine, ROOT))
    finally:
        engine.dispose()
    return found


def checks(
    environ: Mapping[str, str], runtime: Runtime | None, asked: Sequence[Check] | None = None
) -> Iterator[Check]:
    """Yield every check; without a runtime (settings refused) what needs one is left out.

    For a page, `asked` is what TikTok said the last time: nobody is called then, and what would
    read a whole table is left to the command.
    """
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
        yield from _stored(settings, runtime, whole=asked is None)
    if runtime:
        yield machine_checks.disk_check(runtime)


def keeping_checks(runtime: Runtime) -> Iterator[Check]:
    """Yield whether the stored tokens open, whose the database is, and how the worker gets on.

    Asks TikTok nothing. Ends early where the database is not at the newest migration.
    """
    if (broken := database_checks.database_fault()) is not None:
        yield check_of("database", broken, "", "running")
        return
    yield check_of("keys", database_checks.keys_fault(runtime), _("open what is stored"), "running")
    mismatch = troubles.installation_doubt(runtime)
    well = _("the database belongs to this installation")
    yield check_of("installation", mismatch, well, "running")
    doubts = [doubt for doubt in troubles.doubts(runtime) if doubt != mismatch]
    for doubt in doubts:
        yield Check("warn", doubt.name, doubt.cause, doubt.fix, "running")
    if not doubts:
        well = _("nothing is overdue, nothing is held back")
        yield Check("ok", "worker", well, group="running")


def _settings_checks(
    environ: Mapping[str, str], problems: list[Problem], found: list[Problem]
) -> Iterator[Check]:
    told = {problem.name.removesuffix("_FILE") for problem in (*problems, *found)}
    for name in NAMES:
        if name not in told:
            given = environ.get(name, "").strip() or environ.get(f"{name}_FILE", "").strip()
            yield Check("ok", name, _("is set") if given else _("is the default"))
    for problem in problems:
        yield Check("FAIL", problem.name, problem.cause, problem.fix)
    for doubt in found:
        yield Check("warn", doubt.name, doubt.cause, doubt.fix)


def _database_problems(settings: Settings) -> list[Problem]:
    engine = _engine(settings)
    try:
        fault = database_checks.database_fault(engine)
    finally:
        engine.dispose()
    return [fault] if fault else []


def _engine(settings: Settings) -> Engine:
    url = absolute_url(settings.database_url, ROOT)
    # A server that swallows packets must not hold up the start; SQLite waits for nothing here.
    patience = {"connect_timeout": 5} if url.startswith("postgresql") else {}
    return create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=patience)


def _stored(settings: Settings, runtime: Runtime | None, *, whole: bool) -> Iterator[Check]:
    """Yield how the database stands; `whole` reads every row where only that can tell."""
    broken = next(iter(_database_problems(settings)), None)
    yield check_of("database", broken, _("reached, at the newest migration"), "running")
    if runtime is None or broken is not None:
        return
    yield tiktok_checks.webhook_check(runtime)
    yield tiktok_checks.person_check(runtime)
    yield from machine_checks.journal_checks()
    yield from keeping_checks(runtime)
    if whole:
        yield from _rows(runtime)
    else:
        yield not_asked("rows", _("every one would have to be read"), "flask doctor", "running")


def _rows(runtime: Runtime) -> Iterator[Check]:
    if strangers := troubles.foreign_people(runtime):
        yield Check(
            "warn",
            "people",
            deferred_ngettext(
                "%(num)s connected under another TIKTOK_CLIENT_KEY and cannot be refreshed",
                "%(num)s connected under another TIKTOK_CLIENT_KEY and cannot be refreshed",
                strangers,
            ),
            _("they connect again, or the former TIKTOK_CLIENT_KEY is put back"),
            "running",
        )
    if closed := troubles.unreadable_rows(runtime):
        yield Check(
            "warn",
            "rows",
            deferred_ngettext(
                "%(num)s are sealed under a key that is not in TOKEN_KEYS",
                "%(num)s are sealed under a key that is not in TOKEN_KEYS",
                closed,
            ),
            _("put that key back, after the new one, then: flask tokens reseal"),
            "running",
        )
