"""The API for services: hand out access tokens, never refresh tokens, and document itself."""

import json
from datetime import datetime

from flask import Blueprint, Response, g, jsonify, render_template
from werkzeug.datastructures import Headers

from webapp.services.authority import NoLongerAllowed
from webapp.services.handout import handout
from webapp.services.refresh.on_demand import Access, NotConnected, Pending, ReconnectRequired
from webapp.views.api import token_request
from webapp.views.api.token_request import BadRequest
from webapp.views.http import api_contract
from webapp.views.http.api_contract import problem
from webapp.views.http.guards import at_most_a_key, public, service
from webapp.views.http.runtime import runtime
from webapp.views.http.session import visitor
from webapp.views.http.template_filters import iso

blueprint = Blueprint("api", __name__)

_JSON = ("Content-Type", "application/json")


@blueprint.get("/api/v1/tokens/<open_id>", merge_slashes=False)
@service
@at_most_a_key("6000 per minute")
def token(open_id: str) -> Response:
    """Return a token that is valid long enough, or the problem that prevents it."""
    return _answer(None)


@blueprint.post("/api/v1/tokens/<open_id>/refresh", merge_slashes=False)
@service
@at_most_a_key("600 per minute")
def refresh(open_id: str) -> Response:
    """Return a newer token than the one that TikTok rejected."""
    try:
        return _answer(token_request.rejected_version())
    except BadRequest as error:
        return problem("bad_request", detail=str(error))


@blueprint.get("/api/v1/openapi.json")
@public
def document() -> Response:
    """Return the OpenAPI document."""
    return jsonify(api_contract.document(runtime().settings.public_origin))


@blueprint.get("/api/docs")
@public
def docs() -> str:
    """Show the API page."""
    origin, reader = runtime().settings.public_origin, visitor()
    return render_template(
        "api/docs.html",
        summary=api_contract.document(origin)["info"]["description"],
        calls=api_contract.calls(origin, reader.open_id if reader else ""),
        kinds=list(api_contract.kinds(origin).values()),
        reasons=api_contract.descriptions("Reason"),
        warnings=api_contract.descriptions("Warning"),
    )


def _answer(rejected: int | None) -> Response:
    try:
        asked = token_request.parse()
        access = handout.hand_out(
            runtime(),
            g.arrival,
            min_ttl=asked.min_ttl,
            scopes=asked.scopes,
            rejected_version=rejected,
        )
    except BadRequest as error:
        return problem("bad_request", detail=str(error))
    except NoLongerAllowed:
        # The key was revoked during its own refresh.
        return problem("bad_key")
    except NotConnected:
        return problem("not_connected")
    except ReconnectRequired as error:
        return _reconnect(error)
    except handout.ScopeMissing as error:
        return _scope_missing(error.missing)
    except Pending as error:
        wait = error.retry_after.total_seconds()
        return problem("refresh_pending", retry_after=wait, cause=error.cause)
    if rejected is None and token_request.is_known(access.etag):
        return Response(status=304, headers=_head(access))
    return Response(_body(access, runtime().clock()), headers=_head(access, _JSON))


def _head(access: Access, *more: tuple[str, str]) -> Headers:
    """Return the headers of a response that must not be cached and is only for this key."""
    caching = ("Cache-Control", "no-store"), ("Vary", "Authorization")
    return Headers([("ETag", f'"{access.etag}"'), *caching, *more])


def _body(access: Access, now: datetime) -> str:
    left = int((access.expires_at - now).total_seconds())
    return json.dumps(
        {
            "open_id": access.open_id,
            "access_token": access.access_token,
            "token_type": "Bearer",
            "scopes": sorted(access.scopes),
            "expires_at": iso(access.expires_at),
            "expires_in": max(left, 0),
            "refreshed_at": access.refreshed_at and iso(access.refreshed_at),
            "version": access.version,
            "warnings": access.warnings,
        }
    )


def _reconnect(error: ReconnectRequired) -> Response:
    return problem(
        "reconnect_required",
        detail=api_contract.descriptions("Reason").get(error.reason, ""),
        reason=error.reason,
        since=error.since and iso(error.since),
        reconnect_url=f"{runtime().settings.public_origin}/connect",
    )


def _scope_missing(missing: list[str]) -> Response:
    add = "&".join(f"add={scope}" for scope in missing)
    return problem(
        "scope_missing",
        detail=f"Not granted: {', '.join(missing)}. The person can allow it at reconnect_url.",
        missing=missing,
        reconnect_url=f"{runtime().settings.public_origin}/connect?{add}",
    )
