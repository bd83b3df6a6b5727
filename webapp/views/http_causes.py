"""What a page says about an HTTP error that no view explained; never looks at a request."""

from webapp.views.causes import A_MINUTE, HOME, NOTHING, Cause

NOTHING_AT_ALL = "Nothing was changed and nothing was stored."

HTTP_CAUSES: dict[str, Cause] = {
    cause.code: cause
    for cause in (
        Cause(  # K
            "too_many",
            429,
            "Too many tries in a short time",
            "You, or somebody on your network, tried too often.",
            NOTHING,
            ("Wait a little, then try again.",),
            *HOME,
            retry_after=A_MINUTE,
        ),
        Cause(
            "form_expired",
            400,
            "This form is out of date",
            "You may have signed in or out since you opened it.",
            NOTHING_AT_ALL,
            ("Open the page again, then repeat what you did.",),
            *HOME,
        ),
        Cause(  # M
            "our_fault",
            500,
            "Sorry, something broke on our side",
            "You did nothing wrong. We have a record of what happened.",
            "Most likely nothing was stored.",
            ("Try again later.",),
            *HOME,
        ),
        Cause(
            "not_found",
            404,
            "Page not found",
            "There is nothing at this address. It may be misspelt, or the page may be gone.",
            NOTHING_AT_ALL,
            ("Check the address.",),
            *HOME,
        ),
        Cause(
            "forbidden",
            403,
            "You cannot open this page",
            "This page is not open to you.",
            NOTHING_AT_ALL,
            ("Sign in with another account, if you have one.",),
            *HOME,
        ),
        Cause(
            "wrong_method",
            405,
            "This page cannot be opened like that",
            "It only answers a button on another page.",
            NOTHING_AT_ALL,
            ("Go back, and press the button there.",),
            *HOME,
        ),
        Cause(
            "too_large",
            413,
            "That was too much at once",
            "Your browser sent more than this page accepts.",
            NOTHING,
            ("Open the page again, and send less.",),
            *HOME,
        ),
        Cause(
            "too_long",
            414,
            "That address is too long",
            "No page here has an address of that length.",
            NOTHING,
            ("Check the address.",),
            *HOME,
        ),
        Cause(
            "other_host",
            400,
            "This site has another address",
            "It does not answer under the name that you used.",
            NOTHING_AT_ALL,
            ("Open the right address, and keep that one.",),
            "Open the right address",
            "/",
        ),
        Cause(
            "unreadable",
            400,
            "We could not read that request",
            "Your browser sent something that we do not understand.",
            NOTHING,
            ("Open the page again, and repeat what you did.",),
            *HOME,
        ),
    )
}

#: Status → code. Other 4xx are "unreadable".
BY_STATUS = {
    403: "forbidden",
    404: "not_found",
    405: "wrong_method",
    413: "too_large",
    414: "too_long",
    429: "too_many",
}
