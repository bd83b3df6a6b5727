"""Gets TikTok tokens from Coatcheck; COATCHECK_URL is its address, COATCHECK_KEY a service key."""

import os
import time
from urllib.parse import quote

import requests

_known: dict[str, tuple[str, dict]] = {}  # open_id → (ETag, latest answer)


def token(open_id: str, rejected_version: int | None = None) -> dict:
    """Return a token that works. Raises HTTPError: after 404 or 409 the person must connect."""
    url = f"{os.environ['COATCHECK_URL']}/api/v1/tokens/{quote(open_id, safe='')}"
    etag, known = _known.get(open_id, ("", {}))
    headers = {"Authorization": f"Bearer {os.environ['COATCHECK_KEY']}", "If-None-Match": etag}
    send, body = requests.get, None
    if rejected_version is not None:  # TikTok answered 401 to this version
        send, url, body = requests.post, f"{url}/refresh", {"rejected_version": rejected_version}
    for _ in range(5):
        answer = send(url, headers=headers, json=body, timeout=30)
        if answer.status_code == 304:
            return known
        if answer.status_code not in (429, 503):
            answer.raise_for_status()
            _known[open_id] = answer.headers["ETag"], answer.json()
            return _known[open_id][1]
        time.sleep(int(answer.headers["Retry-After"]))
    raise TimeoutError("no token available right now")
