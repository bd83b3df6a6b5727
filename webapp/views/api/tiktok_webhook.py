"""Receives TikTok's webhooks and passes on the raw body and its signature."""

from flask import Blueprint, Response, request

from webapp.services.connect import tiktok_webhook
from webapp.views.http import limits
from webapp.views.http.guards import tiktok
from webapp.views.http.runtime import runtime

blueprint = Blueprint("webhook", __name__)

#: Seconds; only a hint: TikTok retries for 72 hours on its own schedule.
_RETRY_AFTER = "60"


@blueprint.post("/webhooks/tiktok")
@tiktok
def receive() -> Response:
    """Receive a webhook: 401 if TikTok didn't sign it, 503 if it can't be stored, else 200.

    429 instead of 401 for an address that sent too many unsigned ones; signed ones are received.
    """
    try:
        tiktok_webhook.receive(
            runtime(), request.headers.get(tiktok_webhook.HEADER), request.get_data()
        )
    except tiktok_webhook.NotSigned:
        if (seconds := limits.wait_after_failure("webhook")) is not None:
            return _answer(429, {"Retry-After": str(seconds)})
        # RFC 9110 §15.5.2 requires the header to name the accepted credentials.
        return _answer(401, {"WWW-Authenticate": tiktok_webhook.HEADER})
    except tiktok_webhook.CannotStore:
        return _answer(503, {"Retry-After": _RETRY_AFTER})
    return _answer(200, {})


def _answer(status: int, headers: dict[str, str]) -> Response:
    return Response(status=status, headers=headers, mimetype="text/plain")
