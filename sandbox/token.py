"""The token and revoke endpoints, as strict as TikTok's; never answers anything but flat JSON."""

from urllib.parse import parse_qsl

from flask import Blueprint, Response, request

from sandbox.calls import Outcome, failure, serve
from sandbox.faults import GRANT_TYPES
from sandbox.records import Refused
from sandbox.runtime import desk
from sandbox.signing import VERIFIER, challenge_of
from sandbox.webhooks import Notice

blueprint = Blueprint("token", __name__)

FORM = "application/x-www-form-urlencoded"
CREDENTIALS = frozenset({"client_key", "client_secret"})
REVOKED_BY_DEVELOPER = 5
CLIENT_TOKEN_LIFE = 7_200  # seconds


@blueprint.post("/v2/oauth/token/")
def token() -> Response:
    """Exchange a code, refresh, or check credentials (TikTok: Manage User Access Tokens)."""
    form = _form()
    asked = None if isinstance(form, Refused) else form.get("grant_type")
    grant_type = asked if asked in GRANT_TYPES else None
    return serve("token", lambda: _answered("token", form, asked), grant_type)


@blueprint.post("/v2/oauth/revoke/")
def revoke() -> Response:
    """End a whole connection, given its access token."""
    form = _form()
    return serve("revoke", lambda: _answered("revoke", form, "revoke"))


def _answered(endpoint: str, form: dict[str, str] | Refused, act: str | None) -> Outcome:
    try:
        if isinstance(form, Refused):
            raise form
        return Outcome(_perform(form, act))
    except Refused as refusal:
        return failure(endpoint, refusal.code, refusal.words)


def _perform(form: dict[str, str], act: str | None) -> dict[str, object] | None:
    if act is None:
        raise Refused("invalid_request", "grant_type is missing.")
    if act == "authorization_code":
        _known_client(form, {"grant_type", "code", "redirect_uri"}, may={"code_verifier"})
        return _exchange(form)
    if act == "refresh_token":
        _known_client(form, {"grant_type", "refresh_token"})
        return desk().books.rotate(form["refresh_token"])
    if act == "client_credentials":
        _known_client(form, {"grant_type"})
        return {
            "access_token": "clt.pretend",
            "expires_in": CLIENT_TOKEN_LIFE,
            "token_type": "Bearer",
        }
    if act == "revoke":
        _known_client(form, {"token"})
        _revoke(form["token"])
        return None
    raise Refused("unsupported_grant_type", "The grant_type is not supported.")


def _exchange(form: dict[str, str]) -> dict[str, object]:
    code = desk().codes.spend(form["code"])
    if form["redirect_uri"] != code.redirect_uri:
        raise Refused("invalid_grant", "redirect_uri is not the one of the authorization.")
    verifier = form.get("code_verifier")
    if code.challenge is None and verifier is not None:
        raise Refused("invalid_request", "code_verifier came without a code_challenge before.")
    if code.challenge is not None:
        if verifier is None or not VERIFIER.fullmatch(verifier):
            raise Refused("invalid_request", "code_verifier is missing or malformed.")
        if challenge_of(verifier) != code.challenge:
            raise Refused("invalid_grant", "code_verifier does not match the code_challenge.")
    return desk().books.open_grant(code.name, code.scopes)


def _revoke(access_token: str) -> None:
    here = desk()
    _, grant = here.books.bearer(access_token)
    here.books.end(grant.open_id, "revoked")
    if here.knobs.manners.webhook_on_revoke:
        content: dict[str, object] = {"reason": REVOKED_BY_DEVELOPER}
        here.webhooks.send(Notice("authorization.removed", grant.open_id, content))


def _form() -> dict[str, str] | Refused:
    try:
        return _read_form()
    except Refused as refusal:
        return refusal


def _read_form() -> dict[str, str]:
    if request.query_string:
        raise Refused("invalid_request", "Parameters belong in the body, not in the URL.")
    if "Authorization" in request.headers:
        raise Refused("invalid_request", "Only client_key and client_secret in the body.")
    if request.environ.get("CONTENT_TYPE") != FORM:
        raise Refused("invalid_request", f"Only one bare `Content-Type: {FORM}` is supported.")
    try:
        pairs = parse_qsl(
            request.get_data().decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
        )
    except ValueError:  # UnicodeDecodeError is one
        raise Refused("invalid_request", "The form cannot be read.") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise Refused("invalid_request", "A parameter is repeated.")
    if "client_id" in form:
        raise Refused("invalid_request", "client_id is not a parameter; it is client_key.")
    return form


def _known_client(
    form: dict[str, str], must: set[str], may: frozenset[str] | set[str] = frozenset()
) -> None:
    missing = sorted(name for name in CREDENTIALS | must if not form.get(name))
    if missing:
        raise Refused("invalid_request", f"Missing: {', '.join(missing)}.")
    registration = desk().registration
    if not registration.knows_key(form["client_key"]):
        raise Refused("invalid_client", "Client key or secret is incorrect.")
    if not registration.knows_secret(form["client_secret"]):
        raise Refused("invalid_client", "Client key or secret is incorrect.")
    extra = sorted(set(form) - CREDENTIALS - must - set(may))
    if extra:
        raise Refused("invalid_request", f"Not supported here: {', '.join(extra)[:200]}.")
