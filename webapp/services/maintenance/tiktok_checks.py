"""What TikTok's developer portal must contain, and what TikTok answers when asked about our app."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import select

from webapp.database import reading
from webapp.language import deferred_gettext as _
from webapp.language import deferred_ngettext
from webapp.models import AuditEvent, User
from webapp.services import authority
from webapp.services.maintenance.check import Check, not_asked
from webapp.services.runtime import Runtime
from webapp.settings import Settings
from webapp.tiktok.errors import OurConfiguration, TikTokError, TryLater

#: Where TikTok tells of removed authorizations; a view serves it.
WEBHOOK_PATH = "/webhooks/tiktok"


@dataclass(frozen=True, slots=True)
class Term:
    """A word that TikTok's error page prints: why it mostly does, and what fixes it."""

    word: str
    cause: str
    fix: str


GLOSSARY = (
    Term(
        "client_key",
        _("key of another app, or of production instead of the sandbox"),
        _("copy it again from the same tab as the redirect URI"),
    ),
    Term(
        "redirect_uri",
        _("not byte for byte the registered one"),
        _("register what TIKTOK_REDIRECT_URI says, port and slash included"),
    ),
    Term(
        "scope",
        _("not added to the app, or not approved"),
        _("add it under Scopes, or take it out of TIKTOK_SCOPES"),
    ),
    Term(
        "code_challenge",
        _("PKCE switched off with a loopback address"),
        _("remove TIKTOK_PKCE=0"),
    ),
    Term(
        "non_sandbox_target",
        _("this account is no target user"),
        _("add it under Target users"),
    ),
)


def current_values(settings: Settings) -> dict[str, str]:
    """Return word of the decoder → what the settings say about it; nothing of it is secret."""
    sandbox = settings.tiktok_client_key.startswith("sb")
    return {
        "client_key": settings.tiktok_client_key,
        "redirect_uri": settings.tiktok_redirect_uri,
        "scope": ",".join((*settings.tiktok_scopes, *settings.tiktok_optional_scopes)),
        "code_challenge": f"TIKTOK_PKCE={int(settings.tiktok_pkce)}",
        "non_sandbox_target": _("a Sandbox app's key") if sandbox else _("no Sandbox app's key"),
    }


def values_to_paste(settings: Settings) -> list[tuple[str, str]]:
    """Return (field of the portal, what to paste there), in the portal's words."""
    origin = settings.public_origin
    pages = (
        (_("Privacy Policy URL"), settings.privacy_url),
        (_("Terms of Service URL"), settings.terms_url),
    )
    return [
        (_("Redirect URI"), settings.tiktok_redirect_uri),
        (_("Webhook callback URL"), f"{origin}{WEBHOOK_PATH}"),
        *((term, url if "://" in url else f"{origin}{url}") for term, url in pages),
        *((_("Scope"), scope) for scope in settings.tiktok_scopes),
        *((_("Scope, optional here"), scope) for scope in settings.tiktok_optional_scopes),
    ]


#: A clock so many seconds wrong refreshes too late or too early; notices tolerate five minutes.
SKEW = 30
_NOT_ASKED = _("TikTok was not asked")
#: What stands where `ask` has not been called.
NOT_ASKED = (
    not_asked("endpoint", _NOT_ASKED, ""),
    not_asked("credentials", _NOT_ASKED, ""),
    not_asked("clock", _NOT_ASKED, "", "running"),
)


class TikTokAnswer(NamedTuple):
    """What one call showed, plain enough for the cookie of a browser."""

    #: no_answer · refused · unclear · "" for a TikTok that does not refuse us.
    hindrance: str
    #: TikTok's code for it, or ours.
    code: str
    ms: int
    #: Seconds by which our clock is ahead of TikTok's; None: it did not say.
    ahead: int | None


def ask_tiktok(runtime: Runtime) -> TikTokAnswer:
    """Ask TikTok once, for ten seconds at most: is it there, does it know us, what is the time.

    Raises NoLongerAllowed.
    """
    authority.check()
    found = runtime.provider.check_credentials()
    error, ahead = found.error, found.ahead
    return TikTokAnswer(
        hindrance=_not_asked_because(error) if error else "",
        code=error.code if error else "",
        ms=round(found.seconds * 1000),
        ahead=None if ahead is None else int(ahead.total_seconds()),
    )


def tiktok_checks(runtime: Runtime) -> tuple[Check, ...]:
    """Ask TikTok as `look` does; return the checks of its answer."""
    return checks_from(ask_tiktok(runtime))


