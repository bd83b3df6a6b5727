"""What a page says after an act is what TikTok counted and what the database holds.

Every act of a person and of an operator, over HTTP, except bulk jobs and what health shows of them.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import unescape
from typing import Any

import pytest

from tests.forms import forms
from tests.journeys.http_browser import HttpBrowser
from tests.journeys.sites import Site
from tests.servers import Sandbox
from tests.views.reading import Reading
from tests.walk import begin, come_back, connect, consent

pytestmark = pytest.mark.long

FAILS = "UPDATE users SET status = 'failing' WHERE open_id = ?"
WORKS_AGAIN = "UPDATE users SET status = 'active' WHERE open_id = ?"
REFRESH, REVOKE = "token.refresh_token", "revoke"
RETRYING = "Disconnected here. TikTok didn't respond; we'll keep trying for 24 hours."


@dataclass
class Scene:
    """Jo in two browsers, and mara, who is an operator."""

    site: Site
    sandbox: Sandbox
    jo: HttpBrowser
    jos_other: HttpBrowser
    mara: HttpBrowser

    def row(self, person: str = "jo") -> dict[str, Any] | None:
        """Return someone's row; None once it is deleted."""
        own = self.sandbox.open_id(person)
        return next((row for row in self.site.rows() if row["open_id"] == own), None)

    def sessions(self) -> int:
        """Return on how many devices jo is signed in."""
        row = self.row()
        found = self.site.rows("browser_sessions")
        return sum(row is not None and each["user_id"] == row["id"] for each in found)

    def calls(self) -> dict[str, int]:
        """Return how often TikTok was called for what."""
        counted: Mapping[str, Mapping[str, int]] = self.sandbox.counters()["calls"]
        return {name: sum(outcomes.values()) for name, outcomes in counted.items()}


def follow(browser: HttpBrowser, answer: Any) -> str:
    """Return the page to which an answer leads, as its reader sees it."""
    while answer.status_code == 303:
        answer = browser.get(answer.headers["Location"])
    text = answer.text
    return Reading(text).text if "<html" in text else text


def press(browser: HttpBrowser, page: str, action: str, **typed: str) -> str:
    """Press the button of a page whose form goes to `action`; return the page that follows."""
    shown = browser.get(page).text
    form = next(form for form in forms(shown) if form.action == action)
    return follow(browser, browser.post(unescape(action), data=form.data(**typed)))


@dataclass(frozen=True)
class Act:
    """One act, and what must be true of it afterwards."""

    name: str
    do: Callable[[Scene], str]
    #: What the page says, and what it must not say.
    says: str
    holds: Callable[[Scene], bool]
    calls: Mapping[str, int] = field(default_factory=dict)
    fault: tuple[str, str, dict[str, Any]] | None = None
    never: tuple[str, ...] = ()


def of_jo(action: str, page: str = "", **typed: str) -> Callable[[Scene], str]:
    return lambda scene: press(scene.jo, page or action, action, **typed)


def renew(scene: Scene) -> str:
    """Press the button that a person has while renewing fails."""
    own = scene.sandbox.open_id("jo")
    scene.site.sql(FAILS, own)
    page = scene.jo.get("/account").text
    scene.site.sql(WORKS_AGAIN, own)
    form = next(form for form in forms(page) if form.action == "/account/refresh")
    return follow(scene.jo, scene.jo.post(form.action, data=form.data()))


def delete(scene: Scene) -> str:
    row = scene.row()
    assert row is not None
    return press(scene.jo, "/account/delete", "/account/delete", ticket=row["ticket"])


def sign_out_the_other(scene: Scene) -> str:
    shown = forms(scene.jo.get("/account/sessions").text)
    other = [form for form in shown if form.action.startswith("/account/sessions/")][1]
    return follow(scene.jo, scene.jo.post(other.action, data=other.data()))


def press_in_a_tab_that_was_left_open(scene: Scene) -> str:
    page = "/account/disconnect"
    form = next(form for form in forms(scene.jo.get(page).text) if form.action == page)
    press(scene.jo, "/account", "/sign-out")
    return follow(scene.jo, scene.jo.post(page, data=form.data()))


def fail_to_connect_and_reload(scene: Scene) -> str:
    browser = HttpBrowser(scene.site.url)
    came = consent(begin(browser), "noor")
    assert come_back(browser, came).status_code == 503
    return follow(browser, browser.get(came.replace(scene.site.url, "")))


