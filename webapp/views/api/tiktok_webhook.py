"""TikTok's door: hands over the raw bytes and their signature; has no session and no form."""

from flask import Blueprint, Response, request

from webapp.services.connect import tiktok_webhook
from webapp.views.http.guards import tiktok
from webapp.views.http.runtime import runtime

blueprint = Blueprint("webhook", __name__)

#: TikTok tells again for 72 hours; this is only politeness, in seconds.
_AGAIN_IN = "60"


@blueprint.post("/webhooks/tiktok")
@tiktok
def receive() -> Response:
    """Take a notice: 401 if TikTok did not sign it, 503 if it could not be kept, else 200."""
    try:
        tiktok_webhook.receive(
            runtime(), request.headers.get(tiktok_webhook.HEADER), request.get_data()
        )
    except tiktok_webhook.NotSigned:
        # RFC 9110 §15.5.2 wants to know which credentials would do.
        return _answer(401, {"WWW-Authenticate": tiktok_webhook.HEADER})
    except tiktok_webhook.CannotStore:
        return _answer(503, {"Retry-After": _AGAIN_IN})
    return _answer(200, {})


def _answer(status: int, headers: dict[str, str]) -> Response:
    return Response(status=status, headers=headers, mimetype="text/plain")
