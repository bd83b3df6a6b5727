"""Asks Coatcheck for a TikTok token; the standard library is enough. Copy it, it is yours.

COATCHECK_URL and COATCHECK_KEY come from the environment. `call` is your own call to TikTok: it
takes an access token and returns TikTok's HTTP status.
"""

import json
import os
import time
from collections.abc import Callable
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

_known: dict[str, tuple[str, dict]] = {}  # open_id → (ETag, the last answer)


def ask(open_id: str, action: str = "", body: dict | None = None) -> dict:
    """Return the token answer. Raises HTTPError: 404 and 409 mean that the person must connect."""
    etag, known = _known.get(open_id, ("", {}))
    url = f"{os.environ['COATCHECK_URL']}/api/v1/tokens/{quote(open_id, safe='')}{action}"
    headers = {"Authorization": f"Bearer {os.environ['COATCHECK_KEY']}", "If-None-Match": etag}
    data = json.dumps(body).encode() if body else None
    for _ in range(5):
        try:
            with urlopen(Request(url, data, headers), timeout=30) as answer:  # noqa: S310  our own URL
                _known[open_id] = answer.headers["ETag"], json.load(answer)
            return _known[open_id][1]
        except HTTPError as error:
            error.close()
            if error.code == 304:
                return known
            if error.code not in (429, 503):
                raise
            time.sleep(int(error.headers["Retry-After"]))
    raise TimeoutError("there is no token at the moment")


def with_token(open_id: str, call: Callable[[str], int]) -> int:
    """Make a call to TikTok; a token that TikTok rejects is replaced, once."""
    token = ask(open_id)
    status = call(token["access_token"])
    if status == 401:
        token = ask(open_id, "/refresh", {"rejected_version": token["version"]})
        status = call(token["access_token"])
    return status
