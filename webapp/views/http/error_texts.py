"""Why connecting may not work, and what each page says then; never looks at a request.

Letters in the comments are those of the design's table of causes.
"""

from webapp.language import N_
from webapp.views.http.cause import A_MINUTE, ANOTHER, HOME, NOTHING, Cause

CONNECT_CAUSES: dict[str, Cause] = {
    cause.code: cause
    for cause in (
        Cause(  # A; 200 because saying no is a normal outcome
            "denied",
            200,
            N_("You chose not to connect"),
            N_("TikTok told us that you pressed Cancel."),
            N_("Nothing was shared and nothing was stored."),
            (
                N_("You can leave out single items and allow the rest."),
                N_("Or simply close this page."),
            ),
            N_("Choose access again"),
        ),
        Cause(  # B
            "expired",
            400,
            N_("That took longer than 10 minutes"),
            N_("For your safety, each sign-in must be finished within 10 minutes."),
            NOTHING,
            (N_("Start again and finish it in one go."),),
        ),
        Cause(  # C, on the way back
            "cookie_missing",
            400,
            N_("We could not recognise your browser"),
            N_("You came back from TikTok without the cookie that we set before you left."),
            NOTHING,
            (
                N_("If cookies are blocked, allow them for this site."),
                N_("TikTok's app may have brought you to another browser. Then start again here."),
                N_("If you use a private window, finish in the same window."),
            ),
            N_("Try again here"),
        ),
        Cause(  # C, before leaving
            "cookies_blocked",
            400,
            N_("Your browser is blocking cookies"),
            N_("Connecting needs one cookie, and your browser did not send it."),
            N_("You have not left for TikTok, and nothing was stored."),
            (
                N_("Allow cookies for this site, then try again."),
                N_("If a blocker is on, switch it off for this site."),
            ),
            N_("Try again"),
        ),
        Cause(  # D
            "older_attempt",
            400,
            N_("This page belongs to an older attempt"),
            N_("You may have started more than once, or opened an old tab."),
            N_("Nothing was stored by this one."),
            (N_("Start again, and finish in the newest tab."),),
        ),
        Cause(  # E
            "already_done",
            400,
            N_("This step is already done"),
            N_("This page was opened a second time, and it works only once."),
            N_("Nothing new was stored."),
            (N_("If you connected a moment ago, your account is ready."),),
            N_("Go to your account"),
            "/account",
        ),
        Cause(  # F, nothing answered
            "tiktok_down",
            503,
            N_("TikTok is not answering"),
            N_(
                "You did nothing wrong. TikTok did not reply in time. "
                "The connection is not finished."
            ),
            NOTHING,
            (N_("Try again in a few minutes."),),
            N_("Try again"),
            retry_after=A_MINUTE,
        ),
        Cause(  # F, something answered that is no answer
            "tiktok_unclear",
            502,
            N_("TikTok gave an answer we cannot use"),
            N_(
                "You did nothing wrong. TikTok's reply made no sense. "
                "The connection is not finished."
            ),
            NOTHING,
            (N_("Try again in a few minutes."),),
            N_("Try again"),
            retry_after=A_MINUTE,
        ),
        Cause(  # G
            "basic_missing",
            403,
            N_("One needed permission is missing"),
            N_(
                "“Your name and picture” was switched off. "
                "Without it we cannot tell whose account this is."
            ),
            N_("Nothing new was stored."),
            (N_("Connect again, and leave that one on."),),
            N_("Connect again"),
        ),
        Cause(  # H
            "site_not_ready",
            503,
            N_("This site is not ready for TikTok yet"),
            N_(
                "TikTok does not accept this site's app at the moment. "
                "Only the people who run the site can fix that."
            ),
            N_("Nothing was stored. We have noted the fault for them."),
            (N_("Tell the people who run the site, and give them the reference."),),
            *HOME,
            contact=True,
        ),
        Cause(  # I
            "site_in_testing",
            403,
            N_("This site is still being tested"),
            N_("Only TikTok accounts that were added as testers can connect for now."),
            NOTHING,
            (
                N_("Use a TikTok account that is a tester."),
                N_("Or ask the people who run the site."),
            ),
            N_("Use another TikTok account"),
            ANOTHER,
            contact=True,
        ),
        Cause(  # J
            "other_account",
            409,
            N_("That is a different TikTok account"),
            N_("You came back with another TikTok account than the one that is connected here."),
            N_("We changed nothing."),
            (
                N_("To stay with this one, sign out at tiktok.com first, then try again."),
                N_("Or connect the other account as a new one."),
            ),
            N_("Try again"),
            other=(N_("Connect the other account as a new one"), ANOTHER),
        ),
        Cause(
            "account_deleted",
            409,
            N_("This account has just been deleted"),
            N_("It was deleted in another browser while you were signing in with this one."),
            N_("You are signed out here. Your name and your TikTok ID are no longer stored."),
            (N_("You can connect again. That makes a new account."),),
            N_("Connect again"),
        ),
        Cause(
            "incomplete",
            400,
            N_("TikTok sent you back without an answer"),
            N_("The address that brought you here is not complete, or says two things at once."),
            NOTHING,
            (N_("Start again from here."),),
        ),
        Cause(
            "code_refused",
            400,
            N_("TikTok did not accept this sign-in"),
            N_("TikTok says that it was used before, or that it is too old."),
            NOTHING,
            (N_("Start again and finish it in one go."),),
        ),
    )
}
