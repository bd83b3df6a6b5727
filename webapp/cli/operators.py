"""`flask operators`: manages access to the operators' pages."""

from dataclasses import asdict

import click
from flask.cli import AppGroup

from webapp.cli.console import (
    DASHES_ALLOWED,
    fail,
    json_option,
    migrated_runtime,
    open_id_argument,
    print_json,
)
from webapp.services.operators import roles

operators = AppGroup("operators", help="Manage access to the operators' pages.")


@operators.command(context_settings=DASHES_ALLOWED)
@open_id_argument
@json_option
def add(open_id: str, as_json: bool) -> None:
    """Give operator access to this OPEN_ID.

    The person must have connected before.
    """
    _change(open_id, operator=True, as_json=as_json)


@operators.command(context_settings=DASHES_ALLOWED)
@open_id_argument
@json_option
def remove(open_id: str, as_json: bool) -> None:
    """Remove operator access from this OPEN_ID."""
    _change(open_id, operator=False, as_json=as_json)


@operators.command("list")
@json_option
def show(as_json: bool) -> None:
    """List the operators."""
    found = roles.list_operators(migrated_runtime())
    if as_json:
        print_json([asdict(each) for each in found])
        return
    for each in found:
        name = "".join(c for c in each.name or "" if c.isprintable())
        click.echo(f"{each.open_id}  {each.since:%Y-%m-%d}  {name}".rstrip())
    if not found:
        click.echo("There are no operators yet: flask operators add OPEN_ID", err=True)


def _change(open_id: str, *, operator: bool, as_json: bool) -> None:
    runtime = migrated_runtime()
    try:
        if operator:
            roles.add_operator(runtime, open_id, runtime.clock())
        else:
            roles.remove_operator(runtime, open_id)
    except roles.NoSuchPerson as error:
        fail(str(error))
    if as_json:
        print_json({"open_id": open_id, "operator": operator})
    else:
        click.echo(f"{open_id} is {'now' if operator else 'no longer'} an operator")
