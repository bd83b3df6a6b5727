"""Every page of a cause, reached as a person reaches it: what it says, and that it leads on."""

import pytest
from playwright.sync_api import Page, Response, expect

from tests.browsers import Complaints
from tests.fixtures.served import Serve
from tests.journeys import pages
from tests.journeys.causes import WAYS, finish
from tests.journeys.sites import Site
from tests.servers import Sandbox
from webapp.views.http.errors import CAUSES

pytestmark = [pytest.mark.browser, pytest.mark.long]

#: People who had connected before they met these.
CONNECTED_BEFORE = ("already_done", "other_account", "form_expired", "too_large")
OWN_APP = ("too_many", "our_fault")
#: No view answers 403 or an odd 4xx, and no browser sends what is unreadable, keeps a byte back, or
#: loses an operator's right in mid-act: tests/security and test_other_accounts.py have those, and
#: tests/security/test_cross_site.py has another site's page.
UNREACHED = (
    *("forbidden", "cross_site", "unreadable", "too_slow", "stopped_halfway"),
    # tests/journeys/test_full_disk.py has a disk that is full.
    "database_down",
)


def watched(page: Page) -> list[Response]:
    """Return the list in which the pages gather that this browser is shown."""
    shown: list[Response] = []

    def note(answer: Response) -> None:
        if answer.request.is_navigation_request() and not 300 <= answer.status < 400:
            shown.append(answer)

    page.on("response", note)
    return shown


def judge(page: Page, shown: list[Response], code: str) -> None:
    """Hold the page against what its cause promises."""
    cause = CAUSES[code]
    pages.heading(page, cause.title)
    assert shown[-1].status == cause.status
    expect(page.locator("main")).to_contain_text(cause.stored)
    expect(page.locator("main .primary")).to_have_count(1)
    assert ("retry-after" in shown[-1].headers) == bool(cause.retry_after)
    page.get_by_text("Details for support").click()
    expect(page.get_by_role("definition").filter(has_text=code)).to_be_visible()


def test_every_cause_is_reached() -> None:
    assert {*WAYS, *OWN_APP, *UNREACHED} == set(CAUSES)


@pytest.mark.rule(13)
@pytest.mark.rule(14)
@pytest.mark.rule(27)
@pytest.mark.long
@pytest.mark.parametrize("code", WAYS)
def test_a_cause_has_its_page_and_leads_on(
    simple: Site, sandbox: Sandbox, page: Page, complaints: Complaints, code: str
) -> None:
    complaints.expect(f"status of {CAUSES[code].status}")
    shown = watched(page)
    if code == "other_host":
        complaints.expect("Refused to apply style")
    WAYS[code](page, simple, sandbox)
    judge(page, shown, code)
    assert len(simple.rows()) == (code in CONNECTED_BEFORE)
    page.locator("main .primary").click()
    page.wait_for_load_state()
    assert shown[-1].status == 200


def test_the_reference_on_a_page_finds_its_line_in_the_log(
    simple: Site, sandbox: Sandbox, page: Page, complaints: Complaints
) -> None:
    sandbox.faults("token", "error200", error="invalid_client")
    complaints.expect("status of 503")
    finish(page, simple)
    page.get_by_text("Details for support").click()
    _reference, _code, log_id, _time = page.get_by_role("definition").all_inner_texts()
    reference = page.get_by_role("definition").locator("code").first.inner_text()
    lines = [line for line in simple.server.log().splitlines() if reference in line]
    assert any(log_id in line and "connect_failed" in line for line in lines)


def test_tiktok_that_was_down_for_one_call_is_forgiven(
    simple: Site, sandbox: Sandbox, page: Page, complaints: Complaints
) -> None:
    sandbox.faults("token", "drop", times=1)
    complaints.expect("status of 503")
    finish(page, simple)
    pages.heading(page, "TikTok isn't responding")
    pages.press(page, "Try again")
    pages.press(page, pages.CONTINUE)
    pages.allow(page)
    pages.heading(page, "Connected")


def test_too_many_tries_are_asked_to_wait(serve: Serve, page: Page, complaints: Complaints) -> None:
    server = serve(RATELIMIT_ENABLED="1", TIKTOK_OPTIONAL_SCOPES=None)
    page.goto(f"{server.url}/")
    for _ in range(60):
        page.request.get(f"{server.url}/api/auth/tiktok/callback", fail_on_status_code=False)
    complaints.expect("status of 429")
    shown = watched(page)
    pages.leave_for_tiktok(page, server.url)
    pages.allow(page)
    judge(page, shown, "too_many")
    expect(page.get_by_text("Try again in about")).to_be_visible()


def test_a_fault_of_ours_is_told_plainly(
    serve: Serve, env: dict[str, str], page: Page, complaints: Complaints
) -> None:
    server = serve(TIKTOK_OPTIONAL_SCOPES=None)
    pages.leave_for_tiktok(page, server.url)
    Site(server, env).sql("DROP TABLE spent_states")
    complaints.expect("status of 500")
    shown = watched(page)
    pages.allow(page)
    judge(page, shown, "our_fault")
    reference = page.locator("main code").first.inner_text()
    broken = [line for line in server.log().splitlines() if "unhandled_exception" in line]
    assert len(broken) == 1
    assert reference in broken[0]


@pytest.mark.rule(10)
def test_whoever_is_no_tester_is_asked_for_another_account(
    simple: Site, sandbox: Sandbox, page: Page, complaints: Complaints
) -> None:
    complaints.expect("status of 403")
    WAYS["site_in_testing"](page, simple, sandbox)
    pages.press(page, "Use a different TikTok account")
    expect(page.get_by_label("Use a different TikTok account")).to_be_checked()
