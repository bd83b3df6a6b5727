"""How the text of a variable becomes a plain value; knows nothing of what the value is for.

What an address in the settings must look like; never opens one, never repeats one in words.

Services that people may be led back to, and what lies under their addresses; opens none.
"""

import re
from collections.abc import Callable
from importlib.util import find_spec
from typing import Annotated, Any, NamedTuple, NoReturn
from urllib.parse import SplitResult, urlsplit

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from webapp.language import deferred_gettext as _

BASIC_SCOPE = "user.info.basic"
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"0", "false", "no", "off"})
_SCOPE = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+")
_INSTANCE = re.compile(r"[A-Za-z0-9-]{8,64}")
_EMAIL = re.compile(r"[^@\s<>\"]+@[^@\s<>\"]+\.[^@\s<>\".]+")


def refuse(cause: str, fix: str) -> NoReturn:
    """Raise what pydantic collects with the name of the field, to become a `Problem`."""
    raise PydanticCustomError("refused", "{cause}", {"cause": cause, "fix": fix})


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

AUTHORIZE_URL = "https://www.tiktok.com/v2/auth/authorize/"
API_URL = "https://open.tiktokapis.com/v2/"
TIKTOK_HOSTS = frozenset({"www.tiktok.com", "open.tiktokapis.com"})
#: The hosts that TikTok takes for a redirect URI of the Desktop kind.
LOOPBACK = frozenset({"localhost", "127.0.0.1"})
_EXAMPLE = "TIKTOK_REDIRECT_URI=http://127.0.0.1:8000/api/auth/tiktok/callback"
_PATH = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+/?")
#: First pieces of the paths that are ours; a callback there would hide a page or be hidden by it.
_OURS = re.compile(
    r"/(connect|connected|account|sign-out|operators|privacy|terms|cookies|theme|language|webhooks"
    r"|static|healthz|readyz|metrics|api/v1|api/docs|favicon\.ico|robots\.txt)(/|$)"
)
_HOST = re.compile(r"\.?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?")
#: Flask-Limiter's storages → the module each needs; empty: none.
_STORAGES = {
    "memory": "",
    "redis": "redis",
    "rediss": "redis",
    "redis+unix": "redis",
    "memcached": "pymemcache",
    "mongodb": "pymongo",
}


def split_url(text: str, fix: str) -> SplitResult:
    """Return an absolute http(s) URL in its parts; refuses what is none, and names in it."""
    if not re.fullmatch(r"[!-~]+", text):
        refuse(_("holds white space or characters outside ASCII"), fix)
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        refuse(_("is not a valid URL"), fix)
    if url.scheme not in ("http", "https") or not url.hostname or port == 0 or "\\" in text:
        refuse(_("is not an absolute http or https URL"), fix)
    if "@" in url.netloc:
        refuse(_("holds a user name"), fix)
    if "?" in text or "#" in text:
        refuse(_("holds a query or a fragment"), fix)
    return url


def _redirect(value: Any) -> Any:
    """Check rule 8 of TikTok's contract, and that the path can be served by us."""
    url = split_url(str(value), _EXAMPLE)
    if len(str(value)) >= 512:
        refuse(_("is 512 characters or longer"), _EXAMPLE)
    if url.hostname in LOOPBACK:
        if url.port is None:
            refuse(_("is on this machine and names no port"), _EXAMPLE)
    elif url.scheme == "http":
        refuse(
            _("is http on a host that is not this machine"),
            "TIKTOK_REDIRECT_URI=https://YOUR-HOST/api/auth/tiktok/callback",
        )
    if not _PATH.fullmatch(url.path):
        refuse(_("has no path, or one with other than letters, digits and . _ ~ -"), _EXAMPLE)
    if _OURS.match(url.path):
        refuse(_("has a path that another page of this app uses"), _EXAMPLE)
    return value


def _tiktok(example: str) -> Any:
    def check(value: Any) -> Any:
        fix = _("remove it for the default, %(default)s", default=example)
        url = split_url(str(value), fix)
        if url.hostname in TIKTOK_HOSTS and url.scheme != "https":
            refuse(_("is http: TikTok is reached by https only"), fix)
        return value if str(value).endswith("/") else f"{value}/"

    return check


def _database(value: Any) -> Any:
    text = str(value)
    scheme = text.partition("://")[0]
    try:
        make_url(text)
    except (ArgumentError, ValueError):
        refuse(
            _("is no address of a database"), "DATABASE_URL=postgresql://USER:PASSWORD@HOST/NAME"
        )
    if scheme == "postgres":
        refuse(_("begins with postgres://"), _("write postgresql:// for postgres://"))
    if scheme in ("postgresql", "postgresql+psycopg"):
        if find_spec("psycopg") is None:
            refuse(
                _("needs %(module)s", module="psycopg"), "pip install -r requirements-postgres.txt"
            )
        return value
    if not re.match(r"sqlite:///[^?#]", text):
        fix = _("DATABASE_URL=sqlite:///instance/app.db or postgresql://USER@HOST/NAME")
        refuse(_("is neither a SQLite file nor PostgreSQL"), fix)
    if ":memory:" in text:
        example = "DATABASE_URL=sqlite:///instance/app.db"
        refuse(_("is in memory, where each process would see its own"), example)
    return value


