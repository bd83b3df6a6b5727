"""`python wsgi.py`: tries the app on this machine, on 127.0.0.1 alone; never the way to production.

With a TikTok app in the settings it serves that one, checked as gunicorn checks. Without, it starts
the pretend TikTok and a demo of its own that shares nothing with the real database and keys.
"""

import http.client
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click
from flask import Flask

from demo import prepare
from demo.processes import Processes
from webapp.settings import Settings

ROOT = Path(__file__).resolve().parent.parent.parent
#: Seconds until gunicorn must answer; its workers import the app first.
ANSWERS_WITHIN = 40

MakeApp = Callable[[Settings], Flask]


class CannotStart(Exception):
    """The trial cannot begin or go on, for a reason that one line tells."""

    def __init__(self, reason: str, code: int = 1) -> None:
        super().__init__(reason)
        self.code = code


def run(make_app: MakeApp, environ: Mapping[str, str] = os.environ) -> int:
    """Serve until Ctrl-C or SIGTERM, which is 0; return 1, or gunicorn's refusal, otherwise."""
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    try:
        with Processes(ROOT) as children:
            _try(children, make_app, environ)
    except KeyboardInterrupt:
        click.echo("\nEnded.")
        return 0
    except (CannotStart, prepare.CannotPrepare) as failure:
        if str(failure):
            click.echo(failure, err=True)
        return getattr(failure, "code", 1)


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    # Once is enough: a second Ctrl-C must not interrupt the ending.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def _try(children: Processes, make_app: MakeApp, environ: Mapping[str, str]) -> NoReturn:
    port = _free_port(environ.get("PORT", ""))
    own = any(environ.get(name, "").strip() for name in prepare.OWN_APP)
    if own:
        served, story = {**environ, "PORT": str(port)}, prepare.REAL
    else:
        served, story = prepare.prepare(children, make_app, environ, port, ROOT)
    # It could hold another address to listen on.
    served.pop("GUNICORN_CMD_ARGS", None)
    children.start("gunicorn", [sys.executable, "-m", "gunicorn", "wsgi:app"], served)
    _wait_for_answer(children, port)
    # After it, so that what gunicorn refuses is told once.
    words = [sys.executable, "-m", "flask", "--app", "wsgi", "tokens", "run"]
    children.start("The worker", words, served)
    click.echo(f"\nCoatcheck is at http://127.0.0.1:{port}\n{story}\nCtrl-C ends it.")
    _tell_death(children)


def _free_port(text: str) -> int:
    text = text.strip() or "8000"
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise CannotStart("PORT is not a number from 1 to 65535: PORT=8080 python wsgi.py")
    with socket.socket() as probe:
        # As gunicorn binds: a port that a server left a moment ago is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(text)))
        except OSError as failure:
            reason = f"Port {text} cannot be used ({failure.strerror})."
            another = f"PORT={int(text) % 65535 + 1} python wsgi.py"
            raise CannotStart(f"{reason} End what uses it, or take another: {another}") from None
    return int(text)


def _wait_for_answer(children: Processes, port: int) -> None:
    end = time.monotonic() + ANSWERS_WITHIN
    while time.monotonic() < end:
        if children.first_dead():
            _tell_death(children)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            if connection.getresponse().status == http.HTTPStatus.OK:
                return
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.1)
    raise CannotStart(
        f"gunicorn did not answer within {ANSWERS_WITHIN} seconds; see its lines above."
    )


def _tell_death(children: Processes) -> NoReturn:
    dead = children.watch()
    code = dead.process.returncode
    if code == prepare.REFUSED:
        # gunicorn has listed the problems already.
        raise CannotStart("", code)
    raise CannotStart(f"{dead.name} ended by itself (exit code {code}), so everything was ended.")
