"""The whole way of a person, without a browser: our form, the sandbox over HTTP, and back.

Never skips a step that a browser would take: the CSRF token comes from the page, the cookie from
the client, the callback from the sandbox's own redirect.
"""

from collections.abc import Collection
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask.testing import FlaskClient
from werkzeug.test import Cookie, TestResponse

from tests.forms import Form, forms, the_form, the_form_of
from tests.servers import ANSWER_WITHIN, plain_session

#: Who walks unless a test names someone else: one of the sandbox's people.
PERSON = "mara"


class BrowserLikeClient(FlaskClient):
    """Flask's test client at the app's public address instead of `localhost`."""

    #: Set for each app by the fixture that makes it.
    origin = "http://127.0.0.1"

    def open(self, *args: Any, **options: Any) -> TestResponse:
        """Make a request; a path is taken on the public origin unless `base_url` says otherwise."""
        if args and isinstance(args[0], str):
            options.setdefault("base_url", self.origin)
        return super().open(*args, **options)

    def get_cookie(
        self, key: str, domain: str | None = None, path: str | None = None
    ) -> Cookie | None:
        """Return a cookie of the public host, or None."""
        return super().get_cookie(key, domain or self._host(), path or "/")

    def set_cookie(self, key: str, value: str = "", **options: Any) -> None:
        """Set a cookie for the public host."""
        super().set_cookie(key, value, **({"domain": self._host()} | options))

    def delete_cookie(self, key: str, **options: Any) -> None:
        """Forget a cookie of the public host."""
        super().delete_cookie(key, **({"domain": self._host()} | options))

    def session_transaction(self, *args: Any, **options: Any) -> Any:
        """Open the session of the public host (see Flask)."""
        return super().session_transaction(*args, **({"base_url": self.origin} | options))

    def _host(self) -> str:
        return urlsplit(self.origin).hostname or ""


def connect_form(client: FlaskClient) -> Form:
    """Return the form that starts connecting, found as a person finds it: on `/`, else `/connect`.

    Raises AssertionError if neither page holds it.
    """
    home = client.get("/")
    found = forms(home.text) if home.status_code == 200 else []
    if any(form.action == "/connect" for form in found):
        return the_form_of(found, "/connect", home.text)
    page = client.get("/connect")
    assert page.status_code == 200, f"GET /connect → {page.status_code}"
    return the_form(page.text, "/connect")


def begin(
    client: FlaskClient, *, scopes: Collection[str] = (), another_account: bool = False
) -> str:
    """Press the button; return the URL at TikTok that the app answers with.

    `scopes` are the optional ones to tick. Raises AssertionError if the answer is not a 302.
    """
    sent = connect_form(client).data()
    if scopes:
        sent["scopes"] = list(scopes)
    if another_account:
        sent["another_account"] = ["1"]
    answer = client.post("/connect", data=sent)
    assert answer.status_code == 302, f"POST /connect → {answer.status_code}\n{answer.text}"
    return str(answer.headers["Location"])


def consent(location: str, person: str = PERSON, **choice: str) -> str:
    """Answer the sandbox's consent page at `location` as `person`; return the callback URL.

    Raises AssertionError if the sandbox does not send the person back.
    """
    url = f"{location}&{urlencode({'login_as': person} | choice)}"
    with plain_session() as session:
        answer = session.get(url, allow_redirects=False, timeout=ANSWER_WITHIN)
    assert answer.status_code in (302, 303), f"the sandbox: {answer.status_code}\n{answer.text}"
    return str(answer.headers["Location"])


def come_back(client: FlaskClient, callback: str) -> TestResponse:
    """Bring the callback URL back to the app, with its query byte for byte."""
    parts = urlsplit(callback)
    return client.get(f"{parts.path}?{parts.query}")


def connect(
    client: FlaskClient,
    person: str = PERSON,
    grant: Collection[str] | None = None,
    *,
    scopes: Collection[str] = (),
    another_account: bool = False,
) -> TestResponse:
    """Walk the whole way; return the app's answer to the callback, a 303 when all went well.

    `grant`: the scopes the person allows; None allows all that are asked for.
    """
    location = begin(client, scopes=scopes, another_account=another_account)
    choice = {} if grant is None else {"grant": ",".join(grant)}
    return come_back(client, consent(location, person, **choice))
