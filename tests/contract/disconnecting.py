"""A person's way to the end of a connection; holds no test."""

from dataclasses import dataclass
from html import unescape

from flask.testing import FlaskClient

from tests.forms import the_form

CONFIRMED = "Disconnected. TikTok confirmed it."
NOT_CONFIRMED = "TikTok didn't confirm the disconnection."
NO_ANSWER = "TikTok didn't respond; we'll keep trying for 24 hours."


@dataclass(frozen=True)
class Told:
    """What the account page says after disconnecting."""

    page: str

    @property
    def confirmed(self) -> bool:
        """Whether TikTok's half worked. Raises AssertionError unless the page says one thing."""
        return self._said(CONFIRMED)

    @property
    def waits(self) -> bool:
        """Whether TikTok is told again. Raises AssertionError unless the page says one thing."""
        return self._said(NO_ANSWER)

    def _said(self, asked: str) -> bool:
        said = [words for words in (CONFIRMED, NOT_CONFIRMED, NO_ANSWER) if words in self.page]
        assert len(said) == 1, self.page
        return said == [asked]


def disconnect(client: FlaskClient) -> Told:
    """Press "Disconnect" and confirm it; return what the next page says."""
    form = the_form(client.get("/account/disconnect").text, "/account/disconnect")
    answer = client.post("/account/disconnect", data=form.data())
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account")
    page = client.get("/account")
    assert page.status_code == 200
    assert "You're not connected" in page.text or "You're disconnected here" in page.text
    return Told(unescape(page.text))
