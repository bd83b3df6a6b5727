"""What is wrong between settings that are right by themselves; reads no environment."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from webapp.later import gettext as _
from webapp.settings.addresses import API_URL, AUTHORIZE_URL
from webapp.settings.problem import Problem
from webapp.settings.secret_values import HOW_TO_NOTIFY
from webapp.settings.values import Settings


def misfits(settings: Settings) -> Iterator[Problem]:
    """Yield what is wrong between settings that are right by themselves."""
    if settings.loopback and not settings.tiktok_pkce:
        cause = _("is 0 while TIKTOK_REDIRECT_URI is on this machine, where TikTok requires PKCE")
        yield Problem("TIKTOK_PKCE", cause, "TIKTOK_PKCE=1")
    for name, default in (("tiktok_authorize_url", AUTHORIZE_URL), ("tiktok_api_url", API_URL)):
        url = urlsplit(getattr(settings, name))
        if url.netloc.lower() != urlsplit(default).netloc and not settings.allow_sandbox:
            yield Problem(
                name.upper(),
                _("names another host than TikTok's"),
                _(
                    "remove it for the default, %(default)s – or ALLOW_SANDBOX=1 for tests and"
                    " demos",
                    default=default,
                ),
            )
    if settings.notify_url and not settings.notify_secret.get_secret_value():
        cause = _(
            "is not set while NOTIFY_URL is: receivers could not tell our notices from others"
        )
        yield Problem("NOTIFY_SECRET", cause, HOW_TO_NOTIFY)
    current = settings.secret_key.get_secret_value()
    if current in {each.get_secret_value() for each in settings.secret_key_fallbacks}:
        yield Problem(
            "SECRET_KEY_FALLBACKS",
            _("holds the current SECRET_KEY"),
            _("list former keys only"),
        )
