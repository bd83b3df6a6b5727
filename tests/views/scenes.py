"""Every page with every kind of context it may get, over made-up people; needs no database."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Flask

from tests.views import health_scenes, one, own_scenes, records, setup_scenes
from tests.views.bare_app import NOW, acting
from tests.views.bulk_scenes import BULK
from webapp.language import gettext as _
from webapp.models import Reason, User
from webapp.services.operators.counts import Counts, Kind
from webapp.services.operators.list_pages import Page, Row
from webapp.services.operators.list_query import Place, Query, Sort, State
from webapp.views.http import api_contract
from webapp.views.http.ending_texts import ENDINGS
from webapp.views.http.signing_in.return_link import ReturnLink
from webapp.views.operators import list_page
from webapp.views.operators.list_address import ListRequest

HEALTHS = (
    *("fresh", "due", "refreshing", "failing"),
    *("expired", "reconnect", "revoking", "revoked"),
)


@dataclass(frozen=True)
class Scope:
    """What the catalogue says about one scope."""

    id: str
    label: str
    why: str
    limits: str = ""
    without: str = ""


@dataclass(frozen=True)
class Person:
    """As much of a row as pages read."""

    display_name: str | None = "Mara Lindqvist"
    ticket: str = "ct_8f2k91qd"
    open_id: str = "-000Jq74ETHj4fhvb6QG"
    connected_at: datetime = NOW - timedelta(days=40, hours=2)
    refreshed_at: datetime | None = NOW - timedelta(minutes=20)
    status: str = "active"


@dataclass(frozen=True)
class Visitor:
    """Who is signed in."""

    name: str = "Mara Lindqvist"
    open_id: str = "-000Jq74ETHj4fhvb6QG"
    ticket: str = "ct_8f2k91qd"
    operator: bool = False


def row(name: str | None, state: str, *, grant_ending: bool = False, **more: Any) -> Row:
    """Return one line of the operators' list."""
    usual = {
        "display_name": name,
        "open_id": "-000Jq74ETHj4fhvb6QG",
        "ticket": "ct_8F2K-91QD",
        "access_expires_at": NOW + timedelta(hours=1, minutes=40),
        "refresh_expires_at": NOW + timedelta(days=150),
        "scope": "user.info.basic,video.list",
        "asked_scope": "user.info.basic,user.info.stats,video.list",
        "refreshes": 1222,
        "last_used_at": NOW - timedelta(hours=2),
        "next_at": NOW + timedelta(minutes=35),
        "failures": 0,
    }
    return Row(User(**(usual | more)), State(state), grant_ending)


MISTYPED = _("Type the ticket number as shown above.")
DELETED = _("Your account is deleted. Your name and TikTok ID are no longer stored here.")
UNCONFIRMED = _(
    "TikTok didn't confirm the disconnection. You can remove our access in the TikTok app."
)
UNHEARD = _("Refreshing didn't work either: the timeline says why.")
BASIC = Scope(
    "user.info.basic",
    _("Your name and picture"),
    _("So we both know which account this is."),
    _("We can't see your email address or phone number."),
)
STATS = Scope(
    "user.info.stats",
    _("Your follower, following, like and video counts"),
    _("To show them in your report."),
    _("Public numbers only."),
)
VIDEOS = Scope(
    "video.list",
    _("Your public videos"),
    _("To list them with their view counts."),
    _("We can't see private videos, drafts or messages."),
    _("Your videos and their view counts won't be shown."),
)
UNKNOWN = Scope("artist.new", "artist.new", "")
MARA = Person()
HOSTILE = Person(display_name="<script>alert(1)</script>\u202egnp.exe" + "é" * 200)
NAMELESS = Person(display_name=None)
ENDED: dict[str, Any] = {"access_expires_at": None, "refresh_expires_at": None, "next_at": None}
ROWS = [
    row("Mara Lindqvist", "healthy"),
    row("Tomás Ferreira", "healthy", last_used_at=None),
    row("Oluwaseun", "failing", last_error="temporarily_unavailable", failures=3),
    row("Jo", "soon", access_expires_at=NOW - timedelta(hours=3), next_at=NOW),
    row("愛子", "reconnect", last_error="invalid_grant", reason="refused", **ENDED),
    row(None, "revoked", scope="", refreshes=0, **ENDED),
    row("Noor", "healthy", refresh_expires_at=NOW + timedelta(days=9), grant_ending=True),
    row(HOSTILE.display_name, "revoked", **ENDED),
]
KINDS = [
    Kind("active", None, "user.info.basic,video.list", 1204, 31),
    Kind("failing", None, "user.info.basic", 2, 0),
    Kind("reconnect", "refused", "", 7, 0),
]
COUNTS = Counts(KINDS, None, [], [], 12)


