"""Why connecting may not work, and what each page says then; never looks at a request.

Letters in the comments are those of the design's table of causes. Words: no jargon, no sentence
over 20 words, always whether something was stored, always one thing to do next.
"""

from dataclasses import dataclass

NOTHING = "Nothing was stored."
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
    action: str = "Start again"
    href: str = "/connect"
    #: Only the people who run the site can help, so the page says how to reach them.
    contact: bool = False
    #: Seconds after which trying again makes sense; None: at once.
    retry_after: int | None = None


HOME = ("Back to start", "/")

CONNECT_CAUSES: dict[str, Cause] = {
    cause.code: cause
    for cause in (
        Cause(  # A; 200 because saying no is a normal outcome
            "denied",
            200,
            "You chose not to connect",
            "TikTok told us that you pressed Cancel.",
            "Nothing was shared and nothing was stored.",
            ("You can leave out single items and allow the rest.", "Or simply close this page."),
            "Choose access again",
        ),
        Cause(  # B
            "expired",
            400,
            "That took longer than 10 minutes",
            "For your safety, each sign-in must be finished within 10 minutes.",
            NOTHING,
            ("Start again and finish it in one go.",),
        ),
        Cause(  # C, on the way back
            "cookie_missing",
            400,
            "We could not recognise your browser",
            "You came back from TikTok without the cookie that we set before you left.",
            NOTHING,
            (
                "If cookies are blocked, allow them for this site.",
                "TikTok's app may have brought you to another browser. Then start again here.",
                "If you use a private window, finish in the same window.",
            ),
            "Try again here",
        ),
        Cause(  # C, before leaving
            "cookies_blocked",
            400,
            "Your browser is blocking cookies",
            "Connecting needs one cookie, and your browser did not send it.",
            "You have not left for TikTok, and nothing was stored.",
            (
                "Allow cookies for this site, then try again.",
                "If a blocker is on, switch it off for this site.",
            ),
            "Try again",
        ),
        Cause(  # D
            "older_attempt",
            400,
            "This page belongs to an older attempt",
            "You may have started more than once, or opened an old tab.",
            "Nothing was stored by this one.",
            ("Start again, and finish in the newest tab.",),
        ),
        Cause(  # E
            "already_done",
            400,
            "This step is already done",
            "This page was opened a second time, and it works only once.",
            "Nothing new was stored.",
            ("If you connected a moment ago, your account is ready.",),
            "Go to your account",
            "/account",
        ),
        Cause(  # F, nothing answered
            "tiktok_down",
            503,
            "TikTok is not answering",
            "You did nothing wrong. TikTok did not reply in time. The connection is not finished.",
            NOTHING,
            ("Try again in a few minutes.",),
            "Try again",
            retry_after=A_MINUTE,
        ),
        Cause(  # F, something answered that is no answer
            "tiktok_unclear",
            502,
            "TikTok gave an answer we cannot use",
            "You did nothing wrong. TikTok's reply made no sense. The connection is not finished.",
            NOTHING,
            ("Try again in a few minutes.",),
            "Try again",
            retry_after=A_MINUTE,
        ),
        Cause(  # G
            "basic_missing",
            403,
            "One needed permission is missing",
            "“Your name and picture” was switched off. "
            "Without it we cannot tell whose account this is.",
            NOTHING,
            ("Connect again, and leave that one on.",),
            "Connect again",
        ),
        Cause(  # H
            "site_not_ready",
            503,
            "This site is not ready for TikTok yet",
            "TikTok does not accept this site's app at the moment. "
            "Only the people who run the site can fix that.",
            "Nothing was stored. We have noted the fault for them.",
            ("Tell the people who run the site, and give them the reference.",),
            *HOME,
            contact=True,
        ),
        Cause(  # I
            "site_in_testing",
            403,
            "This site is still being tested",
            "Only TikTok accounts that were added as testers can connect for now.",
            NOTHING,
            ("Use a TikTok account that is a tester.", "Or ask the people who run the site."),
            "Use another TikTok account",
            "/connect?another=1",
            contact=True,
        ),
        Cause(  # J
            "other_account",
            409,
            "That is a different TikTok account",
            "You came back with another TikTok account than the one that is connected here.",
            "We changed nothing.",
            (
                "To stay with this one, sign out at tiktok.com first, then try again.",
                "To connect the other one, tick “Use a different TikTok account” on the next page.",
            ),
            "Try again",
        ),
        Cause(
            "incomplete",
            400,
            "TikTok sent you back without an answer",
            "The address that brought you here is not complete, or says two things at once.",
            NOTHING,
            ("Start again from here.",),
        ),
        Cause(
            "code_refused",
            400,
            "TikTok did not accept this sign-in",
            "TikTok says that it was used before, or that it is too old.",
            NOTHING,
            ("Start again and finish it in one go.",),
        ),
    )
}
