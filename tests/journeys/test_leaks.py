"""Every secret that ever existed is sought in every place it could have got to, at DEBUG."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_urlsafe
from urllib.parse import quote

import pytest
from sqlalchemy import create_engine, text

from tests.fixtures.app import MakeApp
from tests.fixtures.served import Serve
from tests.forms import forms, the_form
from tests.journeys import raw, search
from tests.journeys.commands import flask
from tests.journeys.http_browser import HttpBrowser, opened
from tests.journeys.recorder import Recorder, recording
from tests.servers import ANSWER_WITHIN, Gunicorn, Sandbox, plain_session, refused_start
from tests.walk import begin, come_back, connect, consent

#: Where the app looks for TikTok.
URLS = ("TIKTOK_AUTHORIZE_URL", "TIKTOK_API_URL")
OWN = ("TIKTOK_CLIENT_SECRET", "SECRET_KEY", "TOKEN_KEYS", "METRICS_TOKEN")
#: What operators read and download.
OPERATORS = (
    *("/operators/tokens", "/operators/tokens.csv", "/operators/tokens.json", "/operators/audit"),
    *("/operators/audit.csv", "/operators/health", "/operators/keys", "/operators/bulk"),
    *("/operators/setup", "/account/activity", "/account/sessions"),
)


@dataclass
class RunningApp:
    """A served app whose every secret is known."""

    server: Gunicorn
    sandbox: Sandbox
    recorder: Recorder
    env: dict[str, str]
    folder: Path
    browsers: list[HttpBrowser] = field(default_factory=list)
    cookies: set[str] = field(default_factory=set)
    #: What commands said.
    said: list[str] = field(default_factory=list)
    #: What services and the scraper of metrics were told, tokens that were handed out left out.
    told: list[str] = field(default_factory=list)
    #: Headers that an answer had, by name.
    headers: list[tuple[str, str]] = field(default_factory=list)
    service_keys: set[str] = field(default_factory=set)

    def browser(self) -> HttpBrowser:
        """Return a browser whose pages and cookies are kept for the search."""
        made = HttpBrowser(self.server.url)
        self.browsers.append(made)
        made.hooks["response"].append(lambda *_a, **_o: self.cookies.update(made.cookies.values()))
        made.hooks["response"].append(
            lambda answer, **_o: self.headers.extend(answer.headers.items())
        )
        return made

    def post(self, browser: HttpBrowser, page: str, action: str, **more: str) -> int:
        """Press the button on a page that goes to `action`."""
        form = the_form(browser.get(page).text, action)
        return browser.post(action, data=form.data(**more)).status_code

    def opened_cookies(self) -> list[str]:
        """Return what every cookie ever set says."""
        self.cookies |= {each for browser in self.browsers for each in browser.cookies.values()}
        return [opened(cookie) for cookie in self.cookies if cookie]

    def secrets(self) -> set[str]:
        """Return all but the states and session secrets, which the cookie may hold."""
        passed = [v for name, v in self.recorder.seen.items() if name != "state"]
        return set().union(*passed) | {self.env[name] for name in OWN} | self.service_keys

    def session_secrets(self) -> set[str]:
        """Return what signs browsers in."""
        opened = [json.loads(cookie) for cookie in self.opened_cookies()]
        return {cookie["_user_id"] for cookie in opened if "_user_id" in cookie}

    def header_lines(self, without: tuple[str, ...] = ()) -> bytes:
        """Return every header of every answer but these, one a line."""
        kept = [f"{name}: {value}" for name, value in self.headers if name not in without]
        return "\n".join(kept).encode()

    def places(self) -> dict[str, bytes]:
        """Return every place that no secret may be in, states and session secrets included."""
        pages = b"\n".join(body for browser in self.browsers for body in browser.bodies)
        said = {
            "commands": "\n".join(self.said).encode(),
            "services": "\n".join(self.told).encode(),
        }
        # A cookie may hold a state, and so may the way to TikTok.
        said["headers"] = self.header_lines(without=("Set-Cookie", "Location"))
        logs = {"log": self.server.log().encode(), "pages": pages}
        return logs | said | search.database(self.env["DATABASE_URL"])


@pytest.fixture
def runtime(
    serve: Serve, sandbox: Sandbox, env: dict[str, str], each_database: str, tmp_path: Path
) -> Iterator[RunningApp]:
    with recording(sandbox.url) as recorder:
        urls = {name: env[name].replace(sandbox.url, recorder.url) for name in URLS}
        changes = urls | {"METRICS_TOKEN": token_urlsafe(32)}
        yield RunningApp(serve(**changes), sandbox, recorder, env | changes, tmp_path)


def good_ways(runtime: RunningApp) -> None:
    """Connect wholly, partly and again; disconnect; delete; sign out."""
    mara, jo, tomas = runtime.browser(), runtime.browser(), runtime.browser()
    assert connect(mara, scopes=["video.list"]).status_code == 303
    assert connect(jo, "jo", ["user.info.basic"], scopes=["video.list"]).status_code == 303
    refused = {"kind": "error200", "error": "access_token_invalid", "status": 401}
    runtime.sandbox.faults("user_info", times=1, **refused)
    assert connect(tomas, "tomas").status_code == 303  # refreshes on the way
    for browser in (mara, jo, tomas):
        for page in ("/account", "/connected", "/account/export", "/connect", "/"):
            browser.get(page)
    assert runtime.post(jo, "/account/disconnect", "/account/disconnect") == 303
    runtime.sandbox.expire("tomas")
    assert runtime.post(tomas, "/account/disconnect", "/account/disconnect") == 303
    ticket = mara.get("/account/export").json()["ticket"]
    assert runtime.post(mara, "/account/delete", "/account/delete", ticket=ticket) == 303
    assert connect(mara).status_code == 303
    assert runtime.post(jo, "/account", "/sign-out") == 303


def bad_ways(runtime: RunningApp) -> None:
    """Cancel, reload, forge; meet a TikTok that is down, lies, or repeats what it was sent."""
    secret = runtime.env["TIKTOK_CLIENT_SECRET"]
    browser = runtime.browser()
    cancelled = come_back(browser, consent(begin(browser), deny="1"))
    assert "You chose not to connect" in cancelled.text
    faults = [
        ("token", {"kind": "http500"}, 503),
        ("token", {"kind": "drop"}, 503),
        ("token", {"kind": "html"}, 502),
        ("token", {"kind": "truncated"}, 502),
        ("token", {"kind": "error200", "error": secret, "description": secret}, 503),
        ("token", {"kind": "answer", "answer": {"expires_in": "soon"}}, 502),
        ("user_info", {"kind": "http500"}, 303),
        ("user_info", {"kind": "raw", "body": f'{{"error": "{secret}"}}'}, 303),
    ]
    for endpoint, fault, status in faults:
        runtime.sandbox.faults(endpoint, times=1, **fault)
        assert connect(runtime.browser(), "aiko").status_code == status, fault
    callback = consent(begin(browser))
    assert come_back(browser, callback).status_code == 303
    browser.get(callback, headers={"Referer": callback})
    assert come_back(runtime.browser(), callback).status_code == 400
    target = callback.removeprefix(runtime.server.url).encode()
    for spoilt in (target + b"&\xff", target + b" x", target + b"a" * 9000):
        raw.get(runtime.server.url, spoilt, b"Referer: " + target)


def commands(runtime: RunningApp, make_app: MakeApp) -> None:
    """Run what operators run, with all settings right and with some wrong."""
    runner = make_app(**{name: runtime.env[name] for name in URLS}).test_cli_runner()
    open_id = runtime.sandbox.open_id("mara")
    for words in ("doctor", "doctor --json", f"operators add {open_id}", "operators list"):
        run = runner.invoke(args=words.split(), env=runtime.env)
        assert run.exit_code == 0, run.output
        runtime.said.append(run.output + run.stderr)
    assert len(runner.invoke(args=["keys", "generate"]).output.strip()) == 44
    wrong = runtime.env | {
        "SESSION_DAYS": "many",
        "TOKEN_KEYS": f"{runtime.env['TOKEN_KEYS']},short",
    }
    code, said = refused_start(wrong, runtime.folder)
    assert code == 78
    runtime.said += [said, flask(wrong, "doctor")]


def services(runtime: RunningApp, make_app: MakeApp) -> None:
    """Ask for tokens with a key, right and wrong, while TikTok works and while it does not."""
    runner = make_app(**{name: runtime.env[name] for name in URLS}).test_cli_runner()
    key = runner.invoke(args=["keys", "issue", "studio"]).output.strip()
    runtime.service_keys.add(key)
    url = f"{runtime.server.url}/api/v1/tokens/{quote(runtime.sandbox.open_id('mara'), safe='')}"
    with plain_session() as service:
        service.headers["Authorization"] = f"Bearer {key}"
        handed = service.get(url, timeout=ANSWER_WITHIN)
        assert handed.status_code == 200
        version = handed.json()["version"]
        runtime.sandbox.faults("token", times=1, kind="error200", error=key, description=key)
        refused = service.post(
            f"{url}/refresh", json={"rejected_version": version}, timeout=ANSWER_WITHIN
        )
        assert refused.status_code == 503
        spoilt = service.get(f"{url}?min_ttl={key}", timeout=ANSWER_WITHIN)
        assert spoilt.status_code == 400
        wrong = service.get(url, headers={"Authorization": f"Bearer {key}x"}, timeout=ANSWER_WITHIN)
        assert wrong.status_code == 401
        runtime.told += [refused.text, spoilt.text, wrong.text]
        for answer in (handed, refused, spoilt, wrong):
            runtime.headers.extend(answer.headers.items())
        bearer = {"Authorization": f"Bearer {runtime.env['METRICS_TOKEN']}"}
        metrics = service.get(
            f"{runtime.server.url}/metrics", headers=bearer, timeout=ANSWER_WITHIN
        )
        assert metrics.status_code == 200
        runtime.told.append(metrics.text)
    for words in ("keys list", "tokens list", "tokens check"):
        run = runner.invoke(args=words.split(), env=runtime.env)
        runtime.said.append(run.output + run.stderr)


def operating(runtime: RunningApp) -> None:
    """Read every page and export as an operator, and press what asks TikTok, which lies."""
    mara, secret = runtime.browsers[0], runtime.env["TIKTOK_CLIENT_SECRET"]
    connection = f"/operators/tokens/{quote(runtime.sandbox.open_id('mara'), safe='')}"
    lie = {"kind": "error200", "error": secret, "description": secret}
    for press, endpoint in (("refresh", "token"), ("test", "user_info")):
        runtime.sandbox.faults(endpoint, times=1, **lie)
        page = mara.get(connection).text
        form = next(form for form in forms(page) if form.action.endswith(f"/{press}"))
        assert mara.post(f"{connection}/{press}", data=form.data()).status_code == 303
    for page in (*OPERATORS, connection):
        assert mara.get(page).status_code == 200, page


def breakdown(runtime: RunningApp) -> None:
    """Take the table away under a sign-in and a page: a 500, with a traceback in the log."""
    browser, signed_in = runtime.browser(), runtime.browser()
    assert come_back(signed_in, consent(begin(signed_in), "noor")).status_code == 303
    callback = consent(begin(browser), "noor")
    engine = create_engine(runtime.env["DATABASE_URL"])
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE users RENAME TO users_away"))
    assert come_back(browser, callback).status_code == 503
    assert signed_in.get("/account").status_code == 500
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE users_away RENAME TO users"))
    engine.dispose()
    assert "Traceback" in runtime.server.log()


@pytest.mark.long
@pytest.mark.rule(55, 11)
def test_no_secret_is_anywhere_it_should_not_be(runtime: RunningApp, make_app: MakeApp) -> None:
    good_ways(runtime)
    bad_ways(runtime)
    commands(runtime, make_app)
    services(runtime, make_app)
    operating(runtime)
    during = search.database(runtime.env["DATABASE_URL"])
    breakdown(runtime)
    states = runtime.recorder.seen["state"]
    seen = {name: len(values) for name, values in runtime.recorder.seen.items()}
    assert min(seen[name] for name in ("code", "code_verifier", "access_token", "state")) >= 8
    assert seen["refresh_token"] >= 6
    everything = runtime.secrets() | states | runtime.session_secrets()
    places = runtime.places() | {f"{name}, before": text for name, text in during.items()}
    assert search.found_in(places, everything) == []
    cookies = {"cookies": "\n".join(runtime.opened_cookies()).encode()}
    assert search.found_in(cookies, runtime.secrets()) == []
    assert search.found_in({"headers": runtime.header_lines()}, runtime.secrets()) == []
    # The same search finds what is there, in every kind of place.
    assert search.found_in(cookies, states)
    assert runtime.session_secrets()
    control(runtime, places)


def control(runtime: RunningApp, places: dict[str, bytes]) -> None:
    """Insist that the search finds what is planted, in each place, in each spelling."""
    secret = next(iter(runtime.recorder.seen["code"]))
    assert "*" in secret
    for place, content in places.items():
        for spelling in search.spellings(secret):
            planted = {place: content + spelling + b"tail"}
            assert search.found_in(planted, [secret]) == [f"{place}: {secret[:8]}…"]
    open_id = runtime.sandbox.open_id("mara")
    found = {hit.partition(":")[0] for hit in search.found_in(places, [open_id])}
    assert {"log", "pages", "table users", "commands"} <= found
    assert b"Content-Security-Policy" in places["headers"]
    assert b"coatcheck_" in places["services"]
