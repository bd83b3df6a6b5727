"""The scopes that are offered, granted or missing, with their texts in the reader's language."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from sqlalchemy import bindparam, select

from webapp.database import first_row, table_of
from webapp.language import gettext as _
from webapp.models import PersonRef, User
from webapp.models.user import scopes_in
from webapp.settings import Settings
from webapp.tiktok.scopes import CATALOGUE, Scope, asked_for

_users = table_of(User).c
_OF_PERSON = select(_users.scope).where(
    _users.id == bindparam("the_id"), _users.ticket == bindparam("the_ticket")
)


@dataclass(frozen=True)
class Offer:
    """The scopes on the connect page."""

    required: list[Scope]
    optional: list[Scope]


def offer(settings: Settings) -> Offer:
    """Return the scopes of the settings with their texts."""
    return Offer(described(settings.tiktok_scopes), described(settings.tiktok_optional_scopes))


def chosen(settings: Settings, ticked: Collection[str]) -> tuple[str, ...]:
    """Return the scopes to request: the required ones, and the optional ones that were ticked.

    Anything else in `ticked` is ignored, since the sender of a form can change it.
    """
    optional = [scope for scope in settings.tiktok_optional_scopes if scope in ticked]
    return asked_for(settings.tiktok_scopes, optional)


def missing(user: User) -> list[Scope]:
    """Return the scopes that were requested but not granted."""
    return described(sorted(user.asked - user.granted))


def granted(user: User) -> list[Scope]:
    """Return the granted scopes."""
    return described(sorted(user.granted))


def granted_by(person: PersonRef) -> frozenset[str]:
    """Return the names of the scopes that a person has granted; none if they were deleted."""
    found = first_row(_OF_PERSON, {"the_id": person.id, "the_ticket": person.ticket})
    return scopes_in(found.scope) if found else frozenset()


def granted_names(user: User) -> list[str]:
    """Return the scopes to request on a reconnect: the granted ones, if they are known."""
    return sorted(user.granted or user.asked)


def described(names: Collection[str]) -> list[Scope]:
    """Return scopes with their texts in the reader's language.

    A scope that is not in our catalog gets its name as its label.
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
    return Scope(name, name, _("Requested by this site."), "")
