"""The configuration of gunicorn, which finds it in this folder."""

import atexit
import gc
import json
import logging
import os
import re
import shutil
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

# As in wsgi.py: what imports create stays, so looking for garbage among it only costs time.
gc.disable()

import click
import structlog
from dotenv import load_dotenv
from gunicorn import glogging, util

from webapp import files, logs
from webapp.cli.console import problem_text
from webapp.clock import utc_now
from webapp.gunicorn_worker import Worker
from webapp.services.maintenance import doctor, machine_checks
from webapp.views.http import headers
from webapp.views.http.guards import KEY_ID

load_dotenv(Path(__file__).with_name(".env"))

#: Begins a request for the API.
_FOR_API = re.compile(rb"\s*[A-Z]+ /api/v1/")
#: EX_CONFIG of sysexits.h.
_REFUSED = 78
#: EX_TEMPFAIL: there may be room later, so systemd should try again.
_LATER = 75
#: The folder of prometheus_client, which reads the variable when it is imported with the app.
_METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
#: The security headers of every answer, for the ones that gunicorn gives itself.
_headers: dict[str, str] = {}
#: Where the API's documentation is, for the problems that gunicorn reports itself.
_origin = ""


class Log(glogging.Logger):
    """gunicorn's log lines in the format of the app; requests without query and referer."""

    def setup(self, cfg: Any) -> None:
        """Use the app's handler, which masks secrets, instead of gunicorn's."""
        super().setup(cfg)
        for log in (self.error_log, self.access_log):
            log.handlers.clear()
            log.propagate = True

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> None:
        """Write one line per request, without the query, which can contain `code` and `state`.

        `key` is the public part of a service key: it shows which service got whose token. For a
        request that gunicorn refuses, `resp` and `environ` are incomplete; an error here would
        prevent the answer.
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
        # Lines of this thread before its next request must not carry the reference of this one.
        structlog.contextvars.clear_contextvars()


def _make_metrics_folder() -> None:
    """Make a private folder, in memory if possible, in which all workers count requests together.

    On a full disk, its mapped files would kill every worker that writes to them.
    gunicorn reads this file again after SIGHUP and then keeps the folder. After SIGUSR2, the new
    master has another process id and gets its own folder.
    """
    prefix = f"coatcheck-metrics-{os.getpid()}-"
    known = Path(os.environ.get(_METRICS_FOLDER, ""))
    if known.name.startswith(prefix) and known.is_dir():
        return
    os.environ.pop(_METRICS_FOLDER, None)
    try:
        master, folder = os.getpid(), tempfile.mkdtemp(prefix=prefix, dir=_memory)
    except OSError:
        # Reported with all other problems in on_starting.
        return
    os.environ[_METRICS_FOLDER] = folder

    @atexit.register
    def _remove() -> None:
        # Runs at the end of workers, too, but only the master may remove the folder.
        if os.getpid() == master:
            shutil.rmtree(folder, ignore_errors=True)


def on_starting(server: Any) -> None:
    """Refuse the start with all problems, in the master and before there are workers."""
    global _origin
    settings, problems = doctor.start_problems(os.environ)
    if _METRICS_FOLDER not in os.environ:
        problems.append(machine_checks.no_temporary_folder())
    if problems:
        click.echo(problem_text(problems), err=True)
        sys.exit(_LATER if [each.name for each in problems] == ["TMPDIR"] else _REFUSED)
    logs.configure(settings.log_level, settings.log_format, settings.confidential)
    _headers.update(headers.always(settings))
    _origin = settings.public_origin
    # `python wsgi.py` names its demo like this, and says itself that it uses a mock TikTok.
    demo = server.proc_name == "coatcheck-demo"
    for doubt in doctor.doubts(settings):
        if demo and doubt.name == "ALLOW_SANDBOX":
            continue
        logging.getLogger("coatcheck").warning("%s – %s – %s", doubt.name, doubt.cause, doubt.fix)
    if (found := doctor.bind_installation(settings, utc_now())) is not None:
        # Pages are still served; only refreshing is refused.
        logging.getLogger("coatcheck").error("%s – %s – %s", found.name, found.cause, found.fix)


def child_exit(_server: Any, worker: Any) -> None:
    """Keep the counts of a worker that ended, but drop its gauges."""
    # Imported here, after the folder is known.
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)


def _page(reason: str) -> str:
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>{reason}</title><h1>{reason}</h1>"
        "<p>Your browser sent a request that this site does not accept. Nothing was stored.</p>"
        '<p><a href="/">Start again</a></p>'
    )


def _answer(sock: Any, status: int, reason: str, _message: str) -> None:
    """Answer what never reaches the app: a URL that is too long, bytes that are not HTTP."""
    kind = "text/html; charset=utf-8"
    if _FOR_API.match(getattr(sock, "start", b"")):
        # Imported here, after the folder of the metrics is known.
        from webapp.views.http import api_contract

        members = api_contract.problem_members(_origin, api_contract.code_of(status), "-")
        kind, status, reason = "application/problem+json", members["status"], members["title"]
        body = json.dumps(members)
    else:
        body = _page(reason)
    head = (
        f"HTTP/1.1 {status} {reason}",
        "Connection: close",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        *(f"{name}: {value}" for name, value in _headers.items()),
    )
    util.write_nonblock(sock, "\r\n".join((*head, "", body)).encode("latin1"))


# A port that is not a number is reported with all other problems in on_starting.
_port = os.environ.get("PORT", "").strip()
bind = f"127.0.0.1:{_port if _port.isdecimal() else 8000}"
worker_class = Worker
workers = 2
# Each may be waiting for the rest of its request; more, and the oldest is closed (decisions/0024).
# A process may usually open 1024 files.
worker_connections = 512
# 40 slow sign-ins may all reach one worker; with 32 threads, pages had to wait (decisions/0009).
threads = 64
# In seconds. Longer than a whole call to TikTok (10 s), so no worker is killed during one.
timeout = 30
# Longer than a call, and then 20 s until its answer is in the database or in the rescue file.
graceful_timeout = 45
keepalive = 5
# Anyone who reaches the control socket could command the server.
control_socket_disable = True
# The maximum of gunicorn; the app itself answers 414 well below it.
limit_request_line = 8190
logger_class = Log
accesslog = "-"
loglevel = os.environ.get("LOG_LEVEL", "").strip() or "info"
# Workers touch a file there to show that they are alive.
worker_tmp_dir = _memory = files.memory_folder()
_make_metrics_folder()
# gunicorn's own error page repeats the request, lacks our headers and cannot be configured.
util.write_error = _answer
gc.freeze()
gc.enable()
