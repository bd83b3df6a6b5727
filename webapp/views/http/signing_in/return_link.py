"""The link back to the service that sent a person here (`?next=`); never a redirect."""

from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

import structlog
from flask import request

from webapp.settings.field_types import covers
from webapp.views.http.runtime import runtime

log = structlog.get_logger(__name__)
NEXT = "next"


@dataclass(frozen=True)
class ReturnLink:
    """A service's name from RETURN_TO, and the requested address, unchanged."""

    name: str
    url: str

    def after(self, path: str) -> str:
        """Return one of our own paths with this link as its `next` parameter."""
        return f"{path}{'&' if '?' in path else '?'}{urlencode({NEXT: self.url})}"


def parse(url: str) -> ReturnLink | None:
    """Return the link to `url`, named by the longest RETURN_TO entry that covers it; or None."""
    matching = [each for each in runtime().settings.return_to if covers(each.address, url)]
    if not matching:
        return None
    return ReturnLink(max(matching, key=lambda each: len(each.address)).name, url)


def requested() -> ReturnLink | None:
    """Return the link that this request asks for, in its query or form; None if there is none."""
    given = request.values.getlist(NEXT)
    if not given:
        return None
    # With two it is unclear which one was meant.
    found = parse(given[0]) if len(given) == 1 else None
    if found is None:
        log.info("return_link_refused", host=_host(given[0]))
    return found


def _host(url: str) -> str:
    """Return the host, for the log: the rest of the address may be private."""
    try:
        return (urlsplit(url).hostname or "")[:100]
    except ValueError:
        return ""
