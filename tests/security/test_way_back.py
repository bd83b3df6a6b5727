"""`?next=` leads nowhere but under the addresses of RETURN_TO, by a link, and never by itself."""

import logging

import pytest
from flask.testing import FlaskClient

from tests.contract.evidence import heading
from tests.contract.test_callback_reload import kept
from tests.fixtures.app import MakeApp
from tests.forms import the_form
from tests.servers import Sandbox
from tests.views.reading import Reading
from tests.walk import come_back, connect, consent
from webapp.settings.field_types import covers

APP = "https://studio.example/app"
SETTING = f"Example Studio={APP}, Example Shop=https://shop.example:8443/"
FIT = (
    APP,
    f"{APP}/",
    f"{APP}/done",
    f"{APP}?done=1",
    f"{APP}#done",
    f"{APP}/done?from=a%20b&to=https://elsewhere.example/%2e%2e/#/part",
    f"{APP}//studio.example",
    f"{APP}/@somebody:1",
    f"{APP}/...",
    "https://shop.example:8443",
    "https://shop.example:8443/",
)
TRICKS = (
    *("", "/", "/account", "account", "?", "#", "evil"),
    # Another host, or none that can be told
    *("//evil.example", "//studio.example/app", "///studio.example/app", "/\\studio.example/app"),
    *("https:evil.example", "https:/studio.example/app", "https:///studio.example/app"),
    *("https:\\\\studio.example\\app", "https://studio.example\\app", f"{APP}\\..\\admin"),
    *("https://evil.example/app", "https://evil.example/https://studio.example/app"),
    *("https://studio.example.evil.example/app", "https://studio.example@evil.example/app"),
    *("https://evil.example@studio.example/app", "https://evil.example:a@studio.example/app"),
    *("https://evil.example#studio.example/app", "https://evil.example?studio.example/app"),
    *("https://studio.example%2eevil.example/app", "https://studio.example%00.evil.example/app"),
    *("https://[::1]/app", "https://[studio.example]/app", "https://studio.exampl"),
    # Written in another way than in the setting
    *("HTTPS://studio.example/app", "https://STUDIO.example/app", "https://studio.example./app"),
    *(
        "https://studio.example/App",
        "https://studio.example:443/app",
        "https://studio.example/%61pp",
    ),
    # Another scheme or port
    *("http://studio.example/app", "https://studio.example:8443/app", "https://shop.example/"),
    *("https://shop.example:84430/", "https://shop.example:8443@evil.example/"),
    *("javascript:alert(1)//studio.example/app", "data:text/html,https://studio.example/app"),
    # Look-alikes: another alphabet, and its form in ASCII
    *(
        "https://ѕtudio.example/app",
        "https://xn--tudio-rzf.example/app",
        "https://studio。example/app",
    ),
    # Beside the path, or out of it
    *("https://studio.example", "https://studio.example/", "https://studio.example/apple"),
    *("https://studio.example/app.evil", "https://studio.example/app@evil.example"),
    *(
        "https://studio.example/app%2f",
        "https://studio.example/app%5c..",
        "https://studio.example/app;",
    ),
    *(f"{APP}/..", f"{APP}/../admin", f"{APP}/.", f"{APP}/./admin", f"{APP}/..;/admin"),
    *(f"{APP}/%2e%2e/admin", f"{APP}/.%2E/admin", f"{APP}/%2e%2e%2fadmin", f"{APP}/%252e%252e/"),
    *(f"{APP}/a/b/../../../admin", f"{APP}/..?x", f"{APP}/..#x", f"{APP}/%00", f"{APP}/%0d%0aX:"),
    # Not to be written in an address, or in an attribute
    *(
        f" {APP}",
        f"{APP} ",
        f"{APP}/\t",
        f"{APP}/\r\nX: y",
        f"{APP}/\x00",
        f"\t{APP}",
        f"{APP}/\x7f",
    ),
    *(f'{APP}/"onclick="', f"{APP}/<b>", f"{APP}/`", f"{APP}/{{x}}", f"{APP}/ä", f"{APP}/\u202e"),
    f"{APP}/{'a' * 500}",
)


@pytest.fixture
def sent(make_app: MakeApp) -> FlaskClient:
    """The browser of someone whom a service sends; nothing is optional."""
    return make_app(RETURN_TO=SETTING, TIKTOK_OPTIONAL_SCOPES=None).test_client()


def covered(url: str) -> bool:
    return covers(APP, url) or covers("https://shop.example:8443/", url)


@pytest.mark.parametrize("url", FIT)
def test_an_address_under_a_listed_one_is_let_in(url: str) -> None:
    assert covered(url)


@pytest.mark.parametrize("url", TRICKS)
def test_no_trick_is_let_in(url: str) -> None:
    assert not covered(url)


def test_what_is_let_in_stands_on_the_pages_byte_for_byte(sent: FlaskClient) -> None:
    for url in FIT:
        page = Reading(sent.get("/", query_string={"next": url}).text)
        links = {a.text: a.attrs["href"] for a in page.all("a")}
        name = "Example Shop" if "shop" in url.partition("?")[0] else "Example Studio"
        assert page.the("h1") == f"Connect your TikTok to {name}"
        assert links[f"Back to {name}"] == url


