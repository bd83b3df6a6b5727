"""With real processes: deleting, waiting or holding a byte back never ends in another's account.

Each scene is gunicorn on SQLite, the mock TikTok over HTTP, and browsers with their cookies.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.parse import quote

import pytest
import requests

from tests.forms import the_form
from tests.journeys.held import Held
from tests.journeys.http_browser import HttpBrowser
from tests.journeys.raw import RawAnswer
from tests.journeys.sites import Site, site
from tests.processes import ROOT, Process, plain_environment
from tests.servers import Sandbox
from tests.services.test_disconnect_waits import until
from tests.walk import begin, come_back, connect, consent

pytestmark = pytest.mark.long

# Less than the ten seconds after which the app gives a call up.
HELD_SECONDS = 9

SIGNED_OUT = "You're no longer signed in, so nothing was done."


@pytest.fixture
def here(sandbox: Sandbox, migrated: str, tmp_path: Path) -> Iterator[Site]:
    with site(sandbox, migrated, tmp_path) as served:
        yield served


@pytest.fixture
def browser(here: Site) -> Callable[[], HttpBrowser]:
    """A function that makes a browser which was never here."""
    return lambda: HttpBrowser(here.url)


Browsers = Callable[[], HttpBrowser]


def signed_in(made: Browsers, person: str) -> HttpBrowser:
    browser = made()
    assert connect(browser, person).status_code == 303
    return browser


def token_of(browser: HttpBrowser) -> str:
    return the_form(browser.get("/terms").text, "/theme").data()["csrf_token"][0]


def row(here: Site, sandbox: Sandbox, person: str) -> dict[str, Any]:
    (found,) = [r for r in here.rows() if r["open_id"] == sandbox.open_id(person)]
    return found


def delete(browser: HttpBrowser) -> requests.Response:
    return browser.post("/account/delete", data=deletion(browser))


def deletion(browser: HttpBrowser) -> dict[str, Any]:
    form = the_form(browser.get("/account/delete").text, "/account/delete")
    return form.data(ticket=browser.get("/account/export").json()["ticket"])


@contextmanager
def held_at_tiktok(
    sandbox: Sandbox, endpoint: str, act: Callable[[], requests.Response]
) -> Iterator[Future[requests.Response]]:
    """Let this act's call wait at TikTok until the block ends; no later call waits."""
    sandbox.latency(HELD_SECONDS, endpoint)
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(act)
        until(lambda: sandbox.counters()["open_calls"] > 0)
        sandbox.latency(0)
        yield held
        assert not held.done(), "this machine was too slow for the scene"
        sandbox.release()


def assert_well(here: Site, sandbox: Sandbox, browser: HttpBrowser, person: str) -> None:
    """Fail unless this person's account is theirs alone, whole, and alive at TikTok."""
    found = row(here, sandbox, person)
    (name,) = [p["display_name"] for p in sandbox.people() if p["name"] == person]
    assert (found["status"], found["display_name"]) == ("active", name)
    assert browser.get("/account/export").json()["open_id"] == sandbox.open_id(person)
    sessions = [s for s in here.rows("browser_sessions") if s["user_id"] == found["id"]]
    assert len(sessions) == 1
    assert sandbox.books()[sandbox.open_id(person)]["ended"] is None
    events = [e["event"] for e in here.rows("audit_events") if e["ticket"] == found["ticket"]]
    assert events == ["connection.connected", "account.exported"]


def test_a_sign_in_whose_account_is_deleted_meanwhile(
    here: Site, sandbox: Sandbox, browser: Browsers
) -> None:
    """Scene 1: the next newcomer got the id of the deleted row, and the session with it."""
    first, second = signed_in(browser, "jo"), browser()
    callback = consent(begin(second), "jo")
    with held_at_tiktok(sandbox, "user_info", lambda: come_back(second, callback)) as returning:
        assert delete(first).headers["Location"] == "/"
        newcomer = signed_in(browser, "noor")
    late = returning.result(30)
    assert late.status_code == 409
    assert "This account was just deleted" in late.text
    assert second.get("/account").headers["Location"] == "/"
    assert_well(here, sandbox, newcomer, "noor")
    assert sandbox.books()[sandbox.open_id("jo")]["ended"] == "revoked"
    told = [e["event"] for e in here.rows("audit_events") if e["ticket"] is not None]
    assert told.count("connection.deleted") == 1


