"""Whether connections are being kept fresh: what forbids it, and what one should know of it.

Asks TikTok nothing. `status` tells whether pages can be served, which is another question: a web
process goes on serving while the worker is away, and refreshes what somebody asks for.
"""

from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from webapp.database import db, reading
from webapp.models import Brakes, User
from webapp.services import installation, notices, rescue, reseal, status
from webapp.services.house import House
from webapp.services.lateness import lag
from webapp.services.status import Fault

#: So late is no pause and no burst: the worker is away, or cannot keep up.
LATE = timedelta(minutes=5)
#: A notice that waits longer has been tried four times, or there is no worker to try it.
UNTOLD = timedelta(hours=1)

_OPEN = {
    "config": ("TikTok does not accept this app", "flask doctor says which setting it refuses"),
    "transient": ("TikTok does not answer", "nothing: it is tried every 30 seconds"),
    "key": (
        "most stored tokens cannot be opened",
        "put the key that sealed them back into TOKEN_KEYS, after the new one",
    ),
}


def refusal(house: House) -> Fault | None:
    """Return why no worker may run: the database, the keys, or whose database it is."""
    fault = status.database_fault() or status.keys_fault(house)
    if fault is not None:
        return fault
    return _told(installation.fault(house))


def doubts(house: House) -> list[Fault]:
    """Return what of the keeping is not as it should be, while pages are served all the same.

    Needs a database that is at the newest migration. Changes nothing, binds nothing.
    """
    found = [
        installation_doubt(house),
        _brakes_doubt(house),
        _lag_doubt(house),
        _rescue_doubt(house),
        _notices_doubt(house),
    ]
    return [doubt for doubt in found if doubt is not None]


def troubles(house: House) -> list[Fault]:
    """Return all that is wrong, in the words that every page and command tells it in.

    What keeps pages from being served, else what of the keeping is not as it should be. Never
    raises: a database that goes away in the middle is told, too.
    """
    try:
        return status.faults(house) or doubts(house)
    except (SQLAlchemyError, OSError) as error:
        cause = f"the database does not answer ({type(error).__name__})"
        return [Fault("DATABASE_URL", cause, "look at the database server, or correct it")]


def installation_doubt(house: House) -> Fault | None:
    """Return what of the binding does not fit, without binding anything."""
    return _told(installation.fault_at(db.engine, house.settings, house.folder))


def open_brakes(house: House) -> tuple[str, str] | None:
    """Return why nothing goes out now, and what mends it; None while the breaker is closed."""
    with reading() as session:
        row = session.get(Brakes, house.settings.tiktok_client_key)
    if row is None or row.open_reason is None:
        return None
    cause, mend = _OPEN[row.open_reason]
    return (f"{cause} ({row.open_code})" if row.open_code else cause), mend


def strangers(house: House) -> int:
    """Return how many people are connected under another TIKTOK_CLIENT_KEY (rules 52, 53)."""
    with reading() as session:
        return (
            session.scalar(
                select(func.count())
                .select_from(User)
                .where(User.client_key != house.settings.tiktok_client_key)
                .where(User.access_token.is_not(None))
            )
            or 0
        )


def _told(mismatch: installation.Mismatch | None) -> Fault | None:
    return Fault(mismatch.name, mismatch.cause, mismatch.mend) if mismatch else None


def closed(house: House) -> int:
    """Return how many rows no key of TOKEN_KEYS opens, judged by the names they are sealed under.

    Reads the whole table.
    """
    return reseal.closed(house)


def _brakes_doubt(house: House) -> Fault | None:
    found = open_brakes(house)
    return found and Fault("breaker", f"refreshes are held back: {found[0]}", found[1])


def _lag_doubt(house: House) -> Fault | None:
    late = timedelta(seconds=lag(house, house.clock()))
    if late <= LATE:
        return None
    cause = f"the longest overdue refresh has waited for {int(late.total_seconds() // 60)} minutes"
    return Fault("worker", cause, "start a worker: flask tokens run")


def _rescue_doubt(house: House) -> Fault | None:
    waiting = rescue.waiting(house)
    if not waiting:
        return None
    cause = f"answers of TikTok that the database did not take lie in {house.rescue_file}"
    return Fault("rescue", cause, "flask tokens rescue")


def _notices_doubt(house: House) -> Fault | None:
    now = house.clock()
    stand = notices.standing(house, now)
    said = f"; the last answer was: {stand.last_answer}" if stand.last_answer else ""
    if stand.given_up:
        count = "one notice was" if stand.given_up == 1 else f"{stand.given_up} notices were"
        mend = "let the receiver take them, then: flask notices retry"
        return Fault("NOTIFY_URL", f"{count} given up{said}", mend)
    oldest = stand.oldest_waiting_since
    if oldest is None or now - oldest <= UNTOLD:
        return None
    hours = int((now - oldest).total_seconds() // 3600)
    cause = f"a notice has waited for {hours} h to be taken{said}"
    return Fault("NOTIFY_URL", cause, "look whether a worker runs and the receiver answers 2xx")
