"""The formats of TikTok's responses: flat for token and revoke, wrapped for the API."""

import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime

from flask import Response

FLAT = frozenset({"token", "revoke", "authorize"})
API_STATUS = {
    "access_token_invalid": 401,
    "scope_not_authorized": 401,
    "scope_permission_missed": 400,
    "invalid_params": 400,
    "rate_limit_exceeded": 429,
    "internal_error": 500,
}


def log_id() -> str:
    """Return an id like TikTok's: UTC time to the second, then 18 random uppercase hex digits."""
    return f"{datetime.now(UTC):%Y%m%d%H%M%S}{secrets.token_hex(9).upper()}"


def error_payload(endpoint: str, code: str, description: str) -> dict[str, object]:
    """Return the body of an error in the endpoint's format."""
    if endpoint in FLAT:
        return {"error": code, "error_description": description, "log_id": log_id()}
    return {"data": {}, "error": {"code": code, "message": description, "log_id": log_id()}}


def json_response(payload: Mapping[str, object] | None, status: int = 200) -> Response:
    """Return compact JSON, or an empty body if `payload` is None."""
    body = b"" if payload is None else json.dumps(payload, separators=(",", ":")).encode()
    return Response(body, status=status, content_type="application/json; charset=utf-8")
