"""What a page says about an HTTP error that no view explained; never looks at a request."""

from webapp.language import N_
from webapp.views.http.cause import A_MINUTE, HOME, NOTHING, Cause

NOTHING_AT_ALL = N_("Nothing was changed and nothing was stored.")

HTTP_CAUSES: dict[str, Cause] = {
    cause.code: cause
    for cause in (
        Cause(  # K
            "too_many",
            429,
            N_("Too many tries in a short time"),
            N_("You, or somebody on your network, tried too often."),
            NOTHING,
            (N_("Wait a little, then try again."),),
            *HOME,
            retry_after=A_MINUTE,
        ),
        Cause(
            "form_expired",
            400,
            N_("This form is out of date"),
            N_("You may have signed in or out since you opened it."),
            NOTHING_AT_ALL,
            (N_("Open the page again, then repeat what you did."),),
            *HOME,
        ),
        Cause(  # M
            "our_fault",
            500,
            N_("Sorry, something broke on our side"),
            N_("You did nothing wrong. We have a record of what happened."),
            N_("Most likely nothing was stored."),
            (N_("Try again later."),),
            *HOME,
        ),
        Cause(
            "not_found",
            404,
            N_("Page not found"),
            N_("There is nothing at this address. It may be misspelt, or the page may be gone."),
            NOTHING_AT_ALL,
            (N_("Check the address."),),
            *HOME,
        ),
        Cause(
            "forbidden",
            403,
            N_("You cannot open this page"),
            N_("This page is not open to you."),
            NOTHING_AT_ALL,
            (N_("Sign in with another account, if you have one."),),
            *HOME,
        ),
        Cause(
            "stopped_halfway",
            404,
            N_("You can no longer do this"),
            N_("Your access ended while this was under way, so it was not finished."),
            N_("What had been done by then stays stored, and is in the audit log."),
            (N_("Ask another operator what came of it."),),
            *HOME,
        ),
        Cause(
            "wrong_method",
            405,
            N_("This page cannot be opened like that"),
            N_("It only answers a button on another page."),
            NOTHING_AT_ALL,
            (N_("Go back, and press the button there."),),
            *HOME,
        ),
        Cause(
            "too_slow",
            408,
            N_("Your request took too long to arrive"),
            N_("We stopped waiting before all of it was here."),
            NOTHING_AT_ALL,
            (N_("Check your connection, then repeat what you did."),),
            *HOME,
        ),
        Cause(
            "too_large",
            413,
            N_("That was too much at once"),
            N_("Your browser sent more than this page accepts."),
            NOTHING,
            (N_("Open the page again, and send less."),),
            *HOME,
        ),
        Cause(
            "too_long",
            414,
            N_("That address is too long"),
            N_("No page here has an address of that length."),
            NOTHING,
            (N_("Check the address."),),
            *HOME,
        ),
        Cause(
            "other_host",
            400,
            N_("This site has another address"),
            N_("It does not answer under the name that you used."),
            NOTHING_AT_ALL,
            (N_("Open the right address, and keep that one."),),
            N_("Open the right address"),
            "/",
        ),
        Cause(
            "unreadable",
            400,
            N_("We could not read that request"),
            N_("Your browser sent something that we do not understand."),
            NOTHING,
            (N_("Open the page again, and repeat what you did."),),
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
