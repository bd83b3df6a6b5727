"""What of a database's binding does not fit this installation, in words; binds and reads no row."""

from dataclasses import dataclass
from pathlib import Path

from webapp.later import gettext as _
from webapp.models import Installation
from webapp.services.installation import identity
from webapp.services.vault import Vault
from webapp.settings import Settings


@dataclass(frozen=True)
class Mismatch:
    """What does not fit, and what to do about it."""

    name: str
    cause: str
    mend: str


def judge(bound: Installation, settings: Settings, vault: Vault, folder: Path) -> Mismatch | None:
    """Return what of the binding does not fit this installation, the gravest first."""
    if bound.moved_at is not None:
        return Mismatch(
            "DATABASE_URL",
            _(
                "everything in it was copied to another database on %(day)s, which alone"
                " refreshes since",
                day=f"{bound.moved_at:%Y-%m-%d}",
            ),
            _(
                "set DATABASE_URL to the new one. Where two refresh, each ends the other's grants."
                " If the other one is gone for good: flask tokens adopt"
            ),
        )
    if identity.known(settings, folder) != bound.instance_id:
        return Mismatch(
            "INSTANCE_ID",
            _(
                "the database has belonged to another installation since %(day)s:"
                " this is a copy of it, a restored backup or another host",
                day=f"{bound.bound_at:%Y-%m-%d}",
            ),
            _(
                "Where two refresh, each ends the other's grants. If the other one is gone for"
                " good: flask tokens adopt. If this is one more host of the same installation:"
                " INSTANCE_ID=%(id)s in the environment of every host",
                id=bound.instance_id,
            ),
        )
    if (origin := identity.came_from(settings, folder)) is not None:
        return Mismatch(
            "INSTANCE_ID",
            _(
                "the folder with the database was copied or moved here from %(origin)s",
                origin=origin,
            ),
            _(
                "Where two refresh, each ends the other's grants. If the other one is gone for"
                " good: flask tokens adopt"
            ),
        )
    if identity.reached(folder, bound.binding) > bound.generation:
        return Mismatch(
            "DATABASE_URL",
            _(
                "the database went back in time: a backup was restored, and TikTok has replaced"
                " refresh tokens since"
            ),
            _(
                "put the newest copy back. If there is none: flask tokens adopt; those whose"
                " access was refreshed since the backup have to connect again"
            ),
        )
    return _secrets(bound, settings, vault)


def _secrets(bound: Installation, settings: Settings, vault: Vault) -> Mismatch | None:
    if not vault.knows(bound.key_id):
        return Mismatch(
            "TOKEN_KEYS",
            _(
                "does not hold the key %(key)s under which the stored tokens were sealed",
                key=bound.key_id,
            ),
            _("put it back, after the new one: TOKEN_KEYS=new,old"),
        )
    if settings.tiktok_client_key != bound.client_key:
        return Mismatch(
            "TIKTOK_CLIENT_KEY",
            _(
                "is another than the one the database was bound to: TikTok knows the people in it"
                " under the former one only"
            ),
            _(
                "put the former one back. If you mean to change apps: flask tokens adopt;"
                " everybody then connects again"
            ),
        )
    return None
