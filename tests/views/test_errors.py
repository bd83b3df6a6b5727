"""Each cause has a page that says what happened, what was stored and the one thing to do next."""

import re

import pytest
from flask import Flask, abort
from flask_limiter import Limiter
from flask_wtf import CSRFProtect

from tests.views.bare_app import acting, stage
from tests.views.reading import JARGON, Reading, long_sentences
from tests.views.scenes import STUDIO
from webapp.views.http import errors
from webapp.views.http.error_texts import WAIT

STATUSES = {
    "denied": 200,
    "expired": 400,
    "cookie_missing": 400,
    "cookies_blocked": 400,
    "older_attempt": 400,
    "already_done": 400,
    "attempt_over": 400,
    "incomplete": 400,
    "code_refused": 400,
    "form_expired": 400,
    "other_host": 400,
    "unreadable": 400,
    "basic_missing": 403,
    "site_in_testing": 403,
    "forbidden": 403,
    "cross_site": 403,
    "not_found": 404,
    "stopped_halfway": 404,
    "wrong_method": 405,
    "too_slow": 408,
    "other_account": 409,
    "account_deleted": 409,
    "too_large": 413,
    "too_long": 414,
    "too_many": 429,
    "our_fault": 500,
    "tiktok_unclear": 502,
    "database_down": 503,
    "not_stored": 503,
    "tiktok_down": 503,
    "site_not_ready": 503,
}
JSON = {"Accept": "application/json"}


@pytest.fixture
def app() -> Flask:
    return stage()


def read(app: Flask, code: str, **facts: object) -> Reading:
    """Return the page of a cause."""
    with acting(app):
        return Reading(errors.page(code, **facts).get_data(as_text=True))  # type: ignore[arg-type]  # each test gives its own facts


def test_every_cause_has_its_own_status() -> None:
    assert {code: cause.status for code, cause in errors.CAUSES.items()} == STATUSES


def test_no_two_causes_share_a_heading() -> None:
    titles = [cause.title for cause in errors.CAUSES.values()]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("code", STATUSES)
def test_a_page_has_its_cause_in_heading_title_and_status(app: Flask, code: str) -> None:
    with acting(app):
        response = errors.page(code)
    page = Reading(response.get_data(as_text=True))
    assert response.status_code == STATUSES[code]
    assert page.the("h1") == errors.CAUSES[code].title
    assert page.the("title") == f"{errors.CAUSES[code].title} · Coatcheck"


@pytest.mark.parametrize("code", STATUSES)
def test_a_page_says_what_was_stored_and_what_to_do(app: Flask, code: str) -> None:
    page = read(app, code)
    assert "stored" in page.text
    (primary,) = page.primary
    assert primary.text == errors.CAUSES[code].action
    assert primary.attrs["href"] in ("/", "/connect", "/connect?another=1", "/account")


@pytest.mark.parametrize("code", STATUSES)
def test_a_page_gives_support_what_it_needs(app: Flask, code: str) -> None:
    text = read(app, code, log_id="20261122LOG").text
    for fact in ("1f3a9c", code, "20261122LOG", "22 November 2026, 14:05 UTC"):
        assert fact in text


@pytest.mark.parametrize("code", STATUSES)
def test_a_page_is_plain_words(app: Flask, code: str) -> None:
    page = read(app, code)
    assert not JARGON.findall(page.text)
    assert not long_sentences(page)


@pytest.mark.parametrize("code", ["tiktok_down", "tiktok_unclear", "too_many"])
def test_a_page_says_once_how_long_to_wait_and_no_clock(app: Flask, code: str) -> None:
    for given, words in ((120, "2 minutes"), (17, "20 seconds"), (None, "1 minute")):
        with acting(app):
            response = errors.page(code, retry_after=given)
        assert response.headers["Retry-After"] == str(given or 60)
        page = response.get_data(as_text=True)
        before_details = Reading(page.partition("<details")[0]).text
        assert before_details.count("Try again in about") == 1
        assert f"Try again in about {words}." in before_details
        assert not re.search("UTC|few minutes|moment", before_details)


def test_every_page_that_asks_to_wait_says_how_long(app: Flask) -> None:
    for cause in errors.CAUSES.values():
        says = WAIT in cause.todo
        # The plain page has no gap for a time.
        plain = cause.code == "database_down"
        assert says == (cause.retry_after is not None and not plain), cause.code


@pytest.mark.parametrize(("given", "told"), [(0, 1), (-5, 1), (10**12, 3600)])
def test_an_absurd_wait_is_cut(app: Flask, given: int, told: int) -> None:
    with acting(app):
        response = errors.page("tiktok_down", retry_after=given)
    assert response.headers["Retry-After"] == str(told)


@pytest.mark.parametrize("code", ["site_not_ready", "site_in_testing"])
def test_where_only_the_site_can_help_its_contact_stands(app: Flask, code: str) -> None:
    link = "mailto:help@example.com?subject=Reference%201f3a9c"
    assert link in [a.attrs["href"] for a in read(app, code).all("a")]
    app.jinja_env.globals["support_email"] = ""
    assert "mailto:" not in read(app, code).html


def test_a_different_account_is_told_by_both_names(app: Flask) -> None:
    page = read(app, "other_account", signed_in_as="<Ben>", belongs_to="Mara")
    assert "You signed in as <Ben>. This connection belongs to Mara." in page.text
    assert "&lt;Ben&gt;" in page.html


