"""A new SECRET_KEY signs nobody out and breaks no open page, through real restarts of gunicorn."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.forms import Form, the_form
from tests.journeys.http_browser import HttpBrowser
from tests.servers import gunicorn
from tests.walk import begin, come_back, connect, consent

pytestmark = pytest.mark.usefixtures("migrated")

#: Three values of SECRET_KEY, the oldest first.
FIRST, SECOND, THIRD = (secrets.token_urlsafe(48) for _ in range(3))


@contextmanager
def serving(env: Mapping[str, str], folder: Path, key: str, *former: str) -> Iterator[str]:
    """Serve the app with this SECRET_KEY and its predecessors until the block ends."""
    keys = {"SECRET_KEY": key, "SECRET_KEY_FALLBACKS": ",".join(former)}
    with gunicorn(dict(env) | keys, folder) as server:
        yield server.url


def signed_in(browser: HttpBrowser) -> bool:
    """Return True if this browser gets its account; else it must be sent to the home page."""
    answer = browser.get("/account")
    if answer.status_code != 200:
        assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    return answer.status_code == 200


def newcomer(origin: str, person: str) -> HttpBrowser:
    """Let a person connect in a browser of their own."""
    browser = HttpBrowser(origin)
    assert connect(browser, person).status_code == 303  # type: ignore[arg-type]  # walks like a client
    return browser


def form_of(browser: HttpBrowser, path: str, action: str) -> Form:
    """Return the form of a page, as a browser holds it while the page stays open."""
    return the_form(browser.get(path).text, action)


@pytest.mark.long
def test_a_rotated_key_keeps_people_signed_in_and_their_open_pages_usable(
    env: dict[str, str], tmp_path: Path
) -> None:
    with serving(env, tmp_path, FIRST) as origin:
        mara = newcomer(origin, "mara")
        open_page = form_of(mara, "/account", "/sign-out")
        copied = mara.cookie
        away = HttpBrowser(origin)
        back = consent(begin(away, another_account=True), "tomas")  # type: ignore[arg-type]  # walks like a client

    with serving(env, tmp_path, SECOND, FIRST) as origin:
        answer = mara.post("/account/refresh", data=open_page.data())
        assert (answer.status_code, answer.headers["Location"]) == (303, "/account")
        assert "Access renewed" in mara.get("/account").text
        jo = newcomer(origin, "jo")
        # The proof of a sign-in under way was made with the former key (decisions/0006).
        assert come_back(away, back).status_code == 400  # type: ignore[arg-type]  # walks like a client
        assert connect(away, "tomas").status_code == 303  # type: ignore[arg-type]  # walks like a client

    # Two rotations within the life of a session.
    with serving(env, tmp_path, THIRD, SECOND, FIRST):
        assert signed_in(mara)
        assert signed_in(jo)
        answer = jo.post("/sign-out", data=form_of(jo, "/account", "/sign-out").data())
        assert answer.status_code == 303
        assert not signed_in(jo)

    # Without the former keys, what only they have signed is worth nothing.
    with serving(env, tmp_path, THIRD) as origin:
        stranger = HttpBrowser(origin)
        stranger.cookies.set("session", copied)
        assert not signed_in(stranger)