def test_a_deletion_in_two_browsers_deletes_one_account(
    here: Site, sandbox: Sandbox, browser: Browsers
) -> None:
    """Scene 2: the second half of a slow deletion found the person who had the id by then."""
    both = [signed_in(browser, "jo") for _ in range(2)]
    form = deletion(both[1])
    with (
        ThreadPoolExecutor(1) as pool,
        held_at_tiktok(sandbox, "revoke", lambda: delete(both[0])) as first,
    ):
        second = pool.submit(lambda: both[1].post("/account/delete", data=form))
        newcomer = signed_in(browser, "noor")
    assert [each.result(30).status_code for each in (first, second)] == [303, 303]
    assert len(here.rows()) == 1
    assert_well(here, sandbox, newcomer, "noor")
    assert sandbox.calls("revoke") == 1


def forms_of(here: Site, sandbox: Sandbox, browser: HttpBrowser) -> dict[str, Held]:
    """Hold back one form for every button of a person."""
    token = {"csrf_token": token_of(browser)}
    ticket = row(here, sandbox, "jo")["ticket"]
    forms: Mapping[str, tuple[str, Mapping[str, str]]] = {
        "refresh": ("/account/refresh", {}),
        "disconnect": ("/account/disconnect", {}),
        "delete": ("/account/delete", {"ticket": ticket}),
        "delete with a wrong ticket": ("/account/delete", {"ticket": "ct_2222-2222"}),
        "sign out": ("/sign-out", {}),
        "sign out the others": ("/sign-out/others", {}),
        "sign out everywhere": ("/sign-out/everywhere", {}),
    }
    return {name: Held.form(browser, path, token | data) for name, (path, data) in forms.items()}


def test_forms_that_are_held_back_over_a_deletion_do_nothing_to_a_newcomer(
    here: Site, sandbox: Sandbox, browser: Browsers
) -> None:
    """Scene 3: one byte was enough to revoke, erase or sign out the next newcomer, at will."""
    first, second = (signed_in(browser, "jo") for _ in range(2))
    held = forms_of(here, sandbox, second)
    delete(first)
    newcomer = signed_in(browser, "noor")
    ticket = row(here, sandbox, "noor")["ticket"]
    for name, request in held.items():
        answer = request.finish()
        assert (answer.status, answer.headers["Location"]) == (303, "/"), name
        assert ticket.encode() not in answer.body
        assert SIGNED_OUT in unescape(with_cookie(here, answer).get("/").text), name
    assert_well(here, sandbox, newcomer, "noor")


def with_cookie(here: Site, answer: RawAnswer) -> HttpBrowser:
    """Return a browser with the cookie of this answer, which carries what the next page says."""
    browser = HttpBrowser(here.url)
    for header in answer.headers.get_all("Set-Cookie", []):
        name, _, value = header.partition(";")[0].partition("=")
        browser.cookies.set(name, value)
    return browser


@pytest.mark.parametrize("path", ["/sign-out/everywhere", "/sign-out"])
def test_forms_that_are_held_back_over_a_sign_out_do_nothing(
    here: Site, sandbox: Sandbox, browser: Browsers, path: str
) -> None:
    first, second = (signed_in(browser, "jo") for _ in range(2))
    held = forms_of(here, sandbox, second)
    ends = first if path == "/sign-out/everywhere" else second
    ends.post(path, data={"csrf_token": token_of(ends)})
    before = here.rows(), here.rows("audit_events"), sandbox.counters()["calls"]
    for name, request in held.items():
        answer = request.finish()
        assert (answer.status, answer.headers["Location"]) == (303, "/"), name
    assert (here.rows(), here.rows("audit_events"), sandbox.counters()["calls"]) == before


def flask(here: Site, tmp_path: Path, *words: str) -> str:
    """Run a command beside the server, as an operator on the machine would."""
    args = [sys.executable, "-m", "flask", "--app", "wsgi", *words]
    log = tmp_path / f"{'-'.join(words[:2])}.log"
    env = plain_environment() | dict(here.env) | {"LOG_LEVEL": "CRITICAL"}
    command = Process(args, log, env=env, cwd=ROOT)
    assert command.wait(30) == 0, command.output()
    return command.output().strip()


@contextmanager
def ready(here: Site, *words: str) -> Iterator[Callable[[], None]]:
    """Start a command in a process of its own; yield what lets it run, to its end.

    Python needs seconds to start on a busy machine: more than a held body has.
    """
    code = (
        "import sys, wsgi; print('ready', flush=True); sys.stdin.readline();"
        "sys.exit(wsgi.app.test_cli_runner().invoke(args=sys.argv[1:]).exit_code)"
    )
    env = plain_environment() | dict(here.env) | {"LOG_LEVEL": "CRITICAL"}
    args = [sys.executable, "-c", code, *words]
    pipe = subprocess.PIPE
    with subprocess.Popen(args, cwd=ROOT, env=env, text=True, stdin=pipe, stdout=pipe) as command:
        assert command.stdout is not None
        assert command.stdout.readline() == "ready\n"

        def run() -> None:
            command.communicate("\n", timeout=30)
            assert command.returncode == 0

        yield run


