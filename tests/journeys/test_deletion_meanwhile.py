"""An account is deleted during a refresh, a webhook, a bulk job, a hand-out and an export, often.

Real processes: gunicorn with two workers, `flask tokens run`, the mock TikTok. No answer is a
5xx, no token is handed out afterwards, and what stays of the person is what the privacy page says.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.parse import quote

import pytest
import requests
from sqlalchemy import Engine, create_engine, make_url, text

from tests import servers
from tests.forms import the_form
from tests.journeys.http_browser import HttpBrowser
from tests.keep.hands import worker
from tests.servers import Sandbox
from tests.services.test_disconnect_waits import until
from tests.walk import connect

pytestmark = [
    pytest.mark.usefixtures("each_database"),
    pytest.mark.long,
    pytest.mark.timeout(580),
]

TIMES = 20
#: Tables in which a person's row is named, and what names it there.
NAMED = {"users": "id", "browser_sessions": "user_id", "service_uses": "user_id"}
NAMED |= {"name_words": "user_id"}


@dataclass
class Scene:
    """Everything that runs, and everybody who was deleted so far."""

    sandbox: Sandbox
    url: str
    engine: Engine
    key: str = field(repr=False)
    operator: HttpBrowser
    statuses: Counter[str] = field(default_factory=Counter)
    gone: list[dict[str, Any]] = field(default_factory=list)

    def browser(self, person: str) -> HttpBrowser:
        """Return the browser of someone who has just connected."""
        made = HttpBrowser(self.url)
        assert connect(made, person).status_code == 303
        return made

    def ask(self, open_id: str, version: int | None = None) -> requests.Response:
        """Ask for a token as a service; `version`: say that TikTok has rejected that one."""
        url = f"{self.url}/api/v1/tokens/{quote(open_id, safe='')}"
        head = {"Authorization": f"Bearer {self.key}"}
        with servers.plain_session() as session:
            if version is None:
                return session.get(url, headers=head, timeout=30)
            body = {"rejected_version": version}
            return session.post(f"{url}/refresh", json=body, headers=head, timeout=30)

    def note(self, what: str, answer: requests.Response) -> requests.Response:
        """Count an answer. Raises AssertionError if it is the server's fault."""
        self.statuses[f"{what} {answer.status_code}"] += 1
        assert answer.status_code < 500, f"{what}: {answer.status_code} {answer.text[:300]}"
        return answer


def token_of(browser: HttpBrowser) -> dict[str, list[str]]:
    return {"csrf_token": the_form(browser.get("/terms").text, "/theme").data()["csrf_token"]}


@pytest.fixture
def scene(env: dict[str, str], migrated: str, sandbox: Sandbox, tmp_path: Path) -> Iterator[Scene]:
    env = env | {"REFRESH_RATE": "500", "INSTANCE_ID": "made-up-instance"}
    engine = create_engine(make_url(migrated))
    with ExitStack() as stack:
        stack.callback(engine.dispose)
        web = stack.enter_context(servers.gunicorn(env, tmp_path, workers=2))
        working = worker(env, tmp_path)
        stack.callback(working.kill)
        operator = HttpBrowser(web.url)
        assert connect(operator, "mara").status_code == 303
        with engine.begin() as connection:
            connection.execute(text("UPDATE users SET operator_since = connected_at"))
        form = the_form(operator.get("/operators/keys").text, "/operators/keys")
        issued = operator.post("/operators/keys", data=form.data(name="reports"))
        page = operator.get(issued.headers["Location"]).text
        key = page.partition("cck_")[2].split("<")[0].split('"')[0]
        sandbox.control("webhook", url=f"{web.url}/webhooks/tiktok")
        yield Scene(sandbox, web.url, engine, f"cck_{key}", operator)
        assert working.stop() == 0, working.output()
        assert "Traceback" not in web.log() + working.output()


Meanwhile = Callable[[Scene, HttpBrowser, Mapping[str, Any]], object]


def a_refresh(scene: Scene, browser: HttpBrowser, _mine: Mapping[str, Any]) -> None:
    scene.note("refresh", browser.post("/account/refresh", data=token_of(browser)))


