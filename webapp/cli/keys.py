"""`flask keys`: keys that seal, and keys of services; decides nothing and keeps no key itself."""

import base64
import secrets
from datetime import datetime

import click
from flask.cli import with_appcontext

from webapp.cli.console import fail, migrated_runtime, show_json
from webapp.services.handout import service_keys


@click.group()
def keys() -> None:
    """Keys that seal the stored tokens, and keys by which services ask for them."""


@keys.command()
def generate() -> None:
    """Print one new key for TOKEN_KEYS and nothing else; works with nothing configured."""
    click.echo(base64.b64encode(secrets.token_bytes(32)).decode())


@keys.command()
@click.argument("name")
@with_appcontext
def issue(name: str) -> None:
    """Print a new service key, once and alone; what is kept cannot be turned back into it."""
    at = migrated_runtime()
    try:
        click.echo(service_keys.issue(name, at.clock()))
    except (service_keys.BadName, service_keys.NameTaken) as error:
        fail(str(error))


@keys.command()
@click.argument("name")
@with_appcontext
def revoke(name: str) -> None:
    """Refuse the service key of this NAME from now on."""
    at = migrated_runtime()
    try:
        now_only = service_keys.revoke(name, at.clock())
    except service_keys.NoSuchKey as error:
        fail(str(error))
    click.echo(f"{name} is {'revoked' if now_only else 'revoked already'}")


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
@with_appcontext
def show(as_json: bool) -> None:
    """List the service keys, revoked ones too; none is shown itself."""
    migrated_runtime()
    found = service_keys.list_all()
    if as_json:
        show_json(
            [
                {
                    "id": each.id,
                    "name": each.name,
                    "created_at": _text(each.created_at),
                    "last_used_at": _text(each.last_used_at),
                    "revoked_at": _text(each.revoked_at),
                }
                for each in found
            ]
        )
        return
    for each in found:
        used = f"used {each.last_used_at:%Y-%m-%d %H:%M}" if each.last_used_at else "never used"
        state = f"revoked {each.revoked_at:%Y-%m-%d}" if each.revoked_at else "in force"
        click.echo(f"{each.id}  {each.created_at:%Y-%m-%d}  {state}  {used}  {each.name}")
    if not found:
        click.echo("There is no service key yet: flask keys issue NAME", err=True)


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