def checks_from(answered: TikTokAnswer) -> tuple[Check, ...]:
    """Return what an answer says of TikTok, of key and secret, and of the clock."""
    return _endpoint(answered), _credentials(answered), _clock(answered.ahead)


def _not_asked_because(error: TikTokError) -> str:
    if isinstance(error, OurConfiguration):
        return "refused"
    return "no_answer" if isinstance(error, TryLater) and not error.reached else "unclear"


def registration_checks(settings: Settings) -> Iterator[Check]:
    """Yield what of the settings TikTok's portal must take; calls nobody."""
    kind = _("https, static, no query, no fragment, under 512 characters: TikTok's Web kind")
    if settings.loopback:
        kind = _("on this machine, with its port: TikTok's Desktop kind")
    yield Check("ok", "redirect", kind, group="tiktok")
    if settings.tiktok_client_key.startswith("sb"):
        cause = _("TIKTOK_CLIENT_KEY is a Sandbox app's: only its target users can connect")
        fix = _("add them under Target users, or take the key and secret of the production app")
        yield Check("warn", "app", cause, fix, "tiktok")
    else:
        yield Check("ok", "app", _("TIKTOK_CLIENT_KEY is not a Sandbox app's"), group="tiktok")


def person_check(runtime: Runtime) -> Check:
    """Return whether anybody has connected, which proves all the rest."""
    if runtime.settings.sandbox:
        cause = _("a pretend TikTok stands in its place")
        return not_asked("person", cause, _("remove TIKTOK_AUTHORIZE_URL and TIKTOK_API_URL"))
    ours = select(User.id).where(User.client_key == runtime.settings.tiktok_client_key).limit(1)
    with reading() as session:
        found = session.scalar(ours)
    if found is None:
        return not_asked("person", _("nobody has"), _("connect your own account on the start page"))
    return Check("ok", "person", _("has connected"), group="tiktok")


def webhook_check(runtime: Runtime) -> Check:
    """Return whether a signed notice of TikTok has ever ended a connection here."""
    if not runtime.settings.https:
        return not_asked("webhook", _("TikTok sends notices to https addresses only"), "")
    told = select(AuditEvent.id).where(AuditEvent.event == "connection.deauthorized").limit(1)
    with reading() as session:
        found = session.scalar(told)
    if found is None:
        fix = _("enter the webhook address at TikTok, then remove the app in the TikTok app")
        return not_asked("webhook", _("no signed notice of a removed app has come"), fix)
    return Check("ok", "webhook", _("a signed notice of a removed app has come"), group="tiktok")


def _endpoint(answered: TikTokAnswer) -> Check:
    if answered.hindrance == "no_answer":
        cause = _("did not answer (%(code)s)", code=answered.code)
        fix = _("look at the network, then run it again")
        return Check("warn", "endpoint", cause, fix, "tiktok")
    well = _("answered in %(ms)s ms", ms=answered.ms)
    return Check("ok", "endpoint", well, group="tiktok")


def _credentials(answered: TikTokAnswer) -> Check:
    """Return whether TikTok knows key and secret; only a refusal is proof."""
    if answered.hindrance == "refused":
        return Check(
            "FAIL",
            "credentials",
            _(
                "TikTok refuses TIKTOK_CLIENT_KEY with TIKTOK_CLIENT_SECRET (%(code)s)",
                code=answered.code,
            ),
            _("copy both again from the same app's page at developers.tiktok.com"),
            "tiktok",
        )
    if answered.hindrance:
        cause = _("TikTok could not be asked (%(code)s)", code=answered.code)
        fix = _("look at the network, then run it again")
        return Check("warn", "credentials", cause, fix, "tiktok")
    return Check("ok", "credentials", _("TikTok does not refuse them"), group="tiktok")


def _clock(ahead: int | None) -> Check:
    if ahead is None:
        return not_asked("clock", _("TikTok did not say what time it is"), "", "running")
    if abs(ahead) <= SKEW:
        return Check("ok", "clock", _("agrees with TikTok's"), group="running")
    cause = deferred_ngettext(
        "is %(num)s second ahead of TikTok's", "is %(num)s seconds ahead of TikTok's", ahead
    )
    if ahead < 0:
        cause = deferred_ngettext(
            "is %(num)s second behind TikTok's", "is %(num)s seconds behind TikTok's", -ahead
        )
    return Check("warn", "clock", cause, "timedatectl set-ntp true", "running")
