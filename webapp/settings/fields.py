"""What an address in the settings must look like; never opens one, never repeats one in words."""

import re
from importlib.util import find_spec
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit

from pydantic import BeforeValidator
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from webapp.later import gettext as _
from webapp.settings.problem import refuse
from webapp.settings.readings import parts

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


def split(text: str, mend: str) -> SplitResult:
    """Return an absolute http(s) URL in its parts; refuses what is none, and names in it."""
    if not re.fullmatch(r"[!-~]+", text):
        refuse(_("holds white space or characters outside ASCII"), mend)
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        refuse(_("is not a valid URL"), mend)
    if url.scheme not in ("http", "https") or not url.hostname or port == 0 or "\\" in text:
        refuse(_("is not an absolute http or https URL"), mend)
    if "@" in url.netloc:
        refuse(_("holds a user name"), mend)
    if "?" in text or "#" in text:
        refuse(_("holds a query or a fragment"), mend)
    return url


def _redirect(value: Any) -> Any:
    """Check rule 8 of TikTok's contract, and that the path can be served by us."""
    url = split(str(value), _EXAMPLE)
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
        mend = _("remove it for the default, %(default)s", default=example)
        url = split(str(value), mend)
        if url.hostname in TIKTOK_HOSTS and url.scheme != "https":
            refuse(_("is http: TikTok is reached by https only"), mend)
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
        mend = _("DATABASE_URL=sqlite:///instance/app.db or postgresql://USER@HOST/NAME")
        refuse(_("is neither a SQLite file nor PostgreSQL"), mend)
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
    mend = "NOTIFY_URL=https://YOUR-SERVICE/hooks/coatcheck"
    url = split(text.partition("?")[0], mend)
    if not re.fullmatch(r"[!-~]+", text) or "#" in text:
        refuse(_("holds white space, a fragment or characters outside ASCII"), mend)
    if url.scheme == "http" and url.hostname not in LOOPBACK:
        refuse(_("is http on a host that is not this machine"), mend)
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
