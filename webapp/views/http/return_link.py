"""Where the service that sent somebody wants them back: a link on our pages, never a redirect."""

from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

import structlog
from flask import request

from webapp.settings.fields import covers
from webapp.views.http.runtime import runtime

log = structlog.get_logger(__name__)
NEXT = "next"


@dataclass(frozen=True)
class ReturnLink:
    """A link to a service: its name as the settings give it, and exactly the address asked for."""

    name: str
    url: str

    def after(self, path: str) -> str:
        """Return one of our own paths that carries this way on."""
        return f"{path}{'&' if '?' in path else '?'}{urlencode({NEXT: self.url})}"


def parse(url: str) -> ReturnLink | None:
    """Return the way to `url` under the narrowest address of RETURN_TO; None if under none."""
    there = [each for each in runtime().settings.return_to if covers(each.address, url)]
    if not there:
        return None
    return ReturnLink(max(there, key=lambda each: len(each.address)).name, url)


def requested() -> ReturnLink | None:
    """Return the way that this request asks for, in its address or its form; None if none."""
    given = request.values.getlist(NEXT)
    if not given:
        return None
    # Of two, nobody can say which one was meant.
    found = parse(given[0]) if len(given) == 1 else None
    if found is None:
        log.info("way_back_refused", host=_host(given[0]))
    return found


def _host(url: str) -> str:
    """Return the host for the log: the rest may hold what is nobody's business."""
    try:
        return (urlsplit(url).hostname or "")[:100]
    except ValueError:
        return ""
