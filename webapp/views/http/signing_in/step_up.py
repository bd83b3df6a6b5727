"""Signing in again before an action that needs a recent sign-in, and the way back to its form.

The form's choices travel with the sign-in, in this browser's signed cookie (decisions/0029).
"""

from urllib.parse import parse_qsl, urlencode

from flask import make_response, render_template, request, url_for
from werkzeug.wrappers import Response

from webapp.services import people
from webapp.services.authority import FRESH_FOR
from webapp.services.connect import scopes
from webapp.views.http.session import me, visitor

#: Name → endpoint of the page with the form. A sign-in leads to one of these, never to a URL.
TARGETS = {
    "disconnect": "bulk.disconnect",
    "keys": "keys.index",
    "list": "operators.tokens",
    "audit": "audit.index",
}
#: Characters; longer choices are dropped, because a cookie has 4096 bytes.
MAX_CHOICES = 2000


def sign_in_again(name: str, choices: str = "") -> Response:
    """Return the page that says that nothing was done and leads through a new sign-in.

    `name` is one of TARGETS, `choices` the query of its page.
    """
    then = _then(name, choices)
    user = people.find(me().ref)
    page = render_template(
        "operators/sign_in_again.html",
        then=then,
        scopes=scopes.granted_names(user) if user else [],
        minutes=FRESH_FOR.seconds // 60,
        back=address(then),
    )
    return make_response(page, 403)


def requested() -> str:
    """Return where the sign-in that this form starts leads to, for `address`; empty if nowhere."""
    present = visitor()
    name, _, choices = request.form.get("then", "").partition("?")
    return _then(name, choices) if present and present.operator and name in TARGETS else ""


def address(then: str) -> str:
    """Return the address of the page to which a sign-in leads."""
    name, _, choices = then.partition("?")
    page = url_for(TARGETS[name])
    return f"{page}?{choices}" if choices else page


def _then(name: str, choices: str) -> str:
    # Encoded again, so it is a query whatever a changed form contains.
    choices = urlencode(parse_qsl(choices[: MAX_CHOICES + 1], keep_blank_values=True))
    return f"{name}?{choices}" if 0 < len(choices) <= MAX_CHOICES else name
