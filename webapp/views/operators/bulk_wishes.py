"""What an operator asks for many connections, read from a form or an address; orders nothing."""

from dataclasses import dataclass
from urllib.parse import urlencode

from flask import url_for
from werkzeug.datastructures import MultiDict

from webapp.services.house import House
from webapp.services.operators import bulk
from webapp.services.operators.bulk import JobSize
from webapp.views.http.intake import LONGEST_URL
from webapp.views.operators import query

#: The list shows fifty on a page.
MOST_PICKED = 100
_LONGEST_QUERY = 1000


@dataclass(frozen=True)
class Wish:
    """An act on the connections that were picked, or on all that the list's filters match."""

    act: str
    #: The filters of the list, as they stand in its address.
    query: str
    everything: bool
    open_ids: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing was picked."""
        return not self.everything and not self.open_ids

    @property
    def page(self) -> str:
        """Return the address of its confirmation page; empty if that would be too long."""
        asked: list[tuple[str, str]] = [("id", each) for each in self.open_ids]
        asked += [("all", "1")] if self.everything else []
        asked += [("query", self.query)] if self.query else []
        address = f"{url_for(f'bulk.{self.act}')}?{urlencode(asked)}"
        return address if len(address) <= LONGEST_URL else ""

    def scale(self, house: House) -> JobSize:
        """Return how many connections it is about."""
        if self.everything:
            return bulk.size_of_all(house, self.act, self.query, house.clock())
        return bulk.size_of_picked(house, self.act, self.open_ids)


def read(act: str, sent: "MultiDict[str, str]") -> Wish:
    """Return what was sent."""
    everything = sent.get("all") == "1"
    picked = () if everything else tuple(dict.fromkeys(sent.getlist("id")))[:MOST_PICKED]
    return Wish(act, clean(sent.get("query", "")), everything, picked)


def clean(text: str) -> str:
    """Return the filters of the list as it writes them itself; what it does not know is dropped."""
    return query.canonical(query.parse_string(text)) if len(text) <= _LONGEST_QUERY else ""


def list_page(filters: str) -> str:
    """Return the address of the list under these filters, as `clean` returns them."""
    address = url_for("operators.tokens")
    return f"{address}?{filters}" if filters else address
