"""Slow sign-ins hold up nobody else: pages answer as quickly while TikTok keeps many waiting."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from statistics import median

import pytest
import requests

from tests.fixtures.served import Serve
from tests.forms import the_form
from tests.servers import ANSWER_WITHIN, Gunicorn, Sandbox, plain_session
from tests.walk import consent

SLOW_SIGN_INS = 40
#: How many of them must hang at TikTok in one moment: on a busy machine they come one by one.
AT_LEAST = 30
TIKTOK_SECONDS = 5
MEASURED_SECONDS = 2
#: Far above what a page takes (5 ms), far below what a queue behind TikTok would cost.
QUICK_SECONDS = 0.2
PAGES = ("/healthz", "/", "/readyz", "/account")


def on_the_way_back(server: Gunicorn) -> tuple[requests.Session, str]:
    """Walk to TikTok and consent; return the browser and the callback it is about to open."""
    browser = plain_session()
    form = the_form(browser.get(f"{server.url}/connect", timeout=ANSWER_WITHIN).text, "/connect")
    answer = browser.post(
        f"{server.url}/connect", form.data(), allow_redirects=False, timeout=ANSWER_WITHIN
    )
    return browser, consent(answer.headers["Location"])


def come_back(on_the_way: tuple[requests.Session, str]) -> int:
    """Open the callback; return the status of the answer."""
    browser, callback = on_the_way
    return browser.get(callback, allow_redirects=False, timeout=30).status_code


def medians(browser: requests.Session, server: Gunicorn) -> dict[str, float]:
    """Return what the pages take, in seconds: the median of up to 15 each, in turns."""
    took: dict[str, list[float]] = {page: [] for page in PAGES}
    end = time.monotonic() + MEASURED_SECONDS
    while time.monotonic() < end and len(took[PAGES[-1]]) < 15:
        for page in PAGES:
            took[page].append(seconds_for(browser, server.url + page))
    return {page: median(times) for page, times in took.items()}


def seconds_for(browser: requests.Session, url: str) -> float:
    """Return what one page takes; one that does not come in a second counts as a second.

    Over a connection of its own, or one worker alone would be measured.
    """
    alone = {"Connection": "close"}
    began = time.perf_counter()
    try:
        answer = browser.get(url, headers=alone, allow_redirects=False, timeout=1)
    except requests.Timeout:
        return 1.0
    assert answer.status_code in (200, 303)
    return time.perf_counter() - began


@contextmanager
def hanging(
    sandbox: Sandbox, travellers: list[tuple[requests.Session, str]]
) -> Iterator[list[Future[int]]]:
    """Let all come back at once, and begin the block when TikTok keeps most of them waiting."""
    sandbox.latency(TIKTOK_SECONDS, "token")
    with ThreadPoolExecutor(len(travellers)) as threads:
        answers = [threads.submit(come_back, each) for each in travellers]
        end = time.monotonic() + TIKTOK_SECONDS
        while sandbox.counters()["open_calls"] < AT_LEAST:
            assert time.monotonic() < end, f"never together: {sandbox.counters()}"
        yield answers


@pytest.mark.alone
@pytest.mark.long
@pytest.mark.usefixtures("each_database")
def test_pages_are_quick_while_40_sign_ins_hang(serve: Serve, sandbox: Sandbox) -> None:
    server = serve(workers=2)
    mara = on_the_way_back(server)
    assert come_back(mara) == 303
    with ThreadPoolExecutor(8) as threads:
        travellers = list(threads.map(lambda _: on_the_way_back(server), range(SLOW_SIGN_INS)))
    before = medians(mara[0], server)
    with hanging(sandbox, travellers) as answers:
        during = medians(mara[0], server)
        still_hanging = sandbox.counters()["open_calls"]
    assert [answer.result() for answer in answers] == [303] * SLOW_SIGN_INS
    told = {p: f"{before[p] * 1000:.1f} -> {during[p] * 1000:.1f} ms" for p in PAGES}
    assert still_hanging >= AT_LEAST, f"measured too long to prove anything: {told}"
    assert all(during[page] < QUICK_SECONDS for page in PAGES), told
    assert all(during[page] < 5 * before[page] + 0.02 for page in PAGES), told
