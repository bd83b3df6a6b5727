"""The token and revoke endpoints, as strict as TikTok's; responses are flat JSON."""

import hashlib
import re
from urllib.parse import parse_qsl

from flask import Blueprint, Response, request

from sandbox.faults import GRANT_TYPES
from sandbox.runtime import Outcome, failure, runtime, serve
from sandbox.store import Refused
from sandbox.webhooks import Event

blueprint = Blueprint("token", __name__)

FORM = "application/x-www-form-urlencoded"
CREDENTIALS = frozenset({"client_key", "client_secret"})
REVOKED_BY_DEVELOPER = 5
CLIENT_TOKEN_LIFETIME = 7_200  # seconds
VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")


@blueprint.post("/v2/oauth/token/")
def token() -> Response:
    """Exchange a code, refresh, or check credentials (TikTok: Manage User Access Tokens).

    Errors are returned under HTTP 200, unless the setting `error_status` says otherwise.
    """
    form = _form()
    action = None if isinstance(form, Refused) else form.get("grant_type")
    grant_type = action if action in GRANT_TYPES else None
    return serve("token", lambda: _outcome("token", form, action), grant_type)


@blueprint.post("/v2/oauth/revoke/")
def revoke() -> Response:
    """End a consent with all its tokens, given an access token; the response is empty."""
    form = _form()
    return serve("revoke", lambda: _outcome("revoke", form, "revoke"))


def _outcome(endpoint: str, form: dict[str, str] | Refused, action: str | None) -> Outcome:
    try:
        if isinstance(form, Refused):
            raise form
        return Outcome(_perform(form, action))
    except Refused as refusal:
        return failure(endpoint, refusal.code, refusal.description)


def _perform(form: dict[str, str], action: str | None) -> dict[str, object] | None:
    if action is None:
        raise Refused("invalid_request", "grant_type is missing.")
    if action == "authorization_code":
        _check_form(form, {"grant_type", "code", "redirect_uri"}, optional={"code_verifier"})
        return _exchange(form)
    if action == "refresh_token":
        _check_form(form, {"grant_type", "refresh_token"})
        return runtime().store.refresh(form["refresh_token"])
    if action == "client_credentials":
        _check_form(form, {"grant_type"})
        return {
            "access_token": "clt.pretend",
            "expires_in": CLIENT_TOKEN_LIFETIME,
            "token_type": "Bearer",
        }
    if action == "revoke":
        _check_form(form, {"token"})
        _revoke(form["token"])
        return None
    raise Refused("unsupported_grant_type", "The grant_type is not supported.")


def _exchange(form: dict[str, str]) -> dict[str, object]:
    code = runtime().store.redeem_code(form["code"])
    if form["redirect_uri"] != code.redirect_uri:
        raise Refused(
            "invalid_grant", "redirect_uri differs from the one in the authorization request."
        )
    verifier = form.get("code_verifier")
    if code.challenge is None and verifier is not None:
        raise Refused("invalid_request", "code_verifier was sent, but there was no code_challenge.")
    if code.challenge is not None:
        if verifier is None or not VERIFIER.fullmatch(verifier):
            raise Refused("invalid_request", "code_verifier is missing or malformed.")
        if challenge_of(verifier) != code.challenge:
            raise Refused("invalid_grant", "code_verifier does not match the code_challenge.")
    return runtime().store.grant(code.name, code.scopes)


def _revoke(access_token: str) -> None:
    here = runtime()
    _, grant = here.store.owner(access_token)
    here.store.refuse_if_planned(grant)
    here.store.end(grant.open_id, "revoked")
    if here.settings.behavior.webhook_on_revoke:
        content: dict[str, object] = {"reason": REVOKED_BY_DEVELOPER}
        here.webhooks.send(Event("authorization.removed", grant.open_id, content))


def _form() -> dict[str, str] | Refused:
    try:
        return _read_form()
    except Refused as refusal:
        return refusal


def _read_form() -> dict[str, str]:
    if request.query_string:
        raise Refused("invalid_request", "Parameters must be in the body, not in the URL.")
    if "Authorization" in request.headers:
        raise Refused("invalid_request", "Send client_key and client_secret in the body instead.")
    if request.environ.get("CONTENT_TYPE") != FORM:
        raise Refused("invalid_request", f"The only accepted Content-Type is {FORM}.")
    try:
        pairs = parse_qsl(
            request.get_data().decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
        )
    except ValueError:  # UnicodeDecodeError is a subclass
        raise Refused("invalid_request", "The form cannot be read.") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise Refused("invalid_request", "A parameter is repeated.")
    if "client_id" in form:
        raise Refused("invalid_request", "TikTok uses client_key, not client_id.")
    return form


def _check_form(
    form: dict[str, str], required: set[str], optional: frozenset[str] | set[str] = frozenset()
) -> None:
    missing = sorted(name for name in CREDENTIALS | required if not form.get(name))
    if missing:
        raise Refused("invalid_request", f"Missing: {', '.join(missing)}.")
    registered = runtime().registered
    if not registered.has_key(form["client_key"]):
        raise Refused("invalid_client", "Client key or secret is incorrect.")
    if not registered.has_secret(form["client_secret"]):
        raise Refused("invalid_client", "Client key or secret is incorrect.")
    extra = sorted(set(form) - CREDENTIALS - required - set(optional))
    if extra:
        raise Refused("invalid_request", f"Unknown parameter: {', '.join(extra)[:200]}.")


def challenge_of(verifier: str) -> str:
    """Return TikTok's PKCE challenge: the hex SHA-256, not base64url as in RFC 7636."""
    return hashlib.sha256(verifier.encode()).hexdigest()
