"""Many people who sign in at the same moment, each in a browser of their own."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.journeys.http_browser import HttpBrowser
from tests.servers import Sandbox
from tests.walk import connect


@dataclass(frozen=True)
class Visit:
    """How one sign-in went."""

    person: str
    status: int
    location: str
    #: What the person's own page then said.
    account: int


def invite(sandbox: Sandbox, number: int) -> list[str]:
    """Add this many people to the mock TikTok; return their short names."""
    names = [f"guest{n:04}" for n in range(number)]
    for name in names:
        sandbox.control("people", name=name, display_name=f"Guest {name[5:]}")
    return names


def visit(origin: str, person: str) -> Visit:
    """Walk the whole way as one person in a new browser, and look at the account."""
    with HttpBrowser(origin) as browser:
        answer = connect(browser, person)
        account = browser.get("/account")
        return Visit(
            person, answer.status_code, answer.headers.get("Location", ""), account.status_code
        )


def all_at_once(act: Callable[[str], Visit], people: Iterable[str], at_once: int) -> list[Visit]:
    """Let everybody come, so many at once. Raises whatever a visit raised."""
    with ThreadPoolExecutor(at_once) as crowd:
        return list(crowd.map(act, people))
