"""How the text of a variable becomes a plain value; knows nothing of what the value is for."""

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator

from webapp.later import gettext as _
from webapp.settings.problem import refuse

BASIC_SCOPE = "user.info.basic"
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"0", "false", "no", "off"})
_SCOPE = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+")
_INSTANCE = re.compile(r"[A-Za-z0-9-]{8,64}")
_EMAIL = re.compile(r"[^@\s<>\"]+@[^@\s<>\"]+\.[^@\s<>\".]+")


def parts(value: Any) -> tuple[str, ...]:
    """Split at commas, trim, leave blank parts out; tuples pass as they are."""
    if isinstance(value, str):
        return tuple(part for part in (piece.strip() for piece in value.split(",")) if part)
    return tuple(value)


def _flag(value: Any) -> Any:
    word = str(value).strip().lower()
    if word not in _YES | _NO:
        refuse(_("is neither 1 nor 0"), _("set it to 1 (on) or 0 (off)"))
    return word in _YES


def _number(low: int, high: int) -> Callable[[Any], Any]:
    def read(value: Any) -> int:
        text = str(value)
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            refuse(
                _("is not a whole number from %(low)s to %(high)s", low=str(low), high=str(high)),
                _(
                    "set it to a number from %(low)s to %(high)s, or remove it for the default",
                    # As they are to be written: not grouped.
                    low=str(low),
                    high=str(high),
                ),
            )
        return int(text)

    return read


def _level(value: Any) -> Any:
    word = str(value).upper()
    if word not in LOG_LEVELS:
        refuse(_("is no log level"), _("set it to one of %(levels)s", levels=", ".join(LOG_LEVELS)))
    return word


def _format(value: Any) -> Any:
    word = str(value).lower()
    if word not in ("json", "console"):
        refuse(_("is no log format"), _("set it to json (for machines) or console (for people)"))
    return word


def _scopes(value: Any) -> tuple[str, ...]:
    names = parts(value)
    for name in names:
        if not _SCOPE.fullmatch(name):
            refuse(
                _("holds what is no scope name"), _("write scopes like user.info.basic,video.list")
            )
    if len(set(names)) < len(names):
        double = next(name for name in names if names.count(name) > 1)
        refuse(_("names %(scope)s twice", scope=double), _("name %(scope)s once", scope=double))
    return names


def _required_scopes(value: Any) -> Any:
    names = _scopes(value)
    return names if BASIC_SCOPE in names else (BASIC_SCOPE, *names)


def _name(value: Any) -> Any:
    if not str(value).isprintable() or len(str(value)) > 60:
        refuse(_("is longer than 60 characters or not printable"), _("choose a short name"))
    return value


def _email(value: Any) -> Any:
    if value and not _EMAIL.fullmatch(str(value)):
        refuse(_("is no e-mail address"), _("write it like help@example.org, or remove it"))
    return value


def _instance(value: Any) -> Any:
    if value and not _INSTANCE.fullmatch(str(value)):
        refuse(
            _("is no installation's id"), _("use 8 to 64 letters, digits and dashes, or remove it")
        )
    return value


Flag = Annotated[bool, BeforeValidator(_flag)]
LogLevel = Annotated[str, BeforeValidator(_level)]
Scopes = Annotated[tuple[str, ...], BeforeValidator(_scopes)]
RequiredScopes = Annotated[tuple[str, ...], BeforeValidator(_required_scopes)]
ShortName = Annotated[str, BeforeValidator(_name)]
Email = Annotated[str, BeforeValidator(_email)]
Days = Annotated[int, BeforeValidator(_number(1, 365))]
Hours = Annotated[int, BeforeValidator(_number(1, 8760))]
Hops = Annotated[int, BeforeValidator(_number(0, 10))]
InstanceId = Annotated[str, BeforeValidator(_instance)]
Rate = Annotated[int, BeforeValidator(_number(1, 10_000))]
AuditDays = Annotated[int, BeforeValidator(_number(1, 3650))]
IdleDays = Annotated[int, BeforeValidator(_number(0, 3650))]
Port = Annotated[int, BeforeValidator(_number(1, 65535))]
lower_format = BeforeValidator(_format)
