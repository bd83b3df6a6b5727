"""What TikTok is to us: how the app looks to it, and what it answers; only `ask` calls it."""

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import select

from webapp.database import reading
from webapp.models import AuditEvent, User
from webapp.services.check import Check, untold
from webapp.services.house import House
from webapp.settings import Settings
from webapp.tiktok.errors import OurConfiguration, TikTokError, TryLater

#: A clock so wrong refreshes too late or too early; notices tolerate five minutes.
SKEW = timedelta(seconds=30)
_NOT_ASKED = "TikTok was not asked"
#: What stands where `ask` has not been called.
UNASKED = (
    untold("endpoint", _NOT_ASKED, ""),
    untold("credentials", _NOT_ASKED, ""),
    untold("clock", _NOT_ASKED, "", "running"),
)


def ask(house: House) -> tuple[Check, ...]:
    """Ask TikTok once, for ten seconds at most: is it there, does it know us, what is the time."""
    look = house.provider.look()
    return _endpoint(look.error, look.seconds), _credentials(look.error), _clock(look.ahead)


def registered(settings: Settings) -> Iterator[Check]:
    """Yield what of the settings TikTok's portal must take; calls nobody."""
    kind = "https, static, no query, no fragment, under 512 characters: TikTok's Web kind"
    if settings.loopback:
        kind = "on this machine, with its port: TikTok's Desktop kind"
    yield Check("ok", "redirect", kind, group="tiktok")
    if settings.tiktok_client_key.startswith("sb"):
        cause = "TIKTOK_CLIENT_KEY is a Sandbox app's: only its target users can connect"
        mend = "add them under Target users, or take the key and secret of the production app"
        yield Check("warn", "app", cause, mend, "tiktok")
    else:
        yield Check("ok", "app", "TIKTOK_CLIENT_KEY is not a Sandbox app's", group="tiktok")


def person(house: House) -> Check:
    """Return whether anybody has connected, which proves all the rest."""
    if house.settings.sandbox:
        cause = "a pretend TikTok stands in its place"
        return untold("person", cause, "remove TIKTOK_AUTHORIZE_URL and TIKTOK_API_URL")
    ours = select(User.id).where(User.client_key == house.settings.tiktok_client_key).limit(1)
    with reading() as session:
        found = session.scalar(ours)
    if found is None:
        return untold("person", "nobody has", "connect your own account on the start page")
    return Check("ok", "person", "has connected", group="tiktok")


def webhook(house: House) -> Check:
    """Return whether a signed notice of TikTok has ever ended a connection here."""
    if not house.settings.https:
        return untold("webhook", "TikTok sends notices to https addresses only", "")
    told = select(AuditEvent.id).where(AuditEvent.event == "connection.deauthorized").limit(1)
    with reading() as session:
        found = session.scalar(told)
    if found is None:
        mend = "enter the webhook address at TikTok, then remove the app in the TikTok app"
        return untold("webhook", "no signed notice of a removed app has come", mend)
    return Check("ok", "webhook", "a signed notice of a removed app has come", group="tiktok")


def _endpoint(error: TikTokError | None, seconds: float) -> Check:
    if isinstance(error, TryLater) and not error.reached:
        cause = f"did not answer ({error.code})"
        return Check("warn", "endpoint", cause, "look at the network, then run it again", "tiktok")
    return Check("ok", "endpoint", f"answered in {seconds * 1000:.0f} ms", group="tiktok")


def _credentials(error: TikTokError | None) -> Check:
    """Return whether TikTok knows key and secret; only a refusal is proof."""
    if isinstance(error, OurConfiguration):
        return Check(
            "FAIL",
            "credentials",
            f"TikTok refuses TIKTOK_CLIENT_KEY with TIKTOK_CLIENT_SECRET ({error.code})",
            "copy both again from the same app's page at developers.tiktok.com",
            "tiktok",
        )
    if error is not None:
        cause = f"TikTok could not be asked ({error.code})"
        mend = "look at the network, then run it again"
        return Check("warn", "credentials", cause, mend, "tiktok")
    return Check("ok", "credentials", "TikTok does not refuse them", group="tiktok")


def _clock(ahead: timedelta | None) -> Check:
    if ahead is None:
        return untold("clock", "TikTok did not say what time it is", "", "running")
    if abs(ahead) <= SKEW:
        return Check("ok", "clock", "agrees with TikTok's", group="running")
    seconds = int(abs(ahead).total_seconds())
    cause = f"is {seconds} seconds {'ahead of' if ahead > timedelta() else 'behind'} TikTok's"
    return Check("warn", "clock", cause, "timedatectl set-ntp true", "running")
