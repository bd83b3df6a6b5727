"""What axe-core cannot decide by itself, each with the reason why it is right; never a whole rule."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Forgiven:
    """One question that axe leaves open."""

    rule: str
    #: What the HTML of the element, and what axe says of it, must hold.
    html: str
    why: str
    #: For whoever reads this list.
    reason: str


#: Only what axe calls incomplete; a violation is never forgiven.
LIST: tuple[Forgiven, ...] = ()


def forgiven(_page: str, found: dict[str, Any]) -> bool:
    """Tell whether what axe found is one of the questions above."""
    return found["kind"] == "incomplete" and any(
        each.rule == found["rule"] and each.html in found["html"] and each.why in found["why"]
        for each in LIST
    )
