"""Prepares the demo: settings, a sandbox, and a database with demo people, new at each start."""

import base64
import http.client
import json
import os
import queue
import re
import secrets
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
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

#: How the client key of every demo begins; TikTok's don't.
_DEMO_KEY = "demo-"
SANDBOX_STARTS_WITHIN = 20  # seconds
SCOPES = ("user.info.basic",)
OPTIONAL_SCOPES = ("video.list",)
_READY = re.compile(r"sandbox ready on (http://127\.0\.0\.1:[0-9]+)")


class CannotPrepare(Exception):
    """The demo can't be prepared; the text says why."""


@dataclass(frozen=True)
class Demo:
    """A demo that is ready to be served."""

    #: The environment for gunicorn and the worker.
    environ: dict[str, str]
    #: The address of the sandbox.
    sandbox: str
    #: The people you can sign in as, one line each.
    people: str
    #: Sourced by a shell, it lets `flask` commands use the demo. Holds its keys.
    env_file: Path


def has_own_app(environ: Mapping[str, str]) -> bool:
    """Return True if the settings name a TikTok app, so no demo is needed.

    The key of a demo, from a shell that has sourced its file, doesn't count.
    """
    key = environ.get("TIKTOK_CLIENT_KEY", "").strip()
    in_file = environ.get("TIKTOK_CLIENT_KEY_FILE", "").strip()
    return bool(in_file or key and not key.startswith(_DEMO_KEY))


def prepare(
    children: Processes,
    make_app: Callable[[Settings], Flask],
    environ: Mapping[str, str],
    port: int,
    root: Path,
) -> Demo:
    """Start the sandbox, make and fill the database, and return the demo.

    Raises CannotPrepare if the folder can't be created or the sandbox doesn't start.
    """
    folder = _empty_folder(root / "instance" / "demo" / str(port))
    settings, others = _settings(folder, port), _without_settings(environ)
    sandbox = _start_sandbox(children, settings, others, folder)
    settings["TIKTOK_AUTHORIZE_URL"] = f"{sandbox}/v2/auth/authorize/"
    settings["TIKTOK_API_URL"] = f"{sandbox}/v2/"
    settings |= {name: environ[name] for name in ("LOG_LEVEL", "LOG_FORMAT") if environ.get(name)}
    _fill(make_app(load(settings)), sandbox)
    return Demo(
        environ=others | settings,
        sandbox=sandbox,
        people=_list_of_people(_control(sandbox, "GET", "people")["people"]),
        env_file=_write_env_file(folder / "demo.env", settings, root),
    )


def _empty_folder(folder: Path) -> Path:
    """Create the folder, or empty it. Each port has its own, so demos can run side by side."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
        for each in (folder.parent.parent, folder.parent, folder):
            each.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
    except OSError as failure:
        raise CannotPrepare(f"{folder} cannot be created: {failure.strerror}") from None
    return folder


def _settings(folder: Path, port: int) -> dict[str, str]:
    return {
        "TIKTOK_CLIENT_KEY": f"{_DEMO_KEY}{secrets.token_hex(4)}",
        "TIKTOK_CLIENT_SECRET": secrets.token_urlsafe(24),
        "TIKTOK_REDIRECT_URI": f"http://127.0.0.1:{port}/api/auth/tiktok/callback",
        "TIKTOK_SCOPES": ",".join(SCOPES),
        "TIKTOK_OPTIONAL_SCOPES": ",".join(OPTIONAL_SCOPES),
        "ALLOW_SANDBOX": "1",
        "SECRET_KEY": secrets.token_hex(32),
        "TOKEN_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
        "DATABASE_URL": f"sqlite:///{folder / 'app.db'}",
        "PORT": str(port),
        "LOG_LEVEL": "WARNING",
        "LOG_FORMAT": "console",
    }


def _blank_settings() -> dict[str, str]:
    """Return an empty value for every setting, so .env supplies none."""
    return dict.fromkeys(sorted((*NAMES, *(f"{name}_FILE" for name in NAMES))), "")


def _without_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without our settings, so a partial .env has no effect."""
    return {**environ, **_blank_settings()}