def test_a_different_account_leads_both_ways(app: Flask) -> None:
    page = read(app, "other_account", signed_in_as="Ben", belongs_to="Mara")
    links = {a.text: a.attrs["href"] for a in page.all("a")}
    assert [a.text for a in page.primary] == ["Try again as Mara"]
    assert links["Connect Ben as a new account"] == "/connect?another=1"
    nameless = {a.text: a.attrs["href"] for a in read(app, "other_account").all("a")}
    assert nameless["Connect the other account as a new one"] == "/connect?another=1"


def test_whoever_was_sent_by_a_service_can_go_back_or_try_again_with_the_way_kept(
    app: Flask,
) -> None:
    for code in ("denied", "site_in_testing", "site_not_ready"):
        page = read(app, code, back=STUDIO)
        links = {a.text: a.attrs["href"] for a in page.all("a")}
        assert links["Back to Example Studio"] == STUDIO.url
        (primary,) = page.primary
        kept = "next=https%3A%2F%2Fstudio.example" in primary.attrs["href"]
        assert kept == primary.attrs["href"].startswith("/connect")


def test_the_reference_can_be_copied_and_the_time_is_a_time(app: Flask) -> None:
    page = read(app, "not_found")
    (button,) = [b for b in page.all("button") if "data-copy" in b.attrs]
    assert button.attrs["data-copy"] == "1f3a9c"
    (moment,) = page.all("time")
    assert moment.attrs["datetime"] == "2026-11-22T14:05:30Z"


def test_an_unknown_cause_is_a_mistake_of_ours(app: Flask) -> None:
    with acting(app), pytest.raises(KeyError):
        errors.page("nonsense")


def test_a_program_gets_problem_details(app: Flask) -> None:
    with acting(app, headers=JSON):
        response = errors.page("tiktok_down", log_id="L1", retry_after=30)
    assert response.mimetype == "application/problem+json"
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "30"
    problem = response.get_json()
    assert problem["code"] == "tiktok_down"
    assert problem["reference"] == "1f3a9c"
    assert problem["log_id"] == "L1"
    assert problem["retry_after"] == 30
    assert problem["status"] == 503


@pytest.mark.parametrize("accept", ["*/*", "text/html,*/*;q=0.8", "text/html, application/json"])
def test_a_browser_gets_the_page(app: Flask, accept: str) -> None:
    with acting(app, headers={"Accept": accept}):
        assert errors.page("denied").mimetype == "text/html"


def test_errors_are_kept_by_no_cache(app: Flask) -> None:
    with acting(app):
        assert errors.page("denied").headers["Cache-Control"] == "no-store"


# HTTP errors that no view explained


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "unreadable"),
        (403, "forbidden"),
        (404, "not_found"),
        (405, "wrong_method"),
        (409, "unreadable"),
        (413, "too_large"),
        (414, "too_long"),
        (415, "unreadable"),
        (429, "too_many"),
        (431, "unreadable"),
    ],
)
def test_an_http_error_keeps_its_status(app: Flask, status: int, code: str) -> None:
    app.add_url_rule("/fail", view_func=lambda: abort(status))
    answer = app.test_client().get("/fail")
    assert answer.status_code == status
    assert Reading(answer.text).the("h1") == errors.CAUSES[code].title
    assert app.test_client().get("/fail", headers=JSON).get_json()["status"] == status


def test_a_wrong_method_is_told_with_the_right_ones(app: Flask) -> None:
    answer = app.test_client().post("/privacy")
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_a_request_without_a_number_still_gets_a_page(app: Flask) -> None:
    page = Reading(app.test_client().get("/nowhere").text)
    assert page.the("h1") == "Page not found"
    assert "Reference\n-" in page.text


def test_a_response_that_a_view_made_is_left_alone(app: Flask) -> None:
    app.add_url_rule("/own", view_func=lambda: abort(app.make_response(("mine", 418))))
    assert app.test_client().get("/own").text == "mine"


def test_a_foreign_host_gets_a_plain_400(app: Flask) -> None:
    app.config["TRUSTED_HOSTS"] = ["coatcheck.example"]
    answer = app.test_client().get("/", base_url="http://evil.example")
    assert answer.status_code == 400
    assert Reading(answer.text).the("h1") == "This site has a different address"
    assert "evil" not in answer.text


@pytest.mark.parametrize(("cookie", "code"), [("some", "form_expired"), ("", "cookies_blocked")])
def test_a_form_without_its_secret_is_told_by_whether_cookies_work(
    app: Flask, cookie: str, code: str
) -> None:
    CSRFProtect(app)
    app.add_url_rule("/form", view_func=lambda: "", methods=["POST"])
    browser = app.test_client()
    if cookie:
        browser.set_cookie(app.config["SESSION_COOKIE_NAME"], cookie)
    answer = browser.post("/form")
    assert answer.status_code == 400
    assert Reading(answer.text).the("h1") == errors.CAUSES[code].title


def test_a_limit_that_was_hit_names_the_wait(app: Flask) -> None:
    limiter = Limiter(lambda: "somebody", app=app, storage_uri="memory://")
    app.add_url_rule("/few", view_func=limiter.limit("1 per 2 minutes")(lambda: "ok"))
    browser = app.test_client()
    assert browser.get("/few").status_code == 200
    answer = browser.get("/few")
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 121
    assert re.search(r"Try again in about (\d+ seconds|\d minutes?)\.", answer.text)


# Our own fault
