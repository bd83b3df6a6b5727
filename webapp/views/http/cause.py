"""What the page of one cause is made of, in English as it is marked for translation.

Words: no jargon, no sentence over 20 words, always whether something was stored, always one thing
to do next.
"""

from dataclasses import dataclass

from webapp.language import N_

NOTHING = N_("Nothing was stored.")
#: Seconds to wait when nobody said how long.
A_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Cause:
    """One page: its code and status, its heading, what happened, and what to do next."""

    code: str
    status: int
    title: str
    what: str
    #: Whether anything was stored, in a sentence.
    stored: str
    todo: tuple[str, ...]
    #: The words on the one primary button, and where it leads.
    action: str = N_("Start again")
    href: str = "/connect"
    #: Only the people who run the site can help, so the page says how to reach them.
    contact: bool = False
    #: The words of a second link beside the button, and where it leads.
    other: tuple[str, str] | None = None
    #: Seconds after which trying again makes sense; None: at once.
    retry_after: int | None = None


HOME = (N_("Back to start"), "/")
#: Asks TikTok for another account than the one that is signed in.
ANOTHER = "/connect?another=1"
