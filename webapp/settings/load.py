"""What is wrong between settings that are right by themselves; reads no environment.

Reads the settings from an environment and tells every problem at once; never shows a value.
"""

import os
import secrets
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import ValidationError

from webapp.language import deferred_gettext as _
from webapp.problems import Problem, listed
from webapp.settings.fields import API_URL, AUTHORIZE_URL
from webapp.settings.secret_fields import HOW_TO_NOTIFY, HOW_TO_SEAL, HOW_TO_SIGN
from webapp.settings.values import Settings


class SettingsRefused(Exception):
    """The settings do not allow a start; `problems` holds every reason.

    `rest` are the settings with stand-ins for what is wrong: for finding more, never for starting.
    """

    def __init__(self, problems: Iterable[Problem], rest: Settings) -> None:
        self.problems = tuple(problems)
        self.rest = rest
        super().__init__(listed(self.problems))


def cross_check(settings: Settings) -> Iterator[Problem]:
    """Yield what is wrong between settings that are right by themselves."""
    if settings.loopback and not settings.tiktok_pkce:
        cause = _("is 0 while TIKTOK_REDIRECT_URI is on this machine, where TikTok requires PKCE")
        yield Problem("TIKTOK_PKCE", cause, "TIKTOK_PKCE=1")
    for name, default in (("tiktok_authorize_url", AUTHORIZE_URL), ("tiktok_api_url", API_URL)):
        url = urlsplit(getattr(settings, name))
        if url.netloc.lower() != urlsplit(default).netloc and not settings.allow_sandbox:
            yield Problem(
                name.upper(),
                _("names another host than TikTok's"),
                _(
                    "remove it for the default, %(default)s – or ALLOW_SANDBOX=1 for tests and"
                    " demos",
                    default=default,
                ),
            )
    if settings.notify_url and not settings.notify_secret.get_secret_value():
        cause = _(
            "is not set while NOTIFY_URL is: receivers could not tell our notices from others"
        )
        yield Problem("NOTIFY_SECRET", cause, HOW_TO_NOTIFY)
    current = settings.secret_key.get_secret_value()
    if current in {each.get_secret_value() for each in settings.secret_key_fallbacks}:
        yield Problem(
            "SECRET_KEY_FALLBACKS",
            _("holds the current SECRET_KEY"),
            _("list former keys only"),
        )


NAMES = tuple(name.upper() for name in Settings.model_fields)
#: What to do about a required variable that is not there.
_REQUIRED = {
    "TIKTOK_CLIENT_KEY": _("TIKTOK_CLIENT_KEY=… from your app's page at developers.tiktok.com"),
    "TIKTOK_CLIENT_SECRET": _(
        "TIKTOK_CLIENT_SECRET=… from your app's page at developers.tiktok.com"
    ),
    "TIKTOK_REDIRECT_URI": _(
        "TIKTOK_REDIRECT_URI=http://127.0.0.1:8000/api/auth/tiktok/callback,"
        " as it is registered on your app's page at developers.tiktok.com"
    ),
    "SECRET_KEY": HOW_TO_SIGN,
    "TOKEN_KEYS": HOW_TO_SEAL,
}
#: What people write from memory of other providers → what TikTok and we call it.
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


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings that the environment gives.

    Raises SettingsRefused with every problem if any variable is missing, wrong or unfit.
    """
    given, problems = _read(environ)
    missing = [name for name in _REQUIRED if name not in given]
    unreadable = {problem.name.removesuffix("_FILE") for problem in problems}
    problems += [_missing(name, environ) for name in missing if name not in unreadable]
    values = _stand_ins(missing) | {name.lower(): text for name, text in given.items()}
    settings, wrong = _validate(values)
    problems += wrong
    problems += cross_check(settings)
    problems += _further_problems(environ, settings)
    if problems:
        raise SettingsRefused(sorted(problems, key=_order_of), rest=settings)
    return settings


def _read(environ: Mapping[str, str]) -> tuple[dict[str, str], list[Problem]]:
    """Return each variable's trimmed text, from itself or its file; blank ones count as unset."""
    given: dict[str, str] = {}
    problems: list[Problem] = []
    for name in NAMES:
        text = environ.get(name, "").strip()
        path = environ.get(f"{name}_FILE", "").strip()
        if text and path:
            file = f"{name}_FILE"
            cause = _("and %(file)s are both set", file=file)
            fix = _("remove %(name)s or %(file)s", name=name, file=file)
            problems.append(Problem(name, cause, fix))
        elif path:
            try:
                text = Path(path).read_text(encoding="utf-8").strip()
            except (OSError, ValueError):
                cause = _("names a file that cannot be read")
                fix = _("give the path of a text file that the app may read")
                problems.append(Problem(f"{name}_FILE", cause, fix))
        if text:
            given[name] = text
    return given, problems


