"""What TikTok's developer portal must hold, and what its error page means; calls nobody."""

from dataclasses import dataclass

from webapp.later import gettext as _
from webapp.settings import Settings

#: Where TikTok tells of removed authorizations; a view serves it.
WEBHOOK_PATH = "/webhooks/tiktok"


@dataclass(frozen=True, slots=True)
class Word:
    """A word that TikTok's error page prints: why it mostly does, and what mends it."""

    word: str
    cause: str
    fix: str


DECODER = (
    Word(
        "client_key",
        _("key of another app, or of production instead of the sandbox"),
        _("copy it again from the same tab as the redirect URI"),
    ),
    Word(
        "redirect_uri",
        _("not byte for byte the registered one"),
        _("register what TIKTOK_REDIRECT_URI says, port and slash included"),
    ),
    Word(
        "scope",
        _("not added to the app, or not approved"),
        _("add it under Scopes, or take it out of TIKTOK_SCOPES"),
    ),
    Word(
        "code_challenge",
        _("PKCE switched off with a loopback address"),
        _("remove TIKTOK_PKCE=0"),
    ),
    Word(
        "non_sandbox_target",
        _("this account is no target user"),
        _("add it under Target users"),
    ),
)


def set_now(settings: Settings) -> dict[str, str]:
    """Return word of the decoder → what the settings say about it; nothing of it is secret."""
    sandbox = settings.tiktok_client_key.startswith("sb")
    return {
        "client_key": settings.tiktok_client_key,
        "redirect_uri": settings.tiktok_redirect_uri,
        "scope": ",".join((*settings.tiktok_scopes, *settings.tiktok_optional_scopes)),
        "code_challenge": f"TIKTOK_PKCE={int(settings.tiktok_pkce)}",
        "non_sandbox_target": _("a Sandbox app's key") if sandbox else _("no Sandbox app's key"),
    }


def to_paste(settings: Settings) -> list[tuple[str, str]]:
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
