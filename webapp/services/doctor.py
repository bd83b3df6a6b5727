"""Whether everything is as it must be, in one list for the start and for `flask doctor`.

Mends nothing itself, and tells no value of a setting.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sqlalchemy import Engine, NullPool, create_engine

from webapp.files import absolute_url, own_folder
from webapp.services import installation, keeping, status
from webapp.services.house import House
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
from webapp.tiktok.errors import OurConfiguration, TikTokError

ROOT = status.MIGRATIONS.parent.parent
Verdict = Literal["ok", "warn", "FAIL"]


@dataclass(frozen=True, slots=True)
class Check:
    """One line of `flask doctor`; `mend` is empty when all is well."""

    verdict: Verdict
    name: str
    cause: str
    mend: str = ""


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
            problems.append(Problem(name, f"{scope}: {cause}", f"take {scope} out of {name}"))
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
        found.append(Problem(name, f"{scope}: {remark}", f"take {scope} out of {name}"))
    return found


def whose(settings: Settings) -> Problem | None:
    """Return why nothing will be refreshed from here, for a start that has no app yet."""
    engine = _engine(settings)
    try:
        found = installation.fault_at(engine, settings, own_folder(engine, ROOT))
    finally:
        engine.dispose()
    return Problem(found.name, found.cause, found.mend) if found else None


def checks(environ: Mapping[str, str], house: House | None) -> Iterator[Check]:
    """Yield every check; without a house (settings refused) what needs one is left out."""
    settings, problems = settings_problems(environ)
    problems += serving_problems(environ)
    yield from _settings_checks(environ, problems, doubts(settings, environ))
    if "DATABASE_URL" not in {problem.name for problem in problems}:
        broken = _database_problems(settings)
        yield _check("database", broken, "reached, at the newest migration")
        if house and not broken:
            fault = status.keys_fault(house)
            found = [Problem(fault.name, fault.cause, fault.mend)] if fault else []
            yield _check("keys", found, "open what is stored")
            yield from _keeping(house)
    yield from _files(environ, settings)
    if house:
        yield _credentials(house)


def _settings_checks(
    environ: Mapping[str, str], problems: list[Problem], found: list[Problem]
) -> Iterator[Check]:
    told = {problem.name.removesuffix("_FILE") for problem in (*problems, *found)}
    for name in NAMES:
        if name not in told:
            given = environ.get(name, "").strip() or environ.get(f"{name}_FILE", "").strip()
            yield Check("ok", name, "is set" if given else "is the default")
    for problem in problems:
        yield Check("FAIL", problem.name, problem.cause, problem.mend)
    for doubt in found:
        yield Check("warn", doubt.name, doubt.cause, doubt.mend)


def _database_problems(settings: Settings) -> list[Problem]:
    engine = _engine(settings)
    try:
        fault = status.database_fault(engine)
    finally:
        engine.dispose()
    return [Problem(fault.name, fault.cause, fault.mend)] if fault else []


def _engine(settings: Settings) -> Engine:
    url = absolute_url(settings.database_url, ROOT)
    # A server that swallows packets must not hold up the start; SQLite waits for nothing here.
    patience = {"connect_timeout": 5} if url.startswith("postgresql") else {}
    return create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=patience)


def _check(name: str, found: list[Problem], well: str) -> Check:
    if not found:
        return Check("ok", name, well)
    return Check("FAIL", name, found[0].cause, found[0].mend)


def _keeping(house: House) -> Iterator[Check]:
    """Yield whether the database belongs here, and how the worker gets on."""
    mismatch = keeping.installation_doubt(house)
    found = [Problem(mismatch.name, mismatch.cause, mismatch.mend)] if mismatch else []
    yield _check("installation", found, "the database belongs to this installation")
    doubts = [doubt for doubt in keeping.doubts(house) if doubt != mismatch]
    for doubt in doubts:
        yield Check("warn", doubt.name, doubt.cause, doubt.mend)
    if not doubts:
        yield Check("ok", "worker", "nothing is overdue, nothing is held back")
    if strangers := keeping.strangers(house):
        yield Check(
            "warn",
            "people",
            f"{strangers} connected under another TIKTOK_CLIENT_KEY and cannot be refreshed",
            "they connect again, or the former TIKTOK_CLIENT_KEY is put back",
        )
    if closed := keeping.closed(house):
        yield Check(
            "warn",
            "keys",
            f"{closed} rows are sealed under a key that is not in TOKEN_KEYS",
            "put that key back, after the new one, then: flask tokens reseal",
        )


def _files(environ: Mapping[str, str], settings: Settings) -> Iterator[Check]:
    """Yield a warning for each file with secrets in it that others on this machine may open."""
    database = absolute_url(settings.database_url, ROOT)
    paths = [ROOT / ".env", *(Path(environ.get(f"{name}_FILE") or "") for name in NAMES)]
    if database.startswith("sqlite:///"):
        paths.append(Path(database.removeprefix("sqlite:///")))
    open_ones = [path for path in paths if path.is_file() and path.stat().st_mode & 0o077]
    for path in open_ones:
        yield Check("warn", "files", f"{path} can be read by others", f"chmod 600 {path}")
    if not open_ones:
        yield Check("ok", "files", "with secrets are for this user alone")


def _credentials(house: House) -> Check:
    """Ask TikTok whether it knows key and secret; only a refusal is proof."""
    try:
        house.provider.check_credentials()
    except OurConfiguration as error:
        return Check(
            "FAIL",
            "credentials",
            f"TikTok refuses TIKTOK_CLIENT_KEY with TIKTOK_CLIENT_SECRET ({error.code})",
            "copy both again from the same app's page at developers.tiktok.com",
        )
    except TikTokError as error:
        cause = f"TikTok could not be asked ({error.code})"
        return Check("warn", "credentials", cause, "look at the network, then run it again")
    return Check("ok", "credentials", "TikTok does not refuse them")
