"""The texts of all error pages, marked for translation.

Rules for these texts: use no jargon, write no sentence over 20 words, always say whether anything
was stored, and always give one next step.
"""

from dataclasses import dataclass

from webapp.language import N_

NOTHING = N_("Nothing was stored.")
NOTHING_CHANGED = N_("Nothing was changed and nothing was stored.")
#: The gap is how long, in words. A page without the template engine has no gap to fill.
WAIT = N_("Try again in about %(wait)s.")
#: Seconds to wait if neither TikTok nor a rate limit says how long.
A_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Cause:
    """One error page: code, status, heading, what happened and what to do next."""

    code: str
    status: int
    title: str
    what: str
    #: Whether anything was stored, in a sentence.
    stored: str
    todo: tuple[str, ...]
    #: The text of the primary button, and its target.
    action: str = N_("Start again")
    href: str = "/connect"
    #: Only the site owner can help, so the page says how to contact them.
    contact: bool = False
    #: The text of a second link beside the button, and its target.
    other: tuple[str, str] | None = None
    #: Seconds to wait before trying again; None: no need to wait.
    retry_after: int | None = None


#: In place of the sentence of "attempt_over", if the result of the attempt isn't known.
UNSURE = N_("Most likely, nothing was stored.")
#: In place of the sentence of "not_stored", if the tokens are in the rescue file.
RESCUED = N_("We kept your access, encrypted, and will save it soon. You aren't signed in yet.")
HOME = (N_("Back to home page"), "/")
#: Lets the person sign in with a different TikTok account.
ANOTHER = "/connect?another=1"

#: Code → why connecting failed.
CONNECT_CAUSES: dict[str, Cause] = {
    cause.code: cause
    for cause in (
        Cause(  # 200 because declining is a normal outcome
            "denied",
            200,
            N_("You chose not to connect"),
            N_("TikTok says you pressed Cancel."),
            N_("Nothing was shared and nothing was stored."),
            (
                N_("You can turn off individual permissions and allow the rest."),
                N_("Or just close this page."),
            ),
            N_("Choose permissions again"),
        ),
        Cause(
            "expired",
            400,
            N_("That took longer than 10 minutes"),
            N_("For your safety, each sign-in must be finished within 10 minutes."),
            NOTHING,
            (N_("Start again and finish right away."),),
        ),
        Cause(  # on return from TikTok
            "cookie_missing",
            400,
            N_("We couldn't recognize your browser"),
            N_("You came back from TikTok without the cookie we set before you left."),
            NOTHING,
            (
                N_("If cookies are blocked, allow them for this site."),
                N_("The TikTok app may have opened a different browser. If so, start again here."),
                N_("If you're using a private window, finish in the same window."),
            ),
            N_("Try again here"),
        ),
        Cause(  # before going to TikTok
            "cookies_blocked",
            400,
            N_("Your browser is blocking cookies"),
            N_("We need one cookie to connect you, and your browser didn't send it."),
            N_("You haven't been sent to TikTok, and nothing was stored."),
            (
                N_("Allow cookies for this site, then try again."),
                N_("If you use a content blocker, turn it off for this site."),
            ),
            N_("Try again"),
        ),
        Cause(
            "older_attempt",
            400,
            N_("This page is from an earlier attempt"),
            N_("You may have started more than once, or opened an old tab."),
            N_("Nothing was stored from this attempt."),
            (N_("Start again and finish in the newest tab."),),
        ),
        Cause(
            "already_done",
            400,
            N_("This step is already done"),
            N_("This page was opened a second time, but it only works once."),
            N_("Nothing new was stored."),
            (N_("If you connected a moment ago, your account is ready."),),
            N_("Sign in"),
        ),
        Cause(  # the same, where nobody was connected
            "attempt_over",
            400,
            N_("This attempt is over"),
            N_("This page was opened a second time, but it only works once."),
            NOTHING,
            (N_("Start again. It takes about a minute."),),
        ),
        Cause(  # no response
            "tiktok_down",
            503,
            N_("TikTok isn't responding"),
            N_(
                "This isn't your fault. TikTok didn't respond in time, so we couldn't finish "
                "connecting you."
            ),
            NOTHING,
            (WAIT,),
            N_("Try again"),
            retry_after=A_MINUTE,
        ),
        Cause(  # the database is full, locked or away
            "not_stored",
            503,
            N_("We couldn't save your sign-in"),
            N_("This isn't your fault. You allowed access, but our database couldn't save it."),
            N_("Nothing was stored, and we asked TikTok to end this access."),
            (
                WAIT,
                N_("You can check in the TikTok app that our access has ended."),
            ),
            N_("Try again"),
            contact=True,
            retry_after=A_MINUTE,
        ),
        Cause(  # an unusable response
            "tiktok_unclear",
            502,
            N_("TikTok sent an unusable response"),
            N_(
                "This isn't your fault. We couldn't understand TikTok's response, so we couldn't "
                "finish connecting you."
            ),
            NOTHING,
            (WAIT,),
            N_("Try again"),
            retry_after=A_MINUTE,
        ),
        Cause(
            "basic_missing",
            403,
            N_("A required permission is missing"),
            N_(
                "“Your name and picture” was turned off. Without it, we can't tell whose account "
                "this is."
            ),
            N_("Nothing new was stored."),
            (N_("Connect again and leave that permission on."),),
            N_("Connect again"),
        ),
        Cause(
            "site_not_ready",
            503,
            N_("This site isn't ready for TikTok yet"),
            N_(
                "TikTok isn't accepting this site's app at the moment. Only the site owner can "
                "fix that."
            ),
            N_("Nothing was stored. We've recorded the error for the site owner."),
            (N_("Contact the site owner and include the reference below."),),
            *HOME,
            contact=True,
        ),
        Cause(
            "site_in_testing",
            403,
            N_("This site is still being tested"),
            N_("For now, only TikTok accounts added as testers can connect."),
            NOTHING,
            (
                N_("Use a TikTok account that was added as a tester."),
                N_("Or ask the site owner to add yours."),
            ),
            N_("Use a different TikTok account"),
            ANOTHER,
            contact=True,
        ),
        Cause(
            "other_account",
            409,
            N_("That's a different TikTok account"),
            N_("You signed in with a different TikTok account than the one connected here."),
            NOTHING_CHANGED,
            (
                N_(
                    "To use the account that's connected here, sign out at tiktok.com, then try"
                    " again."
                ),
                N_("Or connect the other account as a new one."),
            ),
            N_("Try again"),
            other=(N_("Connect the other account as a new one"), ANOTHER),
        ),
        Cause(
            "account_deleted",
            409,
            N_("This account was just deleted"),
            N_("It was deleted in another browser while you were signing in here."),
            N_("You're signed out here. Your name and TikTok ID are no longer stored."),
            (N_("You can connect again. That creates a new account."),),
            N_("Connect again"),
        ),
        Cause(
            "incomplete",
            400,
            N_("TikTok sent you back with an incomplete link"),
            N_("Part of the link that brought you back from TikTok is missing or was changed."),
            NOTHING,
            (N_("Start again from here."),),
        ),
        Cause(
            "code_refused",
            400,
            N_("TikTok didn't accept this sign-in"),
            N_("TikTok says this sign-in was already used or has expired."),
            NOTHING,
            (N_("Start again and finish right away."),),
        ),
    )
}

