"""`flask audit …`: check the audit log."""

from dataclasses import asdict

import click
from flask.cli import AppGroup

from webapp.cli.console import fail, json_option, migrated_runtime, print_json
from webapp.services.records import audit_chain


@click.group(cls=AppGroup)
def audit() -> None:
    """Check the audit log."""


@audit.command()
@json_option
def verify(as_json: bool) -> None:
    """Check that no event was changed or deleted.

    Names the first event that doesn't fit the one before; then the exit code is 1.
    """
    runtime = migrated_runtime()
    found = audit_chain.check(runtime.clock())
    broken = found.broken
    if as_json:
        print_json(asdict(found))
    else:
        click.echo(f"{found.intact} events are intact, up to {found.newest or 'none'}")
        if found.unchained:
            click.echo(
                f"{found.unchained} events from before the start of the chain can't be checked"
            )
    if broken:
        where = f" at event {broken.id} of {broken.at:%Y-%m-%d %H:%M:%S} UTC" if broken.at else ""
        fail(f"the chain is broken{where}: {broken.cause}")
