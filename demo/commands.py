"""`flask demo`: adds demo people to a database that belongs to a mock TikTok, and deletes them."""

import click
from flask.cli import AppGroup

from demo import crowd
from demo.sandbox_control import NotAnswering
from webapp.cli.console import fail, fail_with, json_option, migrated_runtime, print_json, progress
from webapp.services.runtime import Runtime

demo = AppGroup("demo", help="Add and delete demo people.")


@demo.command()
@click.option(
    "--people",
    type=click.IntRange(1, 99_999_999),
    metavar="N",
    required=True,
    help="Number of demo people.",
)
@json_option
def seed(people: int, as_json: bool) -> None:
    """Add demo people until there are N.

    They cover every state of a connection, and the mock TikTok knows them. Safe to interrupt and
    run again.
    """
    runtime = _sandbox_runtime()
    before = there = crowd.count(runtime)
    try:
        with progress("Added", people) as report:
            for there in crowd.seed(runtime, people, crowd.sandbox_of(runtime)):
                report(there)
    except crowd.AlreadyRunning:
        fail("Another run is adding people right now. Run this again when it has finished.")
    except NotAnswering as failure:
        fail(str(failure))
    if as_json:
        print_json({"added": there - before, "people": there})
    else:
        click.echo(f"{there - before} demo people added; there are now {there}")


@demo.command()
@json_option
def clear(as_json: bool) -> None:
    """Delete the people that `seed` added."""
    runtime = _sandbox_runtime()
    deleted = 0
    with progress("Deleted", crowd.count(runtime)) as report:
        for deleted in crowd.clear(runtime):
            report(deleted)
    if as_json:
        print_json({"deleted": deleted})
    else:
        click.echo(f"{deleted} demo people deleted")


def _sandbox_runtime() -> Runtime:
    runtime = migrated_runtime()
    problem = crowd.refusal(runtime)
    if problem is not None:
        fail_with("Demo people can only be used with a mock TikTok.", problem)
    return runtime
