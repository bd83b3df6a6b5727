"""TikTok's 65 rules as docs/contract.md shows them: topic, number and text."""

#: Topic → rule number → what must be true. The numbers are those of the markers and never change.
TOPICS: dict[str, dict[int, str]] = {
    "Authorize: sending the browser to TikTok": {
        1: "The URL starts with the configured authorize URL, byte for byte.",
        2: "The URL carries `client_key`. It never carries `client_id` or the client secret.",
        3: "`response_type` is `code`.",
        4: "There is one `scope` parameter: scopes joined by commas, without spaces or duplicates.",
        5: "`user.info.basic` is always among the requested scopes.",
        6: "A scope we don't know is refused at startup, and the message names it.",
        7: "`redirect_uri` comes from the configuration, never from the Host header, and is "
        "identical in the authorize URL and in the exchange.",
        8: "Startup refuses a redirect URI that has a query or a fragment, is 512 characters or "
        "longer, uses `http` on a host that is not loopback, or names a loopback host without a "
        "port.",
        9: "`state` has at least 128 random bits, belongs to one browser session, works once, and "
        "expires after minutes (not seconds).",
        10: "“Use another account” sends `disable_auto_auth=1`.",
        11: "The PKCE challenge is 64 lowercase hex digits and new for every request. The verifier "
        "appears in no URL.",
    },
    "Callback: TikTok sends the browser back": {
        12: "A `state` that is missing, unknown, already used or from another browser gets a 4xx "
        "response and causes no call to TikTok. This applies to successes and errors alike.",
        13: "A callback with `error` causes no token call and shows a friendly page. TikTok's "
        "description never reaches the page unescaped.",
        14: "An `error_type` that means a setup mistake is shown as a setup mistake, not as the "
        "person's refusal.",
        15: "A callback with neither `code` nor `error` is a plain 400.",
        16: "A callback with both `code` and `error` counts as an error.",
        17: "Reloading the callback never exchanges a code twice and gets a friendly response.",
        18: "The code is decoded once and encoded once.",
        19: "A person who granted fewer scopes than requested is still signed in, and the page "
        "says what is missing.",
        20: "The callback responds with a redirect to a URL without the code, and sends "
        "`no-store` and `no-referrer`.",
    },
    "Token calls: exchange and refresh": {
        21: "The token URLs end in a slash. Redirects are not followed.",
        22: "There is one form content type without a charset, and the body is never JSON.",
        23: "Client key and secret are in the body of exchange, refresh and revoke, never in HTTP "
        "Basic.",
        24: "The body of a refresh has exactly four fields: `client_key`, `client_secret`, "
        "`grant_type`, `refresh_token`.",
        25: "An `error` under HTTP 200 is a failure, and nothing is stored.",
        26: "An exchange succeeds only with non-empty strings for `access_token`, `open_id` and "
        "`refresh_token` and a positive `expires_in`; otherwise nothing is stored. A refresh is "
        "judged more leniently, because the old refresh token is dead by then: any answer with a "
        "non-empty `access_token` and no `error` is stored, and an absurd or missing `expires_in` "
        "counts as five minutes. `null`, empty and non-string tokens never overwrite a stored one.",
        27: "An answer that isn't JSON, an empty answer, a timeout and a reset connection all have "
        "the same outcome, a temporary failure, without a traceback.",
        28: "Every call has a connect timeout and a read timeout.",
        29: "An expiry is the time of receipt plus the seconds in the answer, in UTC.",
        30: "Numbers that arrive as strings are accepted.",
        31: "A token is refreshed when its remaining life is below a margin, and the margin is "
        "always shorter than the token's lifetime. A fresh token is not refreshed.",
        32: "The new token pair is committed before anything else happens.",
        33: "Two simultaneous refreshes of one account make one call, across threads, processes "
        "and hosts.",
        34: "After `invalid_grant` the row is read again. If the refusal is confirmed, the person "
        "must reconnect and there are no further attempts.",
        35: "A configuration error alerts the operator and leaves people's rows as they are.",
        36: "Temporary errors are retried with backoff.",
        37: "A refresh answer with another `open_id` is refused and raises an alarm.",
        38: "An answer without a refresh token keeps the old one.",
        39: "An expired refresh token causes no call; the person must reconnect.",
    },
    "Disconnect: revoking access": {
        40: "Disconnecting revokes access at TikTok (refreshing first if needed), then deletes our "
        "tokens, whatever TikTok answers. The page says which of the two worked.",
        41: "An empty body, `{}` and white space all mean that the revoke succeeded.",
        42: "An error body means that the revoke failed.",
    },
    "User info and other API calls": {
        43: "Only fields covered by granted scopes are requested, and `open_id` always is.",
        44: 'An API answer is a success when its error `code` is `"ok"`.',
        45: "The `open_id` in user info must equal the token's.",
        46: "After 401 `access_token_invalid` there is one refresh and one retry; after "
        "`scope_not_authorized` there is neither.",
        47: "429 means back off.",
        48: "A person is signed in even if user info fails after a successful exchange.",
        49: "Video lists are paged by TikTok's rules: at most 20 a page, no `cursor` on the first "
        "page, and on while `has_more` is true.",
        50: "Seconds (`create_time`) and milliseconds (`cursor`) are never mixed up.",
        51: "Signed URLs, such as those of profile pictures, are never treated as permanent.",
    },
    "Storage": {
        52: "An account is identified by its `open_id` within one `client_key`.",
        53: "A changed `client_key` is detected and reported.",
        54: "Reconnecting clears every failure mark in one transaction.",
        55: "Tokens, codes, secrets and `state` appear in no log, page, URL or exception.",
        56: "Token columns are text without a length limit.",
    },
    "Webhooks from TikTok": {
        57: "The signature is checked over the raw bytes, in constant time, before the body is "
        "parsed.",
        58: "A missing, wrong or stale signature gets a 401 and has no effect.",
        59: "A valid webhook gets a 200 quickly, even if its event, person or content is unknown.",
        60: "Any integer is accepted as a reason.",
        61: "`authorization.removed` deletes the tokens; receiving it twice is the same as once. "
        "It is ignored for a foreign `client_key` and if it is older than the last connect.",
        62: "CSRF protection exempts only routes whose callers bring credentials that no browser "
        "sends by itself: this webhook (its signature) and the service API (its key).",
    },
    "Setup and pages": {
        63: "The button reads “Continue with TikTok”. The repository contains no TikTok logo.",
        64: "Privacy policy and terms are linked on every public page, not hidden in a menu.",
        65: "A blank client key or secret is refused at startup, by name; white space around one "
        "is trimmed.",
    },
}

#: Rule number → text.
RULES: dict[int, str] = {
    number: text for rules in TOPICS.values() for number, text in rules.items()
}

#: Rules about video lists and profile pictures: the app does not ask TikTok for either yet.
NOT_YET = frozenset({49, 50, 51})
