"""A person's way to the end of a connection; holds no test."""

from dataclasses import dataclass

from flask.testing import FlaskClient

from tests.forms import the_form

CONFIRMED = "Disconnected. TikTok confirmed it."
NOT_CONFIRMED = "TikTok did not confirm its half."


@dataclass(frozen=True)
class Told:
    """What the account page says after disconnecting."""

    page: str

    @property
    def confirmed(self) -> bool:
        """Whether TikTok's half worked. Raises AssertionError if the page says both or neither."""
        said = [CONFIRMED in self.page, NOT_CONFIRMED in self.page]
        assert said.count(True) == 1, self.page
        return said[0]


def disconnect(client: FlaskClient) -> Told:
    """Press "Disconnect" and confirm it; return what the next page says."""
    form = the_form(client.get("/account/disconnect").text, "/account/disconnect")
    answer = client.post("/account/disconnect", data=form.data())
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account")
    page = client.get("/account")
    assert page.status_code == 200
    assert "You are not connected" in page.text
    return Told(page.text)
