"""/metrics under a real gunicorn: sums over all processes that lose nothing when one dies."""

import os
import secrets
import signal
import stat
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.fixtures.served import Serve
from tests.servers import Gunicorn, plain_session
from tests.workers import children
from webapp.files import memory_folder

MANY, BROWSERS = 240, 8
REQUESTS = "coatcheck_http_requests_total"
DURATIONS = "coatcheck_http_request_seconds_count"
TOKEN = secrets.token_urlsafe(32)


def samples(server: Gunicorn) -> dict[tuple[str, str], float]:
    """Return (name, endpoint) → value of what /metrics says of requests."""
    shown = {"Authorization": f"Bearer {TOKEN}"}
    answer = requests.get(f"{server.url}/metrics", headers=shown, timeout=10)
    assert answer.status_code == 200
    found: dict[tuple[str, str], float] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            if sample.name in (REQUESTS, DURATIONS):
                key = (sample.name, sample.labels["endpoint"])
                found[key] = found.get(key, 0) + sample.value
    return found


def ask(server: Gunicorn) -> None:
    """Ask for MANY pages over BROWSERS connections, each kept open."""

    def some(_number: int) -> None:
        with plain_session() as browser:
            for _again in range(MANY // BROWSERS):
                assert browser.get(f"{server.url}/cookies", timeout=10).status_code == 200

    with ThreadPoolExecutor(BROWSERS) as pool:
        list(pool.map(some, range(BROWSERS)))


def counted(server: Gunicorn) -> tuple[float, float]:
    """Return how many pages were counted, and how many durations."""
    found = samples(server)
    return (
        found.get((REQUESTS, "home.cookies"), 0),
        found.get((DURATIONS, "home.cookies"), 0),
    )


def folder_of(server: Gunicorn) -> Path:
    """Return where the server's processes count: in memory, if there is room."""
    temporary = Path(memory_folder() or tempfile.gettempdir())
    (found,) = temporary.glob(f"coatcheck-metrics-{server.process.pid}-*")
    return found


def wait_for_workers(server: Gunicorn, gone: set[int]) -> None:
    """Return when none of the former workers is there and two others answer."""
    end = time.monotonic() + 20
    while gone & set(children(server.process.pid)) or len(children(server.process.pid)) < 2:
        assert time.monotonic() < end, "the workers were not replaced"
        time.sleep(0.05)


def ask_both(server: Gunicorn) -> int:
    """Ask until both processes have answered; return how many pages that took."""
    folder, asked = folder_of(server), 0
    for _round in range(20):
        ask(server)
        asked += MANY
        if len(list(folder.glob("counter_*.db"))) == 2:
            return asked
    raise AssertionError("one process did all the work, so this shows nothing")


@pytest.mark.long
def test_two_processes_count_as_one_and_lose_nothing(serve: Serve) -> None:
    server = serve(workers=2, METRICS_TOKEN=TOKEN)
    asked = ask_both(server)
    assert counted(server) == (asked, asked)
    assert stat.S_IMODE(folder_of(server).stat().st_mode) == 0o700
    first = children(server.process.pid)[0]
    os.kill(first, signal.SIGKILL)
    wait_for_workers(server, {first})
    assert counted(server) == (asked, asked)


@pytest.mark.long
def test_counts_go_on_when_the_server_is_told_to_read_its_settings_anew(serve: Serve) -> None:
    server = serve(workers=2, METRICS_TOKEN=TOKEN)
    ask(server)
    before = set(children(server.process.pid))
    os.kill(server.process.pid, signal.SIGHUP)
    wait_for_workers(server, before)
    ask(server)
    assert counted(server) == (2 * MANY, 2 * MANY)


@pytest.mark.long
def test_the_counts_go_with_the_server(serve: Serve) -> None:
    server = serve(workers=1, METRICS_TOKEN=TOKEN)
    folder = folder_of(server)
    os.kill(server.process.pid, signal.SIGTERM)
    server.process.wait(30)
    assert not folder.exists()
