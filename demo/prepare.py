"""A demo with a pretend TikTok, a database and keys of its own; made anew at each start."""

import base64
import http.client
import json
import os
import queue
import re
import secrets
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import flask_migrate
from flask import Flask

from demo import people
from demo.processes import Processes
from webapp.services.runtime import Runtime
from webapp.settings import NAMES, Settings, load
from webapp.tokens import TokenSet

#: With one of these set, the trial is of a real TikTok app.
OWN_APP = ("TIKTOK_CLIENT_KEY", "TIKTOK_CLIENT_KEY_FILE")
#: sysexits.h EX_CONFIG, with which gunicorn's start is refused.
REFUSED = 78
SANDBOX_WITHIN = 20
SCOPES = ("user.info.basic", "video.list")
REAL = "It speaks to the TikTok of your settings, with the app from your settings."
_STORY = """
TikTok is pretended here: a sandbox at {sandbox}, with made-up people.
After "Continue with TikTok" pick one to sign in as:
{people}
To use a real TikTok app: copy .env.example to .env, fill it in, and start again."""
_READY = re.compile(r"sandbox ready on (http://127\.0\.0\.1:[0-9]+)")


class CannotPrepare(Exception):
    """The demo cannot be made, for a reason that one line tells."""


def prepare(
    children: Processes,
    make_app: Callable[[Settings], Flask],
    environ: Mapping[str, str],
    port: int,
    root: Path,
) -> tuple[dict[str, str], str]:
    """Return the environment in which to serve the demo, and what to tell people about it.

    Raises CannotPretend if the folder cannot be made or the sandbox does not start.
    """
    folder = _fresh_folder(root / "instance" / "demo" / str(port))
    settings, plain = _settings(folder, port), _without_settings(environ)
    url = _start_sandbox(children, settings, plain, folder)
    settings["TIKTOK_AUTHORIZE_URL"] = f"{url}/v2/auth/authorize/"
    settings["TIKTOK_API_URL"] = f"{url}/v2/"
    settings |= {name: environ[name] for name in ("LOG_LEVEL", "LOG_FORMAT") if environ.get(name)}
    _fill(make_app(load(settings)), url)
    listed = _list_of_people(_control(url, "GET", "people")["people"])
    return plain | settings, _STORY.format(sandbox=url, people=listed)


def _fresh_folder(folder: Path) -> Path:
    """Return the folder, empty. One for each port, so that two demos do not meet."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
        for each in (folder.parent.parent, folder.parent, folder):
            each.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
    except OSError as failure:
        raise CannotPrepare(f"{folder} cannot be made: {failure.strerror}") from None
    return folder


def _settings(folder: Path, port: int) -> dict[str, str]:
    return {
        "TIKTOK_CLIENT_KEY": f"demo-{secrets.token_hex(4)}",
        "TIKTOK_CLIENT_SECRET": secrets.token_urlsafe(24),
        "TIKTOK_REDIRECT_URI": f"http://127.0.0.1:{port}/api/auth/tiktok/callback",
        "TIKTOK_SCOPES": ",".join(SCOPES),
        "ALLOW_SANDBOX": "1",
        "SECRET_KEY": secrets.token_hex(32),
        "TOKEN_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
        "DATABASE_URL": f"sqlite:///{folder / 'app.db'}",
        "PORT": str(port),
        "LOG_LEVEL": "WARNING",
        "LOG_FORMAT": "console",
    }


def _without_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without anything of ours: a half-filled .env must not leak in."""
    ours = {*NAMES, *(f"{name}_FILE" for name in NAMES)}
    # An empty value keeps the child from reading the same name out of .env.
    return {name: text for name, text in environ.items() if name not in ours} | dict.fromkeys(
        sorted(ours), ""
    )


def _start_sandbox(
    children: Processes, settings: dict[str, str], plain: dict[str, str], folder: Path
) -> str:
    log = os.open(folder / "sandbox.log", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    with os.fdopen(log, "a") as sink:
        process = children.start(
            "The sandbox",
            [sys.executable, "-m", "sandbox", "--port", "0", "--webhook-url", _notices(settings)],
            plain
            | {
                "SANDBOX_CLIENT_KEY": settings["TIKTOK_CLIENT_KEY"],
                "SANDBOX_CLIENT_SECRET": settings["TIKTOK_CLIENT_SECRET"],
                "PYTHONUNBUFFERED": "1",
            },
            stdout=subprocess.PIPE,
            stderr=sink,
        )
    told: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_listen, args=(process.stdout, told), daemon=True).start()
    try:
        url = told.get(timeout=SANDBOX_WITHIN)
    except queue.Empty:
        url = ""
    if not url:
        raise CannotPrepare(
            f"The sandbox did not start; its last words are in {folder}/sandbox.log"
        )
    return url


def _notices(settings: Mapping[str, str]) -> str:
    """Return where the sandbox tells that somebody removed the app there."""
    return f"http://127.0.0.1:{settings['PORT']}/webhooks/tiktok"


def _listen(lines: IO[str], told: "queue.Queue[str]") -> None:
    """Tell the address once it is printed, "" if the process ends; read on so that it can write."""
    for line in lines:
        if found := _READY.search(line):
            told.put(found.group(1))
    told.put("")


def _fill(app: Flask, url: str) -> None:
    with app.app_context():
        flask_migrate.upgrade()
        runtime: Runtime = app.extensions["coatcheck"]
        now = runtime.clock()
        grants = {name: _grant(url, name, now) for name in people.PEOPLE}
        people.seed(runtime, grants, now)


def _grant(url: str, person: str, now: datetime) -> TokenSet:
    """Return the tokens of a consent that the sandbox gives on the person's behalf."""
    answer = _control(url, "POST", "grants", {"person": person, "scopes": list(SCOPES)})
    return TokenSet(
        access_token=answer["access_token"],
        refresh_token=answer["refresh_token"],
        open_id=answer["open_id"],
        scopes=frozenset(answer["scope"].split(",")),
        access_expires_at=now + timedelta(seconds=answer["expires_in"]),
        refresh_expires_at=now + timedelta(seconds=answer["refresh_expires_in"]),
    )


def _control(url: str, method: str, what: str, wish: Mapping[str, Any] | None = None) -> Any:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    try:
        body = None if wish is None else json.dumps(wish)
        connection.request(method, f"/control/{what}", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise CannotPrepare(f"The sandbox refused /control/{what} ({answer.status}).")
        return json.loads(text)
    finally:
        connection.close()


def _list_of_people(listed: Iterable[Mapping[str, Any]]) -> str:
    lines = []
    for person in listed:
        state = people.story(person["name"])
        if person["name"] == people.OPERATOR:
            state += ", an operator: sees /operators/tokens"
        name = "".join(c for c in person["display_name"] if c.isprintable())
        lines.append(f"  {name} ({state})")
    return "\n".join(lines)