def on_jo(act: str) -> Callable[[Scene], str]:
    def do(scene: Scene) -> str:
        page = f"/operators/tokens/{scene.sandbox.open_id('jo')}"
        asks = f"{page}/{act}" if act == "disconnect" else page
        return press(scene.mara, asks, f"{page}/{act}")

    return do


def is_(status: str, *, held: bool, version: int | None = None) -> Callable[[Scene], bool]:
    def holds(scene: Scene) -> bool:
        row = scene.row()
        assert row is not None
        assert (row["status"], row["access_token"] is not None) == (status, held)
        assert version in (None, row["version"])
        return True

    return holds


def lives_at_tiktok(scene: Scene) -> bool:
    return scene.sandbox.books()[scene.sandbox.open_id("jo")]["ended"] is None


DOWN = ("token", "http500", {"grant_type": "refresh_token"})
SILENT = ("revoke", "http500", {})
REFUSES = ("revoke", "error200", {"error": "invalid_client"})
AWAY = ("Disconnected. TikTok confirmed it.",)
ACTS = (
    Act(
        "renew",
        renew,
        "Access was renewed. It works until",
        is_("active", held=True, version=2),
        {REFRESH: 1},
    ),
    Act(
        "renew while TikTok is down",
        renew,
        "TikTok didn't renew access just now. It still works until",
        is_("failing", held=True, version=1),
        {REFRESH: 1},
        DOWN,
        ("Access was renewed",),
    ),
    Act(
        "disconnect",
        of_jo("/account/disconnect"),
        "Disconnected. TikTok confirmed it.",
        lambda s: is_("revoked", held=False)(s) and not lives_at_tiktok(s),
        {REVOKE: 1},
    ),
    Act(
        "disconnect while TikTok is silent",
        of_jo("/account/disconnect"),
        RETRYING,
        lambda s: is_("revoking", held=True)(s) and lives_at_tiktok(s),
        {REVOKE: 1},
        SILENT,
        AWAY,
    ),
    Act(
        "disconnect, and TikTok refuses",
        of_jo("/account/disconnect"),
        "TikTok didn't confirm the disconnection.",
        lambda s: is_("revoked", held=False)(s) and lives_at_tiktok(s),
        {REVOKE: 1},
        REFUSES,
        AWAY,
    ),
    Act(
        "delete",
        delete,
        "Your account is deleted.",
        lambda s: s.row() is None and s.sessions() == 0 and not lives_at_tiktok(s),
        {REVOKE: 1},
        never=("TikTok didn't confirm",),
    ),
    Act(
        "delete, and TikTok refuses",
        delete,
        "TikTok didn't confirm the disconnection.",
        lambda s: s.row() is None and lives_at_tiktok(s),
        {REVOKE: 1},
        REFUSES,
    ),
    Act(
        "delete with another ticket",
        of_jo("/account/delete", ticket="ct_0000-0000"),
        "Your account wasn't deleted",
        is_("active", held=True, version=1),
    ),
    Act(
        "sign out",
        of_jo("/sign-out", "/account"),
        "You're signed out.",
        lambda s: s.sessions() == 1 and is_("active", held=True)(s),
    ),
    Act(
        "sign out another device",
        sign_out_the_other,
        "That device is signed out.",
        lambda s: s.sessions() == 1 and s.jo.get("/account").status_code == 200,
    ),
    Act(
        "sign out all others",
        of_jo("/sign-out/others", "/account/sessions"),
        "All other devices are signed out.",
        lambda s: s.sessions() == 1 and s.jo.get("/account").status_code == 200,
    ),
    Act(
        "sign out everywhere",
        of_jo("/sign-out/everywhere", "/account/sessions"),
        "You're signed out on all devices.",
        lambda s: s.sessions() == 0 and is_("active", held=True)(s),
    ),
    Act(
        "disconnect in a tab that was left open",
        press_in_a_tab_that_was_left_open,
        "You're no longer signed in, so nothing was done.",
        lambda s: is_("active", held=True, version=1)(s) and lives_at_tiktok(s),
        never=AWAY,
    ),
    Act(
        "reload a sign-in that failed",
        fail_to_connect_and_reload,
        "This attempt is over",
        lambda s: s.row("noor") is None,
        {"token.authorization_code": 1},
        ("token", "http500", {"grant_type": "authorization_code"}),
        ("already done",),
    ),
    Act(
        "an operator refreshes",
        on_jo("refresh"),
        "Access was refreshed. It works until",
        is_("active", held=True, version=2),
        {REFRESH: 1},
    ),
    Act(
        "an operator refreshes while TikTok is down",
        on_jo("refresh"),
        "It wasn't refreshed:",
        is_("failing", held=True, version=1),
        {REFRESH: 1},
        DOWN,
        ("Access was refreshed.",),
    ),
    Act(
        "an operator tests",
        on_jo("test"),
        "Access works.",
        is_("active", held=True, version=1),
        {"user_info": 1},
    ),
    Act(
        "an operator disconnects",
        on_jo("disconnect"),
        "Disconnected. TikTok confirmed it.",
        lambda s: is_("revoked", held=False)(s) and not lives_at_tiktok(s),
        {REVOKE: 1},
    ),
    Act(
        "an operator disconnects while TikTok is silent",
        on_jo("disconnect"),
        "We'll keep notifying TikTok for 24 hours.",
        lambda s: is_("revoking", held=True)(s) and lives_at_tiktok(s),
        {REVOKE: 1},
        SILENT,
        AWAY,
    ),
    Act(
        "an operator asks TikTok about the settings",
        lambda s: press(s.mara, "/operators/setup", "/operators/setup"),
        "Checked with TikTok: everything is fine.",
        is_("active", held=True, version=1),
        {"token.client_credentials": 1},
    ),
)