@dataclass(frozen=True)
class Scene:
    """One page as someone sees it."""

    template: str
    #: Or what makes it, within a request.
    context: dict[str, Any] | Callable[[], dict[str, Any]]
    visitor: Visitor | None = None
    sandbox: bool = False
    support_email: str = "help@example.com"
    flashed: tuple[tuple[str, str], ...] = ()


def _choose(**more: Any) -> dict[str, Any]:
    usual = {"required": [BASIC], "optional": [STATS, VIDEOS], "ticked": set(), "already": set()}
    usual |= {"adding": []}
    usual |= {"tiktok_host": "www.tiktok.com", "another": False, "unfinished": False, "back": None}
    return usual | more


def _account(health: str, **more: Any) -> dict[str, Any]:
    usual = {"person": MARA, "health": health, "granted": [BASIC, VIDEOS], "missing": [STATS]}
    usual |= {"reconnect_by": NOW + timedelta(days=325), "warning": None, "again": []}
    usual |= {"reason": None, "since": None, "held": True, "choices": True}
    return usual | own_scenes.BESIDE | more


def _tokens(
    page: Page,
    asked: ListRequest | None = None,
    counts: Counts | None = COUNTS,
    total: int | None = None,
) -> Callable[[], dict[str, Any]]:
    """Return how the view makes its context, which needs a request."""
    asked = asked or ListRequest(Query())

    def context() -> dict[str, Any]:
        made = list_page.context(asked, page, counts, total, NOW)
        return made | {"filters": list_page.filters(asked.query, ["video.list"])}

    return context


SIGNED_IN = Visitor()
OPERATOR = Visitor(operator=True)
HOME = {"required": [BASIC], "optional": [STATS, VIDEOS], "tiktok_host": "www.tiktok.com"}
HOME |= {"back": None, "unfinished": False}
PRIVACY = HOME | {"audit_days": 400}
CONNECTED = {"person": MARA, "granted": [BASIC], "missing": [], "kind": "new"}
CONNECTED |= {"added": [], "back": None}
STUDIO = ReturnLink("Example Studio", "https://studio.example/done?a=1&b=2")

