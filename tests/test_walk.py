"""The walk of the tests is the way of a person: it ends at an account, over real HTTP."""

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect

from tests.servers import Gunicorn, Sandbox
from tests.walk import connect


@pytest.mark.usefixtures("each_database")
def test_the_walk_ends_at_an_account(client: FlaskClient, sandbox: Sandbox) -> None:
    answer = connect(client)
    assert answer.status_code == 303, answer.text
    assert client.get("/account").status_code == 200
    assert list(sandbox.books()) == [sandbox.open_id("mara")]


def test_a_second_browser_is_somebody_else(client: FlaskClient) -> None:
    assert connect(client).status_code == 303
    other = client.application.test_client()
    assert other.get("/account").status_code == 303
    assert connect(other, "jo").status_code == 303
    assert client.get("/account").text != other.get("/account").text


@pytest.mark.long
@pytest.mark.browser
def test_the_served_app_is_shown_without_a_complaint(server: Gunicorn, page: Page) -> None:
    page.goto(f"{server.url}/")
    expect(page.get_by_text("Continue with TikTok").first).to_be_visible()
