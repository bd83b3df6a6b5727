"""Checks and counts every request before anything else does.

Bodies are read in full before anyone is identified: a body may arrive long after its headers, and a
sender who could hold back the last byte would otherwise act after their session has ended.
"""

import re
import time
from io import BytesIO
from typing import TYPE_CHECKING, cast

from flask import Flask, Request, Response, abort, g, request

from webapp import metrics
from webapp.services.maintenance import machine_checks
from webapp.views.http.runtime import runtime

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: Where a proxy on the same machine calls from.
LOOPBACK = frozenset({"127.0.0.1", "::1"})
#: Bytes of a request body.
MAX_BODY = 16 * 1024
#: Bytes of path and query. TikTok's codes are under 1,000; gunicorn's own limit is far higher.
MAX_URL = 4096
#: `connect.example.` is the same name as `connect.example`: the dot is the root of all names.
_ROOT_DOT = re.compile(r"(?<=[^.])\.(?=(:[0-9]+)?$)")


class SameHostRequest(Request):
    """A request whose Host header is spelled like the settings, so any spelling is the same host.

    Without the header it is the empty host, which no setting allows: the request is refused before
    a view or a full page needs an address. Flask would use the one that the server listens on.
    """

    def __init__(self, environ: "WSGIEnvironment", *args: bool) -> None:
        environ["HTTP_HOST"] = same_host(environ.get("HTTP_HOST", ""))
        super().__init__(environ, *args)


def same_host(host: str) -> str:
    """Return a host, with or without a port, in lower case and without the root's dot."""
    return _ROOT_DOT.sub("", host.strip().lower())


def register_metrics(app: Flask) -> None:
    """Count requests and measure their time. Call it before anything that may refuse a request."""

    @app.before_request
    def _begin() -> None:
        g.began = time.perf_counter()

    @app.after_request
    def _count(response: Response) -> Response:
        began = g.get("began")
        seconds = 0.0 if began is None else time.perf_counter() - began
        metrics.count(request.endpoint, request.method, response.status_code, seconds)
        return response


def is_speculative() -> bool:
    """Return True if the browser fetches this page before the person opens it."""
    headers = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
    said = " ".join(request.headers.get(name, "") for name in headers).lower()
    return any(word in said for word in ("prefetch", "prerender", "preview"))


def is_deliberate() -> bool:
    """Return True if the person opens this page from our site, a bookmark or by its address.

    For pages that can be seen only once: a prefetch, a HEAD request or another site's link must not
    use up that one time.
    """
    foreign = request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none")
    return request.method == "GET" and not foreign and not is_speculative()


def register(app: Flask) -> None:
    """Refuse requests that are too long, too large or malformed. Call it before the guards."""

    @app.before_request
    def _check() -> None:
        environ = request.environ
        if len(environ.get("RAW_URI") or request.full_path) > MAX_URL:
            abort(414)
        if (request.content_length or 0) > MAX_BODY:
            abort(413)
        try:
            request.query_string.decode()
        except UnicodeDecodeError:
            abort(400)
        if "HTTP_X_FORWARDED_FOR" in environ and environ.get("REMOTE_ADDR") in LOOPBACK:
            current = runtime()
            if not current.settings.proxy_hops:
                machine_checks.record_proxy(current)
        _read_body()


def _read_body() -> None:
    """Read the body, up to the limit, before the views do.

    The server enforces a deadline (decisions/0024). A chunked body doesn't announce its length,
    and Werkzeug would silently truncate a longer form at the limit.
    """
    length = request.content_length or 0
    chunked = bool(request.environ.get("HTTP_TRANSFER_ENCODING"))
    if not length and not chunked:
        return
    # Not every server ends its input at Content-Length.
    limit = MAX_BODY + 1 if chunked else length
    try:
        body = cast(bytes, request.environ["wsgi.input"].read(limit))
    except TimeoutError:
        abort(408)
    except Exception:  # noqa: BLE001  # servers raise their own exceptions for broken chunks
        abort(400)
    if len(body) > MAX_BODY:
        abort(413)
    if len(body) < length:
        # The client hung up.
        abort(400)
    request.environ["wsgi.input"] = BytesIO(body)
