"""Static files under addresses that change with their content, so that none is ever out of date."""

from functools import cache
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Any

from flask import Flask, Response, current_app, request


def register(app: Flask) -> None:
    """Let `url_for("static", …)` name the content of the file: `/static/style.css?v=1f3a9c07`."""

    @app.url_defaults
    def _name_content(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static" and "filename" in values:
            path = Path(str(app.static_folder), values["filename"])
            values["v"] = _fingerprint(path) if path.is_file() else None

    @app.after_request
    def _read_whole(response: Response) -> Response:
        if request.endpoint == "static" and response.status_code == HTTPStatus.OK:
            # They are small, and what is a stream is not compressed.
            response.direct_passthrough = False
            response.make_sequence()
        return response


def cache_control() -> str:
    """Return how long the static file of this request may be kept: for good, if it was named."""
    filename = (request.view_args or {}).get("filename", "")
    if request.args.get("v") == _fingerprint(Path(str(current_app.static_folder), filename)):
        return "public, max-age=31536000, immutable"
    return "public, max-age=3600"


@cache
def _fingerprint(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()[:8]
