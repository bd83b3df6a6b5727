"""Reads the settings from environment variables and reports every problem, by variable name.

A problem contains a cause and a fix, never a value. Refused settings end the start, so only the
texts of `serving_problems` and `warnings` reach pages and are translated.
"""

import os
import secrets
import string
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from webapp.language import deferred_gettext as _
from webapp.problems import Problem, listed
from webapp.settings.field_types import API_URL, AUTHORIZE_URL
from webapp.settings.secret_types import NOTIFY_SECRET_FIX, SIGNING_KEY_FIX, TOKEN_KEYS_FIX
from webapp.settings.settings import Settings

NAMES = tuple(name.upper() for name in Settings.model_fields)
#: Required variables → the fix if one is missing.
_REQUIRED = {
    "TIKTOK_CLIENT_KEY": "TIKTOK_CLIENT_KEY=… from your app's page at developers.tiktok.com",
    "TIKTOK_CLIENT_SECRET": "TIKTOK_CLIENT_SECRET=… from your app's page at developers.tiktok.com",
    "TIKTOK_REDIRECT_URI": (
        "TIKTOK_REDIRECT_URI=http://127.0.0.1:8000/api/auth/tiktok/callback,"
        " exactly as registered on your app's page at developers.tiktok.com"
    ),
    "SECRET_KEY": SIGNING_KEY_FIX,
    "TOKEN_KEYS": TOKEN_KEYS_FIX,
}
#: What is cut off both ends: white space, and the mark at the beginning of some editors' files.
_BLANK = f"{string.whitespace}\u00a0\u200b\ufeff"
#: What a value may be enclosed in by mistake, as systemd, Docker and `export` each treat quotes in
#: a file in their own way.
_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "„": "“", "`": "`"}
#: Names that other providers use → the name that TikTok and this app use.
_MISNOMERS = {
    "TIKTOK_CLIENT_ID": "TIKTOK_CLIENT_KEY",
    "TIKTOK_APP_ID": "TIKTOK_CLIENT_KEY",
    "TIKTOK_APP_KEY": "TIKTOK_CLIENT_KEY",
    "TIKTOK_KEY": "TIKTOK_CLIENT_KEY",
    "TIKTOK_SECRET": "TIKTOK_CLIENT_SECRET",
    "TIKTOK_APP_SECRET": "TIKTOK_CLIENT_SECRET",
    "TIKTOK_SECRET_KEY": "TIKTOK_CLIENT_SECRET",
    "TIKTOK_REDIRECT_URL": "TIKTOK_REDIRECT_URI",
    "TIKTOK_REDIRECT": "TIKTOK_REDIRECT_URI",
    "TIKTOK_CALLBACK_URL": "TIKTOK_REDIRECT_URI",
    "TIKTOK_CALLBACK_URI": "TIKTOK_REDIRECT_URI",
    "TIKTOK_SCOPE": "TIKTOK_SCOPES",
    "TIKTOK_AUTH_URL": "TIKTOK_AUTHORIZE_URL",
}


