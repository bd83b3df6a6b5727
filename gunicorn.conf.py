"""How gunicorn serves; found by it in this folder. Refuses a start before any worker exists."""

import atexit
import logging
import os
import shutil
import socket
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import structlog
from dotenv import load_dotenv
from gunicorn import glogging, util
from gunicorn.http.errors import NoMoreData
from gunicorn.workers.gthread import TConn, ThreadWorker

from webapp import logs
from webapp.cli.console import problem_text
from webapp.services.maintenance import doctor
from webapp.views.http import headers
from webapp.views.http.guards import KEY_ID

load_dotenv(Path(__file__).with_name(".env"))

# A port that is no number is told with all other problems in on_starting.
_port = os.environ.get("PORT", "").strip()
bind = f"127.0.0.1:{_port if _port.isdecimal() else 8000}"
#: A request must be whole after so many seconds, head and body; 16 kB is the most that is read.
_WHOLE_WITHIN = 10


class TooSlow(NoMoreData, TimeoutError):
    """The request was not whole in time. gunicorn closes the connection, the app answers 408."""


class _Socket(socket.socket):
    """A browser's connection that is read up to a deadline only."""

    #: By `time.monotonic()`; None: wait as long as it takes.
    deadline: float | None = None

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """Read what is there. Raises TooSlow."""
        if self.deadline is None:
            return super().recv(size, flags)
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TooSlow
        before = self.gettimeout()
        try:
            self.settimeout(left)
            return super().recv(size, flags)
        except TimeoutError:
            raise TooSlow from None
        finally:
            self.settimeout(before)


class Worker(ThreadWorker):
    """gunicorn's threads, which by themselves wait for the rest of a request for ever."""

    def enqueue_req(self, conn: TConn) -> None:
        """Take a connection, new or kept alive, to a thread."""
        if not isinstance(conn.sock, _Socket):
            conn.sock = _Socket(fileno=conn.sock.detach())
        super().enqueue_req(conn)

    def handle(self, conn: TConn) -> Any:
        """Read one request and answer it."""
        conn.sock.deadline = time.monotonic() + _WHOLE_WITHIN
        try:
            return super().handle(conn)
        finally:
            conn.sock.deadline = None


worker_class = Worker
workers = 2
# One worker may take all of 40 slow sign-ins, so 32 let pages wait behind them (decisions/0009).
threads = 64
# Longer than a whole call to TikTok (10 s), so that no worker is killed in the middle of one.
timeout = 30
graceful_timeout = 30
keepalive = 5
# The control socket lets whoever reaches it command the server.
control_socket_disable = True
# The longest that gunicorn takes; the app itself answers 414 well below.
limit_request_line = 8190
accesslog = "-"
loglevel = os.environ.get("LOG_LEVEL", "").strip() or "info"
# EX_CONFIG of sysexits.h.
_REFUSED = 78


class Log(glogging.Logger):
    """gunicorn's own lines, written like all others; a request without query and referer."""

    def setup(self, cfg: Any) -> None:
        """Hand the lines to the app's handler, which masks; gunicorn's own would not."""
        super().setup(cfg)
        for log in (self.error_log, self.access_log):
            log.handlers.clear()
            log.propagate = True

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> None:
        """Write one line a request: the query holds `code` and `state`, so it is left out.

        `key` is the public part of the service's key: which service got whose token, and when. Of
        a request that gunicorn refuses itself, `resp` and `environ` hold little; an error here
        would cost its sender the answer.
        """
        structlog.get_logger("gunicorn.access").info(
            "request",
            method=environ.get("REQUEST_METHOD"),
            path=environ.get("PATH_INFO", getattr(req, "path", None)),
            status=int(str(resp.status).split()[0]),
            bytes=getattr(resp, "sent", None),
            ms=round(request_time.total_seconds() * 1000),
            client=environ.get("REMOTE_ADDR"),
            **({"key": environ[KEY_ID]} if KEY_ID in environ else {}),
        )
        # What this thread says before its next request must not bear this one's reference.
        structlog.contextvars.clear_contextvars()


logger_class = Log


def _count_together() -> None:
    """Let all workers count requests in files of one private folder, made fresh at the start.

    gunicorn reads this file again at SIGHUP: the counts then go on. A start that follows this one
    (SIGUSR2) has another process id and gets a folder of its own.
    """
    mine = f"coatcheck-metrics-{os.getpid()}-"
    if Path(os.environ.get(_COUNTS, "")).name.startswith(mine):
        return
    master, folder = os.getpid(), tempfile.mkdtemp(prefix=mine)
    os.environ[_COUNTS] = folder

    @atexit.register
    def _remove() -> None:
        # Workers end by way of this, too; the folder is the master's.
        if os.getpid() == master:
            shutil.rmtree(folder, ignore_errors=True)


#: What prometheus_client reads as it is imported, which only happens with the app.
_COUNTS = "PROMETHEUS_MULTIPROC_DIR"
_count_together()


def on_starting(server: Any) -> None:
    """Refuse the start, in the master and before any worker, with all problems at once."""
    settings, problems = doctor.start_problems(os.environ)
    if problems:
        click.echo(problem_text(problems), err=True)
        sys.exit(_REFUSED)
    logs.configure(settings)
    _headers.update(headers.always(settings))
    # `python wsgi.py` names its demo like this, and says itself that it uses a mock TikTok.
    demo = server.proc_name == "coatcheck-demo"
    for doubt in doctor.doubts(settings):
        if demo and doubt.name == "ALLOW_SANDBOX":
            continue
        logging.getLogger("coatcheck").warning("%s – %s – %s", doubt.name, doubt.cause, doubt.fix)
    if (found := doctor.whose(settings)) is not None:
        # Pages are served all the same; only refreshing is refused.
        logging.getLogger("coatcheck").error("%s – %s – %s", found.name, found.cause, found.fix)


def child_exit(_server: Any, worker: Any) -> None:
    """Let what a worker that ended had counted stay in the sums, and none of its present state."""
    # Here, because it reads at its import where the counts are.
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)


#: The security headers of every answer, for those that the app does not give itself.
_headers: dict[str, str] = {}


def _answer(sock: Any, status: int, reason: str, _message: str) -> None:
    """Answer what never reaches the app: too long an address, bytes that are no HTTP."""
    body = (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>{reason}</title><h1>{reason}</h1>"
        "<p>Your browser sent something that this site does not take. Nothing was stored.</p>"
        '<p><a href="/">Start again</a></p>'
    )
    head = (
        f"HTTP/1.1 {status} {reason}",
        "Connection: close",
        "Content-Type: text/html; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        *(f"{name}: {value}" for name, value in _headers.items()),
    )
    util.write_nonblock(sock, "\r\n".join((*head, "", body)).encode("latin1"))


# gunicorn has no setting for its own error page, which repeats the request and has no headers.
util.write_error = _answer
