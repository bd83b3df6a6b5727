"""`flask operators`: manages access to the operators' pages."""

from collections.abc import Callable
from typing import Any

import click
from flask.cli import AppGroup

from webapp.cli.console import fail, migrated_runtime, print_json
from webapp.services.operators import roles

#: TikTok's open_ids begin with a dash; a word that isn't one of our options is an argument.
_dashes_allowed = {"ignore_unknown_options": True}


def _with_open_id(command: Callable[..., Any]) -> Callable[..., Any]:
    argument = click.argument("open_id", type=click.UNPROCESSED)
    as_json = click.option("--json", "as_json", is_flag=True, help="Output JSON.")
    return argument(as_json(command))


operators = AppGroup("operators", help="Manage access to the operators' pages.")


@operators.command(context_settings=_dashes_allowed)
@_with_open_id
def add(open_id: str, as_json: bool) -> None:
    """Give operator access to this OPEN_ID.

    The person must have connected before.
    """
    _change(open_id, operator=True, as_json=as_json)


@operators.command(context_settings=_dashes_allowed)
@_with_open_id
def remove(open_id: str, as_json: bool) -> None:
    """Remove operator access from this OPEN_ID."""
    _change(open_id, operator=False, as_json=as_json)


@operators.command("list")
@click.option("--json", "as_json", is_flag=True, help="Output JSON.")
def show(as_json: bool) -> None:
    """List the operators."""
    found = roles.list_operators(migrated_runtime())
    if as_json:
        print_json(
            [{"open_id": o.open_id, "name": o.name, "since": o.since.isoformat()} for o in found]
        )
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