def test_what_is_refused_leaves_no_trace_on_any_page(sent: FlaskClient) -> None:
    plain = Reading(sent.get("/").text).text
    for url in TRICKS:
        page = sent.get("/", query_string={"next": url})
        assert Reading(page.text).text == plain
        assert 'name="next"' not in page.text
    form = the_form(sent.get("/").text, "/connect").data() | {"next": [TRICKS[7]]}
    assert sent.post("/connect", data=form).status_code == 302
    with sent.session_transaction() as kept:
        assert kept["attempts"][-1][-1] == ""


def test_what_is_refused_is_logged_by_its_host_alone(
    sent: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        sent.get("/", query_string={"next": "https://evil.example/private?of=somebody"})
        sent.get("/", query_string={"next": "https://[broken"})
    told = [r.msg for r in caplog.records if "return_link_refused" in str(r.msg)]
    assert [each["host"] for each in told] == ["evil.example", ""]  # type: ignore[index]  # structlog's own dict
    assert "somebody" not in caplog.text


def test_of_two_addresses_none_is_taken(sent: FlaskClient) -> None:
    page = sent.get("/", query_string={"next": [APP, APP]})
    assert "Example Studio" not in page.text


def test_without_the_setting_there_is_no_way_back(client: FlaskClient) -> None:
    assert "Back to" not in client.get("/", query_string={"next": APP}).text


def walked(client: FlaskClient, url: str = f"{APP}/done?a=1&b=2", **choice: str) -> str:
    """Come with a way back, connect or not, and return the page at the end."""
    page = client.get("/", query_string={"next": url})
    form = the_form(page.text, "/connect")
    answer = client.post("/connect", data=form.data())
    end = come_back(client, consent(answer.headers["Location"], **choice))
    if end.status_code != 303:
        return end.text
    location = end.headers["Location"]
    assert location.startswith("/connected?")
    return client.get(location).text


def way_back(html: str) -> list[tuple[str, bool]]:
    """Return (address, whether it is the primary action) of every link to the service."""
    links = [a for a in Reading(html).all("a") if a.text == "Back to Example Studio"]
    return [(a.attrs["href"], "primary" in a.classes) for a in links]


def test_whoever_connected_finds_the_way_back_and_so_does_whoever_returns(
    sent: FlaskClient,
) -> None:
    there = f"{APP}/done?a=1&b=2"
    assert way_back(walked(sent)) == [(there, True)]
    form = the_form(sent.get("/account").text, "/sign-out")
    sent.post("/sign-out", data=form.data())
    returned = walked(sent)
    assert way_back(returned) == [(there, True)]
    assert "You're already connected" in returned


def test_who_is_signed_in_already_is_told_so_with_the_way_back(sent: FlaskClient) -> None:
    connect(sent)
    answer = sent.get("/", query_string={"next": APP})
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/connected?kind=returned&next=")
    assert way_back(sent.get(answer.headers["Location"]).text) == [(APP, True)]


def test_who_has_disconnected_is_asked_to_connect_and_keeps_the_way_back(
    sent: FlaskClient,
) -> None:
    connect(sent)
    form = the_form(sent.get("/account/disconnect").text, "/account/disconnect")
    sent.post("/account/disconnect", data=form.data())
    answer = sent.get("/connected", query_string={"next": APP})
    assert answer.headers["Location"].startswith("/connect?next=")
    page = sent.get(answer.headers["Location"]).text
    assert the_form(page, "/connect").data()["next"] == [APP]


def test_who_says_no_finds_the_way_back_beside_the_way_on(sent: FlaskClient) -> None:
    page = walked(sent, deny="1")
    assert heading(page) == "You chose not to connect"
    assert way_back(page) == [(f"{APP}/done?a=1&b=2", False)]
    (again,) = Reading(page).primary
    form = the_form(sent.get(again.attrs["href"]).text, "/connect")
    assert form.data()["next"] == [f"{APP}/done?a=1&b=2"]


def test_a_cookie_of_before_the_list_was_changed_leads_nowhere(
    make_app: MakeApp, sandbox: Sandbox
) -> None:
    client = make_app(RETURN_TO=SETTING, TIKTOK_OPTIONAL_SCOPES=None).test_client()
    page = client.get("/", query_string={"next": APP})
    there = client.post("/connect", data=the_form(page.text, "/connect").data())
    changed = make_app(RETURN_TO=None).test_client()
    for name, value in kept(client).items():
        changed.set_cookie(name, value)
    end = come_back(changed, consent(there.headers["Location"]))
    assert end.headers["Location"] == "/connected"


def test_many_abandoned_attempts_with_long_ways_back_fit_into_the_cookie(
    make_app: MakeApp,
) -> None:
    client = make_app(RETURN_TO=SETTING, TIKTOK_OPTIONAL_SCOPES=None).test_client()
    form = the_form(client.get("/").text, "/connect").data()
    for number in range(10):
        # Digits that do not repeat are hard to compress.
        digits = str(7 ** (500 + number))[:470]
        answer = client.post("/connect", data=form | {"next": [f"{APP}/{digits}"]})
        cookies = answer.headers.getlist("Set-Cookie")
        assert sum(len(cookie.encode()) for cookie in cookies) <= 4096
    with client.session_transaction() as held:
        assert [bool(each[-2]) for each in held["attempts"]] == [False] * 3 + [True] * 2


def test_no_answer_redirects_to_a_service(sent: FlaskClient) -> None:
    for path in ("/", "/connect", "/connected", "/account", "/theme"):
        location = sent.get(path, query_string={"next": APP}).headers.get("Location", "/")
        assert location.startswith("/")
