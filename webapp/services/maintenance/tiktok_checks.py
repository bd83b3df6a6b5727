"""Checks of what is registered at TikTok, and of TikTok's response to our client key and secret."""

from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import select

from webapp.database import reading
from webapp.language import deferred_gettext as _
from webapp.language import deferred_ngettext as ngettext
from webapp.models import AuditEvent, User
from webapp.problems import Problem
from webapp.services import authority
from webapp.services.maintenance.check import Check, unknown
from webapp.services.runtime import Runtime
from webapp.settings import Settings
from webapp.tiktok.errors import OurConfiguration, TikTokError, TryLater

#: Where TikTok sends its webhooks; views.api.tiktok_webhook serves it.
WEBHOOK_PATH = "/webhooks/tiktok"


#: The words that TikTok's error page prints, each with its usual cause and the fix.
GLOSSARY = (
    Problem(
        "client_key",
        _("the client key belongs to a different app, or to production instead of Sandbox"),
        _("copy it again from the tab that has the redirect URI"),
    ),
    Problem(
        "redirect_uri",
        _("differs from the registered one"),
        _(
            "register the exact value of TIKTOK_REDIRECT_URI, including the port and any"
            " trailing slash"
        ),
    ),
    Problem(
        "scope",
        _("not added to the app, or not approved"),
        _("add it under Scopes, or remove it from TIKTOK_SCOPES"),
    ),
    Problem(
        "code_challenge",
        _("PKCE is turned off, but the redirect URI is a loopback address"),
        _("remove TIKTOK_PKCE=0"),
    ),
    Problem(
        "non_sandbox_target",
        _("this account is not a target user"),
        _("add it under Target users"),
    ),
)
#: In seconds. Beyond it, refreshes are too early or too late; webhooks tolerate five minutes.
SKEW = 30
_NOT_ASKED = _("not checked with TikTok yet")
#: The checks while TikTok has not been asked.
NOT_ASKED = (
    unknown("endpoint", _NOT_ASKED, ""),
    unknown("credentials", _NOT_ASKED, ""),
    unknown("clock", _NOT_ASKED, "", "running"),
)


def current_values(settings: Settings) -> dict[str, str]:
    """Return the current setting for each word of the glossary; none is secret."""
    sandbox = settings.tiktok_client_key.startswith("sb")
    return {
        "client_key": settings.tiktok_client_key,
        "redirect_uri": settings.tiktok_redirect_uri,
        "scope": ",".join((*settings.tiktok_scopes, *settings.tiktok_optional_scopes)),
        "code_challenge": f"TIKTOK_PKCE={int(settings.tiktok_pkce)}",
        "non_sandbox_target": _("a Sandbox key") if sandbox else _("not a Sandbox key"),
    }


def values_to_paste(settings: Settings) -> list[tuple[str, str]]:
    """Return (field, value) pairs for TikTok's developer portal, in the words of the portal."""
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
        *(
            (_("Scope (users can leave it out)"), scope)
            for scope in settings.tiktok_optional_scopes
        ),
    ]


def registration_checks(settings: Settings) -> Iterator[Check]:
    """Yield the checks of what is registered at TikTok; does not call TikTok."""
    platform = _(
        "TIKTOK_REDIRECT_URI is valid for TikTok's Web platform: https, without a query or"
        " fragment, and under 512 characters"
    )
    if settings.loopback:
        platform = _(
            "TIKTOK_REDIRECT_URI is valid for TikTok's Desktop platform: on this machine, with a"
            " port"
        )
    yield Check("ok", "redirect", platform, group="tiktok")
    if settings.tiktok_client_key.startswith("sb"):
        cause = _("TIKTOK_CLIENT_KEY is a Sandbox key, so only target users can connect")
        fix = _("add people under Target users, or use the key and secret of the production app")
        yield Check("warn", "app", cause, fix, "tiktok")
    else:
        yield Check("ok", "app", _("TIKTOK_CLIENT_KEY is not a Sandbox key"), group="tiktok")


def person_check(runtime: Runtime) -> Check:
    """Return the check that someone has connected, which proves that everything works together."""
    if runtime.settings.sandbox:
        cause = _("a mock TikTok is used")
        return unknown("person", cause, _("remove TIKTOK_AUTHORIZE_URL and TIKTOK_API_URL"))
    ours = select(User.id).where(User.client_key == runtime.client_key).limit(1)
    with reading() as session:
        found = session.scalar(ours)
    if found is None:
        fix = _("connect your own account on the home page")
        return unknown("person", _("nobody has connected yet"), fix, public=True)
    return Check("ok", "person", _("someone has connected"), group="tiktok")


