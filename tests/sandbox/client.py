"""A sandbox process, and a client that does an app's part of the OAuth flow."""

import hashlib
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import requests

ROOT = Path(__file__).parents[2]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass
class Client:
    """Talks to one sandbox as an app does; every secret is made up at run time."""

    url: str
    key: str
    secret: str
    redirect_uri: str = "http://127.0.0.1:8000/api/auth/tiktok/callback"
    http: requests.Session = field(default_factory=requests.Session)

    def control(self, call: str, **body: Any) -> dict[str, Any]:
        """POST `body` to the control API; return the JSON of the response, which must be 200."""
        answer = self.http.post(f"{self.url}/control/{call}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def read(self, what: str) -> dict[str, Any]:
        """GET from the control API; return the JSON of the response."""
        return self.http.get(f"{self.url}/control/{what}").json()

    def request(self, verifier: str | None = None, **changes: str | None) -> dict[str, str]:
        """Return the parameters of an authorization request; a change to None omits one."""
        parameters: dict[str, str | None] = {
            "client_key": self.key,
            "response_type": "code",
            "scope": "user.info.basic,video.list",
            "redirect_uri": self.redirect_uri,
            "state": secrets.token_urlsafe(16),
            "code_challenge": hashlib.sha256((verifier or "v" * 43).encode()).hexdigest(),
            "code_challenge_method": "S256",
        }
        return {name: value for name, value in (parameters | changes).items() if value is not None}

    def authorize(self, request: dict[str, str], **more: str) -> requests.Response:
        url = f"{self.url}/v2/auth/authorize/?{urlencode(request | more)}"
        return self.http.get(url, allow_redirects=False)

    def redirected(self, request: dict[str, str], **more: str) -> dict[str, str]:
        """Return the parameters of the redirect to the app."""
        answer = self.authorize(request, **more)
        assert answer.status_code == 302, answer.text
        return redirect_parameters(answer)

    def token(self, grant_type: str, **form: str) -> requests.Response:
        form = {"client_key": self.key, "client_secret": self.secret} | form
        form["grant_type"] = grant_type
        return self.post("/v2/oauth/token/", form)

    def post(self, path: str, form: dict[str, str], **more: Any) -> requests.Response:
        more = {"headers": FORM, "timeout": 10, "allow_redirects": False} | more
        return self.http.post(f"{self.url}{path}", data=urlencode(form), **more)

    def refresh(self, refresh_token: str) -> requests.Response:
        return self.token("refresh_token", refresh_token=refresh_token)

    def revoke(self, access_token: str) -> requests.Response:
        form = {"client_key": self.key, "client_secret": self.secret, "token": access_token}
        return self.post("/v2/oauth/revoke/", form)

    def user(self, access_token: str, fields: str = "open_id,display_name") -> requests.Response:
        return self.http.get(
            f"{self.url}/v2/user/info/",
            params={"fields": fields},
            headers={"Authorization": f"Bearer {access_token}"},
        )

    def sign_in(self, person: str = "mara", **more: str) -> dict[str, Any]:
        """Go through the whole flow; return the token response."""
        verifier = secrets.token_urlsafe(48)
        parameters = self.redirected(self.request(verifier), login_as=person, **more)
        return self.exchange(parameters["code"], verifier).json()

    def exchange(self, code: str, verifier: str, **more: str) -> requests.Response:
        form = {"code": code, "redirect_uri": self.redirect_uri, "code_verifier": verifier} | more
        return self.token("authorization_code", **form)


def redirect_parameters(answer: requests.Response) -> dict[str, str]:
    """Return the query of a redirect; each parameter must be there once."""
    pairs = parse_qs(urlsplit(answer.headers["Location"]).query, keep_blank_values=True)
    assert all(len(values) == 1 for values in pairs.values())
    return {name: values[0] for name, values in pairs.items()}


@dataclass
class Started:
    """A sandbox process and its URL."""

    process: subprocess.Popen[str]
    url: str


def start(*arguments: str, key: str = "", secret: str = "") -> Started:
    """Start a sandbox on a free port and wait for its ready line."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--port", "0", *arguments],
        cwd=ROOT,
        env=os.environ | {"SANDBOX_CLIENT_KEY": key, "SANDBOX_CLIENT_SECRET": secret},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("sandbox ready on http://127.0.0.1:"), line
    return Started(process, line.split()[-1])


def stop(started: Started) -> tuple[str, str]:
    """Stop a sandbox with SIGTERM; return its stdout and stderr."""
    started.process.terminate()
    return started.process.communicate(timeout=10)
