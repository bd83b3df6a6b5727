"""A person's browser at the served app, and what the sandbox says of its notices."""

from typing import Any

import requests

from tests import walk
from tests.forms import the_form
from tests.servers import ANSWER_WITHIN, Sandbox, plain_session


class Browser(requests.Session):
    """One browser's worth of cookies at one origin; paths are taken on it."""

    def __init__(self, origin: str) -> None:
        """Take the app's origin."""
        super().__init__()
        self.trust_env = False
        self.origin = origin

    def request(self, method: Any, url: Any, *args: Any, **options: Any) -> requests.Response:
        """Make a request; redirects are not followed."""
        options = {"timeout": ANSWER_WITHIN} | options | {"allow_redirects": False}
        return super().request(method, self.origin + url, *args, **options)

    def connect(self) -> None:
        """Walk the whole way as a person does."""
        answer = walk.connect(self)  # type: ignore[arg-type]  # it gets, posts and has cookies
        assert answer.status_code == 303

    def submit(self, action: str) -> None:
        """Press the button of the form that is at `action` and goes there."""
        form = the_form(self.get(action).text, action)
        assert self.post(action, data=form.data()).status_code == 303


def deliveries(sandbox: Sandbox) -> list[int | None]:
    """Return what was answered to every notice, in order, once all are there."""
    with plain_session() as session:
        told = session.get(f"{sandbox.url}/control/webhooks?wait=10", timeout=ANSWER_WITHIN + 5)
    return [each["status"] for each in told.json()["deliveries"]]