def test_what_an_operator_held_back_is_not_done_once_they_are_removed(
    here: Site, sandbox: Sandbox, browser: Browsers, tmp_path: Path
) -> None:
    """Scene 4: a removed operator got a new service key in clear, 40 seconds later."""
    operator = signed_in(browser, "mara")
    signed_in(browser, "jo")
    flask(here, tmp_path, "operators", "add", sandbox.open_id("mara"))
    flask(here, tmp_path, "keys", "issue", "reports")
    jo = quote(sandbox.open_id("jo"), safe="")
    (key,) = here.rows("service_keys")
    many = {"confirm": "1", "id": sandbox.open_id("jo")}
    token = {"csrf_token": token_of(operator)}
    forms: Mapping[str, Mapping[str, str]] = {
        "/operators/keys": {"name": "stolen"},
        f"/operators/keys/{key['id']}/revoke": {},
        f"/operators/tokens/{jo}/refresh": {},
        f"/operators/tokens/{jo}/test": {},
        f"/operators/tokens/{jo}/disconnect": {},
        "/operators/tokens/refresh": many | {"job": "made-up-job-id-1"},
        "/operators/tokens/disconnect": many | {"job": "made-up-job-id-2"},
        "/operators/bulk/made-up-job-id-1/stop": {},
        "/operators/notices/retry": {},
        "/operators/health/probe": {},
        "/operators/setup": {},
    }
    with ready(here, "operators", "remove", sandbox.open_id("mara")) as remove:
        held = {path: Held.form(operator, path, token | data) for path, data in forms.items()}
        remove()
    tables = ("users", "audit_events", "service_keys", "bulk_jobs")
    before = [here.rows(table) for table in tables], sandbox.counters()["calls"]
    for path, request in held.items():
        answer = request.finish()
        assert answer.status == 404, path
        assert b"cck_" not in answer.body
        assert b"Nothing was changed and nothing was stored." in answer.body
    assert ([here.rows(table) for table in tables], sandbox.counters()["calls"]) == before


def asking(here: Site, sandbox: Sandbox, key: str) -> Held:
    path = f"/api/v1/tokens/{quote(sandbox.open_id('jo'), safe='')}/refresh"
    body = json.dumps({"rejected_version": 1}).encode()
    return Held(here.url, path, body, {"Authorization": f"Bearer {key}"})


def test_a_held_request_of_a_revoked_key_gets_no_token(
    here: Site, sandbox: Sandbox, browser: Browsers, tmp_path: Path
) -> None:
    signed_in(browser, "jo")
    key = flask(here, tmp_path, "keys", "issue", "reports")
    with ready(here, "keys", "revoke", "reports") as revoke:
        held = asking(here, sandbox, key)
        revoke()
    answer = held.finish()
    assert answer.status == 401
    assert json.loads(answer.body)["code"] == "bad_key"
    assert sandbox.calls("token.refresh_token") == 0
    assert [e["event"] for e in here.rows("audit_events")][-1] == "key.revoked"


def test_a_body_that_does_not_come_within_ten_seconds_is_not_waited_for(
    here: Site, sandbox: Sandbox, browser: Browsers, tmp_path: Path
) -> None:
    person = signed_in(browser, "jo")
    key = flask(here, tmp_path, "keys", "issue", "reports")
    held = forms_of(here, sandbox, person) | {"api": asking(here, sandbox, key)}
    before = here.rows(), here.rows("audit_events"), sandbox.counters()["calls"]
    sleep(11)
    for name, request in held.items():
        answer = request.answer()
        assert answer.status == 408, name
    assert (here.rows(), here.rows("audit_events"), sandbox.counters()["calls"]) == before
    assert person.get("/account").status_code == 200


def test_a_body_that_comes_byte_by_byte_is_not_waited_for_longer(
    here: Site, browser: Browsers
) -> None:
    person = signed_in(browser, "jo")
    data = {"csrf_token": token_of(person), "more": "y" * 100}
    held = Held.form(person, "/account/refresh", data, keep=100)
    began = monotonic()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(held.answer)
        for byte in held.rest:
            if answer.done():
                break
            held.socket.sendall(bytes([byte]))
            sleep(0.2)
    assert answer.result().status == 408
    assert monotonic() - began < 15
