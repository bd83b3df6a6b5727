"""Reads every request whole before anybody asks who sent it; turns away what is no request of ours.

A body may arrive long after its head. Whoever was judged by the head alone could keep the last byte
back until the session had ended, and then still act under it.
"""

from io import BytesIO
from typing import cast

from flask import Flask, abort, request

LARGEST_BODY = 16 * 1024
#: Bytes of path and query. TikTok's codes are under 1,000; gunicorn cuts off far above this.
LONGEST_URL = 4096


def register(app: Flask) -> None:
    """Measure every request, first of all."""

    @app.before_request
    def _measure() -> None:
        asked = request.environ
        if len(asked.get("RAW_URI") or request.full_path) > LONGEST_URL:
            abort(414)
        if (request.content_length or 0) > LARGEST_BODY:
            abort(413)
        try:
            request.query_string.decode()
        except UnicodeDecodeError:
            abort(400)
        if "HTTP_HOST" not in asked and asked["SERVER_PROTOCOL"] == "HTTP/1.1":
            # RFC 9112 §3.2; gunicorn would fill in the address it listens on.
            abort(400)
        _take_body()


def _take_body() -> None:
    """Read the body, up to the limit, in place of the views.

    The server gives it a deadline (gunicorn.conf.py). A body in chunks does not say how long it is,
    and Werkzeug would cut a longer form at the limit without a word.
    """
    length = request.content_length or 0
    chunked = bool(request.environ.get("HTTP_TRANSFER_ENCODING"))
    if not length and not chunked:
        return
    # Not every server ends its input at the length.
    most = LARGEST_BODY + 1 if chunked else length
    try:
        body = cast(bytes, request.environ["wsgi.input"].read(most))
    except TimeoutError:
        abort(408)
    except Exception:  # noqa: BLE001  # servers raise kinds of their own for broken chunks
        abort(400)
    if len(body) > LARGEST_BODY:
        abort(413)
    if len(body) < length:
        # They hung up in the middle of it.
        abort(400)
    request.environ["wsgi.input"] = BytesIO(body)