#: Pages of the people who connect.
PEOPLE: dict[str, Scene] = {
    "home": Scene("home/index.html", HOME),
    "home-basic": Scene("home/index.html", HOME | {"optional": []}, sandbox=True),
    "home-no-contact": Scene("home/index.html", HOME, support_email=""),
    "goodbye": Scene("account/goodbye.html", {}, flashed=(("ok", DELETED), ("warn", UNCONFIRMED))),
    "home-sent": Scene("home/index.html", HOME | {"back": STUDIO, "unfinished": True}),
    "home-basic-sent": Scene("home/index.html", HOME | {"optional": [], "back": STUDIO}),
    "choose": Scene("connect/choose.html", _choose()),
    "choose-sent": Scene("connect/choose.html", _choose(back=STUDIO, ticked={VIDEOS.id})),
    "choose-more": Scene(
        "connect/choose.html",
        _choose(
            ticked={VIDEOS.id},
            already={BASIC.id, STATS.id},
            adding=[VIDEOS.label],
            unfinished=True,
        ),
        visitor=SIGNED_IN,
        sandbox=True,
    ),
    "choose-basic": Scene(
        "connect/choose.html", _choose(optional=[], unfinished=True), support_email=""
    ),
    "connected": Scene("connect/connected.html", CONNECTED, SIGNED_IN),
    "connected-again": Scene(
        "connect/connected.html", CONNECTED | {"kind": "again", "missing": [VIDEOS]}, SIGNED_IN
    ),
    "connected-less": Scene(
        "connect/connected.html", CONNECTED | {"missing": [STATS, VIDEOS]}, SIGNED_IN
    ),
    "connected-added": Scene(
        "connect/connected.html",
        CONNECTED | {"kind": "added", "added": [STATS, VIDEOS], "granted": [BASIC, STATS, VIDEOS]},
        SIGNED_IN,
    ),
    "connected-other": Scene("connect/connected.html", CONNECTED | {"kind": "other"}, SIGNED_IN),
    "connected-returned": Scene(
        "connect/connected.html",
        CONNECTED | {"kind": "returned", "back": STUDIO, "missing": [UNKNOWN]},
        SIGNED_IN,
    ),
    **{f"account-{h}": Scene("account/show.html", _account(h), SIGNED_IN) for h in HEALTHS},
    **{
        f"account-{reason}": Scene(
            "account/show.html",
            _account(
                "reconnect",
                reason=reason,
                since=NOW - timedelta(hours=3),
                granted=[],
                held=False,
                again=[BASIC.id, VIDEOS.id],
            ),
            SIGNED_IN,
        )
        for reason in ENDINGS
    },
    "account-ending": Scene(
        "account/show.html",
        _account("fresh", warning=30, reconnect_by=NOW + timedelta(days=13, hours=1)),
        SIGNED_IN,
        flashed=(("warn", UNCONFIRMED), ("bad", UNHEARD)),
    ),
    "account-ending-expired": Scene(
        "account/show.html",
        _account("expired", warning=7, reconnect_by=NOW + timedelta(days=2)),
        SIGNED_IN,
    ),
    "account-hostile": Scene(
        "account/show.html",
        _account("fresh", person=HOSTILE, missing=[UNKNOWN]),
        SIGNED_IN,
        sandbox=True,
    ),
    "account-nameless": Scene(
        "account/show.html", _account("fresh", person=NAMELESS, missing=[]), SIGNED_IN
    ),
    "account-last-day": Scene(
        "account/show.html",
        _account("due", warning=1, reconnect_by=NOW + timedelta(hours=7)),
        SIGNED_IN,
    ),
    "account-reason-since-ever": Scene(
        "account/show.html", _account("reconnect", reason="refused"), SIGNED_IN
    ),
    "account-ended-once": Scene(
        "account/show.html", _account("reconnect", since=NOW - timedelta(days=2)), SIGNED_IN
    ),
    "account-unused": Scene(
        "account/show.html",
        _account("fresh", uses=[], recent=[], browsers=own_scenes.BROWSERS[:1]),
        SIGNED_IN,
    ),
    **{
        name: Scene(template, facts, SIGNED_IN)
        for name, (template, facts) in own_scenes.PAGES.items()
    },
    "disconnect": Scene("account/disconnect.html", {"person": MARA}, SIGNED_IN),
    "delete": Scene(
        "account/delete.html", {"person": MARA, "problem": "", "typed": "", "days": 400}, SIGNED_IN
    ),
    "delete-wrong": Scene(
        "account/delete.html",
        {"person": MARA, "problem": MISTYPED, "typed": "ct_", "days": 1},
        SIGNED_IN,
    ),
    "privacy": Scene("pages/privacy.html", PRIVACY),
    "privacy-basic": Scene("pages/privacy.html", PRIVACY | {"optional": []}, support_email=""),
    "terms": Scene("pages/terms.html", {}),
    "terms-silent": Scene("pages/terms.html", {}, support_email=""),
    "cookies": Scene("pages/cookies.html", {"days": 30}),
}
BY_REFRESHES = Query(state=State.FAILING, sort=Sort.REFRESHES, down=True)
FORCED = Query(within=timedelta(days=7), search="<b>", scope="artist.new", reason=Reason.REFUSED)
OLD = Counts(KINDS, NOW - timedelta(seconds=40), [], [])
NOBODY = Counts([], None, [], [])
#: Pages of operators, who know the words of the trade.
OPERATORS: dict[str, Scene] = {
    "tokens": Scene(
        "operators/tokens.html",
        _tokens(
            Page(ROWS, Place(NOW, 12), Place(None, 3)), ListRequest(Query(after=Place(NOW, 1)))
        ),
        OPERATOR,
    ),
    "tokens-one": Scene(
        "operators/tokens.html", _tokens(Page(ROWS[:1], None, None), total=1), OPERATOR, True
    ),
    "tokens-all": Scene(
        "operators/tokens.html",
        _tokens(Page(ROWS, Place(5, 1), None), ListRequest(BY_REFRESHES, True), OLD, 9),
        OPERATOR,
    ),
    "tokens-forced": Scene(
        "operators/tokens.html",
        _tokens(Page(ROWS, None, None, cut=True), ListRequest(FORCED, True, ("foo", "sort")), None),
        OPERATOR,
    ),
    "tokens-empty": Scene(
        "operators/tokens.html", _tokens(Page([], None, None), None, NOBODY, 0), OPERATOR
    ),
    "tokens-none": Scene(
        "operators/tokens.html", _tokens(Page([], None, None), ListRequest(FORCED)), OPERATOR
    ),
    "tokens-beyond": Scene(
        "operators/tokens.html",
        _tokens(Page([], None, Place(NOW, 8)), ListRequest(Query(after=Place(NOW, 8)))),
        OPERATOR,
    ),
    **{name: Scene(template, facts, OPERATOR) for name, (template, facts) in records.ALL.items()},
    **{
        f"one-{name}": Scene(f"operators/{page}.html", context, OPERATOR)
        for name, (page, context) in one.PAGES.items()
    },
}
OPERATORS |= {
    name: Scene("operators/health.html", context, OPERATOR)
    for name, context in health_scenes.CONTEXTS.items()
}
OPERATORS |= {name: Scene(template, facts, OPERATOR) for name, (template, facts) in BULK.items()}
ORIGIN = "https://tickets.example"
OPERATORS |= {
    "setup": Scene("operators/setup.html", setup_scenes.context(values=True), OPERATOR),
    "setup-asked": Scene(
        "operators/setup.html",
        setup_scenes.context(values=True, asked_at=NOW - timedelta(seconds=80)),
        OPERATOR,
    ),
    "setup-open": Scene("operators/setup.html", setup_scenes.context(values=False)),
    "choose-operator": Scene("connect/choose.html", _choose(unfinished=True), OPERATOR),
}
#: Pages of programmers.
PROGRAMMERS: dict[str, Scene] = {
    "api": Scene(
        "api/docs.html",
        {
            "summary": "Request a working TikTok access token.",
            "calls": api_contract.calls(ORIGIN),
            "kinds": list(api_contract.kinds(ORIGIN).values()),
            "reasons": api_contract.descriptions("Reason"),
            "warnings": api_contract.descriptions("Warning"),
        },
    )
}
SCENES = PEOPLE | OPERATORS | PROGRAMMERS


def play(app: Flask, scene: Scene) -> str:
    """Return the HTML of a scene."""
    render: Callable[..., str] = app.jinja_env.get_template(scene.template).render
    facts = {"sandbox": scene.sandbox, "support_email": scene.support_email}
    with acting(app):
        context: dict[str, Any] = {"get_flashed_messages": lambda with_categories: scene.flashed}
        app.update_template_context(context)
        given = scene.context() if callable(scene.context) else scene.context
        return render(context | facts | {"visitor": scene.visitor} | given)