#: Code → an HTTP error that no view explained.
HTTP_CAUSES: dict[str, Cause] = {
    cause.code: cause
    for cause in (
        Cause(
            "too_many",
            429,
            N_("Too many attempts in a short time"),
            N_("You or someone on your network has tried too many times."),
            NOTHING,
            (WAIT,),
            *HOME,
            retry_after=A_MINUTE,
        ),
        Cause(
            "form_expired",
            400,
            N_("This form has expired"),
            N_("You may have signed in or out since you opened it."),
            NOTHING_CHANGED,
            (N_("Reopen the page and try again."),),
            *HOME,
        ),
        Cause(
            "our_fault",
            500,
            N_("Sorry, something went wrong on our side"),
            N_("This isn't your fault. We have a record of what happened."),
            N_("Most likely, nothing was stored."),
            (N_("Try again later."),),
            *HOME,
        ),
        Cause(  # full, locked or away
            "database_down",
            503,
            N_("Our database isn't responding"),
            N_("This isn't your fault. We couldn't read or save what this page needs."),
            N_("Most likely, nothing was stored."),
            (N_("Try again in about a minute."),),
            *HOME,
            retry_after=A_MINUTE,
        ),
        Cause(
            "not_found",
            404,
            N_("Page not found"),
            N_("There's nothing at this address. It may be misspelled, or the page may be gone."),
            NOTHING_CHANGED,
            (N_("Check the address."),),
            *HOME,
        ),
        Cause(
            "forbidden",
            403,
            N_("You can't open this page"),
            N_("You don't have access to it."),
            NOTHING_CHANGED,
            (N_("Sign in with a different account, if you have one."),),
            *HOME,
        ),
        Cause(
            "cross_site",
            403,
            N_("This request came from another website"),
            N_("Your browser says that a different site sent it, so we didn't act on it."),
            NOTHING_CHANGED,
            (N_("If you wanted to do this, open our site and do it there."),),
            *HOME,
        ),
        Cause(
            "stopped_halfway",
            404,
            N_("You can no longer do this"),
            N_("You lost access while this was in progress, so it wasn't finished."),
            N_("Anything already done is stored and listed in the audit log."),
            (N_("Ask another operator for the result."),),
            *HOME,
        ),
        Cause(
            "wrong_method",
            405,
            N_("This page can't be opened directly"),
            N_("It only works through a button on another page."),
            NOTHING_CHANGED,
            (N_("Go back and press the button there."),),
            *HOME,
        ),
        Cause(
            "too_slow",
            408,
            N_("Your request took too long to arrive"),
            N_("We stopped waiting before all of it arrived."),
            NOTHING_CHANGED,
            (N_("Check your internet connection, then try again."),),
            *HOME,
        ),
        Cause(
            "too_large",
            413,
            N_("That was too much data"),
            N_("Your browser sent more than this page accepts."),
            NOTHING,
            (N_("Reopen the page and enter less."),),
            *HOME,
        ),
        Cause(
            "too_long",
            414,
            N_("That address is too long"),
            N_("No address on this site is that long."),
            NOTHING,
            (N_("Check the address."),),
            *HOME,
        ),
        Cause(
            "other_host",
            400,
            N_("This site has a different address"),
            N_("It isn't available at the address you used."),
            NOTHING_CHANGED,
            (N_("Use the correct address from now on."),),
            N_("Open the correct address"),
            "/",
        ),
        Cause(
            "unreadable",
            400,
            N_("We couldn't read that request"),
            N_("Your browser sent something we don't understand."),
            NOTHING,
            (N_("Reopen the page and try again."),),
            *HOME,
        ),
    )
}

#: Status → code. Other 4xx are "unreadable".
BY_STATUS = {
    403: "forbidden",
    404: "not_found",
    405: "wrong_method",
    408: "too_slow",
    413: "too_large",
    414: "too_long",
    429: "too_many",
}
