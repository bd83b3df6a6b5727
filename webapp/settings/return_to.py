"""Services that people may be led back to, and what lies under their addresses; opens none."""

import re
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator

from webapp.settings.addresses import LOOPBACK, split
from webapp.settings.problem import refuse
from webapp.settings.readings import parts

_MEND = "RETURN_TO=Example Studio=https://studio.example/, Example Shop=https://shop.example/app/"
_DEFAULT_PORTS = {"http": 80, "https": 443}
#: Goes into the browser's cookie with every attempt.
LONGEST = 500
#: What an address may be written with (RFC 3986). Left out is what browsers read in ways of their
#: own: white space and control characters, backslash, quotes, brackets, anything beyond ASCII.
_WRITTEN = re.compile(r"[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]+")
#: In a path these climb out of it, or may be read as if they did: dot segments, and dot, slash,
#: backslash, percent and control characters in disguise.
_CLIMBS = re.compile(r"/\.{1,2}([;/]|$)|%(2e|2f|5c|25|[01][0-9a-f]|7f)", re.IGNORECASE)


class Service(NamedTuple):
    """One service: what it is called on our pages, and where it lives."""

    name: str
    #: Absolute, with a path.
    address: str


def covers(address: str, url: str) -> bool:
    """Tell whether `url` lies under `address`, by comparing what is written, byte for byte.

    So whoever reads it, browser or server, sees the same scheme, host and port, and no user name:
    there is no second reading that could differ from ours.
    """
    if len(url) > LONGEST or not _WRITTEN.fullmatch(url):
        return False
    if _CLIMBS.search(re.split(r"[?#]", url, maxsplit=1)[0]):
        return False
    if f"{url}/" == address:
        return True
    rest = url.removeprefix(address)
    return rest != url and (address.endswith("/") or not rest or rest[0] in "/?#")


def _services(value: Any) -> tuple[Service, ...]:
    if not isinstance(value, str):
        return tuple(value)
    services = [_service(part) for part in parts(value)]
    if len({each.name for each in services}) < len(services):
        refuse("gives one name to two addresses", _MEND)
    return tuple(services)


def _service(text: str) -> Service:
    name, there, address = (piece.strip() for piece in text.partition("="))
    if not there or not name or not name.isprintable() or len(name) > 60:
        refuse("holds an address without a short name before it", _MEND)
    url = split(address, _MEND)
    if url.scheme == "http" and url.hostname not in LOOPBACK:
        refuse("is http on a host that is not this machine", _MEND)
    if len(address) > LONGEST // 2:
        refuse(f"holds an address of more than {LONGEST // 2} characters", _MEND)
    port = f":{url.port}" if url.port not in (None, _DEFAULT_PORTS[url.scheme]) else ""
    # As services write it: without a default port, the host in lower case, never without a path.
    host = url.netloc.lower().partition(":")[0]
    tidy = f"{url.scheme}://{host}{port}{url.path or '/'}"
    if not covers(tidy, tidy):
        refuse("holds an address that no page can lie under", _MEND)
    return Service(name, tidy)


ReturnTo = Annotated[tuple[Service, ...], BeforeValidator(_services)]
