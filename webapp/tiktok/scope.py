"""What is said of one scope; the texts are marked for translation where they stand."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """One thing that a person can allow."""

    id: str
    #: What it opens, as the person would say it.
    label: str
    why: str
    #: What it does not open; may be empty.
    limits: str
    #: What it costs to leave it off, in a sentence; empty: the page says so in general.
    without: str = ""
    #: What an operator should know before asking for it; usually empty.
    remark: str = ""
