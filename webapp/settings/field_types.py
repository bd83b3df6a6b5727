"""The types of the settings: each turns the text of a variable into a checked value.

A refused text raises ValueError, explained by the `description` of the type, or `refuse` with a
cause and a fix of its own. Neither may repeat the value.
"""

import re
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated, Any, Literal, NamedTuple, NoReturn
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

BASIC_SCOPE = "user.info.basic"
_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"0", "false", "no", "off"})
#: What may be repeated in a message: words, which no secret looks like.
_WORDS = re.compile(r"[A-Za-z_. ]{1,60}")
_SCOPE = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+")

AUTHORIZE_URL = "https://www.tiktok.com/v2/auth/authorize/"
API_URL = "https://open.tiktokapis.com/v2/"
TIKTOK_HOSTS = frozenset({"www.tiktok.com", "open.tiktokapis.com"})
#: The hosts that TikTok accepts in a redirect URI for the Desktop platform.
LOOPBACK = frozenset({"localhost", "127.0.0.1"})
_REDIRECT_EXAMPLE = "TIKTOK_REDIRECT_URI=http://127.0.0.1:8000/api/auth/tiktok/callback"
_PATH = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+/?")
#: First segments of our own paths; a callback there would hide a page or be hidden by it.
_OURS = re.compile(
    r"/(connect|connected|account|sign-out|operators|privacy|terms|cookies|theme|language|webhooks"
    r"|static|healthz|readyz|metrics|api/v1|api/docs|favicon\.ico|robots\.txt)(/|$)"
)
_HOST = re.compile(r"\.?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?")
#: Storage schemes that Flask-Limiter supports → the module each one needs, if any.
_STORAGES = {
    "memory": "",
    "redis": "redis",
    "rediss": "redis",
    "redis+unix": "redis",
    "memcached": "pymemcache",
    "mongodb": "pymongo",
}
_NOTIFY_EXAMPLE = "NOTIFY_URL=https://YOUR-SERVICE/hooks/coatcheck"
_CONTACT_EXAMPLE = (
    "SECURITY_CONTACT=mailto:security@YOUR-HOST or SECURITY_CONTACT=https://YOUR-HOST/report"
)
#: An address that a mailto: URI holds as it is, without percent-encoding (RFC 6068).
_MAILBOX = re.compile(r"[A-Za-z0-9._~+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")

