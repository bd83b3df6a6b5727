"""A service as our API meets it: a key, two calls; never a cookie."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from flask.testing import FlaskClient
from werkzeug.test import TestResponse


@dataclass
class Service:
    """Asks for tokens with its key, as any program would."""

    client: FlaskClient
    key: str = field(repr=False)

    def get(self, open_id: str, query: str = "", **headers: str) -> TestResponse:
        """Ask for a token; `query` comes without its question mark."""
        url = f"/api/v1/tokens/{quote(open_id, safe='')}?{query}".removesuffix("?")
        return self.client.get(url, headers=self._head(headers))

    def reject(self, open_id: str, version: Any, query: str = "") -> TestResponse:
        """Say that TikTok rejected a version."""
        url = f"/api/v1/tokens/{quote(open_id, safe='')}/refresh?{query}".removesuffix("?")
        return self.client.post(url, json={"rejected_version": version}, headers=self._head({}))

    def _head(self, more: dict[str, str]) -> dict[str, str]:
        named = {name.replace("_", "-"): value for name, value in more.items()}
        return {"Authorization": f"Bearer {self.key}"} | named


def problem(answer: TestResponse, status: int, code: str) -> dict[str, Any]:
    """Return the problem that an answer must be. Raises AssertionError if it is another one."""
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    said: dict[str, Any] = answer.get_json(force=True)
    assert (said["status"], said["code"]) == (status, code)
    assert said["type"].endswith(f"/api/docs#{code}")
    assert said["title"]
    assert said["detail"]
    assert isinstance(said["retryable"], bool)
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers
    return said