def _write_env_file(path: Path, settings: Mapping[str, str], root: Path) -> Path:
    values = {**_blank_settings(), **settings, "FLASK_APP": str(root / "wsgi.py")}
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in values.items()]
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.writelines(lines)
    return path


def _start_sandbox(
    children: Processes, settings: Mapping[str, str], others: dict[str, str], folder: Path
) -> str:
    log = os.open(folder / "sandbox.log", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    webhook = f"http://127.0.0.1:{settings['PORT']}/webhooks/tiktok"
    with os.fdopen(log, "a") as sink:
        process = children.start(
            "The sandbox",
            [sys.executable, "-m", "sandbox", "--port", "0", "--webhook-url", webhook],
            others
            | {
                "SANDBOX_CLIENT_KEY": settings["TIKTOK_CLIENT_KEY"],
                "SANDBOX_CLIENT_SECRET": settings["TIKTOK_CLIENT_SECRET"],
                "PYTHONUNBUFFERED": "1",
            },
            stdout=subprocess.PIPE,
            stderr=sink,
        )
    addresses: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_read, args=(process.stdout, addresses), daemon=True).start()
    try:
        address = addresses.get(timeout=SANDBOX_STARTS_WITHIN)
    except queue.Empty:
        address = ""
    if not address:
        raise CannotPrepare(f"The sandbox didn't start; see the end of {folder}/sandbox.log")
    return address


def _read(lines: IO[str], addresses: "queue.Queue[str]") -> None:
    """Put the address into the queue, or "" when the output ends.

    Reads to the end, so that the process never blocks on a full pipe.
    """
    for line in lines:
        if found := _READY.search(line):
            addresses.put(found.group(1))
    addresses.put("")


def _fill(app: Flask, sandbox: str) -> None:
    with app.app_context():
        flask_migrate.upgrade()
        runtime: Runtime = app.extensions["coatcheck"]
        now = runtime.clock()
        grants = {name: _grant(sandbox, name, now) for name in people.PEOPLE}
        people.seed(runtime, grants, now)


def _grant(sandbox: str, person: str, now: datetime) -> TokenSet:
    """Return the tokens of a consent that the sandbox gives on the person's behalf."""
    wanted = {"person": person, "scopes": [*SCOPES, *OPTIONAL_SCOPES]}
    answer = _control(sandbox, "POST", "grants", wanted)
    return TokenSet(
        access_token=answer["access_token"],
        refresh_token=answer["refresh_token"],
        open_id=answer["open_id"],
        scopes=frozenset(answer["scope"].split(",")),
        access_expires_at=now + timedelta(seconds=answer["expires_in"]),
        refresh_expires_at=now + timedelta(seconds=answer["refresh_expires_in"]),
    )


def _control(sandbox: str, method: str, call: str, body: Mapping[str, Any] | None = None) -> Any:
    connection = http.client.HTTPConnection(urlsplit(sandbox).netloc, timeout=10)
    try:
        sent = None if body is None else json.dumps(body)
        connection.request(method, f"/control/{call}", sent, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise CannotPrepare(f"The sandbox refused /control/{call} ({answer.status}).")
        return json.loads(text)
    finally:
        connection.close()


def _list_of_people(listed: Iterable[Mapping[str, Any]]) -> str:
    """Return one line for each person: those of the demo first, the operator at the top.

    One person of the sandbox has a hostile name, for tests; it doesn't belong on a terminal.
    """
    order = list(people.PEOPLE)
    shown = [each for each in listed if each["display_name"].isprintable()]
    shown.sort(key=lambda each: order.index(each["name"]) if each["name"] in order else len(order))
    return "\n".join(f"  {each['display_name']} ({people.state(each['name'])})" for each in shown)
