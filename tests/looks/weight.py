"""What a page makes a browser load that was never here; looks at bytes and addresses alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Page

#: Of all that a page loads, headers and all. The operators' full list may weigh more.
MOST, MOST_OF_A_FULL_LIST = 18 * 1024, 20 * 1024
#: The page, the stylesheet, the script, the picture in the tab.
MOST_REQUESTS = 4


@dataclass
class Load:
    """What one page took."""

    addresses: list[str] = field(default_factory=list)
    size: int = 0

    def faults(self, origin: str, most: int) -> list[str]:
        """Return what is too much of it."""
        found = [f"asks another host: {a}" for a in self.addresses if not a.startswith(origin)]
        if len(self.addresses) > MOST_REQUESTS:
            found.append(f"{len(self.addresses)} requests: {self.addresses}")
        if self.size > most:
            found.append(f"{self.size} bytes, not {most}")
        return found


@contextmanager
def cold(page: Page) -> Iterator[Load]:
    """Empty the browser's memory; what is loaded from then on is gathered until the block ends."""
    session = page.context.new_cdp_session(page)
    load = Load()

    def sent(event: dict[str, Any]) -> None:
        address = event["request"]["url"]
        # Chromium's own picture on a date field; it comes from no host.
        if not address.startswith("data:"):
            load.addresses.append(address)

    def finished(event: dict[str, Any]) -> None:
        load.size += int(event["encodedDataLength"])

    session.on("Network.requestWillBeSent", sent)
    session.on("Network.loadingFinished", finished)
    session.send("Network.enable")
    session.send("Network.clearBrowserCache")
    try:
        yield load
        page.wait_for_load_state("networkidle")
    finally:
        session.detach()
