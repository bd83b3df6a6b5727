"""Every page of the app, who sees it and how they come to it; measures nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from playwright.sync_api import Page

from tests.journeys import pages
from tests.journeys.commands import flask
from tests.journeys.sites import Site

Visitor = Literal["stranger", "person", "operator"]
#: The first page of the list is full.
CROWD = 60


@dataclass(frozen=True, slots=True)
class Place:
    """One page as it is served."""

    #: As in the app's URL map.
    endpoint: str
    visitor: Visitor
    #: Where to go, `{open_id}` and the like filled in; then what to press.
    path: str
    act: Callable[[Page], object] | None = None
    status: int = 200
    #: A list of fifty people may weigh more.
    full: bool = False

    @property
    def opened(self) -> bool:
        """Return whether it can be opened by its address; else it answers a form."""
        return self.endpoint not in ("account.delete", "keys.issue")

    def __str__(self) -> str:
        """Return what a test of this place is called."""
        acted = f" {self.act.__name__}" if self.act else ""
        return f"{self.visitor} {self.path}{acted}"

    def open(self, page: Page, site: Site, names: Mapping[str, str]) -> int:
        """Go there, and return the status of the answer."""
        # From another page, because going to a part of the same one brings no answer.
        page.goto("about:blank")
        answered = page.goto(site.url + self.path.format(**names))
        if self.act is not None:
            with page.expect_event(
                "response", lambda r: r.request.is_navigation_request() and r.status != 303
            ) as coming:
                self.act(page)
            answered = coming.value
            page.wait_for_load_state()
        assert answered is not None
        return answered.status


def delete_with_a_wrong_ticket(page: Page) -> None:
    """Type a number that is not one's own."""
    page.get_by_label("Your ticket number").fill("ct_0000-0000")
    pages.press(page, "Yes, delete my account")


def issue_a_key(page: Page) -> None:
    """Give a service a key."""
    _issue(page, "studio-prod")


def issue_a_key_twice(page: Page) -> None:
    """Give a service the name of another."""
    _issue(page, "reports")


def _issue(page: Page, name: str) -> None:
    page.get_by_label("Name").fill(name)
    pages.press(page, "Issue key")


def select_two_to_refresh(page: Page) -> None:
    """Tick two people, to be asked whether that is meant."""
    _select_two(page)
    pages.press(page, "Refresh selected")


def select_two_to_disconnect(page: Page) -> None:
    """The same, to disconnect them."""
    _select_two(page)
    pages.press(page, "Disconnect selected…")


def order_a_refresh(page: Page) -> None:
    """Begin work on two people."""
    select_two_to_refresh(page)
    page.wait_for_url("**/refresh**")
    page.locator("main button.primary").click()


def _select_two(page: Page) -> None:
    for box in page.get_by_role("checkbox").all()[:2]:
        box.check()


PLACES = (
    Place("home.index", "stranger", "/"),
    Place("connect.choose", "stranger", "/connect"),
    Place("home.privacy", "stranger", "/privacy"),
    Place("home.terms", "stranger", "/terms"),
    Place("home.cookies", "stranger", "/cookies"),
    Place("api.docs", "stranger", "/api/docs"),
    Place("connect.choose", "person", "/connect?add=video.list"),
    Place("connect.connected", "person", "/connected"),
    Place("account.show", "person", "/account"),
    Place("account.activity", "person", "/account/activity"),
    Place("account.sessions", "person", "/account/sessions"),
    Place("account.confirm_disconnect", "person", "/account/disconnect"),
    Place("account.confirm_delete", "person", "/account/delete"),
    Place("account.delete", "person", "/account/delete", delete_with_a_wrong_ticket, 422),
    Place("operators.tokens", "operator", "/operators/tokens", full=True),
    Place("operators.tokens", "operator", "/operators/tokens?q=nobody-has-this-name"),
    Place("connection.show", "operator", "/operators/tokens/{open_id}"),
    Place("connection.confirm_disconnect", "operator", "/operators/tokens/{open_id}/disconnect"),
    Place("health.show", "operator", "/operators/health"),
    Place("keys.index", "operator", "/operators/keys"),
    Place("keys.issued", "operator", "/operators/keys", issue_a_key),
    Place("keys.issue", "operator", "/operators/keys", issue_a_key_twice, 422),
    Place("keys.confirm_revoke", "operator", "/operators/keys/{key}/revoke"),
    Place("bulk.index", "operator", "/operators/bulk"),
    Place("bulk.refresh", "operator", "/operators/tokens?status=healthy", select_two_to_refresh),
    Place(
        "bulk.disconnect", "operator", "/operators/tokens?status=healthy", select_two_to_disconnect
    ),
    Place("bulk.show", "operator", "/operators/bulk/{job}?still=1"),
    Place("audit.index", "operator", "/operators/audit"),
    Place("setup.show", "operator", "/operators/setup"),
)
#: What is no page for people: files, answers for programs, and what only leads on.
NO_PAGES = {
    *("static", "connect.callback", "account.export", "api.document", "api.token"),
    *("audit.csv", "operators.tokens_csv", "operators.tokens_json"),
    *("metrics.show", "operators.index", "security_txt.show", "status.healthz", "status.readyz"),
}


def furnish(site: Site, person: Page, operator: Page) -> dict[str, str]:
    """Let people connect and an operator work; return what the places' paths leave open."""
    flask(site.env, "demo", "seed", "--people", str(CROWD))
    pages.connect(person, site.url, "jo", choose=["Your public videos"], but=["video.list"])
    pages.connect(operator, site.url)
    site.sql(
        "UPDATE users SET operator_since = connected_at WHERE display_name = ?", "Mara Lindqvist"
    )
    operator.goto(f"{site.url}/operators/keys")
    _issue(operator, "reports")
    operator.goto(f"{site.url}/operators/tokens?status=healthy")
    order_a_refresh(operator)
    operator.wait_for_url("**/operators/bulk/*")
    return {
        "open_id": site.sql("SELECT open_id FROM users WHERE display_name = 'Jo'")[0]["open_id"],
        "key": site.sql("SELECT id FROM service_keys")[0]["id"],
        "job": operator.url.rpartition("/")[2],
    }
