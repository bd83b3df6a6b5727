"""sqlmap and wapiti go over every page as a visitor, a person and an operator, and find nothing."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.served import Serve
from tests.journeys.http_browser import HttpBrowser
from tests.processes import Process, plain_environment, running
from tests.security.callers import CALLERS, Caller
from tests.security.scanners import sqlmap, wapiti
from tests.servers import Gunicorn, Sandbox
from tests.walk import connect

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

#: What would end the session or the connection of the caller; the rest may be pressed.
ENDING = ("/sign-out", "/sign-out/everywhere", "/account/delete", "/account/disconnect")
#: Addresses with every parameter that is read from a query, by who may open them.
QUERIES: dict[Caller, tuple[str, ...]] = {
    "nobody": (
        "/connect?add=video.list&another=1&return_to=https://a.example/",
        "/api/auth/tiktok/callback?state=a&code=b&error=c&iss=d",
        "/static/style.css?v=1",
    ),
    "person": ("/connected?kind=new&added=video.list", "/account/activity?before=1"),
    "operator": (
        "/operators/tokens?q=mara&status=active&scope=video.list&reason=removed_1",
        "/operators/tokens?failing=1h&within=7d&sort=refreshes&after=1&before=1",
        "/operators/audit?from=2026-11-01&to=2026-11-30&who=person&what=connection.connected",
        "/operators/audit?on=ct_2222-2222&ref=abc&after=1&before=1",
        "/operators/bulk?after=1",
        "/operators/keys?name=reports",
    ),
}


@pytest.fixture
def weak(tmp_path: Path) -> Iterator[str]:
    """The address of a site with holes."""
    args = [sys.executable, "-m", "tests.security.weak_site"]
    process = Process(args, tmp_path / "weak.log", env=plain_environment())

    def address() -> str | None:
        found = re.search(r"ready on (\S+)", process.output())
        return found[1] if found else None

    with running(process):
        yield process.wait_for(address)
        process.kill()


def signed_in(server: Gunicorn, env: dict[str, str], sandbox: Sandbox, kind: Caller) -> str:
    """Return the cookies of a caller of this kind, beside two others who are connected."""
    for person in ("jo", "tomas"):
        assert connect(HttpBrowser(server.url), person).status_code == 303
    browser = HttpBrowser(server.url)
    if kind == "nobody":
        return ""
    assert connect(browser).status_code == 303
    if kind == "operator":
        become_operator(env, sandbox.open_id("mara"))
        assert browser.get("/operators/tokens").status_code == 200
    return browser.cookie_line


def become_operator(env: dict[str, str], open_id: str) -> None:
    words = [sys.executable, "-m", "flask", "--app", "wsgi", "operators", "add", open_id]
    subprocess.run(words, env=plain_environment() | env, check=True, capture_output=True)


def test_the_scanners_find_what_is_there(weak: str, tmp_path: Path) -> None:
    injected = sqlmap([f"{weak}/search?q=mara", f"{weak}/echo?said=hello"], tmp_path)
    assert injected == [f"{weak}/search?q=mara q"]
    found, varied = wapiti(weak, tmp_path)
    assert varied
    kinds = {each.partition(":")[0] for each in found}
    assert kinds >= {"Cross Site Scripting", "Content Security Policy Configuration"}


@pytest.mark.parametrize("kind", CALLERS)
def test_sqlmap_finds_nothing(
    serve: Serve, env: dict[str, str], sandbox: Sandbox, tmp_path: Path, kind: Caller
) -> None:
    server = serve(workers=2)
    cookie = signed_in(server, env, sandbox, kind)
    urls = [f"{server.url}{each}" for each in QUERIES[kind]]
    found = sqlmap(urls, tmp_path, cookie=cookie)
    if found:
        # It compares times and pages, so a busy machine misleads it; what is there is found again.
        (again := tmp_path / "again").mkdir()
        found = [each for each in sqlmap(urls, again, cookie=cookie) if each in found]
    assert found == []
    assert "Traceback" not in server.log()


@pytest.mark.parametrize("kind", CALLERS)
def test_wapiti_finds_nothing(
    serve: Serve, env: dict[str, str], sandbox: Sandbox, tmp_path: Path, kind: Caller
) -> None:
    server = serve(workers=2)
    cookie = signed_in(server, env, sandbox, kind)
    start = [address for those in QUERIES.values() for address in those]
    found, varied = wapiti(server.url, tmp_path, cookie=cookie, start=start, but=ENDING)
    assert found == []
    assert varied >= len(start)
    assert "Traceback" not in server.log()