def _page(value: Any) -> Any:
    text = str(value)
    ours = text.startswith("/") and not text.startswith("//") and "\\" not in text
    url = urlsplit(text)
    if not ours and (url.scheme not in ("http", "https") or not url.hostname):
        refuse(
            _("is no web address"), _("write an https:// address, or remove it for our own page")
        )
    return value


def _notify(value: Any) -> Any:
    """Check where notices go: https, or http on this machine; a query is the receiver's matter."""
    text = str(value)
    if not text:
        return text
    fix = "NOTIFY_URL=https://YOUR-SERVICE/hooks/coatcheck"
    url = split_url(text.partition("?")[0], fix)
    if not re.fullmatch(r"[!-~]+", text) or "#" in text:
        refuse(_("holds white space, a fragment or characters outside ASCII"), fix)
    if url.scheme == "http" and url.hostname not in LOOPBACK:
        refuse(_("is http on a host that is not this machine"), fix)
    return value


def _hosts(value: Any) -> Any:
    hosts = parts(value)
    if not all(_HOST.fullmatch(host) for host in hosts):
        refuse(_("holds what is no host name"), "TRUSTED_HOSTS=www.example.org,.example.com")
    return hosts


def _storage(value: Any) -> Any:
    scheme = str(value).partition("://")[0]
    if "://" not in str(value) or scheme not in _STORAGES:
        refuse(_("is no storage Flask-Limiter knows"), "RATELIMIT_STORAGE_URI=memory://")
    if _STORAGES[scheme] and find_spec(_STORAGES[scheme]) is None:
        needed = _STORAGES[scheme]
        refuse(_("needs %(module)s", module=needed), f"pip install {needed}")
    return value


RedirectUri = Annotated[str, BeforeValidator(_redirect)]
AuthorizeUrl = Annotated[str, BeforeValidator(_tiktok(AUTHORIZE_URL))]
ApiUrl = Annotated[str, BeforeValidator(_tiktok(API_URL))]
DatabaseUrl = Annotated[str, BeforeValidator(_database)]
PageUrl = Annotated[str, BeforeValidator(_page)]
Hosts = Annotated[tuple[str, ...], BeforeValidator(_hosts)]
NotifyUrl = Annotated[str, BeforeValidator(_notify)]
StorageUri = Annotated[str, BeforeValidator(_storage)]

_RETURN_TO_EXAMPLE = (
    "RETURN_TO=Example Studio=https://studio.example/, Example Shop=https://shop.example/app/"
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
#: Goes into the browser's cookie with every attempt.
MAX_RETURN_URL = 500
#: What an address may be written with (RFC 3986). Left out is what browsers read in ways of their
#: own: white space and control characters, backslash, quotes, brackets, anything beyond ASCII.
_WRITTEN = re.compile(r"[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]+")
#: In a path these climb out of it, or may be read as if they did: dot segments, and dot, slash,
#: backslash, percent and control characters in disguise.
_CLIMBS = re.compile(r"/\.{1,2}([;/]|$)|%(2e|2f|5c|25|[01][0-9a-f]|7f)", re.IGNORECASE)


class Service(NamedTuple):
    """One service: what it is called on our pages, and where it lives."""

    name: str
    #: Absolute, with a path.
    address: str


def covers(address: str, url: str) -> bool:
    """Tell whether `url` lies under `address`, by comparing what is written, byte for byte.

    So whoever reads it, browser or server, sees the same scheme, host and port, and no user name:
    there is no second reading that could differ from ours.
    """
    if len(url) > MAX_RETURN_URL or not _WRITTEN.fullmatch(url):
        return False
    if _CLIMBS.search(re.split(r"[?#]", url, maxsplit=1)[0]):
        return False
    if f"{url}/" == address:
        return True
    rest = url.removeprefix(address)
    return rest != url and (address.endswith("/") or not rest or rest[0] in "/?#")


def _services(value: Any) -> tuple[Service, ...]:
    if not isinstance(value, str):
        return tuple(value)
    services = [_service(part) for part in parts(value)]
    if len({each.name for each in services}) < len(services):
        refuse("gives one name to two addresses", _RETURN_TO_EXAMPLE)
    return tuple(services)


def _service(text: str) -> Service:
    name, there, address = (piece.strip() for piece in text.partition("="))
    if not there or not name or not name.isprintable() or len(name) > 60:
        refuse("holds an address without a short name before it", _RETURN_TO_EXAMPLE)
    url = split_url(address, _RETURN_TO_EXAMPLE)
    if url.scheme == "http" and url.hostname not in LOOPBACK:
        refuse("is http on a host that is not this machine", _RETURN_TO_EXAMPLE)
    if len(address) > MAX_RETURN_URL // 2:
        refuse(
            f"holds an address of more than {MAX_RETURN_URL // 2} characters", _RETURN_TO_EXAMPLE
        )
    port = f":{url.port}" if url.port not in (None, _DEFAULT_PORTS[url.scheme]) else ""
    # As services write it: without a default port, the host in lower case, never without a path.
    host = url.netloc.lower().partition(":")[0]
    tidy = f"{url.scheme}://{host}{port}{url.path or '/'}"
    if not covers(tidy, tidy):
        refuse("holds an address that no page can lie under", _RETURN_TO_EXAMPLE)
    return Service(name, tidy)


ReturnTo = Annotated[tuple[Service, ...], BeforeValidator(_services)]
