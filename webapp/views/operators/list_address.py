"""The address of the operators' list: parse it, and build it for a query."""

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict

from webapp.language import N_
from webapp.services.operators import list_query
from webapp.services.operators.list_query import Query

#: How many ignored names are shown, and how many characters of each.
_MAX_NAMED = 5
_MAX_LETTERS = 30
_SELECTIONS = ("all", "page")
#: Shown in place of further ignored names.
MORE = N_("more")


@dataclass(frozen=True)
class ListRequest:
    """A query and what else is in the address."""

    query: Query
    #: All matches are selected, not only the ticked ones.
    everything: bool = False
    #: Names of unknown or invalid parameters, shortened.
    ignored: tuple[str, ...] = ()
    #: All rows of this page are ticked.
    whole_page: bool = False


def parse(args: "MultiDict[str, str]") -> ListRequest:
    """Return what the parameters ask for; those that can't be read are only named."""
    pairs = list(args.items(multi=True))
    selected = [value for name, value in pairs if name == "sel" and value in _SELECTIONS]
    found = list_query.parse_pairs(
        (name, value) for name, value in pairs if name != "sel" or value not in _SELECTIONS
    )
    names = tuple(_printable(name) for name in found.ignored[:_MAX_NAMED])
    more = (MORE,) if len(found.ignored) > _MAX_NAMED else ()
    return ListRequest(found.query, "all" in selected, names + more, "page" in selected)


def address(base: str, query: Query, **changes: Any) -> str:
    """Return the address of the list for a query with changes.

    It is the first page unless `changes` has `after` or `before`. `everything` selects all
    matches, `whole_page` all rows of the page.
    """
    everything, whole_page = changes.pop("everything", False), changes.pop("whole_page", False)
    changed = replace(query, **({"after": None, "before": None} | changes))
    pairs = list_query.query_pairs(changed)
    if everything or whole_page:
        pairs.append(("sel", "all" if everything else "page"))
    return f"{base}?{urlencode(pairs)}" if pairs else base


def same_page(query: Query) -> str:
    """Return what leads to the same page of the list, to be added to an address: "?status=soon"."""
    return address("", query, after=query.after, before=query.before)


def _printable(name: str) -> str:
    shown = "".join(char if char.isprintable() else " " for char in name)
    return shown[:_MAX_LETTERS] + ("…" if len(shown) > _MAX_LETTERS else "")
