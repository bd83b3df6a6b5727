"""How often one address may try; whose address it is, is believed of known proxies alone."""

import pytest
import requests
from flask.testing import FlaskClient

from tests.environment import CALLBACK
from tests.fixtures.app import MakeApp
from tests.fixtures.served import Serve
from tests.security.acts import Stage, act, stage_of
from tests.servers import Gunicorn, Sandbox, plain_session
from tests.views.reading import Reading
from tests.walk import begin, come_back, connect, connect_form, consent

#: As webapp/views/people/connect.py says: 60 a minute.
MOST = 60


@pytest.fixture
def limited(make_app: MakeApp) -> FlaskClient:
    """A browser at an app with limits."""
    return make_app(RATELIMIT_ENABLED="1").test_client()


class TestLimits:
    def test_the_callback_is_limited(self, limited: FlaskClient) -> None:
        statuses = [limited.get(CALLBACK).status_code for _ in range(MOST)]
        assert set(statuses) == {400}
        answer = limited.get(CALLBACK)
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["Retry-After"]) <= 61
        assert "Too many attempts in a short time" in answer.text

    def test_the_start_is_limited(self, limited: FlaskClient) -> None:
        form = connect_form(limited).data()
        statuses = [limited.post("/connect", data=form).status_code for _ in range(MOST)]
        assert set(statuses) == {302}
        answer = limited.post("/connect", data=form)
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["Retry-After"]) <= 61
        assert "Location" not in answer.headers

    def test_a_button_leads_to_where_it_works_after_the_wait(
        self, limited: FlaskClient, sandbox: Sandbox
    ) -> None:
        for _ in range(MOST):
            limited.get(CALLBACK)
        came = consent(begin(limited))
        (button,) = Reading(come_back(limited, came).text).primary
        assert (button.text, button.attrs["href"]) == ("Try again", "/connect")

    def test_a_limited_form_leads_back_to_its_page(self, stage: Stage, make_app: MakeApp) -> None:
        limited = stage_of(make_app(RATELIMIT_ENABLED="1"), stage.sandbox)
        each = act("refresh one")
        path, data = each.sent(limited)
        page = path.removesuffix("/refresh")
        headers = {"Referer": f"{limited.runtime.settings.public_origin}{page}"}
        for _ in range(11):
            answer = limited.operator.post(path, data=data, headers=headers)
        assert answer.status_code == 429
        (button,) = Reading(answer.text).primary
        assert (button.text, button.attrs["href"]) == ("Try again", page)

    def test_the_choices_of_a_limited_start_are_kept(self, make_app: MakeApp) -> None:
        app = make_app(RATELIMIT_ENABLED="1", TIKTOK_OPTIONAL_SCOPES="video.list")
        client = app.test_client()
        form = connect_form(client).data() | {"scopes": ["video.list"]}
        for _ in range(MOST + 1):
            answer = client.post("/connect", data=form)
        assert answer.status_code == 429
        (button,) = Reading(answer.text).primary
        assert button.attrs["href"] == "/connect?add=video.list"

    def test_other_pages_and_other_addresses_go_on(self, limited: FlaskClient) -> None:
        for _ in range(MOST + 1):
            last = limited.get(CALLBACK)
        assert last.status_code == 429
        assert limited.get("/connect").status_code == 200
        elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
        assert limited.get(CALLBACK, environ_overrides=elsewhere).status_code == 400

    def test_an_app_without_limits_has_none(self, client: FlaskClient) -> None:
        assert {client.get(CALLBACK).status_code for _ in range(MOST + 5)} == {400}


class TestRetryAfter:
    def test_nobody_is_asked_to_wait_who_need_not(self, limited: FlaskClient) -> None:
        form = connect_form(limited).data()
        start = limited.post("/connect", data=form)
        assert start.status_code == 302
        assert "Retry-After" not in start.headers
        back = connect(limited)
        assert back.status_code == 303
        assert "Retry-After" not in back.headers
        assert "Retry-After" not in limited.get(CALLBACK).headers

    @pytest.mark.rule(47)
    def test_the_wait_of_a_page_is_its_own(self, limited: FlaskClient, sandbox: Sandbox) -> None:
        callback = consent(begin(limited))
        sandbox.faults("token", "throttle", times=1, retry_after=3)
        answer = come_back(limited, callback)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "3")


class TestProxies:
    @pytest.mark.long
    def test_without_one_nobody_chooses_an_address(self, serve: Serve) -> None:
        server = serve(RATELIMIT_ENABLED="1", PROXY_HOPS="0")
        statuses = [from_address(server, f"192.0.2.{n}").status_code for n in range(MOST + 1)]
        assert set(statuses[:MOST]) == {400}
        assert statuses[MOST] == 429

    @pytest.mark.long
    def test_behind_one_its_word_counts_and_no_earlier(self, serve: Serve) -> None:
        server = serve(RATELIMIT_ENABLED="1", PROXY_HOPS="1")
        for n in range(MOST):
            # What the caller claims stands before what the proxy saw.
            assert from_address(server, f"203.0.113.{n}, 192.0.2.1").status_code == 400
        assert from_address(server, "203.0.113.99, 192.0.2.1").status_code == 429
        assert from_address(server, "203.0.113.99, 192.0.2.2").status_code == 400


def from_address(server: Gunicorn, addresses: str) -> requests.Response:
    """Come to the callback with this X-Forwarded-For."""
    with plain_session() as session:
        headers = {"X-Forwarded-For": addresses}
        return session.get(server.url + CALLBACK, headers=headers, timeout=10)