def a_webhook(scene: Scene, _browser: HttpBrowser, mine: Mapping[str, Any]) -> None:
    said = scene.sandbox.control("deauthorize", open_id=mine["open_id"])
    assert said["delivery"] or not said["had_consent"]


def a_bulk_job(scene: Scene, _browser: HttpBrowser, mine: Mapping[str, Any]) -> None:
    act = random.choice(["refresh", "disconnect"])
    order = {"confirm": "1", "id": mine["open_id"], "job": f"made-up-{random.getrandbits(64):x}"}
    sent = token_of(scene.operator) | order
    scene.note("bulk", scene.operator.post(f"/operators/tokens/{act}", data=sent))


def a_hand_out(scene: Scene, _browser: HttpBrowser, mine: Mapping[str, Any]) -> None:
    scene.note("hand-out", scene.ask(mine["open_id"], version=9_999))
    scene.note("hand-out", scene.ask(mine["open_id"], version=1))


def an_export(scene: Scene, browser: HttpBrowser, _mine: Mapping[str, Any]) -> None:
    answer = scene.note("export", browser.get("/account/export"))
    assert answer.status_code == 303 or answer.json()["open_id"]


DURING: dict[str, Meanwhile] = {
    "refresh": a_refresh,
    "webhook": a_webhook,
    "bulk job": a_bulk_job,
    "hand-out": a_hand_out,
    "export": an_export,
}


def deleted(scene: Scene, browser: HttpBrowser, mine: Mapping[str, Any]) -> None:
    """Press "Delete account" and see that no token is handed out from then on."""
    data = token_of(browser) | {"ticket": [mine["ticket"]]}
    answer = scene.note("deletion", browser.post("/account/delete", data=data))
    assert answer.headers["Location"] == "/"
    assert scene.ask(mine["open_id"]).status_code == 404
    scene.gone.append(dict(mine))


@pytest.mark.parametrize("during", DURING)
def test_an_account_that_is_deleted_during(scene: Scene, during: str) -> None:
    scene.sandbox.latency(0.05)
    with ThreadPoolExecutor(2) as pool:
        for number in range(TIMES):
            name = f"somebody{number:03}"
            scene.sandbox.control("people", name=name, display_name=f"Somebody Else {number:03}")
            here, there = scene.browser(name), scene.browser(name)
            mine = here.get("/account/export").json()
            under_way: Future[object] = pool.submit(DURING[during], scene, here, mine)
            sleep(random.uniform(0, 0.12))
            deleted(scene, there, mine)
            under_way.result(60)
    scene.sandbox.latency(0)
    assert_nothing_left(scene)
    assert sum(scene.statuses.values()) >= TIMES


def assert_nothing_left(scene: Scene) -> None:
    until(lambda: not open_jobs(scene))
    assert len(scene.gone) == TIMES
    with scene.engine.connect() as connection:
        for table, column in NAMED.items():
            # The names of tables and columns are written in this file.
            query = f"SELECT count(DISTINCT {column}) FROM {table}"  # noqa: S608
            assert connection.execute(text(query)).scalar_one() <= 1, f"more than mara in {table}"
        for table in ("users", "name_words", "audit_events", "bulk_jobs", "bulk_items", "notices"):
            # As above.
            rows = str(connection.execute(text(f"SELECT * FROM {table}")).all())  # noqa: S608
            for one in scene.gone:
                assert one["open_id"] not in rows, f"an open_id in {table}"
                assert str(one["display_name"]) not in rows, f"a name in {table}"
    alive = {o for o, grant in scene.sandbox.books().items() if grant["ended"] is None}
    assert alive <= {scene.sandbox.open_id("mara")}, "a grant that nobody holds lives on"


def open_jobs(scene: Scene) -> int:
    ends = monotonic() + 30
    with scene.engine.connect() as connection:
        query = text("SELECT count(*) FROM bulk_jobs WHERE ended_at IS NULL")
        assert monotonic() < ends
        return int(connection.execute(query).scalar_one())
