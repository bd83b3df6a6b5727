"""What an operator asks the list for, read from the address, and addresses that ask it; no look."""

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict

from webapp.language import N_
from webapp.services.operators import list_query
from webapp.services.operators.list_query import Query

#: So many names of what was ignored are told, and so many letters of each.
_MAX_NAMED = 5
_MAX_LETTERS = 30
#: Stands for those that are not told.
MORE = N_("more")


@dataclass(frozen=True)
class ListRequest:
    """A query and what else stood in the address."""

    query: Query
    #: All that match are selected, not the ticked ones alone.
    everything: bool = False
    #: Parameters that mean nothing here, cut for printing.
    ignored: tuple[str, ...] = ()


def parse(args: "MultiDict[str, str]") -> ListRequest:
    """Return what the parameters of a request ask for; what cannot be read is named, not kept."""
    pairs = list(args.items(multi=True))
    everything = ("sel", "all") in pairs
    found = list_query.parse_pairs(pair for pair in pairs if pair != ("sel", "all"))
    told = tuple(_printable(name) for name in found.ignored[:_MAX_NAMED])
    more = (MORE,) if len(found.ignored) > _MAX_NAMED else ()
    return ListRequest(found.query, everything, told + more)


def parse_string(text: str) -> Query:
    """Return the query of `canonical`'s text; nonsense asks for everything."""
    return list_query.parse_string(text)


def canonical(query: Query) -> str:
    """Return the filters and the order of a query as one text, always the same for the same."""
    return list_query.query_string(query)


def address(base: str, query: Query, **changes: Any) -> str:
    """Return the address of the list under a query, some of it changed.

    It begins at the first page, unless `after` or `before` is among the changes. `everything`
    selects all that match.
    """
    everything = changes.pop("everything", False)
    changed = replace(query, **({"after": None, "before": None} | changes))
    pairs = list_query.query_pairs(changed) + ([("sel", "all")] if everything else [])
    return f"{base}?{urlencode(pairs)}" if pairs else base


def _printable(name: str) -> str:
    shown = "".join(char if char.isprintable() else " " for char in name)
    return shown[:_MAX_LETTERS] + ("…" if len(shown) > _MAX_LETTERS else "")