class SettingsRefused(Exception):
    """The app cannot start with these settings; `problems` holds every reason.

    `rest` are the settings with placeholders for refused values: for further checks only.
    """

    def __init__(self, problems: Iterable[Problem], rest: Settings) -> None:
        self.problems = tuple(problems)
        self.rest = rest
        super().__init__(listed(self.problems))


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings of this environment.

    Raises SettingsRefused with every problem if a variable is missing or refused.
    """
    given, problems = _read(environ)
    missing = [name for name in _REQUIRED if name not in given]
    unreadable = {problem.name.removesuffix("_FILE") for problem in problems}
    problems += [_missing(name, environ) for name in missing if name not in unreadable]
    values = _placeholders(missing) | {name.lower(): text for name, text in given.items()}
    settings, wrong = _validate(values)
    problems += wrong
    problems += _cross_check(settings, environ)
    if problems:
        raise SettingsRefused(sorted(problems, key=_order_of), rest=settings)
    return settings


def _read(environ: Mapping[str, str]) -> tuple[dict[str, str], list[Problem]]:
    """Return the trimmed text of each variable or its file, without blank ones, and problems."""
    given: dict[str, str] = {}
    problems: list[Problem] = []
    for name in NAMES:
        text = environ.get(name, "").strip(_BLANK)
        path = environ.get(f"{name}_FILE", "").strip(_BLANK)
        if text and path:
            file = f"{name}_FILE"
            problems.append(Problem(name, f"and {file} are both set", f"remove {name} or {file}"))
        elif path:
            try:
                text = Path(path).read_text(encoding="utf-8").strip(_BLANK)
            except (OSError, ValueError):
                cause = "names a file that cannot be read"
                fix = "give the path of a text file that the app is allowed to read"
                problems.append(Problem(f"{name}_FILE", cause, fix))
        if len(text) > 1 and text[0] in _QUOTES and text[-1] == _QUOTES[text[0]]:
            problems.append(Problem(name, "is in quotes", "remove the quotes around the value"))
        elif text:
            given[name] = text
    return given, problems


def _missing(name: str, environ: Mapping[str, str]) -> Problem:
    blank = name in environ or f"{name}_FILE" in environ
    for wrong, right in _MISNOMERS.items():
        if right == name and environ.get(wrong):
            return Problem(name, f"is not set, but {wrong} is", f"rename {wrong} to {name}")
    return Problem(name, "is blank" if blank else "is not set", _REQUIRED[name])


def _placeholders(names: list[str]) -> dict[str, str]:
    """Return valid values for these variables, so the other settings can be checked together."""
    valid = {
        "TIKTOK_CLIENT_KEY": "placeholder",
        "TIKTOK_CLIENT_SECRET": "placeholder",
        "TIKTOK_REDIRECT_URI": "https://placeholder.invalid/callback",
        "SECRET_KEY": secrets.token_hex(32),
        "TOKEN_KEYS": b64encode(secrets.token_bytes(32)).decode(),
    }
    return {name.lower(): valid[name] for name in names}


def _validate(values: dict[str, str]) -> tuple[Settings, list[Problem]]:
    """Return the settings and the problems, with placeholders or defaults for refused values."""
    try:
        return Settings.model_validate(values), []
    except ValidationError as refused:
        errors = refused.errors(include_url=False, include_input=False)
    wrong = {str(error["loc"][0]): _problem(error) for error in errors}
    valid = {name: text for name, text in values.items() if name not in wrong}
    required = [name.upper() for name in wrong if name.upper() in _REQUIRED]
    return Settings.model_validate(valid | _placeholders(required)), list(wrong.values())


def _problem(error: ErrorDetails) -> Problem:
    """Return an error of pydantic, or of `fields.refuse`, in our words and without the value."""
    name = str(error["loc"][0])
    if error["type"] == "refused":
        return Problem(name.upper(), error["ctx"]["cause"], error["ctx"]["fix"])
    wanted = Settings.model_fields[name].description
    return Problem(
        name.upper(), f"is not {wanted}", f"set it to {wanted}, or remove it for the default"
    )


def _cross_check(settings: Settings, environ: Mapping[str, str]) -> Iterator[Problem]:
    """Yield the problems of settings, and of other libraries' variables, that don't go together."""
    if settings.loopback and not settings.tiktok_pkce:
        cause = "is 0, but TikTok requires PKCE because TIKTOK_REDIRECT_URI is on this machine"
        yield Problem("TIKTOK_PKCE", cause, "TIKTOK_PKCE=1")
    for name, default in (("tiktok_authorize_url", AUTHORIZE_URL), ("tiktok_api_url", API_URL)):
        url = urlsplit(getattr(settings, name))
        if url.netloc.lower() != urlsplit(default).netloc and not settings.allow_sandbox:
            yield Problem(
                name.upper(),
                "names a host other than TikTok's",
                f"remove it for the default, {default}, or set ALLOW_SANDBOX=1 for tests and demos",
            )
    if settings.notify_url and not settings.notify_secret.get_secret_value():
        cause = "is not set but NOTIFY_URL is: receivers could not verify our notifications"
        yield Problem("NOTIFY_SECRET", cause, NOTIFY_SECRET_FIX)
    current = settings.secret_key.get_secret_value()
    if current in {each.get_secret_value() for each in settings.secret_key_fallbacks}:
        yield Problem(
            "SECRET_KEY_FALLBACKS",
            "contains the current SECRET_KEY",
            "list former keys only",
        )
    insecure = "AUTHLIB_INSECURE_TRANSPORT"
    if environ.get(insecure, "").strip() and not (settings.sandbox or settings.loopback):
        cause = "is set, which allows sign-in without https"
        yield Problem(insecure, cause, f"unset {insecure}")


def serving_problems(environ: Mapping[str, str] = os.environ) -> list[Problem]:
    """Return what is refused where others can reach the app: Flask's debugger runs their code."""
    if environ.get("FLASK_DEBUG", "").strip().lower() in ("", "0", "false", "no"):
        return []
    cause = _("is on, but others can reach this server")
    return [Problem("FLASK_DEBUG", cause, "unset FLASK_DEBUG", public=True)]


def warnings(settings: Settings, environ: Mapping[str, str] = os.environ) -> list[Problem]:
    """Return settings that work but are probably a mistake."""
    return [*_unknown(environ), *_doubtful(settings)]


def _unknown(environ: Mapping[str, str]) -> Iterator[Problem]:
    known = {*NAMES, *(f"{name}_FILE" for name in NAMES)}
    for name in sorted(environ):
        if name.startswith("TIKTOK_") and name not in known:
            similar = get_close_matches(name, NAMES, n=1, cutoff=0.8)
            right = _MISNOMERS.get(name.removesuffix("_FILE")) or next(iter(similar), None)
            fix = _("rename it to %(right)s", right=right) if right else _("remove it")
            yield Problem(name, _("is not a setting of this app and was ignored"), fix)


def _doubtful(settings: Settings) -> Iterator[Problem]:
    if settings.allow_sandbox:
        cause = _("is on: requests go to a mock TikTok, not to TikTok")
        if not settings.sandbox:
            cause = _("is on but not needed")
        yield Problem("ALLOW_SANDBOX", cause, _("remove it in production"), public=True)
    if settings.loopback and f":{settings.port}" not in settings.public_origin:
        cause = _(
            "has a port other than PORT, so people sent back by TikTok will not reach this app"
        )
        fix = _("use the same port in both, unless a proxy maps it")
        yield Problem("TIKTOK_REDIRECT_URI", cause, fix, public=True)

    if settings.https and not settings.proxy_hops:
        cause = _(
            "is 0, but with https there is a proxy in front, so all visitors share its address and"
            " its rate limits"
        )
        fix = _("PROXY_HOPS=1, or the number of proxies if there are more")
        yield Problem("PROXY_HOPS", cause, fix, public=True)


def _order_of(problem: Problem) -> int:
    name = problem.name.removesuffix("_FILE")
    return NAMES.index(name) if name in NAMES else len(NAMES)
