"""Why a connection ended, in words for people; blames nobody and never reads a row."""

from typing import NamedTuple


class Ending(NamedTuple):
    """Why access stopped, after "because", and one sentence more where that helps."""

    because: str
    more: str = ""


#: By `Reason`. Nothing here blames the person, and nothing guesses.
ENDINGS = {
    "refused": Ending("TikTok refused to renew it", "TikTok did not say why."),
    "interrupted": Ending("a renewal was interrupted on our side", "You did nothing wrong."),
    "grant_over": Ending(
        "the time that TikTok gives one connection ran out", "Reconnecting starts it anew."
    ),
    "removed_0": Ending("TikTok ended it", "TikTok did not say why."),
    "removed_1": Ending("it was removed in the TikTok app"),
    "removed_2": Ending("the TikTok account was deleted"),
    "removed_3": Ending("of TikTok's age rules"),
    "removed_4": Ending("TikTok suspended the account"),
    "removed_5": Ending("this site disconnected it"),
}
#: Signing in again may not help: TikTok must let the account in first.
CLOSED = ("removed_2", "removed_3", "removed_4")


def ending(reason: str) -> Ending:
    """Return why access stopped, in words. Raises KeyError if `reason` is none of `Reason`."""
    return ENDINGS[reason]


def is_closed(reason: str | None) -> bool:
    """Say whether TikTok closed the account itself, and not this connection alone."""
    return reason in CLOSED
