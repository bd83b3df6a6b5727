"""Which scopes are offered and which are missing, in the catalogue's words; asks nobody."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from webapp.language import gettext as _
from webapp.models import User
from webapp.settings import Settings
from webapp.tiktok.scopes import CATALOGUE, Scope, asked_for


@dataclass(frozen=True)
class Offer:
    """What the connect page shows: needed, and people's own choice."""

    required: list[Scope]
    optional: list[Scope]


def offer(settings: Settings) -> Offer:
    """Return the scopes of the settings with their words."""
    return Offer(described(settings.tiktok_scopes), described(settings.tiktok_optional_scopes))


def chosen(settings: Settings, ticked: Collection[str]) -> tuple[str, ...]:
    """Return what to ask for: the needed ones and what was ticked among the optional ones.

    Whatever else was sent is left out: a form can be changed by whoever sends it.
    """
    optional = [scope for scope in settings.tiktok_optional_scopes if scope in ticked]
    return asked_for(settings.tiktok_scopes, optional)


def missing(user: User) -> list[Scope]:
    """Return what was asked for and left off."""
    return described(sorted(user.asked - user.granted))


def granted(user: User) -> list[Scope]:
    """Return what was allowed."""
    return described(sorted(user.granted))


def granted_names(user: User) -> list[str]:
    """Return what to ask for when somebody reconnects: what they had allowed, as far as known."""
    return sorted(user.granted or user.asked)


def described(names: Collection[str]) -> list[Scope]:
    """Return the catalogue's words in the reader's language.

    One that TikTok added since speaks for itself.
    """
    return [_translated(CATALOGUE[name]) if name in CATALOGUE else _unknown(name) for name in names]


def _translated(scope: Scope) -> Scope:
    return replace(
        scope,
        label=_(scope.label),
        why=_(scope.why),
        limits=_(scope.limits),
        without=_(scope.without),
    )


def _unknown(name: str) -> Scope:
    return Scope(name, name, _("Asked for by this site."), "")