def _missing(name: str, environ: Mapping[str, str]) -> Problem:
    blank = name in environ or f"{name}_FILE" in environ
    for wrong, right in _MISNOMERS.items():
        if right == name and environ.get(wrong):
            cause = _("is not set, but %(wrong)s is", wrong=wrong)
            return Problem(name, cause, _("rename %(wrong)s to %(name)s", wrong=wrong, name=name))
    return Problem(name, _("is blank") if blank else _("is not set"), _REQUIRED[name])


def _stand_ins(names: list[str]) -> dict[str, str]:
    """Return sound values for what is missing, so that the rest can still be judged together."""
    sound = {
        "TIKTOK_CLIENT_KEY": "stand-in",
        "TIKTOK_CLIENT_SECRET": "stand-in",
        "TIKTOK_REDIRECT_URI": "https://stand-in.invalid/callback",
        "SECRET_KEY": secrets.token_hex(32),
        "TOKEN_KEYS": b64encode(secrets.token_bytes(32)).decode(),
    }
    return {name.lower(): sound[name] for name in names}


def _validate(values: dict[str, str]) -> tuple[Settings, list[Problem]]:
    """Return the settings and what is wrong, with stand-ins or defaults where it is wrong."""
    try:
        return Settings.model_validate(values), []
    except ValidationError as refused:
        errors = refused.errors(include_url=False, include_input=False)
    wrong = {str(error["loc"][0]): error["ctx"] for error in errors}
    problems = [Problem(name.upper(), why["cause"], why["fix"]) for name, why in wrong.items()]
    sound = {name: text for name, text in values.items() if name not in wrong}
    required = [name.upper() for name in wrong if name.upper() in _REQUIRED]
    return Settings.model_validate(sound | _stand_ins(required)), problems


def _further_problems(environ: Mapping[str, str], settings: Settings) -> Iterator[Problem]:
    """Yield what others' variables would do to us."""
    private = settings.sandbox or settings.loopback
    if environ.get("AUTHLIB_INSECURE_TRANSPORT", "").strip() and not private:
        name = "AUTHLIB_INSECURE_TRANSPORT"
        cause = _("is set: sign-in would be let through without https")
        yield Problem(name, cause, f"unset {name}")


def serving_problems(environ: Mapping[str, str] = os.environ) -> list[Problem]:
    """Return what must not be when others can reach the app: Flask's debugger runs their code."""
    if environ.get("FLASK_DEBUG", "").strip().lower() in ("", "0", "false", "no"):
        return []
    return [Problem("FLASK_DEBUG", _("is on under a server for others"), "unset FLASK_DEBUG")]


def warnings(settings: Settings, environ: Mapping[str, str] = os.environ) -> list[Problem]:
    """Return what works and is probably not meant."""
    return [*_unknown(environ), *_doubtful(settings)]


def _unknown(environ: Mapping[str, str]) -> Iterator[Problem]:
    known = {*NAMES, *(f"{name}_FILE" for name in NAMES)}
    for name in sorted(environ):
        if name.startswith("TIKTOK_") and name not in known:
            right = _MISNOMERS.get(name.removesuffix("_FILE")) or _nearest(name)
            fix = _("rename it to %(right)s", right=right) if right else _("remove it")
            yield Problem(name, _("is no setting of this app and was ignored"), fix)


def _nearest(name: str) -> str | None:
    return next(iter(get_close_matches(name, NAMES, n=1, cutoff=0.8)), None)


def _doubtful(settings: Settings) -> Iterator[Problem]:
    if settings.allow_sandbox:
        cause = _("is on: nothing that happens here happens at TikTok")
        if not settings.sandbox:
            cause = _("is on and not needed")
        yield Problem("ALLOW_SANDBOX", cause, _("remove it in production"))
    if settings.loopback and f":{settings.port}" not in settings.public_origin:
        cause = _("names another port than PORT, so TikTok's answer will miss this app")
        fix = _("use one port in both, unless a proxy maps it")
        yield Problem("TIKTOK_REDIRECT_URI", cause, fix)


def _order_of(problem: Problem) -> int:
    name = problem.name.removesuffix("_FILE")
    return NAMES.index(name) if name in NAMES else len(NAMES)