def webhook_check(runtime: Runtime) -> Check:
    """Return the check that a signed webhook of TikTok has ever ended a connection here."""
    if not runtime.settings.https:
        return unknown("webhook", _("TikTok sends webhooks to https addresses only"), "")
    query = select(AuditEvent.id).where(AuditEvent.event == "connection.deauthorized").limit(1)
    with reading() as session:
        found = session.scalar(query)
    if found is None:
        fix = _(
            "enter the webhook URL in TikTok's developer portal, then remove this site's access in"
            " the TikTok app"
        )
        cause = _("no signed webhook about a removed app has arrived yet")
        return unknown("webhook", cause, fix, public=True)
    well = _("a signed webhook about a removed app has arrived")
    return Check("ok", "webhook", well, group="tiktok")


class TikTokAnswer(NamedTuple):
    """The outcome of one call, in types that fit into a cookie."""

    #: no_answer · refused · unclear · "" if TikTok does not reject us.
    failure: str
    #: TikTok's error code, or ours.
    code: str
    ms: int
    #: Seconds by which our clock is ahead of TikTok's; None if TikTok sent no time.
    ahead: int | None


def ask_tiktok(runtime: Runtime) -> TikTokAnswer:
    """Ask TikTok once whether it accepts key and secret, for at most ten seconds.

    Raises NoLongerAllowed.
    """
    authority.check()
    found = runtime.provider.check_credentials()
    error, ahead = found.error, found.ahead
    return TikTokAnswer(
        failure=_failure(error) if error else "",
        code=error.code if error else "",
        ms=round(found.seconds * 1000),
        ahead=None if ahead is None else int(ahead.total_seconds()),
    )


def _failure(error: TikTokError) -> str:
    if isinstance(error, OurConfiguration):
        return "refused"
    return "no_answer" if isinstance(error, TryLater) and not error.reached else "unclear"


def tiktok_checks(runtime: Runtime) -> tuple[Check, ...]:
    """Ask TikTok and return the checks of its response."""
    return checks_from(ask_tiktok(runtime))


def checks_from(answer: TikTokAnswer) -> tuple[Check, ...]:
    """Return the checks of TikTok, of key and secret, and of the clock."""
    return _endpoint(answer), _credentials(answer), _clock(answer.ahead)


def _endpoint(answer: TikTokAnswer) -> Check:
    if answer.failure == "no_answer":
        cause = _("TikTok didn't respond (%(code)s)", code=answer.code)
        fix = _("check the network, then try again")
        return Check("warn", "endpoint", cause, fix, "tiktok")
    well = _("TikTok responded in %(ms)s ms", ms=answer.ms)
    return Check("ok", "endpoint", well, group="tiktok")


def _credentials(answer: TikTokAnswer) -> Check:
    """Return the check of key and secret, which fails only if TikTok rejects them."""
    if answer.failure == "refused":
        return Check(
            "FAIL",
            "credentials",
            _(
                "TikTok rejects this TIKTOK_CLIENT_KEY and TIKTOK_CLIENT_SECRET (%(code)s)",
                code=answer.code,
            ),
            _("copy both again from the same app's page at developers.tiktok.com"),
            "tiktok",
        )
    if answer.failure:
        cause = _("couldn't check with TikTok (%(code)s)", code=answer.code)
        fix = _("check the network, then try again")
        return Check("warn", "credentials", cause, fix, "tiktok")
    well = _("TikTok doesn't reject the client key and secret")
    return Check("ok", "credentials", well, group="tiktok")


def _clock(ahead: int | None) -> Check:
    if ahead is None:
        return unknown("clock", _("TikTok's response didn't include the time"), "", "running")
    if abs(ahead) <= SKEW:
        well = _("this machine's clock matches TikTok's")
        return Check("ok", "clock", well, group="running")
    cause = ngettext(
        "this machine's clock is %(num)s second ahead of TikTok's",
        "this machine's clock is %(num)s seconds ahead of TikTok's",
        ahead,
    )
    if ahead < 0:
        cause = ngettext(
            "this machine's clock is %(num)s second behind TikTok's",
            "this machine's clock is %(num)s seconds behind TikTok's",
            -ahead,
        )
    return Check("warn", "clock", cause, "timedatectl set-ntp true", "running", public=True)