_RETURN_TO_EXAMPLE = (
    "RETURN_TO=Example Studio=https://studio.example/, Example Shop=https://shop.example/app/"
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
#: The address is stored in the browser's cookie with every attempt.
MAX_RETURN_URL = 500
#: Characters of an address (RFC 3986). Browsers disagree about the others: white space, control
#: characters, backslashes, quotes, brackets and anything outside ASCII.
_URL_CHARACTERS = re.compile(r"[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]+")
#: Parts of a path that leave it, or that some software reads so: dot segments, and encoded dots,
#: slashes, backslashes, percent signs and control characters.
_LEAVES_PATH = re.compile(r"/\.{1,2}([;/]|$)|%(2e|2f|5c|25|[01][0-9a-f]|7f)", re.IGNORECASE)


def refuse(cause: str, fix: str) -> NoReturn:
    """Raise the error that `webapp.settings.load` turns into a `Problem` with this text."""
    raise PydanticCustomError("refused", "{cause}", {"cause": cause, "fix": fix})


def parts(text: str) -> tuple[str, ...]:
    """Split a text at commas and drop blank parts."""
    return tuple(part for part in (piece.strip() for piece in text.split(",")) if part)


def _flag(text: str) -> bool:
    word = text.lower()
    if word not in _YES | _NO:
        raise ValueError("neither yes nor no")
    return word in _YES


def _digits(text: str) -> int:
    # Stricter than pydantic, which also reads "+5", "5.0" and "1_000".
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ValueError("not digits")
    return int(text)


def between(low: int, high: int) -> Any:
    """Return the constraint of a whole number from `low` to `high`, inclusive."""
    return Field(ge=low, le=high, description=f"a whole number from {low} to {high}")


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("not printable")
    return value


def _scopes(text: str) -> tuple[str, ...]:
    names = parts(text)
    for name in names:
        if not _SCOPE.fullmatch(name):
            # Without it nobody finds the mistake; but a secret may have been pasted here.
            part = f"“{name}”" if _WORDS.fullmatch(name) else f"a text of {len(name)} characters"
            refuse(
                f"contains {part}, which is not a scope name",
                "write scopes in lower case, separated by commas: user.info.basic,video.list",
            )
    if len(set(names)) < len(names):
        double = next(name for name in names if names.count(name) > 1)
        refuse(f"lists {double} twice", f"list {double} once")
    return names


def _required_scopes(text: str) -> tuple[str, ...]:
    names = _scopes(text)
    return names if BASIC_SCOPE in names else (BASIC_SCOPE, *names)


def split_url(text: str, fix: str) -> SplitResult:
    """Return the parts of an absolute http(s) URL without user name, query and fragment.

    Refuses any other text, with this `fix`.
    """
    if not re.fullmatch(r"[!-~]+", text):
        refuse("contains white space or characters outside ASCII", fix)
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        refuse("is not a valid URL", fix)
    if url.scheme not in ("http", "https") or not url.hostname or port == 0 or "\\" in text:
        refuse("is not an absolute http or https URL", fix)
    if "@" in url.netloc:
        refuse("contains a user name", fix)
    if "?" in text or "#" in text:
        refuse("contains a query or a fragment", fix)
    return url


def _redirect(text: str) -> str:
    """Check rule 8 of TikTok's contract, and that this app can serve the path."""
    url = split_url(text, _REDIRECT_EXAMPLE)
    if len(text) >= 512:
        refuse("is 512 characters or longer", _REDIRECT_EXAMPLE)
    if url.hostname in LOOPBACK:
        if url.port is None:
            refuse("is on this machine but has no port", _REDIRECT_EXAMPLE)
    elif url.scheme == "http":
        refuse(
            "is http on a host that is not this machine",
            "TIKTOK_REDIRECT_URI=https://YOUR-HOST/api/auth/tiktok/callback",
        )
    if not _PATH.fullmatch(url.path):
        refuse(
            "has no path, or a path with characters other than letters, digits and . _ ~ -",
            _REDIRECT_EXAMPLE,
        )
    if _OURS.match(url.path):
        refuse("has a path that another page of this app uses", _REDIRECT_EXAMPLE)
    return text


def _tiktok(default: str) -> BeforeValidator:
    def check(text: str) -> str:
        fix = f"remove it for the default, {default}"
        url = split_url(text, fix)
        if url.hostname in TIKTOK_HOSTS and url.scheme != "https":
            refuse("is http, but TikTok requires https", fix)
        return f"{text.removesuffix('/')}/"

    return BeforeValidator(check)


def _database(text: str) -> str:
    scheme = text.partition("://")[0]
    try:
        make_url(text)
    except (ArgumentError, ValueError):
        refuse("is not a database URL", "DATABASE_URL=postgresql://USER:PASSWORD@HOST/NAME")
    if scheme == "postgres":
        refuse("begins with postgres://", "write postgresql:// instead of postgres://")
    if scheme in ("postgresql", "postgresql+psycopg"):
        if not _has_psycopg():
            refuse("needs the package psycopg", "pip install -r requirements-postgres.txt")
        return text
    if not re.match(r"sqlite:///[^?#]", text):
        refuse(
            "is neither an SQLite file nor PostgreSQL",
            "DATABASE_URL=sqlite:///instance/app.db or postgresql://USER@HOST/NAME",
        )
    if ":memory:" in text:
        refuse(
            "is in memory, where each process would see a database of its own",
            "DATABASE_URL=sqlite:///instance/app.db",
        )
    return text


def _has_psycopg() -> bool:
    """Return True if PostgreSQL's driver works; without its C library it is only found."""
    try:
        import_module("psycopg")
    except ImportError:
        return False
    return True


def _page(text: str) -> str:
    ours = text.startswith("/") and not text.startswith("//") and "\\" not in text
    url = urlsplit(text)
    if not ours and (url.scheme not in ("http", "https") or not url.hostname):
        refuse(
            "is not a web address", "write an https:// address, or remove it for the built-in page"
        )
    return text


def _notify(text: str) -> str:
    """Check a receiver: https, or http on this machine; unlike other URLs it may have a query."""
    url = split_url(text.partition("?")[0], _NOTIFY_EXAMPLE)
    if not re.fullmatch(r"[!-~]+", text) or "#" in text:
        refuse("contains white space, a fragment or characters outside ASCII", _NOTIFY_EXAMPLE)
    if url.scheme == "http" and url.hostname not in LOOPBACK:
        refuse("is http on a host that is not this machine", _NOTIFY_EXAMPLE)
    return text


def _contact(text: str) -> str:
    """Return the URI of security.txt's Contact (RFC 9116); an email address becomes mailto:."""
    if not text:
        return text
    mailbox = text.removeprefix("mailto:")
    if _MAILBOX.fullmatch(mailbox):
        return f"mailto:{mailbox}"
    if not text.startswith("https://"):
        refuse("is neither an email address nor an https URL", _CONTACT_EXAMPLE)
    split_url(text.partition("?")[0], _CONTACT_EXAMPLE)
    if not _URL_CHARACTERS.fullmatch(text) or "#" in text:
        refuse("contains a fragment, or characters that don't belong in a URL", _CONTACT_EXAMPLE)
    return text


def _hosts(text: str) -> tuple[str, ...]:
    hosts = parts(text)
    if not all(_HOST.fullmatch(host) for host in hosts):
        refuse(
            "contains something that is not a host name",
            "TRUSTED_HOSTS=www.example.org,.example.com",
        )
    return hosts


def _storage(text: str) -> str:
    scheme = text.partition("://")[0]
    if "://" not in text or scheme not in _STORAGES:
        refuse("is not a storage that Flask-Limiter supports", "RATELIMIT_STORAGE_URI=memory://")
    module = _STORAGES[scheme]
    if module and find_spec(module) is None:
        refuse(f"needs the package {module}", f"pip install {module}")
    return text


class Service(NamedTuple):
    """One service that people can be sent back to: its name on our pages, and its address."""

    name: str
    #: Absolute, with a path.
    address: str


def covers(address: str, url: str) -> bool:
    """Return True if `url` is `address` or below it, compared character by character.

    Browsers and servers then agree on scheme, host and port, because nothing is parsed.
    """
    if len(url) > MAX_RETURN_URL or not _URL_CHARACTERS.fullmatch(url):
        return False
    if _LEAVES_PATH.search(re.split(r"[?#]", url, maxsplit=1)[0]):
        return False
    if f"{url}/" == address:
        return True
    rest = url.removeprefix(address)
    return rest != url and (address.endswith("/") or not rest or rest[0] in "/?#")


def _services(text: str) -> tuple[Service, ...]:
    services = [_service(part) for part in parts(text)]
    if len({each.name for each in services}) < len(services):
        refuse("gives two addresses the same name", _RETURN_TO_EXAMPLE)
    return tuple(services)


def _service(text: str) -> Service:
    name, equals, address = (piece.strip() for piece in text.partition("="))
    if not equals or not name or not name.isprintable() or len(name) > 60:
        refuse("contains an address without a short name before it", _RETURN_TO_EXAMPLE)
    url = split_url(address, _RETURN_TO_EXAMPLE)
    if url.scheme == "http" and url.hostname not in LOOPBACK:
        refuse("is http on a host that is not this machine", _RETURN_TO_EXAMPLE)
    longest = MAX_RETURN_URL // 2
    if len(address) > longest:
        refuse(f"contains an address of more than {longest} characters", _RETURN_TO_EXAMPLE)
    port = f":{url.port}" if url.port not in (None, _DEFAULT_PORTS[url.scheme]) else ""
    # As services write it: no default port, the host in lower case, always a path.
    host = url.netloc.lower().partition(":")[0]
    normalized = f"{url.scheme}://{host}{port}{url.path or '/'}"
    if not covers(normalized, normalized):
        refuse(
            "contains an address with an IPv6 host, a dot segment or an unusual character",
            _RETURN_TO_EXAMPLE,
        )
    return Service(name, normalized)


Flag = Annotated[bool, BeforeValidator(_flag), Field(description="1 (on) or 0 (off)")]
Digits = Annotated[int, BeforeValidator(_digits)]
LogLevel = Annotated[
    Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"],
    BeforeValidator(str.upper),
    Field(description="DEBUG, INFO, WARNING, ERROR or CRITICAL"),
]
LogFormat = Annotated[
    Literal["json", "console"],
    BeforeValidator(str.lower),
    Field(description="json (for machines) or console (for people)"),
]
ShortName = Annotated[
    str,
    Field(max_length=60, description="a printable text of at most 60 characters"),
    AfterValidator(_printable),
]
Email = Annotated[
    str,
    Field(
        pattern=r"\A([^@\s<>\"]+@[^@\s<>\"]+\.[^@\s<>\".]+)?\Z",
        description="an email address such as help@example.org",
    ),
]
InstanceId = Annotated[
    str,
    Field(pattern=r"\A([A-Za-z0-9-]{8,64})?\Z", description="8 to 64 letters, digits and dashes"),
]
Scopes = Annotated[tuple[str, ...], BeforeValidator(_scopes)]
RequiredScopes = Annotated[tuple[str, ...], BeforeValidator(_required_scopes)]
# Not pydantic's own URL types: these normalize, and TikTok compares byte for byte.
RedirectUri = Annotated[str, BeforeValidator(_redirect)]
AuthorizeUrl = Annotated[str, _tiktok(AUTHORIZE_URL)]
ApiUrl = Annotated[str, _tiktok(API_URL)]
DatabaseUrl = Annotated[str, BeforeValidator(_database)]
PageUrl = Annotated[str, BeforeValidator(_page)]
NotifyUrl = Annotated[str, BeforeValidator(_notify)]
SecurityContact = Annotated[str, BeforeValidator(_contact)]
StorageUri = Annotated[str, BeforeValidator(_storage)]
Hosts = Annotated[tuple[str, ...], BeforeValidator(_hosts)]
ReturnTo = Annotated[tuple[Service, ...], BeforeValidator(_services)]
