"""Counts every request and how long its answer took; knows nothing of what is in them.

Reads every request whole before anybody asks who sent it; turns away what is no request of ours.

A body may arrive long after its head. Whoever was judged by the head alone could keep the last byte
back until the session had ended, and then still act under it.
"""

import time
from io import BytesIO
from typing import cast

from flask import Flask, Response, abort, g, request

from webapp import metrics


def register_metrics(app: Flask) -> None:
    """Count from here on. Call it before anything that may refuse a request."""

    @app.before_request
    def _begin() -> None:
        g.began = time.perf_counter()

    @app.after_request
    def _count(response: Response) -> Response:
        began = g.get("began")
        took = 0.0 if began is None else time.perf_counter() - began
        metrics.count(request.endpoint, request.method, response.status_code, took)
        return response


MAX_BODY = 16 * 1024
#: Bytes of path and query. TikTok's codes are under 1,000; gunicorn cuts off far above this.
MAX_URL = 4096


def register(app: Flask) -> None:
    """Measure every request, first of all."""

    @app.before_request
    def _measure() -> None:
        asked = request.environ
        if len(asked.get("RAW_URI") or request.full_path) > MAX_URL:
            abort(414)
        if (request.content_length or 0) > MAX_BODY:
            abort(413)
        try:
            request.query_string.decode()
        except UnicodeDecodeError:
            abort(400)
        if "HTTP_HOST" not in asked and asked["SERVER_PROTOCOL"] == "HTTP/1.1":
            # RFC 9112 §3.2; gunicorn would fill in the address it listens on.
            abort(400)
        _read_body()


def _read_body() -> None:
    """Read the body, up to the limit, in place of the views.

    The server gives it a deadline (gunicorn.conf.py). A body in chunks does not say how long it is,
    and Werkzeug would cut a longer form at the limit without a word.
    """
    length = request.content_length or 0
    chunked = bool(request.environ.get("HTTP_TRANSFER_ENCODING"))
    if not length and not chunked:
        return
    # Not every server ends its input at the length.
    most = MAX_BODY + 1 if chunked else length
    try:
        body = cast(bytes, request.environ["wsgi.input"].read(most))
    except TimeoutError:
        abort(408)
    except Exception:  # noqa: BLE001  # servers raise kinds of their own for broken chunks
        abort(400)
    if len(body) > MAX_BODY:
        abort(413)
    if len(body) < length:
        # They hung up in the middle of it.
        abort(400)
    request.environ["wsgi.input"] = BytesIO(body)
