"""`flask keys`: generates encryption keys for TOKEN_KEYS and manages service keys."""

import base64
import secrets
from dataclasses import asdict

import click
from flask.cli import AppGroup

from webapp.cli.console import fail, json_option, migrated_runtime, print_json
from webapp.services.handout import service_keys


@click.group(cls=AppGroup)
def keys() -> None:
    """Generate keys and manage service keys.

    TOKEN_KEYS encrypt the stored tokens. Services use a service key to request access tokens.
    """


@keys.command()
def generate() -> None:
    """Print a new encryption key for TOKEN_KEYS.

    Works without any settings and stores nothing.
    """
    click.echo(base64.b64encode(secrets.token_bytes(32)).decode())


@keys.command()
@click.argument("name")
def issue(name: str) -> None:
    """Create a service key and print it once.

    NAME is the service that will use it. Only a hash is stored, so the key can't be shown again.
    """
    runtime = migrated_runtime()
    try:
        click.echo(service_keys.issue(name, runtime.clock()))
    except (service_keys.BadName, service_keys.NameTaken) as error:
        fail(str(error))


@keys.command()
@click.argument("name")
def revoke(name: str) -> None:
    """Revoke the service key with this NAME.

    The service loses access on its next request.
    """
    runtime = migrated_runtime()
    try:
        was_active = service_keys.revoke(name, runtime.clock())
    except service_keys.NoSuchKey as error:
        fail(str(error))
    click.echo(f"{name} is revoked" if was_active else f"{name} was already revoked")


@keys.command("list")
@json_option
def show(as_json: bool) -> None:
    """List the service keys.

    Includes revoked keys. Shows IDs and names, never a key.
    """
    migrated_runtime()
    found = service_keys.list_all()
    if as_json:
        print_json([asdict(each) for each in found])
        return
    for each in found:
        used = f"used {each.last_used_at:%Y-%m-%d %H:%M}" if each.last_used_at else "never used"
        state = "active" if each.shown else "never shown"
        state = f"revoked {each.revoked_at:%Y-%m-%d}" if each.revoked_at else state
        click.echo(f"{each.id}  {each.created_at:%Y-%m-%d}  {state}  {used}  {each.name}")
    if not found:
        click.echo("There are no service keys yet: flask keys issue NAME", err=True)
