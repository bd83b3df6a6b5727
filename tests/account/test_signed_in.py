"""Where one is signed in: which browser, since when, and signing one or all others out."""

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from tests.account.people import account
from tests.forms import Form, forms, the_form
from tests.movable import MovableClock
from tests.views.reading import Reading
from tests.walk import connect
from webapp.database import db

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)


def browser(app: Flask, header: str, person: str = "mara") -> FlaskClient:
    """Return the client of a browser that sends this header, signed in."""
    client = app.test_client()
    client.environ_base["HTTP_USER_AGENT"] = header
    assert connect(client, person).status_code == 303
    return client


def sign_outs(client: FlaskClient) -> list[Form]:
    """Return the buttons that sign one browser out, in the order of the list."""
    found = forms(client.get("/account/sessions").text)
    return [form for form in found if form.action.startswith("/account/sessions/")]


def test_every_browser_is_listed_in_words(app: Flask, clock: MovableClock) -> None:
    phone = browser(app, SAFARI)
    clock.advance(hours=3)
    here = browser(app, FIREFOX)
    page = Reading(here.get("/account/sessions").text)
    assert page.the("h1") == "Signed-in devices"
    assert "Firefox on Linux This device" in page.text
    assert "Signed in just now." in page.text
    assert "Safari on iPhone" in page.text
    assert "Signed in 3 hours ago, last active 3 hours ago." in page.text
    assert "Safari on iPhone Last active 3 hours ago" in account(here).text
    assert phone.get("/account").status_code == 200


def test_signing_one_out_leaves_the_others(app: Flask) -> None:
    here, phone, other = browser(app, FIREFOX), browser(app, SAFARI), browser(app, FIREFOX)
    buttons = {form.buttons[0].strip(): form for form in sign_outs(here)}
    form = next(form for words, form in buttons.items() if "Safari" in words)
    answer = here.post(form.action, data=form.data())
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account/sessions")
    assert "That device is signed out." in here.get("/account/sessions").text
    assert phone.get("/account").status_code == 303
    assert other.get("/account").status_code == here.get("/account").status_code == 200
    assert here.post(form.action, data=form.data()).status_code == 404


def test_signing_this_one_out_leads_to_the_start(app: Flask) -> None:
    here, phone = browser(app, FIREFOX), browser(app, SAFARI)
    form = sign_outs(here)[0]
    answer = here.post(form.action, data=form.data())
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert here.get("/account").status_code == 303
    assert phone.get("/account").status_code == 200


def test_anothers_session_is_not_there(app: Flask) -> None:
    mine, theirs = browser(app, FIREFOX), browser(app, SAFARI, "jo")
    foreign = sign_outs(theirs)[0].action
    token = sign_outs(mine)[0].data()
    for path in (foreign, "/account/sessions/nothing/sign-out", "/account/sessions/%00/sign-out"):
        assert mine.post(path, data=token).status_code == 404
    assert theirs.get("/account").status_code == 200
    assert mine.get(foreign).status_code == 405


def test_signing_all_others_out_keeps_this_one(app: Flask) -> None:
    here, phone = browser(app, FIREFOX), browser(app, SAFARI)
    form = the_form(here.get("/account/sessions").text, "/sign-out/others")
    answer = here.post("/sign-out/others", data=form.data())
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account/sessions")
    page = here.get("/account/sessions").text
    assert "All other devices are signed out." in page
    assert "You aren't signed in on any other device." in page
    assert phone.get("/account").status_code == 303


def test_the_header_itself_is_kept_nowhere(app: Flask) -> None:
    from sqlalchemy import text

    browser(app, FIREFOX)
    with app.app_context(), db.engine.connect() as connection:
        rows = connection.execute(text("SELECT * FROM browser_sessions")).all()
    assert "Firefox" in str(rows)
    assert "Mozilla" not in str(rows)
    assert "140" not in str(rows)


def statements(app: Flask, client: FlaskClient, path: str) -> list[str]:
    """Return what the database is asked for one page."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        assert client.get(path).status_code == 200
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return [each for each in seen if each.startswith(("SELECT", "INSERT", "UPDATE", "DELETE"))]


def test_the_account_page_asks_five_times_and_writes_nothing(app: Flask, mara: FlaskClient) -> None:
    asked = statements(app, mara, "/account")
    assert len(asked) == 5, asked
    assert all(each.startswith("SELECT") for each in asked)
