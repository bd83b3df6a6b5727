"""Which pages docs/screens shows, and in what state; holds no key, no token and no real person."""

from collections.abc import Iterator
from dataclasses import dataclass
from unittest.mock import patch

from tests.looks.everyday import EVERYDAY
from tests.looks.staging import error_page
from tests.views.bare_app import NOW, stage
from tests.views.scenes import SCENES, play
from webapp.views.http.errors import CAUSES


@dataclass(frozen=True, slots=True)
class Picture:
    """One page in one state."""

    #: Of the files, and of the scene unless that is named.
    name: str
    #: As in the app's URL map.
    endpoint: str
    #: For anyone who reads the list.
    told: str
    scene: str = ""


PEOPLE = (
    Picture("home", "home.index", "What this is, and what will be asked"),
    Picture("home-sent", "home.index", "The same, sent here by another service"),
    Picture("connect", "connect.choose", "Step 1: choose what to allow", "choose"),
    Picture("connect-again", "connect.choose", "An attempt that never came back", "choose-more"),
    Picture("connected", "connect.connected", "Step 3: the ticket"),
    Picture("connected-less", "connect.connected", "Less was allowed than asked for"),
    Picture("connected-other", "connect.connected", "Another account than before"),
    Picture("account", "account.show", "A connection that works", "account-fresh"),
    Picture("account-removed", "account.show", "Removed in the TikTok app", "account-removed_1"),
    Picture("account-ending", "account.show", "The connection ends soon; two notices"),
    Picture("account-revoked", "account.show", "Nothing is connected"),
    Picture("activity", "account.activity", "What happened to one's connection"),
    Picture("sessions", "account.sessions", "Where one is signed in"),
    Picture("disconnect", "account.confirm_disconnect", "Before disconnecting"),
    Picture("delete", "account.confirm_delete", "Before deleting the account"),
    Picture("delete-wrong", "account.delete", "Another ticket number was typed"),
    Picture("goodbye", "home.index", "After deleting the account"),
    Picture("privacy", "home.privacy", "Privacy, filled from the settings"),
    Picture("terms", "home.terms", "Terms of service"),
    Picture("cookies", "home.cookies", "Every cookie by name"),
    Picture("api", "api.docs", "The API, for programmers"),
)
OPERATORS = (
    Picture("tokens", "operators.tokens", "All connections"),
    Picture("tokens-none", "operators.tokens", "Nothing matches"),
    Picture("tokens-empty", "operators.tokens", "Nobody has connected yet"),
    Picture("connection", "connection.show", "One connection", "one-well"),
    Picture("connection-failing", "connection.show", "One that fails", "one-failing"),
    Picture(
        "connection-disconnect", "connection.confirm_disconnect", "Before ending it", "one-leaving"
    ),
    Picture("bulk-refresh", "bulk.refresh", "Before refreshing all that match", "bulk-refresh-all"),
    Picture(
        "bulk-disconnect", "bulk.disconnect", "Before disconnecting many", "bulk-disconnect-many"
    ),
    Picture("bulk-job", "bulk.show", "Work on many, under way", "bulk-running"),
    Picture("bulk", "bulk.index", "All such work", "bulk-jobs"),
    Picture("health", "health.show", "Is everything being kept fresh"),
    Picture("health-ill", "health.show", "The same in trouble"),
    Picture("audit", "audit.index", "Who did what"),
    Picture("keys", "keys.index", "Service keys"),
    Picture("key-issued", "keys.issued", "A new key, shown once (blotted out here)"),
    Picture("key-revoke", "keys.confirm_revoke", "Before ending a key"),
    Picture("setup", "setup.show", "Is everything configured, and what to paste at TikTok"),
    Picture("setup-open", "setup.show", "The same before the first operator, without values"),
)
ERRORS = tuple(Picture(f"error-{code}", "", cause.title) for code, cause in CAUSES.items())
#: Heading of the list → its pictures.
GROUPS: dict[str, tuple[Picture, ...]] = {
    "For the people who connect, and for programmers": PEOPLE,
    "For operators": OPERATORS,
    "When something goes wrong": ERRORS,
}


def html() -> Iterator[tuple[str, str]]:
    """Yield (name of the picture, HTML) in the order of the list."""
    app = stage()
    for picture in (*PEOPLE, *OPERATORS):
        scene = EVERYDAY.get(picture.name) or SCENES[picture.scene or picture.name]
        yield picture.name, play(app, scene)
    with patch("webapp.views.http.errors.utc_now", return_value=NOW):
        for code in CAUSES:
            yield f"error-{code}", error_page(app, code)
