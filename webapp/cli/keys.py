"""`flask keys`: makes keys for TOKEN_KEYS; stores none."""

import base64
import secrets

import click


@click.group()
def keys() -> None:
    """Keys that seal the stored tokens."""


@keys.command()
def generate() -> None:
    """Print one new key for TOKEN_KEYS and nothing else; works with nothing configured."""
    click.echo(base64.b64encode(secrets.token_bytes(32)).decode())
