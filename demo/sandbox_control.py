"""Calls the control API of the mock TikTok that the app is configured for."""

import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

#: Seconds for one call; a thousand people take a fraction of a second.
_TIMEOUT = 30


class NotAnswering(Exception):
    """The sandbox isn't running, or it refused a call; the text, one line, says which."""


def of_api(api_url: str) -> str:
    """Return the address of the sandbox whose API has this URL (TIKTOK_API_URL)."""
    parts = urlsplit(api_url)
    return f"{parts.scheme}://{parts.netloc}"


def call(sandbox: str, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """Call /control/PATH and return the JSON of the answer. Raises NotAnswering."""
    connection = http.client.HTTPConnection(urlsplit(sandbox).netloc, timeout=_TIMEOUT)
    try:
        sent = None if body is None else json.dumps(body)
        connection.request(method, f"/control/{path}", sent, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise NotAnswering(f"The mock TikTok refused /control/{path} ({answer.status}).")
        return json.loads(text)
    except (OSError, http.client.HTTPException, ValueError):
        raise NotAnswering(
            f"The mock TikTok isn't responding at {sandbox}. Start it: python -m sandbox"
        ) from None
    finally:
        connection.close()
