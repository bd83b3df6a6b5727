"""`python wsgi.py`: runs gunicorn and the worker on this machine, on 127.0.0.1 only.

With a TikTok app in the settings it serves that app, with the same checks as in production.
Without one it starts a mock TikTok and a demo with its own database and keys.
"""

import argparse
import http.client
import os
import shlex
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click
from flask import Flask

from demo import prepare, running
from demo.processes import Processes
from webapp.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
#: sysexits.h EX_CONFIG: gunicorn refused to start and has listed the problems.
REFUSED = 78
#: gunicorn's name while it serves a demo; gunicorn.conf.py looks for it.
DEMO_NAME = "coatcheck-demo"
#: Seconds until gunicorn must respond; its workers import the app first.
ANSWERS_WITHIN = 40
#: More would take minutes to add, and gigabytes of memory in the sandbox.
MOST_PEOPLE = 100_000
_USAGE = """Try Coatcheck on this machine: starts gunicorn and the worker on 127.0.0.1.

Without TIKTOK_CLIENT_KEY it starts a demo: a mock TikTok and a database with demo people,
both new at each start. With it (in .env or the environment) it serves your TikTok app."""
_DEMO = """
Using a mock TikTok (sandbox) at {sandbox}
Click "Continue with TikTok", then sign in as one of:
{people}
For flask commands on this demo, in another terminal: {command}
To use a real TikTok app: copy .env.example to .env, fill it in, and start again."""
_OWN_APP = "Using the app from your settings."

MakeApp = Callable[[Settings], Flask]


class CannotStart(Exception):
    """Serving can't begin or can't continue; the text, one line, says why."""

    def __init__(self, reason: str, code: int = 1) -> None:
        super().__init__(reason)
        self.code = code


def main(make_app: MakeApp, arguments: Sequence[str] | None = None) -> int:
    """Run `python wsgi.py` and return its exit code, 2 for a usage error."""
    parser = argparse.ArgumentParser(
        prog=_python(),
        description=_USAGE,
        epilog=f"The port is 8000 unless PORT is set: PORT=8080 {_python()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--people",
        type=_number_of_people,
        default=0,
        metavar="N",
        help=f"add N more demo people, in every state (up to {MOST_PEOPLE:,})",
    )
    people = parser.parse_args(arguments).people
    if people and prepare.has_own_app(os.environ):
        parser.error("--people adds demo people, so it can't be used with your own TikTok app")
    return run(make_app, people=people)


def _number_of_people(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= MOST_PEOPLE:
        raise argparse.ArgumentTypeError(f"must be a number from 1 to {MOST_PEOPLE:,}")
    return int(text)


def run(make_app: MakeApp, environ: Mapping[str, str] = os.environ, people: int = 0) -> int:
    """Serve until Ctrl-C or SIGTERM, then return 0. On failure return 1, or 78 if refused.

    `people`: how many more people the demo has.
    """
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    try:
        with Processes(ROOT) as children:
            _serve(children, make_app, environ, people)
    except KeyboardInterrupt:
        click.echo("\nStopped.")
        return 0
    except (CannotStart, prepare.CannotPrepare) as failure:
        if str(failure):
            click.echo(failure, err=True)
        return getattr(failure, "code", 1)


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    # A second Ctrl-C must not interrupt the shutdown.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def _serve(
    children: Processes, make_app: MakeApp, environ: Mapping[str, str], people: int
) -> NoReturn:
    port = _free_port(environ.get("PORT", ""))
    if prepare.has_own_app(environ):
        # Not /readyz: the worker reports keys that decrypt no stored tokens.
        _serve_on(port, children, {**environ, "PORT": str(port)}, _OWN_APP, "/healthz")
    demo = prepare.prepare(children, make_app, environ, port, ROOT, people)
    env_file = demo.folder / running.FILE
    text = _DEMO.format(
        sandbox=demo.sandbox,
        people=demo.people,
        command=_flask_command(env_file),
    )
    try:
        _serve_on(port, children, demo.environ, text, "/readyz", name=DEMO_NAME)
    finally:
        env_file.unlink(missing_ok=True)
        demo.env_file.close()


def _serve_on(
    port: int,
    children: Processes,
    environ: dict[str, str],
    text: str,
    ready: str,
    *,
    name: str = "coatcheck",
) -> NoReturn:
    """Start gunicorn and the worker; once `ready` returns 200, print the address and `text`."""
    # It could hold another address to listen on.
    environ.pop("GUNICORN_CMD_ARGS", None)
    gunicorn = [sys.executable, "-m", "gunicorn", "--name", name, "wsgi:app"]
    children.start("gunicorn", gunicorn, environ)
    _wait_until_ready(children, port, ready)
    # After gunicorn, so that refused settings are reported once.
    worker = [sys.executable, "-m", "flask", "--app", "wsgi", "tokens", "run"]
    children.start("The worker", worker, environ)
    click.echo(f"\nCoatcheck is at http://127.0.0.1:{port}\n{text}\nPress Ctrl-C to stop.")
    _fail_when_one_ends(children)


def _free_port(text: str) -> int:
    text = text.strip() or "8000"
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise CannotStart(f"PORT must be a number from 1 to 65535: PORT=8080 {_python()}")
    with socket.socket() as probe:
        # Like gunicorn: a port that a server has just stopped using is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(text)))
        except OSError as failure:
            reason = f"Port {text} cannot be used ({failure.strerror})."
            another = f"PORT={int(text) % 65535 + 1} {_python()}"
            raise CannotStart(f"{reason} Stop what uses it, or use another: {another}") from None
    return int(text)


def _wait_until_ready(children: Processes, port: int, path: str) -> None:
    end = time.monotonic() + ANSWERS_WITHIN
    while time.monotonic() < end:
        if children.first_ended():
            _fail_when_one_ends(children)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            if connection.getresponse().status == http.HTTPStatus.OK:
                return
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.1)
    raise CannotStart(
        f"The server wasn't ready within {ANSWERS_WITHIN} seconds; see its messages above."
    )


def _fail_when_one_ends(children: Processes) -> NoReturn:
    ended = children.wait()
    code = ended.process.returncode
    if code == REFUSED:
        raise CannotStart("", code)
    raise CannotStart(
        f"{ended.name} stopped unexpectedly (exit code {code}), so everything was stopped."
    )


def _python() -> str:
    """Return the command that starts this program from the current folder."""
    return f"{_typed(Path(sys.executable))} {sys.argv[0]}"


def _flask_command(env_file: Path) -> str:
    """Return a command on this demo, as one types it in the current folder."""
    plain = f"{_flask()} tokens list"
    if running.is_alone(ROOT) and Path.cwd() == ROOT:
        return plain
    return f". {shlex.quote(_typed(env_file))} && {plain}"


def _flask() -> str:
    """Return the command that starts `flask` from the current folder."""
    program = Path(sys.executable).with_name("flask")
    return _typed(program) if program.exists() else f"{_typed(Path(sys.executable))} -m flask"


def _typed(path: Path) -> str:
    """Return the shortest way to type a path: relative, on the PATH, or absolute."""
    if path.is_relative_to(Path.cwd()):
        return str(path.relative_to(Path.cwd()))
    return path.name if shutil.which(path.name) == str(path) else str(path)
