"""How one gets to the page of every cause, in this process; knows nothing of what it says."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import TooManyRequests
from werkzeug.test import TestResponse

from tests.contract.evidence import callback, question
from tests.forms import the_form
from tests.keep.standins import Meanwhile, with_provider
from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.services.holding import runtime_of, the_row
from tests.walk import begin, come_back, connect, connect_form, consent
from webapp.database import writing
from webapp.services.authority import HalfDone
from webapp.services.connect import disconnect
from webapp.tiktok.profile import Profile
from webapp.views.http.guards import public
from webapp.views.http.runtime import KEY


@dataclass(frozen=True)
class Scenery:
    """What a way may use."""

    client: FlaskClient
    sandbox: Sandbox
    clock: MovableClock


Way = Callable[[Scenery], TestResponse]


def denied(there: Scenery) -> TestResponse:
    return come_back(there.client, consent(begin(there.client), deny="1"))


def expired(there: Scenery) -> TestResponse:
    came = consent(begin(there.client))
    there.clock.advance(minutes=11)
    return come_back(there.client, came)


def cookie_missing(there: Scenery) -> TestResponse:
    return come_back(there.client.application.test_client(), consent(begin(there.client)))


def older_attempt(there: Scenery) -> TestResponse:
    there.client.get("/")
    return there.client.get(callback(("code", "made-up"), ("state", "made-up")))


def already_done(there: Scenery) -> TestResponse:
    came = consent(begin(there.client))
    come_back(there.client, came)
    form = the_form(there.client.get("/connected").text, "/sign-out")
    there.client.post("/sign-out", data=form.data())
    there.client.get("/")
    return come_back(there.client, came)


def attempt_over(there: Scenery) -> TestResponse:
    came = consent(begin(there.client), deny="1")
    come_back(there.client, came)
    return come_back(there.client, came)


def basic_missing(there: Scenery) -> TestResponse:
    return connect(there.client, grant=["video.list"], scopes=["video.list"])


def other_account(there: Scenery) -> TestResponse:
    connect(there.client)
    return connect(there.client, "jo")


def incomplete(there: Scenery) -> TestResponse:
    return there.client.get(callback(("state", question(begin(there.client))["state"])))


def at_tiktok(endpoint: str, kind: str, **more: object) -> Way:
    """Return a way on which TikTok has a fault."""

    def way(there: Scenery) -> TestResponse:
        there.sandbox.faults(endpoint, kind, **more)
        return connect(there.client)

    return way


#: Lets the database refuse newcomers, as it does on a full disk.
FULL = """
CREATE TRIGGER full_disk BEFORE INSERT ON users
BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END
"""


def not_stored(there: Scenery) -> TestResponse:
    with there.client.application.app_context(), writing() as session:
        session.execute(text(FULL))
    return connect(there.client)


#: Those that end a sign-in: each leaves a row in the audit.
SIGN_INS: Mapping[str, Way] = {
    "denied": denied,
    "expired": expired,
    "cookie_missing": cookie_missing,
    "older_attempt": older_attempt,
    "already_done": already_done,
    "attempt_over": attempt_over,
    "tiktok_down": at_tiktok("token", "http500"),
    "not_stored": not_stored,
    "tiktok_unclear": at_tiktok("token", "html"),
    "basic_missing": basic_missing,
    "site_not_ready": at_tiktok("token", "error200", error="invalid_client"),
    "site_in_testing": at_tiktok(
        "authorize", "error200", error="access_denied", error_type="non_sandbox_target"
    ),
    "other_account": other_account,
    "incomplete": incomplete,
    "code_refused": at_tiktok("token", "error200", error="invalid_grant"),
}


def cookies_blocked(there: Scenery) -> TestResponse:
    sent = connect_form(there.client).data()
    return there.client.application.test_client().post("/connect", data=sent)


def account_deleted(there: Scenery) -> TestResponse:
    """Another browser deletes the account while this one waits for TikTok to say the name."""
    app = there.client.application
    runtime = runtime_of(app)

    class Deleting(Meanwhile):
        def user_info(self, *args: Any, **kwargs: Any) -> Profile:
            with app.app_context():
                disconnect.delete_person(runtime, the_row(app).ref)
            return runtime.provider.user_info(*args, **kwargs)

        def __getattr__(self, name: str) -> Any:
            return getattr(runtime.provider, name)

    app.extensions[KEY] = with_provider(runtime, Deleting(runtime.provider))
    return connect(there.client)


class NeverWhole:
    """A body of which the rest does not come in time."""

    def read(self, _size: int = -1) -> bytes:
        raise TimeoutError


def too_slow(there: Scenery) -> TestResponse:
    body = {"wsgi.input": NeverWhole(), "CONTENT_LENGTH": "10"}
    return there.client.post("/connect", environ_overrides=body)


def form_expired(there: Scenery) -> TestResponse:
    sent = the_form(there.client.get("/connect").text, "/connect").data()
    connect(there.client)
    return there.client.post("/connect", data=sent)


def in_place_of_the_terms(error: Exception) -> Way:
    """Return the way of a person who opens a page that fails with `error`."""

    def broken() -> str:
        raise error

    def way(there: Scenery) -> TestResponse:
        app = there.client.application
        app.testing = False
        app.config["PROPAGATE_EXCEPTIONS"] = False
        app.view_functions["home.terms"] = public(broken)
        return there.client.get("/terms")

    return way


def get(path: str, base_url: str | None = None, **environ: str) -> Way:
    """Return the way of a person who types an address."""
    options = {"base_url": base_url} if base_url else {}
    return lambda there: there.client.get(path, environ_overrides=environ, **options)


#: All others; no view answers 403.
OTHERS: Mapping[str, Way] = {
    # The connect itself was written down, and so was the deletion.
    "account_deleted": account_deleted,
    "too_slow": too_slow,
    "stopped_halfway": in_place_of_the_terms(HalfDone()),
    "cookies_blocked": cookies_blocked,
    "form_expired": form_expired,
    # The limit itself is in tests/security/test_limits.py; sixty tries take seconds.
    "too_many": in_place_of_the_terms(TooManyRequests()),
    "our_fault": in_place_of_the_terms(RuntimeError("made-up")),
    "database_down": in_place_of_the_terms(OperationalError("made-up", None, OSError("away"))),
    "not_found": get("/nothing-here"),
    "wrong_method": get("/sign-out"),
    "too_large": lambda there: there.client.post("/connect", data={"scopes": "a" * 20_000}),
    "too_long": get(f"/?{'a' * 5000}"),
    "other_host": get("/", "http://elsewhere.example"),
    "unreadable": get("/", QUERY_STRING="\xff"),
}
