"""/.well-known/security.txt (RFC 9116): where to report a vulnerability of this site."""

from datetime import UTC, datetime, time, timedelta

from flask import Blueprint, Response, abort

from webapp.views.http.guards import public
from webapp.views.http.runtime import runtime

blueprint = Blueprint("security_txt", __name__)

PATH = "/.well-known/security.txt"
#: RFC 9116 recommends less than a year. The date moves on by itself, because the file is made from
#: the settings that the site runs with.
VALID_FOR = timedelta(days=180)


@blueprint.get(PATH)
@public
def show() -> Response:
    """Return the file; 404 if SECURITY_CONTACT isn't set."""
    settings = runtime().settings
    if not settings.security_contact:
        return abort(404)
    lines = (
        f"Contact: {settings.security_contact}",
        f"Expires: {_expires(runtime().clock())}",
        "Preferred-Languages: en",
        f"Canonical: {settings.public_origin}{PATH}",
    )
    return Response("".join(f"{line}\n" for line in lines), mimetype="text/plain")


def _expires(now: datetime) -> str:
    """Return the midnight after which the file is stale, as RFC 3339 writes it."""
    day = (now.astimezone(UTC) + VALID_FOR).date()
    return f"{datetime.combine(day, time()).isoformat()}Z"
