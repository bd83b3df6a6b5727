"""`flask notifications`: lists notifications to NOTIFY_URL, sends a test, retries."""

from dataclasses import asdict

import click
from flask.cli import AppGroup

from webapp.cli.console import fail, json_option, migrated_runtime, print_json
from webapp.services.notifications import delivery, outbox
from webapp.services.runtime import Runtime


@click.group(cls=AppGroup)
def notifications() -> None:
    """List, test and retry notifications.

    Sent to NOTIFY_URL when someone must reconnect or an operator is needed.
    """


@notifications.command("list")
@json_option
@click.option("--limit", default=20, type=click.IntRange(1, 1000), help="Maximum number of lines.")
def show(as_json: bool, limit: int) -> None:
    """List recent notifications.

    Those that couldn't be delivered come first, then the newest.
    """
    found = outbox.recent_notifications(_runtime(), limit)
    if as_json:
        print_json([asdict(row) for row in found])
        return
    for row in found:
        tries = f"{row.tries} {'try' if row.tries == 1 else 'tries'}"
        parts = [row.message_id, f"{row.created_at:%Y-%m-%d %H:%M}", row.state.replace("_", " ")]
        click.echo("  ".join([*parts, tries, row.last_answer or "-", row.event]))
    if not found:
        click.echo("There are no recent notifications.", err=True)


@notifications.command()
def test() -> None:
    """Send a signed test notification now.

    Its event is `test.ping`. Exits with 1 if the receiver doesn't accept it.
    """
    answer = delivery.send_test(_runtime())
    if not answer.taken:
        fail(f"The receiver did not accept it: {answer.word}")
    click.echo(f"The receiver accepted it: {answer.word}")


@notifications.command()
def retry() -> None:
    """Retry undelivered notifications.

    The worker sends them again, with a full set of retries.
    """
    count = outbox.retry(_runtime().clock())
    if not count:
        click.echo("There are no undelivered notifications.")
    elif count == 1:
        click.echo("1 notification will be sent again.")
    else:
        click.echo(f"{count} notifications will be sent again.")


def _runtime() -> Runtime:
    """Return the runtime. If no notifications are sent, exit with 1."""
    runtime = migrated_runtime()
    if not runtime.settings.notify_url:
        fail("No notifications are sent: NOTIFY_URL is not set")
    return runtime