@pytest.fixture
def scene(simple: Site, sandbox: Sandbox) -> Scene:
    """Everyone is signed in; jo on two devices."""
    jo, other, mara = (HttpBrowser(simple.url) for _ in range(3))
    for browser, person in ((jo, "jo"), (other, "jo"), (mara, "mara")):
        assert connect(browser, person).status_code == 303
        browser.get("/account")
    simple.sql(
        "UPDATE users SET operator_since = connected_at WHERE open_id = ?", sandbox.open_id("mara")
    )
    # Jo has signed in twice; versions are counted from there.
    simple.sql("UPDATE users SET version = 1 WHERE open_id = ?", sandbox.open_id("jo"))
    return Scene(simple, sandbox, jo, other, mara)


@pytest.mark.parametrize("act", ACTS, ids=[act.name for act in ACTS])
def test_a_page_says_what_tiktok_counted_and_the_database_holds(scene: Scene, act: Act) -> None:
    if act.fault is not None:
        endpoint, kind, options = act.fault
        scene.sandbox.faults(endpoint, kind, **options)
    before = scene.calls()
    page = act.do(scene)
    made = {name: count - before.get(name, 0) for name, count in scene.calls().items()}
    # Sign-ins at TikTok's page are no calls of ours.
    called = {name: count for name, count in made.items() if count and name != "authorize"}
    assert act.says in " ".join(page.split())
    for words in act.never:
        assert words not in page
    assert called == act.calls
    assert act.holds(scene)


def test_a_key_that_a_page_shows_works_until_a_page_says_that_it_is_revoked(scene: Scene) -> None:
    name = f"studio-{scene.sandbox.client_key}"
    page = press(scene.mara, "/operators/keys", "/operators/keys", name=name)
    (key,) = set(re.findall(r"cck_[0-9a-f]{12}_[0-9a-f]{64}", page))
    public = key.split("_")[1]

    def row() -> dict[str, Any]:
        return next(each for each in scene.site.rows("service_keys") if each["id"] == public)

    def asks() -> int:
        path = f"/api/v1/tokens/{scene.sandbox.open_id('jo')}"
        headers = {"Authorization": f"Bearer {key}"}
        return HttpBrowser(scene.site.url).get(path, headers=headers).status_code

    assert row()["digest"] == hashlib.sha256(key.encode()).hexdigest()
    assert asks() == 200
    again = follow(scene.mara, scene.mara.get(f"/operators/keys/{public}/issued"))
    assert "can't be shown again here" in again
    assert "No key was issued" not in again
    assert asks() == 200
    revoke = f"/operators/keys/{public}/revoke"
    assert "is revoked. Requests with it are refused" in press(scene.mara, revoke, revoke)
    assert row()["revoked_at"] is not None
    assert asks() == 401
