"""What axe-core cannot decide by itself, each with the reason why it is right."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Forgiven:
    """One question that axe leaves open."""

    rule: str
    #: What the HTML of the element, and what axe says of it, must hold.
    html: str
    why: str
    #: For anyone who reads this list.
    reason: str


#: Only what axe calls incomplete; a violation is never forgiven.
LIST = (
    Forgiven(
        "color-contrast",
        "<text ",
        "contains an image node",
        "Letters of a chart: --muted on --card; a plain test computes that pair from the tokens.",
    ),
    Forgiven(
        "color-contrast",
        "<text ",
        "too short to determine",
        "A single digit at a chart's axis, in the same pair of colours.",
    ),
    Forgiven(
        "color-contrast",
        "<text ",
        "only non-text characters",
        "The cross on a chart's bar, in the same pair; its description and its table say it too.",
    ),
    Forgiven(
        "color-contrast",
        '<span aria-hidden="true">',
        "only non-text characters",
        "The arrow beside a sorted heading, in the heading's own colour; `aria-sort` says it too.",
    ),
)


def forgiven(found: dict[str, Any]) -> bool:
    """Tell whether what axe found is one of the questions above."""
    return found["kind"] == "incomplete" and any(
        each.rule == found["rule"] and each.html in found["html"] and each.why in found["why"]
        for each in LIST
    )
