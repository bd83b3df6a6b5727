"""What pages load: under addresses that name its content, and compressed as the pages are."""

from functools import lru_cache
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Any

from flask import Flask, Response, current_app, request
from flask_compress import Compress

from webapp.views.http.api_document import API

_COMPRESSED = {"text/html", "text/css", "text/javascript", "image/svg+xml"}


def register(app: Flask) -> None:
    """Let `url_for("static", …)` name the content of the file: `/static/style.css?v=1f3a9c07`.

    Called last, because what is compressed is what the answer is in the end.
    """

    @app.url_defaults
    def _name_content(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static" and "filename" in values:
            path = Path(str(app.static_folder), values["filename"])
            values["v"] = _fingerprint(path) if path.is_file() else None

    _compress(app)


def _compress(app: Flask) -> None:
    """Compress pages and what they load; never an export, nor what a service is handed."""
    app.config.update(COMPRESS_ALGORITHM=["br", "gzip"], COMPRESS_REGISTER=False)
    compress = Compress()
    compress.init_app(app)

    @app.after_request
    def _smaller(response: Response) -> Response:
        if response.mimetype not in _COMPRESSED or request.path.startswith(API):
            return response
        if request.endpoint == "static" and response.status_code == HTTPStatus.OK:
            # They are small, and a file that is sent as a stream would be left open.
            response.direct_passthrough = False
            response.make_sequence()
        return compress.after_request(response)


def cache_control() -> str:
    """Return how long the static file of this request may be kept: for good, if it was named."""
    filename = (request.view_args or {}).get("filename", "")
    if request.args.get("v") == _fingerprint(Path(str(current_app.static_folder), filename)):
        return "public, max-age=31536000, immutable"
    return "public, max-age=3600"


@lru_cache(maxsize=64)
def _fingerprint(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()[:8]
