"""Prepares the demo: settings, a sandbox, and a database with demo people, new at each start."""

import base64
import os
import queue
import re
import secrets
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import flask_migrate
from flask import Flask

from demo import crowd, operations, people, running, sandbox_control
from demo.processes import Processes
from demo.sandbox_control import NotAnswering
from webapp.cli.console import progress
from webapp.services.runtime import Runtime
from webapp.settings import NAMES, Settings, load

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
    #: Where it keeps its files.
    folder: Path
    #: The people you can sign in as, one line each.
    people: str
    #: Sourced by a shell, it lets `flask` commands use the demo. Holds its keys. Locked while the
    #: demo runs, so plain commands find it.
    env_file: IO[str]


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
    crowd_size: int = 0,
) -> Demo:
    """Start the sandbox, make and fill the database, and return the demo.

    `crowd_size`: how many people it has besides those whom you can sign in as.

    Raises CannotPrepare if the folder can't be created or the sandbox doesn't start.
    """
    folder = _empty_folder(running.folder_of(root, port))
    settings, others = _settings(folder, port), _without_settings(environ)
    sandbox = _start_sandbox(children, settings, others, folder)
    settings["TIKTOK_AUTHORIZE_URL"] = f"{sandbox}/v2/auth/authorize/"
    settings["TIKTOK_API_URL"] = f"{sandbox}/v2/"
    settings |= {name: environ[name] for name in ("LOG_LEVEL", "LOG_FORMAT") if environ.get(name)}
    try:
        listed = _fill(make_app(load(settings)), sandbox, crowd_size)
    except NotAnswering as failure:
        raise CannotPrepare(str(failure)) from None
    return Demo(
        environ=others | settings,
        sandbox=sandbox,
        people=listed,
        folder=folder,
        env_file=running.publish(folder, _env_lines(settings, root)),
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
        # Refreshes that are meant to fail would be warnings.
        "LOG_LEVEL": "ERROR",
        "LOG_FORMAT": "console",
    }


def _blank_settings() -> dict[str, str]:
    """Return an empty value for every setting, so .env supplies none."""
    return dict.fromkeys(sorted((*NAMES, *(f"{name}_FILE" for name in NAMES))), "")


def _without_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without our settings, so a partial .env has no effect."""
    return {**environ, **_blank_settings()}


def _env_lines(settings: Mapping[str, str], root: Path) -> dict[str, str]:
    """Return everything that a command needs to work on the demo, and nothing of an .env."""
    return {**_blank_settings(), **settings, "FLASK_APP": str(root / "wsgi.py")}


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
                "SANDBOX_APP_NAME": "Coatcheck",
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


def _fill(app: Flask, sandbox: str, crowd_size: int) -> str:
    """Fill the database; return the lines about the people whom you can sign in as."""
    with app.app_context():
        flask_migrate.upgrade()
        runtime: Runtime = app.extensions["coatcheck"]
        now = runtime.clock()
        # Its name is hostile, for tests, and would be the third thing that a newcomer reads.
        hidden = {"name": "mallory", "listed": False}
        sandbox_control.call(sandbox, "POST", "people", hidden)
        profiles = sandbox_control.call(sandbox, "GET", "people")["people"]
        operator = people.seed(runtime, sandbox, profiles, now)
        if crowd_size:
            with progress("Added people", crowd_size) as report:
                for there in crowd.seed(runtime, crowd_size, sandbox):
                    report(there)
        operations.add_records(runtime, operator.ticket, now)
    return _list_of_people(each for each in profiles if each["listed"])


def _list_of_people(listed: Iterable[Mapping[str, Any]]) -> str:
    """Return one line for each person: those of the demo first, the operator at the top."""
    order = {name: place for place, name in enumerate(people.PEOPLE)}
    shown = sorted(listed, key=lambda each: order.get(each["name"], len(order)))
    return "\n".join(f"  {each['display_name']} ({people.state(each['name'])})" for each in shown)
