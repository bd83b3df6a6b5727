"""The page that someone wanted to open without being signed in, to which a sign-in leads back.

It is always the address of one of our own pages, built here from the route that was asked for, so
no link can name another. It is kept in this browser's signed cookies: nothing of it is in a URL.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from flask import current_app, request, session, url_for
from werkzeug.exceptions import HTTPException

from webapp.views.http.browser_cookies import SAFE

#: Longer than anyone takes to sign in; a page that was wanted long ago surprises.
REMEMBERED = timedelta(minutes=30)
#: Characters; a longer query is dropped, because a cookie has 4096 bytes.
MAX_LENGTH = 1000
_WANTED = "wanted"
_OPERATORS = ("operator", "operator_or_first")
#: Where operators' pages are.
OPERATORS_PAGES = "/operators/"
#: A download is no page: after it, the browser would still show TikTok's.
_FILES = frozenset({"account.export", "audit.csv", "operators.tokens_csv", "operators.tokens_json"})


def remember(now: datetime) -> None:
    """Remember the page that this request is for, or from whose form it comes.

    Below /operators/ that is any address: which of them exist is nobody's business before they sign
    in, and cookies are signed, not encrypted.
    """
    addresses = (_as_asked(*place) or _page(*place) for place in _places())
    if found := next(filter(None, addresses), ""):
        session[_WANTED] = [found, int(now.timestamp())]


def page() -> str:
    """Return the address of the page that this request is for, or from whose form it comes.

    Empty if it isn't one that needs a sign-in.
    """
    return next(filter(None, (_page(*place) for place in _places())), "")


def wanted(now: datetime) -> str:
    """Return the address of the remembered page; empty if there is none, or no such page."""
    found, since = session.get(_WANTED, ("", 0))
    if now - datetime.fromtimestamp(since, UTC) > REMEMBERED:
        return ""
    address = urlsplit(str(found))
    return _page(unquote(address.path).removeprefix(request.script_root), address.query)


def is_address(then: str) -> bool:
    """Return True if this place to continue came from `wanted`."""
    return then.startswith("/")


def is_for_operators(address: str) -> bool:
    """Return True if only operators may open this remembered page."""
    path = unquote(urlsplit(address).path).removeprefix(request.script_root)
    return _access(_match(path)[0]) != "person"


def _places() -> list[tuple[str, str]]:
    """Return path and query of the page that this request is for, and of the one it comes from."""
    query = request.query_string.decode() if request.method in SAFE else ""
    places = [(request.path, query), _form_page()]
    if request.method not in SAFE:
        # First the page with the form: its query may hold choices.
        places.reverse()
    return places


def _as_asked(path: str, query: str) -> str:
    """Return an address below /operators/ as it is, whether there is such a page or not."""
    if not path.startswith(OPERATORS_PAGES):
        return ""
    path = quote(f"{request.script_root}{path}")
    whole = f"{path}?{query}" if query else path
    return next((each for each in (whole, path) if len(each) <= MAX_LENGTH), "")


def _form_page() -> tuple[str, str]:
    """Return path and query of our own page from which this request comes; empty if none is named.

    Browsers name it to us alone (see `headers`).
    """
    root = request.script_root
    try:
        from_page = urlsplit(request.referrer or "")
    except ValueError:
        return "", ""
    if from_page.netloc != request.host or not from_page.path.startswith(root):
        return "", ""
    return unquote(from_page.path[len(root) :]), from_page.query


def _page(path: str, query: str) -> str:
    """Return the address of the page at this path; empty if it isn't one that needs a sign-in."""
    endpoint, values = _match(path)
    if endpoint in _FILES or _access(endpoint) not in ("person", *_OPERATORS):
        return ""
    address = url_for(endpoint, **values)
    # Encoded again, so it is a query whatever it contains.
    choices = urlencode(parse_qsl(query, keep_blank_values=True))
    whole = f"{address}?{choices}" if choices else address
    return next((each for each in (whole, address) if len(each) <= MAX_LENGTH), "")


def _match(path: str) -> tuple[str, dict[str, Any]]:
    """Return endpoint and values of the page at this path; an empty endpoint if there is none."""
    adapter = current_app.create_url_adapter(request)
    try:
        endpoint, values = adapter.match(path, method="GET") if adapter and path else ("", {})
    except HTTPException:
        return "", {}
    return str(endpoint), dict(values)


def _access(endpoint: str) -> str:
    return str(getattr(current_app.view_functions.get(endpoint), "access", ""))
